"""Ed25519 signatures of manifests, and the keys they are made and checked with.

    signing.pem       the private key, of the machine that trains (MODEL_SIGNING_KEY)
    signing.pub.pem   the public key, of the machines that serve; such a file may hold several keys one below the other,
                      any of which counts: that is how a key is replaced without a gap

`cryptography` is imported when a key is used and not before: without keys it need not be installed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import BundleError, bounded

if TYPE_CHECKING:
    from types import ModuleType

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE_BYTES = 64
MOST_KEY_FILE_BYTES = 1 << 16
PRIVATE_NAME, PUBLIC_NAME = "signing.pem", "signing.pub.pem"
_OWNER_ONLY, _ALL_READ = 0o600, 0o644
_PUBLIC_BLOCK = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """Public keys, 32 bytes each; a signature by any one of them counts."""

    keys: tuple[bytes, ...]

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is of exactly these bytes and by one of the keys."""
        ed25519 = _library()
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra

        for key in self.keys:
            try:
                ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
            except InvalidSignature:
                continue
            return True
        return False


def read_public_keys(path: Path) -> PublicKeys:
    """The Ed25519 public keys of a PEM file. Raises BundleError."""
    ed25519 = _library()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415 - an extra

    blocks = _PUBLIC_BLOCK.findall(_read(path))
    if not blocks:
        raise BundleError(f"{path} holds no public key in PEM: give the {PUBLIC_NAME} of `python -m model keygen`")
    try:
        keys = [load_pem_public_key(block) for block in blocks]
    except ValueError as error:
        raise BundleError(f"{path} holds a public key that cannot be read: {bounded(error)}") from error
    found = [key.public_bytes_raw() for key in keys if isinstance(key, ed25519.Ed25519PublicKey)]
    if len(found) < len(keys):
        raise BundleError(f"{path} holds a key that is not Ed25519: make one with `python -m model keygen`")
    return PublicKeys(tuple(found))


def signer(path: Path) -> Callable[[bytes], bytes]:
    """What signs bytes with the private key of a PEM file. Raises BundleError."""
    sign: Callable[[bytes], bytes] = _private_key(path).sign
    return sign


def public_half(path: Path) -> PublicKeys:
    """The public key that belongs to the private key of a PEM file. Raises BundleError."""
    return PublicKeys((_private_key(path).public_key().public_bytes_raw(),))


def make_pair(folder: Path) -> tuple[Path, Path]:
    """Write a new key pair into `folder`, the private one for its owner only; returns the two paths.

    Raises:
        BundleError: a key stands there already, or nothing can be written.
    """
    ed25519 = _library()
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra

    key = ed25519.Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    paths = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _create(paths[0], private, _OWNER_ONLY)
        _create(paths[1], public, _ALL_READ)
    except FileExistsError as error:
        raise BundleError(f"{error.filename} is there already: keys are not overwritten, name another folder") from None
    except OSError as error:
        raise BundleError(f"no key could be written to {folder}: {error.strerror}") from error
    return paths


def _create(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _private_key(path: Path) -> Ed25519PrivateKey:
    _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - an extra

    try:
        key = load_pem_private_key(_read(path), None)
    except (ValueError, TypeError) as error:
        raise BundleError(f"{path} holds no private key in PEM without a password: {bounded(error)}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(f"{path} holds a key that is not Ed25519: make one with `python -m model keygen`")
    return key


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_KEY_FILE_BYTES)
    except OSError as error:
        raise BundleError(f"the key {path} cannot be read: {error.strerror}") from error


def _library() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise BundleError(
            "signatures need the package cryptography: install infra-mlops-model with its extra `signing`"
        ) from error
    return ed25519
