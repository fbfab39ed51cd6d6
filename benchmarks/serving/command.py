"""`python benchmarks/serving`: the service against its peers and its ceilings, one worker each on one core.

The figures go to benchmarks/results/serving.json, and from there to docs/benchmarks.md and its picture, when everybody
took part in at least three rounds; else to .venv-peers/, since a part of the table is not the table. Quiet the machine
first: what else runs is in the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.serving import environments, figures, machine, page, wrk
from benchmarks.serving.contender import ROOT, Contender, Place
from benchmarks.serving.contenders import ALL, CEILINGS, OURS
from benchmarks.serving.rounds import Plan, measure, tune
from benchmarks.serving.workload import Workload, prepare

CACHE = ROOT / ".venv-peers"
RESULTS = ROOT / "benchmarks" / "results" / "serving.json"
PAGE = ROOT / "docs" / "benchmarks.md"
FIRST_PORT = 9100
PROGRAMS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
QUICK = Plan(repeats=2, seconds=1, connections=(1, 64), rows=(1,), times=())
ENOUGH_REPEATS = 3
QUIET_SHARE = 0.1


class Progress:
    """Lines with the time since the beginning."""

    def __init__(self) -> None:
        """The clock starts."""
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        """One line, at once."""
        print(f"[{time.monotonic() - self._began:6.1f} s] {line}", flush=True)


def words(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser("benchmarks/serving", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--only", default="", help=f"some of: {','.join(one.name for one in ALL)}")
    parser.add_argument("--repeats", type=int, help=f"rounds (default {Plan().repeats})")
    parser.add_argument("--seconds", type=float, help=f"of each closed loop (default {Plan().seconds:g})")
    parser.add_argument("--quick", action="store_true", help="a minute: ours and the ceilings, one row, no open loop")
    parser.add_argument("--no-install", action="store_true", help="leave out peers that are not installed")
    parser.add_argument("--report", action="store_true", help="measure nothing: write the page from the last results")
    parser.add_argument("--port", type=int, default=FIRST_PORT, help=f"of the first server (default {FIRST_PORT})")
    return parser.parse_args(arguments)


def plan_of(options: argparse.Namespace) -> Plan:
    """How much the options ask for."""
    plan = QUICK if options.quick else Plan()
    given = {name: getattr(options, name) for name in ("repeats", "seconds")}
    return replace(plan, **{name: value for name, value in given.items() if value})


def chosen(options: argparse.Namespace) -> list[Contender]:
    """Who takes part. Raises KeyError for a name that nobody has."""
    everybody = {one.name: one for one in ((*OURS, *CEILINGS) if options.quick else ALL)}
    if not options.only:
        return list(everybody.values())
    everybody = {one.name: one for one in ALL}
    return [everybody[name] for name in options.only.split(",")]


def able(contenders: list[Contender], report: Progress, *, install: bool) -> tuple[list[Contender], dict[str, str]]:
    """Who can take part here, and why the others cannot."""
    absent = {}
    for one in contenders:
        try:
            if one.environment_name:
                environments.require(CACHE, one.environment_name, report, install=install)
            if one.needed and shutil.which(one.needed, path=PROGRAMS) is None:
                absent[one.name] = f"{one.needed} is not installed"
        except environments.DoesNotInstall as error:
            absent[one.name] = str(error)
    for name, reason in absent.items():
        report(f"{name} takes no part: {reason}")
    return [one for one in contenders if one.name not in absent], absent


def run(options: argparse.Namespace, report: Progress) -> dict[str, Any]:
    """Measure; returns the results."""
    wrk.find()
    machine.cores()
    machine.allow_many_files()
    plan = plan_of(options)
    if (busy := machine.busy_share()) > QUIET_SHARE:
        report(f"others use {busy:.0%} of this machine: quiet it first, or take no figure from here for granted")
    contenders, absent = able(chosen(options), report, install=not options.no_install)
    work = prepare(CACHE / "workload", report)
    load: dict[str, Any] = {"before": machine.load()}
    with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE) as folder:
        places = [(one, _place(work, Path(folder), one, options.port + 2 * at)) for at, one in enumerate(contenders)]
        tried = {}
        for at, (one, place) in enumerate(places):
            if one.choices:
                best, tried[one.name] = tune(one, place, report)
                places[at] = (best, place)
        seen = measure(plan, places, report)
    load["worst"] = max((share for one in seen.values() for share in one.busy), default=0.0)
    about = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.described(),
        "load": load,
        "versions": figures.versions(contenders),
        "model": {"version": work.version, "words": "gradient boosting, 300 trees, after imputing and scaling"},
    }
    return figures.results(about, plan, [one for one, _ in places], seen, absent, tried)


def _place(work: Workload, folder: Path, contender: Contender, port: int) -> Place:
    return Place(work, folder / contender.name, port, CACHE)


def is_whole(results: dict[str, Any], options: argparse.Namespace) -> bool:
    """Whether this is the table, or a part of it."""
    return not (options.only or options.quick) and results["plan"]["repeats"] >= ENOUGH_REPEATS


def main(arguments: list[str] | None = None) -> int:
    """0 when everybody who could take part answered rightly to the end."""
    options = words(arguments)
    report = Progress()
    if options.report:
        page.write(json.loads(RESULTS.read_bytes()), PAGE)
        return 0
    try:
        results = run(options, report)
    except (wrk.WrkMissing, machine.TooFewCores) as error:
        print(f"bench-serving: {error}", file=sys.stderr)
        return 1
    except KeyError as error:
        print(f"bench-serving: nobody is called {error}: {', '.join(one.name for one in ALL)}", file=sys.stderr)
        return 2
    whole = is_whole(results, options)
    path = RESULTS if whole else CACHE / "serving.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    if whole:
        page.write(results, PAGE)
    print("\n".join(["", *page.ratios(results), ""]))
    report(f"results: {path}{f', {PAGE}' if whole else ''}")
    return 1 if any(one["faults"] for one in results["contenders"].values()) else 0
