"""The binary tensor extension: tensors as bytes behind the JSON, each as long as the JSON says it is.

Every size is checked against the bytes that are there before anything is made of them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.protocols.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.protocols.v2.datatypes import Datatype

LENGTH_HEADER: Final = "Inference-Header-Content-Length"
SIZE: Final = "binary_data_size"
_PREFIX: Final = 4
_MOST_DIGITS: Final = 12


def split(body: bytes, json_length: str | None) -> tuple[bytes, Tail]:
    """A body -> its JSON and what follows; without the header it is all JSON. Raises RowsRefused."""
    if json_length is None:
        return body, Tail(b"")
    if not (json_length.isascii() and json_length.isdecimal() and len(json_length) <= _MOST_DIGITS):
        raise refusal(LENGTH_HEADER, "must be a number of bytes")
    length = int(json_length)
    if length > len(body):
        raise refusal(LENGTH_HEADER, f"is {length}, and the body has {len(body)} bytes")
    return body[:length], Tail(body[length:])


class Tail:
    """The bytes behind the JSON, taken tensor by tensor in the order of the inputs."""

    def __init__(self, data: bytes) -> None:
        """Begin at the first byte."""
        self._data = data
        self._at = 0

    def take(self, size: Any, where: str) -> bytes:  # noqa: ANN401 - any JSON value
        """The next `size` bytes. Raises RowsRefused when `size` is no size, or not so many are left."""
        if type(size) is not int or size < 0:
            raise refusal(where, "must be a number of bytes")
        left = len(self._data) - self._at
        if size > left:
            raise refusal(where, f"is {size}, and {left} bytes are left behind the JSON")
        begin, self._at = self._at, self._at + size
        return self._data[begin : self._at]

    def check_end(self) -> None:
        """Raise RowsRefused when bytes are left that belong to no tensor."""
        left = len(self._data) - self._at
        if left:
            raise refusal("body", f"has {left} bytes behind the last tensor")


def elements(datatype: Datatype, count: int, data: bytes, where: str) -> list[Any]:
    """The `count` elements that `data` holds, neither more nor less. Raises RowsRefused."""
    if datatype.family == "text":
        return _texts(count, data, where)
    width = np.dtype(datatype.code).itemsize
    if len(data) != count * width:
        raise refusal(
            where, f"is {len(data)} bytes long where {count} elements of {datatype.name} take {count * width}"
        )
    numbers = np.frombuffer(data, datatype.code)
    if datatype.family == "float":
        numbers = numbers.astype(np.float64)
    values: list[Any] = numbers.tolist()
    return _bools(values, where) if datatype.family == "bool" else values


def _bools(values: list[int], where: str) -> list[bool]:
    wrong = next((place for place, value in enumerate(values) if value > 1), None)
    if wrong is not None:
        raise refusal(f"{where}[{wrong}]", f"is the byte {values[wrong]} where a BOOL is 0 or 1")
    return [value == 1 for value in values]


def _texts(count: int, data: bytes, where: str) -> list[str]:
    texts, at = [], 0
    for place in range(count):
        begin = at + _PREFIX
        # A prefix that is cut off counts as a text that is too long.
        length = int.from_bytes(data[at:begin], "little") if begin <= len(data) else len(data)
        at = begin + length
        if at > len(data):
            raise refusal(f"{where}[{place}]", f"goes beyond the {len(data)} bytes of its tensor")
        try:
            texts.append(data[begin:at].decode())
        except UnicodeDecodeError:
            raise refusal(f"{where}[{place}]", "is not UTF-8") from None
    if at != len(data):
        raise refusal(where, f"has {len(data) - at} bytes behind its {count} elements")
    return texts


def packed(datatype: Datatype, values: Sequence[Any]) -> bytes:
    """Values as the bytes of a tensor."""
    if datatype.family != "text":
        return np.asarray(values, datatype.code).tobytes()
    texts = [str(value).encode() for value in values]
    return b"".join(part for text in texts for part in (struct.pack("<I", len(text)), text))
