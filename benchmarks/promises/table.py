"""All promises: the one list from which the command line, the results and the tests are made."""

from __future__ import annotations

from typing import Final

from promises.measures import (
    contract_kept,
    fuzz,
    memory,
    overload,
    restart,
    slow_sockets,
    stall,
    swap_everywhere,
    swap_stall,
    swaps,
)
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
    Promise("swaps", "failed requests in 50 swaps of the champion under load", Goal("=", 0), swaps.measure),
    Promise(
        "swap-stall",
        "longest wait of a request during those swaps",
        Goal("<=", 100, "ms"),
        swap_stall.measure,
        on_a_quiet_machine=True,
    ),
    Promise(
        "swap-everywhere",
        "seconds until a promotion has taken effect in every worker",
        Goal("<=", 2, "s"),
        swap_everywhere.measure,
        on_a_quiet_machine=True,
    ),
    Promise(
        "overload",
        "goodput at 5 times the capacity, through nginx, of the capacity",
        Goal(">=", 95, "%"),
        overload.measure,
        on_a_quiet_machine=True,
    ),
    Promise(
        "slow-sockets",
        "health checks and predictions unanswered beside 3,000 slow sockets",
        Goal("=", 0),
        slow_sockets.measure,
    ),
    Promise(
        "stall",
        "longest wait of a small request beside any body of up to 1 MB",
        Goal("<=", 50, "ms"),
        stall.measure,
        on_a_quiet_machine=True,
    ),
    Promise(
        "memory",
        "growth of memory by bodies of 100 MB",
        Goal("<=", 16, "MiB"),
        memory.measure,
        on_a_quiet_machine=True,
    ),
    Promise(
        "restart",
        "from the start after kill -9 to the first prediction, 95th percentile",
        Goal("<=", 2, "s"),
        restart.measure,
        on_a_quiet_machine=True,
    ),
)
