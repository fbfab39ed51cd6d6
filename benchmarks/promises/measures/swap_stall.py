"""While champions change, no request waits long. Read from the same run as `swaps`."""

from __future__ import annotations

from promises.measures import swaps
from promises.promise import Measured, Report
from promises.spread import spread


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """The longest time any request took, in milliseconds."""
    observed = swaps.observe(short, report)
    took = [outcome.took * 1000 for outcome in observed.outcomes]
    return Measured(max(took), "ms", {"swaps": observed.swaps, **spread(took)})
