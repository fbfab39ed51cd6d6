"""Collecting gives one typed table, and says of each row that is not in it why."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from model import contracts
from model.contract import Category, Contract, Key, Label, Number, Source, Target
from model.derived.frame import schema
from model.errors import DataError
from model.raw import read_batch, read_folder
from model.steps.data import Collected, collect, validate
from model.testing import good_rows, odd_contracts, write_sources

ALL = {**{name: contracts.find(name).contract for name in contracts.shipped()}, **odd_contracts()}
CONTRACT = Contract(
    name="tiny",
    key=Key("id"),
    target=Target("y", labels=(Label("no", "no"), Label("yes", "yes"))),
    sources=(Source("no.csv", target="no"), Source("yes.csv", target="yes", ignore=("extra",))),
    columns=(Category("c", (1, 2), role="context", nullable=True), Number("a", nullable=True)),
)


@pytest.mark.parametrize("name", ALL)
def test_what_is_collected_keeps_the_schema_and_the_columns_order(name: str, tmp_path: Path) -> None:
    contract = ALL[name]
    write_sources(contract, tmp_path)
    frame = collect(contract, read_folder(contract, tmp_path)).frame
    assert list(frame.columns) == [contract.key.name, *contract.column_names, contract.target.name]
    schema(contract, labelled=True).validate(frame)


@pytest.mark.parametrize("name", ALL)
def test_what_was_drawn_is_what_is_collected(name: str, tmp_path: Path) -> None:
    contract = ALL[name]
    write_sources(contract, tmp_path, rows_per_class=30, seed=3)
    collected = collect(contract, read_folder(contract, tmp_path))
    drawn = pd.DataFrame(good_rows(contract, 30 * (len(contract.target.classes) or 2), seed=3))
    drawn = drawn.set_index(contract.key.name).loc[collected.frame[contract.key.name]].reset_index()
    drawn = drawn.astype(collected.frame.dtypes.to_dict())
    pd.testing.assert_frame_equal(collected.frame, drawn)


def write(folder: Path, no: list[str], yes: list[str]) -> Path:
    (folder / "no.csv").write_text("\n".join(["a,c,id", *no, ""]))
    (folder / "yes.csv").write_text("\n".join(["extra,id,c,a", *yes, ""]))
    return folder


def dropped(collected: Collected) -> list[tuple[object, ...]]:
    return [tuple(row) for row in collected.dropped.itertuples(index=False)]


def test_empty_and_repeated_rows_are_dropped_and_listed(tmp_path: Path) -> None:
    folder = write(tmp_path, ["0.5,1,k1", "NA,2,k2", "0.5,1,k3", "0.5,2,k4", ",,k5"], ["x,k6,,0.5", "x,k7,NA,0.50"])
    collected = collect(CONTRACT, read_folder(CONTRACT, folder))
    assert collected.frame["id"].tolist() == ["k1", "k4", "k6"]
    assert collected.frame["y"].tolist() == ["no", "no", "yes"]
    assert dropped(collected) == [
        ("no.csv", 3, "k2", "empty: no value in any feature"),
        ("no.csv", 4, "k3", "repeats an earlier row and its label"),
        ("no.csv", 6, "k5", "empty: no value in any feature"),
        ("yes.csv", 3, "k7", "repeats an earlier row and its label"),
    ]


def test_a_batch_loses_its_empty_rows_only(tmp_path: Path) -> None:
    folder = write(tmp_path, ["0.5,1,k1", "NA,2,k2", "0.5,1,k3"], [])
    collected = collect(CONTRACT, read_batch(CONTRACT, folder, "no.csv"), labelled=False)
    assert collected.frame["id"].tolist() == ["k1", "k3"]
    assert list(collected.frame.columns) == ["id", "c", "a"]
    assert dropped(collected) == [("no.csv", 3, "k2", "empty: no value in any feature")]


def test_what_was_dropped_is_what_was_found(tmp_path: Path) -> None:
    write_example = contracts.find("reggaeton").write_example
    assert write_example is not None
    write_example(tmp_path, seed=1)
    contract = contracts.find("reggaeton").contract
    tables = read_folder(contract, tmp_path / "raw")
    report, collected = validate(contract, tables, labelled=True), collect(contract, tables)
    found = sum(finding.count for finding in report.findings if finding.check in {"empty rows", "repeated rows"})
    assert len(collected.dropped) == found > 0
    assert len(collected.frame) + found == report.rows
    assert sum(report.labels.values()) == len(collected.frame)


def test_tables_that_were_not_validated_are_refused_with_what_to_run(tmp_path: Path) -> None:
    folder = write(tmp_path, ["much,1,k1"], ["x,k2,1,1"])
    with pytest.raises(DataError, match=r"python -m model validate"):
        collect(CONTRACT, read_folder(CONTRACT, folder))
