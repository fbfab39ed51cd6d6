"""Who takes part: the service in its three ways of logging, its peers as they are best set, and the ceilings."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmarks.serving import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.serving.wire import Shape
    from benchmarks.serving.workload import Workload

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
Kind = Literal["ours", "peer", "ceiling"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server runs. environments: the folder of the peers' virtual environments."""

    work: Workload
    folder: Path
    port: int
    environments: Path

    def python(self, name: str) -> Path:
        """The interpreter of a peer."""
        return self.environments / name / "bin" / "python"

    def script(self, name: str, program: str) -> Path:
        """A program of a peer's environment."""
        return self.environments / name / "bin" / program


def _nothing(place: Place, environment: dict[str, str]) -> None:
    """Most need no preparation."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One server.

    setting: how it is set, in words. environment_name: the file of pins in `peers/`; empty: the project's own.
    needed: a program beside Python. constant: it answers the same whatever it is asked, for one row only.
    batching: how it batches, in words; choices: itself with other batching, to be tried before the measuring.
    """

    name: str
    label: str
    kind: Kind
    setting: str
    shape: Shape
    command: Callable[[Place], list[str]]
    environment: Callable[[Place], dict[str, str]]
    prepare: Callable[[Place, dict[str, str]], None] = _nothing
    environment_name: str = ""
    needed: str = ""
    constant: bool = False
    batching: str = ""
    choices: tuple[Contender, ...] = ()

    def body(self, place: Place, rows: int) -> bytes:
        """The bytes of a request for `rows` rows."""
        return json.dumps(self.shape.ask(place.work, rows)).encode()

    def expected(self, place: Place, rows: int) -> list[int]:
        """The right labels: ours decides by the bundle's threshold, the pipeline by one half."""
        if self.constant:
            return [1]
        return (place.work.served if self.kind == "ours" else place.work.predicted)[:rows]


# ----------------------------------------------------------------------------------------------- ours


def _ours(log: str, words: str) -> Contender:
    def environment(place: Place) -> dict[str, str]:
        return {
            "PYTHONPATH": str(ROOT / "app"),
            "SERVICE_HOST": "127.0.0.1",
            "SERVICE_PORT": str(place.port),
            "SERVICE_WORKERS": "1",
            "SERVICE_ARTIFACTS_DIR": str(place.work.artifacts),
            "SERVICE_LOG": log,
            "SERVICE_SPOOL_DIR": str(place.folder / "spool"),
            "SERVICE_LOG_LEVEL": "warning",
        }

    def command(place: Place) -> list[str]:
        # TEMPORARY until `python -m app` has landed
        if not (ROOT / "app" / "app" / "__main__.py").exists():
            return [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--port", str(place.port)]
        return [sys.executable, "-m", "app"]

    return Contender(f"ours-{log}", f"infra-mlops, log {log}", "ours", words, wire.README, command, environment)


OURS = (
    _ours("off", "one worker, predictions are not stored"),
    _ours("async", "one worker, predictions are stored after their answer"),
    _ours("durable", "one worker, predictions are on disk before their answer"),
)

# ----------------------------------------------------------------------------------------------- peers


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


def _uvicorn(python: Path | str, port: int, folder: Path, app: str) -> list[str]:
    words = "--host 127.0.0.1 --no-access-log --log-level warning --loop uvloop --http httptools --app-dir".split()
    return [str(python), "-m", "uvicorn", app, "--port", str(port), *words, str(folder)]


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
        lambda place: _uvicorn(place.python("original"), place.port, HERE / "peers", "original_app:app"),
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
        lambda place: _uvicorn(place.python("vetiver"), place.port, HERE / "peers", "vetiver_app:app"),
        _named,
        environment_name="vetiver",
    ),
    _tunable(_litserve, ((64, 1), (16, 5))),
)

# --------------------------------------------------------------------------------------------- ceilings


def _hello(name: str, label: str, setting: str) -> Contender:
    module = name.replace("-", "_")
    return Contender(
        name,
        label,
        "ceiling",
        setting,
        wire.README,
        lambda place: _uvicorn(sys.executable, place.port, HERE / "ceilings", f"{module}:app"),
        lambda _: {},
        constant=True,
    )


def _nginx_files(place: Place, environment: dict[str, str]) -> None:  # noqa: ARG001 - nginx takes a file
    template = (HERE / "ceilings" / "nginx.conf.in").read_text()
    (place.folder / "nginx.conf").write_text(
        template.replace("PREFIX", str(place.folder)).replace("PORT", str(place.port))
    )


def _nginx() -> str:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or "nginx"


CEILINGS = (
    _hello(
        "hello-asgi", "ceiling: bare ASGI hello", "uvicorn, uvloop, httptools; reads the body, answers the same bytes"
    ),
    _hello("hello-fastapi", "ceiling: FastAPI hello", "the same uvicorn; a pydantic body of thirteen lists, no model"),
    Contender(
        "nginx",
        "ceiling: nginx, static",
        "ceiling",
        "one worker, no access log; answers the same bytes",
        wire.README,
        lambda place: [_nginx(), "-p", str(place.folder), "-c", str(place.folder / "nginx.conf")],
        lambda _: {},
        _nginx_files,
        needed="nginx",
        constant=True,
    ),
)
ALL = (*OURS, *CEILINGS, *PEERS)
