"""The shipped example looks like the data it stands for, oddities included, and is nobody's data."""

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.contract import Category, Integer, Number
from model.contracts.reggaeton import contract
from model.contracts.reggaeton_example import write_example

STATISTICS = json.loads((resources.files("model.contracts") / "reggaeton_statistics.json").read_text("utf-8"))
FEATURES: list[str] = STATISTICS["features"]
FILES = {"reggaeton": "raw/data_reggaeton.csv", "other": "raw/data_todotipo.csv", "batch": "batch/tracks.csv"}
SEEDS = range(4)

Table = list[dict[str, str]]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    write_example(folder)
    return folder


@pytest.fixture(scope="module", params=SEEDS)
def tables(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    folder = tmp_path_factory.mktemp("example")
    write_example(folder, seed=request.param)
    return {name: read(folder / file) for name, file in FILES.items()}


@pytest.fixture(scope="module")
def real() -> dict[str, Path]:
    folder = os.environ.get("REAL_DATA")
    if not folder:
        pytest.skip("REAL_DATA does not name a folder with the real data_reggaeton.csv and data_todotipo.csv")
    return {name: Path(folder) / Path(FILES[name]).name for name in ("reggaeton", "other")}


def read(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def complete(rows: Table) -> Table:
    return [row for row in rows if row["danceability"] != "NA"]


def numbers(rows: Table) -> Any:
    return np.array([[float(row[name]) for name in FEATURES] for row in complete(rows)])


def features(row: dict[str, str], *, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(row[name] for name in FEATURES if name not in without)


# ---------------------------------------------------------------------------------------------- seeds


def test_the_paths_returned_are_the_files_written(tmp_path: Path) -> None:
    written = write_example(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == list(FILES.values())
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(written)


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    first, again = write_example(tmp_path / "a", seed=7), write_example(tmp_path / "b", seed=7)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_another_seed_gives_other_tracks(tmp_path: Path) -> None:
    tracks = [
        {features(row) for path in write_example(tmp_path / str(seed), seed=seed) for row in complete(read(path))}
        for seed in (0, 1)
    ]
    assert tracks[0].isdisjoint(tracks[1])


def test_a_negative_seed_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="non-negative"):
        write_example(tmp_path, seed=-1)
    assert not list(tmp_path.iterdir())


def test_importing_the_generator_loads_no_numpy() -> None:
    code = "import sys, model.contracts.reggaeton_example; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------------------------------------- bytes


def test_the_bytes_are_those_of_r_write_csv(example: Path) -> None:
    """Names and row numbers are quoted, values are not, lines end in LF."""
    value = r"(NA|-?\d+(\.\d+)?(e-\d\d)?)"
    for file in FILES.values():
        text = (example / file).read_bytes().decode("ascii")
        header, *lines, end = text.split("\n")
        assert end == ""
        assert re.fullmatch(r'""(,"\w+")+', header)
        columns = header.count(",")
        for number, line in enumerate(lines, start=1):
            assert re.fullmatch(rf'"{number}"(,{value}){{{columns}}}', line)


def test_the_columns_stand_in_the_contracts_order(example: Path) -> None:
    names = [column.name for column in contract.columns]
    assert names == FEATURES
    header = {name: next(iter(read(example / file))).keys() for name, file in FILES.items()}
    assert list(header["reggaeton"]) == list(header["batch"]) == ["", *names, "id_new"]
    assert list(header["other"]) == ["", *names, "time_signature", "id_new"]


def test_no_number_is_written_longer_than_it_need_be(example: Path) -> None:
    """Scientific only where that is shorter, no trailing zeros, 0 for zero: as R does."""
    for file in FILES.values():
        assert not [cell for row in read(example / file) for cell in row.values() if not shortest(cell)]


def shortest(cell: str) -> bool:
    if cell == "NA" or re.fullmatch(r"-?\d+", cell):
        return True
    number = Decimal(cell).normalize()
    fixed, scientific = f"{number:f}", f"{float(cell):.{len(number.as_tuple().digits) - 1}e}"
    return cell == (scientific if len(scientific) < len(fixed) else fixed)


# --------------------------------------------------------------------------------------------- values


def test_rows_and_ids_are_as_many_as_in_the_real_files(tables: dict[str, Table]) -> None:
    ids = {name: [int(row["id_new"]) for row in rows] for name, rows in tables.items()}
    assert ids["reggaeton"] == list(range(1, 71))
    assert ids["other"] == list(range(71, 2301))
    assert ids["batch"] == list(range(100_001, 100_201))


def test_every_value_lies_in_the_contracts_range(tables: dict[str, Table]) -> None:
    for rows in tables.values():
        for place, column in enumerate(contract.columns):
            values = numbers(rows)[:, place]
            match column:
                case Category():
                    assert set(values) <= set(column.values)
                case Number() | Integer():
                    assert column.minimum is not None
                    assert column.maximum is not None
                    assert column.minimum <= values.min()
                    assert values.max() <= column.maximum
                    assert not isinstance(column, Integer) or (values == values.round()).all()
                case _:
                    pytest.fail(f"no example of a {column.kind}")


def test_quantiles_are_near_the_figures(tables: dict[str, Table]) -> None:
    """Quartiles and medians, to a fifth (70 tracks) or a twelfth (2,222) of the middle half, whatever the seed."""
    for name, share in (("reggaeton", 0.2), ("other", 0.08)):
        for place, feature in enumerate(FEATURES):
            if feature in {"key", "mode"}:
                continue
            figures = np.array(STATISTICS["classes"][name]["quantiles"][feature])[4:7]
            ours = np.quantile(numbers(tables[name])[:, place], [0.25, 0.5, 0.75])
            assert np.abs(ours - figures).max() <= share * (figures[2] - figures[0]), (name, feature)


def test_keys_and_modes_have_the_shares_of_the_figures(tables: dict[str, Table]) -> None:
    for name, tolerance in (("reggaeton", 0.02), ("other", 0.01)):
        figures, values = STATISTICS["classes"][name], numbers(tables[name])
        keys = np.bincount(values[:, FEATURES.index("key")].astype(int), minlength=12) / len(values)
        assert keys == pytest.approx(figures["key_shares"], abs=tolerance)
        assert values[:, FEATURES.index("mode")].mean() == pytest.approx(figures["mode_share_of_1"], abs=tolerance)


def test_rank_correlations_are_near_the_figures(tables: dict[str, Table]) -> None:
    """Within four standard errors of Spearman's rho, 1/sqrt(n - 1), of the figures."""
    from scipy.stats import spearmanr

    for name in ("reggaeton", "other"):
        values, figures = numbers(tables[name]), np.array(STATISTICS["classes"][name]["spearman"])
        error = np.abs(spearmanr(values).statistic - figures)
        assert error.max() <= 4 / np.sqrt(len(values) - 1), (name, error.max())


def test_tracks_without_vocals_are_as_often_exactly_zero(tables: dict[str, Table]) -> None:
    """About a fifth of the others (440 of 2,222 in truth) and half of the reggaeton (34 of 70)."""
    share = {name: np.mean([row["instrumentalness"] == "0" for row in rows]) for name, rows in tables.items()}
    assert share["other"] == pytest.approx(0.198, abs=0.02)
    assert share["reggaeton"] == pytest.approx(0.486, abs=0.03)


# ------------------------------------------------------------------------------------------- oddities


def test_eight_rows_are_empty(tables: dict[str, Table]) -> None:
    """All their popularities are 0, but for one that is missing too."""
    empty = [row for row in tables["other"] if "NA" in row.values()]
    assert Counter(row["popularity"] for row in empty) == {"0": 7, "NA": 1}
    assert {row[name] for row in empty for name in (*FEATURES[1:], "time_signature")} == {"NA"}
    assert len(complete(tables["reggaeton"])) == 70
    assert len(complete(tables["batch"])) == 200


def test_seventy_eight_rows_repeat_another_under_a_new_id(tables: dict[str, Table]) -> None:
    """71 tracks stand there twice, 7 of these three times, one copy with another popularity."""
    rows = complete(tables["other"])
    audio = Counter(features(row, without=("popularity",)) for row in rows)
    assert Counter(audio.values()) == {1: 2222 - 78 - 71, 2: 64, 3: 7}
    assert sum(audio.values()) - len(audio) == 78
    assert len({features(row) for row in rows}) - len(audio) == 1
    assert len({(features(row, without=("popularity",)), row["time_signature"]) for row in rows}) == len(audio)


def test_no_track_stands_in_two_files(tables: dict[str, Table]) -> None:
    tracks = [{features(row) for row in complete(rows)} for rows in tables.values()]
    assert sum(map(len, tracks)) == len(set.union(*tracks))


def test_most_time_signatures_are_four(tables: dict[str, Table]) -> None:
    signatures = Counter(row["time_signature"] for row in complete(tables["other"]))
    assert set(signatures) <= {"1", "3", "4", "5"}
    assert signatures["4"] / 2222 == pytest.approx(0.903, abs=0.03)


# -------------------------------------------------------------------------------------------- problem


def test_the_problem_is_as_hard_as_the_truth(example: Path) -> None:
    """Extra trees on the real data, cross-validated in the same way: ROC AUC .98, average precision .75."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import average_precision_score, roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    groups = [numbers(read(example / FILES[name])) for name in ("other", "reggaeton")]
    fed = [place for place, column in enumerate(contract.columns) if column.role == "feature"]
    rows, labels = np.concatenate(groups)[:, fed], np.repeat([0, 1], [len(group) for group in groups])
    model = ExtraTreesClassifier(n_estimators=200, min_samples_leaf=2, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(model, rows, labels, cv=folds, method="predict_proba")[:, 1]
    assert 0.95 <= roc_auc_score(labels, scores) <= 0.99
    assert 0.55 <= average_precision_score(labels, scores) <= 0.85


# ------------------------------------------------------------------------------------------ real data


def test_no_track_is_a_real_one(tables: dict[str, Table], real: dict[str, Path]) -> None:
    """Not even with another popularity."""
    known = {features(row, without=("popularity",)) for path in real.values() for row in complete(read(path))}
    for rows in tables.values():
        assert known.isdisjoint(features(row, without=("popularity",)) for row in complete(rows))


def test_the_real_headers_and_number_formats_are_the_same(example: Path, real: dict[str, Path]) -> None:
    for name, path in real.items():
        assert path.read_bytes().split(b"\n")[0] == (example / FILES[name]).read_bytes().split(b"\n")[0]
        assert not [cell for row in read(path) for cell in row.values() if not shortest(cell)]
