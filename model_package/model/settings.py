"""What a deployment may set: `MODEL_*` in the environment, each with a default that works on a laptop."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Promotion = Literal["when_better", "always", "never"]
Drift = Literal["none", "inputs", "prior", "concept", "meaning"]
Retraining = Literal["when_needed", "never"]
YEAR_HOURS = 366 * 24


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# A moment without an offset is one of UTC.
Moment = Annotated[datetime, AfterValidator(_zoned)]


class Settings(BaseSettings):
    """Constructed only at the doors (command line, Airflow bridge); everything inside takes it as a value."""

    model_config = SettingsConfigDict(env_prefix="MODEL_", frozen=True, extra="forbid", secrets_dir=None)

    contract: str = Field("reggaeton", description="A shipped contract's name, or the path of a contract file (.py)")
    data_dir: Path = Field(Path("airflow/data"), description="The folder of raw, batch and derived data")
    artifacts_dir: Path = Field(Path("airflow/artifacts"), description="The folder of bundles")
    database_url: SecretStr = Field(
        SecretStr("sqlite:///airflow/artifacts/predictions.db"),
        description="Where predictions are stored: an SQLAlchemy URL of SQLite or PostgreSQL",
    )
    spool_dir: Path = Field(
        Path("airflow/spool"), description="The folder in which the service's predictions wait for the store"
    )
    ship_follow: bool = Field(
        default=False, description="Whether `ship` goes on shipping what comes, until it is ended"
    )
    keep_days: int = Field(0, ge=0, description="`prune` deletes predictions that are older than so many days; 0: none")
    prune_origin: str = Field("", max_length=200, description="Of which origin: `online`, `batch`; empty: of any")
    truth_from: Path | None = Field(
        None, description="A CSV file of truth, or a folder of them; none: `truth` in the data folder"
    )
    join_days: int = Field(0, ge=0, description="`join` counts the predictions of the last so many days; 0: all")
    join_version: str = Field("", max_length=100, description="Of which bundle version; empty: of any")
    join_origin: str = Field("", max_length=200, description="Of which origin: `online`, `batch`; empty: of any")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of the split, the folds and the bootstrap")
    folds: int = Field(5, ge=2, le=20, description="Folds of the cross-validation inside the training part")
    cv_repeats: int = Field(5, ge=1, le=100, description="Repeats of that cross-validation")
    bootstrap_samples: int = Field(1000, ge=100, le=100_000, description="Resamples behind each 95 % interval")
    require_compiled: bool = Field(
        False, description="Refuse to train what has no exact compiled form, instead of serving it by its pipeline"
    )
    signing_key: str = Field(
        "",
        description="Path of an Ed25519 private key (PEM) that signs new bundles; then only signed ones are loaded; "
        "empty: none",
    )
    promote: Promotion = Field("when_better", description="What becomes of a newly trained bundle")
    batch_files: str = Field("*.csv", description="Pattern of the files in the batch folder that are predicted")
    batch_version: str = Field("", description="The bundle version that predicts a batch; empty: the champion")
    replay_version: str = Field("", description="The bundle version that `replay` asks; empty: the champion")
    replay_since: Moment | None = Field(
        None, description="`replay` asks again what was asked since then, e.g. 2026-11-01 or 2026-11-01T12:00:00Z"
    )
    replay_until: Moment | None = Field(None, description="and before then")
    replay_recorded: str = Field("", description="`replay` takes only what this version answered; empty: any")
    replay_origin: str = Field("", max_length=200, description="Of which origin: `online`, `batch`; empty: of any")
    reason: str = Field("", max_length=500, description="Why this run was started, kept in the audit")
    who: str = Field("", max_length=100, description="Who started it; empty: the operating system's user")
    run: str = Field(
        "",
        max_length=500,
        description="Which run of a scheduler this is: tried again, the same run decides once; empty: none",
    )
    batch_schedule: str = Field(
        "",
        description="When `2_batch_prediction` runs by the clock: a cron expression or preset; then it predicts only "
        "what is new. Empty: never; read when Airflow reads the DAG",
    )
    batch_on_promotion: bool = Field(
        default=False, description="Whether a promotion starts `2_batch_prediction`; read when Airflow reads the DAG"
    )
    monitor_schedule: str = Field(
        "@hourly",
        min_length=1,
        description="When `3_monitoring` runs: a cron expression or preset; read when Airflow reads the DAG",
    )
    monitor_window_hours: float = Field(
        24, gt=0, le=YEAR_HOURS, description="Length of a window of predictions that is measured"
    )
    monitor_windows: int = Field(
        7, ge=1, le=366, description="How many of the latest complete windows are measured (again: truth comes late)"
    )
    monitor_since: Moment | None = Field(
        None, description="Measure only what was predicted from this moment on (ISO 8601; needs MODEL_MONITOR_UNTIL)"
    )
    monitor_until: Moment | None = Field(None, description="... and before this one, as one window")
    monitor_origin: str = Field(
        "", max_length=200, description="Which predictions are measured: `online`, `batch`; empty: any"
    )
    alert_webhook: SecretStr = Field(
        SecretStr(""),
        description="An http or https address that is told (POST, JSON) when something goes wrong and when it is over; "
        "empty: none",
    )
    retrain: Retraining = Field("when_needed", description="Whether `decide` may decide to retrain")
    retrain_ask: bool = Field(
        default=False,
        description="Whether a person is asked first, by `4_retraining_approval`; read when Airflow reads the DAGs",
    )
    retrain_after_windows: int = Field(
        3, ge=1, le=100, description="In how many windows in a row drift or a low estimate has to be seen"
    )
    retrain_least_rows: int = Field(
        200, ge=1, description="Predictions (for quality: with truth) below which a figure says nothing"
    )
    retrain_estimated_loss: float = Field(
        0.1, gt=0, le=1, description="Share of the quality in training that an estimate may surely lose"
    )
    retrain_age_days: float = Field(90, ge=0, description="Age from which a model is trained anew; 0: at no age")
    retrain_cool_down_hours: float = Field(
        72,
        ge=1,
        le=YEAR_HOURS,
        description="Hours after a decision to retrain, or a newly trained bundle, in which no other one is made",
    )

    @field_validator("alert_webhook")
    @classmethod
    def _is_an_address_of_the_web(cls, said: SecretStr) -> SecretStr:
        address = urlsplit(said.get_secret_value())
        if said.get_secret_value() and not (address.scheme in {"http", "https"} and address.hostname):
            raise ValueError("it begins with https:// or http:// and names a host")
        return said
