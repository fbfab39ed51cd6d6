"""How columns and scores were distributed in training and in a window, bin beside bin, with names for people."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from model.board import Shares
from model.monitoring import SCORES

if TYPE_CHECKING:
    from model.contract import Contract
    from model.steps.reference import Profile, Reference

Now = Mapping[str, tuple[float, ...]]


def shares(contract: Contract, reference: Reference, now: Now) -> Iterator[Shares]:
    """Of each column in the contract's order, and of the scores, if it had bins in training.

    now: the window's shares by subject, as `model.findings.Findings.shares` gives them; those that fit no bins of the
    reference (the bundle of that name was made anew) are left out.
    """
    for subject in (*contract.column_names, SCORES):
        profile = reference.scores if subject == SCORES else reference.columns.get(subject)
        if profile is not None and profile.shares:
            yield _of(subject, profile, now.get(subject, ()))


def _of(subject: str, profile: Profile, now: tuple[float, ...]) -> Shares:
    names, training = _names(profile), profile.shares
    if profile.values and len(now) == len(training) + 1:  # values that the contract has gained since
        names, training = (*names, "others"), (*training, 0.0)
    return Shares(subject, names, training, now if len(now) == len(training) else ())


def _names(profile: Profile) -> tuple[str, ...]:
    if profile.values:
        return tuple(map(str, profile.values))
    if not profile.edges:
        return ("all",)
    edges = [f"{edge:.4g}" for edge in profile.edges]
    between = (f"{low} to {high}" for low, high in itertools.pairwise(edges))
    return (f"below {edges[0]}", *between, f"from {edges[-1]}")
