"""Settings for a test: everything in one folder, figures quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model.settings import Settings


def settings_in(folder: Path, **more: Any) -> Settings:  # noqa: ANN401 - settings of any kind
    """Settings that touch `folder` alone, with few folds and resamples."""
    own: dict[str, Any] = {
        "data_dir": folder / "data",
        "artifacts_dir": folder / "artifacts",
        "database_url": f"sqlite:///{folder}/predictions.db",
        "folds": 3,
        "cv_repeats": 1,
        "bootstrap_samples": 100,
    }
    return Settings(**(own | more))
