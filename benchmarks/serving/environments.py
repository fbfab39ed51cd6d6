"""A virtual environment for each peer, from its pins, outside git."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PINS = Path(__file__).with_name("peers")
UV = Path(sys.executable).parent / "uv"
LIMIT_SECONDS = 900
MARK = "made-from"


class DoesNotInstall(Exception):
    """An environment cannot be made; the message holds the installer's last words."""


def pins(name: str) -> dict[str, str]:
    """Package -> version of a peer."""
    lines = (PINS / f"{name}.txt").read_text().split()
    return dict(line.split("==") for line in lines)


def require(folder: Path, name: str, report: Callable[[str], None], *, install: bool) -> None:
    """The environment `folder/name`, as its pins say. Raises DoesNotInstall."""
    venv = folder / name
    made_from = hashlib.sha256(sys.version.encode() + (PINS / f"{name}.txt").read_bytes()).hexdigest()
    mark = venv / MARK
    if mark.exists() and mark.read_text() == made_from:
        return
    if not install:
        raise DoesNotInstall("not installed, and --no-install was given")
    began = time.monotonic()
    report(f"installing {name}")
    _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, venv])
    words = ("pip", "install", "--quiet", "--system-certs", "--python")
    _run([UV, *words, venv / "bin" / "python", "-r", PINS / f"{name}.txt"])
    mark.write_text(made_from)
    report(f"installed {name} in {time.monotonic() - began:.0f} s")


def _run(command: Sequence[str | Path]) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DoesNotInstall(str(error)) from None
    if done.returncode:
        raise DoesNotInstall(done.stderr.strip()[-600:])
