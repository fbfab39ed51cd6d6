"""What the documentation says is so: its example runs, its links lead somewhere, its commands and variables exist."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from model import tasks
from model.__main__ import app
from model.contracts import find
from model.derived import docs
from model.settings import Settings
from model.testing import write_sources
from model.testing.settings import settings_in

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"
PAGES = sorted(
    [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *ROOT.glob("docs/**/*.md")]
)
TRAINING, BATCH = tasks.STEPS[:4], tasks.STEPS[4:8]

# The tests also run beside an installed wheel, which brings no documentation.
pytestmark = pytest.mark.skipif(not (ROOT / "Makefile").exists(), reason="needs the checkout: its README.md and docs/")


@pytest.fixture(params=PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def page(request: pytest.FixtureRequest) -> Path:
    """Each page of the documentation."""
    return Path(request.param)


def settings_classes() -> dict[str, type[BaseSettings]]:
    """The settings by the beginning of their variables."""
    return {"MODEL_": Settings, "SERVICE_": importlib.import_module("app.settings").ServiceSettings}


# ---------------------------------------------------------------------------------------- the example


@pytest.fixture
def documented(tmp_path: Path) -> Path:
    """The contract file of docs/contract.md."""
    block = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "contract.md").read_text(), re.DOTALL)
    assert block, "docs/contract.md shows a contract"
    path = tmp_path / "pumps.py"
    path.write_text(block[1])
    return path


def run_all(steps: tuple[str, ...], settings: Settings) -> dict[str, Any]:
    """Run the steps; returns the last one's summary."""
    return [tasks.run(step, settings, lambda _: None) for step in steps][-1]


def test_the_documented_contract_goes_from_its_example_data_to_stored_predictions(
    documented: Path, tmp_path: Path
) -> None:
    settings = settings_in(tmp_path, contract=str(documented))
    write = find(str(documented)).write_example
    assert write
    assert all(path.is_file() for path in write(settings.data_dir))
    assert run_all(TRAINING, settings)["promoted"]
    assert run_all(BATCH, settings)["added"] == 20


def test_the_documented_contract_takes_any_rows_that_keep_it(documented: Path, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, contract=str(documented))
    write_sources(find(str(documented)).contract, settings.data_dir / "raw", rows_per_class=100)
    assert run_all(TRAINING, settings)["promoted"]


def test_the_readme_shows_a_contract_that_is_valid_and_an_estimator_that_exists(tmp_path: Path) -> None:
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block
    path = tmp_path / "churn.py"
    path.write_text(block[1])
    problem = find(str(path))
    assert problem.estimator
    settings = settings_in(tmp_path, contract=str(path))
    write_sources(problem.contract, settings.data_dir / "raw", rows_per_class=100)
    assert run_all(TRAINING, settings)["promoted"]


# ------------------------------------------------------------------------------------- what it names


def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text()))
    local = [link.partition("#")[0] for link in links if "://" not in link]
    missing = [link for link in local if link and not (page.parent / link).exists()]
    assert not missing


def test_every_link_inside_a_page_leads_to_a_heading(page: Path) -> None:
    text = without_code(page.read_text())
    headings = {
        re.sub(r"[^\w -]", "", name).strip().lower().replace(" ", "-")
        for name in re.findall(r"^#+ (.*)", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def without_code(text: str) -> str:
    """The text without its fenced blocks, in which brackets are no links."""
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def code(text: str) -> str:
    """The fenced blocks and the code within lines, one command a line."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)).replace("&&", "\n")


def test_every_make_command_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?<![\w-])make(?: -\S+| \S+=\S+)* ([a-z][a-z-]*)", code(page.read_text()))
    assert set(named) <= targets


def test_every_verb_of_the_command_line_exists(page: Path) -> None:
    verbs = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    for words in re.findall(r"python -m model((?: [^\s`#|)>]+)+(?:(?: \| [^\n`#]+)?))", code(page.read_text())):
        assert set(named_verbs(words)) <= verbs, words


def named_verbs(words: str) -> list[str]:
    """`--contract x validate --batch | collect` -> validate, collect."""
    options = re.sub(r"--(contract|data-dir|artifacts-dir) \S+", "", words)
    parts = [part.split() for part in options.split("|")]
    return [next((word for word in part if not word.startswith("--")), "validate") for part in parts if part]


def test_every_variable_exists(page: Path) -> None:
    text = page.read_text()
    compose = (ROOT / "docker-compose.yml").read_text()
    for prefix, kind in settings_classes().items():
        fields = {f"{prefix}{name}".upper() for name in kind.model_fields}
        named = set(re.findall(rf"(?<![A-Z_]){prefix}[A-Z_]*[A-Z](?![A-Z_<])", text))
        assert {name for name in named if f"${{{name}" not in compose} <= fields


# --------------------------------------------------------------------------------------- the settings


def table(kind: type[BaseSettings], prefix: str) -> str:
    """A Markdown table of settings: variable, default, what it is."""
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        default = field.get_default()
        shown = default.get_secret_value() if hasattr(default, "get_secret_value") else default
        lines.append(f"| `{prefix}{name.upper()}` | {f'`{shown}`' if shown != '' else 'empty'} | {field.description} |")
    return "\n".join(lines)


@pytest.mark.parametrize("prefix", ["MODEL_", "SERVICE_"])
def test_the_table_of_settings_is_what_the_code_says(prefix: str) -> None:
    """To renew it: UPDATE_GOLDEN=1."""
    begin, end = f"<!-- settings {prefix} -->\n", "\n<!-- end -->"
    before, _, rest = OPERATIONS.read_text().partition(begin)
    shown, _, after = rest.partition(end)
    made = table(settings_classes()[prefix], prefix)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        OPERATIONS.write_text(f"{before}{begin}{made}{end}{after}")
        shown = made
    assert shown == made, "the settings have changed: run this test with UPDATE_GOLDEN=1"


def test_the_readme_asks_the_service_as_the_contract_s_examples_do() -> None:
    assert docs.curl(find("reggaeton").contract) in (ROOT / "README.md").read_text().splitlines()
