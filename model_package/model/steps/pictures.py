"""Pictures of a model on its hold-out, as PNG bytes; the same input gives the same bytes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from model.contract import Contract
from model.decision import decide
from model.derived.encoding import Floats
from model.steps.evaluation import Answers

INK, ACCENT, PALE = "#1f2933", "#2563eb", "#cbd5e1"
MOST_SHOWN_CLASSES = 20
RELIABILITY_BINS = 10
MOST_SHOWN_COLUMNS = 15
LONGEST_NAME = 24


def pictures(contract: Contract, truth: NDArray[Any], ours: Answers, out_of_fold: Floats) -> dict[str, bytes]:
    """File name -> PNG, for the hold-out's truth and the model's output on it; `out_of_fold` draws the threshold."""
    match contract.target.task:
        case "binary":
            return {
                "pictures/precision_recall.png": _precision_recall(contract, truth, ours),
                "pictures/reliability.png": _reliability(truth, ours.output[:, 1]),
                "pictures/confusion.png": _confusion(contract, truth, ours),
                "pictures/scores.png": _scores(out_of_fold[:, 1], ours.threshold),
            }
        case "multiclass":
            top = ours.output.argmax(axis=1)
            return {
                "pictures/reliability.png": _reliability((top == truth).astype(int), ours.output.max(axis=1)),
                "pictures/confusion.png": _confusion(contract, truth, ours),
            }
        case "regression":
            return {"pictures/predicted.png": _predicted(contract, truth, ours.output)}


def importance_picture(found: dict[str, dict[str, float]], measure: str) -> bytes:
    """PNG of `model.steps.importance.importance`: a bar for each of the first columns, with its interval."""
    shown = list(found.items())[:MOST_SHOWN_COLUMNS][::-1]
    values = np.array([lost["value"] for _, lost in shown])
    below = np.clip(values - [lost["low"] for _, lost in shown], 0, None)
    above = np.clip([lost["high"] for _, lost in shown] - values, 0, None)
    figure, axes = drawn("What it looks at", f"{measure} lost when a column is shuffled", "")
    axes.barh([_shortened(name) for name, _ in shown], values, color=PALE, edgecolor="none")
    axes.errorbar(values, range(len(shown)), xerr=[below, above], fmt="o", color=ACCENT, markersize=4, linewidth=1.2)
    axes.axvline(0, color=INK, linewidth=0.8)
    return png(figure)


def _shortened(name: str) -> str:
    # A dollar sign would begin a formula.
    text = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    return text.replace("$", r"\$")


def drawn(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    """An empty picture in this project's looks."""
    figure = Figure(figsize=(5.2, 4.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, color=INK, fontsize=11, loc="left")
    axes.set_xlabel(across, color=INK)
    axes.set_ylabel(up, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def png(figure: Figure) -> bytes:
    """The picture's bytes."""
    buffer = io.BytesIO()
    # The library's name and version would make equal pictures differ between machines.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _precision_recall(contract: Contract, truth: NDArray[Any], ours: Answers) -> bytes:
    order = np.argsort(-ours.output[:, 1], kind="stable")
    found = np.cumsum(truth[order] == 1)
    recall, precision = found / max(1, found[-1]), found / np.arange(1, len(order) + 1)
    name = contract.target.labels[-1].name if contract.target.positive is None else str(contract.target.positive)
    figure, axes = drawn(f"Hold-out: finding {name!r}", "recall", "precision")
    axes.step(recall, precision, where="post", color=ACCENT, label="model")
    share = float(np.mean(truth == 1))
    axes.axhline(share, color=PALE, label=f"no skill ({share:.3f})")
    if ours.threshold is not None:
        at = max(0, int((ours.output[:, 1] >= ours.threshold).sum()) - 1)
        axes.plot(recall[at], precision[at], "o", color=INK, label=f"threshold {ours.threshold:.3f}")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.05)
    axes.legend(frameon=False, loc="lower left")
    return png(figure)


def _reliability(hits: NDArray[Any], chances: Floats) -> bytes:
    figure, axes = drawn("Hold-out: does 70 % mean 70 %?", "predicted probability", "observed share")
    edges = np.linspace(0, 1, RELIABILITY_BINS + 1)
    place = np.clip(np.searchsorted(edges, chances, side="right") - 1, 0, RELIABILITY_BINS - 1)
    axes.plot([0, 1], [0, 1], color=PALE)
    for code in np.unique(place):
        inside = place == code
        mean, share, count = chances[inside].mean(), hits[inside].mean(), int(inside.sum())
        axes.plot(mean, share, "o", color=ACCENT, markersize=4 + 2 * np.log10(count))
        axes.annotate(f" {count}", (mean, share), color=INK, fontsize=8)
    axes.set_xlim(-0.03, 1.08)
    axes.set_ylim(-0.05, 1.05)
    return png(figure)


def _confusion(contract: Contract, truth: NDArray[Any], ours: Answers) -> bytes:
    classes = list(contract.target.classes)
    labels = decide(contract, ours.threshold, ours.output).labels
    answered = np.array([classes.index(label) for label in labels if isinstance(label, int | str)])
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (truth, answered), 1)
    names = {label.value: label.name for label in contract.target.labels}
    shown = min(len(classes), MOST_SHOWN_CLASSES)
    figure, axes = drawn("Hold-out: truth against answer", "answered", "true")
    axes.imshow(counts[:shown, :shown] / np.maximum(1, counts[:shown].sum(axis=1, keepdims=True)), cmap="Blues", vmin=0)
    ticks = [names[value] for value in classes[:shown]]
    axes.set_xticks(range(shown), ticks, rotation=30 if shown > 3 else 0)  # noqa: PLR2004 - more would overlap
    axes.set_yticks(range(shown), ticks)
    for row in range(shown):
        for column in range(shown):
            dark = counts[row, column] > counts[row].sum() / 2
            axes.text(column, row, counts[row, column], ha="center", va="center", color="white" if dark else INK)
    return png(figure)


def _scores(scores: Floats, threshold: float | None) -> bytes:
    figure, axes = drawn("Training part: out-of-fold scores", "score", "rows (logarithmic)")
    axes.hist(scores, bins=40, range=(0, 1), color=ACCENT, log=True)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linestyle="--", label=f"threshold {threshold:.3f}")
        axes.legend(frameon=False, loc="upper right")
    return png(figure)


def _predicted(contract: Contract, truth: Floats, values: Floats) -> bytes:
    unit = f" [{contract.target.unit}]" if contract.target.unit else ""
    figure, axes = drawn("Hold-out: predicted against true", f"true{unit}", f"predicted{unit}")
    low, high = float(min(truth.min(), values.min())), float(max(truth.max(), values.max()))
    axes.plot([low, high], [low, high], color=PALE)
    axes.plot(truth, values, ".", color=ACCENT, alpha=0.6)
    return png(figure)
