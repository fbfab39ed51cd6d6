"""A bundle is what was written, or it is refused before anything of it is parsed."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from model import bundle
from model.bundle import reading
from model.bundle.manifest import NEEDED, content_hash, sealed
from model.contracts import find
from model.errors import BundleDamaged, BundleError, BundleNotFound
from model.registry import Registry
from model.signature import make_pair, read_public_keys, signer
from model.testing.bundles import quick_bundle, quick_facts, quick_training
from model.testing.forgery import forge

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


def test_a_model_that_answers_otherwise_than_its_self_test_is_refused(folder: Path) -> None:
    forge(folder, {"model.onnx": quick_training(TRACKS, seed=5).parts["model.onnx"]})
    with pytest.raises(BundleDamaged, match="self-test"):
        bundle.load(folder)


def test_a_contract_other_than_the_one_it_was_trained_under_is_refused(folder: Path) -> None:
    forge(folder, {"contract.json": find("wine").contract.to_json().encode()})
    with pytest.raises(BundleDamaged, match="contract"):
        bundle.load(folder)


@pytest.mark.parametrize("data", [b"", b"not a model", b"{}", b"\x80\x04."])
def test_a_part_that_is_not_what_it_should_be_is_refused(folder: Path, data: bytes) -> None:
    for name in NEEDED["compiled"]:
        good = (folder / name).read_bytes()
        forge(folder, {name: data})
        with pytest.raises(BundleError):
            bundle.load(folder)
        forge(folder, {name: good})


def test_a_bundle_under_another_name_is_refused(folder: Path) -> None:
    with pytest.raises(BundleDamaged, match="manifest has been changed"):
        bundle.load(folder.rename(folder.with_name("20200101T000000Z-00000000")))


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


def test_what_would_be_too_large_to_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reading.MOST_BYTES_OF, "model.onnx", 1_000)
    with pytest.raises(BundleError, match=r"model\.onnx has .* bytes.*train a smaller model"):
        bundle.write(tmp_path, quick_training(TRACKS).parts, TRACKS, facts())
    assert not list(tmp_path.iterdir())


def test_a_manifest_of_before_there_were_seals_still_loads(folder: Path) -> None:
    """Its bytes as the first version of this package wrote them."""
    said = json.loads((folder / "manifest.json").read_text())
    del said["seal"], said["facts"]["served_by"], said["facts"]["not_compiled"]
    (folder / "manifest.json").write_text(json.dumps(said, indent=1))
    assert bundle.load(folder).served_by == "compiled"


def test_the_content_hash_is_what_it_always_was() -> None:
    """Bundles that stand in somebody's artifacts folder were named by it."""
    known = content_hash({"card.md": NOTHING}, facts(parent="x", comparison={"gain": 1.0}))
    assert known == "7c436d5dce03dd3b85255f6a7dde8d45b9d387bb3843d8b68340efb4c851b512"


def test_every_byte_of_a_manifest_is_sealed(folder: Path) -> None:
    text = (folder / "manifest.json").read_bytes()
    for at in range(0, len(text), 7):
        (folder / "manifest.json").write_bytes(text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :])
        with pytest.raises(BundleDamaged):
            bundle.read_manifest(folder)
    (folder / "manifest.json").write_bytes(text)
    assert sealed(bundle.read_manifest(folder)) == text


# ----------------------------------------------------------------------------------------- signatures


def test_a_signed_bundle_loads_with_its_key_and_without_one(tmp_path: Path) -> None:
    private, public = make_pair(tmp_path / "keys")
    version = quick_bundle(TRACKS, tmp_path, key=private)
    folder = tmp_path / TRACKS.name / version
    assert "manifest.sig" not in bundle.read_manifest(folder).files
    assert bundle.load(folder, verify_key=read_public_keys(public)).version == version
    assert bundle.load(folder).version == version


def test_an_unsigned_bundle_is_refused_until_it_is_signed(tmp_path: Path, folder: Path) -> None:
    private, public = make_pair(tmp_path / "keys")
    keys = read_public_keys(public)
    with pytest.raises(BundleDamaged, match="is not signed"):
        bundle.load(folder, verify_key=keys)
    bundle.sign_folder(folder, signer(private))
    assert bundle.load(folder, verify_key=keys).version == folder.name
    stranger = read_public_keys(make_pair(tmp_path / "others")[1])
    with pytest.raises(BundleDamaged, match="not signed by a key that counts here"):
        bundle.load(folder, verify_key=stranger)


def test_content_that_stands_unsigned_is_signed_when_it_is_made_again_with_a_key(tmp_path: Path) -> None:
    private, public = make_pair(tmp_path / "keys")
    trained = quick_training(TRACKS)
    said = quick_facts(trained)
    version = bundle.write(tmp_path, trained.parts, TRACKS, said)
    assert not (tmp_path / version / "manifest.sig").exists()
    assert bundle.write(tmp_path, trained.parts, TRACKS, said, sign=signer(private)) == version
    assert bundle.load(tmp_path / version, verify_key=read_public_keys(public)).version == version


# ------------------------------------------------------------------------------ served by the pipeline


def test_a_bundle_without_a_compiled_form_is_answered_by_its_pipeline(tmp_path: Path) -> None:
    trained = quick_training(TRACKS, compiled=False)
    assert "model.onnx" not in trained.parts
    folder = tmp_path / bundle.write(tmp_path, trained.parts, TRACKS, quick_facts(trained))
    loaded = bundle.load(folder)
    assert loaded.served_by == "pipeline"
    assert "KNeighborsClassifier" in str(loaded.manifest.facts.not_compiled)
    selftest = json.loads(trained.parts["selftest.json"])
    assert loaded.predict(np.array(selftest["rows"], dtype=float)).scores.tolist() == selftest["scores"]
    forge(folder, {}, libraries={"scikit-learn": "0.1"})
    with pytest.raises(BundleError, match=r"scikit-learn 0\.1 wrote"):
        bundle.load(folder)
    selftest["scores"][0] += 1e-9
    installed = quick_facts(trained).libraries
    forge(folder, {"selftest.json": json.dumps(selftest).encode()}, libraries=installed)
    with pytest.raises(BundleDamaged, match="self-test"):
        bundle.load(folder)
    loaded.close()


def test_closing_a_compiled_bundle_changes_nothing(folder: Path) -> None:
    loaded = bundle.load(folder)
    loaded.close()
    assert loaded.predict(np.zeros((1, loaded.scorer.width))).labels


# -------------------------------------------------------------------------------------------- reading


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "card.md").write_bytes(bytes(100))
    read = os.read
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result((0o100644, *[0] * 5, 50, *[0] * 3)))
    with pytest.raises(BundleDamaged, match="grows"):
        reading.read(tmp_path, "card.md")
    with pytest.raises(BundleDamaged, match="grows"):
        reading.digest(tmp_path, "card.md")
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result((0o100644, *[0] * 5, 100, *[0] * 3)))
    monkeypatch.setattr(os, "read", lambda descriptor, count: read(descriptor, min(count, 30)))
    assert reading.read(tmp_path, "card.md") == bytes(100)
    assert reading.digest(tmp_path, "card.md") == "cd00e292c5970d3c5e2f0ffa5171e555bc46bfc4faddfb4a418b6840b86e79a3"
