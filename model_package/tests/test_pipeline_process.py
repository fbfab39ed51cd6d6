"""A pipeline in a process of its own answers exactly as it does here; whatever becomes of that process, we go on."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from model import bundle, pipeline_process, pipeline_wire, pipeline_worker
from model.contracts import find
from model.errors import BundleDamaged, BundleError
from model.pipeline_process import Limits, PipelineLost, PipelineProcess, check_installed
from model.pipeline_wire import HEAD, MOST_CELLS, Garbled, Wire
from model.testing.bundles import quick_facts, quick_training

WIDTH = 3
QUICK = Limits(answer=120.0, first_wait=0.01, longest_wait=0.05)


def rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, WIDTH))


def pipeline_of(last: Any, *, framed: bool = True, **more: Any) -> Pipeline:
    """Fitted on a hundred rows, by default a frame."""
    given = rows(100)
    target = (given.sum(axis=1) > 1.5).astype(int)
    return Pipeline([*more.items(), ("last", last)]).fit(
        pd.DataFrame(given, columns=["a", "b", "c"]) if framed else given, target
    )


def stored(pipeline: Any, compress: int = 3) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer, compress=compress)
    return buffer.getvalue()


NEIGHBOURS = pipeline_of(KNeighborsClassifier(7))


@pytest.fixture(scope="module")
def neighbours() -> Iterator[PipelineProcess]:
    """A process that answers as NEIGHBOURS do."""
    process = PipelineProcess(stored(NEIGHBOURS), WIDTH, QUICK)
    yield process
    process.close()


def eventually(question: Callable[[], bool]) -> None:
    """Wait until it is so; the test's own time-out is the only limit."""
    while not question():
        time.sleep(0.01)


def answers_again(process: PipelineProcess) -> bool:
    with contextlib.suppress(PipelineLost):
        process.score(rows(1))
        return True
    return False


def child_of(process: PipelineProcess) -> int:
    return process._children[0]._process.pid


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


# ------------------------------------------------------------------------------------------- answers


def check_answers(process: PipelineProcess, pipeline: Pipeline, *, framed: bool) -> None:
    asked = rows(pipeline_process.ROWS_AT_ONCE + 10, seed=1)
    offered = pd.DataFrame(asked, columns=["a", "b", "c"]) if framed else asked
    wanted = pipeline.predict_proba(offered) if hasattr(pipeline, "predict_proba") else pipeline.predict(offered)
    np.testing.assert_array_equal(process.score(asked), wanted)
    np.testing.assert_array_equal(process.score(asked[:1]), wanted[:1])
    np.testing.assert_array_equal(process.score(asked[::-2, :]), wanted[::-2])
    assert process.score(asked[:0]).shape == wanted[:0].shape
    assert process.width == WIDTH


def test_it_answers_exactly_as_a_classifier_fitted_on_a_frame(neighbours: PipelineProcess) -> None:
    check_answers(neighbours, NEIGHBOURS, framed=True)


def test_it_answers_exactly_as_a_regression_fitted_on_an_array_and_ends_when_it_is_closed() -> None:
    pipeline = pipeline_of(KNeighborsRegressor(7), framed=False)
    process = PipelineProcess(stored(pipeline), WIDTH)
    check_answers(process, pipeline, framed=False)
    child = child_of(process)
    process.close()
    process.close()
    assert is_gone(child)
    with pytest.raises(PipelineLost):
        process.score(rows(1))


def test_many_threads_get_their_own_answers(neighbours: PipelineProcess) -> None:
    def asked(seed: int) -> bool:
        some = rows(5, seed)
        wanted = NEIGHBOURS.predict_proba(pd.DataFrame(some, columns=["a", "b", "c"]))
        return bool((neighbours.score(some) == wanted).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(asked, range(100)))


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 2)), np.zeros(3), np.zeros((1, 3, 3)), np.zeros((4, 3), np.float32), np.zeros((4, 3), int)]
)
def test_it_refuses_rows_of_another_shape_or_type(neighbours: PipelineProcess, wrong: np.ndarray) -> None:
    with pytest.raises(BundleError, match=r"the model takes float64 rows \[n, 3\], not"):
        neighbours.score(wrong)


def test_rows_that_the_pipeline_refuses_are_said_and_the_next_are_answered(neighbours: PipelineProcess) -> None:
    child = child_of(neighbours)
    with pytest.raises(BundleError, match="refuses these rows: ValueError: Input X contains NaN"):
        neighbours.score(np.full((1, WIDTH), np.nan))
    assert answers_again(neighbours)
    assert child_of(neighbours) == child


# --------------------------------------------------------------------------------------------- faults


def test_a_killed_child_fails_one_call_and_is_started_again(neighbours: PipelineProcess) -> None:
    before, deaths = child_of(neighbours), neighbours.deaths
    os.kill(before, signal.SIGKILL)
    with pytest.raises(PipelineLost, match="started again") as lost:
        neighbours.score(rows(1))
    assert lost.value.retryable
    eventually(lambda: answers_again(neighbours))
    assert child_of(neighbours) != before
    assert neighbours.deaths == deaths + 1


def test_a_child_that_hangs_is_given_up_after_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slowly.py").write_text(
        "import time\nimport numpy as np\n\n\ndef slow(given):\n"
        "    if np.asarray(given)[0, 0] < 0:\n        time.sleep(3600)\n    return given\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import slowly  # type: ignore[import-not-found]

    environment = pipeline_process._environment()
    environment["PYTHONPATH"] += f":{tmp_path}"
    monkeypatch.setattr(pipeline_process, "_environment", lambda: environment)
    pipeline = pipeline_of(KNeighborsClassifier(7), slow=FunctionTransformer(slowly.slow))
    limits = Limits(answer=1.0, first_wait=0.01)
    with contextlib.closing(PipelineProcess(stored(pipeline), WIDTH, limits)) as process:
        eventually(lambda: answers_again(process))
        with ThreadPoolExecutor(1) as pool:
            hung = pool.submit(process.score, -rows(1))
            eventually(process._turn.locked)
            with pytest.raises(PipelineLost, match=r"busy|started again"):
                process.score(rows(1))
            assert isinstance(hung.exception(), PipelineLost)


def test_bytes_that_are_no_pipeline_are_refused_with_the_reason() -> None:
    with pytest.raises(BundleDamaged, match="the pipeline cannot be read"):
        PipelineProcess(stored(NEIGHBOURS)[:-20], WIDTH)


def test_a_pipeline_that_another_version_of_scikit_learn_wrote_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sklearn.base.__version__", "0.1")
    written = stored(NEIGHBOURS)
    monkeypatch.undo()
    with pytest.raises(InconsistentVersionWarning):
        pipeline_worker.unpickled(written)


def test_a_child_that_does_not_start_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_process, "WORKER", "model.nowhere")
    with pytest.raises(PipelineLost, match="did not start"):
        PipelineProcess(stored(NEIGHBOURS), WIDTH)


def test_too_little_memory_is_an_error_and_no_hang() -> None:
    with pytest.raises(BundleError):
        PipelineProcess(stored(NEIGHBOURS), WIDTH, Limits(address_space=64 << 20))


def test_it_is_started_again_and_again_until_it_can_be(
    neighbours: PipelineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = pipeline_process.WORKER
    monkeypatch.setattr(pipeline_process, "WORKER", "model.nowhere")
    os.kill(child_of(neighbours), signal.SIGKILL)
    with pytest.raises(PipelineLost):
        neighbours.score(rows(1))
    failures = neighbours._in_a_row
    eventually(lambda: neighbours._in_a_row > failures + 1)
    with pytest.raises(PipelineLost, match="try again soon"):
        neighbours.score(rows(1))
    monkeypatch.setattr(pipeline_process, "WORKER", worker)
    eventually(lambda: answers_again(neighbours))


def test_a_child_waits_the_longer_the_oftener_it_died_but_never_longer_than_the_limit() -> None:
    waited: list[float] = []

    class Closed(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            return False

    process = object.__new__(PipelineProcess)
    process._limits, process._closed = Limits(first_wait=0.25, longest_wait=30.0), Closed()
    for failures in (1, 2, 3, 8, 1_000):
        process._in_a_row = failures
        process._wait()
    assert waited == [0.25, 0.5, 1.0, 30.0, 30.0]


def test_a_process_that_nobody_holds_ends_its_child() -> None:
    process = PipelineProcess(stored(NEIGHBOURS), WIDTH)
    child = child_of(process)
    assert not is_gone(child)
    del process
    gc.collect()
    assert is_gone(child)


# -------------------------------------------------------------------------------------------- secrets

PARENT = """
import sys, time
from pathlib import Path

def refuse(event, arguments):
    if event == "pickle.find_class":
        raise SystemExit(f"unpickled {arguments}")

sys.addaudithook(refuse)
import numpy as np
from model import bundle
served = bundle.load(Path(sys.argv[1]))
print(served.served_by, {"sklearn", "joblib", "pandas", "scipy"} & set(sys.modules))
print(served.scorer._children[0]._process.pid, flush=True)
time.sleep(3600)
"""


def test_the_parent_neither_unpickles_nor_loads_what_could_and_does_not_leave_its_child_behind(tmp_path: Path) -> None:
    trained = quick_training(find("reggaeton").contract, compiled=False)
    version = bundle.write(tmp_path, trained.parts, find("reggaeton").contract, quick_facts(trained))
    command = [sys.executable, "-c", PARENT, tmp_path / version]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "pipeline set()\n"
        child = int(parent.stdout.readline())
        assert not is_gone(child)
        parent.kill()
    eventually(lambda: is_gone(child))


def test_the_child_gets_a_socket_and_nothing_of_the_parents_environment(neighbours: PipelineProcess) -> None:
    child = Path(f"/proc/{child_of(neighbours)}")
    names = {entry.partition(b"=")[0].decode() for entry in (child / "environ").read_bytes().split(b"\0") if entry}
    assert names <= {*pipeline_process._environment(), "LC_CTYPE"}
    assert "NoNewPrivs:\t1" in (child / "status").read_text()
    files = [str(path.readlink()) for path in (child / "fd").iterdir()]
    assert sum(name.startswith("socket:") for name in files) == 1, files


# ------------------------------------------------------------------------------------------- packages


def test_a_missing_or_other_library_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn

    check_installed({"scikit-learn": sklearn.__version__})
    with pytest.raises(BundleError, match=r"scikit-learn 0\.1 wrote.*install 0\.1, or train again"):
        check_installed({"scikit-learn": "0.1"})
    with pytest.raises(BundleError, match="scikit-learn None wrote"):
        check_installed({})
    monkeypatch.setattr(pipeline_process, "NEEDED_PACKAGES", ("joblib", "no-such-package", "scikit-learn"))
    with pytest.raises(BundleError, match="needs no-such-package: install infra-mlops-model with its extra `pipeline`"):
        check_installed({"scikit-learn": "0.1"})


# ------------------------------------------------------------------------------------------- the wire


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    """A wire and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Wire(ours), theirs


@pytest.mark.parametrize(
    "head",
    [(b"S", MOST_CELLS, 2), (b"A", 2**63, 0), (b"P", 2**40, 0), (b"F", 5_000, 0), (b"x", 1, 0), (b"\0", 0, 0)],
)
def test_a_message_too_large_or_of_no_kind_is_refused_before_it_is_read(
    ends: tuple[Wire, socket.socket], head: tuple[bytes, int, int]
) -> None:
    wire, other = ends
    other.sendall(HEAD.pack(*head))
    with pytest.raises(Garbled):
        wire.receive()


def test_a_message_that_stops_or_stalls_is_an_error(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    with pytest.raises(TimeoutError):
        wire.receive(time.monotonic() - 1)
    other.sendall(HEAD.pack(b"A", 10, 0))
    with pytest.raises(TimeoutError):
        wire.receive(time.monotonic() + 0.05)
    other.close()
    with pytest.raises(ConnectionError):
        wire.receive()


@pytest.mark.parametrize(
    ("kind", "first", "second", "body"),
    [(b"A", 1, 2, bytes(16)), (b"A", 2, 3, bytes(48)), (b"R", 2, 0, b""), (b"S", 1, 2, bytes(16))],
)
def test_answers_of_another_shape_than_asked_are_no_answers(kind: bytes, first: int, second: int, body: bytes) -> None:
    child = object.__new__(pipeline_process._Child)
    ours, theirs = socket.socketpair()
    child._wire, child.classes = Wire(ours), 2
    with ours, theirs:
        Wire(theirs).send(kind, first, second, body)
        with pytest.raises(Garbled):
            child.ask(rows(2), time.monotonic() + 10)


def test_readiness_is_the_only_answer_to_a_pipeline() -> None:
    child = object.__new__(pipeline_process._Child)
    ours, theirs = socket.socketpair()
    child._wire = Wire(ours)
    with ours, theirs:
        Wire(theirs).send(pipeline_wire.ANSWERS, 1, 0, bytes(8))
        with pytest.raises(Garbled, match="instead of readiness"):
            child._hand_over(b"", time.monotonic() + 10)


def test_the_program_answers_over_its_socket_until_that_closes(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, other = ends
    program = threading.Thread(target=pipeline_worker.serve, args=(Wire(other),))
    program.start()
    data = stored(NEIGHBOURS)
    wire.send(pipeline_wire.PIPELINE, len(data), 0, data)
    assert wire.receive()[:3] == (pipeline_wire.READY, 2, 0)
    wire.send(pipeline_wire.ROWS, 2, WIDTH, rows(2))
    assert wire.receive().doubles().shape == (2, 2)
    wire.send(pipeline_wire.ROWS, 1, WIDTH, np.full((1, WIDTH), np.nan))
    assert b"contains NaN" in wire.receive().body
    wire.stream.shutdown(socket.SHUT_RDWR)
    program.join()


def test_the_program_says_what_it_cannot_read(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    program = threading.Thread(target=pipeline_worker.serve, args=(Wire(other),))
    program.start()
    wire.send(pipeline_wire.PIPELINE, 3, 0, b"no!")
    assert wire.receive().kind == pipeline_wire.FAILURE
    program.join()


def test_the_program_confines_itself_before_it_reads_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(pipeline_worker.resource, "setrlimit", lambda *words: done.append(words[0]))
    monkeypatch.setattr(pipeline_worker.signal, "signal", lambda *words: done.append(words[0]))
    monkeypatch.setattr(pipeline_worker, "_end_with", lambda *_: None)
    monkeypatch.setattr(pipeline_worker, "serve", lambda wire: (done.append("serve"), wire.stream.close()))
    with ours:
        pipeline_worker.main([str(theirs.detach()), str(os.getppid()), str(1 << 40)])
    import resource

    assert done == [
        signal.SIGINT,
        signal.SIGTERM,
        resource.RLIMIT_CORE,
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_AS,
        "serve",
    ]


@pytest.mark.parametrize("orphaned", [True, False])
def test_the_program_ends_when_its_parent_is_gone(monkeypatch: pytest.MonkeyPatch, orphaned: bool) -> None:  # noqa: FBT001 - a parameter of a test
    ended: list[int] = []
    monkeypatch.setattr(pipeline_worker.os, "_exit", ended.append)
    monkeypatch.setattr(pipeline_worker, "_SECONDS_BETWEEN_LOOKS", 0.01)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        if not orphaned:
            theirs.close()
        pipeline_worker._end_with(ours, os.getppid() + orphaned)
    assert ended == [0]
