"""The time machine at work: a world, its traffic, and what comes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from model import bundle
from model.contracts import find
from model.errors import ContractError
from model.simulation.outcome import WITH, WITHOUT, Gauge, Outcome
from model.simulation.traffic import DAY, Traffic, traffic
from model.simulation.world import World, changed, outputs

if TYPE_CHECKING:
    from pathlib import Path

    from model.settings import Settings
    from model.simulation.scenario import Scenario
    from model.tasks import Report

WORLD: Final = "world"


def simulate(settings: Settings, scenario: Scenario, folder: Path, report: Report) -> Outcome:
    """Replay the scenario; leaves quality.csv, events.csv, verdict.txt and, where there are figures, quality.png.

    settings: contract, seed, monitoring, policy and training; places in it are not touched.
    folder: for these files and for the simulated deployment (`world`, removed first).

    Raises:
        ContractError, DataError: as `traffic.traffic`; and what the steps raise.
    """
    problem = find(settings.contract)
    problem = changed(problem, scenario.contract(problem.contract))
    coming = traffic(problem.contract, scenario)
    world = World(folder / WORLD, _watching(settings, scenario), problem, coming.start, lambda _: None)
    world.learn_from(coming.history)
    world.train()
    what = scenario.file.name if scenario.file else f"a stream (drift: {scenario.drift})"
    outcome = Outcome(problem.contract.name, what, scenario.drifts_at)
    report(f"trained on {len(coming.history)} rows; {coming.days} days of {what} begin")
    _live(world, coming, timedelta(days=scenario.delay), outcome, report)
    _write(outcome, folder, report)
    return outcome


def _watching(settings: Settings, scenario: Scenario) -> Settings:
    """Windows of a day, as many as the truth is late, and each is measured once more with all of it."""
    return settings.model_copy(update={"monitor_window_hours": 24.0, "monitor_windows": int(scenario.delay) + 2})


def _live(world: World, coming: Traffic, delay: timedelta, outcome: Outcome, report: Report) -> None:
    first = world.champion
    if first is None:
        raise ContractError("no model was promoted to begin with")
    gauges = {WITH: Gauge(world.contract, WITH), WITHOUT: Gauge(world.contract, WITHOUT)}
    for number in range(coming.days):
        rows = coming.day(number)
        serving = world.champion or first
        world.now = coming.start + (number + 1) * DAY
        answers = {WITH: (serving, outputs(serving, rows.frame))}
        answers[WITHOUT] = answers[WITH] if serving is first else (first, outputs(first, rows.frame))
        world.serve(rows, answers[WITH][1], delay)
        measured = [
            gauges[series].measure(number + 1, world.now, who, rows, out) for series, (who, out) in answers.items()
        ]
        outcome.figures += [one for one in measured if one is not None]
        outcome.rows, outcome.days = outcome.rows + len(rows), number + 1
        events = list(world.watch())
        outcome.events += events
        told = ", ".join(f"{one.series} {one.value:.3f}" for one in measured if one is not None)
        report(f"day {number + 1} of {coming.days}, {len(rows)} rows: {told or 'nothing to measure'}")
        for one in events:
            report(f"  {one.kind}: {one.why}")


def _write(outcome: Outcome, folder: Path, report: Report) -> None:
    bundle.replace_file(folder / "quality.csv", outcome.frame().to_csv(index=False).encode())
    bundle.replace_file(folder / "events.csv", outcome.event_frame().to_csv(index=False).encode())
    bundle.replace_file(folder / "verdict.txt", f"{outcome.verdict()}\n".encode())
    if outcome.figures:
        from model.simulation.picture import picture  # noqa: PLC0415 - it costs matplotlib

        bundle.replace_file(folder / "quality.png", picture(outcome))
    report(outcome.verdict())
    report(f"wrote quality.csv, events.csv, verdict.txt and quality.png into {folder}")
