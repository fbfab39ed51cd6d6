"""The databases of a measurement, which leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def sqlite() -> Iterator[str]:
    """The URL of a file in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="dashboard-") as folder:
        yield f"sqlite:///{folder}/predictions.db"


@contextlib.contextmanager
def postgresql() -> Iterator[str | None]:
    """The URL of a running server, reached through a socket in its folder; None when it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        yield None
        return
    # PostgreSQL refuses to run as root: there its own user, which its package makes, runs it.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has at most 107 bytes
    if user:
        shutil.chown(folder, user)
    try:
        with _running(Path(initdb), folder, user):
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _running(initdb: Path, folder: Path, user: str | None) -> Iterator[None]:
    def run(*words: str) -> None:
        subprocess.run(words, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    data, control = str(folder / "data"), str(initdb.with_name("pg_ctl"))
    run(str(initdb), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--no-instructions")
    run(control, "-D", data, "-w", "-l", str(folder / "log"), "-o", f"-k {folder} -c listen_addresses=''", "start")
    try:
        yield
    finally:
        run(control, "-D", data, "-m", "immediate", "stop")
