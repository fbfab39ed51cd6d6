"""Predictions whose truth has come become training rows by the contract's rule; without them nothing changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model import Category, Contract, Key, Label, Number, Retraining, Slice, Source, Split, Target, raw, tasks
from model.bundle import read_manifest
from model.contracts import find
from model.derived.tables import input_name
from model.errors import ContractError
from model.registry import Registry
from model.settings import Settings
from model.steps import data
from model.steps.growth import ALIKE, BROKEN, EMPTY, IN_FILES, LATER, Grown, grow
from model.steps.splitting import split
from model.store import Store
from model.testing.settings import settings_in
from model.truth import Truth, Window

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TINY = Contract(
    name="tiny",
    key=Key("id"),
    target=Target("y", labels=(Label(0, "no"), Label(1, "yes"))),
    sources=(Source("t.csv"),),
    columns=(Number("a", 0, 100, nullable=True), Category("g", ("x", "y"), role="context", nullable=True)),
)


def quiet(_: str) -> None:
    """Tell nobody."""


def row(key: str | None, a: float | None, label: int, *, hours: float = 0, **more: Any) -> dict[str, Any]:
    """A prediction that came some hours after noon, and what proved true of it."""
    identity = f"p-{key}-{a}-{hours}"
    return {"prediction_id": identity, "key": key, "a": a, "truth": label, "hours": hours, "origin": "online"} | more


def stored(url: str, contract: Contract, rows: list[dict[str, Any]]) -> None:
    with Store(url, contract) as store:
        store.add(
            {
                **{name: one.get(name) for name in ("prediction_id", "key", "origin")},
                "created_at": NOON + timedelta(hours=one["hours"]),
                "version": "v1",
                "contract_fingerprint": contract.fingerprint,
                "label": 0,
                "score": 0.5,
                **{input_name(column): one.get(column.name) for column in contract.columns},
            }
            for one in rows
        )
        store.add_truths(
            Truth("prediction_id", one["prediction_id"], one["truth"], NOON, NOON)
            for one in rows
            if one["truth"] is not None
        )


def files(*rows: tuple[str, float, int]) -> pd.DataFrame:
    frame = pd.DataFrame([(key, a, "x", y) for key, a, y in rows], columns=["id", "a", "g", "y"])
    return frame.astype({"id": "str", "a": "float64", "g": "str", "y": "Int64"})


def grown(folder: Path, contract: Contract, frame: pd.DataFrame, *rows: dict[str, Any], most: int = 1_000) -> Grown:
    url = f"sqlite:///{folder}/predictions.db"
    stored(url, contract, list(rows))
    with Store(url, contract) as store:
        return grow(contract, frame, ((some.frame, some.inputs) for some in store.known(Window(), most)))


FILES = files(("f1", 1.0, 0), ("f2", 2.0, 1))


def test_predictions_with_truth_are_added_as_rows_of_the_files_types(tmp_path: Path) -> None:
    found = grown(tmp_path, TINY, FILES, row("k1", 5.0, 1, hours=1), row("k2", 6.0, 0), row("k3", 7.0, None))
    assert list(found.frame["id"]) == ["f1", "f2", "k2", "k1"]
    assert list(found.frame["y"]) == [0, 1, 0, 1]
    assert dict(found.frame.dtypes) == dict(FILES.dtypes)
    assert list(found.arrivals["predicted_at"]) == [NOON, NOON + timedelta(hours=1)]
    assert found.left_out == {}


def test_a_row_without_a_key_is_called_by_its_prediction(tmp_path: Path) -> None:
    found = grown(tmp_path, TINY, FILES, row(None, 5.0, 1))
    assert list(found.arrivals["id"]) == ["prediction:p-None-5.0-0"]


def test_what_cannot_be_learned_from_is_left_out_and_counted(tmp_path: Path) -> None:
    found = grown(
        tmp_path,
        TINY,
        FILES,
        row("k1", None, 1),
        row("k2", 1e9, 1),
        row("k3", 5.0, 1, g="strange"),
        row("f1", 8.0, 1),
        row("k4", 2.0, 0, g="x"),
        row("k5", 9.0, 0),
        row("k5", 9.5, 1, hours=2),
        row("k6", 9.5, 0, hours=3),
    )
    assert found.left_out == {EMPTY: 1, BROKEN: 2, IN_FILES: 1, ALIKE: 2, LATER: 1}
    assert list(found.arrivals["id"]) == ["k5"]
    assert list(found.frame["a"]) == [1.0, 2.0, 9.5]


def test_where_truth_wins_it_takes_the_file_row_s_place_and_is_no_arrival(tmp_path: Path) -> None:
    contract = replace(TINY, retraining=Retraining(wins="truth"))
    found = grown(tmp_path, contract, FILES, row("f1", 8.0, 1))
    assert sorted(zip(found.frame["id"], found.frame["a"], strict=True)) == [("f1", 8.0), ("f2", 2.0)]
    assert found.arrivals.empty


def test_the_latest_predictions_are_looked_at_up_to_the_declared_number(tmp_path: Path) -> None:
    rows = [row(f"k{hour}", 10.0 + hour, hour % 2, hours=hour) for hour in range(9)]
    found = grown(tmp_path, TINY, FILES, *rows, most=3)
    assert list(found.arrivals["id"]) == ["k6", "k7", "k8"]


def test_enough_truth_of_every_label_takes_the_place_of_the_files_where_the_contract_says_so(tmp_path: Path) -> None:
    contract = replace(TINY, retraining=Retraining(replaces_files_from=20))
    first = [row(f"k{number}", 10.0 + number, 0) for number in range(19)]
    assert grown(tmp_path, contract, FILES, *first, row("k19", 50.0, 1)).replaced == 0, "one label has one row"
    more = [row(f"m{number}", 60.0 + number, 1, hours=1) for number in range(10)]
    found = grown(tmp_path, contract, FILES, *more)
    assert found.replaced == 2
    assert not set(found.frame["id"]) & {"f1", "f2"}


def test_nothing_known_gives_the_files_frame_itself(tmp_path: Path) -> None:
    assert grown(tmp_path, TINY, FILES, row("k", 5.0, None)).frame is FILES


# ---------------------------------------------------------------------------------------- the split


def arrivals(count: int, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": pd.array([f"k{number}" for number in range(count)], dtype="str"),
            # Few values, so that many rows have equal features, some of them in the other label's rows.
            "a": draw.integers(0, 60, count).astype(float),
            "g": pd.array(draw.choice(["x", "y"], count), dtype="str"),
            "y": pd.array(draw.integers(0, 2, count), dtype="Int64"),
        }
    )


@pytest.mark.parametrize("by", [Split(), Split("group", column="g", share=0.4)])
@pytest.mark.parametrize("old", [0, 300])
def test_rows_that_come_later_change_the_side_of_none_that_was_there(by: Split, old: int) -> None:
    contract = replace(TINY, split=by)
    frame = arrivals(900)
    frame["a"] = np.arange(900) % 500 / 7
    frame["g"] = pd.array([f"g{number % 40}" for number in range(900)], dtype="str")
    ever_held: set[str] = set()
    ever_trained: set[str] = set()
    for count in range(max(old, 100), 901, 100):
        train, held = split(contract, frame.iloc[:count], seed=3, arrived=list(frame["id"])[old:count])
        ever_trained |= set(train["id"])
        ever_held |= set(held["id"])
        assert not set(train["a"]) & set(held["a"]), "equal features stand on one side"
    assert not ever_trained & ever_held
    assert 0.1 < len(held) / len(frame) < 0.6


def test_the_files_rows_are_drawn_as_if_they_were_alone() -> None:
    frame = arrivals(600)
    frame["a"] = np.arange(600) / 7
    alone = [set(side["id"]) for side in split(TINY, frame.iloc[:400], seed=1)]
    together = split(TINY, frame, seed=1, arrived=list(frame["id"])[400:])
    first = set(frame["id"][:400])
    assert [set(side["id"]) & first for side in together] == alone


def test_a_row_that_ties_both_sides_together_stands_on_neither() -> None:
    contract = replace(TINY, split=Split("group", column="g", share=0.5))
    names = [f"g{number % 20}" for number in range(200)]
    frame = arrivals(200).assign(a=np.arange(200) / 7, g=pd.array(names, dtype="str"))
    train, held = split(contract, frame, seed=1)
    tie = pd.DataFrame({"id": ["tie"], "a": [train["a"].iloc[0]], "g": [held["g"].iloc[0]], "y": [1]})
    grown_by_one = pd.concat([frame, tie.astype(dict(frame.dtypes))], ignore_index=True)
    sides = split(contract, grown_by_one, seed=1, arrived=["tie"])
    assert [list(side["id"]) for side in sides] == [list(train["id"]), list(held["id"])]


# ----------------------------------------------------------------------------------- the contract


def test_a_contract_that_says_nothing_of_retraining_keeps_its_fingerprint_and_one_that_does_comes_back_equal() -> None:
    assert '"retraining"' not in TINY.to_json()
    rule = Retraining(truth=False, oldest_days=30, slices=(Slice("g"), Slice(days=7)))
    said = replace(TINY, retraining=rule)
    assert said.fingerprint != TINY.fingerprint
    assert Contract.from_json(said.to_json()) == said


def test_a_slice_is_of_a_category_or_of_days() -> None:
    for wrong in ({}, {"column": "g", "days": 3}):
        with pytest.raises(ValueError, match="say one of"):
            Slice(**wrong)
    with pytest.raises(ValueError, match="'a' is not a Category"):
        replace(TINY, retraining=Retraining(slices=(Slice("a"),)))
    with pytest.raises(ContractError, match="retraining"):
        Contract.from_json(TINY.to_json()[:-1] + ',"retraining":{"strange":1}}')


# -------------------------------------------------------------------------------------- the steps


def example(folder: Path, contract: str = "wine") -> Settings:
    settings = settings_in(folder, contract=contract)
    write = find(contract).write_example
    assert write
    write(settings.data_dir)
    return settings


def wine_with(folder: Path, rule: str) -> str:
    """The wine contract with a rule about retraining."""
    source = Path(find.__code__.co_filename).with_name("wine.py").read_text()
    path = folder / "wine_again.py"
    first, before = "from __future__ import annotations\n", "contract = Contract(\n"
    assert first in source
    assert before in source
    source = source.replace(first, f"{first}\nfrom model import Retraining, Slice\n")
    path.write_text(source.replace(before, f"{before}    retraining={rule},\n"))
    return str(path)


def wines_came_true(settings: Settings, count: int = 60) -> list[str]:
    """Store predictions of altered wines, and their truth; returns their keys."""
    contract = find(settings.contract).contract
    frame = data.collect(contract, raw.read_folder(contract, settings.data_dir / "raw")).frame
    some = frame.sample(count, random_state=1).reset_index(drop=True)
    altered = some["alcohol"] + 1e-6 * np.arange(1, count + 1)
    cells = some.assign(alcohol=altered).astype(object).to_dict(orient="records")
    rows = [
        {**one, "key": f"new{number}", "prediction_id": f"p{number}", "origin": "online", "hours": number}
        | {"truth": one[contract.target.name]}
        for number, one in enumerate(cells)
    ]
    stored(settings.database_url.get_secret_value(), contract, rows)
    return [one["key"] for one in rows]


def run(settings: Settings, *steps: str, said: list[str] | None = None) -> list[tasks.Summary]:
    lines = [] if said is None else said
    return [tasks.run(step, settings, lines.append) for step in steps]


PARTS = ("interm", "preprocessed")


def written(settings: Settings) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for part in PARTS for path in sorted((settings.data_dir / part).rglob("*.parquet"))
    }


def test_without_truth_and_with_the_rule_off_every_table_is_that_of_the_files_alone_to_the_byte(tmp_path: Path) -> None:
    on = example(tmp_path / "on")
    run(on, "validate", "collect", "preprocess")
    off = example(tmp_path / "off").model_copy(update={"contract": wine_with(tmp_path, "Retraining(truth=False)")})
    wines_came_true(off)
    run(off, "validate", "collect", "preprocess")

    wine = find("wine").contract
    frame = data.collect(wine, raw.read_folder(wine, on.data_dir / "raw")).frame
    train, held = split(wine, frame, seed=on.seed)
    parts = {"collected": frame, "train": train, "holdout": held}
    alone = {f"{name}.parquet": part.to_parquet(index=False) for name, part in parts.items()}
    for settings in (on, off):
        found = written(settings)
        assert alone.items() <= found.items()
        assert set(found) == {*alone, "dropped.parquet"}


def test_truth_goes_through_the_four_steps_and_stands_in_the_manifest(tmp_path: Path) -> None:
    settings = example(tmp_path)
    first = run(settings, "validate", "collect", "preprocess", "train")[-1]
    keys = set(wines_came_true(settings))
    said: list[str] = []
    collected, parts, second = run(settings, "validate", "collect", "preprocess", "train", said=said)[1:]

    assert (collected["truth"], collected["left_out"]) == (60, {})
    assert any("60 rows are predictions whose truth has come, made 2026-03-01 12:00 to" in line for line in said)
    train, held = (pd.read_parquet(settings.data_dir / f"preprocessed/wine/{side}.parquet") for side in parts)
    key = find("wine").contract.key.name
    assert keys & set(train[key])
    assert keys & set(held[key])
    assert keys <= set(train[key]) | set(held[key])
    root = Registry(settings.artifacts_dir, "wine").root
    learned = read_manifest(root / second["version"]).facts.learned
    assert learned is not None
    assert (learned.truth, learned.files) == (60, parts["train"] + parts["holdout"] - 60)
    assert learned.until == NOON + timedelta(hours=59)
    assert b"learned" not in (root / first["version"] / "manifest.json").read_bytes()
    again = run(settings, "collect", "preprocess", "train")[-1]
    assert again["version"] == second["version"], "the same files and the same truth give the same bundle"


def test_predictions_older_than_the_rule_allows_are_not_learned_from(tmp_path: Path) -> None:
    settings = example(tmp_path).model_copy(update={"contract": wine_with(tmp_path, "Retraining(oldest_days=1)")})
    wines_came_true(settings)
    run(settings, "validate")
    summary = tasks.run("collect", settings, quiet, lambda: NOON + timedelta(hours=30))
    assert summary["truth"] == 54, "those from hour 6 on"
    assert tasks.run("collect", settings, quiet)["truth"] == 0
    assert not (settings.data_dir / "interm/wine/arrivals.parquet").exists()


def diabetes_with(folder: Path, strength: float) -> str:
    """The diabetes contract with a ridge regression of that strength, and its two sexes as slices."""
    source = Path(find.__code__.co_filename).with_name("diabetes.py").read_text()
    first, before = "from __future__ import annotations\n", "contract = Contract(\n"
    source = source.replace(first, f"{first}\nfrom model import Retraining, Slice\n")
    source = source.replace(before, f'{before}    retraining=Retraining(slices=(Slice("sex"),)),\n')
    own = f"def estimator():\n    from sklearn.linear_model import Ridge\n\n    return Ridge({strength})\n"
    path = folder / "diabetes_again.py"
    path.write_text(f"{source}\n\n{own}")
    return str(path)


def test_a_challenger_that_is_surely_worse_on_a_slice_is_not_promoted_and_a_sentence_says_so(tmp_path: Path) -> None:
    settings = example(tmp_path, "diabetes").model_copy(update={"contract": diabetes_with(tmp_path, 1.0)})
    assert run(settings, "validate", "collect", "preprocess", "train")[-1]["promoted"]
    diabetes_with(tmp_path, 1e9)
    said: list[str] = []
    summary = run(settings, "preprocess", "train", said=said)[-1]
    assert not summary["promoted"]
    assert any("is not promoted" in line and "surely worse on sex=a; sex=b" in line for line in said)
    root = Registry(settings.artifacts_dir, "diabetes").root
    assert (read_manifest(root / summary["version"]).facts.comparison or {})["worse_on"] == "sex=a; sex=b"
