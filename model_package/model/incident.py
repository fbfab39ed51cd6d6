"""Something that is wrong with the model that serves, from when on, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

Kind = Literal["quality", "estimate", "drift", "data"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that is wrong; of a version and kind there is at most one that is not over.

    why: sentences that a person understands, as of when it was noticed. ended_at, ended_why: None while it lasts.
    """

    identity: str
    version: str
    kind: Kind
    began_at: datetime
    why: str
    ended_at: datetime | None = None
    ended_why: str | None = None
