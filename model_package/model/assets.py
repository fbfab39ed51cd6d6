"""Every path that the pipeline reads or writes, once; tables are replaced atomically.

data/raw, batch, truth              the user's files, as they came
data/interm/<contract>/             validation reports, collected tables
data/preprocessed/<contract>/       the training and hold-out tables, the unfitted pipeline
data/feature_store/<contract>/      encoded rows that wait for their prediction
data/batch_predictions/<contract>/  predictions, Parquet and CSV
artifacts/<contract>/reports/       what a replay found, JSON and a picture
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.bundle import replace_file
from model.errors import StepOrderError

if TYPE_CHECKING:
    import pandas as pd

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Assets:
    """The paths of one contract below one data folder."""

    data_dir: Path
    contract_name: str

    @property
    def raw_dir(self) -> Path:
        """Labelled source files."""
        return self.data_dir / "raw"

    @property
    def batch_dir(self) -> Path:
        """Unlabelled files to predict."""
        return self.data_dir / "batch"

    @property
    def truth_dir(self) -> Path:
        """What proved true, in files."""
        return self.data_dir / "truth"

    @property
    def validation(self) -> Path:
        """What `validate` found in the raw files."""
        return self._own("interm", "validation.json")

    @property
    def collected(self) -> Path:
        """One labelled table."""
        return self._own("interm", "collected.parquet")

    @property
    def dropped(self) -> Path:
        """The rows that `collect` left out, and why."""
        return self._own("interm", "dropped.parquet")

    @property
    def arrivals(self) -> Path:
        """Which of the collected rows were predictions, and when they were made; no file when none was."""
        return self._own("interm", "arrivals.parquet")

    @property
    def train(self) -> Path:
        """The training part."""
        return self._own("preprocessed", "train.parquet")

    @property
    def holdout(self) -> Path:
        """The part that is used once, to judge."""
        return self._own("preprocessed", "holdout.parquet")

    @property
    def pipeline(self) -> Path:
        """The pipeline, not fitted yet."""
        return self._own("preprocessed", "pipeline.joblib")

    @property
    def batch_validation(self) -> Path:
        """What `validate --batch` found in the batch files."""
        return self._own("interm", "batch_validation.json")

    @property
    def batch_collected(self) -> Path:
        """One unlabelled table."""
        return self._own("interm", "batch_collected.parquet")

    @property
    def batch_features(self) -> Path:
        """The batch as the model takes it, with the key."""
        return self._own("feature_store", "batch.parquet")

    @property
    def batch_predicted(self) -> Path:
        """Which batch files the last prediction was made of, and by which version."""
        return self._own("interm", "batch_predicted.json")

    @property
    def batch_predictions_dir(self) -> Path:
        """Predictions, a Parquet and a CSV file for each batch and version."""
        return self.data_dir / "batch_predictions" / self.contract_name

    def _own(self, folder: str, name: str) -> Path:
        return self.data_dir / folder / self.contract_name / name


def reports_dir(artifacts_dir: Path, contract_name: str) -> Path:
    """Reports on a contract's bundles, beside them."""
    return artifacts_dir / contract_name / "reports"


def read_table(path: Path, made_by: str) -> pd.DataFrame:
    """A Parquet table. Raises StepOrderError when the step that makes it has not run."""
    import pandas as pd

    require(path, made_by)
    return pd.read_parquet(path)


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Replace a Parquet table."""
    replace_file(path, frame.to_parquet(index=False))


def write_json(path: Path, value: object) -> None:
    """Replace a JSON file."""
    replace_file(path, json.dumps(value, indent=1, default=str).encode())


def read_json(path: Path, made_by: str) -> Any:  # noqa: ANN401 - JSON
    """A JSON file. Raises StepOrderError when the step that makes it has not run."""
    require(path, made_by)
    return json.loads(path.read_bytes())


def require(path: Path, made_by: str) -> None:
    """Raise StepOrderError when `path` is not there."""
    if not path.exists():
        raise StepOrderError(f"{path} is not there yet: run `python -m model {made_by}` first")


def digest(path: Path) -> str:
    """sha256 of a file, read in pieces; of nothing when it cannot be read."""
    total = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                total.update(piece)
    except OSError:
        return ""
    return total.hexdigest()
