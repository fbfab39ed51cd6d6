"""A bundle is what was written, or it is refused before anything of it is parsed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from model import bundle
from model.contracts import find
from model.errors import BundleDamaged, BundleError, BundleNotFound
from model.registry import Registry
from model.testing.bundles import quick_bundle, quick_training

TRACKS = find("reggaeton").contract
NOTHING = "0" * 64


def facts(**more: object) -> bundle.Facts:
    said = {"threshold": 0.5, "seed": 0, "data": NOTHING, "code": NOTHING, "libraries": {}}
    return bundle.Facts(**(said | more))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one written bundle; tests copy it."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    version = quick_bundle(TRACKS, artifacts)
    return artifacts / TRACKS.name / version


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(pristine, tmp_path / pristine.name))


def test_a_written_bundle_loads_and_answers(folder: Path) -> None:
    loaded = bundle.load(folder)
    assert loaded.version == folder.name
    assert loaded.contract == TRACKS
    assert loaded.threshold == loaded.metrics["threshold"]
    rows = np.array(json.loads((folder / "selftest.json").read_text())["rows"], dtype=float)
    answered = loaded.predict(rows)
    assert set(answered.labels) == {0, 1}
    assert answered.probabilities is not None
    np.testing.assert_allclose(answered.probabilities.sum(axis=1), 1)


def test_the_same_content_is_written_once_whatever_the_time(tmp_path: Path) -> None:
    trained = quick_training(TRACKS)
    versions = {bundle.write(tmp_path, trained.parts, TRACKS, facts(threshold=trained.threshold)) for _ in range(3)}
    assert len(versions) == 1
    other = bundle.write(tmp_path, trained.parts, TRACKS, facts(threshold=trained.threshold, seed=1))
    assert other not in versions
    by_parent = bundle.write(tmp_path, trained.parts, TRACKS, facts(threshold=trained.threshold, parent="another"))
    assert by_parent in versions


def test_a_flipped_byte_in_any_file_is_refused(folder: Path) -> None:
    chance = random.Random(0)  # noqa: S311 - a test's choice
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) >= 8
    for path in files:
        good = path.read_bytes()
        for _ in range(5):
            spot, bit = chance.randrange(len(good)), 1 << chance.randrange(8)
            path.write_bytes(good[:spot] + bytes([good[spot] ^ bit]) + good[spot + 1 :])
            with pytest.raises((BundleDamaged, BundleNotFound)):
                bundle.load(folder)
        path.write_bytes(good)
    bundle.load(folder)


def test_a_truncated_or_missing_file_is_refused(folder: Path) -> None:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        good = path.read_bytes()
        path.write_bytes(good[: len(good) // 2])
        with pytest.raises(BundleDamaged):
            bundle.load(folder)
        path.unlink()
        with pytest.raises(BundleError):
            bundle.load(folder)
        path.write_bytes(good)


def rewrite(folder: Path, name: str, data: bytes) -> None:
    """Replace a part as somebody would who knows the format: hash and content hash fit again."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(data).hexdigest()
    read = bundle.Manifest.model_validate(manifest)
    manifest["content"] = bundle._content_hash(read.files, read.facts)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_model_that_answers_otherwise_than_its_self_test_is_refused(folder: Path) -> None:
    rewrite(folder, "model.onnx", quick_training(TRACKS, seed=5).parts["model.onnx"])
    with pytest.raises(BundleDamaged, match="self-test"):
        bundle.load(folder)


def test_a_contract_other_than_the_one_it_was_trained_under_is_refused(folder: Path) -> None:
    rewrite(folder, "contract.json", find("wine").contract.to_json().encode())
    with pytest.raises(BundleDamaged, match="contract"):
        bundle.load(folder)


@pytest.mark.parametrize("data", [b"", b"not a model", b"{}", b"\x80\x04."])
def test_a_part_that_is_not_what_it_should_be_is_refused(folder: Path, data: bytes) -> None:
    for name in bundle.NEEDED:
        good = (folder / name).read_bytes()
        rewrite(folder, name, data)
        with pytest.raises(BundleError):
            bundle.load(folder)
        rewrite(folder, name, good)


def test_a_manifest_cannot_name_files_outside_the_bundle(folder: Path) -> None:
    for name in ("../champion", "/etc/passwd", "pictures/../../x.png", "a/b.json"):
        manifest = bundle.read_manifest(folder)
        files = {**manifest.files, name: NOTHING}
        changed = manifest.model_copy(update={"files": files, "content": bundle._content_hash(files, manifest.facts)})
        copy = folder.with_name(f"{folder.name}x") / folder.name
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        (copy / "manifest.json").write_text(changed.model_dump_json())
        with pytest.raises(BundleDamaged, match="not a bundle's file"):
            bundle.load(copy)


def test_a_bundle_under_another_name_is_refused(folder: Path) -> None:
    with pytest.raises(BundleDamaged, match="manifest has been changed"):
        bundle.load(folder.rename(folder.with_name("20200101T000000Z-00000000")))


def test_loading_a_bundle_unpickles_nothing(folder: Path) -> None:
    marker = folder / "unpickled"
    hostile = f"cposix\nsystem\n(S'touch {marker}'\ntR.".encode()
    rewrite(folder, "pipeline.joblib", hostile)
    bundle.load(folder)
    assert not marker.exists()


def test_a_folder_that_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises((BundleError, OSError)):
        bundle.write(blocked / "root", {"card.md": b""}, TRACKS, facts())
    assert blocked.read_text() == ""


def test_what_a_killed_writer_left_is_ignored_and_later_removed(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(pristine, root / pristine.name)
    left = root / ".writing-1-dead"
    (left / "pictures").mkdir(parents=True)
    (left / "manifest.json").write_text("{")
    assert Registry(tmp_path, "root").versions() == [pristine.name]
    os.utime(left, (0, 0))
    bundle.write(root, quick_training(TRACKS, seed=2).parts, TRACKS, facts())
    assert not left.exists()
