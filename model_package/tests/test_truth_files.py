"""Files of what proved true are read strictly, stored once, and reported; `join` says what fits the predictions."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model import Contract, tasks
from model.contracts import find
from model.derived.tables import input_name
from model.errors import DataError
from model.settings import Settings
from model.store import Store
from model.tasks import Summary
from model.testing import good_rows
from model.testing.settings import settings_in

WINE = find("wine").contract
WRITTEN = datetime(2026, 11, 24, 12, tzinfo=UTC)


def write(settings: Settings, name: str, text: str, day: int = 0) -> Path:
    """A file of truth that was written some days later."""
    path = settings.data_dir / "truth" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    moment = (WRITTEN + timedelta(days=day)).timestamp()
    os.utime(path, (moment, moment))
    return path


def run(step: str, settings: Settings, **more: Any) -> tuple[Summary, str]:
    """A verb's summary, and what it told."""
    told: list[str] = []
    return tasks.run(step, settings.model_copy(update=more), told.append), "\n".join(told)


def predicted(settings: Settings, contract: Contract, count: int, **own: Any) -> None:
    """Predictions p0, p1, ... of the keys 0, 1, ..."""
    rows = good_rows(contract, count)
    said = {"origin": "batch", "version": "v1", "contract_fingerprint": "0" * 64, "score": 0.25, "created_at": WRITTEN}
    with Store(settings.database_url.get_secret_value(), contract) as store:
        store.add(
            {
                **said,
                "prediction_id": f"p{place}",
                "key": str(place),
                "label": rows[contract.target.name][place],
                **{input_name(column): rows[column.name][place] for column in contract.columns},
                **own,
            }
            for place in range(count)
        )


def truths(settings: Settings, contract: Contract) -> dict[str, Any]:
    """What is true of each prediction."""
    with Store(settings.database_url.get_secret_value(), contract) as store:
        [found] = store.joined()
    known = found.frame.dropna(subset=["truth"])
    return dict(zip(known["prediction_id"], known["truth"], strict=True))


def test_files_are_stored_once_and_say_what_was_new_and_what_lacks(settings: Settings) -> None:
    predicted(settings, find("reggaeton").contract, 4)
    write(settings, "a.csv", "id_new,target,anything\n0,1,x\n1,NA,y\n2,0,z\n")
    write(settings, "b.csv", "prediction_id,target\np3,1\n")
    write(settings, "notes.txt", "no truth")
    counted, told = run("truth", settings)
    assert counted == {"files": 2, "new": 3, "repeated": 0, "contradicting": 0, "without": 1}
    assert "a.csv: 2 rows with a truth (2 new, 0 repeated, 0 contradicting), 1 without" in told
    again, _ = run("truth", settings)
    assert again == {"files": 2, "new": 0, "repeated": 3, "contradicting": 0, "without": 1}
    assert truths(settings, find("reggaeton").contract) == {"p0": 1, "p2": 0, "p3": 1}


def test_a_later_file_corrects_an_earlier_one_and_reading_both_again_changes_nothing(settings: Settings) -> None:
    contract = find("reggaeton").contract
    predicted(settings, contract, 3)
    write(settings, "z-first.csv", "id_new,target\n0,1\n1,1\n")
    run("truth", settings)
    write(settings, "a-second.csv", "id_new,target\n0,0\n", day=1)
    counted, _ = run("truth", settings)
    assert (counted["new"], counted["repeated"], counted["contradicting"]) == (0, 2, 1)
    assert truths(settings, contract) == {"p0": 0, "p1": 1}
    write(
        settings,
        "third.csv",
        "id_new,target,truth_at\n0,1,2026-11-25T11:00:00Z\n1,0,2026-11-26T00:00:00+05:00\n",
        day=2,
    )
    for _ in range(2):
        run("truth", settings)
        assert truths(settings, contract) == {"p0": 0, "p1": 0}, "a moment that is said goes before the file's"


def test_a_path_is_read_instead_whether_a_file_or_a_folder(settings: Settings, tmp_path: Path) -> None:
    path = write(settings, "a.csv", "id_new,target\n0,1\n")
    other = path.rename(tmp_path / "elsewhere.csv")
    assert run("truth", settings, truth_from=other)[0]["new"] == 1
    assert run("truth", settings, truth_from=tmp_path)[0]["repeated"] == 1
    with pytest.raises(DataError, match="no such file or folder"):
        run("truth", settings, truth_from=tmp_path / "nothing.csv")


def test_an_empty_folder_is_no_failure(settings: Settings) -> None:
    counted, told = run("truth", settings)
    assert counted["files"] == 0
    assert "0 files in" in told


def test_files_are_read_in_the_contracts_own_dialect_and_labels(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, contract="wine")
    predicted(settings, WINE, 3)
    key, target, labels = WINE.key.name, WINE.target.name, WINE.target.classes
    source = WINE.sources[0]
    names = {own: written for written, own in source.rename.items()}
    head = source.separator.join(names.get(name, name) for name in (key, target))
    lines = [head, *(f"{place}{source.separator}{labels[place]}" for place in range(3)), ""]
    path = write(settings, "a.csv", "")
    end = "\r\n" if source.newline == "crlf" else "\n"
    path.write_bytes(end.join(lines).encode(source.encoding))
    assert run("truth", settings)[0]["new"] == 3
    assert truths(settings, WINE) == {f"p{place}": labels[place] for place in range(3)}


BAD = {
    "a label that is none": ("id_new,target\n0,1\n1,7\n", "a.csv column target line 3: not one of"),
    "no target": ("id_new,truth\n0,1\n", "column target line 1: there is no such column"),
    "no subject's column": ("target,popularity\n1,5\n", "'prediction_id' or 'id_new' must say"),
    "a row without a subject": ("id_new,target\n,1\n", "line 2: has a truth, but neither"),
    "two truths of one key": ("id_new,target\n5,1\n6,1\n5,0\n", "a.csv line 2, 4: different truths of one subject"),
    "a moment that is none": ("id_new,target,truth_at\n5,1,yesterday\n", "column truth_at line 2: not a moment"),
    "a moment to come": ("id_new,target,truth_at\n5,1,2027-01-01T00:00:00Z\n", "line 2: truth_at lies behind"),
    "a key beyond all": (f"id_new,target\n{'k' * 201},1\n", "line 2: is longer than any key"),
    "an id beyond all": (f"prediction_id,target\n{'k' * 65},1\n", "line 2: is longer than any key"),
    "a torn line": ("id_new,target\n0,1\n1\n", "a.csv line 3:"),
    "nothing": ("", "the file is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_breaks_a_rule_is_named_with_its_line_and_nothing_is_stored(settings: Settings, name: str) -> None:
    text, message = BAD[name]
    write(settings, "a.csv", text)
    write(settings, "good.csv", "id_new,target\n0,1\n")
    with pytest.raises(DataError, match="nothing of it was stored") as caught:
        run("truth", settings)
    assert message in str(caught.value)
    assert run("join", settings)[0]["unmatched"] == 0


def test_monitoring_leaves_a_bad_file_out_by_name_and_takes_it_once_it_is_mended(settings: Settings) -> None:
    predicted(settings, find("reggaeton").contract, 2)
    write(settings, "good.csv", "id_new,target\n0,1\n")
    write(settings, "half.csv", "id_new,target\n1")

    summary, told = run("join_truth", settings)

    assert (summary["files"], summary["left_out"], summary["with_truth"]) == (1, 1, 1)
    assert "left out 1 files of truth" in told
    assert "half.csv line 2" in told
    write(settings, "half.csv", "id_new,target\n1,1\n")
    summary, told = run("join_truth", settings)
    assert (summary["left_out"], summary["with_truth"]) == (0, 2)
    assert "left out" not in told


def test_two_truths_of_one_key_at_different_moments_are_a_history(settings: Settings) -> None:
    predicted(settings, find("reggaeton").contract, 6)
    moments = "5,1,2026-11-20T00:00:00Z\n5,0,2026-11-21T00:00:00Z\n5,1,\n"
    write(settings, "a.csv", f"id_new,target,truth_at\n{moments}")
    assert run("truth", settings)[0]["contradicting"] == 1
    assert truths(settings, find("reggaeton").contract) == {"p5": 1}


def test_a_regressions_truth_is_a_number_within_the_targets_bounds(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, contract="diabetes")
    contract = find("diabetes").contract
    predicted(settings, contract, 2)
    key, target = contract.key.name, contract.target
    assert target.minimum is not None
    head = f"{key}\t{target.name}"
    write(settings, "a.csv", f"{head}\n0\t{target.minimum}\n1\t100.5\n")
    run("truth", settings)
    assert truths(settings, contract) == {"p0": target.minimum, "p1": 100.5}
    write(settings, "b.csv", f"{head}\n0\t{target.minimum - 1}\n")
    with pytest.raises(DataError, match=r"b.csv line 2: .* below the target's bound"):
        run("truth", settings)


def test_join_counts_by_version_and_origin_and_what_fits_nothing(settings: Settings) -> None:
    contract = find("reggaeton").contract
    predicted(settings, contract, 4, created_at=datetime.now(UTC))
    write(settings, "a.csv", "id_new,target\n0,1\n1,0\nnobody,1\n")
    run("truth", settings)
    write(settings, "a.csv", "id_new,target\n0,0\n", day=1)
    run("truth", settings)
    counted, told = run("join", settings)
    each = [{"version": "v1", "origin": "batch", "predictions": 4, "with_truth": 2}]
    expected = {"predictions": 4, "with_truth": 2, "unmatched": 1, "contradicting": 1}
    assert counted == {**expected, "counts": each}
    assert "v1 batch: 4 predictions, 2 with a truth (50.0%)" in told
    assert "1 of them have no prediction (yet)" in told
    assert run("join", settings, join_days=1)[0]["predictions"] == 4
    assert run("join", settings, join_version="v2")[0] == {
        "predictions": 0,
        "with_truth": 0,
        "counts": [],
        "unmatched": 1,
        "contradicting": 1,
    }
    assert run("join", settings, join_origin="batch")[0]["with_truth"] == 2


def test_pruning_forgets_old_truth_with_the_predictions_of_every_origin(settings: Settings) -> None:
    predicted(settings, find("reggaeton").contract, 2, created_at=datetime(2020, 1, 1, tzinfo=UTC))
    write(settings, "a.csv", "id_new,target\n0,1\n", day=-3000)
    run("truth", settings)
    assert run("prune", settings, keep_days=30, prune_origin="online")[0]["deleted_truths"] == 0
    counted, told = run("prune", settings, keep_days=30)
    assert counted == {"deleted": 2, "deleted_truths": 1, "deleted_shadows": 0, "left": 0}
    assert "1 statements" in told
