"""What the service needs: the size of its environment, of a worker in memory, and the time to its first answer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from promises import bodies, processes
from promises.measures.restart import first_answer
from promises.promise import Measured, NotMeasured, Report
from promises.service import ROOT, prepared, running
from promises.spread import quantile, spread
from promises.wire import Client

MEGABYTE = 1_000_000
# What may not be in it: what trains, what orchestrates, what compiles.
_TRAINING = ("pandas", "scikit-learn", "scipy", "pyarrow", "joblib")
_ORCHESTRATING = ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk", "celery")
_COMPILING = ("cython", "numba", "llvmlite", "ziglang")
BANNED = {*_TRAINING, *_ORCHESTRATING, *_COMPILING}
STARTS, SHORT_STARTS = 10, 1
WORKERS = 2


def installed(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """The megabytes of an environment made from the service's lock, Python itself not counted."""
    del short
    with tempfile.TemporaryDirectory(prefix="promise-environment-") as name:
        venv = Path(name) / "venv"
        command = [sys.executable, str(ROOT / ".ci" / "environment.py"), str(venv), "app/requirements.txt"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotMeasured(f"the environment could not be made: {done.stderr[-500:]}")
        (packages,) = venv.glob("lib/python*/site-packages")
        sizes = _sizes(path for path in packages.iterdir() if not _is_installer(path))
        names = {path.name.partition("-")[0].lower().replace("_", "-") for path in packages.glob("*.dist-info")}
    banned = sorted(names & BANNED)
    report(f"{len(names)} packages, banned: {banned}")
    if banned:
        raise AssertionError(f"the service's lock installs {', '.join(banned)}")
    largest = dict(sorted(sizes.items(), key=lambda item: -item[1])[:8])
    shown = {package: round(size / MEGABYTE, 1) for package, size in largest.items()}
    return Measured(
        sum(sizes.values()) / MEGABYTE, "MB", {"packages": len(names), "largest_MB": shown, "banned": banned}
    )


def _is_installer(path: Path) -> bool:
    """What makes the environment and is no part of it."""
    # Python's own module of environments puts pip and setuptools there.
    names = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence", "uv")
    return path.name.partition("-")[0].partition(".")[0] in names


def _sizes(paths: Iterable[Path]) -> dict[str, int]:
    """Bytes on disk of each package."""
    sizes = {}
    for path in paths:
        files = path.rglob("*") if path.is_dir() else [path]
        sizes[path.name] = sum(
            file.stat().st_blocks * 512 for file in files if file.is_file() and not file.is_symlink()
        )
    return sizes


def resident(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """The largest worker's resident memory in megabytes, after some work."""
    contract = bodies.contract_of("reggaeton")
    with running(workers=WORKERS) as service:
        for seed in range(200 if short else 2000):
            with Client(service.address) as client:
                client.predict(bodies.body(contract, 100 if seed % 10 == 0 else 1, seed))
        # Pages of shared libraries count for each: as much as a worker alone would need.
        sizes = {pid: processes.resident_bytes(pid) / MEGABYTE for pid in service.tree()}
        workers = service.workers_listening()
    detail: dict[str, Any] = {"workers": sorted(round(sizes[pid], 1) for pid in workers)}
    detail["others"] = sorted(round(size, 1) for pid, size in sizes.items() if pid not in workers)
    report(f"{detail}")
    if len(workers) != WORKERS:
        raise RuntimeError(f"{WORKERS} workers were started, {len(workers)} listen")
    return Measured(max(sizes[pid] for pid in workers), "MB", detail)


def first(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """The median of the seconds from the start of a process to its first prediction, with bytecode as in its image."""
    question = bodies.body(bodies.contract_of("reggaeton"))
    took = []
    with prepared() as service:
        service.keep_bytecode()
        first_answer(service, question)
        service.stop()
        for _ in range(SHORT_STARTS if short else STARTS):
            took.append(first_answer(service, question))
            service.stop()
            time.sleep(0.1)
    report(f"{spread(took)}")
    return Measured(quantile(took, 0.5), "s", spread(took))
