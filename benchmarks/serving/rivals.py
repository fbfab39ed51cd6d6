"""The peers, as well set as we know how: other ways to serve the same pipeline."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.serving import wire
from benchmarks.serving.contender import HERE, Contender, Place, uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _named(place: Place) -> dict[str, str]:
    return {"BENCH_PIPELINE": str(place.work.named), "BENCH_WORKLOAD": f"{place.work.folder}/workload.json"}


def _unnamed(place: Place) -> dict[str, str]:
    return {**_named(place), "BENCH_PIPELINE": str(place.work.unnamed), "BENCH_PORT": str(place.port)}


def _batching(size: int, milliseconds: int) -> Callable[[Place], dict[str, str]]:
    """For peers that are told so by their application."""
    return lambda place: {
        **_unnamed(place),
        "BENCH_BATCH_SIZE": str(size),
        "BENCH_BATCH_MS": str(milliseconds),
        "BENTOML_HOME": str(place.folder),
    }


def _mlflow_model(place: Place, environment: dict[str, str]) -> None:
    shutil.rmtree(place.folder / "model", ignore_errors=True)
    words = [str(place.python("mlflow")), str(HERE / "peers" / "mlflow_model.py"), str(place.folder / "model")]
    subprocess.run(words, env=environment, check=True, capture_output=True, timeout=120)


def _mlflow(place: Place) -> list[str]:
    words = f"models serve --env-manager local --host 127.0.0.1 --port {place.port} --workers 1 --model-uri".split()
    return [str(place.script("mlflow", "mlflow")), *words, str(place.folder / "model")]


def _mlflow_environment(place: Place) -> dict[str, str]:
    # Its command starts `uvicorn` by name: its own must come first.
    return {**_named(place), "PATH": f"{place.environments / 'mlflow' / 'bin'}:/usr/bin:/bin"}


def _tunable(make: Callable[[int, int], Contender], settings: Sequence[tuple[int, int]]) -> Contender:
    """One contender with a choice of batch sizes and waits (milliseconds)."""
    first, *others = [
        replace(
            made := make(size, wait),
            batching=(words := f"at most {size} and {wait} ms"),
            setting=f"{made.setting}; batches of {words}",
        )
        for size, wait in settings
    ]
    return replace(first, choices=tuple(others))


def _mlserver(name: str, label: str, batching: dict[str, float]) -> Contender:
    def prepare(place: Place, environment: dict[str, str]) -> None:  # noqa: ARG001 - its settings are files
        parameters = {"uri": str(place.work.unnamed), "content_type": "np"}
        model = {"name": "reggaeton", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": parameters}
        server = {
            "host": "127.0.0.1",
            "http_port": place.port,
            "grpc_port": place.port + 1,
            "metrics_endpoint": None,
            "parallel_workers": 0,
            "debug": False,
            "gzip_enabled": False,
        }
        (place.folder / "model-settings.json").write_text(json.dumps({**model, **batching}))
        (place.folder / "settings.json").write_text(json.dumps(server))

    return Contender(
        name,
        label,
        "peer",
        "numpy codec, one tensor a request, no parallel workers, no metrics, no gzip",
        wire.OPEN_INFERENCE,
        lambda place: [str(place.script("mlserver", "mlserver")), "start", str(place.folder)],
        _unnamed,
        prepare,
        environment_name="mlserver",
    )


def _mlserver_batching(size: int, wait: int) -> Contender:
    batching = {"max_batch_size": size, "max_batch_time": wait / 1000}
    return _mlserver("mlserver-batching", "MLServer, adaptive batching", batching)


def _bentoml(size: int, wait: int) -> Contender:
    def command(place: Place) -> list[str]:
        words = f"serve bentoml_app:Reggaeton --host 127.0.0.1 --port {place.port} --working-dir".split()
        return [str(place.script("bentoml", "bentoml")), *words, str(HERE / "peers")]

    setting = "arrays, one worker; no metrics, access log or tracking"
    environment = _batching(size, wait)
    return Contender(
        "bentoml", "BentoML, batching", "peer", setting, wire.BENTOML, command, environment, environment_name="bentoml"
    )


def _litserve(size: int, wait: int) -> Contender:
    def command(place: Place) -> list[str]:
        return [str(place.python("litserve")), str(HERE / "peers" / "litserve_app.py")]

    setting = "one API server and one worker, no access log"
    environment = _batching(size, wait)
    return Contender(
        "litserve",
        "LitServe, batching",
        "peer",
        setting,
        wire.LITSERVE,
        command,
        environment,
        environment_name="litserve",
    )


PEERS = (
    Contender(
        "original",
        "the original's design",
        "peer",
        "FastAPI, a pandas frame a request, the pipeline from joblib; uvloop, httptools, no access log",
        wire.README,
        lambda place: uvicorn(place.python("original"), place.port, HERE / "peers", "original_app:app"),
        _named,
        environment_name="original",
    ),
    Contender(
        "mlflow",
        "MLflow models serve",
        "peer",
        "dataframe_split, one worker, telemetry off",
        wire.MLFLOW,
        _mlflow,
        _mlflow_environment,
        _mlflow_model,
        environment_name="mlflow",
    ),
    _mlserver("mlserver", "MLServer", {}),
    _tunable(_mlserver_batching, ((16, 1), (16, 5), (64, 1), (64, 10))),
    _tunable(_bentoml, ((1000, 1000), (1000, 100))),
    Contender(
        "vetiver",
        "vetiver",
        "peer",
        "records checked by its prototype; uvloop, httptools, no access log",
        wire.VETIVER,
        lambda place: uvicorn(place.python("vetiver"), place.port, HERE / "peers", "vetiver_app:app"),
        _named,
        environment_name="vetiver",
    ),
    _tunable(_litserve, ((64, 1), (16, 5))),
)
