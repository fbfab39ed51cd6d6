"""Predict the files in the batch folder.

`validate >> collect >> create_batch_data >> predict`

Rows are predicted by the champion, or by the bundle that the field `version` names. A row that the same version has
predicted before is left alone, so that a run can be repeated.

With `MODEL_BATCH_ON_PROMOTION=true` a promotion starts a run: the asset event `champion`. With `MODEL_BATCH_SCHEDULE`
the clock does (`*/5 * * * *`: every five minutes); such a run is skipped unless a file or the champion is new.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag
from bridge import CHAMPION, is_on, step

ON_PROMOTION = is_on("MODEL_BATCH_ON_PROMOTION")
BY_THE_CLOCK = os.environ.get("MODEL_BATCH_SCHEDULE", "")


def schedule() -> Any:  # noqa: ANN401 - whatever Airflow takes
    """By the clock, by a promotion, by either, or by hand only."""
    if not BY_THE_CLOCK:
        return [CHAMPION] if ON_PROMOTION else None
    if not ON_PROMOTION:
        return BY_THE_CLOCK
    return AssetOrTimeSchedule(timetable=CronTriggerTimetable(BY_THE_CLOCK, timezone="UTC"), assets=[CHAMPION])


@dag(
    dag_id="2_batch_prediction",
    schedule=schedule(),
    catchup=False,
    max_active_runs=1,
    tags=["model", "prediction"],
    doc_md=__doc__,
    params={
        "files": Param(
            "*.csv",
            type="string",
            minLength=1,
            maxLength=200,
            pattern=r"^[^/\\]+$",
            title="Files",
            description="Pattern of the file names in the batch folder",
        ),
        "version": Param(
            "",
            type="string",
            maxLength=100,
            pattern=r"^[A-Za-z0-9_-]*$",
            title="Bundle version",
            description="Which bundle predicts; empty: the champion",
        ),
    },
)
def batch_prediction() -> None:
    """The four steps, in order."""
    validate = step("validate_batch", task_id="validate")
    collect = step("collect_batch", task_id="collect")
    validate >> collect >> step("create_batch_data") >> step("predict")


batch_prediction()
