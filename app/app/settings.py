"""What a deployment may set: `SERVICE_*` in the environment, each with a default that works on a laptop."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024


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
    threads: int = Field(4, ge=1, le=64, description="Requests that are parsed and scored at the same time")
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
