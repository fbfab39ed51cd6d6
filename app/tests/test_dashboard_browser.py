"""Every page of the dashboard in a real browser: nothing blocked, no other host asked, accessible, at any width.

axe-core (app/tests/axe, Mozilla Public License 2.0, for tests only) checks WCAG 2.2 A and AA.
"""

from __future__ import annotations

import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.testing import Service, serve
from model.board import Board
from model.contract import Contract
from model.contracts import find
from model.testing.boards import empty, month, troubled

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
ADMIN = "0123456789abcdef-for-tests"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PHONE, DESK = 360, 1320
TRACKS = find("reggaeton").contract

MONTH = month(TRACKS)
PAGES = (
    "/dashboard",
    "/dashboard/try",
    "/dashboard?span=24h",
    "/dashboard?span=7d",
    f"/dashboard/predictions/{MONTH.recent[0].prediction_id}",
    f"/dashboard/versions/{MONTH.versions[0].version}",
    "/dashboard/sign-in",
)

pytestmark = [pytest.mark.services, pytest.mark.unmeasured]


@cache
def read_month(span: timedelta) -> Board:
    """Made once: drawing its figures takes longer than showing them."""
    return month(TRACKS, days=max(1, round(span / timedelta(days=1))))


@pytest.fixture
def contract() -> Contract:
    """What is served here."""
    return TRACKS


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="this environment has no Playwright")
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail("REQUIRE_SERVICES=1 and there is no chromium")
        pytest.skip("needs chromium")
    with (
        playwright.sync_playwright() as started,
        started.chromium.launch(executable_path=path, args=ARGUMENTS) as chromium,
    ):
        yield chromium


@pytest.fixture
def opened(artifacts: Path) -> Iterator[Service]:
    """The month's dashboard, on which an admin may act."""
    with serve(artifacts, "reggaeton", read_board=read_month, admin_token=ADMIN) as service:
        yield service


class Visit:
    """A page in the browser, and all that it complained of or asked for."""

    def __init__(self, browser: Any, service: Service, scheme: str, width: int) -> None:
        """Open the browser's page; it goes nowhere yet."""
        self.base = str(service.client.base_url).rstrip("/")
        # axe is put in from outside: what the page itself does is under its own policy all the same.
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=False
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def go(self, path: str) -> Any:
        """Open a page of the service."""
        self.page.goto(self.base + path)
        return self.page

    def check(self) -> None:
        """It is accessible, fits the screen, and nothing was blocked or fetched elsewhere."""
        page = self.page
        found = page.evaluate(f"() => {{ {AXE}; return axe.run({{runOnly: {RULES}}}); }}")
        assert len(found["passes"]) > 10  # it has looked
        told = [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]
        assert told == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert page.evaluate("getComputedStyle(document.querySelector('header.top')).display") == "flex"  # styled
        assert self.complaints == []
        assert self.hosts == {urlsplit(self.base).netloc}


@pytest.mark.parametrize(("scheme", "width"), [("light", DESK), ("dark", PHONE)])
def test_every_page_is_accessible_silent_and_fits(browser: Any, opened: Service, scheme: str, width: int) -> None:
    visit = Visit(browser, opened, scheme, width)
    for path in PAGES if scheme == "light" else PAGES[:2]:
        visit.go(path)
        visit.check()
    visit.go("/dashboard")
    visit.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    visit.check()
    visit.context.close()


@pytest.mark.parametrize("make", [empty, troubled])
def test_a_board_with_little_on_it_is_accessible_too(browser: Any, artifacts: Path, make: Any) -> None:
    with serve(artifacts, "reggaeton", read_board=lambda _: make(TRACKS)) as service:
        for width in (PHONE, DESK):
            visit = Visit(browser, service, "light", width)
            visit.go("/dashboard")
            visit.check()
            visit.context.close()


def test_a_person_tries_the_model_by_keyboard_alone_and_without_javascript(browser: Any, opened: Service) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=str(opened.client.base_url))
    page = context.new_page()
    page.goto("/dashboard/try")
    page.locator("#c1").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("0.5")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer")
    assert page.locator("#c1").input_value() == "0.5"
    assert "The model answers" in page.locator("#answer").inner_text()
    context.close()


def test_an_answer_and_a_refusal_are_accessible(browser: Any, opened: Service) -> None:
    visit = Visit(browser, opened, "light", DESK)
    page = visit.go("/dashboard/try")
    page.click("button.main")
    page.wait_for_selector("#answer")
    visit.check()
    page.evaluate("document.querySelector('form.trial').noValidate = true")
    page.fill("#c1", "7")
    page.click("button.main")
    page.wait_for_selector("[aria-invalid]")
    assert ["status of 422" in one for one in visit.complaints] == [True]  # which Chromium tells of any such answer
    visit.complaints.clear()
    visit.check()
    visit.context.close()


def test_an_admin_signs_in_and_promotes_in_the_browser(browser: Any, opened: Service) -> None:
    visit = Visit(browser, opened, "light", DESK)
    page = visit.go("/dashboard/sign-in")
    page.fill("#token", ADMIN)
    page.click("button.main")
    page.wait_for_selector(".acts")
    visit.check()
    page.fill("form[action$='retrain'] input[name=why]", "new labels came")
    page.click("form[action$='retrain'] button")
    page.wait_for_url("**/dashboard")
    assert "new labels came" in opened.registry.retraining_file.read_text()
    page.click("text=Sign out")
    page.wait_for_selector("text=Sign in")
    assert page.locator(".acts").count() == 0
    visit.context.close()


def test_the_dashboard_and_its_sign_in_work_in_a_frame_of_another_port_of_this_host(
    browser: Any, opened: Service, artifacts: Path, tmp_path: Path
) -> None:
    frame = tmp_path / "frame.html"
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        words = {"environment": "production", "dashboard_token": ADMIN, "dashboard_frames": origin}
        with serve(artifacts, "reggaeton", read_board=read_month, **words) as service:
            address = service.client.base_url.join("/dashboard")
            frame.write_text(f'<iframe src="{address}" sandbox="allow-scripts allow-same-origin allow-forms"></iframe>')
            page = browser.new_page()
            page.goto(f"{origin}/frame.html")
            inside = page.frame_locator("iframe")
            inside.locator("#token").fill(ADMIN)
            inside.locator("button.main").click()
            inside.locator("#verdict").wait_for()
            page.close()
        refusing = browser.new_page()
        frame.write_text(f'<iframe src="{opened.client.base_url.join("/dashboard")}"></iframe>')
        refusing.goto(f"{origin}/frame.html")
        assert refusing.frame_locator("iframe").locator("#verdict").count() == 0
        refusing.close()
        server.shutdown()
