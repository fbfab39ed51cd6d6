"""Every way we know of to spoil a bundle is refused, or without effect; the champion before it goes on."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from model.bundle import loading
from model.contracts import find
from model.errors import BundleError
from model.registry import Registry
from model.signature import PublicKeys, make_pair, read_public_keys
from model.testing.bundles import quick_bundle
from model.testing.hostile import FLIPS, Hostile, hostile, outcome
from model.testing.hostile_pickles import hostile_pickles

TRACKS = find("reggaeton").contract
MARKER = "unpickled"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed champion and a signed challenger that is not promoted, and the keys."""
    folder = tmp_path_factory.mktemp("home")
    private, _ = make_pair(folder / "keys")
    for seed in range(2):
        quick_bundle(TRACKS, folder / "artifacts", seed=seed, key=private)
    return folder


@pytest.fixture(scope="module")
def keys(home: Path) -> PublicKeys:
    """The public key."""
    return read_public_keys(home / "keys" / "signing.pub.pem")


def ways(home: Path) -> dict[str, Hostile]:
    return hostile(home / MARKER, home / "keys" / "signing.pem")


def challenger(home: Path) -> Path:
    return home / "artifacts" / TRACKS.name / Registry(home / "artifacts", TRACKS.name).versions()[0]


def outcomes(home: Path, tmp_path: Path, keys: PublicKeys | None, names: list[str]) -> dict[str, str]:
    found: dict[str, str] = {name: outcome(challenger(home), tmp_path, ways(home)[name], keys) for name in names}
    assert not (home / MARKER).exists()
    return found


@pytest.fixture
def unpickled() -> Iterator[list[Any]]:
    """What this process has unpickled, as Python itself reports it."""
    found: list[Any] = []
    on = [True]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if on and event == "pickle.find_class":
            found.append(arguments)

    sys.addaudithook(watch)  # for ever: Python forgets no such hook
    yield found
    on.clear()


@pytest.fixture
def unparsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a signature that does not hold, nothing is parsed: neither the manifest nor what it names."""

    def parse(*_: object, **__: object) -> NoReturn:
        pytest.fail("parsed before the signature was checked")

    monkeypatch.setattr(loading, "_parsed", parse)
    monkeypatch.setattr(loading, "_construct", parse)


def is_forged(way: Hostile) -> bool:
    return getattr(way.spoil, "func", way.spoil).__name__.lstrip("_") not in {
        "flip",
        "truncate",
        "empty",
        "remove",
        "lengthen",
        "link",
        "pipe",
        "folder_in_place",
        "giant",
        "rename",
    }


def test_without_a_key_each_is_refused_or_without_effect(home: Path, tmp_path: Path, unpickled: list[Any]) -> None:
    wanted = {name: way.without_key for name, way in ways(home).items() if way.without_key != "open"}
    assert sum(name.startswith("byte flip") for name in wanted) == FLIPS
    assert outcomes(home, tmp_path, None, list(wanted)) == wanted
    assert not unpickled


def test_with_a_key_each_is_refused_or_without_effect(home: Path, tmp_path: Path, keys: PublicKeys) -> None:
    wanted = {name: way.with_key for name, way in ways(home).items()}
    assert outcomes(home, tmp_path, keys, list(wanted)) == wanted


@pytest.mark.usefixtures("unparsed")
def test_a_forgery_is_refused_before_anything_is_parsed(
    home: Path, tmp_path: Path, keys: PublicKeys, unpickled: list[Any]
) -> None:
    forged = [name for name, way in ways(home).items() if is_forged(way) and way.with_key == "refused"]
    assert len(forged) > 3 * len(hostile_pickles(home)) - 5
    assert set(outcomes(home, tmp_path, keys, forged).values()) == {"refused"}
    assert not unpickled


def test_a_damaged_file_is_refused_before_anything_but_the_manifest_is_parsed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_construct", lambda *_: pytest.fail("parsed a damaged bundle"))
    damaged = [name for name, way in ways(home).items() if not is_forged(way)]
    assert len(damaged) > FLIPS
    assert set(outcomes(home, tmp_path, None, damaged).values()) == {"refused"}


def test_a_hostile_pipeline_is_not_unpickled_here_even_where_nothing_is_signed(
    home: Path, tmp_path: Path, unpickled: list[Any]
) -> None:
    """It goes to a process of its own, which may do what it likes to itself; it answers no self-test."""
    name = "a pipeline: joblib by lzma"
    assert outcome(challenger(home), tmp_path, hostile(tmp_path / MARKER)[name]) == "refused"
    assert not unpickled


def test_the_champion_goes_on_when_a_spoilt_bundle_is_to_be_promoted(
    home: Path, tmp_path: Path, keys: PublicKeys
) -> None:
    shutil.copytree(home / "artifacts", tmp_path / "artifacts")
    registry = Registry(tmp_path / "artifacts", TRACKS.name, verify_key=keys)
    champion = registry.champion()
    other = next(version for version in registry.versions() if version != champion)
    hostile(tmp_path / MARKER)["a pipeline: os.system"].spoil(registry.root / other)
    for _ in range(2):
        with pytest.raises(BundleError, match="not signed by a key that counts"):
            registry.promote(other)
        with pytest.raises(BundleError):
            registry.rollback()
        assert registry.load_champion().version == champion
    assert not (tmp_path / MARKER).exists()
