"""What the training rows looked like, remembered for the monitors: shares by bin, missing rates, scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from model.contract import Category, Contract
from model.derived.encoding import Floats
from model.derived.frame import encode_series
from model.derived.monitors import BINS, Monitor, plan


def reference(contract: Contract, frame: pd.DataFrame, scores: Floats) -> dict[str, Any]:
    """Shares of the training rows in each monitor's bins, and of the out-of-fold scores in theirs."""
    columns = {monitor.column: _column(contract, monitor, frame) for monitor in plan(contract)}
    return {"rows": len(frame), "columns": columns, "scores": _quantile_bins(scores, BINS)}


def _column(contract: Contract, monitor: Monitor, frame: pd.DataFrame) -> dict[str, Any]:
    column = contract.column(monitor.column)
    encoded = encode_series(column, frame[column.name])
    present = encoded[~np.isnan(encoded)]
    missing = {"statistic": monitor.statistic, "missing": float(np.isnan(encoded).mean())}
    if isinstance(column, Category):
        counts = np.bincount(present.astype(int), minlength=len(column.values))
        return missing | {"values": list(column.values), "shares": _shares(counts)}
    return missing | _quantile_bins(present, monitor.bins)


def _quantile_bins(values: Floats, bins: int) -> dict[str, Any]:
    """Inner edges at quantiles (equal ones merged) and the shares between them; the outer bins are open."""
    if not len(values):
        return {"edges": [], "shares": []}
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "shares": _shares(counts)}


def _shares(counts: np.ndarray[Any, Any]) -> list[float]:
    return [float(share) for share in counts / max(1, counts.sum())]
