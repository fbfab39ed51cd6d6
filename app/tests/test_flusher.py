"""A flush ends once, on the loop, with the error that it met, whoever does it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import flusher
from app.flusher import Flusher


@pytest.fixture(params=["kernel", "thread"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who flushes."""
    if request.param == "thread":
        monkeypatch.setattr(flusher, "linux_aio", None)
    elif flusher.linux_aio is None:
        pytest.skip("this system has no asynchronous flush")
    return str(request.param)


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    """Of a file with something to be flushed."""
    opened = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    os.write(opened, b"x" * 10_000)
    yield opened
    os.close(opened)


def ended(act: Callable[[Flusher], None], count: int = 1) -> list[OSError | None]:
    """What flushes ended with."""

    async def run() -> list[OSError | None]:
        found: list[OSError | None] = []
        all_of_them = asyncio.Event()

        def landed(error: OSError | None) -> None:
            found.append(error)
            if len(found) == count:
                all_of_them.set()
            else:
                act(one)

        one = Flusher(asyncio.get_running_loop(), landed)
        act(one)
        async with asyncio.timeout(30):
            await all_of_them.wait()
        return found

    return asyncio.run(run())


def test_each_flush_is_told_once(by: str, descriptor: int) -> None:
    assert ended(lambda one: one.flush(descriptor), 20) == [None] * 20
    assert by in {"kernel", "thread"}


def test_a_file_that_cannot_be_flushed_says_so(by: str) -> None:
    read, write = os.pipe()
    (error,) = ended(lambda one: one.flush(write))
    assert isinstance(error, OSError), by
    os.close(read)
    os.close(write)


def test_where_the_kernel_has_no_room_a_thread_does_it(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if flusher.linux_aio is None:
        pytest.skip("this system has no asynchronous flush")

    class Full:
        """As where fs.aio-max-nr is reached."""

        @staticmethod
        def Context(_: int) -> None:  # noqa: N802 - caio's name
            """Refuse."""
            raise SystemError("Resource temporarily unavailable")

    monkeypatch.setattr(flusher, "linux_aio", Full)
    assert ended(lambda one: one.flush(descriptor)) == [None]
