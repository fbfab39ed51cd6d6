"""Watch the model that serves, and decide whether to train again.

`join >> measure >> decide`

`join` takes in what proved true. `measure` compares the predictions of the latest complete windows with what their
bundle remembers of training. `decide` applies the written policy (`MODEL_RETRAIN_*`): a decision to train again emits
the asset event `retraining` with its reasons, which starts `1_training_pipeline`.
"""

from __future__ import annotations

import os

from airflow.sdk import dag
from bridge import step


@dag(
    dag_id="3_monitoring",
    schedule=os.environ.get("MODEL_MONITOR_SCHEDULE", "@hourly"),
    catchup=False,
    max_active_runs=1,
    tags=["model", "monitoring"],
    doc_md=__doc__,
)
def monitoring() -> None:
    """The three steps, in order."""
    step("join_truth", task_id="join") >> step("measure") >> step("decide")


monitoring()
