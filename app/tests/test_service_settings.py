"""What a deployment may set, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import ServiceSettings


def test_every_setting_works_on_a_laptop_and_is_described() -> None:
    assert ServiceSettings().artifacts_dir == Path("airflow/artifacts")
    assert all(field.description for field in ServiceSettings.model_fields.values())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_CONTRACT", "wine")
    monkeypatch.setenv("SERVICE_MAX_BODY_BYTES", "2048")
    monkeypatch.setenv("SERVICE_POLL_SECONDS", "")
    settings = ServiceSettings()
    assert (settings.contract, settings.max_body_bytes, settings.poll_seconds) == ("wine", 2048, 0.5)


@pytest.mark.parametrize("name", ["../secrets", "/etc", "", "Reggaeton", "a" * 51])
def test_a_contract_is_a_name_and_never_a_path(name: str) -> None:
    with pytest.raises(ValidationError, match="contract"):
        ServiceSettings(contract=name)


def test_production_needs_its_artifacts_folder(tmp_path: Path) -> None:
    ServiceSettings(environment="production", artifacts_dir=tmp_path)
    with pytest.raises(ValidationError, match="SERVICE_ARTIFACTS_DIR"):
        ServiceSettings(environment="production", artifacts_dir=tmp_path / "missing")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ServiceSettings().contract = "wine"  # type: ignore[misc]  # the point of the test
