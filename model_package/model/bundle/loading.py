"""A bundle's folder -> what answers: signature and hashes first, then construct, then ask the self-test."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from model.bundle import reading
from model.bundle.manifest import (
    MANIFEST,
    NEEDED,
    SIGNATURE,
    Manifest,
    ServedBy,
    content_hash,
    seal_holds,
)
from model.contract import Contract
from model.decision import Predictions, decide
from model.derived.encoding import Floats
from model.errors import BundleDamaged, BundleNotFound, bounded
from model.pipeline_process import PipelineLost, PipelineProcess, check_installed
from model.scoring import Scorer
from model.signature import SIGNATURE_BYTES, PublicKeys

TOLERANCE = 1e-12  # between the pipeline's probabilities and the compiled form's


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that has been checked and is ready to answer.

    sample: encoded rows of its training data [some, features], by which the cost of a row can be measured.
    """

    folder: Path
    manifest: Manifest
    contract: Contract
    scorer: Scorer | PipelineProcess
    metrics: dict[str, Any]
    sample: Floats

    @property
    def version(self) -> str:
        """The name of the bundle's folder."""
        return self.manifest.version

    @property
    def threshold(self) -> float | None:
        """See `Facts.threshold`."""
        return self.manifest.facts.threshold

    @property
    def served_by(self) -> ServedBy:
        """What answers: the compiled form, or the pipeline itself in a process of its own."""
        return self.manifest.facts.served_by

    def close(self) -> None:
        """End what answers, where that is a process. Not needed: it ends when nobody holds the bundle any more."""
        if isinstance(self.scorer, PipelineProcess):
            self.scorer.close()

    def predict(self, rows: Floats) -> Predictions:
        """Answer encoded rows, float64 [n, features] (`model.derived.encoding.encode`)."""
        return decide(self.contract, self.threshold, self.scorer.score(rows))


def load(folder: Path, *, verify_key: PublicKeys | None = None) -> Bundle:
    """Check a bundle's signature and hashes, construct it from the very bytes that were checked, ask its self-test.

    verify_key: the keys of which one must have signed the manifest; None asks for no signature.

    Raises:
        BundleNotFound: there is no such folder.
        BundleDamaged: a byte differs from what was written, the signature is missing or not by one of the keys, or
            the model does not answer as its pipeline did.
        BundleError: its pipeline serves, and cannot be read here: what to install is named.
        PipelineLost: the process that should answer did not start.
    """
    manifest = read_manifest(folder, verify_key=verify_key)
    if manifest.facts.served_by == "pipeline":
        check_installed(manifest.facts.libraries)
    parts = _checked_parts(folder, manifest)
    try:
        return _construct(folder, manifest, parts)
    except (BundleDamaged, PipelineLost):
        raise
    except Exception as error:  # a door: bytes that somebody made up can make any parser raise anything
        raise BundleDamaged(f"bundle {folder.name}: {bounded(error)}: promote another version") from error


def read_manifest(folder: Path, *, verify_key: PublicKeys | None = None) -> Manifest:
    """The manifest alone, of a bundle whose files have not been checked. Raises as `load`."""
    try:
        text = reading.read(folder, MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        raise BundleNotFound(
            f"no bundle {bounded(folder.name)} in {folder.parent}: `python -m model bundles`"
        ) from None
    except OSError as error:
        raise BundleDamaged(f"bundle {folder.name}: its manifest cannot be read: {error.strerror}") from error
    if verify_key is not None:
        _check_signature(folder, text, verify_key)
    if not seal_holds(text):
        raise _changed(folder)
    return _parsed(folder, text)


def _check_signature(folder: Path, text: bytes, keys: PublicKeys) -> None:
    try:
        signature = reading.read(folder, SIGNATURE)
    except OSError:
        raise BundleDamaged(
            f"bundle {folder.name} is not signed, and only signed ones are loaded: `python -m model sign`"
        ) from None
    if len(signature) != SIGNATURE_BYTES or not keys.verify(signature, text):
        raise BundleDamaged(f"bundle {folder.name} is not signed by a key that counts here: promote another version")


def _parsed(folder: Path, text: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise BundleDamaged(f"bundle {folder.name}: its manifest cannot be read: {bounded(error)}") from error
    if manifest.version != folder.name or content_hash(manifest.files, manifest.facts) != manifest.content:
        raise _changed(folder)
    return manifest


def _changed(folder: Path) -> BundleDamaged:
    return BundleDamaged(f"bundle {folder.name}: its manifest has been changed: promote another version")


def _checked_parts(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """The bytes of the files that are needed to answer; all others are hashed in passing."""
    needed = NEEDED[manifest.facts.served_by]
    missing = sorted(set(needed) - set(manifest.files))
    if missing:
        raise BundleDamaged(f"bundle {folder.name}: {', '.join(missing)} is not in its manifest")
    kept: dict[str, bytes] = {}
    for name, expected in manifest.files.items():
        if not reading.FILE_NAME.fullmatch(name):
            raise BundleDamaged(f"bundle {folder.name}: {bounded(name)} is not a bundle's file")
        if _digest(folder, name, kept, keep=name in needed) != expected:
            raise BundleDamaged(f"bundle {folder.name}: {name} is not as it was written: promote another version")
    return kept


def _digest(folder: Path, name: str, kept: dict[str, bytes], *, keep: bool) -> str:
    try:
        if not keep:
            return reading.digest(folder, name)
        kept[name] = reading.read(folder, name)
    except OSError as error:
        raise BundleDamaged(f"bundle {folder.name}: {name} cannot be read: {error.strerror}") from error
    return hashlib.sha256(kept[name]).hexdigest()


def _construct(folder: Path, manifest: Manifest, parts: dict[str, bytes]) -> Bundle:
    contract = Contract.from_json(parts["contract.json"])
    if contract.fingerprint != manifest.contract_fingerprint:
        raise BundleDamaged(f"bundle {folder.name}: its contract is not the one it was trained under")
    metrics = json.loads(parts["metrics.json"])
    if metrics["task"] != contract.target.task:
        raise BundleDamaged(f"bundle {folder.name}: its figures are of another task than its contract's")
    sample = _selftest_rows(json.loads(parts["selftest.json"]))
    bundle = Bundle(folder, manifest, contract, _scorer(contract, manifest, parts), metrics, sample)
    try:
        check_selftest(bundle, parts["selftest.json"])
    except BaseException:
        bundle.close()
        raise
    return bundle


def _scorer(contract: Contract, manifest: Manifest, parts: dict[str, bytes]) -> Scorer | PipelineProcess:
    if manifest.facts.served_by == "compiled":
        return Scorer(parts["model.onnx"])
    return PipelineProcess(parts["pipeline.joblib"], len(contract.feature_names))


def check_selftest(bundle: Bundle, text: bytes) -> None:
    """The bundle answers the rows of `selftest.json` as the pipeline did when it was trained."""
    expected = json.loads(text)
    answered = bundle.predict(_selftest_rows(expected))
    wanted = np.array(expected["scores"], dtype=np.float64)
    close = np.allclose(answered.scores, wanted, rtol=TOLERANCE, atol=TOLERANCE)
    if answered.labels != expected["labels"] or not close:
        raise BundleDamaged(f"bundle {bundle.version} does not answer its self-test as its pipeline did")


def _selftest_rows(selftest: dict[str, Any]) -> Floats:
    return np.array(selftest["rows"], dtype=np.float64)  # None becomes NaN
