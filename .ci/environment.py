"""Make a virtual environment from a hashed lock: `python3 .ci/environment.py VENV LOCK [--editable PACKAGE]`.

Standard library only, since it is what runs before anything is installed. It says what it reuses, and
each thing that can be missing on a new machine gets one clear line and exit status 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALLER = ROOT / ".ci" / "uv.txt"
NEEDED_PYTHON = (3, 11)
GIB = 1024**3
NEEDED_FREE_GIB = 3


def stop(message: str) -> None:
    """End with one line on standard error."""
    sys.exit(f"environment: {message}")


def check_machine(folder: Path) -> None:
    """Refuse early, and in words, what would fail late and in a traceback."""
    if sys.version_info[:2] < NEEDED_PYTHON:
        wanted = ".".join(map(str, NEEDED_PYTHON))
        found = sys.version.split()[0]
        stop(f"Python {wanted}+ is needed, this is {found}: run `make PYTHON=/path/to/python{wanted} ...`")
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian ships Python without it
    except ImportError:
        stop("this Python cannot make virtual environments: install its venv package (Debian: python3-venv)")
    free = shutil.disk_usage(folder).free / GIB
    if free < NEEDED_FREE_GIB:
        stop(f"{free:.1f} GiB are free in {folder}, {NEEDED_FREE_GIB} are needed: free some room")


def run(*command: str | Path) -> None:
    """Run one command; its own words are the error message."""
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True)
    if done.returncode:
        print((done.stdout + done.stderr)[-4000:], file=sys.stderr)
        words = " ".join(str(word) for word in command[:4])
        stop(f"`{words} ...` failed with status {done.returncode} (its own words are above)")


def stamp_of(lock: Path, packages: list[Path]) -> str:
    """What an environment was made from: it is made anew when this changes."""
    digest = hashlib.sha256(sys.version.encode())
    for file in (lock, INSTALLER, *(package / "pyproject.toml" for package in packages)):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def bootstrap(venv: Path) -> Path:
    """A virtual environment that holds the installer; returns the installer's path."""
    python = venv / "bin" / "python"
    installer = venv / "bin" / "uv"
    if not python.exists():
        run(sys.executable, "-m", "venv", venv)
    if not installer.exists():
        run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", INSTALLER)
    return installer


def make(venv: Path, lock: Path, packages: list[Path]) -> None:
    """Install exactly the lock, and the project's own packages in editable form."""
    started = time.monotonic()
    mark = venv / "made-from"
    stamp = stamp_of(lock, packages)
    shown = os.path.relpath(venv)
    if mark.exists() and mark.read_text() == stamp:
        print(f"environment: {shown} is up to date (reused)", flush=True)
        return
    check_machine(venv.parent)
    print(f"environment: installing {lock.relative_to(ROOT)} into {shown} ...", flush=True)
    installer = bootstrap(venv)
    python = venv / "bin" / "python"
    common = (installer, "pip", "install", "--quiet", "--system-certs", "--python", python)
    run(*common, "--require-hashes", "-r", lock)
    for package in packages:
        run(*common, "--no-deps", "--editable", package)
    # One stamp only: another lock is installed over this one in a second, and then it is the other's environment.
    mark.write_text(stamp)
    print(f"environment: {shown} ready in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    """Read the arguments and make the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("venv", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--editable", type=Path, action="append", default=[], help="a package of this repository")
    words = parser.parse_args()
    make(words.venv.absolute(), words.lock.resolve(), [package.resolve() for package in words.editable])


if __name__ == "__main__":
    main()
