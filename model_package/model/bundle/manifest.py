"""What `manifest.json` says: the hash of each file, and where a model comes from."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ServedBy = Literal["compiled", "pipeline"]

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
# What must be there to answer, by what answers.
NEEDED: dict[ServedBy, tuple[str, ...]] = {
    "compiled": ("model.onnx", "contract.json", "metrics.json", "selftest.json"),
    "pipeline": ("pipeline.joblib", "contract.json", "metrics.json", "selftest.json"),
}
MOST_FILES = 64
MOST_REASON = 300
_SEAL = re.compile(rb'"seal": ?"([0-9a-f]{64})"')
_OPEN_SEAL = "0" * 64


class Learned(BaseModel):
    """Rows to learn from and to judge by that were predictions whose truth came.

    files, truth: how many of all rows come from where. since, until: when the predictions were made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: int
    truth: int
    since: datetime
    until: datetime


class Facts(BaseModel):
    """Where a model comes from.

    threshold: the positive class is answered when its probability is at least this; None unless binary.
    data: fingerprint of the training and hold-out rows; code: of the package that trained.
    served_by, not_compiled: what answers, and if that is the pipeline itself, why it has no compiled form.
    parent, comparison: the champion of that time, and how this model did against it on the same hold-out. These
    two are not part of the content hash: the same data, code and seed give the same content whoever serves.
    learned: what came from predictions; None when all rows come from files. `data` vouches for the rows themselves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    threshold: float | None
    seed: int
    data: Sha256
    code: Sha256
    libraries: dict[str, str]
    served_by: ServedBy = "compiled"
    not_compiled: Annotated[str, Field(max_length=MOST_REASON)] | None = None
    parent: str | None = None
    comparison: dict[str, float | str] | None = None
    # Where there is nothing to say it does not stand there: who does not know the word reads such a manifest too.
    learned: Annotated[Learned | None, Field(exclude_if=lambda value: value is None)] = None


class Manifest(BaseModel):
    """What `manifest.json` says.

    seal: sha256 of the manifest's own text with this field at nought, so that no byte of it goes bad unnoticed. A
    manifest of before there were seals has None. It is no signature: who edits a manifest can seal it anew.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    contract: str
    contract_fingerprint: Sha256
    version: str
    content: Sha256
    created_at: datetime
    facts: Facts
    files: Annotated[dict[str, Sha256], Field(max_length=MOST_FILES)]
    seal: Sha256 | None = None


def content_hash(files: dict[str, str], facts: Facts) -> str:
    """sha256 over what a bundle holds: the hashes of its files and its facts, whenever and beside whom it was made."""
    said = facts.model_dump(mode="json", exclude={"parent", "comparison", "learned"})
    if facts.served_by == "compiled":  # as in bundles of before there was another way
        del said["served_by"], said["not_compiled"]
    return hashlib.sha256(json.dumps({"files": files, "facts": said}, sort_keys=True).encode()).hexdigest()


def sealed(manifest: Manifest) -> bytes:
    """The text of a manifest, sealed."""
    open_text = manifest.model_copy(update={"seal": _OPEN_SEAL}).model_dump_json(indent=1).encode()
    return _with_seal(open_text, hashlib.sha256(open_text).hexdigest())


def seal_holds(text: bytes) -> bool:
    """Whether a manifest's text is as it was sealed. Nothing is parsed; a text without a seal holds."""
    found = _SEAL.findall(text)
    if not found:
        return True
    return len(found) == 1 and hashlib.sha256(_with_seal(text, _OPEN_SEAL)).hexdigest() == found[0].decode()


def _with_seal(text: bytes, seal: str) -> bytes:
    return _SEAL.sub(b'"seal": "' + seal.encode() + b'"', text)
