"""Programs that follow the service, such as `python -m model ship --follow`, to be killed and started again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from promises.service import ROOT

if TYPE_CHECKING:
    from promises.service import Service


class Follower:
    """One of them, beside a service, on a database."""

    def __init__(self, service: Service, url: str, *words: str) -> None:
        """Start `python -m model` with these words."""
        own = {
            "MODEL_DATABASE_URL": url,
            "MODEL_SPOOL_DIR": str(service.spool),
            "MODEL_ARTIFACTS_DIR": str(service.artifacts),
            "MODEL_CONTRACT": service.contract,
            "PYTHONPATH": str(ROOT / "model_package"),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "MODEL_"))}
        self._environment = {**kept, **own}
        self._command = [sys.executable, "-m", "model", *words]
        self._folder = service.folder
        self._log = service.folder / f"{words[0]}.log"
        self._process = self._started()

    @property
    def pid(self) -> int:
        """Its process, whatever it started."""
        return self._process.pid

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, env=self._environment, cwd=self._folder, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL, and start it again."""
        self.end()
        self._process = self._started()

    def end(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    def log(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text(errors="replace")[-1000:]

    def check_alive(self) -> None:
        """Raise RuntimeError unless it runs: neither an outage nor a bad model is a reason to end."""
        if self._process.poll() is not None:
            raise RuntimeError(f"a follower ended with status {self._process.returncode}: {self.log()}")


@contextlib.contextmanager
def following(service: Service, url: str, *words: str) -> Iterator[Follower]:
    """A follower that must be alive at the end."""
    follower = Follower(service, url, *words)
    try:
        yield follower
        follower.check_alive()
    finally:
        follower.end()
