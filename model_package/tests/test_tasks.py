"""The verbs, from raw files to stored predictions, for every contract; and every bad file, which trains nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from model import tasks
from model.contracts import find
from model.errors import BundleNotFound, CannotCompile, ContractError, DataError, StepOrderError, TrainingError
from model.registry import Registry
from model.settings import Settings
from model.signature import make_pair, read_public_keys
from model.store import Store
from model.testing import bad_files
from model.testing.settings import settings_in

TRAINING = ("validate", "collect", "preprocess", "train")
BATCH = ("validate_batch", "collect_batch", "create_batch_data", "predict")


def silent(_: str) -> None:
    """Report to nobody."""


def run(settings: Settings, *steps: str) -> list[tasks.Summary]:
    return [tasks.run(step, settings, silent) for step in steps]


def example(name: str, folder: Path, **more: object) -> Settings:
    settings = settings_in(folder, **({"contract": name} | more))
    write = find(name).write_example
    assert write is not None
    write(settings.data_dir)
    return settings


def tracks_with(folder: Path, before: str, after: str) -> str:
    """The tracks' contract file with something else in it."""
    source = Path(find.__code__.co_filename).with_name("reggaeton.py").read_text()
    assert before in source
    path = folder / "tracks.py"
    path.write_text(source.replace(before, after))
    return str(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The tracks example, trained (a tenth of its trees) and predicted once."""
    folder = tmp_path_factory.mktemp("trained")
    settings = example(tracks_with(folder, "n_estimators=300", "n_estimators=30"), folder)
    run(settings, *TRAINING, *BATCH)
    return settings


def test_every_shipped_contract_goes_from_files_to_stored_predictions(shipped_name: str, tmp_path: Path) -> None:
    settings = example(shipped_name, tmp_path)
    trained = run(settings, *TRAINING)[-1]
    assert trained["promoted"]
    predicted = run(settings, *BATCH)[-1]
    assert predicted["rows"] == predicted["added"] > 0
    contract = find(shipped_name).contract
    frame = pd.read_parquet(predicted["path"])
    sheet = pd.read_csv(Path(predicted["path"]).with_suffix(".csv"))
    assert len(frame) == len(sheet) == predicted["rows"]
    assert {contract.key.name, *contract.column_names, "label", "score", "version", "created_at"} <= set(frame.columns)
    assert set(frame.version) == {trained["version"]}
    if contract.target.labels:
        assert set(frame.label) <= set(contract.target.classes)
    with Store(settings.database_url.get_secret_value(), contract) as store:
        assert store.count() == predicted["rows"]


def test_a_rerun_predicts_the_same_and_stores_nothing_twice(trained: Settings) -> None:
    first = run(trained, *BATCH)[-1]
    assert first["added"] == 0
    files = sorted((trained.data_dir / "batch_predictions").rglob("*"))
    run(trained, *BATCH)
    assert sorted((trained.data_dir / "batch_predictions").rglob("*")) == files


def test_a_grown_batch_adds_only_its_new_rows(trained: Settings) -> None:
    extra = trained.data_dir / "batch" / "more.csv"
    lines = (trained.data_dir / "batch" / "tracks.csv").read_text().splitlines()
    extra.write_text("\n".join([lines[0], lines[1].rsplit(",", 1)[0] + ",999999"]) + "\n")
    try:
        assert run(trained, *BATCH)[-1]["added"] == 1
    finally:
        extra.unlink()


def test_the_same_data_code_and_seed_give_the_same_bundle(trained: Settings) -> None:
    registry = Registry(trained.artifacts_dir, "reggaeton")
    versions = registry.versions()
    again = run(trained, "train")[0]
    assert registry.versions() == versions
    assert again == {**again, "version": versions[0], "promoted": False}


def test_a_worse_model_is_written_but_not_promoted(trained: Settings, tmp_path: Path) -> None:
    weak = tracks_with(tmp_path, "n_estimators=300", "n_estimators=2, max_depth=1")
    registry = Registry(trained.artifacts_dir, "reggaeton")
    champion = registry.champion()
    summary = run(trained.model_copy(update={"contract": weak}), "preprocess", "train")[-1]
    assert not summary["promoted"]
    assert registry.champion() == champion
    assert summary["version"] in registry.versions()
    run(trained, "preprocess")


def test_promote_never_and_always_do_what_they_say(trained: Settings) -> None:
    registry = Registry(trained.artifacts_dir, "reggaeton")
    champion = registry.champion()
    other = trained.model_copy(update={"seed": 1, "promote": "never"})
    version = run(other, "train")[0]["version"]
    assert registry.champion() == champion != version
    run(other.model_copy(update={"promote": "always", "reason": "because", "who": "ada"}), "train")
    assert registry.champion() == version
    assert {"who": "ada", "why": "because"}.items() <= registry.history()[-1].items()
    registry.rollback()


def test_a_bundle_that_is_not_promoted_becomes_the_challenger_where_that_is_wanted(trained: Settings) -> None:
    registry = Registry(trained.artifacts_dir, "reggaeton")
    assert registry.challenger() is None
    wanted = {"seed": 1, "promote": "never", "shadow_unpromoted": True, "who": "ada"}
    version = run(trained.model_copy(update=wanted), "train")[0]["version"]
    challenger = registry.challenger()
    assert challenger is not None
    assert challenger.version == version != registry.champion()
    assert registry.shadow_off() == version


def test_what_has_no_compiled_form_is_trained_signed_promoted_and_predicts(tmp_path: Path) -> None:
    private, public = make_pair(tmp_path / "keys")
    settings = example("diabetes", tmp_path, contract=neighbours(tmp_path), signing_key=str(private))
    assert run(settings, *TRAINING)[-1]["promoted"]
    registry = Registry(settings.artifacts_dir, "diabetes", verify_key=read_public_keys(public))
    assert registry.load_champion().served_by == "pipeline"
    predicted = run(settings, *BATCH)[-1]
    assert predicted["rows"] == predicted["added"] > 0
    with pytest.raises(CannotCompile, match="KNeighborsRegressor"):
        run(settings.model_copy(update={"require_compiled": True}), "train")


def neighbours(folder: Path) -> str:
    """The diabetes contract with an estimator that has no compiled form."""
    source = Path(find.__code__.co_filename).with_name("diabetes.py").read_text()
    path = folder / "neighbours.py"
    own = "def estimator():\n    from sklearn.neighbors import KNeighborsRegressor\n    return KNeighborsRegressor(7)\n"
    path.write_text(f"{source}\n\n{own}")
    return str(path)


def test_a_class_of_the_contract_file_cannot_be_served_by_a_pipeline_and_training_says_so(tmp_path: Path) -> None:
    path = Path(neighbours(tmp_path))
    own = "\n\nfrom sklearn.neighbors import KNeighborsRegressor\n\n\nclass Mine(KNeighborsRegressor):\n    pass\n"
    path.write_text(path.read_text().replace("return KNeighborsRegressor(7)", "return Mine(7)") + own)
    settings = example("diabetes", tmp_path, contract=str(path))
    with pytest.raises(TrainingError, match="must come from an installed package"):
        run(settings, *TRAINING)
    assert not Registry(settings.artifacts_dir, "diabetes").versions()


def test_a_named_version_predicts_instead_of_the_champion(trained: Settings) -> None:
    version = Registry(trained.artifacts_dir, "reggaeton").versions()[-1]
    assert run(trained.model_copy(update={"batch_version": version}), "predict")[0]["version"] == version
    with pytest.raises(BundleNotFound, match="nonsense"):
        run(trained.model_copy(update={"batch_version": "nonsense"}), "predict")


def test_a_step_that_runs_before_its_input_says_what_to_run(tmp_path: Path) -> None:
    settings = example("wine", tmp_path)
    for step, first in [
        ("collect", "validate"),
        ("preprocess", "collect"),
        ("train", "preprocess"),
        ("collect_batch", "validate --batch"),
        ("create_batch_data", "collect --batch"),
    ]:
        with pytest.raises(StepOrderError, match=f"python -m model {first}"):
            run(settings, step)
    with pytest.raises(BundleNotFound, match="no champion"):
        run(settings, "predict")


def test_files_that_changed_after_they_were_validated_are_not_collected(tmp_path: Path) -> None:
    settings = example("wine", tmp_path)
    run(settings, "validate")
    path = settings.data_dir / "raw" / "wine.csv"
    path.write_bytes(path.read_bytes() + b"\r\n")
    with pytest.raises(StepOrderError, match="has changed since it was validated"):
        run(settings, "collect")


def test_a_batch_is_not_predicted_by_a_bundle_of_other_columns(trained: Settings, tmp_path: Path) -> None:
    narrow = tracks_with(tmp_path, 'Number("valence", 0, 1', 'Number("valence", 0, 0.999')
    with pytest.raises(ContractError, match="other columns"):
        run(trained.model_copy(update={"contract": narrow}), "predict")


@pytest.mark.parametrize("way", sorted(bad_files(find("reggaeton").contract)))
def test_a_bad_file_is_refused_with_its_name_and_the_champion_stays(
    way: str, trained: Settings, tmp_path: Path
) -> None:
    settings = example("reggaeton", tmp_path, artifacts_dir=trained.artifacts_dir)
    registry = Registry(trained.artifacts_dir, "reggaeton")
    before = registry.champion(), registry.versions(), registry.history()
    spoiled = bad_files(find("reggaeton").contract)[way](settings.data_dir / "raw")
    with pytest.raises(DataError) as caught:
        run(settings, "validate")
    assert caught.value.exit_code == 3
    said = str(caught.value)
    assert spoiled.file.name in said or spoiled.file.name in {
        failure.where.split()[0] for failure in caught.value.failures
    }
    if spoiled.line is not None:
        assert any(spoiled.line in failure.lines for failure in caught.value.failures), said
    assert len(said) < 6_000
    report = json.loads((settings.data_dir / "interm" / "reggaeton" / "validation.json").read_text())
    assert report["passed"] is False
    with pytest.raises(StepOrderError):
        run(settings, "collect")
    assert (registry.champion(), registry.versions(), registry.history()) == before
    registry.load_champion()
