"""The version that answers beside the champion, since when, and whether two versions can be compared at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from model.errors import BundleError, bounded

if TYPE_CHECKING:
    from model.contract import Contract


@dataclass(frozen=True, slots=True)
class Challenger:
    """A version, and the moment from which on it answers what the champion answers, in UTC."""

    version: str
    since: datetime

    def line(self) -> str:
        """As its file says it."""
        return f"{self.version} {self.since.astimezone(UTC).isoformat()}\n"


@dataclass(frozen=True, slots=True)
class Shadowing:
    """How a challenger fares, as its follower said last.

    answered, refused: rows, since that process began. newest: when the latest of them was made; None before there is
    one. failing: why it cannot answer at the moment; "" while it can.
    """

    version: str
    since: datetime
    answered: int = 0
    refused: int = 0
    newest: datetime | None = None
    failing: str = ""


def fared(challenger: Challenger, said: Any) -> Shadowing:  # noqa: ANN401 - what a file says
    """The challenger with what the file `shadow.json` says, where that is about it."""
    own = challenger.version, challenger.since
    try:
        if (said["version"], datetime.fromisoformat(said["since"])) != own:
            return Shadowing(*own)
        newest = None if said["newest"] is None else datetime.fromisoformat(said["newest"])
        why = bounded(said["why"]) if said["failures"] else ""
        return Shadowing(*own, int(said["answered"]), int(said["refused"]), newest, why)
    except (KeyError, TypeError, ValueError):
        return Shadowing(*own)


def read_challenger(line: str) -> Challenger:
    """The other way round. Raises BundleError when the line is none."""
    version, _, moment = line.strip().partition(" ")
    try:
        since = datetime.fromisoformat(moment)
    except ValueError:
        since = None
    if not version or since is None or since.tzinfo is None:
        raise BundleError(
            f"the challenger file says {bounded(line)!r}, not a version and a moment: "
            "set one with `python -m model shadow VERSION`, or none with --off"
        )
    return Challenger(version, since)


def differences(one: Contract, other: Contract) -> str:
    """In what two contracts' models cannot be compared row by row; "" when they can: same features, same target."""
    if one.feature_names != other.feature_names:
        odd = sorted(set(one.feature_names) ^ set(other.feature_names))
        return f"features ({bounded(', '.join(odd))})" if odd else "the order of the features"
    return "" if one.target == other.target else f"the target ({bounded(one.target.name)})"
