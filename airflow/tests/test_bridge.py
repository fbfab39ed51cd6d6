"""What the bridge makes of settings, errors and summaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that point into an empty folder."""
    monkeypatch.setenv("MODEL_CONTRACT", "reggaeton")
    monkeypatch.setenv("MODEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MODEL_ARTIFACTS_DIR", str(tmp_path / "artifacts"))


def test_the_forms_fields_stand_above_the_deployments_settings_and_empty_ones_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import bridge

    monkeypatch.setenv("MODEL_SEED", "7")
    monkeypatch.setenv("MODEL_PROMOTE", "never")

    settings = bridge._settings({"promote": "always", "seed": None, "reason": "", "unknown": 1}, {"who": "ada"})

    assert (settings.promote, settings.seed, settings.reason, settings.who) == ("always", 7, "", "ada")


def test_settings_that_are_not_valid_fail_at_once_and_name_the_field(monkeypatch: pytest.MonkeyPatch) -> None:
    import bridge
    from airflow.sdk.exceptions import AirflowFailException

    monkeypatch.setenv("MODEL_CV_REPEATS", "many")

    with pytest.raises(AirflowFailException, match="cv_repeats"):
        bridge._settings({}, {})


@pytest.mark.usefixtures("nowhere")
def test_what_a_retry_cannot_mend_fails_at_once_with_the_steps_own_message() -> None:
    import bridge
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=r"data_reggaeton\.csv"):
        bridge._run("validate", bridge._settings({}, {}))


def test_a_failures_message_is_bounded() -> None:
    import bridge

    assert len(bridge._bounded("x" * 1_000_000)) == bridge.MOST_CHARACTERS


def test_an_asset_event_carries_small_facts_only() -> None:
    import bridge

    summary: dict[str, JsonValue] = {
        "version": "v1",
        "promoted": True,
        "rows": 3,
        "none": None,
        "list": [1] * 1000,
        "bad": float("nan"),
    }
    nested: dict[str, JsonValue] = {"metrics": {"auc": 0.9, "deeper": {"too": "deep"}}, "long": "y" * 5000}

    facts = bridge._facts(summary | nested)

    assert facts == {
        "version": "v1",
        "promoted": True,
        "rows": 3,
        "none": None,
        "bad": None,
        "metrics": {"auc": 0.9},
        "long": "y" * 499 + "…",
    }
    assert len(bridge._facts({str(number): number for number in range(1000)})) == bridge.MOST_FACTS


def test_a_step_that_does_not_exist_is_not_made() -> None:
    import bridge

    with pytest.raises(KeyError):
        bridge.step("predcit")


def test_the_event_that_started_a_run_says_why_and_by_whom_and_the_last_of_several_counts() -> None:
    import bridge
    from airflow.sdk.execution_time.comms import AssetEventDagRunReferenceResult
    from airflow.sdk.execution_time.context import TriggeringAssetEventsAccessor

    def events(*extras: dict[str, JsonValue], name: str = "retraining") -> TriggeringAssetEventsAccessor:
        said = {
            "asset": {"name": name, "uri": name, "extra": {}},
            "source_aliases": [],
            "timestamp": "2026-01-01T00:00Z",
        }
        run = {
            "source_dag_id": "3_monitoring",
            "source_run_id": "r",
            "source_task_id": "decide",
            "source_map_index": -1,
        }
        return TriggeringAssetEventsAccessor.build(
            AssetEventDagRunReferenceResult.model_validate({**said, **run, "extra": extra}) for extra in extras
        )

    assert bridge._asked_by(events()) == {}
    assert bridge._asked_by(events({"reason": "x"}, name="champion")) == {}
    asked = bridge._asked_by(events({"reason": "first"}, {"reason": "drift " * 500}))
    assert (asked["who"], len(asked["reason"])) == ("3_monitoring", 500)
    assert bridge._asked_by(events({}))["reason"] == "the asset event `retraining`"
    assert bridge._settings({"reason": ""}, asked).reason == asked["reason"]
    assert bridge._settings({"reason": "by hand"}, asked).reason == "by hand"
