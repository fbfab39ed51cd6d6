"""What everybody serves and is asked: one fitted pipeline, as a bundle and as joblib, and a hundred rows with answers.

artifacts/      the bundle, for ours
named.joblib    the same pipeline, for peers that hand it a frame
rows.joblib     the same pipeline without its column names, for peers that hand it an array: no warning to pay for
workload.json   `Workload`
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CONTRACT_FILE = Path(__file__).with_name("boosted_reggaeton.py")
ROWS = 100
FOLDS = 3


@dataclass(frozen=True)
class Workload:
    """One model and what it is asked.

    columns: the contract's, in its order; features: those of them that the model is fed.
    rows: [ROWS][columns]; the first is the README's.
    predicted: the labels that `pipeline.predict` gives the rows; served: those that the bundle decides on.
    """

    folder: str
    made_from: str
    version: str
    columns: list[str]
    features: list[str]
    rows: list[list[float]]
    predicted: list[int]
    served: list[int]

    @property
    def artifacts(self) -> Path:
        """The folder of bundles."""
        return Path(self.folder) / "artifacts"

    @property
    def named(self) -> Path:
        """The pipeline that takes a frame."""
        return Path(self.folder) / "named.joblib"

    @property
    def unnamed(self) -> Path:
        """The pipeline that takes an array."""
        return Path(self.folder) / "rows.joblib"

    @cached_property
    def fed(self) -> list[list[float]]:
        """[ROWS][features]: the rows as the model takes them."""
        places = [self.columns.index(name) for name in self.features]
        return [[row[place] for place in places] for row in self.rows]


def prepare(folder: Path, report: Callable[[str], None]) -> Workload:
    """The workload below `folder`; made anew when the code or a library that made it has changed."""
    made_from = _made_from()
    try:
        found = Workload(**json.loads((folder / "workload.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        found = None
    if found is not None and found.made_from == made_from and found.folder == str(folder):
        report(f"workload: {found.version} (reused)")
        return found
    shutil.rmtree(folder, ignore_errors=True)
    made = _make(folder, made_from, report)
    (folder / "workload.json").write_text(json.dumps(asdict(made), indent=1))
    return made


def _made_from() -> str:
    from model.tasks.training import code_fingerprint

    libraries = [metadata.version(name) for name in ("scikit-learn", "numpy", "joblib", "onnx")]
    own = [path.read_bytes() for path in (CONTRACT_FILE, Path(__file__))]
    return hashlib.sha256(b"".join([code_fingerprint().encode(), *map(str.encode, libraries), *own])).hexdigest()


def _make(folder: Path, made_from: str, report: Callable[[str], None]) -> Workload:
    import joblib

    from model import tasks
    from model.contracts import find
    from model.registry import Registry
    from model.testing.settings import settings_in

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
    made = _asked(folder, made_from, bundle, pipeline, rows)
    for _, step_ in pipeline.steps:
        vars(step_).pop("feature_names_in_", None)
    joblib.dump(pipeline, folder / "rows.joblib")
    return made


def _rows(raw: Path) -> list[dict[str, float]]:
    """The README's row, then rows of the example's two files by turns, as they are sent."""
    import pandas as pd

    from model.contracts.reggaeton import contract
    from model.derived.request import example_request

    names = [column.name for column in contract.columns]
    files = [pd.read_csv(raw / source.file)[names].dropna() for source in contract.sources]
    whole = [column.name for column in contract.columns if type(column).__name__ != "Number"]
    mixed = pd.concat([frame.iloc[: ROWS // 2].reset_index(drop=True) for frame in files]).sort_index(kind="stable")
    mixed = mixed.astype(dict.fromkeys(whole, int))
    first = {name: values[0] for name, values in example_request(contract)["data"].items()}
    return [first, *mixed.to_dict("records")][:ROWS]


def _asked(folder: Path, made_from: str, bundle: Any, pipeline: Any, rows: list[dict[str, float]]) -> Workload:  # noqa: ANN401 - Bundle and Pipeline cost their imports
    import pandas as pd

    from model.derived.encoding import encode

    contract = bundle.contract
    columns = {column.name: [row[column.name] for row in rows] for column in contract.columns}
    encoded = encode(contract, columns)
    features = list(contract.feature_names)
    return Workload(
        folder=str(folder),
        made_from=made_from,
        version=bundle.version,
        columns=list(columns),
        features=features,
        rows=[list(row.values()) for row in rows],
        predicted=[int(label) for label in pipeline.predict(pd.DataFrame(encoded, columns=features))],
        served=list(bundle.predict(encoded).labels),
    )
