"""A contract is frozen data that refuses nonsense and survives JSON."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from model import Category, Contract, Integer, Key, Monitoring, Number, Source, Split, Target, Threshold, Timestamp
from model.contracts import find, shipped
from model.errors import ContractError


def small(**more: object) -> Contract:
    said = {
        "name": "small",
        "key": Key("id"),
        "target": Target("y", labels=(0, 1)),
        "sources": (Source("a.csv"),),
        "columns": (Number("x"),),
    }
    return Contract(**(said | more))


def test_a_contract_survives_json_with_the_same_fingerprint(contract: Contract) -> None:
    again = Contract.from_json(contract.to_json())
    assert again == contract
    assert again.fingerprint == contract.fingerprint


def test_any_change_of_a_contract_changes_its_fingerprint() -> None:
    contracts = [
        small(),
        small(columns=(Number("x", 0),)),
        small(columns=(Number("x", role="feature", unit="m"),)),
        small(columns=(Integer("x"),)),
        small(target=Target("y", labels=(1, 0))),
        small(key=Key("di")),
        small(split=Split("group", column="id")),
    ]
    assert len({contract.fingerprint for contract in contracts}) == len(contracts)


@given(st.text(min_size=1, max_size=30), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20))
def test_names_bounds_and_units_survive_json_whatever_they_are(name: str, bound: float, unit: str) -> None:
    said = small(
        key=Key("a key" if name != "a key" else "key"),
        target=Target(f"{name}!", labels=(0, 1)),
        columns=(Number(name, bound, unit=unit),),
    )
    assert Contract.from_json(said.to_json()) == said


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Number("x", 2, 1), "above the maximum"),
        (lambda: Number("x", 0, 1, example=2), "outside"),
        (lambda: Integer("x", 0, 1, example=-1), "outside"),
        (lambda: Number("x", 0, float("inf")), "finite"),
        (lambda: Category("x", ()), "needs its values|at least 1"),
        (lambda: Category("x", (1, 1)), "twice"),
        (lambda: Category("x", (1, "a")), "all numbers or all text"),
        (lambda: Category("x", (0, 1), example=3), "not one of its values"),
        (lambda: Category("x", (True, False)), "int|str"),
        (lambda: Timestamp("x", datetime(2026, 1, 1)), "offset"),  # noqa: DTZ001 - the missing zone is the point
        (lambda: Number("x", colour="red"), "colour"),
        (lambda: Target("y", labels=(1,)), "two different labels"),
        (lambda: Target("y", labels=(1, "1")), "all numbers or all text"),
        (lambda: Target("y", labels=(1, 1)), "two different labels"),
        (lambda: Source("a.csv", separator='"'), "cannot separate"),
        (lambda: Target("y", labels=(0, 1), positive=2), "positive"),
        (lambda: Target("y", labels=(0, 1), minimum=0), "regression"),
        (lambda: Source("../a.csv"), "inside the raw data folder"),
        (lambda: Source("/etc/a.csv"), "inside the raw data folder"),
        (lambda: Source("a.csv", header=False), "names"),
        (lambda: Source("a.csv", decimal=","), "separator and decimal"),
        (lambda: Split("group"), "column"),
        (lambda: Split("stratified", column="x"), "takes no column"),
        (lambda: small(name="Not a name"), "name"),
        (lambda: small(columns=(Number("x"), Number("x"))), "more than one column: x"),
        (lambda: small(columns=(Number("id"),)), "more than one column: id"),
        (lambda: small(columns=(Number("x", role="context"),)), "at least one"),
        (lambda: small(split=Split("group", column="z")), "'z' is not a column"),
        (lambda: small(split=Split("time", column="c"), columns=(Number("x"), Category("c", (1, 2)))), "split by time"),
        (lambda: small(sources=(Source("a.csv", target=7),)), "not one of the labels"),
        (lambda: small(sources=(Source("a.csv", ignore=("x",)),)), "ignores"),
        (lambda: small(sources=(Source("a.csv", rename={"a": "nowhere"}),)), "nowhere"),
    ],
)
def test_nonsense_is_refused_with_words_that_name_it(make: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        make()  # type: ignore[operator]  # a lambda from the table above


def test_a_contract_cannot_be_changed_after_it_was_made(contract: Contract) -> None:
    with pytest.raises(AttributeError):
        contract.name = "other"  # type: ignore[misc]  # that it is refused is the point


def test_the_positive_class_comes_last_among_the_classes() -> None:
    assert Target("y", labels={"yes": "left", "no": "stayed"}, positive="yes").classes == ("no", "yes")
    assert Target("y", labels=(0, 1)).classes == (0, 1)


def test_a_broken_contract_file_is_refused_with_the_field_that_is_wrong(tmp_path: Path) -> None:
    def refused(text: str) -> str:
        path = tmp_path / "mine.py"
        path.write_text(text)
        with pytest.raises(ContractError) as caught:
            find(str(path))
        return str(caught.value)

    assert "does not import: NameError" in refused("contract = Kontract()")
    assert "defines no `contract" in refused("x = 1")
    assert "y" in refused(
        "from model import *\ncontract = Contract('n', Key('k'), Target('y', labels=(1,)), sources=(), columns=())"
    )
    with pytest.raises(ContractError, match="shipped are"):
        find("nonsense")
    with pytest.raises(ContractError, match="no contract file"):
        find(str(tmp_path / "absent.py"))
    with pytest.raises(ContractError, match="valid contract"):
        Contract.from_json("{}")


def test_a_contract_file_outside_the_package_is_found_by_its_path(tmp_path: Path) -> None:
    source = Path(find.__code__.co_filename).with_name("reggaeton.py").read_text()
    path = tmp_path / "mine.py"
    path.write_text(source.replace('name="reggaeton"', 'name="mine"'))
    found = find(str(path))
    assert found.contract.name == "mine"
    assert found.estimator is not None


@pytest.mark.parametrize("name", ["model", *(f"model.contracts.{name}" for name in shipped())])
def test_importing_a_contract_costs_pydantic_and_nothing_heavier(name: str) -> None:
    heavy = "numpy", "pandas", "pandera", "sklearn", "scipy", "pyarrow", "sqlalchemy", "onnx", "onnxruntime", "airflow"
    check = f"import sys, {name}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_contract_that_says_nothing_of_monitoring_has_the_json_of_before_there_was_such_a_word() -> None:
    assert "monitoring" not in small().to_json()
    assert small(monitoring=Monitoring()).fingerprint == small().fingerprint
    assert small().fingerprint == "ec56237dc98ad426dafed4a8f7e77454105a8c212cefd6a648b09bda5d248c10"


def test_what_a_contract_says_of_monitoring_survives_json() -> None:
    words = Monitoring(
        false_alarms=0.05,
        smallest_shift=0.2,
        least_rows=100,
        ignore=("x", "scores"),
        thresholds=(Threshold("psi", 0.2), Threshold("psi", 0.1, column="x"), Threshold("average_precision", 0.6)),
    )
    contract = small(monitoring=words)
    again = Contract.from_json(contract.to_json())
    assert again == contract
    assert again.monitoring == words
    assert again.fingerprint == contract.fingerprint != small().fingerprint


def test_the_threshold_of_a_column_stands_before_that_of_the_measure() -> None:
    words = Monitoring(thresholds=(Threshold("psi", 0.2), Threshold("psi", 0.1, column="x")))
    assert (words.threshold("psi", "x"), words.threshold("psi", "other")) == (0.1, 0.2)
    assert words.threshold("missing", "x") is None


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: small(monitoring=Monitoring(ignore=("y",))), "no column of the contract"),
        (lambda: small(monitoring=Monitoring(thresholds=(Threshold("psi", 1, column="z"),))), "monitoring speaks of z"),
        (lambda: Monitoring(thresholds=(Threshold("psi", 1), Threshold("psi", 2))), "said twice"),
        (lambda: Threshold("roc_auc", 0.9, column="x"), "is not measured by column"),
        (lambda: Threshold("p_value", 0.05), "Input should be"),  # type: ignore[arg-type]  # what is refused
        (lambda: Monitoring(false_alarms=0.0), "greater than 0"),
    ],
)
def test_nonsense_about_monitoring_is_refused_with_the_reason(make: Callable[[], object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        make()
