"""Train a model bundle from the raw files.

`validate >> collect >> preprocess >> train`

`validate` stops the run before anything is touched when a raw file breaks the contract. `train` compares the new
bundle with the champion on the same held-out rows, and promotes it as the field `promote` says. A run that
promotes emits the asset event `champion`.

The asset event `retraining`, which `3_monitoring` emits, starts a run; its reason becomes the run's.
"""

from __future__ import annotations

import os

from airflow.sdk import Param, dag
from bridge import RETRAINING, step


@dag(
    dag_id="1_training_pipeline",
    schedule=[RETRAINING],
    catchup=False,
    max_active_runs=1,
    tags=["model", "training"],
    doc_md=__doc__,
    params={
        "promote": Param(
            os.environ.get("MODEL_PROMOTE", "when_better"),
            type="string",
            enum=["when_better", "always", "never"],
            title="Promote the new bundle",
            description="when_better: only when it is better than the champion beyond chance",
        ),
        "seed": Param(
            None,
            type=["null", "integer"],
            minimum=0,
            maximum=2**32 - 1,
            title="Seed",
            description="Of the split, the folds and the bootstrap; empty: the deployment's MODEL_SEED",
        ),
        "reason": Param(
            "", type="string", maxLength=500, title="Reason", description="Why this run, kept in the champion's history"
        ),
    },
)
def training_pipeline() -> None:
    """The four steps, in order."""
    step("validate") >> step("collect") >> step("preprocess") >> step("train")


training_pipeline()
