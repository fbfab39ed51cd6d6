"""Parts -> a bundle's folder, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from model.bundle import reading
from model.bundle.durable import flush_folder, replace_file, write_durably
from model.bundle.manifest import MANIFEST, SIGNATURE, Facts, Manifest, content_hash, sealed
from model.contract import Contract
from model.errors import BundleError

Sign = Callable[[bytes], bytes]

_WRITING = ".writing-"
_SECONDS_UNTIL_ABANDONED = 3600


def write(
    root: Path,
    parts: dict[str, bytes],
    contract: Contract,
    facts: Facts,
    *,
    sign: Sign | None = None,
    created: datetime | None = None,
) -> str:
    """Write a bundle below `root` (artifacts/<contract name>) and return its version.

    The same content is never written twice: the version that already holds it is returned, signed if it was not.
    sign: gives the signature of the manifest's bytes (`model.signature.signer`).
    created: the moment that it is dated with; now when not said.
    """
    _check_sizes(parts)
    files = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(parts.items())}
    content = content_hash(files, facts)
    known = find_content(root, content)
    if known is not None:
        if sign:
            sign_folder(root / known, sign)
        return known
    created = created or datetime.now(UTC)
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
    text = sealed(manifest)
    signature = {SIGNATURE: sign(text)} if sign else {}
    _write_folder(root, version, {**parts, MANIFEST: text, **signature})
    return version


def _check_sizes(parts: dict[str, bytes]) -> None:
    for name, data in parts.items():
        if len(data) > reading.most_bytes(name):
            raise BundleError(
                f"{name} has {len(data):,} bytes, of which at most {reading.most_bytes(name):,} would be read again: "
                "train a smaller model"
            )


def find_content(root: Path, content: str) -> str | None:
    """The version below `root` whose content hash is `content`."""
    for path in sorted(root.glob(f"*-{content[:8]}/{MANIFEST}")):
        if json.loads(path.read_bytes()).get("content") == content:
            return path.parent.name
    return None


def sign_folder(folder: Path, sign: Sign) -> None:
    """Sign a bundle that is written already: what stands in its manifest is vouched for from now on."""
    signature = sign(reading.read(folder, MANIFEST))
    replace_file(folder / SIGNATURE, signature)


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


def _remove_abandoned(root: Path) -> None:
    """A killed writer leaves its temporary folder behind: nothing reads it, the next writer removes it."""
    for folder in root.glob(f"{_WRITING}*"):
        if time.time() - folder.stat().st_mtime > _SECONDS_UNTIL_ABANDONED:
            shutil.rmtree(folder, ignore_errors=True)
