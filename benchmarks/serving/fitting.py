"""Makes the workload: trains the benchmark's model on the example that ships, and asks it for the right answers."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import joblib

from benchmarks.serving.workload import Workload
from model import tasks
from model.contracts import find
from model.contracts.reggaeton import contract
from model.derived.encoding import encode
from model.derived.request import example_request
from model.registry import Registry
from model.tasks.training import code_fingerprint
from model.testing.settings import settings_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.pipeline import Pipeline

    from model.bundle import Bundle

CONTRACT_FILE = Path(__file__).with_name("boosted_reggaeton.py")
ROWS = 100
FOLDS = 3


def made_from() -> str:
    """What a workload depends on: it is made anew when this changes."""
    libraries = [metadata.version(name) for name in ("scikit-learn", "numpy", "joblib", "onnx")]
    own = [path.read_bytes() for path in (CONTRACT_FILE, Path(__file__))]
    return hashlib.sha256(b"".join([code_fingerprint().encode(), *map(str.encode, libraries), *own])).hexdigest()


def fit(folder: Path, recipe: str, report: Callable[[str], None]) -> Workload:
    """Train as the training pipeline does, below `folder`, and write the pipeline for the peers too."""
    problem = find(str(CONTRACT_FILE))
    if problem.write_example is None:
        raise LookupError(f"{CONTRACT_FILE} has no example data")
    settings = settings_in(folder, contract=str(CONTRACT_FILE), folds=FOLDS)
    problem.write_example(settings.data_dir)
    for step in ("validate", "collect", "preprocess", "train"):
        report(f"workload: {step}")
        tasks.run(step, settings, lambda _: None)
    bundle = Registry(settings.artifacts_dir, problem.contract.name).load_champion()
    pipeline = joblib.load(bundle.folder / "pipeline.joblib")
    joblib.dump(pipeline, folder / "named.joblib")
    rows = _rows(settings.data_dir / "raw")
    made = _asked(folder, recipe, bundle, pipeline, rows)
    for _, step_ in pipeline.steps:
        vars(step_).pop("feature_names_in_", None)
    joblib.dump(pipeline, folder / "rows.joblib")
    return made


def _rows(raw: Path) -> list[dict[str, float]]:
    """The README's row, then rows of the example's two files by turns, as they are sent."""
    import pandas as pd

    names = [column.name for column in contract.columns]
    files = [pd.read_csv(raw / source.file)[names].dropna() for source in contract.sources]
    whole = [column.name for column in contract.columns if type(column).__name__ != "Number"]
    mixed = pd.concat([frame.iloc[: ROWS // 2].reset_index(drop=True) for frame in files]).sort_index(kind="stable")
    mixed = mixed.astype(dict.fromkeys(whole, int))
    first = {name: values[0] for name, values in example_request(contract)["data"].items()}
    return [first, *({str(name): value for name, value in row.items()} for row in mixed.to_dict("records"))][:ROWS]


def _asked(folder: Path, recipe: str, bundle: Bundle, pipeline: Pipeline, rows: list[dict[str, float]]) -> Workload:
    import pandas as pd

    contract = bundle.contract
    columns = {column.name: [row[column.name] for row in rows] for column in contract.columns}
    encoded = encode(contract, columns)
    features = list(contract.feature_names)
    return Workload(
        folder=str(folder),
        made_from=recipe,
        version=bundle.version,
        columns=list(columns),
        features=features,
        rows=[list(row.values()) for row in rows],
        predicted=[int(label) for label in pipeline.predict(pd.DataFrame(encoded, columns=features))],
        served=[int(label) for label in bundle.predict(encoded).labels],
    )
