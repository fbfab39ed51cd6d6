"""One run of one task: its settings, and everything that follows from them."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from model.assets import Assets
from model.contract import Contract
from model.contracts import Problem, find
from model.registry import Registry
from model.settings import Settings
from model.signature import public_half

Report = Callable[[str], None]
Summary = dict[str, Any]
Clock = Callable[[], datetime]


def now() -> datetime:
    """The clock of this machine, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Job:
    """One run of one task: what it is about, where things lie, whom to tell, and what time it is.

    clock: the present moment, in UTC; another one than this machine's where time is simulated.
    """

    settings: Settings
    report: Report
    clock: Clock = now

    @cached_property
    def problem(self) -> Problem:
        """The contract and what came with it."""
        return find(self.settings.contract)

    @property
    def contract(self) -> Contract:
        """The contract."""
        return self.problem.contract

    @property
    def assets(self) -> Assets:
        """The contract's paths."""
        return Assets(self.settings.data_dir, self.contract.name)

    @property
    def registry(self) -> Registry:
        """The contract's bundles; who has the key that signs them loads none that it has not signed."""
        key = self.settings.signing_key
        return Registry(
            self.settings.artifacts_dir,
            self.contract.name,
            verify_key=public_half(Path(key)) if key else None,
            clock=self.clock,
        )

    @property
    def who(self) -> str:
        """Who is written into the audit."""
        return self.settings.who or getpass.getuser()
