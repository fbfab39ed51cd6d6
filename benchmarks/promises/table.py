"""All promises: the one list from which the command line, the results and the tests are made."""

from __future__ import annotations

from typing import Final

from promises.measures import (
    bad_artifacts,
    contract_kept,
    flush_first,
    footprint,
    fuzz,
    kill_at_writes,
    kills,
    memory,
    outage,
    overload,
    recomputed,
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
    Promise(
        "recomputed",
        "answers that differ when recomputed from the stored row and version",
        Goal("=", 0),
        recomputed.measure,
    ),
    Promise(
        "kills",
        "acknowledged predictions lost, kept twice or otherwise, over 100 random kill -9",
        Goal("=", 0),
        kills.measure,
    ),
    Promise(
        "kill-at-writes",
        "the same, over a kill at every write",
        Goal("=", 0),
        kill_at_writes.measure,
        needs=("strace",),
    ),
    Promise(
        "flush-first",
        "answers of status 200 that left before an fdatasync",
        Goal("=", 0),
        flush_first.measure,
        needs=("strace",),
    ),
    Promise(
        "outage",
        "failed, lost or stored twice while the database was away and the shipper was killed",
        Goal("=", 0),
        outage.measure,
        needs=("postgresql",),
    ),
    Promise(
        "artifacts",
        "damaged, hostile and foreign bundles refused",
        Goal("=", 100, "%"),
        bad_artifacts.measure,
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
        needs=("nginx",),
    ),
    Promise(
        "slow-sockets",
        "health checks and predictions unanswered beside 3,000 slow sockets",
        Goal("=", 0),
        slow_sockets.measure,
        needs=("nginx",),
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
    Promise(
        "installed",
        "the service's environment on disk, without anything that trains, orchestrates or compiles",
        Goal("<=", 250, "MB"),
        footprint.installed,
        on_a_quiet_machine=True,
        in_short=False,
    ),
    Promise(
        "resident",
        "resident memory of a worker",
        Goal("<=", 120, "MB"),
        footprint.resident,
        on_a_quiet_machine=True,
    ),
    Promise(
        "first-answer",
        "from the start to the first prediction, median",
        Goal("<=", 1.5, "s"),
        footprint.first,
        on_a_quiet_machine=True,
    ),
)
