"""Who may read the dashboard and who may act on it, by real requests; and that trying the model is a prediction."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from app.dashboard.session import COOKIE, Sessions
from app.settings import ServiceSettings
from app.testing import Service, serve
from model.askings import asked
from model.board import Board
from model.contract import Contract
from model.contracts import find
from model.testing.boards import month

ADMIN = "0123456789abcdef-for-tests"
READER = "fedcba9876543210-for-tests"
PAGES = ("/dashboard", "/dashboard/try", "/dashboard/predictions/x", "/dashboard/versions/x")
ACTS = ("promote", "rollback", "retrain")


@pytest.fixture
def contract() -> Contract:
    """What is served here."""
    return find("reggaeton").contract


def read_month(span: timedelta) -> Board:
    return month(find("reggaeton").contract, days=max(1, round(span / timedelta(days=1))))


@pytest.fixture
def opened(artifacts: Path) -> Iterator[Service]:
    """A dashboard that everybody may read, and an admin may act on."""
    with serve(artifacts, "reggaeton", read_board=read_month, admin_token=ADMIN) as service:
        yield service


@pytest.fixture
def closed(artifacts: Path) -> Iterator[Service]:
    """A dashboard in production, with both tokens."""
    words = {"environment": "production", "dashboard_token": READER, "admin_token": ADMIN}
    with serve(artifacts, "reggaeton", read_board=read_month, **words) as service:
        yield service


def post(service: Service, path: str, form: dict[str, str], **headers: str) -> httpx.Response:
    origin = str(service.client.base_url).rstrip("/")
    return service.client.post(f"/dashboard/{path}", data=form, headers={"Origin": origin, **headers})


def sign_in(service: Service, token: str) -> httpx.Response:
    return post(service, "sign-in", {"token": token})


def form_token(service: Service) -> str:
    return service.client.get("/dashboard").text.split('name="form" value="')[1].split('"')[0]


# ---------------------------------------------------------------------------------------- reading


def test_in_development_everybody_reads_and_no_button_is_there(opened: Service) -> None:
    page = opened.client.get("/dashboard")
    assert page.status_code == 200
    assert "drifted" in page.text
    assert 'name="form"' not in page.text
    assert opened.client.get("/dashboard?span=24h").status_code == 200
    assert opened.client.get("/dashboard?span=<script>").status_code == 404


def test_a_page_is_neither_kept_nor_scripted_and_framed_by_airflow_only(opened: Service) -> None:
    headers = opened.client.get("/dashboard").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "form-action 'self'" in policy
    assert policy.endswith("frame-ancestors 'self' http://localhost:8080 http://127.0.0.1:8080")
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    other = opened.client.get("/").headers["content-security-policy"]
    assert "form-action 'none'" in other
    assert "localhost" not in other


@pytest.mark.parametrize("path", PAGES)
def test_in_production_no_page_is_read_without_a_token(closed: Service, path: str) -> None:
    page = closed.client.get(path)
    assert page.status_code == 401
    assert "Sign in" in page.text
    assert "drifted" not in page.text


def test_whoever_shows_the_readers_token_reads_and_cannot_act(closed: Service) -> None:
    answer = sign_in(closed, READER)
    assert (answer.status_code, answer.headers["location"]) == (303, "../dashboard")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(f"{COOKIE}=reader.")
    for word in ("httponly", "samesite=strict", "path=/dashboard", "max-age=28800"):
        assert word in cookie
    page = closed.client.get("/dashboard")
    assert page.status_code == 200
    assert 'name="form"' not in page.text
    for act in ACTS:
        assert post(closed, act, {"form": "x", "version": "x", "why": "x"}).status_code == 401


def test_a_wrong_token_opens_nothing_and_signing_out_closes(closed: Service) -> None:
    for wrong in ("", "x", f"{READER}x", "é" * 40):
        answer = sign_in(closed, wrong)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    sign_in(closed, READER)
    assert closed.client.get("/dashboard").status_code == 200
    post(closed, "sign-out", {})
    assert closed.client.get("/dashboard").status_code == 401


def test_in_production_without_a_token_the_dashboard_is_off_and_says_how_to_have_it(artifacts: Path) -> None:
    with serve(artifacts, "reggaeton", read_board=read_month, environment="production", admin_token=ADMIN) as service:
        for path in PAGES:
            page = service.client.get(path)
            assert page.status_code == 403
            assert "SERVICE_DASHBOARD_TOKEN" in page.text
        assert sign_in(service, ADMIN).status_code == 403
        assert post(service, "try", {}).status_code == 403


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ({}, "open"),
        ({"dashboard": "off"}, "off"),
        ({"dashboard": "token", "dashboard_token": READER}, "token"),
        ({"environment": "production"}, "off"),
        ({"environment": "production", "dashboard_token": READER}, "token"),
        ({"environment": "production", "dashboard": "open"}, "open"),
    ],
    ids=str,
)
def test_the_settings_say_who_reads(words: dict[str, Any], mode: str, artifacts: Path) -> None:
    assert ServiceSettings(artifacts_dir=artifacts, **words).dashboard_mode() == mode


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"dashboard": "token"}, "SERVICE_DASHBOARD_TOKEN"),
        ({"dashboard_token": "short"}, "SERVICE_DASHBOARD_TOKEN"),
        ({"dashboard_token": ADMIN, "admin_token": ADMIN}, "must not be"),
        ({"dashboard_frames": "http://a; script-src *"}, "dashboard_frames"),
    ],
    ids=str,
)
def test_settings_that_would_open_more_than_they_say_are_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ServiceSettings(**words)


# ---------------------------------------------------------------------------------------- sessions


def test_a_cookie_that_was_changed_is_old_or_of_another_token_is_none() -> None:
    sessions = Sessions({"reader": READER, "admin": ADMIN})
    cookie = sessions.cookie("reader")
    assert sessions.read(cookie) is not None
    _, until, nonce, signature = cookie.split(".")
    for forged in (
        cookie.replace("reader", "admin"),
        f"reader.{int(until) + 1}.{nonce}.{signature}",
        f"reader.1.{nonce}.{sessions._sign('reader', f'reader.1.{nonce}')}",
        cookie[:-1],
        "",
        None,
        "é.é.é.é",
        "admin",
        "x" * 10_000,
    ):
        assert sessions.read(forged) is None
    assert Sessions({"reader": ADMIN}).read(cookie) is None
    assert Sessions({"reader": "", "admin": ADMIN}).read(cookie) is None


def test_forms_of_two_sessions_have_different_tokens() -> None:
    sessions = Sessions({"admin": ADMIN})
    first, second = (sessions.read(sessions.cookie("admin")) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.form != second.form


# ----------------------------------------------------------------------------------------- acting


def test_an_admin_promotes_rolls_back_and_asks_for_a_training_with_a_reason(opened: Service) -> None:
    sign_in(opened, ADMIN)
    form = form_token(opened)
    champion, registry = opened.registry.champion(), opened.registry
    other = next(version for version in registry.versions() if version != champion)

    assert post(opened, "promote", {"form": form, "version": other, "why": "tried"}).status_code == 303
    assert registry.champion() == other
    assert (registry.history()[-1]["who"], registry.history()[-1]["why"]) == ("admin", "tried")
    assert opened.client.get("/health/ready").json()["version"] == other

    assert post(opened, "rollback", {"form": form, "why": "worse"}).status_code == 303
    assert (registry.champion(), registry.history()[-1]["why"]) == (champion, "worse")

    assert post(opened, "retrain", {"form": form, "why": "new labels", "urgent": "yes"}).status_code == 303
    kept = asked(registry.retraining_file)
    assert kept is not None
    assert (kept.who, kept.why, kept.urgent) == ("admin", "new labels", True)


def test_the_same_can_be_asked_of_admin_without_a_page(opened: Service) -> None:
    headers = {"Authorization": f"Bearer {ADMIN}"}
    assert opened.client.post("/admin/retrain", json={"why": "by hand"}).status_code == 401
    answer = opened.client.post("/admin/retrain", json={"why": "by hand"}, headers=headers)
    assert answer.status_code == 202
    kept = asked(opened.registry.retraining_file)
    assert kept is not None
    assert (kept.why, kept.urgent) == ("by hand", False)


@pytest.mark.parametrize("act", ACTS)
def test_no_act_without_this_sessions_form_or_from_another_site(opened: Service, act: str) -> None:
    before, history = opened.registry.champion(), opened.registry.history()
    words = {"version": opened.registry.versions()[0], "why": "x"}
    assert post(opened, act, words).status_code == 401
    sign_in(opened, ADMIN)
    good = {**words, "form": form_token(opened)}
    other = Sessions({"admin": ADMIN})
    foreign = other.read(other.cookie("admin"))
    assert foreign is not None
    refusals = [
        post(opened, act, words),
        post(opened, act, {**words, "form": ""}),
        post(opened, act, {**words, "form": foreign.form}),
        post(opened, act, good, Origin="http://evil.example"),
        post(opened, act, good, Origin="null"),
        post(opened, act, good, **{"Sec-Fetch-Site": "cross-site"}),
        post(opened, act, good, **{"Sec-Fetch-Site": "same-site"}),
        opened.client.post(f"/dashboard/{act}", data=good),
    ]
    assert {answer.status_code for answer in refusals} == {403}
    assert opened.client.get(f"/dashboard/{act}").status_code == 405
    json_body = post(opened, act, {}, **{"Content-Type": "application/json"})
    assert json_body.status_code == 415
    assert (opened.registry.champion(), opened.registry.history()) == (before, history)
    assert asked(opened.registry.retraining_file) is None


def test_an_act_that_cannot_be_says_why_and_a_form_that_is_too_large_is_refused(opened: Service) -> None:
    sign_in(opened, ADMIN)
    form = form_token(opened)
    answer = post(opened, "promote", {"form": form, "version": "../x", "why": "x"})
    assert answer.status_code == 503
    assert "no bundle" in answer.text
    assert post(opened, "promote", {"form": form, "version": "", "why": "x"}).status_code == 422
    assert post(opened, "promote", {"form": form, "version": "x", "why": "x" * 501}).status_code == 422
    assert post(opened, "promote", {"form": form, "why": "x" * 70_000}).status_code == 413


# ------------------------------------------------------------------------------------------ pages


def test_a_prediction_and_a_version_have_pages_and_others_do_not(opened: Service) -> None:
    board = read_month(timedelta(days=30))
    row, version = board.recent[0], board.versions[0]
    page = opened.client.get(f"/dashboard/predictions/{row.prediction_id}")
    assert page.status_code == 200
    assert row.prediction_id in page.text
    page = opened.client.get(f"/dashboard/versions/{version.version}")
    assert page.status_code == 200
    assert "Model card" in page.text
    for path in ("predictions/nothing", "versions/nothing"):
        page = opened.client.get(f"/dashboard/{path}")
        assert page.status_code == 404
        assert "There is nothing here" in page.text


def test_without_a_model_the_dashboard_says_how_to_have_one(empty_service: Service) -> None:
    page = empty_service.client.get("/dashboard")
    assert page.status_code == 503
    assert "1_training_pipeline" in page.text


def test_what_the_registry_knows_is_shown_where_no_store_is_read(own_service: Service) -> None:
    page = own_service.client.get("/dashboard")
    assert page.status_code == 200
    assert "This service reads no prediction store" in page.text
    assert own_service.registry.champion() in page.text


def test_what_the_store_keeps_is_shown_where_its_address_is_given(artifacts: Path, example: dict[str, Any]) -> None:
    pytest.importorskip("sqlalchemy", reason="the service's own environment has no store")
    url, spool = f"sqlite:///{artifacts}/predictions.db", artifacts / "spool"
    with serve(artifacts, "reggaeton", log="durable", spool_dir=spool) as service:
        shown = [service.predict(example).headers["x-prediction-id"] for _ in range(3)]
    places = {"MODEL_DATABASE_URL": url, "MODEL_SPOOL_DIR": str(spool), "MODEL_ARTIFACTS_DIR": str(artifacts)}
    subprocess.run([sys.executable, "-P", "-m", "model", "ship"], env=os.environ | places, check=True)
    with serve(artifacts, "reggaeton", database_url=url) as service:
        page = service.client.get("/dashboard?span=24h").text
        one = service.client.get(f"/dashboard/predictions/{shown[0]}")
    assert "It has answered 3 rows in this span" in page
    assert all(f"dashboard/predictions/{ident}" in page for ident in shown)
    assert one.status_code == 200


def test_a_store_that_cannot_be_read_leaves_what_the_registry_knows(artifacts: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="the service's own environment has no store")
    with serve(artifacts, "reggaeton", database_url=f"sqlite:///{artifacts}") as service:
        page = service.client.get("/dashboard")
        champion = service.registry.champion()
    assert page.status_code == 200
    assert "cannot be read" in page.text
    assert champion in page.text


def test_a_flood_of_readers_reads_the_board_once(artifacts: Path) -> None:
    spans: list[timedelta] = []
    begun = threading.Event()

    def counted(span: timedelta) -> Board:
        spans.append(span)
        begun.set()
        return read_month(span)

    with serve(artifacts, "reggaeton", read_board=counted) as service:
        address = str(service.client.base_url.join("/dashboard?span=24h"))
        with ThreadPoolExecutor(8) as many:
            answers = list(many.map(lambda _: httpx.get(address, timeout=60, trust_env=False).status_code, range(8)))
    assert answers == [200] * 8
    assert begun.is_set()
    assert len(spans) <= 2  # the second only where the first was too old already: a busy machine


# ------------------------------------------------------------------------------------------ trying


def test_what_is_tried_is_answered_as_any_request_and_kept(artifacts: Path, example: dict[str, Any]) -> None:
    with serve(artifacts, "reggaeton", log="durable", spool_dir=artifacts / "spool") as service:
        said = {f"c{place}": str(values[0]) for place, values in enumerate(example["data"].values())}
        page = post(service, "try", said)
        assert page.status_code == 200
        label = service.predict(example).json()["prediction"]
        name = find("reggaeton").contract.target.labels[label].name
        assert f"The model answers: {name}" in page.text
        assert "What moved the score" in page.text
        shown = page.headers["x-prediction-id"]
        assert shown in page.text
    kept = b"".join(path.read_bytes() for path in (artifacts / "spool").rglob("*") if path.is_file())
    assert shown.encode() in kept


def test_what_breaks_the_contract_is_told_at_its_field_and_what_was_said_is_kept(own_service: Service) -> None:
    contract = find("reggaeton").contract
    said = {f"c{place}": "" for place in range(len(contract.columns))} | {"c1": "7", "c2": '"><b>'}
    page = post(own_service, "try", said)
    assert page.status_code == 422
    assert 'value="7"' in page.text
    assert "less than or equal to 1" in page.text
    assert page.text.count('aria-invalid="true"') == len(contract.columns)
    assert "<b>" not in page.text


def test_a_form_of_another_site_is_not_answered(own_service: Service) -> None:
    answer = own_service.client.post("/dashboard/try", data={"c0": "1"}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert json.loads(own_service.client.get("/health/ready").text)["status"] == "ready"
