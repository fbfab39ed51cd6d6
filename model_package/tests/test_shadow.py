"""A challenger answers, once and under the same id, what the champion answered, and whatever fails is tried again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from model import Contract, tasks
from model.bundle import Bundle
from model.challenger import Shadowing
from model.contracts import find
from model.derived.encoding import encode
from model.derived.shadowing import Place
from model.derived.tables import input_name, shadows
from model.errors import BundleError, StepOrderError, StoreError
from model.pipeline_process import PipelineLost
from model.registry import Registry
from model.settings import Settings
from model.shadows import Shadows
from model.steps import duel
from model.steps.shadow import NOT_A_NUMBER, Model, shadowed
from model.store import Store
from model.stored import stored
from model.tasks import Job
from model.tasks import shadow as verb
from model.tasks.shadow import Follower
from model.tasks.walk import GLANCE_BACK, LOOK_BACK, Walk
from model.testing import good_rows
from model.testing.bundles import quick_bundle
from model.testing.programs import unmeasured
from model.testing.settings import settings_in
from model.testing.stored import answered
from model.truth import Truth, Window

TRACKS = find("reggaeton").contract
SECOND = timedelta(seconds=1)
PATIENCE_SECONDS = 600  # at the lowest priority, on a machine that is busy


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind, with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/predictions.db"
    found = str(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(found)
    existing = sa.MetaData()
    existing.reflect(engine)
    existing.drop_all(engine)
    engine.dispose()
    return found


@pytest.fixture(autouse=True)
def _priority(monkeypatch: pytest.MonkeyPatch) -> None:
    # The other tests go on in this process.
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None)


def version_of(contract: Contract, folder: Path, **how: Any) -> str:
    """A small bundle, promoted."""
    return quick_bundle(contract, folder / "artifacts", **how)


def loaded(contract: Contract, folder: Path, version: str) -> Bundle:
    return Registry(folder / "artifacts", contract.name).load(version)


def rows_of(url: str, contract: Contract = TRACKS) -> list[dict[str, Any]]:
    """All answers of challengers, by the id of the prediction."""
    table = shadows(contract, sa.MetaData())
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            query = sa.select(table).order_by(table.c.prediction_id)
            return [dict(row) for row in connection.execute(query).mappings()]
    finally:
        engine.dispose()


class Scene:
    """A champion, its predictions in a store, and a challenger since an hour ago."""

    def __init__(self, folder: Path, url: str, contract: Contract = TRACKS, **how: Any) -> None:
        self.settings = settings_in(folder, database_url=url, contract=contract.name, shadow_share=1)
        self.contract, self.url = contract, url
        self.registry = Registry(self.settings.artifacts_dir, contract.name)
        self.challenger = version_of(contract, folder, seed=1, **how)
        self.champion = version_of(contract, folder)
        self.served = loaded(contract, folder, self.champion)
        self.began = datetime.now(UTC)
        self.set(self.challenger)

    def set(self, version: str, since: datetime | None = None) -> None:
        """Have a version shadow since a moment; a little before the first prediction when not said."""
        self.registry.shadow_off()
        made = self.registry.shadow(version)
        line = replace(made, since=since or self.began - timedelta(hours=1)).line()
        self.registry.challenger_file.write_text(line)

    def predict(self, count: int, *, at: datetime | None = None, name: str = "p", **other: Any) -> None:
        """Store predictions of the champion, made at a moment."""
        with Store(self.url, self.contract) as store:
            store.add(
                row | {"prediction_id": f"{name}-{place:05}", "created_at": at or self.began, **other}
                for place, row in enumerate(answered(self.served, count))
            )

    def run(self, **more: Any) -> tasks.Summary:
        """The verb, once over all."""
        return tasks.run("shadow", Settings(**(self.settings.model_dump() | more)), lambda _: None)

    def follower(self, said: list[str]) -> Follower:
        """One whose turns the test takes."""
        return Follower(Job(self.settings, said.append), threading.Event())

    def state(self) -> dict[str, Any]:
        """What the follower's file says."""
        return dict(json.loads(self.registry.shadow_file.read_bytes()))


# ------------------------------------------------------------------------------------------- the answers


@pytest.mark.services
def test_every_online_prediction_is_answered_once_as_the_challenger_answers(
    contract: Contract, url: str, tmp_path: Path
) -> None:
    if contract.name == "odd":
        pytest.skip("has no shipped name")
    scene = Scene(tmp_path, url, contract)
    scene.predict(1_234)
    scene.predict(10, name="batch", origin="batch")
    told = scene.run()
    assert told == {"version": scene.challenger, "answered": 1_234, "refused": 0}
    challenger = scene.registry.load(scene.challenger)
    with Store(url, contract) as store:
        (some,) = store.inputs(Window(origin="online"))
    said = challenger.predict(encode(contract, some.columns))
    expected = {i: (label, score) for i, label, score in zip(some.ids, said.labels, said.scores.tolist(), strict=True)}
    rows = rows_of(url, contract)
    assert {row["prediction_id"]: (row["label"], row["score"]) for row in rows} == expected
    assert {(row["version"], row["refused"]) for row in rows} == {(scene.challenger, None)}
    assert scene.run()["answered"] == 0, "what is answered is not asked again"


@pytest.mark.services
def test_the_same_version_agrees_with_itself_on_every_row(url: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, url)
    scene.set(scene.champion)
    scene.predict(500)
    assert scene.run()["answered"] == 500
    told = tasks.run("compare", scene.settings, lambda _: None)
    assert (told["rows"], told["agreed"], told["refused"]) == (500, 500, 0)
    report = json.loads(Path(told["path"]).read_bytes())
    assert report["all"]["identical"] == 500
    assert report["all"]["flips"] == []


@pytest.mark.services
def test_what_was_predicted_before_the_challenger_was_set_is_not_asked(url: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, url)
    scene.predict(5, at=scene.began - SECOND, name="before")
    scene.predict(5, name="after")
    scene.set(scene.challenger, scene.began)
    assert scene.run()["answered"] == 5
    assert {row["prediction_id"][:5] for row in rows_of(url)} == {"after"}


@pytest.mark.services
def test_pages_of_predictions_that_share_a_moment_leave_none_out(url: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, url)
    scene.predict(20)
    with Store(url, TRACKS) as store:
        kept, place, seen = Shadows(store, TRACKS), Place(scene.began - SECOND), list[str]()
        pages = 0
        while place is not None:
            page = kept.page("v", place, rows=7)
            seen += page.rows.ids if page.rows else []
            place, pages = page.end, pages + 1
    assert sorted(seen) == [f"p-{number:05}" for number in range(20)]
    assert pages == 3


@pytest.mark.services
def test_two_followers_at_once_store_one_answer(url: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, url)
    scene.predict(300)
    with Store(url, TRACKS) as store:
        kept = Shadows(store, TRACKS)
        page = kept.page("v", Place(scene.began - SECOND))
        assert page.rows
        model = Model(TRACKS, scene.served.threshold, scene.served.scorer.score)
        answers = shadowed(model, page.rows, page.moments)
        kept.add("v", answers, scene.began)
        kept.add("v", answers, scene.began)
        assert kept.count("v") == 300
        kept.add("w", answers, scene.began)
        assert kept.count("w") == 300, "another version has its own answers"


# ---------------------------------------------------------------------------------------------- refusals


def asked(score: Callable[[Any], Any], count: int = 40) -> list[tuple[str, float | None, str | None]]:
    """What a model with that `score` answers to good rows: id, score, refusal."""
    drawn = good_rows(TRACKS, count, 0)
    ids = [f"p{place}" for place in range(count)]
    own: list[list[Any]] = [ids, ["v"] * count, ["f"] * count, [0] * count, [0.5] * count]
    rows = zip(*own, *(drawn[column.name] for column in TRACKS.features), strict=True)
    said = shadowed(Model(TRACKS, 0.5, score), stored(TRACKS.features, list(rows)), [datetime.now(UTC)] * count)
    return [(one.prediction_id, one.score, one.refused) for one in said]


def even(rows: Any) -> Any:
    return np.full((len(rows), 2), 0.5)


def test_a_row_that_the_model_refuses_is_refused_alone() -> None:
    loudest = max(good_rows(TRACKS, 40, 0)["loudness"])
    place = TRACKS.feature_names.index("loudness")

    def moody(rows: Any) -> Any:
        if (rows[:, place] == loudest).any():
            raise BundleError("too loud")
        return even(rows)

    said = asked(moody)
    assert [why for _, _, why in said if why] == ["too loud"]
    assert sum(score == 0.5 for _, score, _ in said) == 39
    assert [identity for identity, _, _ in said] == [f"p{place}" for place in range(40)]


def test_a_score_that_is_no_number_is_a_refusal() -> None:
    said = asked(lambda rows: np.full((len(rows), 2), np.nan))
    assert {(score, why) for _, score, why in said} == {(None, NOT_A_NUMBER)}


@pytest.mark.parametrize("error", [PipelineLost("dead"), RuntimeError("a bug")], ids=repr)
def test_what_trying_again_can_mend_is_no_refusal(error: Exception) -> None:
    def dead(_: Any) -> Any:
        raise error

    with pytest.raises(type(error)):
        asked(dead)


def test_a_row_that_the_challenger_s_contract_refuses_is_stored_with_the_reason(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    loudness = next(column for column in TRACKS.features if column.name == "loudness")
    scene.predict(3, name="bad", **{input_name(loudness): 1e9})
    scene.predict(4, name="good")
    assert scene.run() == {"version": scene.challenger, "answered": 4, "refused": 3}
    assert {row["refused"] for row in rows_of(scene.url)} == {"loudness is out of range", None}
    assert scene.run()["refused"] == 0, "a refusal is final"


# ------------------------------------------------------------------------------------ whoever comes late


def test_a_walk_looks_back_a_little_and_now_and_then_at_everything() -> None:
    began = datetime(2026, 11, 24, tzinfo=UTC)
    walk = Walk(began, between_sweeps=60 * SECOND)
    now = began + 100 * SECOND
    assert not walk.went([], Place(now - SECOND, "p"), now)
    assert walk.place == Place(now - SECOND, "p")
    assert walk.went([now], None, now), "the first walk is a sweep"
    assert walk.place == Place(now - LOOK_BACK)
    for later in (1, 14):
        assert walk.went([], None, now + later * SECOND)
        assert walk.place == Place(now - GLANCE_BACK), "no pass reads all of that again"
    assert walk.went([], None, now + 15 * SECOND)
    assert walk.place == Place(now - LOOK_BACK)
    now += 59 * SECOND
    assert walk.went([], None, now)
    assert walk.place.created_at == began + 100 * SECOND - LOOK_BACK, "nothing newer came"
    assert walk.went([], None, now + SECOND)
    assert walk.place == Place(began), "a sweep is due"


def test_a_sweep_that_took_long_rests_long() -> None:
    began = datetime(2026, 11, 24, tzinfo=UTC)
    walk = Walk(began, between_sweeps=60 * SECOND)
    walk.went([began + 900 * SECOND], Place(began + 900 * SECOND, "p"), began + 1000 * SECOND)
    assert walk.went([], None, began + 1010 * SECOND)
    for later, place in ((199, began + 900 * SECOND - LOOK_BACK), (200, began)):
        assert walk.went([], None, began + 1010 * SECOND + later * SECOND)
        assert walk.place == Place(place)


def test_a_row_from_a_clock_that_is_wrong_hides_none_that_follow() -> None:
    began = datetime(2026, 11, 24, tzinfo=UTC)
    walk = Walk(began)
    walk.went([began + timedelta(days=365)], None, began + 60 * SECOND)
    assert walk.place == Place(began + 60 * SECOND - LOOK_BACK)


@pytest.mark.services
def test_rows_that_arrive_late_are_found_by_the_next_sweep(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "Walk", lambda since: Walk(since, between_sweeps=timedelta(0)))
    scene = Scene(tmp_path, url)
    follower = scene.follower([])
    scene.predict(5, name="in-time")
    follower.turn()
    scene.predict(5, name="late", at=scene.began - 1800 * SECOND)
    scene.predict(5, name="new", at=scene.began + SECOND)
    follower.turn()
    follower.let_go()
    assert len(rows_of(url)) == 15
    assert follower.state.answered == 15


# ------------------------------------------------------------------------------------ failing, following


def test_without_a_challenger_the_follower_does_nothing_and_once_is_a_mistake(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    scene.registry.shadow_off()
    follower = scene.follower([])
    assert follower.turn() == verb.SECONDS_BETWEEN_PASSES
    assert not (tmp_path / "predictions.db").exists()
    with pytest.raises(StepOrderError, match="shadow VERSION"):
        scene.run()


def test_a_challenger_that_is_set_changed_and_taken_off_is_followed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    scene.predict(10)
    said: list[str] = []
    follower = scene.follower(said)
    follower.turn()
    assert scene.state()["version"] == scene.challenger
    scene.set(scene.champion)
    follower.turn()
    scene.registry.shadow_off()
    follower.turn()
    assert scene.state()["version"] is None
    assert [row["version"] for row in rows_of(scene.url)].count(scene.champion) == 10
    assert len(rows_of(scene.url)) == 20
    assert said[-1] == "no version shadows any more"


def test_a_damaged_challenger_is_tried_again_ever_more_rarely_and_reported_until_it_works(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    scene.predict(10)
    model = scene.registry.root / scene.challenger / "model.onnx"
    good = model.read_bytes()
    model.write_bytes(good[:-1])
    said: list[str] = []
    follower = scene.follower(said)
    assert [follower.turn() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    state = scene.state()
    assert (state["failures"], state["answered"]) == (8, 0)
    assert "BundleDamaged" in state["why"]
    model.write_bytes(good)
    follower.turn()
    follower.let_go()
    assert len(rows_of(scene.url)) == 10
    assert (scene.state()["failures"], scene.state()["why"]) == (0, None)
    assert ["tried again" in line for line in said].count(True) == 1
    assert any("works again, after 8 failures" in line for line in said)


def test_a_store_that_is_silent_is_tried_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    (tmp_path / "predictions.db").mkdir()
    follower = scene.follower([])
    assert follower.turn() == 1
    assert "StoreError" in scene.state()["why"]
    with pytest.raises(StoreError):
        scene.run()
    (tmp_path / "predictions.db").rmdir()
    scene.predict(10)
    follower.turn()
    follower.let_go()
    assert len(rows_of(scene.url)) == 10


def test_a_challenger_file_that_says_nonsense_is_a_failure_until_it_is_set_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    follower = scene.follower([])
    for nonsense in ("", "v", "v yesterday", "v 2026-11-24", "\x00", f"{scene.challenger} "):
        scene.registry.challenger_file.write_text(nonsense)
        follower.turn()
        assert "--off" in scene.state()["why"]
    scene.predict(3)
    scene.set(scene.challenger)
    follower.turn()
    follower.let_go()
    assert len(rows_of(scene.url)) == 3


def test_the_follower_takes_its_share_of_time_and_no_more(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    scene.predict(2_500)
    scene.settings = Settings(**(scene.settings.model_dump() | {"shadow_share": 0.1}))
    follower = scene.follower([])
    began = time.monotonic()
    rest = follower.turn()
    worked = time.monotonic() - began
    follower.let_go()
    assert follower.state.answered == 1_000, "one page a turn"
    assert 0 < rest <= 9 * worked


# ------------------------------------------------------------------------------------- the real process


def program(scene: Scene, *words: str) -> subprocess.Popen[str]:
    """The command, in a process of its own."""
    own = {
        "MODEL_ARTIFACTS_DIR": str(scene.settings.artifacts_dir),
        "MODEL_DATABASE_URL": scene.url,
        "MODEL_SHADOW_SHARE": "1",
    }
    command = [sys.executable, "-m", "model", "shadow", *words]
    return subprocess.Popen(
        command, env=unmeasured() | own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.05)


def pipelines() -> list[int]:
    """The processes of pipelines that this process has started."""
    own = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = [int(word) for path in own for word in path.read_text().split()]
    return [pid for pid in children if b"pipeline_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_challenger_whose_process_is_killed_is_loaded_anew_and_answers_every_row_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db", compiled=False)
    follower = scene.follower([])
    scene.predict(20, name="first")
    before = pipelines()
    follower.turn()
    for pid in set(pipelines()) - set(before):
        os.kill(pid, signal.SIGKILL)
    scene.predict(20, name="second")
    follower.turn()
    assert "PipelineLost" in scene.state()["why"]
    assert len(rows_of(scene.url)) == 20, "nothing is stored that was not answered"
    follower.turn()
    follower.let_go()
    assert [row["refused"] for row in rows_of(scene.url)] == [None] * 40
    assert scene.state()["failures"] == 0


@pytest.mark.services
def test_a_follower_that_is_killed_goes_on_where_answers_are_missing(url: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, url)
    scene.predict(200, name="first")
    follower = program(scene, "--follow")
    try:
        until(lambda: len(answers(url)) == 200, follower)
        assert os.sched_getscheduler(follower.pid) == os.SCHED_IDLE, "whatever else wants the processor goes before"
        follower.kill()
        follower.communicate()
        scene.predict(200, name="second")
        follower = program(scene, "--follow")
        until(lambda: len(answers(url)) == 400, follower)
        follower.terminate()
        said, _ = follower.communicate()
    finally:
        follower.kill()
        follower.wait()
        follower.stdout.close()  # type: ignore[union-attr]  # it is a pipe
    assert follower.returncode == 0, said
    assert sorted(answers(url)) == [f"{name}-{number:05}" for name in ("first", "second") for number in range(200)]


def answers(url: str) -> list[str]:
    """The ids that have been answered; none before there is a table."""
    try:
        return [row["prediction_id"] for row in rows_of(url) if row["refused"] is None]
    except sa.exc.DBAPIError:
        return []


# ------------------------------------------------------------------------------------------- the registry


def test_a_challenger_is_set_by_name_with_an_entry_in_the_audit_and_champions_do_not_mind(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    registry, before = scene.registry, len(scene.registry.history())
    registry.shadow_off(who="ada", why="seen enough")
    since = registry.shadow(scene.challenger, who="ada", why="try it").since
    assert registry.shadow(scene.challenger, who="bob").since == since, "it goes on as it began"
    assert [(entry["event"], entry["who"], entry["why"]) for entry in registry.history()[before:]] == [
        ("shadow off", "ada", "seen enough"),
        ("shadow", "ada", "try it"),
    ]
    assert registry.rollback() == scene.challenger, "the champion before this one"
    registry.promote(scene.champion)
    assert "interrupted" not in {entry["event"] for entry in registry.history()}
    assert registry.shadow_off() == scene.challenger
    assert registry.shadow_off() is None


def test_how_a_challenger_fares_is_what_its_follower_said_of_it_and_of_no_other(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    since, own = scene.began - timedelta(hours=1), scene.registry.shadow_file
    assert scene.registry.shadowing() == Shadowing(scene.challenger, since)
    said = {"version": scene.challenger, "since": since.isoformat(), "answered": 7, "refused": 1, "newest": None}
    own.write_text(json.dumps(said | {"failures": 0, "why": None}))
    assert scene.registry.shadowing() == Shadowing(scene.challenger, since, 7, 1)
    own.write_text(json.dumps(said | {"newest": scene.began.isoformat(), "failures": 2, "why": "it is damaged"}))
    assert scene.registry.shadowing() == Shadowing(scene.challenger, since, 7, 1, scene.began, "it is damaged")
    for nothing in ("{", "[]", json.dumps(said | {"version": "v9"}), json.dumps(said | {"since": "yesterday"})):
        own.write_text(nothing)
        assert scene.registry.shadowing() == Shadowing(scene.challenger, since)
    scene.registry.shadow_off()
    assert scene.registry.shadowing() is None


def test_a_challenger_that_answers_another_question_is_refused_by_name(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    fewer = replace(TRACKS, columns=tuple(column for column in TRACKS.columns if column.name != "tempo"))
    odd = version_of(fewer, tmp_path, seed=5)
    scene.registry.promote(scene.champion)
    with pytest.raises(BundleError, match=r"features \(tempo\) differ"):
        scene.registry.shadow(odd)
    with pytest.raises(BundleError, match="no bundle"):
        scene.registry.shadow("../elsewhere")
    assert scene.registry.challenger().version == scene.challenger  # type: ignore[union-attr]  # Scene has set it


def test_a_challenger_that_is_damaged_is_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    scene.registry.shadow_off()
    shutil.rmtree(scene.registry.root / scene.challenger)
    with pytest.raises(BundleError):
        scene.registry.shadow(scene.challenger)
    assert scene.registry.challenger() is None


# -------------------------------------------------------------------------------------------- comparison


def compare(scene: Scene, **more: Any) -> tuple[tasks.Summary, dict[str, Any], str]:
    said: list[str] = []
    told = tasks.run("compare", Settings(**(scene.settings.model_dump() | more)), said.append)
    return told, json.loads(Path(told["path"]).read_bytes()), "\n".join(said)


@pytest.mark.services
def test_the_report_counts_flips_and_judges_both_on_the_truth_that_is_known(url: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, url)
    scene.predict(600)
    scene.run()
    with Store(url, TRACKS) as store:
        (some,) = store.inputs(Window())
        right = dict(zip(some.ids, some.labels, strict=True))
        known = list(right.items())[:400]
        now = datetime.now(UTC)
        store.add_truths(Truth("prediction_id", identity, label, now, now) for identity, label in known)
    told, report, said = compare(scene)
    agreed = sum(row["label"] == right[row["prediction_id"]] for row in rows_of(url))
    assert (told["rows"], told["agreed"], told["with_truth"]) == (600, agreed, 400)
    assert agreed < 600
    assert sum(flip["rows"] for flip in report["all"]["flips"]) == 600 - agreed
    assert list(report["champions"]) == [scene.champion]
    chief = report["truth"]["quality"]["f1_at_threshold"]
    assert chief["champion"] == 1, "the champion's answers were said to be true"
    assert chief["gain"]["low"] <= chief["gain"]["value"] <= chief["gain"]["high"] < 0
    assert chief["gain"]["value"] == pytest.approx(chief["challenger"] - 1)
    assert "f1_at_threshold of 400 rows with truth" in said
    picture = Path(told["path"]).with_suffix(".png")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_comparison_of_nothing_says_so_and_one_of_no_version_how_to_get_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db")
    scene.predict(5)
    scene.run()
    assert compare(scene, compare_until=scene.began)[0]["rows"] == 0
    assert "nothing is drawn" in compare(scene, compare_since=scene.began + SECOND)[2]
    scene.registry.shadow_off()
    assert compare(scene, compare_version=scene.challenger)[0]["rows"] == 5
    with pytest.raises(StepOrderError, match="--version"):
        compare(scene)


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_other_tasks_are_compared_too(name: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"sqlite:///{tmp_path}/predictions.db", find(name).contract)
    scene.predict(300)
    scene.run()
    with Store(scene.url, scene.contract) as store:
        (some,) = store.inputs(Window())
        now = datetime.now(UTC)
        store.add_truths(
            Truth("prediction_id", i, label, now, now) for i, label in zip(some.ids, some.labels, strict=True)
        )
    report = compare(scene)[1]
    name, found = next(iter(report["truth"]["quality"].items()))
    assert name in {"accuracy", "rmse"}
    assert found["gain"]["high"] < 0, "the champion was right by decree"


def test_the_better_of_two_is_found_and_equals_gain_nothing() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 3_000)
    good, bad = (np.clip(0.5 + (truth - 0.5) * share + rng.normal(0, 0.2, 3_000), 0, 1) for share in (0.5, 0.2))

    def gained(champion: Any, challenger: Any) -> dict[str, float]:
        columns = [truth, champion > 0.5, champion, challenger > 0.5, challenger]
        rows, quality = duel.paired(TRACKS, [list(column) for column in columns])
        assert rows == 3_000
        return dict(quality["average_precision"]["gain"])

    assert gained(bad, good)["low"] > 0
    assert gained(good, bad)["high"] < 0
    assert gained(good, good) == {"value": 0, "low": 0, "high": 0}


# --------------------------------------------------------------------------------------------- forgetting


@pytest.mark.services
def test_answers_are_forgotten_with_the_predictions_that_they_answer(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.shadows.ROWS_AT_ONCE", 4)
    scene = Scene(tmp_path, url)
    old = datetime.now(UTC) - timedelta(days=40)
    scene.set(scene.challenger, old - SECOND)
    scene.predict(10, at=old, name="old")
    scene.predict(3, name="young")
    scene.run()
    told = tasks.run("prune", Settings(**(scene.settings.model_dump() | {"keep_days": 30})), lambda _: None)
    assert (told["deleted"], told["deleted_shadows"], told["left"]) == (10, 10, 3)
    assert len(rows_of(url)) == 3
    assert scene.run()["answered"] == 0
