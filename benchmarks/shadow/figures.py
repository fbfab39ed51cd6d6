"""From pairs of arms to figures: ratios within each pair, their median, and how sure it is."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

MOST_RATIO = 1.05  # of the champion's p99
SAMPLES = 10_000
BEGIN, END = "<!-- measured -->\n", "\n<!-- end -->"


def summary(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of both arms, the ratio of each percentile with its 95 % interval, failures, and whether the goal is met.

    The ratio is the median over pairs of with / without: what disturbs both arms of a pair alike cancels out. Its
    interval is the percentile bootstrap's over pairs (Efron 1979).
    """
    ratios = {
        name: _ratio([pair["with"][name] / pair["without"][name] for pair in pairs]) for name in ("p50_ms", "p99_ms")
    }
    medians = {
        arm: {name: median(pair[arm][name] for pair in pairs) for name in ("p50_ms", "p99_ms")}
        for arm in ("without", "with")
    }
    failed = {arm: sum(pair[arm]["failed"] for pair in pairs) for arm in ("without", "with")}
    requests = {arm: sum(pair[arm]["requests"] for pair in pairs) for arm in ("without", "with")}
    met = ratios["p99_ms"]["value"] <= MOST_RATIO and not failed["with"]
    return {"medians": medians, "ratios": ratios, "requests": requests, "failed": failed, "met": met}


def _ratio(values: list[float]) -> dict[str, float]:
    rng = np.random.default_rng(0)
    drawn = np.median(rng.choice(values, (SAMPLES, len(values))), axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {"value": median(values), "low": float(low), "high": float(high)}


def table(results: dict[str, Any]) -> str:
    """For people, in Markdown."""
    machine, plan = results["machine"], results["plan"]
    measured = (
        f"Measured on {results['date'][:10]} by `make bench-shadow`: {plan['pairs']} interleaved pairs of "
        f"{plan['seconds']:g} s, {plan['rate']:g} requests a second on one worker, on {machine['cores']} cores "
        f"({machine['processor']}; load {machine['load_before']} before). The "
        f"challenger, as heavy as the champion, answered {results['answered_by_challenger']:,} rows meanwhile."
    )
    lines = [
        measured,
        "",
        "| | without a challenger | with one | ratio [95 %] |",
        "|---|--:|--:|--:|",
        *(_line(results, name, words) for name, words in (("p50_ms", "p50, ms"), ("p99_ms", "p99, ms"))),
        "| requests | {without:,} | {with:,} | |".format(**results["requests"]),
        "| failed | {without:,} | {with:,} | |".format(**results["failed"]),
        "",
        verdict(results),
    ]
    return "\n".join(lines)


def verdict(results: dict[str, Any]) -> str:
    """What the figures say of the goal: an interval that holds the limit decides nothing."""
    ratio = results["ratios"]["p99_ms"]
    if ratio["low"] <= MOST_RATIO < ratio["high"]:
        return (
            f"Whether the p99 stays within {MOST_RATIO - 1:.0%} is not decided by these pairs: the interval holds both."
        )
    held = "met" if results["met"] else "missed"
    return f"The goal, a p99 within {MOST_RATIO - 1:.0%} and no failed request, is {held}."


def _line(results: dict[str, Any], name: str, words: str) -> str:
    both = " | ".join(f"{results['medians'][arm][name]:.2f}" for arm in ("without", "with"))
    ratio = results["ratios"][name]
    return f"| {words} | {both} | {ratio['value']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}] |"


def renewed(page: str, results: dict[str, Any]) -> str:
    """The page with these figures in the place of those it had."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table(results)}{END}{after}"
