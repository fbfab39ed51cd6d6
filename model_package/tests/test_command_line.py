"""`python -m model <verb>` does what its help says, and its exit status says what went wrong."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from model.__main__ import main
from model.contracts import find
from model.errors import ModelError
from model.testing import bad_files
from model.testing.bundles import quick_bundle
from model.testing.programs import unmeasured

VERBS = (
    "validate",
    "collect",
    "preprocess",
    "train",
    "create-batch-data",
    "predict",
    "measure",
    "decide",
    "ship",
    "shadow",
    "compare",
    "truth",
    "join",
    "prune",
    "replay",
    "bundles",
    "history",
    "promote",
    "rollback",
    "keygen",
    "sign",
    "example",
    "contract",
)


Done = subprocess.CompletedProcess[str]


def surroundings(folder: Path) -> dict[str, str]:
    """Everything that a command may touch below `folder`, and figures that are quick to get."""
    return {
        "MODEL_DATA_DIR": str(folder / "data"),
        "MODEL_ARTIFACTS_DIR": str(folder / "artifacts"),
        "MODEL_DATABASE_URL": f"sqlite:///{folder}/predictions.db",
        "MODEL_FOLDS": "2",
        "MODEL_CV_REPEATS": "1",
        "MODEL_BOOTSTRAP_SAMPLES": "100",
    }


def model(folder: Path, *words: str, **environment: str) -> Done:
    """Run the command in this process, which has loaded already what a new one takes seconds to load."""
    said, complained = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(said), redirect_stderr(complained):
        for name, value in (surroundings(folder) | environment).items():
            patched.setenv(name, value)
        patched.setattr(sys, "argv", ["model", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    status = ended.value.code or 0
    assert isinstance(status, int)
    return Done(words, status, said.getvalue(), complained.getvalue())


def program(folder: Path, *words: str, **environment: str) -> Done:
    """Run the command as its users do, in a process of its own, whose coverage nobody measures."""
    command = [sys.executable, "-m", "model", *words]
    own = unmeasured() | surroundings(folder) | environment
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False)


def succeeded(done: Done) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_help_lists_every_verb_and_what_the_exit_status_means(tmp_path: Path) -> None:
    said = succeeded(model(tmp_path, "--help"))
    assert all(f"  {verb} " in said for verb in VERBS)
    assert "3 the data breaks it" in " ".join(said.split())
    assert "--batch" in succeeded(model(tmp_path, "validate", "--help"))


def test_it_is_a_program_whose_output_and_exit_status_are_those_of_its_command(tmp_path: Path) -> None:
    for words, status in ((("--help",), 0), (("rollback",), 5)):
        own, other = program(tmp_path, *words), model(tmp_path, *words)
        assert own.returncode == other.returncode == status
        assert (own.stdout, own.stderr) == (other.stdout, other.stderr)


@pytest.mark.parametrize("run", [model, pytest.param(program, marks=pytest.mark.exhaustive)])
def test_the_whole_path_from_the_command_line(tmp_path: Path, run: Callable[..., Done]) -> None:
    assert "wrote" in succeeded(run(tmp_path, "--contract", "diabetes", "example"))
    assert "nothing written" in succeeded(run(tmp_path, "--contract", "diabetes", "example"))
    steps = ["validate", "collect", "preprocess", "train", "validate --batch", "collect --batch", "create-batch-data"]
    for step in [*steps, "predict"]:
        said = succeeded(run(tmp_path, *step.split(), MODEL_CONTRACT="diabetes"))
        assert " s] " in said, "every line says how long it took"
    listed = succeeded(run(tmp_path, "--contract", "diabetes", "bundles"))
    assert listed.startswith("* 2")
    assert "1 bundles in" in listed
    assert "first champion" in succeeded(run(tmp_path, "--contract", "diabetes", "history"))


def test_promote_and_rollback_by_hand(tmp_path: Path) -> None:
    tracks = find("reggaeton").contract
    first, second = (quick_bundle(tracks, tmp_path / "artifacts", seed=seed) for seed in range(2))
    assert f"{first} is the champion again" in succeeded(model(tmp_path, "rollback", "--why", "complaints"))
    assert f"{second} is the champion" in succeeded(model(tmp_path, "promote", second))
    said = succeeded(model(tmp_path, "history"))
    assert "complaints" in said
    assert "by hand" in said


def test_an_empty_spool_is_shipped_and_nothing_is_pruned_unless_it_is_said_how_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)  # the other tests go on in this process
    spool = ("--spool-dir", str(tmp_path / "spool"))
    assert "shipped 0 rows" in succeeded(model(tmp_path, "ship", *spool))
    assert "--older-than DAYS" in succeeded(model(tmp_path, "prune"))
    said = succeeded(model(tmp_path, "prune", "--older-than", "30", "--origin", "online"))
    assert "0 predictions of reggaeton are left" in said


def test_a_challenger_is_set_asked_compared_and_taken_off_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None)
    tracks = find("reggaeton").contract
    first, second = (quick_bundle(tracks, tmp_path / "artifacts", seed=seed) for seed in range(2))
    refused = model(tmp_path, "shadow")
    assert refused.returncode == 6
    assert "python -m model shadow VERSION" in refused.stderr
    assert f"{first} answers beside the champion" in succeeded(model(tmp_path, "shadow", first, "--why", "try it"))
    assert "answered 0 predictions" in succeeded(model(tmp_path, "shadow"))
    assert "nothing is drawn" in succeeded(model(tmp_path, "compare"))
    listed = succeeded(model(tmp_path, "bundles"))
    assert f"+ {first}" in listed
    assert f"* {second}" in listed
    assert model(tmp_path, "shadow", first, "--off").returncode == 2
    assert f"{first} shadows no more" in succeeded(model(tmp_path, "shadow", "--off"))
    assert "no version shadowed" in succeeded(model(tmp_path, "shadow", "--off"))
    said = succeeded(model(tmp_path, "history"))
    assert "try it" in said
    assert "shadow off" in said


def test_a_replay_without_predictions_says_so(tmp_path: Path) -> None:
    quick_bundle(find("reggaeton").contract, tmp_path / "artifacts")
    said = succeeded(model(tmp_path, "replay", "--since", "2026-11-01", "--until", "2026-11-02T12:00:00+02:00"))
    assert "no stored prediction" in said
    assert "since" in model(tmp_path, "replay", "--since", "yesterday").stderr


def test_a_bundle_is_signed_by_hand_and_only_then_promoted_by_who_has_the_key(tmp_path: Path) -> None:
    tracks = find("reggaeton").contract
    first, second = (quick_bundle(tracks, tmp_path / "artifacts", seed=seed) for seed in range(2))
    said = succeeded(model(tmp_path, "keygen", str(tmp_path / "keys")))
    assert "keep it secret" in said
    key = {"MODEL_SIGNING_KEY": str(tmp_path / "keys" / "signing.pem")}
    refused = model(tmp_path, "promote", first, **key)
    assert refused.returncode == 5
    assert "not signed" in refused.stderr
    assert "set MODEL_SIGNING_KEY" in model(tmp_path, "sign", first).stderr
    assert f"{first} is signed" in succeeded(model(tmp_path, "sign", first, **key))
    assert f"{first} is the champion" in succeeded(model(tmp_path, "promote", first, **key))
    public = str(tmp_path / "keys" / "signing.pub.pem")
    assert f"{first} is signed" in succeeded(model(tmp_path, "sign", first, "--was", public, **key))
    assert model(tmp_path, "sign", second, "--was", public, **key).returncode == 5


def test_a_bundle_that_its_pipeline_serves_is_listed_with_the_reason(tmp_path: Path) -> None:
    quick_bundle(find("reggaeton").contract, tmp_path / "artifacts", compiled=False)
    listed = succeeded(model(tmp_path, "bundles"))
    assert "served by its pipeline, no compiled form: " in listed
    assert "KNeighborsClassifier" in listed


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--contract", "nonsense", "validate"), 2, "no contract 'nonsense'"),
        (("validate",), 3, "data_reggaeton.csv: no such file"),
        (("collect",), 6, "python -m model validate"),
        (("preprocess",), 6, "python -m model collect"),
        (("train",), 6, "python -m model preprocess"),
        (("predict",), 5, "no champion"),
        (("promote", "nonsense"), 5, "no bundle"),
        (("rollback",), 5, "no champion"),
    ],
)
def test_the_exit_status_says_what_went_wrong(tmp_path: Path, words: tuple[str, ...], status: int, said: str) -> None:
    done = model(tmp_path, *words)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_is_wrong_is_named(tmp_path: Path) -> None:
    done = model(tmp_path, "validate", MODEL_SEED="-1")
    assert done.returncode == 2
    assert "seed" in done.stderr


def test_a_spoiled_file_ends_with_status_3_and_its_line(tmp_path: Path) -> None:
    succeeded(model(tmp_path, "example"))
    spoiled = bad_files(find("reggaeton").contract)["text in a number"](tmp_path / "data" / "raw")
    done = model(tmp_path, "validate")
    assert done.returncode == 3
    assert f"line {spoiled.line}" in done.stderr
    assert model(tmp_path, "collect").returncode == 6


def test_the_contract_is_shown_with_a_request_that_works(tmp_path: Path) -> None:
    assert "| danceability | feature | number from 0.0 to 1.0 |" in succeeded(model(tmp_path, "contract"))
    assert succeeded(model(tmp_path, "contract", "--curl")).startswith("curl -X POST localhost:8090/get_prediction")


def test_a_contract_without_example_data_says_where_the_files_go(tmp_path: Path) -> None:
    source = Path(find.__code__.co_filename).with_name("reggaeton.py").read_text()
    path = tmp_path / "mine.py"
    path.write_text(source.split("def write_example")[0])
    assert "put your files into" in succeeded(model(tmp_path, "--contract", str(path), "example"))


def errors_below(kind: type[ModelError]) -> list[type[ModelError]]:
    return [kind, *(error for below in kind.__subclasses__() for error in errors_below(below))]


def test_every_class_of_error_has_an_exit_status_that_the_docs_name() -> None:
    import model.errors

    tree = str(model.errors.__doc__)
    for error in errors_below(ModelError):
        assert error.__name__ in tree
        assert 1 <= error.exit_code <= 7
