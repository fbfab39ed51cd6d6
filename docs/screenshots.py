"""Take the pictures in docs/ anew from a running `make demo`: `make screenshots`. `--loop`: from a running loop-demo.

Needs Chromium, and Playwright's Python package, which `make test-environment` installs.
"""

# ruff: noqa: INP001, T201 - a command of its own: no package, and its output is its interface

from __future__ import annotations

import argparse
import io
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

DOCS = Path(__file__).resolve().parent
USER = PASSWORD = "airflow"  # noqa: S105 - of the demo, which listens on this machine only
TRAINING, BATCH = "1_training_pipeline", "2_batch_prediction"
WIDTH, HEIGHT = 1440, 900
MOST_BYTES = 400_000
# Of the dashboard: path, colour scheme, width.
DASHBOARD = {
    "dashboard.png": ("/dashboard", "light", 1320),
    "dashboard-dark.png": ("/dashboard", "dark", 1320),
    "dashboard-phone.png": ("/dashboard", "light", 390),
    "dashboard-try.png": ("/dashboard/try", "light", 1320),
}
# What stands on the dashboard when `make loop-demo` has told its story.
LOOP = "/dashboard?span=24h"
COLOURS, COLOURS_OF_VERDICTS = 128, 256
SECONDS_TO_ANSWER = 5
MILLISECONDS_TO_APPEAR = 30_000
MILLISECONDS_TO_SETTLE = 2_000
# A headless browser without a screen, which asks nobody on the network for anything.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def stop(message: str) -> NoReturn:
    """End with one line."""
    sys.exit(f"screenshots: {message}")


def check_demo(*addresses: str) -> None:
    """Stop with a clear line unless both programs of the demo answer."""
    for address in addresses:
        try:
            with urllib.request.urlopen(address, timeout=SECONDS_TO_ANSWER):  # noqa: S310 - our own http addresses
                pass
        except (urllib.error.URLError, OSError) as error:
            stop(f"{address} does not answer ({error}): start it in another terminal, and wait until it rests")


def log_in(page: Page, airflow: str) -> None:
    """Log in as the demo's only user."""
    page.goto(f"{airflow}/auth/login")
    page.fill("input[name=username]", USER)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(lambda address: "/auth/" not in address)


def picture_of_dags(page: Page, airflow: str) -> bytes:
    """The list of DAGs, each with the state of its last runs."""
    page.goto(f"{airflow}/dags")
    for dag in (TRAINING, BATCH):
        page.get_by_text(dag).first.wait_for()
    return settled(page, 580)


def picture_of_run(page: Page, airflow: str, dag: str) -> bytes:
    """The last successful run of a DAG, as a graph."""
    page.goto(f"{airflow}/dags/{dag}/runs/{last_success(page, airflow, dag)}")
    page.click("button[aria-label^='Show Graph']")
    page.get_by_text("Success").first.wait_for()
    return settled(page, 620)


def last_success(page: Page, airflow: str, dag: str) -> str:
    """The identity of a DAG's last successful run."""
    query = "state=success&order_by=-run_after&limit=1"
    answer = page.request.get(f"{airflow}/api/v2/dags/{dag}/dagRuns?{query}")
    runs = answer.json()["dag_runs"] if answer.ok else []
    return (
        str(runs[0]["dag_run_id"]) if runs else stop(f"{dag} has no successful run yet: wait until `make demo` rests")
    )


def picture_of_interface(page: Page, service: str) -> bytes:
    """The service's documentation with the request opened."""
    page.goto(f"{service}/docs")
    page.wait_for_selector("#operations-prediction-get_prediction .body-param__text")
    return settled(page, 1000)


def picture_of_status(page: Page, service: str) -> bytes:
    """The service's page for people."""
    page.goto(service)
    page.wait_for_selector("table")
    return settled(page, 1000)


def picture_inside_airflow(page: Page, airflow: str) -> bytes:
    """The dashboard as Airflow's navigation shows it."""
    page.goto(f"{airflow}/dags")
    page.get_by_text("Model", exact=True).first.click()
    page.frame_locator("iframe").locator("h1").first.wait_for()
    return settled(page, 900)


def picture_of_loop(page: Page, service: str) -> bytes:
    """The whole dashboard."""
    page.set_viewport_size({"width": DASHBOARD["dashboard.png"][2], "height": HEIGHT})
    page.goto(f"{service}{LOOP}")
    return page.screenshot(full_page=True)


def settled(page: Page, height: int) -> bytes:
    """The page's picture, `height` pixels high, once its requests and movements have ended."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(MILLISECONDS_TO_SETTLE)
    return page.screenshot(animations="disabled")


def reduced(png: bytes, colours: int = COLOURS, *, keep_rare: bool = False) -> bytes:
    """The same picture with few colours, so that a repository need not carry megabytes.

    keep_rare: colours of a few points stay what they are, as in a drawing.
    """
    from PIL import Image  # noqa: PLC0415 - comes with matplotlib

    image = Image.open(io.BytesIO(png)).convert("RGB")
    method = Image.Quantize.MAXCOVERAGE if keep_rare else Image.Quantize.MEDIANCUT
    image = image.quantize(colours, method, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def take(airflow: str, service: str, folder: Path, *, is_loop: bool) -> None:
    """Write the pictures of a demo, or of a loop-demo, into `folder`."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - its absence is told in words
    except ImportError:
        stop("Playwright is not installed: run `make test-environment` first")
    chromium = shutil.which("chromium") or stop("there is no chromium: install it (Debian: chromium)")
    of_loop: dict[str, Callable[[Page], bytes]] = {
        "dashboard-loop.png": lambda page: picture_of_loop(page, service),
        "dashboard-in-airflow.png": lambda page: picture_inside_airflow(page, airflow),
    }
    of_demo: dict[str, Callable[[Page], bytes]] = {
        "airflow.png": lambda page: picture_of_dags(page, airflow),
        "training.png": lambda page: picture_of_run(page, airflow, TRAINING),
        "batch_prediction.png": lambda page: picture_of_run(page, airflow, BATCH),
        "service.png": lambda page: picture_of_interface(page, service),
        "status.png": lambda page: picture_of_status(page, service),
    }
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS) as browser,
    ):
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1, color_scheme="light"
        )
        page.set_default_timeout(MILLISECONDS_TO_APPEAR)
        log_in(page, airflow)
        for name, picture in (of_loop if is_loop else of_demo).items():
            # A dashboard's verdicts are told apart by pale colours.
            png = reduced(picture(page), COLOURS_OF_VERDICTS if is_loop else COLOURS)
            if len(png) > MOST_BYTES:
                stop(f"{name} has {len(png)} bytes, more than {MOST_BYTES}")
            (folder / name).write_bytes(png)
            print(f"wrote {folder / name} ({len(png) // 1000} kB)")


def take_dashboard(artifacts: Path, folder: Path) -> None:
    """Write the dashboard's pictures, of invented figures: a service of its own shows `model.testing.boards.month`."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    sys.path.insert(0, str(DOCS.parent / "app"))
    from app.testing import serve  # noqa: PLC0415
    from model.contracts import find  # noqa: PLC0415
    from model.testing.boards import month  # noqa: PLC0415

    board = month(find("reggaeton").contract)
    chromium = shutil.which("chromium") or stop("there is no chromium: install it (Debian: chromium)")
    with (
        serve(artifacts, "reggaeton", read_board=lambda _: board) as service,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS) as browser,
    ):
        for name, (path, scheme, width) in DASHBOARD.items():
            page = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme=scheme)
            page.goto(str(service.client.base_url.join(path)))
            if path.endswith("/try"):
                page.click("button.main")
            (folder / name).write_bytes(reduced(page.screenshot(full_page=True), keep_rare=True))
            print(f"wrote {folder / name}")
            page.close()


def main() -> None:
    """Read the arguments and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--airflow-port", type=int, default=8080, help="of the demo's Airflow (8080)")
    parser.add_argument("--service-port", type=int, default=8090, help="of the demo's service (8090)")
    parser.add_argument("--folder", type=Path, default=DOCS, help="where the pictures go (docs)")
    parser.add_argument("--loop", action="store_true", help="of the dashboard in a loop-demo, its own and in Airflow")
    parser.add_argument("--dashboard", action="store_true", help="only the dashboard's, of invented figures: no demo")
    parser.add_argument("--artifacts", type=Path, default=DOCS.parent / "airflow/artifacts", help="with a champion")
    words = parser.parse_args()
    if words.dashboard:
        take_dashboard(words.artifacts, words.folder)
        return
    airflow, service = (f"http://localhost:{port}" for port in (words.airflow_port, words.service_port))
    check_demo(f"{airflow}/api/v2/version", f"{service}/health/ready")
    take(airflow, service, words.folder, is_loop=words.loop)


if __name__ == "__main__":
    main()
