"""The compiled form of a pipeline at work: doubles in, doubles out. Imports numpy and onnxruntime, nothing heavier."""

from __future__ import annotations

import fcntl
import os
from typing import cast

import numpy as np
from numpy.typing import NDArray

# ONNX Runtime gathers telemetry unless this is set before its library is loaded. Nothing here phones home.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from model.errors import BundleDamaged, BundleError, bounded

# The key under which ONNX files name other files to read. Our own graphs have no such word in them.
OTHER_FILES = b"location"
ERRORS_ONLY = 3


onnxruntime.disable_telemetry_events()


class Scorer:
    """A model in memory. Any number of threads may call `score` at once."""

    def __init__(self, model: bytes, *, threads: int = 1) -> None:
        """Load serialized ONNX with one input [n, width] and one output, both double.

        With one thread the sums are added up in scikit-learn's order; with more they may differ by rounding (1e-16).

        Raises:
            BundleDamaged: the bytes are no such model, or they want to read other files.
        """
        if _names_other_files(model):
            raise BundleDamaged("the model refers to other files: only models in one piece are loaded")
        try:
            self._session = _session(model, _options(threads))
        except _REFUSALS as error:
            raise BundleDamaged(f"ONNX Runtime cannot load the model: {bounded(error)}") from error
        self._input, self.width = _only_input(self._session)
        self._output = _only_output(self._session)

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities [n, classes] or values [n] of rows [n, width]; NaN means missing.

        Raises:
            BundleError: the rows are not doubles [n, width].
        """
        if rows.ndim != 2 or rows.shape[1] != self.width or rows.dtype != np.float64:  # noqa: PLR2004 - rows, columns
            raise BundleError(f"the model takes float64 rows [n, {self.width}], not {rows.dtype} {list(rows.shape)}")
        return cast("NDArray[np.float64]", self._session.run([self._output], {self._input: rows})[0])


def _names_other_files(model: bytes) -> bool:
    """Looked for in pieces that overlap: one search through a large model would keep all other threads waiting."""
    step, more = 1 << 20, len(OTHER_FILES) - 1
    return any(OTHER_FILES in model[begin : begin + step + more] for begin in range(0, len(model), step))


_REFUSALS = (
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NoSuchFile,
    native.NotImplemented,
    native.RuntimeException,
)


def _session(model: bytes, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """A session from a file in memory that nobody can change any more.

    Given the bytes themselves, ONNX Runtime copies them while it holds Python's lock: 80 ms for 137 MB.
    """
    if not hasattr(os, "memfd_create"):  # Linux has it
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    descriptor = os.memfd_create("model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(model)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        path = f"/proc/self/fd/{descriptor}"
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    finally:
        os.close(descriptor)


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    return options


def _only_input(session: onnxruntime.InferenceSession) -> tuple[str, int]:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(double)" or len(inputs[0].shape) != 2:  # noqa: PLR2004
        raise BundleDamaged("the model must have one input, double [n, width]")
    width = inputs[0].shape[1]
    if not isinstance(width, int):
        raise BundleDamaged("the model does not say how many columns its rows have")
    return inputs[0].name, width


def _only_output(session: onnxruntime.InferenceSession) -> str:
    outputs = session.get_outputs()
    if len(outputs) != 1 or outputs[0].type != "tensor(double)":
        raise BundleDamaged("the model must have one output, double")
    return str(outputs[0].name)
