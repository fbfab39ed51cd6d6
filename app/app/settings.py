"""What a deployment may set: `SERVICE_*` in the environment, each with a default that works on a laptop."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024
SHORTEST_TOKEN = 16
LogMode = Literal["durable", "async", "off"]
DashboardMode = Literal["open", "token", "off"]


class ServiceSettings(BaseSettings):
    """Constructed only at the door (`app.main.create_app`); everything inside takes it, or a part of it, as a value."""

    model_config = SettingsConfigDict(env_prefix="SERVICE_", frozen=True, extra="forbid", env_ignore_empty=True)

    artifacts_dir: Path = Field(Path("airflow/artifacts"), description="The folder of bundles")
    contract: str = Field(
        "reggaeton",
        pattern=r"^[a-z][a-z0-9_-]{0,49}$",
        description="The name of the contract whose champion is served: a folder of artifacts_dir",
    )
    poll_seconds: float = Field(0.5, gt=0, le=3600, description="How often the service looks for a new champion")
    retry_seconds: float = Field(30, ge=0, le=3600, description="After how long a refused champion is tried again")
    max_body_bytes: int = Field(MEBIBYTE, gt=0, le=64 * MEBIBYTE, description="The largest request body that is read")
    threads: int = Field(
        2, ge=1, le=64, description="Large requests that a worker decodes and scores at the same time, beside the small"
    )
    max_in_flight: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Requests under way in a worker, above which more are refused; 0: what it answers in 0.15 s",
    )
    log: LogMode = Field(
        "durable",
        description="durable: predictions are on this machine's disk before they are answered; async: written behind, "
        "a crash loses the last second; off: not kept",
    )
    spool_dir: Path = Field(
        Path("airflow/spool"), description="The folder of predictions that wait to be shipped to the store"
    )
    spool_bytes: int = Field(
        4 * 1024 * MEBIBYTE,
        ge=256 * MEBIBYTE,
        description="What that folder may hold; above it predictions are refused, or dropped when async",
    )
    signing_key: Path | None = Field(
        None, description="A PEM file of Ed25519 public keys: only bundles that one of them has signed are served"
    )
    admin_token: SecretStr = Field(
        SecretStr(""), description="Opens /admin (at least 16 characters); empty: there is no /admin"
    )
    admin_token_file: Path | None = Field(None, description="A file that holds that token instead")
    dashboard: DashboardMode | None = Field(
        None,
        description="Who may read /dashboard: open, token, or off; unset: everybody in development, "
        "in production whoever shows the dashboard's token, and nobody where there is none",
    )
    dashboard_token: SecretStr = Field(
        SecretStr(""), description="Opens the dashboard for reading (at least 16 characters); the admin token does too"
    )
    dashboard_token_file: Path | None = Field(None, description="A file that holds that token instead")
    dashboard_frames: str = Field(
        "http://localhost:8080 http://127.0.0.1:8080",
        pattern=r"^(https?://[A-Za-z0-9.*:-]+( https?://[A-Za-z0-9.*:-]+)*)?$",
        description="Where the dashboard may stand in a frame: the origins of Airflow's UI, with spaces between",
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="The store that the dashboard reads, as MODEL_DATABASE_URL (needs SQLAlchemy); empty: it shows "
        "what the registry knows. Predictions never wait for it",
    )
    host: str = Field("127.0.0.1", description="The address that `python -m app` listens on")
    port: int = Field(8090, ge=0, le=65_535, description="The port that `python -m app` listens on")
    uds: Path | None = Field(None, description="A Unix socket to listen on instead")
    workers: int = Field(0, ge=0, le=256, description="Processes that answer; 0: one per core")
    metrics_dir: Path | None = Field(
        None, description="Where workers tell each other what they have counted; made by `python -m app`"
    )
    environment: Literal["development", "production"] = Field(
        "development",
        description="In production the service refuses to start without its artifacts folder; a laptop may train later",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged; debug adds the health checks"
    )

    @model_validator(mode="after")
    def _has_what_production_needs(self) -> Self:
        if self.environment == "production" and not self.artifacts_dir.is_dir():
            raise ValueError(f"SERVICE_ARTIFACTS_DIR={self.artifacts_dir} is no folder: mount the bundles there")
        return self

    @model_validator(mode="after")
    def _tokens_are_none_or_hard_to_guess(self) -> Self:
        for name, token in (("ADMIN", self.admin_secret()), ("DASHBOARD", self.dashboard_secret())):
            if token and (len(token) < SHORTEST_TOKEN or len(set(token)) < SHORTEST_TOKEN // 2):
                raise ValueError(
                    f"SERVICE_{name}_TOKEN needs {SHORTEST_TOKEN} characters or more: `openssl rand -hex 32`"
                )
        return self

    @model_validator(mode="after")
    def _reading_and_acting_are_two_things(self) -> Self:
        reading, acting = self.dashboard_secret(), self.admin_secret()
        if self.dashboard == "token" and not reading:
            raise ValueError("SERVICE_DASHBOARD=token needs SERVICE_DASHBOARD_TOKEN: `openssl rand -hex 32`")
        if reading and reading == acting:
            raise ValueError("SERVICE_DASHBOARD_TOKEN must not be SERVICE_ADMIN_TOKEN: who reads must not act")
        return self

    def admin_secret(self) -> str:
        """The admin token, from the file when there is one."""
        return _secret(self.admin_token, self.admin_token_file)

    def dashboard_secret(self) -> str:
        """The token that opens the dashboard for reading, from the file when there is one."""
        return _secret(self.dashboard_token, self.dashboard_token_file)

    def dashboard_mode(self) -> DashboardMode:
        """Who may read the dashboard."""
        if self.dashboard is not None:
            return self.dashboard
        if self.environment == "development":
            return "open"
        return "token" if self.dashboard_secret() else "off"


def _secret(token: SecretStr, file: Path | None) -> str:
    return token.get_secret_value() if file is None else file.read_text().strip()
