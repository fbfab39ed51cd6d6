"""How a translation refuses: by the error that /get_prediction raises, naming the field that the client knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.errors import Failure, RowsRefused, bounded

if TYPE_CHECKING:
    from collections.abc import Collection


def refusal(where: str, message: str) -> RowsRefused:
    """An error to be raised: `where` as in `inputs.tempo.shape`, `message` goes on after it."""
    return RowsRefused("the request breaks the protocol", [Failure("protocol", message, where)])


def member(value: Any, where: str, kind: type, name: str) -> Any:  # noqa: ANN401 - JSON in, the same JSON out
    """`value` when it is of that kind of JSON value, which `name` tells people ("an object"). Raises RowsRefused."""
    if type(value) is not kind:
        raise refusal(where, f"must be {name}")
    return value


def only(parsed: dict[str, Any], known: Collection[str], where: str = "") -> None:
    """Raise RowsRefused for the first name that is not known."""
    foreign = next((name for name in parsed if name not in known), None)
    if foreign is not None:
        raise refusal(f"{where}{bounded(foreign)}", f"is not known here: {', '.join(sorted(known))} are")
