"""A PostgreSQL of a measurement's own, which can be stopped and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from promises.promise import NotMeasured


@dataclass(frozen=True, slots=True)
class Database:
    """A server in a folder, reached through a socket there."""

    folder: Path
    programs: Path
    user: str | None

    @property
    def url(self) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """And wait until it answers."""
        where = f"-k {self.folder} -c listen_addresses=''"
        self._control("-l", str(self.folder / "log"), "-o", where, "start")

    def stop(self) -> None:
        """At once, as if its machine had failed: what it had acknowledged it will have."""
        self._control("-m", "immediate", "stop")

    def _control(self, *words: str) -> None:
        self.run(str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-w", *words)

    def run(self, *words: str) -> None:
        """One of its programs, as the user who may."""
        subprocess.run(words, user=self.user, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def database() -> Iterator[Database]:
    """A running server; nothing is left of it after."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    where = str(found[-1]) if found else shutil.which("initdb")
    if where is None:
        raise NotMeasured("PostgreSQL is not installed (Debian: postgresql)")
    # PostgreSQL refuses to run as root: there its own user, which its package makes, runs it.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has at most 107 bytes
    if user:
        shutil.chown(folder, user)
    server = Database(folder, Path(where).parent, user)
    try:
        server.run(
            where, "-D", str(folder / "data"), "-U", "postgres", "--auth=trust", "--no-sync", "--no-instructions"
        )
        server.start()
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
