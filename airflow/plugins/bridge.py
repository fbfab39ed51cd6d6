"""The bridge between Airflow and the model package: `step(name)` makes one Airflow task of one model step.

Importing this module costs `airflow.sdk` only. The model package, and with it pandas and scikit-learn, is imported
when a task runs. Data travels by files, never by XCom; what a step tells about its result (versions, counts, metrics)
stands on the asset event that it emits.
"""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from notices import Failed, Recovered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import XComArg
    from pydantic import JsonValue

    from model.settings import Settings

# A killed worker, a full disk or a busy database can be mended by trying again; a ModelError says whether it can.
RETRIES = 2
RETRY_DELAY = timedelta(seconds=5)
MOST_CHARACTERS = 4_000  # of a failure's message: ten failed checks fit
MOST_FACTS = 50  # of an asset event's extra
MOST_DEPTH = 2

MOST_REASON = 500  # characters, as the audit keeps

CHAMPION = Asset("champion")
RETRAINING = Asset("retraining")  # its event says why, and starts a training
PROMOTION = AssetAlias("promotion")  # resolves to CHAMPION, only when a run has promoted its bundle
PROPOSAL = Asset("retraining_proposal")  # the same, for a person who is asked first (DAG 4_retraining_approval)
DECISION = AssetAlias("decision")  # resolves to RETRAINING or PROPOSAL, only when it was decided to train again
APPROVAL = AssetAlias("approval")  # resolves to RETRAINING, when a person has said yes


def is_on(name: str) -> bool:
    """Whether a variable of the environment says yes: DAG files are read without the model package's settings."""
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


# The DAG processor and the tasks have the same environment.
ASKS_FIRST = is_on("MODEL_RETRAIN_ASK")

# What a DAG's form calls it -> the field of model.settings.Settings.
PARAMETERS = {
    "promote": "promote",
    "seed": "seed",
    "reason": "reason",
    "files": "batch_files",
    "version": "batch_version",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class News:
    """An event that a step emits only when its summary says `fact`: that of `asset`, by way of an alias."""

    alias: AssetAlias
    asset: Asset
    fact: str


@dataclass(frozen=True, slots=True)
class Step:
    """What the Airflow UI says of a step, and the asset whose event it emits when it succeeds."""

    reads: str
    writes: str
    fails_on: str
    outlet: str
    inlets: tuple[Asset, ...] = ()
    news: News | None = None

    @property
    def text(self) -> str:
        """Markdown for the task's documentation in the UI."""
        return (
            f"**Reads** {self.reads}\n\n**Writes** {self.writes}; the asset event `{self.outlet}`\n\n"
            f"**Fails on** {self.fails_on}\n\n"
            f"What trying again cannot mend fails at once; anything else is tried {RETRIES} times more. "
            "Running it again with the same input gives the same output."
        )


STEPS: Mapping[str, Step] = {
    "validate": Step(
        "the raw files that the contract's sources name, in `raw/`",
        "the validation report; no raw file is changed",
        "a missing or unreadable file, or rows that break the contract: each failed check with file, column and lines",
        "validation_report",
    ),
    "collect": Step(
        "the raw files in `raw/`, and stored predictions whose truth has come",
        "one table of all rows, keyed and labelled, in `interm/`",
        "raw files that break the contract, or a store that does not answer (which is tried again)",
        "collected_rows",
    ),
    "preprocess": Step(
        "the collected rows",
        "the training and the hold-out table in `preprocessed/`: without empty or repeated rows, no key in both",
        "`collect` not having run, or too few rows of a class to train and to judge a model",
        "training_table",
    ),
    "train": Step(
        "the training and the hold-out table, and the champion to compare with",
        "a bundle in `artifacts/`: pipeline, compiled form, metrics with intervals, model card, manifest; "
        "and, when the run promotes it, the champion (asset event `champion`)",
        "a model that learns nothing, or a compiled form that does not answer exactly as its pipeline does",
        "bundle",
        inlets=(CHAMPION,),
        news=News(PROMOTION, CHAMPION, "promoted"),
    ),
    "validate_batch": Step(
        "the files in `batch/` that match the pattern `files`",
        "the batch's validation report; no batch file is changed",
        "no file that matches, or rows that break the contract",
        "batch_validation_report",
    ),
    "collect_batch": Step(
        "the batch files",
        "one table of all rows to predict, in `interm/`",
        "batch files that break the contract",
        "batch_rows",
    ),
    "create_batch_data": Step(
        "the collected batch rows",
        "the encoded features, in `feature_store/`",
        "`collect` not having run, or columns that the contract does not know",
        "batch_features",
    ),
    "predict": Step(
        "the batch features, and the bundle called `version` (empty: the champion)",
        "predictions in `batch_predictions/` and in the prediction store; a row that is there already is left alone",
        "no champion or no such version, a damaged bundle, or a store that does not answer (which is tried again)",
        "batch_predictions",
        inlets=(CHAMPION,),
    ),
    "join_truth": Step(
        "the files in `truth/`, and the stored predictions",
        "what proved true, in the store; a row that is there already is left alone. A file that breaks the contract is "
        "left out, counted (`left_out`) and told of in the log; the others are taken in",
        "a store that does not answer (which is tried again)",
        "joined_truth",
    ),
    "measure": Step(
        "the predictions of the latest complete windows with their truth, and what each version's bundle remembers",
        "the windows' figures, in the store and in `artifacts/` for the service; a window measured again is replaced",
        "a store that does not answer (which is tried again)",
        "measures",
    ),
    "decide": Step(
        "the champion's figures, earlier decisions and trainings",
        "a decision with its reasons, in the store; and, when it is to train again, the asset event `retraining`, "
        "which starts `1_training_pipeline` (or `retraining_proposal`, with MODEL_RETRAIN_ASK)",
        "a store that does not answer (which is tried again)",
        "decisions",
        inlets=(CHAMPION,),
        news=News(DECISION, PROPOSAL if ASKS_FIRST else RETRAINING, "retrain"),
    ),
}


def step(name: str, *, task_id: str | None = None) -> XComArg:
    """One Airflow task that runs the model step `name`; it is called `task_id`, or as the step is.

    Raises:
        KeyError: there is no such step.
    """
    described = STEPS[name]
    outlets = [Asset(described.outlet), *([described.news.alias] if described.news else [])]

    @task(
        task_id=task_id or name,
        inlets=list(described.inlets),
        outlets=outlets,
        doc_md=described.text,
        retries=RETRIES,
        retry_delay=RETRY_DELAY,
        do_xcom_push=False,
        on_failure_callback=[Failed()],
        on_success_callback=[Recovered()],
    )
    def run_step(**context: Any) -> None:  # noqa: ANN401 - Airflow's context is a mapping of anything
        started = context["dag_run"]
        by_event = _asked_by(context["triggering_asset_events"])
        given = {"who": started.triggering_user_name, "run": started.run_id}
        settings = _settings(context["params"], given | by_event)
        if started.run_type == "scheduled":
            _skip_when_idle(name, settings)
        summary = _run(name, settings)
        _tell(context["outlet_events"], described, summary)

    return run_step()


def approved() -> XComArg:
    """One Airflow task that passes a proposal on as the event RETRAINING: a person has said yes."""

    @task(task_id="start", outlets=[APPROVAL], do_xcom_push=False)
    def start(**context: Any) -> None:  # noqa: ANN401 - Airflow's context is a mapping of anything
        answer = context["ti"].xcom_pull(task_ids="ask")
        who = (answer.get("responded_by_user") or {}).get("name") or "a person"
        proposed = context["triggering_asset_events"].get(PROPOSAL, ())
        reason = str(proposed[-1].extra.get("reason", "")) if proposed else ""
        said = _bounded(f"{reason} Approved by {who}.".strip(), MOST_REASON)
        context["outlet_events"][APPROVAL].add(RETRAINING, extra={"reason": said})

    return start()


def _asked_by(events: Mapping[Asset, Sequence[Any]]) -> dict[str, str]:
    """Why and by whom, when the event RETRAINING started the run: of several at once the last one says it."""
    said = events.get(RETRAINING, ())
    if not said:
        return {}
    last = said[-1]
    reason = str(last.extra.get("reason") or "the asset event `retraining`")
    return {"reason": _bounded(reason, MOST_REASON), "who": last.source_dag_id or ""}


def _settings(params: Mapping[str, Any], more: Mapping[str, str | None]) -> Settings:
    """`MODEL_*` of the deployment, under what the run's form says; an empty field leaves the deployment's value.

    more: what the run itself says; where the form says something, that counts.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    from model.settings import Settings  # noqa: PLC0415 - inside the task only

    form = {PARAMETERS[name]: value for name, value in params.items() if name in PARAMETERS}
    try:
        return Settings(**(_filled(more) | _filled(form)))
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors(include_input=False)]
        raise AirflowFailException(_bounded(f"the settings are not valid: {'; '.join(wrong)}")) from None


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if value not in (None, "")}


def _run(name: str, settings: Settings) -> Mapping[str, JsonValue]:
    """Run the step. What retrying cannot mend becomes AirflowFailException, whose message is the step's own."""
    from model import ModelError, tasks  # noqa: PLC0415 - inside the task only

    try:
        return tasks.run(name, settings, log.info)
    except ModelError as error:
        if error.retryable:
            raise
        raise AirflowFailException(_bounded(str(error))) from None


def _skip_when_idle(name: str, settings: Settings) -> None:
    from model import tasks  # noqa: PLC0415 - inside the task only

    reason = tasks.idle(name, settings)
    if reason:
        raise AirflowSkipException(_bounded(reason))


def _tell(events: Any, described: Step, summary: Mapping[str, JsonValue]) -> None:  # noqa: ANN401 - Airflow's accessors
    facts = _facts(summary)
    events[Asset(described.outlet)].extra.update(facts)
    news = described.news
    if news and summary.get(news.fact) is True:
        events[news.alias].add(news.asset, extra=facts)


def _facts(summary: Mapping[str, JsonValue], depth: int = 1) -> dict[str, JsonValue]:
    """What of a step's summary an asset event carries: its small facts. Lists and infinities stay in the files."""
    kept: dict[str, JsonValue] = {}
    for name, value in list(summary.items())[:MOST_FACTS]:
        match value:
            case dict() if depth < MOST_DEPTH:
                kept[name] = _facts(value, depth + 1)
            case float() if not math.isfinite(value):
                kept[name] = None
            case str():
                kept[name] = _bounded(value, 500)
            case bool() | int() | float() | None:
                kept[name] = value
            case _:
                continue
    return kept


def _bounded(text: str, most: int = MOST_CHARACTERS) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
