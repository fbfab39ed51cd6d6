"""Notifiers of every task: the webhook is told once when a task begins to fail, and once when it succeeds again.

What is wrong with the model itself is told by the step `decide` (`model.tasks.alerts`).
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

MOST_CHARACTERS = 500

log = logging.getLogger(__name__)


class _Notice(BaseNotifier):
    """Tells the address `MODEL_ALERT_WEBHOOK`, when there is one. That it could not be told fails no task."""

    event = ""
    after_failure = False

    def notify(self, context: Context) -> None:
        """Tell it, unless the task's run before said the same."""
        url = os.environ.get("MODEL_ALERT_WEBHOOK", "")
        if not url or _failed_before(context) != self.after_failure:
            return
        from model.webhook import WebhookError, post  # noqa: PLC0415 - the DAG processor needs no model package

        try:
            post(url, self.message(context))
        except WebhookError as error:
            log.warning("nobody could be told: %s", error)

    def message(self, context: Context) -> dict[str, Any]:
        """What is posted, in the shape of the step `decide`'s messages."""
        ti = context["ti"]
        why = _why(context) if self.event == "begun" else "It succeeded again."
        name = f"{ti.dag_id}.{ti.task_id}"
        verb = "failed" if self.event == "begun" else "works again"
        return {
            "text": f"{name} {verb}: {why} (run {ti.run_id})",
            "event": self.event,
            "incident": f"task:{name}",
            "kind": "task",
            "task": name,
            "run": ti.run_id,
            "why": why,
        }


class Failed(_Notice):
    """A task has failed, after all its tries."""

    event = "begun"


class Recovered(_Notice):
    """A task has succeeded whose run before had failed."""

    event = "ended"
    after_failure = True


def _failed_before(context: Context) -> bool:
    """Whether the scheduled run before this one failed at the task. Runs without a date have none before them."""
    if context["dag_run"].logical_date is None:
        return False
    previous = context["ti"].get_previous_ti()
    return previous is not None and previous.state == "failed"


def _why(context: Context) -> str:
    text = " ".join(str(context.get("exception") or "its log says why").split())
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
