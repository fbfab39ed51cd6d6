"""Small contracts that between them use every word there is: what holds for these should hold for any."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from model.contract import Category, Contract, Integer, Key, Label, Number, Source, Split, Target, Timestamp


def odd_contracts() -> dict[str, Contract]:
    """By name: every task, kind of column, split and dialect at least once."""
    return {contract.name: contract for contract in (_churn(), _species(), _rent(), _survey())}


def _churn() -> Contract:
    """Binary, the label a text in a column; European CSV from a spreadsheet; rows of one customer stay together."""
    return Contract(
        name="churn",
        key=Key("row_id"),
        target=Target("left", labels=(Label("yes", "left"), Label("no", "stayed")), positive="yes"),
        sources=(
            Source(
                "customers_*.csv",
                separator=";",
                decimal=",",
                encoding="utf-8-sig",
                newline="crlf",
                missing=("n/a", "-"),
                rename={"Umsatz": "revenue"},
            ),
        ),
        columns=(
            Number("revenue", 0, 10_000, unit="EUR", nullable=True, example=12.5),
            Integer("visits", 0, nullable=True, example=3),
            Category("plan", ("basic", "plus", "débil"), example="plus"),
            Category("customer", tuple(range(40)), role="context", example=1),
        ),
        split=Split("group", column="customer", share=0.25),
    )


def _species() -> Contract:
    """Multiclass, one file per label, UTF-16 with tabs and cells of several lines; the latest rows are held out."""
    first = Source("species/1.csv", target=1, separator="\t", encoding="utf-16", multiline=True, ignore=("note",))
    return Contract(
        name="species",
        key=Key("specimen"),
        target=Target("species", labels=(Label(1, "first"), Label(2, "second"), Label(3, "third"))),
        sources=(first, *(replace(first, file=f"species/{label}.csv", target=label) for label in (2, 3))),
        columns=(
            Number("length", example=1.5),
            Timestamp("seen", minimum=datetime(2025, 1, 1, tzinfo=UTC), example=datetime(2025, 6, 1, tzinfo=UTC)),
        ),
        split=Split("time", column="seen", share=0.3),
    )


def _rent() -> Contract:
    """Regression without a header, in Latin 1."""
    return Contract(
        name="rent",
        key=Key("flat"),
        target=Target("rent", minimum=0, maximum=20_000, unit="EUR"),
        sources=(
            Source(
                "rent.csv",
                encoding="latin-1",
                newline="any",
                header=False,
                names=("area", "flat", "rent", "rooms", "garden"),
                missing=(),
            ),
        ),
        columns=(
            Number("area", 5, 1_000, unit="m2", example=60),
            Integer("rooms", 1, 20, example=2),
            Category("garden", ("yes", "no"), nullable=True, example="no"),
        ),
    )


def _survey() -> Contract:
    """Nothing but a few categories: equal rows are no repeats, and different labels no contradiction."""
    return Contract(
        name="survey",
        key=Key("person"),
        target=Target("answer", labels=(Label(0, "no"), Label(1, "yes"))),
        sources=(Source("survey.csv"),),
        columns=(Category("region", ("north", "south"), example="north"), Category("sex", (0, 1), example=0)),
    )
