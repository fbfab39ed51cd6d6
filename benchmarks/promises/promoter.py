"""Promotions by a process of their own, as in earnest: loading a bundle must not hold up the clients that measure."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from promises.service import Service

_LOOP = """
import os, sys
from pathlib import Path
from model.registry import Registry
os.nice(10)
registry = Registry(Path(sys.argv[1]), sys.argv[2])
for line in sys.stdin:
    registry.promote(line.strip(), who="promises", why="swap")
    print("done", flush=True)
"""


class Promoter:
    """Promotes versions when it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """`process` runs the loop above."""
        self._process = process

    def promote(self, version: str) -> float:
        """Make `version` the champion; returns when that was done (time.monotonic)."""
        assert self._process.stdin is not None  # noqa: S101 - both were asked for
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(f"{version}\n")
        self._process.stdin.flush()
        if self._process.stdout.readline() != "done\n":
            raise RuntimeError(f"{version} could not be promoted")
        return time.monotonic()


@contextmanager
def promoter(service: Service) -> Iterator[Promoter]:
    """A promoter of the service's bundles."""
    command = [sys.executable, "-c", _LOOP, str(service.artifacts), service.contract]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Promoter(process)
        finally:
            process.kill()
