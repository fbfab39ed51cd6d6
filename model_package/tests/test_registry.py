"""The champion is one of the bundles, whatever happens while it changes."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model import bundle
from model.contracts import find
from model.errors import BundleDamaged, BundleError, BundleNotFound
from model.registry import Registry
from model.signature import make_pair, read_public_keys, signer
from model.testing.bundles import quick_bundle, quick_training
from model.testing.exhaustive import at_length
from model.testing.moments import Moment, moments, some
from model.testing.programs import needed_program, unmeasured

TRACKS = find("reggaeton").contract


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three bundles."""
    folder = tmp_path_factory.mktemp("artifacts")
    for seed in range(3):
        quick_bundle(TRACKS, folder, seed=seed)
    return folder


@pytest.fixture
def registry(artifacts: Path, tmp_path: Path) -> Registry:
    """Three bundles, and no champion yet."""
    (tmp_path / TRACKS.name).mkdir()
    for path in (artifacts / TRACKS.name).glob("*-*"):
        (tmp_path / TRACKS.name / path.name).symlink_to(path)
    return Registry(tmp_path, TRACKS.name)


def test_without_a_champion_the_message_says_how_to_get_one(registry: Registry) -> None:
    assert registry.champion_or_none() is None
    with pytest.raises(BundleNotFound, match="1_training_pipeline"):
        registry.load_champion()


def test_promotions_are_audited_and_rolled_back_one_by_one(registry: Registry) -> None:
    a, b, c = registry.versions()
    for version in (a, b, c):
        registry.promote(version, who="ada", why=f"because {version}")
    assert registry.load_champion().version == c
    assert registry.rollback(who="bob", why="worse") == b
    assert registry.rollback() == a
    with pytest.raises(BundleError, match="no champion before"):
        registry.rollback()
    registry.promote(c)
    assert registry.rollback() == a
    events = [(entry["event"], entry["version"], entry["before"]) for entry in registry.history()]
    assert events == [
        ("promote", a, None),
        ("promote", b, a),
        ("promote", c, b),
        ("rollback", b, c),
        ("rollback", a, b),
        ("promote", c, a),
        ("rollback", a, c),
    ]
    assert registry.history()[0]["who"] == "ada"
    assert registry.history()[0]["why"] == f"because {a}"


def test_no_more_of_the_champion_file_is_read_than_a_name_takes(registry: Registry) -> None:
    registry.champion_file.write_text("x" * 10_000)
    assert registry.champion() == "x" * 200


def test_promoting_the_champion_again_changes_nothing(registry: Registry) -> None:
    version = registry.versions()[0]
    registry.promote(version)
    registry.promote(version)
    assert len(registry.history()) == 1


def test_a_version_that_does_not_exist_or_load_is_never_promoted(registry: Registry) -> None:
    good, bad, _ = registry.versions()
    registry.promote(good)
    for name in ("nonsense", "../reggaeton", "", ".", "..", ".writing-1", "a/b"):
        with pytest.raises(BundleError):
            registry.promote(name)
    link = registry.root / bad
    damaged = link.resolve()
    link.unlink()
    link.mkdir()
    for path in damaged.glob("*.*"):
        (link / path.name).write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleDamaged):
        registry.promote(bad)
    assert registry.champion() == good


def test_a_promotion_that_died_before_it_took_effect_is_said_and_forgotten(registry: Registry) -> None:
    a, b, c = registry.versions()
    registry.promote(a)
    registry.promote(b)
    registry._append({"event": "promote", "version": c, "before": b, "who": "x", "when": "now", "why": ""})
    with registry.history_file.open("a") as file:
        file.write('{"event": "promote", "ver')
    assert registry.champion() == b
    registry.promote(c)
    assert [entry["event"] for entry in registry.history()] == [
        "promote",
        "promote",
        "promote",
        "interrupted",
        "promote",
    ]
    assert registry.rollback() == b
    assert registry.rollback() == a


def test_many_promotions_at_once_end_with_one_whole_champion_and_a_chained_audit(registry: Registry) -> None:
    versions = registry.versions() * 5
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(registry.promote, versions))
    assert registry.champion() in versions
    history = registry.history()
    assert history[-1]["version"] == registry.champion()
    assert [entry["before"] for entry in history[1:]] == [entry["version"] for entry in history[:-1]]


def test_with_a_key_only_what_it_signed_is_loaded_promoted_or_returned_to(registry: Registry, tmp_path: Path) -> None:
    private, public = make_pair(tmp_path / "keys")
    unsigned, signed, other = registry.versions()
    for version in (signed, other):
        link = registry.root / version
        folder = link.resolve()
        link.unlink()
        shutil.copytree(folder, link)
        bundle.sign_folder(link, signer(private))
    registry.promote(unsigned)
    trusting = Registry(tmp_path, TRACKS.name, verify_key=read_public_keys(public))
    with pytest.raises(BundleDamaged, match="not signed"):
        trusting.load_champion()
    trusting.promote(signed)
    assert trusting.load_champion().version == signed
    with pytest.raises(BundleDamaged, match="not signed"):
        trusting.rollback()
    trusting.promote(other)
    assert trusting.rollback() == signed


WRITE_AND_PROMOTE = """
import pickle, sys
from pathlib import Path
from model import bundle
from model.registry import Registry
root, (parts, contract, facts) = Path(sys.argv[1]), pickle.loads(Path(sys.argv[2]).read_bytes())
version = bundle.write(root / contract.name, parts, contract, facts)
Registry(root, contract.name).promote(version, who="test", why="kill")
"""
# The system calls by which files and folders change.
WRITES = "write,fsync,rename,mkdir"


@pytest.mark.services
def test_a_kill_at_any_write_leaves_a_champion_that_loads(tmp_path: Path) -> None:
    """Kill -9 at the 1st, 2nd, ... last system call that writes, of writing a bundle and promoting it."""
    strace = [needed_program("strace"), "-f", "--seccomp-bpf", "-qq"]
    job = prepare_job(tmp_path)
    log = tmp_path / "log"
    assert write_and_promote(tmp_path, job, [*strace, "-e", f"trace={WRITES}", "-o", str(log)]) == (0, True)
    every = moments(log)
    assert {name for name, _ in every} == set(WRITES.split(","))

    def killed(moment: Moment) -> tuple[int, bool]:
        inject = "inject={}:signal=SIGKILL:when={}".format(*moment)
        return write_and_promote(tmp_path, job, [*strace, "-e", inject, "-o", "/dev/null"])

    chosen = some(every, 1 if at_length() else 6)
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(killed, chosen))
    assert [moment for moment, (status, _) in zip(chosen, outcomes, strict=True) if status == 0] == []
    assert {changed for _, changed in outcomes} == {True, False}


def prepare_job(folder: Path) -> Path:
    """A champion below `folder`/root, and a pickled new bundle to write and promote."""
    quick_bundle(TRACKS, folder / "root", seed=0)
    trained = quick_training(TRACKS, seed=1)
    nothing = "0" * 64
    facts = bundle.Facts(threshold=trained.threshold, seed=1, data=nothing, code=nothing, libraries={})
    job = folder / "job.pickle"
    job.write_bytes(pickle.dumps((trained.parts, TRACKS, facts)))
    return job


def write_and_promote(folder: Path, job: Path, trace: list[str]) -> tuple[int, bool]:
    """Do it in a copy of the root under strace: exit status, and whether the champion, which must load, changed."""
    copy = Path(tempfile.mkdtemp(dir=folder)) / "root"
    shutil.copytree(folder / "root", copy)
    command = [*trace, sys.executable, "-c", WRITE_AND_PROMOTE, copy, job]
    done = subprocess.run(command, env=unmeasured(), capture_output=True, check=False)
    registry = Registry(copy, TRACKS.name)
    changed = registry.load_champion().version != Registry(folder / "root", TRACKS.name).champion()
    registry.promote(registry.versions()[0])  # whatever was left behind, the next promotion goes through
    registry.promote(registry.versions()[-1])
    shutil.rmtree(copy)
    return done.returncode, changed
