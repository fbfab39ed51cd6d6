"""The one artifact: a folder that holds a model, its contract, and what is needed to trust both.

    pipeline.joblib   the scikit-learn pipeline, the source of truth
    model.onnx        its compiled form, which is what serves
    contract.json     the contract it was trained under
    reference.json    what the training rows looked like, for the monitors
    metrics.json      cross-validation and hold-out, with intervals
    selftest.json     rows with the pipeline's own answers
    card.md, pictures/*.png
    manifest.json     sha256 of each file, and where it all comes from

A bundle is immutable: it is written under a temporary name, flushed, and renamed. Loading checks every hash before
it parses anything, then constructs, then asks the self-test. Loading never unpickles.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.contract import Contract
from model.decision import Predictions, decide
from model.derived.encoding import Floats
from model.errors import BundleDamaged, BundleError, BundleNotFound, ModelError, bounded
from model.scoring import Scorer

NEEDED = ("model.onnx", "contract.json", "metrics.json", "selftest.json")
TOLERANCE = 1e-12  # between the pipeline's probabilities and the compiled form's
_FILE_NAME = re.compile(r"(pictures/)?[a-z0-9_-]+\.(onnx|json|joblib|md|png)")
_WRITING = ".writing-"
_SECONDS_UNTIL_ABANDONED = 3600

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Facts(BaseModel):
    """Where a model comes from.

    threshold: the positive class is answered when its probability is at least this; None unless binary.
    data: fingerprint of the training and hold-out rows; code: of the package that trained.
    parent, comparison: the champion of that time, and how this model did against it on the same hold-out. These
    two are not part of the content hash: the same data, code and seed give the same content whoever serves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    threshold: float | None
    seed: int
    data: Sha256
    code: Sha256
    libraries: dict[str, str]
    parent: str | None = None
    comparison: dict[str, float | str] | None = None


class Manifest(BaseModel):
    """What `manifest.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    contract: str
    contract_fingerprint: Sha256
    version: str
    content: Sha256
    created_at: datetime
    facts: Facts
    files: dict[str, Sha256]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that has been checked and is ready to answer."""

    folder: Path
    manifest: Manifest
    contract: Contract
    scorer: Scorer
    metrics: dict[str, Any]

    @property
    def version(self) -> str:
        """The name of the bundle's folder."""
        return self.manifest.version

    @property
    def threshold(self) -> float | None:
        """See `Facts.threshold`."""
        return self.manifest.facts.threshold

    def predict(self, rows: Floats) -> Predictions:
        """Answer encoded rows, float64 [n, features] (`model.derived.encoding.encode`)."""
        return decide(self.contract, self.threshold, self.scorer.score(rows))


# ------------------------------------------------------------------------------------------- writing


def write(root: Path, parts: dict[str, bytes], contract: Contract, facts: Facts) -> str:
    """Write a bundle below `root` (artifacts/<contract name>) and return its version.

    The same content is never written twice: the version that already holds it is returned.
    """
    files = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(parts.items())}
    content = _content_hash(files, facts)
    known = find_content(root, content)
    if known is not None:
        return known
    created = datetime.now(UTC)
    version = f"{created:%Y%m%dT%H%M%SZ}-{content[:8]}"
    manifest = Manifest(
        contract=contract.name,
        contract_fingerprint=contract.fingerprint,
        version=version,
        content=content,
        created_at=created,
        facts=facts,
        files=files,
    )
    _write_folder(root, version, {**parts, "manifest.json": manifest.model_dump_json(indent=1).encode()})
    return version


def _content_hash(files: dict[str, str], facts: Facts) -> str:
    said = {"files": files, "facts": facts.model_dump(mode="json", exclude={"parent", "comparison"})}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def find_content(root: Path, content: str) -> str | None:
    """The version below `root` whose content hash is `content`."""
    for path in sorted(root.glob(f"*-{content[:8]}/manifest.json")):
        if json.loads(path.read_bytes()).get("content") == content:
            return path.parent.name
    return None


def _write_folder(root: Path, version: str, parts: dict[str, bytes]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(root)
    temporary = root / f"{_WRITING}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        for name, data in parts.items():
            write_durably(temporary / name, data)
        for folder in {(temporary / name).parent for name in parts}:
            flush_folder(folder)
        temporary.rename(root / version)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise BundleError(
            f"the bundle could not be written to {root}: {error.strerror}: free room or permit it"
        ) from error
    flush_folder(root)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that it survives a power cut once its folder has been flushed too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` where `path` is, so that a reader sees the old bytes or the new ones and nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    write_durably(temporary, data)
    temporary.replace(path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(root: Path) -> None:
    """A killed writer leaves its temporary folder behind: nothing reads it, the next writer removes it."""
    for folder in root.glob(f"{_WRITING}*"):
        if time.time() - folder.stat().st_mtime > _SECONDS_UNTIL_ABANDONED:
            shutil.rmtree(folder, ignore_errors=True)


# ------------------------------------------------------------------------------------------- loading


def load(folder: Path) -> Bundle:
    """Check a bundle's hashes, construct it from the very bytes that were checked, and ask its self-test.

    Raises:
        BundleNotFound: there is no such folder.
        BundleDamaged: a byte differs from what was written, or the model does not answer as its pipeline did.
    """
    manifest = read_manifest(folder)
    parts = _checked_parts(folder, manifest)
    try:
        return _construct(folder, manifest, parts)
    except BundleDamaged:
        raise
    except (ModelError, ValueError, KeyError, TypeError) as error:
        raise BundleDamaged(f"bundle {folder.name}: {bounded(error)}: promote another version") from error


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone, of a bundle whose files have not been checked."""
    try:
        text = (folder / "manifest.json").read_bytes()
        manifest = Manifest.model_validate_json(text)
    except FileNotFoundError:
        raise BundleNotFound(
            f"no bundle {bounded(folder.name)} in {folder.parent}: `python -m model bundles`"
        ) from None
    except (OSError, ValidationError) as error:
        raise BundleDamaged(f"bundle {folder.name}: its manifest cannot be read: {bounded(error)}") from error
    if manifest.version != folder.name or _content_hash(manifest.files, manifest.facts) != manifest.content:
        raise BundleDamaged(f"bundle {folder.name}: its manifest has been changed: promote another version")
    return manifest


def _checked_parts(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    missing = sorted(set(NEEDED) - set(manifest.files))
    if missing:
        raise BundleDamaged(f"bundle {folder.name}: {', '.join(missing)} is not in its manifest")
    kept = {}
    for name, expected in manifest.files.items():
        data = _read_part(folder, name)
        if hashlib.sha256(data).hexdigest() != expected:
            raise BundleDamaged(f"bundle {folder.name}: {name} is not as it was written: promote another version")
        if name in NEEDED:
            kept[name] = data
    return kept


def _read_part(folder: Path, name: str) -> bytes:
    if not _FILE_NAME.fullmatch(name):
        raise BundleDamaged(f"bundle {folder.name}: {bounded(name)} is not a bundle's file")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BundleDamaged(f"bundle {folder.name}: {name} cannot be read: {error.strerror}") from error


def _construct(folder: Path, manifest: Manifest, parts: dict[str, bytes]) -> Bundle:
    contract = Contract.from_json(parts["contract.json"])
    if contract.fingerprint != manifest.contract_fingerprint:
        raise BundleDamaged(f"bundle {folder.name}: its contract is not the one it was trained under")
    metrics = json.loads(parts["metrics.json"])
    if metrics["task"] != contract.target.task:
        raise BundleDamaged(f"bundle {folder.name}: its figures are of another task than its contract's")
    bundle = Bundle(folder, manifest, contract, Scorer(parts["model.onnx"]), metrics)
    check_selftest(bundle, parts["selftest.json"])
    return bundle


def check_selftest(bundle: Bundle, text: bytes) -> None:
    """The bundle answers the rows of `selftest.json` as the pipeline did when it was trained."""
    expected = json.loads(text)
    rows = np.array(expected["rows"], dtype=np.float64)  # None becomes NaN
    answered = bundle.predict(rows)
    wanted = np.array(expected["scores"], dtype=np.float64)
    close = np.allclose(answered.scores, wanted, rtol=TOLERANCE, atol=TOLERANCE)
    if answered.labels != expected["labels"] or not close:
        raise BundleDamaged(f"bundle {bundle.version} does not answer its self-test as its pipeline did")
