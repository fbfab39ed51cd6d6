"""The serving process stays light: an answered prediction has loaded no training library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from model.contract import Contract

HEAVY = {
    "airflow",
    "joblib",
    "matplotlib",
    "onnx",
    "pandas",
    "pandera",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy",
}
APP_DIR = Path(__file__).parent.parent
PROGRAM = """
import asyncio, json, sys
from pathlib import Path

import httpx

from app.main import create_app
from app.settings import ServiceSettings

async def ask(app, body):
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            document = await client.get("/openapi.json")
            page = await client.get("/")
            answer = await client.post("/get_prediction", json=body)
            return [document.status_code, page.status_code, answer.status_code]

folder, name, body = sys.argv[1:]
spool = Path(folder) / "spool"
app = create_app(ServiceSettings(artifacts_dir=Path(folder), contract=name, log_level="error", spool_dir=spool))
statuses = asyncio.run(ask(app, json.loads(body)))
print(json.dumps([statuses, sorted({module.partition(".")[0] for module in sys.modules})]))
"""


def test_an_answered_prediction_has_loaded_no_training_library(
    artifacts: Path, contract: Contract, example: dict[str, Any]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(artifacts), contract.name, json.dumps(example)],
        capture_output=True,
        text=True,
        check=True,
        cwd=APP_DIR,
    )
    statuses, modules = json.loads(done.stdout)
    assert statuses == [200, 200, 200]
    assert "onnxruntime" in modules
    assert HEAVY.isdisjoint(modules)
