"""Bad files are refused with file and line, good ones pass, and what is odd is told."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import contracts
from model.contract import Category, Contract, Integer, Key, Label, Number, Source, Target, Timestamp
from model.errors import DataError, Failure
from model.raw import read, read_batch, read_folder
from model.steps.data import ValidationReport, collect, validate
from model.steps.leaks import mid_ranks
from model.steps.typed import typed_rows
from model.testing import bad_files, odd_contracts, write_sources
from model.testing.exhaustive import times
from model.testing.unmeasured import of_all

ALL = {**{name: contracts.find(name).contract for name in contracts.shipped()}, **odd_contracts()}
CASES = [(name, how) for name, contract in ALL.items() for how in bad_files(contract)]
MEASURED = ("diabetes", "survey")
REAL = Path(os.environ.get("REAL_DATA", "/nonexistent"))


def checked(contract: Contract, folder: Path, *, labelled: bool = True) -> ValidationReport:
    return validate(contract, read_folder(contract, folder), labelled=labelled)


def findings(report: ValidationReport) -> dict[tuple[str, str], int]:
    return {(finding.check, finding.where): finding.count for finding in report.findings}


# ------------------------------------------------------------------------------------------- every contract


@pytest.mark.parametrize("name", of_all(ALL, measured=MEASURED))
def test_good_files_pass(name: str, tmp_path: Path) -> None:
    write_sources(ALL[name], tmp_path)
    report = checked(ALL[name], tmp_path)
    assert report.passed, str(report)
    report.raise_if_failed()
    assert not [finding for finding in report.findings if finding.severity == "warning"], str(report)


@pytest.mark.parametrize(("name", "how"), of_all(CASES, measured=MEASURED))
def test_a_bad_file_is_refused_with_file_and_line(name: str, how: str, tmp_path: Path) -> None:
    write_sources(ALL[name], tmp_path)
    spoiled = bad_files(ALL[name])[how](tmp_path)
    report = checked(ALL[name], tmp_path)
    with pytest.raises(DataError) as refusal:
        report.raise_if_failed()
    naming = [failure for failure in report.failures if spoiled.file.name in failure.where]
    if how == "a missing file":
        naming = [failure for failure in report.failures if failure.check == "file"]
    assert naming, str(report)
    assert spoiled.line is None or any(spoiled.line in failure.lines for failure in naming), str(report)
    assert len(str(refusal.value)) < 5_000


@pytest.mark.parametrize("name", of_all(ALL, measured=MEASURED))
def test_a_report_is_json_and_a_few_lines_of_text(name: str, tmp_path: Path) -> None:
    write_sources(ALL[name], tmp_path)
    report = checked(ALL[name], tmp_path)
    plain = json.loads(report.to_json())
    assert plain["passed"] is True
    assert plain["rows"] == sum(file["rows"] for file in plain["files"]) == report.rows
    assert str(report).startswith(f"{ALL[name].name}: passed")


@pytest.mark.parametrize("name", of_all(ALL, measured=MEASURED))
def test_unlabelled_files_pass_without_a_label(name: str, tmp_path: Path) -> None:
    contract = replace(ALL[name], sources=ALL[name].sources[:1])
    write_sources(contract, tmp_path)
    tables = read_batch(contract, tmp_path, contract.sources[0].file)
    report = validate(contract, tables, labelled=False)
    assert report.passed, str(report)
    assert report.labels == {}


# ------------------------------------------------------------------------------------------- one contract


SOURCE = Source("t.csv")
CONTRACT = Contract(
    name="tiny",
    key=Key("id"),
    target=Target("y", labels=(Label(0, "no"), Label(1, "yes"))),
    sources=(SOURCE,),
    columns=(
        Number("a", 0, 1),
        Integer("n", nullable=True),
        Category("c", ("x", "y"), nullable=True),
        Timestamp("t", nullable=True, role="context"),
    ),
)
NOON = "2026-01-01T12:00:00Z"
GOOD = [f"{i},{i / 100},{i % 7},{'xy'[i % 2]},{NOON},{i // 2 % 2}" for i in range(40)]


def report_of(folder: Path, rows: list[str], contract: Contract = CONTRACT) -> ValidationReport:
    (folder / "t.csv").write_text("\n".join(["id,a,n,c,t,y", *rows, ""]))
    return checked(contract, folder)


def failures_of(folder: Path, *rows: str) -> tuple[Failure, ...]:
    return report_of(folder, [*GOOD, *rows]).failures


@pytest.mark.parametrize(
    ("row", "check", "column", "says"),
    [
        ("z,nan,1,x,,0", "type", "a", "'nan'"),
        ("z,inf,1,x,,0", "type", "a", "'inf'"),
        ("z,1e999,1,x,,0", "type", "a", "'1e999'"),
        ("z,1_0,1,x,,0", "type", "a", "'1_0'"),
        ("z,0x1,1,x,,0", "type", "a", "'0x1'"),
        ("z, 0.5,1,x,,0", "type", "a", "not a finite number"),
        ("z,٣,1,x,,0", "type", "a", "decimal sign '.'"),
        ("z,1.5,1,x,,0", "range", "a", "outside 0.0 .. 1.0: 1.5"),
        ("z,NA,1,x,,0", "no value", "a", "there must be one"),
        ("z,0,0.5,x,,0", "type", "n", "whole number"),
        ("z,0,9007199254740993,x,,0", "type", "n", "2**53"),
        ("z,0,1e999999999,x,,0", "type", "n", "whole number"),
        ("z,0,0.99999999999999999999,x,,0", "type", "n", "whole number"),
        ("z,0,1,X,,0", "type", "c", "not one of 'x', 'y': 'X'"),
        ("z,0,1,x,2026-01-01T12:00:00,0", "type", "t", "ISO 8601 with its offset"),
        ("z,0,1,x,2026-02-30T12:00:00Z,0", "type", "t", "2026-02-30"),
        ("z,0,1,x,9999-01-01T00:00:00Z,0", "type", "t", "9999"),
        ("z,0,1,x,,2", "type", "y", "not one of 0, 1: '2'"),
        ("z,0,1,x,,", "no value", "y", "there must be one"),
        (",0,1,x,,0", "no value", "id", "there must be one"),
        (f"{'z' * 201},0,1,x,,0", "range", "id", "1 to 200 characters"),
        ("7,0,1,x,,0", "duplicate key", "id", "'7' stands on t.csv line 9 and t.csv line 42"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, row: str, check: str, column: str, says: str) -> None:
    failures = failures_of(tmp_path, row)
    assert [(failure.check, failure.where, failure.lines) for failure in failures] == [
        (check, f"t.csv column {column}", (42,))
    ]
    assert says in failures[0].message


def test_contradicting_rows_are_named_both(tmp_path: Path) -> None:
    (failure,) = failures_of(tmp_path, f"z,0.0,0,x,{NOON},1")
    assert (failure.check, failure.lines) == ("conflicting duplicates", (42,))
    assert "t.csv line 2 is labelled 0, t.csv line 42 1" in failure.message


def test_rows_of_few_categories_do_not_contradict_each_other(tmp_path: Path) -> None:
    contract = odd_contracts()["survey"]
    write_sources(contract, tmp_path, rows_per_class=100)
    assert checked(contract, tmp_path).passed
    assert len(collect(contract, read_folder(contract, tmp_path)).frame) == 200


def test_each_label_needs_ten_different_rows(tmp_path: Path) -> None:
    rows = [row[:-1] + "0" for row in GOOD]
    assert "nothing to learn" in report_of(tmp_path, rows).failures[0].message
    nine = rows + [f"z{i},{i / 500 + 0.5},1,x,,1" for i in range(9)]
    assert "9 of 1" in report_of(tmp_path, nine).failures[0].message
    repeated = [*nine, "z9,0.5,1,x,,1"]
    assert "9 of 1" in report_of(tmp_path, repeated).failures[0].message
    assert report_of(tmp_path, [*nine, "z9,0.7,1,x,,1"]).passed


def test_failures_stay_few_whatever_the_number_of_rows(tmp_path: Path) -> None:
    (failure,) = failures_of(tmp_path, *(f"z{i},much,1,x,,0" for i in range(20_000)))
    assert (failure.count, failure.lines) == (20_000, (42, 43, 44, 45, 46))
    assert len(str(failure)) < 400


def test_empty_and_repeated_rows_are_told_and_not_fatal(tmp_path: Path) -> None:
    report = report_of(tmp_path, [*GOOD, "e1,NA,,,,0", f"e2,,NA,,{NOON},", f"r,0.0,0,x,{NOON},0"])
    assert report.passed, str(report)
    assert findings(report) == {("empty rows", "t.csv"): 2, ("repeated rows", "t.csv"): 1}


def test_a_row_whose_only_feature_does_not_parse_is_not_empty(tmp_path: Path) -> None:
    assert failures_of(tmp_path, "z,much,,,,0")[0].check == "type"


def test_a_feature_that_gives_the_answer_away_is_a_warning(tmp_path: Path) -> None:
    rows = [f"{i * 7919 % 997},{i / 100},{i // 20},x,{NOON},{i // 20}" for i in range(40)]
    found = {finding.where: finding for finding in report_of(tmp_path, rows).findings}
    assert set(found) == {"column a", "column n"}
    assert {finding.severity for finding in found.values()} == {"warning"}
    assert {finding.value for finding in found.values()} == {1.0}


def test_a_missing_value_that_gives_the_answer_away_is_told(tmp_path: Path) -> None:
    rows = [f"{i * 7919 % 997},{i * 37 % 40 / 100},{'' if i % 2 else i * 11 % 40},x,{NOON},{i % 2}" for i in range(40)]
    (finding,) = report_of(tmp_path, rows).findings
    assert (finding.check, finding.where) == ("leak", "column n")
    assert "missing value" in finding.message


def test_equal_ranks_share_their_mean() -> None:
    assert mid_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


# ------------------------------------------------------------------------------------------- typing


def typed_column(
    folder: Path, column: Number | Integer | Category | Timestamp, texts: list[str], decimal: Literal[".", ","] = "."
) -> pd.Series:
    source = replace(SOURCE, separator=";", decimal=decimal)
    contract = Contract("t", Key("id"), Target("y", (Label(0, "no"), Label(1, "yes"))), (source,), (column,))
    (folder / "t.csv").write_text("\n".join([f"id;{column.name};y", *(f"k;{text};0" for text in texts), ""]))
    rows = typed_rows(contract, [read(contract, source, folder / "t.csv")], labelled=True)
    assert not rows.failures
    return rows.frame[column.name]


def test_whole_numbers_may_be_written_as_r_and_pandas_write_them(tmp_path: Path) -> None:
    texts = ["3", "+3", "3.0", "2e+05", "9007199254740992", "-9007199254740992", "007", "NA", ""]
    values = typed_column(tmp_path, Integer("n", nullable=True), texts)
    assert values.dtype == "Int64"
    assert values.tolist() == [3, 3, 3, 200_000, 2**53, -(2**53), 7, pd.NA, pd.NA]


def test_moments_of_any_offset_become_utc(tmp_path: Path) -> None:
    texts = [
        NOON,
        "2026-01-01T13:00:00+01:00",
        "2026-01-01 07:00:00-0500",
        "2026-01-01T12:00Z",
        "2026-01-01t12:00:00.000z",
    ]
    values = typed_column(tmp_path, Timestamp("t"), texts)
    assert values.dtype == "datetime64[ns, UTC]"
    assert set(values) == {pd.Timestamp(NOON)}


@pytest.mark.unmeasured
@settings(max_examples=times(50, at_most=200), deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.sampled_from([".", ","]))
def test_numbers_are_typed_as_python_types_them(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float], decimal: Literal[".", ","]
) -> None:
    texts = [repr(number).replace(".", decimal) for number in numbers]
    values = typed_column(tmp_path_factory.mktemp("typed"), Number("a"), texts, decimal=decimal)
    assert values.tolist() == numbers


# ------------------------------------------------------------------------------------------- the shipped example


def oddities(folder: Path) -> tuple[ValidationReport, dict[tuple[str, str], int]]:
    contract = contracts.find("reggaeton").contract
    report = checked(contract, folder)
    return report, findings(report)


def test_the_example_passes_and_its_leaks_are_found(tmp_path: Path) -> None:
    write_example = contracts.find("reggaeton").write_example
    assert write_example is not None
    write_example(tmp_path, seed=0)
    report, found = oddities(tmp_path / "raw")
    assert report.passed, str(report)
    assert ("leak", "column id_new") in found
    assert ("one-source column", "data_todotipo.csv column time_signature") in found
    assert found["empty rows", "data_todotipo.csv"] == 8
    assert found["repeated rows", "data_todotipo.csv"] > 60
    assert not [finding for finding in report.findings if finding.severity == "warning"]


@pytest.mark.skipif(not REAL.is_dir(), reason="the original data are not here: set REAL_DATA")
def test_the_original_data_pass_and_their_oddities_are_counted() -> None:
    report, found = oddities(REAL)
    assert report.passed, str(report)
    assert report.labels == {"0": 2145, "1": 70}
    assert found == {
        ("empty rows", "data_todotipo.csv"): 8,
        ("repeated rows", "data_todotipo.csv"): 77,
        ("one-source column", "data_todotipo.csv column time_signature"): 1,
        ("leak", "column id_new"): 1,
    }
