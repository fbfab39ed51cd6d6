"""Bytes of a bundle's files: regular files inside the folder only, bounded before they are read, hashed in pieces.

Reading and hashing hold Python's lock for microseconds at a time: requests go on being answered meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import BundleDamaged, bounded

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 1 << 20
MOST_BYTES = 64 << 20
# By name, where a file may have another size than most: a model, and what is read before anything is trusted.
MOST_BYTES_OF = {"model.onnx": 1 << 30, "pipeline.joblib": 1 << 30, "manifest.json": 1 << 20, "manifest.sig": 64}
FILE_NAME = re.compile(r"(pictures/)?[a-z0-9_-]+\.(onnx|json|joblib|md|png)")
# A symbolic link is not followed, a pipe or device is not waited for.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def most_bytes(name: str) -> int:
    """The largest size of a bundle's file of that name."""
    return MOST_BYTES_OF.get(name, MOST_BYTES)


def read(folder: Path, name: str) -> bytes:
    """A file's bytes.

    Raises:
        FileNotFoundError: there is none.
        BundleDamaged: it is no regular file of this folder, or too large.
        OSError: it cannot be read.
    """
    with _opened(folder, name) as (descriptor, size):
        data = os.read(descriptor, size + 1)
        while piece := os.read(descriptor, CHUNK_BYTES):  # a file system may give less than it was asked for
            data += piece
            if len(data) > size:
                raise BundleDamaged(f"bundle {folder.name}: {name} grows while it is read")
        return data


def digest(folder: Path, name: str) -> str:
    """sha256 of a file of which nothing is kept. Raises as `read`."""
    total = hashlib.sha256()
    with _opened(folder, name) as (descriptor, size):
        left = size
        while left > 0 and (piece := os.read(descriptor, min(left, CHUNK_BYTES))):
            total.update(piece)
            left -= len(piece)
        if os.read(descriptor, 1):
            raise BundleDamaged(f"bundle {folder.name}: {name} grows while it is read")
    return total.hexdigest()


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[tuple[int, int]]:
    """(file descriptor, size) of a regular file that no link leads out of the folder."""
    with _folder_of(folder, name) as inside:
        descriptor = _open(folder, Path(name).name, _FLAGS, inside)
    with _closing(descriptor):
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise BundleDamaged(f"bundle {folder.name}: {name} is not a regular file")
        if found.st_size > most_bytes(name):
            raise BundleDamaged(
                f"bundle {folder.name}: {name} has {found.st_size:,} bytes, at most {most_bytes(name):,} are read"
            )
        yield descriptor, found.st_size


@contextmanager
def _folder_of(folder: Path, name: str) -> Iterator[int]:
    """The descriptor of the folder in which `name` stands; the bundle's own folder may be a link, no other."""
    with _closing(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as outer:
        if "/" not in name:
            yield outer
            return
        with _closing(_open(folder, name.split("/", maxsplit=1)[0], _FLAGS | os.O_DIRECTORY, outer)) as inner:
            yield inner


def _open(folder: Path, name: str, flags: int, inside: int) -> int:
    try:
        return os.open(name, flags, dir_fd=inside)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BundleDamaged(
            f"bundle {folder.name}: {bounded(name)} cannot be read, or is a link: {error.strerror}"
        ) from error


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
