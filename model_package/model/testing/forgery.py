"""Parts replaced by somebody who knows the format, so that every hash fits: only their content gives them away.

Without a key such a bundle is stopped by what its parts are; with one, by its signature.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto

from model.bundle.manifest import MANIFEST, Manifest, content_hash, sealed
from model.contracts import find

_MANY = 1 << 40


def forge(folder: Path, parts: Mapping[str, bytes | None], **facts: Any) -> Path:  # noqa: ANN401 - facts of any kind
    """Replace parts (None: leave out) and facts as somebody would who knows the format: every hash fits again."""
    said = json.loads((folder / MANIFEST).read_bytes())
    for name, data in parts.items():
        if data is None:
            (folder / name).unlink()
            del said["files"][name]
        else:
            (folder / name).write_bytes(data)
            said["files"][name] = hashlib.sha256(data).hexdigest()
    said["facts"] |= facts
    manifest = Manifest.model_validate(said)
    return rewrite_manifest(folder, manifest)


def rewrite_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write another manifest, with the content hash and the seal that belong to it."""
    content = content_hash(manifest.files, manifest.facts)
    (folder / MANIFEST).write_bytes(sealed(manifest.model_copy(update={"content": content})))
    return folder


def hostile_models() -> dict[str, Callable[[Path], Path]]:
    """By name, the forgeries that are refused with and without a key: each takes a folder, and gives it back."""
    return {
        "a model with data in another file": _external_data,
        "a model that declares 2^40 numbers": _declares_many,
        "a model with a field of 2^40 bytes": partial(_replace_model, data=b"\x3a\x80\x80\x80\x80\x80\x20"),
        "a model that is a pickle": partial(_replace_model, data=b"\x80\x04."),
        "a contract of another problem": _other_contract,
        "figures of another task": _other_task,
        "answers that are not the model's": _other_answers,
        "a contract nested a million deep": _deep,
    }


def _replace_model(folder: Path, *, data: bytes) -> Path:
    return forge(folder, {"model.onnx": data})


def _external_data(folder: Path) -> Path:
    model = onnx.load(folder / "model.onnx")
    weights = TensorProto(name="w", data_type=TensorProto.DOUBLE, dims=[2], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value="../../../../etc/passwd")
    model.graph.initializer.append(weights)
    return _replace_model(folder, data=model.SerializeToString())


def _declares_many(folder: Path) -> Path:
    model = onnx.load(folder / "model.onnx")
    model.graph.initializer[0].dims[:] = [_MANY]
    return _replace_model(folder, data=model.SerializeToString())


def _other_contract(folder: Path) -> Path:
    said = json.loads((folder / "contract.json").read_bytes())
    other = find("wine" if said["name"] != "wine" else "diabetes").contract
    return forge(folder, {"contract.json": other.to_json().encode()})


def _other_task(folder: Path) -> Path:
    metrics = json.loads((folder / "metrics.json").read_bytes())
    metrics["task"] = "regression" if metrics["task"] != "regression" else "binary"
    return forge(folder, {"metrics.json": json.dumps(metrics).encode()})


def _other_answers(folder: Path) -> Path:
    selftest = json.loads((folder / "selftest.json").read_bytes())
    selftest["scores"][0] += 1e-9
    return forge(folder, {"selftest.json": json.dumps(selftest).encode()})


def _deep(folder: Path) -> Path:
    return forge(folder, {"contract.json": b"[" * 1_000_000, "selftest.json": b"[" * 1_000_000})
