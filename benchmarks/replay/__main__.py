"""`python benchmarks/replay`: how long a replay of many stored rows takes, in SQLite and in PostgreSQL."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
# The checkout's helpers that start databases and make bundles.
sys.path[:1] = [str(ROOT / "benchmarks")]

from promises import machine  # noqa: E402 - found only now
from promises.artifacts import made_as_shipped  # noqa: E402
from promises.database import database  # noqa: E402

from model.registry import Registry  # noqa: E402
from model.store import Store  # noqa: E402
from model.testing.stored import answered  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTRACT = "reggaeton"
RESULTS = ROOT / "benchmarks" / "results" / "replay.json"
MOST_SECONDS = 30.0  # for 100,000 rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both and write it down; status 0 when both are quick enough and every row agrees."""
    parser = argparse.ArgumentParser(prog="python benchmarks/replay", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dry", action="store_true", help="print and write nothing")
    said = parser.parse_args(arguments)
    results = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.described()}
    artifacts = made_as_shipped(CONTRACT)
    with tempfile.TemporaryDirectory(prefix="replay-") as folder, database() as server:
        urls = {"SQLite": f"sqlite:///{folder}/predictions.db", "PostgreSQL": server.url}
        results["stores"] = {name: measured(url, artifacts, said.rows) for name, url in urls.items()}
    print(json.dumps(results, indent=1))
    if not said.dry:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if all(store["met"] for store in results["stores"].values()) else 1


def measured(url: str, artifacts: Path, rows: int) -> dict[str, Any]:
    """Fill a store with the champion's own answers, and replay them by the command as its users do."""
    champion = Registry(artifacts, CONTRACT).load_champion()
    with Store(url, champion.contract) as store:
        store.add(answered(champion, rows))
    before, began = os.times(), time.monotonic()
    command = [sys.executable, "-m", "model", "--artifacts-dir", str(artifacts), "replay"]
    subprocess.run(command, check=True, env=os.environ | {"MODEL_DATABASE_URL": url}, stdout=subprocess.DEVNULL)
    seconds, after = time.monotonic() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    path = artifacts / CONTRACT / "reports" / f"replay-{champion.version}.json"
    whole = json.loads(path.read_bytes())["all"]
    met = whole["identical"] == rows and seconds * 100_000 / rows <= MOST_SECONDS
    return {
        "rows": rows,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "agreed": whole["agreed"],
        "met": met,
    }


if __name__ == "__main__":
    sys.exit(main())
