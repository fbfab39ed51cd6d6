"""A contract with every kind of column, for the tests of what a protocol makes of values. No model is needed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.protocols.door import Answered, Served
from model.contract import Category, Contract, Integer, Key, Number, Source, Target, Timestamp

MIXED = Contract(
    name="mixed",
    key=Key("row"),
    target=Target("label", labels=("no", "yes")),
    sources=(Source("mixed.csv"),),
    columns=(
        Number("size"),
        Number("weight", nullable=True),
        Integer("count", 0, 1_000),
        Integer("visits", nullable=True),
        Category("level", (1, 2, 3)),
        Category("flag", (0, 1), nullable=True),
        Category("plan", ("basic", "plus")),
        Category("note", ("", "seen"), nullable=True),
        Category("colour", ("red", "débil"), nullable=True),
        Timestamp("at", minimum=datetime(2025, 1, 1, tzinfo=UTC)),
    ),
)
SERVED = Served(MIXED, "v1")
ROW: dict[str, Any] = {
    "size": 1.5,
    "weight": None,
    "count": 3,
    "visits": None,
    "level": 2,
    "flag": 1,
    "plan": "plus",
    "note": "",
    "colour": None,
    "at": "2025-06-01T00:00:00Z",
}
ANSWERED = Answered(
    contract=MIXED,
    version="v1",
    prediction_id="0" * 32,
    labels=["no", "yes"],
    scores=[0.25, 0.75],
    probabilities=[[0.75, 0.25], [0.25, 0.75]],
)
VALUED = Contract(
    name="valued",
    key=Key("row"),
    target=Target("price", minimum=0),
    sources=(Source("valued.csv"),),
    columns=(Number("size"), Integer("rooms", 0)),
)
VALUE = Answered(
    contract=VALUED, version="v2", prediction_id="1" * 32, labels=[12.5], scores=[12.5], probabilities=None
)
