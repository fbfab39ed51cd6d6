"""Ask a person before the model is trained again. Only with `MODEL_RETRAIN_ASK=true`.

`ask >> start`

`3_monitoring` then proposes a training instead of starting it. `ask` waits for an answer on the page *Required
Actions*, which shows the reasons; a day without one is a no. A yes emits the asset event `retraining`, which starts
`1_training_pipeline`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag
from bridge import ASKS_FIRST, PROPOSAL, approved

ANSWER_WITHIN = timedelta(hours=24)
REASONS = "{% for events in triggering_asset_events.values() %}{{ events[-1].extra.reason }}{% endfor %}"

if ASKS_FIRST:

    @dag(
        dag_id="4_retraining_approval",
        schedule=[PROPOSAL],
        catchup=False,
        max_active_runs=1,
        tags=["model", "monitoring"],
        doc_md=__doc__,
    )
    def retraining_approval() -> None:
        """Ask, then start."""
        ask = ApprovalOperator(
            task_id="ask",
            subject="Train the model again?",
            body=REASONS,
            defaults=ApprovalOperator.REJECT,
            response_timeout=ANSWER_WITHIN,
        )
        ask >> approved()

    retraining_approval()
