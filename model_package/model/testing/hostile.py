"""The ways to spoil a bundle's folder, and what has to become of each: refused, or of no effect.

Each takes a folder, a copy of a good bundle with a compiled form, spoils it, and gives the folder that is to be loaded.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np

from model.bundle import load
from model.bundle.manifest import MANIFEST, NEEDED, SIGNATURE, Manifest
from model.errors import BundleError
from model.signature import PublicKeys, make_pair, signer
from model.testing.forgery import forge, hostile_models, rewrite_manifest
from model.testing.hostile_pickles import hostile_pickles

# refused: loading raises a BundleError. inert: the bundle loads and answers as before, and what was put there is not
# used. open: nothing but a signature protects from this.
Outcome = Literal["refused", "inert", "open"]

FLIPS = 100
FILES = (*NEEDED["compiled"], "pipeline.joblib", "reference.json", "card.md", MANIFEST)
_GIANT_BYTES = 1 << 33


@dataclass(frozen=True, slots=True)
class Hostile:
    """A way to spoil a folder, and what has to happen without a key and with one."""

    spoil: Callable[[Path], Path]
    without_key: Outcome = "refused"
    with_key: Outcome = "refused"


def hostile(marker: Path, key: Path | None = None) -> dict[str, Hostile]:
    """By name, all ways.

    marker: a path that must never exist; hostile pickles make it.
    key: the private key that signed the good bundle, so that it can be made to have signed something else.
    """
    return {
        **{f"byte flip {at}": Hostile(partial(_flip, at=at)) for at in range(FLIPS)},
        **_files(),
        **_links(),
        **_sizes(),
        **{name: Hostile(spoil) for name, spoil in hostile_models().items()},
        **_manifests(),
        **_signatures(key),
        **_pickles(marker),
    }


def outcome(good: Path, scratch: Path, way: Hostile, verify_key: PublicKeys | None = None) -> Outcome:
    """What becomes of a spoilt copy of `good`, made below the folder `scratch` and removed afterwards.

    Raises whatever loading raises but BundleError: that would be a defect.
    """
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        loaded = load(way.spoil(Path(shutil.copytree(good, folder / good.name))), verify_key=verify_key)
    except BundleError:
        return "refused"
    else:
        loaded.predict(np.zeros((1, loaded.scorer.width)))
        loaded.close()
        return "inert"
    finally:
        shutil.rmtree(folder)


# ---------------------------------------------------------------------------------------------- files


def _flip(folder: Path, *, at: int) -> Path:
    """Flip the `at`-th of `FLIPS` bits, which are spread over all files that loading reads."""
    chance = random.Random(at)  # noqa: S311 - a test's choice
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SIGNATURE)
    path = files[at % len(files)]
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return folder


def _files() -> dict[str, Hostile]:
    ways = {"truncated": _truncate, "emptied": _empty, "missing": _remove, "longer": _lengthen}
    by_file = {f"{name} {word}": Hostile(partial(way, name=name)) for name in FILES for word, way in ways.items()}
    return by_file | {"files that nobody asked for": Hostile(_add_files, "inert", "inert")}


def _truncate(folder: Path, *, name: str) -> Path:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    return folder


def _empty(folder: Path, *, name: str) -> Path:
    (folder / name).write_bytes(b"")
    return folder


def _remove(folder: Path, *, name: str) -> Path:
    (folder / name).unlink()
    return folder


def _lengthen(folder: Path, *, name: str) -> Path:
    with (folder / name).open("ab") as file:
        file.write(b"\0")
    return folder


def _add_files(folder: Path) -> Path:
    for name in ("sitecustomize.py", "weights.bin", "model.so", "__init__.py", "custom_ops.onnx"):
        (folder / name).write_bytes(b"import os; os._exit(66)")
    return folder


# ---------------------------------------------------------------------------------------------- links


def _links() -> dict[str, Hostile]:
    return {
        "the model a link out of the folder": Hostile(partial(_link, name="model.onnx")),
        "the manifest a link out of the folder": Hostile(partial(_link, name=MANIFEST)),
        "the pictures a link out of the folder": Hostile(partial(_link, name="pictures")),
        "a pipe in place of the card": Hostile(_pipe),
        "a folder in place of the contract": Hostile(_folder_in_place),
    }


def _link(folder: Path, *, name: str) -> Path:
    """The very same bytes, but elsewhere: somebody could change them at any time."""
    outside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".outside-")) / name
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    return folder


def _pipe(folder: Path) -> Path:
    (folder / "card.md").unlink()
    os.mkfifo(folder / "card.md")
    return folder


def _folder_in_place(folder: Path) -> Path:
    (folder / "contract.json").unlink()
    (folder / "contract.json").mkdir()
    return folder


# ---------------------------------------------------------------------------------------------- sizes


def _sizes() -> dict[str, Hostile]:
    return {f"{name} of 8 GiB": Hostile(partial(_giant, name=name)) for name in FILES}


def _giant(folder: Path, *, name: str) -> Path:
    """A file with a hole: it takes no room on the disk and all room in a memory."""
    with (folder / name).open("r+b") as file:
        file.truncate(_GIANT_BYTES)
    return folder


# ------------------------------------------------------------------------------ manifests, signatures


def _manifests() -> dict[str, Hostile]:
    return {
        "a manifest for another folder": Hostile(_rename),
        "a manifest that names a file outside": Hostile(partial(_name_file, name="../champion")),
        "a manifest that names a password file": Hostile(partial(_name_file, name="/etc/passwd")),
        "a manifest that names a program": Hostile(partial(_name_file, name="custom.so")),
        "a manifest without the model": Hostile(_without_model),
        "a manifest with another threshold": Hostile(_other_threshold, "open"),
        "a manifest with other provenance": Hostile(_other_provenance, "open"),
        "a manifest edited without its hashes": Hostile(_careless),
    }


def _rename(folder: Path) -> Path:
    return folder.rename(folder.with_name("20200101T000000Z-00000000"))


def _name_file(folder: Path, *, name: str) -> Path:
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    return rewrite_manifest(folder, manifest.model_copy(update={"files": {**manifest.files, name: "0" * 64}}))


def _without_model(folder: Path) -> Path:
    return forge(folder, {"model.onnx": None})


def _other_threshold(folder: Path) -> Path:
    return forge(folder, {}, threshold=1e-9)


def _other_provenance(folder: Path) -> Path:
    return forge(folder, {}, data="f" * 64)


def _careless(folder: Path) -> Path:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace('"created_at": "2', '"created_at": "1', 1))
    return folder


def _signatures(key: Path | None) -> dict[str, Hostile]:
    ways = {
        "no signature": Hostile(_unsigned, "inert"),
        "a signature by another key": Hostile(_sign_by_another, "inert"),
        "a signature of noughts": Hostile(partial(_put_signature, data=bytes(64)), "inert"),
        "a signature that is short": Hostile(partial(_put_signature, data=bytes(63)), "inert"),
        "a signature that is empty": Hostile(partial(_put_signature, data=b""), "inert"),
        "a signature of 8 GiB": Hostile(_giant_signature, "inert"),
    }
    if key is not None:
        other = signer(key)(b"{}")
        ways["a signature of another manifest"] = Hostile(partial(_put_signature, data=other), "inert")
    return ways


def _put_signature(folder: Path, *, data: bytes) -> Path:
    (folder / SIGNATURE).write_bytes(data)
    return folder


def _giant_signature(folder: Path) -> Path:
    return _giant(_put_signature(folder, data=b""), name=SIGNATURE)


def _unsigned(folder: Path) -> Path:
    (folder / SIGNATURE).unlink(missing_ok=True)
    return folder


def _sign_by_another(folder: Path) -> Path:
    keys = Path(tempfile.mkdtemp(prefix="keys-"))
    try:
        private, _ = make_pair(keys)
        return _put_signature(folder, data=signer(private)((folder / MANIFEST).read_bytes()))
    finally:
        shutil.rmtree(keys)


# ------------------------------------------------------------------------------------------- pickles


def _pickles(marker: Path) -> dict[str, Hostile]:
    """In place of the pipeline: beside a compiled form, where it is never read, and where the pipeline should serve."""
    payloads = hostile_pickles(marker)
    beside = {f"a pickle: {name}": Hostile(partial(_beside, data=data), "inert") for name, data in payloads.items()}
    served = {f"a pipeline: {name}": Hostile(partial(_served, data=data), "open") for name, data in payloads.items()}
    return beside | served


def _beside(folder: Path, *, data: bytes) -> Path:
    return forge(folder, {"pipeline.joblib": data})


def _served(folder: Path, *, data: bytes) -> Path:
    libraries = {"scikit-learn": metadata.version("scikit-learn")}
    parts = {"pipeline.joblib": data, "model.onnx": None}
    return forge(folder, parts, served_by="pipeline", not_compiled="says who?", libraries=libraries)
