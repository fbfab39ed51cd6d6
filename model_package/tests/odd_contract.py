"""One contract that is odd in every way."""

from __future__ import annotations

from datetime import UTC, datetime

from model import Category, Contract, Integer, Key, Number, Source, Split, Target, Timestamp

ODD = Contract(
    name="odd",
    description="Every kind of column, nullable ones, and names that would break careless code.",
    key=Key('the "key"', example="a/b c"),
    target=Target("churned?", labels={"yes": "left", "no": "stayed"}, positive="yes"),
    sources=(Source("odd.csv", separator=";", missing=("NA", "-"), multiline=True),),
    columns=(
        Number("prix, €", None, 1000, example=12.5, nullable=True, unit="€"),
        Integer("data", -5, 5, example=0),
        Category("plan | tier", ("free", "it's 5\" wide", "ünïcode"), example="free", nullable=True),
        Category("select", (3, 1, 2), example=1),
        Timestamp("seen at", datetime(2020, 1, 1, tzinfo=UTC), example=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        Integer("household", 0, 40, example=7, role="context"),
    ),
    split=Split("group", column="household", share=0.25),
)
