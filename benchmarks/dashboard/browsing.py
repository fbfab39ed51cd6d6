"""How long whole pages take: the service by its command line, asked over a socket, each page made anew."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from promises.service import Service
from promises.wire import Client

from app.dashboard.reading import SECONDS_KEPT
from benchmarks.dashboard import filling

if TYPE_CHECKING:
    from model.store import Store

OK: Final = 200
TIME_OUT: Final = 60.0


def measured(url: str, store: Store, bundles: Path, contract: str, times: int) -> dict[str, dict[str, Any]]:
    """Milliseconds from the request to the last byte, by page. bundles: a folder of the contract's versions.

    Raises RuntimeError where a page is not answered with 200.
    """
    (latest,) = store.recent(filling.FIRST_MOMENT, filling.NOW, 1)
    paths = {
        "24 h": "/dashboard?span=24h",
        "7 d": "/dashboard?span=7d",
        "30 d": "/dashboard?span=30d",
        "a prediction": f"/dashboard/predictions/{latest.prediction_id}",
        "a version": f"/dashboard/versions/{max(path.name for path in (bundles / contract).glob('2*'))}",
        "the form": "/dashboard/try",
    }
    with tempfile.TemporaryDirectory(prefix="dashboard-") as name:
        shutil.copytree(bundles / contract, Path(name) / "artifacts" / contract, symlinks=True)
        own = {"SERVICE_LOG_LEVEL": "warning", "SERVICE_DATABASE_URL": url, "SERVICE_DASHBOARD": "open"}
        service = Service(Path(name), contract, environment=own)
        try:
            service.start()
            return {page: _page(service.address, path, times) for page, path in paths.items()}
        finally:
            service.kill()


def _page(address: tuple[str, int], path: str, times: int) -> dict[str, Any]:
    took, size = [], 0
    for _ in range(times + 1):
        # Until what was made a moment ago is not shown any more.
        time.sleep(SECONDS_KEPT + 0.1)
        with Client(address, TIME_OUT) as client:
            began = time.perf_counter()
            answer = client.ask("GET", path)
            took.append(1_000 * (time.perf_counter() - began))
        if answer.status != OK:
            raise RuntimeError(f"{path} was answered with {answer.status}")
        size = len(answer.body)
    return {
        "first_ms": round(took[0], 1),
        "median_ms": round(statistics.median(took[1:]), 1),
        "worst_ms": round(max(took[1:]), 1),
        "bytes": size,
    }
