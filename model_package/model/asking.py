"""What a person asks of monitoring: a training, without evidence. `model.askings` keeps it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field
from pydantic.dataclasses import dataclass

MOST_WHY = 500


@dataclass(frozen=True)
class Asking:
    """Who asked for a training, when, and why. urgent: it does not wait for the cool-down."""

    at: AwareDatetime
    who: Annotated[str, Field(min_length=1, max_length=200)]
    why: Annotated[str, Field(max_length=MOST_WHY)]
    urgent: bool = False

    def __str__(self) -> str:
        """One sentence, as a reason of a decision."""
        urgent = ", without waiting for the cool-down" if self.urgent else ""
        return (
            f"{self.who} asked for a training at {self.at:%Y-%m-%d %H:%M} UTC{urgent}: {self.why or 'no reason given'}."
        )
