"""Boards and words -> HTML, by templates that escape whatever they are given."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.dashboard import calibration, charts, inputs, summary
from app.dashboard.canvas import moment
from app.dashboard.reading import SPANS
from app.dashboard.verdict import verdict

if TYPE_CHECKING:
    from jinja2 import Environment

    from app.dashboard.summary import Refused
    from model.board import Board

TEMPLATES: Final = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The templates: always escaping, and refusing a name that they were not given."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only readers of pages pay for it

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, **words: Any) -> bytes:  # noqa: ANN401 - what the template names
    """A page. root: from the page to the service's own root, "" or "../"..."""
    known: dict[str, Any] = {"root": "../", "session": None, "can_sign_in": False, "contract": None, "here": ""}
    return environment().get_template(f"{name}.html").render(known | words).encode(errors="replace")


def overview(board: Board, span: str, refused: Refused, **words: Any) -> bytes:  # noqa: ANN401
    """The dashboard itself."""
    return render(
        "overview",
        root="",
        here="overview",
        contract=board.contract,
        board=board,
        span=span,
        spans=list(SPANS),
        as_of=moment(board.now),
        verdict=verdict(board),
        cards=summary.cards(board, refused),
        over_time=[charts.traffic(board), charts.quality(board)],
        drift=inputs.drift(board),
        distributions=inputs.distributions(board),
        below=[inputs.scores(board), calibration.reliability(board), calibration.error(board), inputs.latencies(board)],
        versions=summary.versions(board),
        shadowing=summary.shadowing(board),
        history=summary.history(board),
        asked=summary.asked(board),
        **words,
    )
