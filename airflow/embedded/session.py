"""One session of an embedded platform: everything is made ready, runs while a story is told, and is gone afterwards.

The story raises NotRight where something did not hold, and Unready where something is missing or in the way.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any, NoReturn

from console import say
from machine import Unready, check_disk, check_ports
from runs import NotRight
from supervisor import MARK, AlreadyRunning, Supervisor, only_one, reap

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployment import Deployment

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


# ---------------------------------------------------------------------------------------------- start


def clear_machine(deployment: Deployment) -> None:
    """End what an earlier session left behind. Raises Unready when a port is taken or the disk is full."""
    left = reap(deployment.home)
    if left:
        say(f"ended {left} processes that an earlier demo had left behind")
    check_ports({"AIRFLOW_PORT": deployment.airflow_port, "SERVICE_PORT": deployment.service_port})
    check_disk(deployment.root)


def prepare_database(deployment: Deployment) -> str:
    """Make or bring up to date Airflow's database; a file beside it says with which version that was done."""
    stamp, version = deployment.home / "airflow.db.version", metadata.version("apache-airflow-core")
    known = stamp.read_text() if stamp.exists() and deployment.database.exists() else None
    if known == version:
        return f"Airflow's database: reused ({deployment.database})"
    if known is None:
        for file in deployment.home.glob("airflow.db*"):
            file.unlink()  # half made by a start that was interrupted
    log = deployment.logs / "components" / "migrate.log"
    environment = deployment.environment() | {MARK: str(deployment.home)}
    with log.open("wb") as output:
        command = (sys.executable, "-P", "-m", "airflow", "db", "migrate")
        done = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise Unready(f"Airflow's database could not be made (status {done.returncode}): see {log}")
    stamp.write_text(version)
    return f"Airflow's database: {'made' if known is None else f'migrated from {known}'} ({deployment.database})"


# ------------------------------------------------------------------------------------------------ run


def hold(
    deployment: Deployment, prepare: Callable[[], None], story: Callable[[Supervisor], None], *, leave: bool
) -> int:
    """Prepare, start the components, tell the story, and stay up until Ctrl-C unless it is to `leave`.

    Returns the exit status: 1 when something was not right. Whatever happens, no process is left.
    """
    with only_one(deployment.home):
        prepare()
        logs = deployment.logs / "components"
        say(f"starting Airflow and the service (logs in {logs})")
        parts = deployment.components(), deployment.environment()
        try:
            with Supervisor(*parts, folder=deployment.home, logs=logs, report=say) as supervisor:
                try:
                    return _run_up(deployment, supervisor, story, leave=leave)
                finally:
                    catch_signals(signal.SIG_IGN)  # what stops must not be stopped
                    say("stopping")
        finally:
            say("everything is stopped, no process is left")


def _run_up(deployment: Deployment, supervisor: Supervisor, story: Callable[[Supervisor], None], *, leave: bool) -> int:
    status = 0
    try:
        story(supervisor)
    except NotRight as error:
        say(f"NOT RIGHT: {error}")
        status = 1
    if not leave:
        stay_up(deployment)
    return status


def stay_up(deployment: Deployment) -> None:
    """Return when a signal comes."""
    say(f"all stays up until Ctrl-C (Airflow: http://localhost:{deployment.airflow_port})")
    with contextlib.suppress(Interrupted):
        while True:
            signal.pause()


def _interrupt(number: int, _frame: object) -> NoReturn:
    catch_signals(signal.SIG_IGN)
    raise Interrupted(number)


def catch_signals(handler: Any) -> None:  # noqa: ANN401 - a function or one of signal's own
    """Let `handler` have the signals that end a program."""
    for number in SIGNALS:
        signal.signal(number, handler)


def status_of(program: str, run: Callable[[], int]) -> int:
    """`run`'s status; 1 when it cannot be done, 128 + signal when it was interrupted before it stood."""
    from model.errors import ModelError  # noqa: PLC0415 - after the command line has been understood

    catch_signals(_interrupt)
    try:
        return run()
    except Interrupted as end:
        return 128 + end.number
    except (Unready, AlreadyRunning, ModelError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
