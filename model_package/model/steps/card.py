"""The model card of a bundle (Mitchell et al. 2019), generated from the contract and the figures."""

from __future__ import annotations

from typing import Any, Final

from model.contract import Contract
from model.derived.docs import columns_table

MOST_IMPORTANT: Final = 20


def card(contract: Contract, metrics: dict[str, Any], not_compiled: str | None = None) -> str:
    """Markdown: what is predicted, from which columns, how well, and what to be careful with.

    not_compiled: why the pipeline itself serves; None when its compiled form does.
    """
    rows = metrics["rows"]
    sections = [
        f"# {contract.name}",
        contract.description,
        (
            f"Predicts `{contract.target.name}` ({metrics['task']}). Trained on {rows['train']} rows, judged once on "
            f"{rows['holdout']} held-out rows that were drawn before anything was fitted (split: {contract.split.by})."
        ),
        _threshold(metrics),
        _served(not_compiled),
        "## How good it is",
        measures_table(metrics),
        "## What it looks at",
        importance_table(metrics),
        "## Columns",
        columns_table(contract),
        "## Be careful",
        (
            "Intervals are 95 %: the cross-validation's is a corrected resampled t interval, the hold-out's a "
            "percentile bootstrap. Rows unlike the training rows are answered all the same: watch their drift."
        ),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _threshold(metrics: dict[str, Any]) -> str:
    if metrics["threshold"] is None:
        return ""
    return f"The positive class is answered from a probability of {metrics['threshold']:.4f}, chosen inside the folds."


def _served(not_compiled: str | None) -> str:
    if not_compiled is None:
        return "Served by its compiled form, which was proven to answer as the pipeline does."
    return f"Served by the pipeline itself, in a process of its own: there is no compiled form ({not_compiled})."


def measures_table(metrics: dict[str, Any]) -> str:
    """A Markdown table: measure, cross-validation, hold-out, a model without skill."""
    lines = ["| measure | cross-validation | hold-out | no skill |", "|---|---|---|---|"]
    for name, held_out in metrics["holdout"].items():
        folds = metrics["cross_validation"]["measures"].get(name)
        lines.append(f"| {name} | {_figure(folds)} | {_figure(held_out)} | {metrics['baseline'][name]:.3f} |")
    return "\n".join(lines)


def importance_table(metrics: dict[str, Any]) -> str:
    """A Markdown table: how much worse the primary measure gets without what a column says, the largest first."""
    found = metrics.get("importance", {})
    if not found:
        return ""
    shown = list(found.items())[:MOST_IMPORTANT]
    more = f"{len(found) - len(shown)} more columns stand in `metrics.json`." if len(found) > len(shown) else ""
    lines = [f"| column | {metrics['primary']} lost |", "|---|---|"]
    lines += [f"| {name} | {_figure(lost)} |" for name, lost in shown]
    said = (
        "How much worse the held-out rows are answered when a column's values are shuffled among them. It tells what "
        "this model uses, not what causes what; columns that say the same share it, and then each seems to matter less."
    )
    return "\n\n".join(part for part in ("\n".join(lines), more, said) if part)


def _figure(measured: dict[str, float] | None) -> str:
    return "" if measured is None else "{value:.3f} [{low:.3f}, {high:.3f}]".format(**measured)
