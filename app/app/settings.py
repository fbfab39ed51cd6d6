"""What a deployment may set: `SERVICE_*` in the environment, each with a default that works on a laptop."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024
SHORTEST_TOKEN = 16
LogMode = Literal["durable", "async", "off"]


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
    def _token_is_none_or_hard_to_guess(self) -> Self:
        token = self.admin_secret()
        if token and (len(token) < SHORTEST_TOKEN or len(set(token)) < SHORTEST_TOKEN // 2):
            raise ValueError(f"SERVICE_ADMIN_TOKEN needs {SHORTEST_TOKEN} characters or more: `openssl rand -hex 32`")
        return self

    def admin_secret(self) -> str:
        """The admin token, from the file when there is one."""
        if self.admin_token_file is not None:
            return self.admin_token_file.read_text().strip()
        return self.admin_token.get_secret_value()
