"""The program in which a pipeline without a compiled form answers: `python -m model.pipeline_worker FD PARENT BYTES`.

It gets the pipeline's bytes, once, and then rows, over the socket FD, and gives back numbers. The parent has checked
hash and signature of these very bytes; here they are unpickled, the only place where anything that serves is.
It ends when its socket closes, or when PARENT is no longer its parent. BYTES limits its address space (0: no limit).

What is said over the socket: model.pipeline_wire.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import resource
import select
import signal
import socket
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model.errors import bounded
from model.pipeline_wire import ANSWERS, FAILURE, MOST_TEXT_BYTES, READY, Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

_PR_SET_NO_NEW_PRIVS = 38
_SECONDS_BETWEEN_LOOKS = 1.0


def main(words: Sequence[str]) -> None:
    """Serve the pipeline that comes over the socket, until the socket closes."""
    descriptor, parent, address_space = map(int, words)
    confine(address_space)
    stream = socket.socket(fileno=descriptor)
    threading.Thread(target=_end_with, args=(stream, parent), daemon=True).start()
    serve(Wire(stream))


def confine(address_space: int) -> None:
    """No core dumps, no files written, no rights gained; when it is time to end is the parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if address_space:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    with contextlib.suppress(AttributeError, OSError):  # Linux only
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _end_with(stream: socket.socket, parent: int) -> None:
    """Ends this process, also in the midst of an answer, when its parent is gone.

    Not by PR_SET_PDEATHSIG: that would go by the thread which started this process, and threads come and go.
    """
    poll = select.poll()
    poll.register(stream, getattr(select, "POLLRDHUP", select.POLLHUP))
    while not poll.poll(_SECONDS_BETWEEN_LOOKS * 1000) and os.getppid() == parent:
        pass
    os._exit(0)


def serve(wire: Wire) -> None:
    """Load the pipeline that comes first, then answer rows until the other side closes."""
    with contextlib.suppress(ConnectionError):
        pipeline = _load(wire)
        while pipeline is not None:
            message = wire.receive()
            _reply(wire, pipeline, message.doubles())


def _load(wire: Wire) -> Any | None:  # noqa: ANN401 - whatever was pickled
    message = wire.receive()
    try:
        pipeline = unpickled(message.body)
    except Exception as error:  # noqa: BLE001 - a door: whatever a pickle raises is told to the parent
        _fail(wire, error)
        return None
    wire.send(READY, _class_count(pipeline), 0)
    return pipeline


def unpickled(data: bytes | bytearray) -> Any:  # noqa: ANN401 - whatever was pickled
    """The pipeline. One that another version of scikit-learn wrote is an error, not a warning."""
    import joblib  # noqa: PLC0415 - the process that serves imports this module for its messages
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        return joblib.load(io.BytesIO(data))


def _reply(wire: Wire, pipeline: Any, rows: NDArray[np.float64]) -> None:  # noqa: ANN401 - whatever was pickled
    try:
        answers = answer(pipeline, rows)
    except Exception as error:  # noqa: BLE001 - a door: the parent is told, and the next rows are answered
        _fail(wire, error)
        return
    wire.send(ANSWERS, len(answers), answers.shape[1] if answers.ndim > 1 else 0, answers)


def _fail(wire: Wire, error: Exception) -> None:
    text = bounded(f"{type(error).__name__}: {error}", 500).encode()[:MOST_TEXT_BYTES]
    wire.send(FAILURE, len(text), 0, text)


def answer(pipeline: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:  # noqa: ANN401 - a scikit-learn Pipeline
    """The pipeline's own probabilities [n, classes] or values [n]; it gets a frame when it was fitted on one."""
    offered: Any = rows
    names = getattr(pipeline, "feature_names_in_", None)
    if names is not None:
        import pandas as pd

        offered = pd.DataFrame(rows, columns=names)
    ask = pipeline.predict_proba if _class_count(pipeline) else pipeline.predict
    return np.ascontiguousarray(ask(offered), dtype=np.float64)


def _class_count(pipeline: Any) -> int:  # noqa: ANN401 - a scikit-learn Pipeline
    from sklearn.base import is_classifier

    return len(pipeline.classes_) if is_classifier(pipeline) else 0


if __name__ == "__main__":
    main(sys.argv[1:])
