"""Somebody is told once that something is wrong, and once that it is over, whatever fails meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from model.contracts import find
from model.incident import KINDS, Incident, Kind
from model.incidents import TOLD_WITHIN, Incidents
from model.measured import Measured, Span
from model.settings import Settings
from model.steps.incidents import begun, ended
from model.steps.policy import Policy, evidence
from model.store import Store
from model.tasks import alerts
from model.tasks.job import Job
from model.testing.receiver import Receiver, receiving
from model.testing.settings import settings_in
from model.webhook import MOST_BYTES, WebhookError, post

TRACKS = find("reggaeton").contract
POLICY = Policy()


def now() -> datetime:
    return datetime.now(UTC)


def incident(kind: Kind, version: str = "v1") -> Incident:
    return Incident(f"{kind}-{version}", version, kind, now() - timedelta(hours=1), f"{kind} is wrong")


def window(*alarming: str, rows: int = 1000) -> list[Measured]:
    """A window of yesterday: its rows, quality that is fine, and what alarms."""
    span = Span(now() - timedelta(days=2), now() - timedelta(days=1))
    said = {"rows": False, "average_precision": False} | dict.fromkeys(alarming, True)
    nothing = (math.nan,) * 5
    return [Measured("v1", span, name, "", *nothing, rows, alarm, f"{name} moved") for name, alarm in said.items()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Who is told."""
    with receiving() as one:
        yield one


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind."""
    sqlite = f"sqlite:///{tmp_path}/predictions.db"
    url = sqlite if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    with Store(url, TRACKS) as opened:
        yield opened


def job(folder: Path, receiver: Receiver | None, said: list[str] | None = None) -> Job:
    settings = settings_in(folder, **({"alert_webhook": receiver.url} if receiver else {}))
    return Job(settings, ([] if said is None else said).append)


# ------------------------------------------------------------------------------- what begins and ends


def test_what_is_found_begins_once_and_ends_when_it_is_not_found_any_more() -> None:
    found = evidence(window("average_precision"), now(), POLICY)
    assert [kind for kind in KINDS if found[kind]] == ["quality"]
    (new,) = begun([], "v1", found, now())
    assert new.kind == "quality"
    assert "average_precision moved" in new.why
    assert begun([new], "v1", found, now()) == []
    assert ended([new], "v1", found, now()) == []
    (over,) = ended([new], "v1", evidence(window(), now(), POLICY), now())
    assert over.ended_at is not None
    assert "not show it any more" in str(over.ended_why)


def test_without_a_window_or_without_truth_nobody_can_say_that_quality_is_good_again() -> None:
    lasting = [incident("quality")]
    without_truth = [one for one in window() if one.measure == "rows"]
    for history in ([], window(rows=3), without_truth):
        assert ended(lasting, "v1", evidence(history, now(), POLICY), now()) == []


def test_an_incident_of_a_version_that_serves_no_more_is_over_and_the_new_one_has_its_own() -> None:
    found = evidence(window("average_precision"), now(), POLICY)
    (over,) = ended([incident("quality", "v0")], "v1", found, now())
    assert over.ended_why == "Version v1 serves now."
    assert [one.version for one in begun([incident("quality", "v0")], "v1", found, now())] == ["v1"]


# ------------------------------------------------------------------------------------ who is told what


@pytest.mark.services
def test_each_incident_is_told_once_and_its_end_once_with_every_run_between_them(
    store: Store, tmp_path: Path, receiver: Receiver
) -> None:
    incidents, run = Incidents(store, TRACKS), job(tmp_path, receiver)
    histories = [window(), *[window("average_precision", "missing")] * 3, window("missing"), window(), window()]
    lasting = [alerts.look(run, incidents, "v1", history, POLICY) for history in histories]
    assert lasting == [0, 2, 2, 2, 1, 0, 0]
    assert sorted(receiver.events[:2]) == [("begun", "data"), ("begun", "quality")]
    assert receiver.events[2:] == [("ended", "quality"), ("ended", "data")]
    of_quality = {one["incident"] for one in receiver.came if one["kind"] == "quality"}
    assert len(of_quality) == 1
    assert "average_precision moved" in next(one["text"] for one in receiver.came if one["kind"] == "quality")


def test_what_the_webhook_does_not_take_is_tried_again_by_the_next_run(tmp_path: Path, receiver: Receiver) -> None:
    said: list[str] = []
    with Store(f"sqlite:///{tmp_path}/predictions.db", TRACKS) as store:
        incidents, run = Incidents(store, TRACKS), job(tmp_path, receiver, said)
        receiver.status = 503
        alerts.look(run, incidents, "v1", window("average_precision"), POLICY)
        assert "nobody could be told: the webhook answered with status 503; the next run tries again" in said
        receiver.status = 200
        alerts.look(run, incidents, "v1", window("average_precision"), POLICY)
        alerts.look(run, incidents, "v1", window("average_precision"), POLICY)
    assert receiver.events == [("begun", "quality")]


def test_the_end_of_what_nobody_heard_of_is_no_news_and_neither_is_what_is_old(
    tmp_path: Path, receiver: Receiver
) -> None:
    with Store(f"sqlite:///{tmp_path}/predictions.db", TRACKS) as store:
        incidents = Incidents(store, TRACKS)
        alerts.look(job(tmp_path, None), incidents, "v1", window("average_precision"), POLICY)
        alerts.look(job(tmp_path, None), incidents, "v1", window(), POLICY)
        incidents.begin([Incident("old", "v1", "drift", now() - TOLD_WITHIN * 2, "it drifts")])
        alerts.tell(job(tmp_path, receiver), incidents, now())
        assert [one.identity for one in incidents.lasting()] == ["old"]
    assert receiver.came == []


# ----------------------------------------------------------------------------------------- the webhook


def test_a_message_is_refused_that_the_other_side_does_not_take_and_no_error_names_the_address(
    receiver: Receiver,
) -> None:
    post(receiver.url, {"a": 1})
    assert receiver.came == [{"a": 1}]
    for status in (302, 307, 404, 500):
        receiver.status = status
        with pytest.raises(WebhookError, match=str(status)) as failed:
            post(receiver.url, {"a": 2})
        assert "127.0.0.1" not in str(failed.value)
    with pytest.raises(WebhookError, match="does not answer"):
        post("http://127.0.0.1:9/secret", {})
    with pytest.raises(WebhookError, match="more than"):
        post(receiver.url, {"a": "x" * MOST_BYTES})
    assert receiver.came == [{"a": 1}]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://host/x", "https://", "nonsense"])
def test_a_webhook_is_an_address_of_the_web_and_is_never_shown(address: str) -> None:
    with pytest.raises(ValidationError, match="names a host"):
        Settings(alert_webhook=address)  # type: ignore[arg-type]  # pydantic makes it one
    assert "secret" not in repr(Settings(alert_webhook="https://host/secret"))  # type: ignore[arg-type]
