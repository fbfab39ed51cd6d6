"""A signature counts for exactly these bytes and by one of the given keys; keys are made safely and read strictly."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from model import signature
from model.errors import BundleError
from model.testing.programs import needed_program

DATA = b'{"what": "is signed"}'
PEM = serialization.Encoding.PEM


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A private and a public key's files."""
    return signature.make_pair(tmp_path / "keys")


def test_a_signature_counts_for_exactly_these_bytes(pair: tuple[Path, Path]) -> None:
    private, public = pair
    made = signature.signer(private)(DATA)
    keys = signature.read_public_keys(public)
    assert len(made) == signature.SIGNATURE_BYTES
    assert keys.verify(made, DATA)
    for at in range(len(DATA)):
        assert not keys.verify(made, DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :])
    for wrong in (b"", made[:-1], made + b"\0", bytes(64), made[::-1]):
        assert not keys.verify(wrong, DATA)


def test_the_public_half_of_a_private_key_is_its_public_key(pair: tuple[Path, Path]) -> None:
    assert signature.public_half(pair[0]) == signature.read_public_keys(pair[1])


def test_only_the_owner_can_read_a_private_key_and_none_is_overwritten(pair: tuple[Path, Path]) -> None:
    private, public = pair
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    with pytest.raises(BundleError, match="not overwritten"):
        signature.make_pair(private.parent)
    assert private.read_bytes() == before
    assert b"PRIVATE" not in public.read_bytes()


def test_a_file_of_several_public_keys_takes_a_signature_by_any_of_them(tmp_path: Path) -> None:
    pairs = [signature.make_pair(tmp_path / name) for name in ("old", "new", "stranger")]
    both = tmp_path / "both.pem"
    both.write_bytes(b"the old one:\n" + pairs[0][1].read_bytes() + b"the new one:\n" + pairs[1][1].read_bytes())
    keys = signature.read_public_keys(both)
    assert [keys.verify(signature.signer(private)(DATA), DATA) for private, _ in pairs] == [True, True, False]


def test_a_file_that_holds_no_such_key_is_refused_in_words(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    private, public = pair
    elsewhere = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "key.pem"

    def refused(data: bytes, read: object) -> str:
        path.write_bytes(data)
        with pytest.raises(BundleError) as refusal:
            read(path)  # type: ignore[operator]
        return str(refusal.value)

    as_public = elsewhere.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert "not Ed25519" in refused(as_public, signature.read_public_keys)
    assert "holds no public key" in refused(private.read_bytes(), signature.read_public_keys)
    assert "cannot be read" in refused(
        b"-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----", signature.read_public_keys
    )
    private_elsewhere = elsewhere.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert "not Ed25519" in refused(private_elsewhere, signature.signer)
    locked = ed25519.Ed25519PrivateKey.generate().private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
    )
    assert "without a password" in refused(locked, signature.signer)
    for wrong in (public.read_bytes(), b"", b"\0" * 100):
        assert "holds no private key" in refused(wrong, signature.signer)
    with pytest.raises(BundleError, match="cannot be read: No such file"):
        signature.signer(tmp_path / "nowhere.pem")


def test_a_folder_that_cannot_be_written_gets_no_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError):
        signature.make_pair(tmp_path / "file" / "keys")


@pytest.mark.services
def test_openssl_agrees_with_a_signature(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    private, public = pair
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "sig").write_bytes(signature.signer(private)(DATA))
    words = ["pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", "data", "-sigfile", "sig"]
    done = subprocess.run(
        [needed_program("openssl"), *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Verified Successfully" in done.stdout, done.stderr


def test_without_cryptography_the_extra_is_named_and_bundles_load_all_the_same(pair: tuple[Path, Path]) -> None:
    program = f"""
import sys
sys.modules["cryptography"] = None
import model.bundle, model.registry
from pathlib import Path
from model.errors import BundleError
from model.signature import read_public_keys
try:
    read_public_keys(Path({str(pair[1])!r}))
except BundleError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "extra `signing`" in done.stdout
