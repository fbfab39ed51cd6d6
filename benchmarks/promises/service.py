"""The service as it is started in earnest: its command line, a folder and a port of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from model.registry import Registry
from promises import machine, processes
from promises.artifacts import copied, made
from promises.ports import free_port
from promises.wire import Answer, Client

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60
SOON = 0.005


class ServiceDied(Exception):
    """The service ended by itself; the message holds the end of its log."""


@dataclass
class Service:
    """A service to be started, killed and started again on the same folder and port.

    workers: how many processes answer. core: where all of them stay. before: what the command line begins with.
    """

    folder: Path
    contract: str = "reggaeton"
    workers: int = 1
    core: int | None = None
    before: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def artifacts(self) -> Path:
        """Its bundles."""
        return self.folder / "artifacts"

    @property
    def spool(self) -> Path:
        """Where it keeps its predictions."""
        return self.folder / "spool"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return ("127.0.0.1", self.port)

    @property
    def registry(self) -> Registry:
        """Its versions."""
        return Registry(self.artifacts, self.contract)

    def launch(self) -> None:
        """Start the process; `wait` says when it answers."""
        own = {
            "PYTHONPATH": os.pathsep.join((str(ROOT / "app"), str(ROOT / "model_package"))),
            "SERVICE_PORT": str(self.port),
            "SERVICE_WORKERS": str(self.workers),
            "SERVICE_ARTIFACTS_DIR": str(self.artifacts),
            "SERVICE_SPOOL_DIR": str(self.spool),
            "SERVICE_CONTRACT": self.contract,
        }
        # Nor what would measure its coverage: in earnest nobody does.
        foreign = ("SERVICE_", "MODEL_", "COVERAGE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*machine.pinned(self.core), *self.before, *self.command()],
                stdout=log,
                stderr=log,
                env={**kept, **own, **self.environment},
                cwd=self.folder,
                # A group of its own: a crash takes all of it at once.
                start_new_session=True,
            )

    def keep_bytecode(self) -> None:
        """Have it start as in its image, where everything is compiled to bytecode: from its second start on.

        Else the environment decides: installers leave that out, and PYTHONDONTWRITEBYTECODE forbids it.
        """
        self.environment |= {"PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}

    def command(self) -> list[str]:
        """The command line as the documentation has it."""
        if (ROOT / "app" / "app" / "__main__.py").exists():
            return [sys.executable, "-m", "app"]
        words = ["-m", "uvicorn", "--factory", "app.main:create_app", "--port", str(self.port)]
        return [sys.executable, *words, "--workers", str(self.workers)]

    def wait(self, patience: float = PATIENCE_SECONDS) -> None:
        """Until it is ready to predict. Raises ServiceDied or TimeoutError."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self.asked("/health/ready").status == 200:  # noqa: PLR2004 - HTTP's own number
                return
            self.check_alive()
            time.sleep(SOON)
        raise TimeoutError(f"the service was not ready within {patience} s; its log ends with\n{self.log()}")

    def asked(self, path: str) -> Answer:
        """One GET on a connection of its own; status 0 when nothing came back."""
        with Client(self.address, time_out=5) as client:
            return client.ask("GET", path)

    def check_alive(self) -> None:
        """Raise ServiceDied unless the process runs."""
        if self.process is None or self.process.poll() is not None:
            status = None if self.process is None else self.process.returncode
            raise ServiceDied(f"the service ended with status {status}; its log ends with\n{self.log()}")

    def log(self) -> str:
        """The end of what it wrote."""
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def start(self) -> None:
        """Launch and wait."""
        self.launch()
        self.wait()

    def tree(self) -> list[int]:
        """The process and all that it started, those that only watch (strace) included."""
        return [] if self.process is None else processes.tree(self.process.pid)

    def workers_listening(self) -> list[int]:
        """The processes that hold the listening socket and started none that does: the workers."""
        holders = [pid for pid in self.tree() if processes.sockets(pid, self.port, processes.LISTENING)]
        parents = {processes.parent(pid) for pid in holders}
        return [pid for pid in holders if pid not in parents]

    def end_gently(self) -> int:
        """SIGTERM to the service itself, also where strace stands before it, and the exit status."""
        assert self.process is not None  # noqa: S101 - only what was launched can end
        for pid in self.tree()[1 if self.before else 0 :][:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """SIGKILL to every process at the same time, as when the machine's memory ends."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_SECONDS)
            self.process = None

    def stop(self) -> int:
        """SIGTERM, and the exit status; SIGKILL when that does not end it. 0 when it does not run."""
        if self.process is None:
            return 0
        try:
            return self.end_gently()
        finally:
            self.kill()


@contextlib.contextmanager
def prepared(
    contract: str = "reggaeton",
    *,
    artifacts: Path | None = None,
    workers: int = 1,
    core: int | None = None,
    before: list[str] | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[Service]:
    """A service with two versions of a contract in a folder of its own, not started; nothing is left of it after."""
    with tempfile.TemporaryDirectory(prefix="promise-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        copied((artifacts or made(contract)) / contract, folder / "artifacts" / contract)
        shown = {"SERVICE_LOG_LEVEL": "warning", **(environment or {})}
        service = Service(folder, contract, workers, core, before or [], shown)
        try:
            yield service
        finally:
            service.kill()


@contextlib.contextmanager
def running(
    contract: str = "reggaeton",
    *,
    artifacts: Path | None = None,
    workers: int = 1,
    core: int | None = None,
    before: list[str] | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[Service]:
    """The same, started and ready."""
    with prepared(
        contract, artifacts=artifacts, workers=workers, core=core, before=before, environment=environment
    ) as service:
        service.start()
        yield service
