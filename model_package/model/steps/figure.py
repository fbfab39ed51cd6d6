"""One thing that was measured of a window, and the tidy frame of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pandas as pd

NOTHING: Final = float("nan")


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the tidy frame.

    measure, subject: what was measured, of what: a column's name, "scores", "residuals", a label, or "".
    value, low, high: with a 95 % interval; NaN where there is none.
    expected: the same in training; threshold: beyond it, `value` alarms. NaN where there is none.
    rows: how many rows the value comes from.
    why: one plain sentence.
    shares: of a distribution, the window's shares by the bins of its reference [bins]; of the calibration error, mean
    score and share of outcomes of each tenth of the rows, in turn [20]. No column of the frame.
    """

    measure: str
    subject: str
    value: float
    low: float = NOTHING
    high: float = NOTHING
    expected: float = NOTHING
    threshold: float = NOTHING
    rows: int = 0
    alarm: bool = False
    why: str = ""
    shares: tuple[float, ...] = ()


COLUMNS: Final = tuple(field.name for field in fields(Figure) if field.name != "shares")
_TYPES: Final = {
    "measure": "str",
    "subject": "str",
    **dict.fromkeys(("value", "low", "high", "expected", "threshold"), "float64"),
    "rows": "int64",
    "alarm": "bool",
    "why": "str",
}


def tidy(figures: Iterable[Figure]) -> pd.DataFrame:
    """One row for each figure, with the columns of `Figure`; never an infinity."""
    rows = [[getattr(figure, name) for name in COLUMNS] for figure in figures]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(_TYPES)
    return frame.replace([np.inf, -np.inf], np.nan)


def alarms(frame: pd.DataFrame) -> list[str]:
    """The sentences of what alarms in a tidy frame, in its order."""
    return [str(why) for why in frame.loc[frame["alarm"], "why"]]


def shown(value: float) -> str:
    """A number for a sentence."""
    return "nothing" if np.isnan(value) else f"{value:,.4g}"
