"""All promises: the one list from which the command line, the results and the tests are made."""

from __future__ import annotations

from typing import Final

from promises.measures import contract_kept, fuzz
from promises.promise import Goal, Promise

PROMISES: Final[tuple[Promise, ...]] = (
    Promise(
        "fuzz",
        "answers of status 500, and requests that hang, in 10,000 fuzzed requests",
        Goal("=", 0),
        fuzz.measure,
    ),
    Promise(
        "contract",
        "requests that break the contract and are accepted",
        Goal("=", 0),
        contract_kept.measure,
    ),
)
