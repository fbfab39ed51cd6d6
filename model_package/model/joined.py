"""Predictions with what proved true, as typed pandas frames: what the monitors measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model.derived.joins import OWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from model.contract import Contract

TIMES = "datetime64[us, UTC]"


@dataclass(frozen=True, slots=True, eq=False)
class JoinedRows:
    """Some predictions. Both frames have the same RangeIndex; they are two because a contract may have any names.

    frame: prediction_id, created_at, origin, version, contract_fingerprint, key, label, score, latency_ms, truth,
        truth_at. Where the truth is not known, the last two are missing.
    inputs: the contract's columns by their own names, of the dtypes that `collect` gives them.
    """

    frame: pd.DataFrame
    inputs: pd.DataFrame

    def __len__(self) -> int:
        """How many."""
        return len(self.frame)


def joined_rows(contract: Contract, rows: Sequence[Sequence[Any]]) -> JoinedRows:
    """Rows of the query `model.derived.joins.joined` -> frames."""
    import pandas as pd  # the shipper, which has the same store, needs no pandas

    from model.derived.frame import dtype, target_dtype  # noqa: PLC0415

    label = target_dtype(contract.target)
    kinds = dict.fromkeys(OWN, "str") | {"created_at": TIMES, "label": label}
    kinds |= {"score": "float64", "latency_ms": "float64", "truth": label, "truth_at": TIMES}
    inputs = {column.name: dtype(column) for column in contract.columns}
    values = list(zip(*rows, strict=True)) or [()] * (len(kinds) + len(inputs))
    own = zip(kinds.items(), values, strict=False)
    fed = zip(inputs.items(), values[len(kinds) :], strict=True)
    return JoinedRows(
        pd.DataFrame({name: _series(some, kind) for (name, kind), some in own}),
        pd.DataFrame({name: _series(some, kind) for (name, kind), some in fed}),
    )


def _series(values: Sequence[Any], kind: Any) -> pd.Series[Any]:  # noqa: ANN401 - a dtype's name
    import pandas as pd

    # SQLite's moments have no zone, and all are in UTC.
    is_moment = kind.startswith("datetime64")
    read: Any = pd.to_datetime(pd.Series(values, dtype=object), utc=True) if is_moment else values
    series: pd.Series[Any] = pd.Series(read, dtype=kind)
    return series
