"""What a contender is, and where its server runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.serving.wire import Shape
    from benchmarks.serving.workload import Workload

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
Kind = Literal["ours", "peer", "ceiling"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server runs. environments: the folder of the peers' virtual environments."""

    work: Workload
    folder: Path
    port: int
    environments: Path

    def python(self, name: str) -> Path:
        """The interpreter of a peer."""
        return self.environments / name / "bin" / "python"

    def script(self, name: str, program: str) -> Path:
        """A program of a peer's environment."""
        return self.environments / name / "bin" / program


def _nothing(place: Place, environment: dict[str, str]) -> None:
    """Most need no preparation."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One server.

    setting: how it is set, in words. environment_name: the file of pins in `peers/`; empty: the project's own.
    needed: a program beside Python. constant: it answers the same whatever it is asked, for one row only.
    batching: how it batches, in words; choices: itself with other batching, to be tried before the measuring.
    """

    name: str
    label: str
    kind: Kind
    setting: str
    shape: Shape
    command: Callable[[Place], list[str]]
    environment: Callable[[Place], dict[str, str]]
    prepare: Callable[[Place, dict[str, str]], None] = _nothing
    environment_name: str = ""
    needed: str = ""
    constant: bool = False
    batching: str = ""
    choices: tuple[Contender, ...] = ()

    def body(self, place: Place, rows: int) -> bytes:
        """The bytes of a request for `rows` rows."""
        return json.dumps(self.shape.ask(place.work, rows)).encode()

    def expected(self, place: Place, rows: int) -> list[int]:
        """The right labels: ours decides by the bundle's threshold, the pipeline by one half."""
        if self.constant:
            return [1]
        return (place.work.served if self.kind == "ours" else place.work.predicted)[:rows]


def uvicorn(python: Path | str, port: int, folder: Path, app: str) -> list[str]:
    """The command that serves an ASGI application in one process, at its quickest."""
    words = [
        "--host",
        "127.0.0.1",
        "--no-access-log",
        "--no-proxy-headers",
        "--log-level",
        "warning",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--app-dir",
    ]
    return [str(python), "-m", "uvicorn", app, "--port", str(port), *words, str(folder)]
