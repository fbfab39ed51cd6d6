"""Streams drift in what they are told to, and in nothing else."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from model.contracts.reggaeton import contract, stream
from model.contracts.reggaeton_example import read_statistics
from model.derived.frame import encode_frame, schema

DRIFTS = ("none", "inputs", "prior", "concept", "meaning")


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_stream_is_a_typed_frame_that_keeps_the_contract(drift: str) -> None:
    frame = stream(500, drift=drift, strength=1.0, since=0.5)
    schema(contract, labelled=True).validate(frame.drop(columns="created_at"))
    assert len(frame) == 500
    assert frame["created_at"].is_monotonic_increasing
    assert frame["created_at"].iloc[-1] - frame["created_at"].iloc[0] < pd.Timedelta(hours=24)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_stream_may_be_as_short_as_one_likes(rows: int) -> None:
    assert all(len(stream(rows, drift=drift)) == rows for drift in DRIFTS)


def test_equal_seeds_give_equal_streams_and_others_others() -> None:
    pd.testing.assert_frame_equal(stream(200, seed=3, drift="inputs"), stream(200, seed=3, drift="inputs"))
    assert not stream(200, seed=3).equals(stream(200, seed=4))


def test_before_it_drifts_a_stream_is_the_one_without_drift() -> None:
    usual = stream(1_000, seed=1, since=0.4)
    for drift in DRIFTS:
        pd.testing.assert_frame_equal(stream(1_000, seed=1, drift=drift, since=0.4).head(400), usual.head(400))


def test_values_are_as_precise_as_those_of_the_example_s_files() -> None:
    frame = stream(3_000)
    assert all(float(f"{value:.3g}") == value for value in frame["acousticness"])
    assert all(round(value, 3) == value for value in frame["tempo"])


def test_each_class_has_the_quantiles_of_the_published_figures() -> None:
    statistics, frame = read_statistics(), stream(60_000)
    for label, name in ((1, "reggaeton"), (0, "other")):
        figures = statistics["classes"][name]["quantiles"]
        mine = frame[frame["target"] == label]
        for column in ("danceability", "tempo", "energy"):
            spread = figures[column][8] - figures[column][2]
            assert abs(mine[column].median() - figures[column][5]) < 0.05 * spread


def chance_of_reggaeton(*frames: pd.DataFrame) -> list[float]:
    """How well one model's log-odds fit other frames: the slope of truth on them, 1 when the concept is the same."""
    model = make_pipeline(SplineTransformer(4), LogisticRegression(max_iter=2_000))
    model.fit(encode_frame(contract, frames[0]), frames[0]["target"].astype(int))
    slopes = []
    for frame in frames[1:]:
        odds = model.decision_function(encode_frame(contract, frame)).reshape(-1, 1)
        slopes.append(float(LogisticRegression(C=1e6).fit(odds, frame["target"].astype(int)).coef_[0, 0]))
    return slopes


def test_inputs_move_one_column_by_its_strength_and_leave_the_concept() -> None:
    usual, moved = stream(40_000, seed=1), stream(40_000, seed=2, drift="inputs", strength=0.3)
    shift = (moved["danceability"].mean() - usual["danceability"].mean()) / usual["danceability"].std()
    assert shift == pytest.approx(0.3, abs=0.05)
    concept = stream(40_000, seed=2, drift="concept", strength=0.3)
    same, other = chance_of_reggaeton(usual, moved, concept)
    assert same == pytest.approx(1, abs=0.15)
    assert other < 0.75


def test_a_prior_changes_the_share_of_a_class_and_not_its_tracks() -> None:
    usual, more = stream(60_000, seed=1), stream(60_000, seed=2, drift="prior", strength=1.0)
    assert more["target"].mean() / usual["target"].mean() == pytest.approx(2.6, abs=0.3)
    for column in ("danceability", "tempo", "loudness"):
        both = [frame.loc[frame["target"] == 1, column].to_numpy() for frame in (usual, more)]
        assert stats.ks_2samp(*both).pvalue > 0.001


def test_a_concept_changes_labels_and_nothing_else() -> None:
    usual, changed = stream(20_000, seed=5), stream(20_000, seed=5, drift="concept", strength=0.5)
    pd.testing.assert_frame_equal(changed.drop(columns="target"), usual.drop(columns="target"))
    assert changed["target"].sum() == usual["target"].sum()
    both = (changed["target"] == 1) & (usual["target"] == 1)
    assert both.sum() / usual["target"].sum() == pytest.approx(0.5, abs=0.08)


def test_a_meaning_moves_labels_to_the_tracks_with_the_most_of_a_column_and_changes_nothing_else() -> None:
    usual = stream(20_000, seed=5)
    changed = stream(20_000, seed=5, drift="meaning", strength=0.5, column="acousticness")
    pd.testing.assert_frame_equal(changed.drop(columns="target"), usual.drop(columns="target"))
    assert changed["target"].sum() == usual["target"].sum()
    came = (changed["target"] == 1) & (usual["target"] == 0)
    assert came.sum() / usual["target"].sum() == pytest.approx(0.5, abs=0.08)
    others = usual[(usual["target"] == 0) & ~came]
    assert usual.loc[came, "acousticness"].min() >= others["acousticness"].max()
