"""What everybody serves and is asked: one fitted pipeline, as a bundle and as joblib, and a hundred rows with answers.

artifacts/      the bundle, for ours
named.joblib    the same pipeline, for peers that hand it a frame
rows.joblib     the same pipeline without its column names, for peers that hand it an array: no warning to pay for
workload.json   `Workload`
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Workload:
    """One model and what it is asked.

    columns: the contract's, in its order; features: those of them that the model is fed.
    rows: [n][columns]; the first is the README's.
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
        """[n][features]: the rows as the model takes them."""
        places = [self.columns.index(name) for name in self.features]
        return [[row[place] for place in places] for row in self.rows]


def prepare(folder: Path, report: Callable[[str], None]) -> Workload:
    """The workload below `folder`; made anew when the code or a library that made it has changed."""
    # Training loads scikit-learn; who only reads a workload need not.
    from benchmarks.serving.fitting import fit, made_from  # noqa: PLC0415

    recipe = made_from()
    try:
        found = Workload(**json.loads((folder / "workload.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        found = None
    if found is not None and found.made_from == recipe and found.folder == str(folder):
        report(f"workload: {found.version} (reused)")
        return found
    shutil.rmtree(folder, ignore_errors=True)
    made = fit(folder, recipe, report)
    (folder / "workload.json").write_text(json.dumps(asdict(made), indent=1))
    return made
