"""Every way of breaking a contract in a request, made from the contract itself: one breach a request, all else right.

A request is kept as texts, column -> the JSON of each value, because what is wrong often has no Python value (1e999,
1.0 where 1 is meant) or loses it when a library writes it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, assert_never

from model.contract import LARGEST_EXACT_INTEGER, Category, Column, Contract, Integer, Number, Timestamp
from model.derived.request import MOST_ROWS, example_request

Texts = dict[str, list[str]]

# Wrong for every column of every contract, nullable or not.
NEVER_A_VALUE: Final = {
    "true": "true",
    "false": "false",
    "list": "[1]",
    "object": '{"a": 1}',
    "empty list": "[]",
    "empty object": "{}",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e999": "1e999",
    "-1e999": "-1e999",
    "400 digits": "9" * 400,
    "empty text": '""',
    "text with a zero": '"\\u0000"',
    "lone surrogate": '"\\ud800"',
    "leading zero": "01",
    "plus": "+1",
    "hexadecimal": "0x1",
    "bare point": ".5",
    "point at the end": "1.",
    "single quotes": "'1'",
    "undefined": "undefined",
    "bare word": "one",
    "nothing": "",
    "two values": "1 1",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """A request that must be refused: what is wrong with it, and its bytes."""

    name: str
    body: bytes


def good(contract: Contract, rows: int = 1) -> Texts:
    """A request that is right."""
    data = example_request(contract)["data"]
    return {name: [json.dumps(value) for value in values] * rows for name, values in data.items()}


def rendered(texts: Texts) -> bytes:
    """The body of get_prediction."""
    return f'{{"data": {members(texts)}}}'.encode(errors="surrogatepass")


def members(texts: Texts) -> str:
    """The object of columns."""
    return "{" + ", ".join(f"{json.dumps(name)}: [{', '.join(values)}]" for name, values in texts.items()) + "}"


def wrong_values(column: Column) -> dict[str, str]:
    """By name, the JSON of values that this column never holds."""
    wrong = dict(NEVER_A_VALUE)
    if not column.nullable:
        wrong["null"] = "null"
    match column:
        case Number():
            wrong |= {"number in text": '"1"', "text": '"x"', **_outside(column.minimum, column.maximum)}
        case Integer():
            wrong |= {"number in text": '"1"', "text": '"x"', "1.0": "1.0", "0.5": "0.5", "1e0": "1e0", "-0.0": "-0.0"}
            wrong |= _beyond(column.minimum, column.maximum)
        case Category():
            wrong |= _no_category(column.values)
        case Timestamp():
            wrong |= _no_moment(column)
        case _:
            assert_never(column)
    return wrong


def _outside(low: float | None, high: float | None) -> dict[str, str]:
    """The nearest numbers on the wrong side of each bound, and the furthest."""
    wrong: dict[str, str] = {}
    if low is not None:
        wrong |= {"an ulp too small": repr(math.nextafter(low, -math.inf)), "far too small": "-1.7e308"}
    if high is not None:
        wrong |= {"an ulp too large": repr(math.nextafter(high, math.inf)), "far too large": "1.7e308"}
    return wrong


def _beyond(low: int | None, high: int | None) -> dict[str, str]:
    lowest = -LARGEST_EXACT_INTEGER if low is None else low
    highest = LARGEST_EXACT_INTEGER if high is None else high
    outside = {"one too small": lowest - 1, "one too large": highest + 1, "2**63": 2**63, "2**64": 2**64}
    return {name: str(value) for name, value in (outside | {"-2**63 - 1": -(2**63) - 1, "10**30": 10**30}).items()}


def _no_category(values: tuple[int | str, ...]) -> dict[str, str]:
    if isinstance(values[0], int):
        whole = [value for value in values if isinstance(value, int)]
        wrong = {
            "of another type": f'"{whole[0]}"',
            "as a fraction": f"{whole[0]}.0",
            "with an exponent": f"{whole[0]}e0",
        }
        return wrong | {"next to the largest": str(max(whole) + 1), "next to the smallest": str(min(whole) - 1)}
    texts = [str(value) for value in values]
    others = {
        "of another type": "1",
        "another case": texts[0].swapcase(),
        "space before": f" {texts[0]}",
        "space after": f"{texts[0]} ",
        "zero after": f"{texts[0]}\0",
        "unknown": "no such value",
    }
    fitting = {name: text for name, text in others.items() if text not in texts}
    return {name: text if name == "of another type" else json.dumps(text) for name, text in fitting.items()}


def _no_moment(column: Timestamp) -> dict[str, str]:
    wrong = {
        "seconds": "1700000000",
        "no zone": '"2026-01-01T00:00:00"',
        "date alone": '"2026-01-01"',
        "13th month": '"2026-13-01T00:00:00Z"',
        "30 February": '"2026-02-30T00:00:00Z"',
        "25 o'clock": '"2026-01-01T25:00:00Z"',
        "words": '"yesterday"',
    }
    step = timedelta(microseconds=1)
    if column.minimum is not None:
        wrong["a moment too early"] = json.dumps((column.minimum - step).isoformat())
    if column.maximum is not None:
        wrong["a moment too late"] = json.dumps((column.maximum + step).isoformat())
    return wrong


def wrong_lists(values: list[str]) -> dict[str, str]:
    """By name, the JSON of what is no list of one right value of a column."""
    (value,) = values
    return {
        "scalar in quotes": f'"{value if not value.startswith(chr(34)) else "x"}"',
        "null": "null",
        "true": "true",
        "object": f'{{"0": {value}}}',
        "empty": "[]",
        "nested": f"[[{value}]]",
        "deeply nested": "[" * 200 + value + "]" * 200,
        "comma at the end": f"[{value},]",
        "comma at the beginning": f"[,{value}]",
        "not closed": f"[{value}",
        "one more than the others": f"[{value}, {value}]",
    }


def column_breaches(contract: Contract) -> Iterator[Breach]:
    """One column is wrong."""
    right = good(contract)
    two = good(contract, 2)
    for column in contract.columns:
        name = column.name
        for what, text in wrong_values(column).items():
            yield Breach(f"{name}: {what}", rendered({**right, name: [text]}))
            yield Breach(f"{name}: {what} in the second row", rendered({**two, name: [two[name][0], text]}))
        for what, text in wrong_lists(right[name]).items():
            yield Breach(f"{name}: list {what}", _with_member(right, name, text))
        yield from _name_breaches(right, name)


def _name_breaches(right: Texts, name: str) -> Iterator[Breach]:
    others = {key: values for key, values in right.items() if key != name}
    value = right[name][0]
    yield Breach(f"{name}: missing", rendered(others))
    yield Breach(
        f"{name}: shorter than the others",
        rendered({key: values * 2 for key, values in others.items()} | {name: [value]}),
    )
    for what, other in {"another case": name.swapcase(), "space after": f"{name} ", "zero after": f"{name}\0"}.items():
        yield Breach(f"{name}: named in {what}", rendered({**others, other: [value]}))
        yield Breach(f"{name}: also in {what}", rendered({**right, other: [value]}))
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in name)
    quoted = json.dumps(name)
    for what, again in {"twice": quoted, "twice, once escaped": f'"{escaped}"'}.items():
        inner = members(right)[:-1]
        yield Breach(f"{name}: {what}", f'{{"data": {inner}, {again}: [{value}]}}}}'.encode())
        yield Breach(f"{name}: {what}, first", f'{{"data": {{{again}: [{value}], {inner[1:]}}}}}'.encode())


def _with_member(right: Texts, name: str, text: str) -> bytes:
    parts = (f"{json.dumps(key)}: {text if key == name else '[' + values[0] + ']'}" for key, values in right.items())
    return f'{{"data": {{{", ".join(parts)}}}}}'.encode()


def key_breaches(contract: Contract) -> Iterator[Breach]:
    """The caller's key is wrong."""
    right, name = good(contract), contract.key.name
    wrong = {
        "null": "null",
        "fraction": "1.5",
        "true": "true",
        "empty text": '""',
        "too long": json.dumps("k" * 201),
        "list": '["1"]',
        "lone surrogate": '"\\ud800"',
        "NaN": "NaN",
    }
    for what, text in wrong.items():
        yield Breach(f"key {name}: {what}", rendered({**right, name: [text]}))
    yield Breach(f"key {name}: too many", rendered({**right, name: ['"1"', '"2"']}))
    yield Breach(f"key {name}: none", rendered({**right, name: []}))
    yield Breach(f"key {name}: no list", _with_member({**right, name: ["1"]}, name, '{"0": "1"}'))
    yield Breach(f"target {contract.target.name}: given", rendered({**right, contract.target.name: ["1"]}))


def body_breaches(contract: Contract) -> Iterator[Breach]:
    """The body as a whole is wrong."""
    right = good(contract)
    body, data = rendered(right), members(right)
    for what, text in {
        "empty": "",
        "space": "  ",
        "null": "null",
        "number": "1",
        "text": '"data"',
        "list": f"[{body.decode()}]",
        "empty object": "{}",
        "no data": '{"rows": 1}',
        "data null": '{"data": null}',
        "data text": '{"data": "x"}',
        "data number": '{"data": 1}',
        "data empty": '{"data": {}}',
        "data in another case": f'{{"DATA": {data}}}',
        "data twice": f'{{"data": {data}, "data": {data}}}',
        "data twice, once escaped": f'{{"data": {data}, "d\\u0061ta": {data}}}',
        "data and more": f'{{"data": {data}, "more": 1}}',
        "data in data": f'{{"data": {{"data": {data}}}}}',
        "columns without data": data,
        "brace after": f"{body.decode()}}}",
        "text after": f"{body.decode()}x",
        "twice": body.decode() * 2,
        "two lines": f"{body.decode()}\n{body.decode()}",
        "comma after": f"{body.decode()},",
        "comma at the end": body.decode()[:-1] + ",}",
        "zero after": f"{body.decode()}\0",
        "zero before": f"\0{body.decode()}",
        "comment": f"{body.decode()} // ok",
        "comment inside": body.decode().replace("{", "{ /* ok */", 1),
        "single quotes": body.decode().replace('"', "'"),
        "100,000 brackets": "[" * 100_000,
        "100,000 braces": '{"data":' * 100_000,
        "vertical tab": body.decode().replace(" ", "\v", 1),
        "no-break space": body.decode().replace(" ", "\u00a0", 1),
    }.items():
        yield Breach(f"body: {what}", text.encode())
    for cut in range(1, len(body), max(len(body) // 40, 1)):
        yield Breach(f"body: cut after {cut} bytes", body[:cut])
    yield from _encoding_breaches(contract, body)
    yield Breach("body: a row too many", rendered(good(contract, MOST_ROWS + 1)))


def _encoding_breaches(contract: Contract, body: bytes) -> Iterator[Breach]:
    yield Breach("body: BOM", b"\xef\xbb\xbf" + body)
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        yield Breach(f"body: {encoding}", body.decode().encode(encoding))
    first = json.dumps(contract.columns[0].name).encode()
    invalid = {
        "byte ff": b"\xff",
        "overlong slash": b"\xc0\xaf",
        "surrogate": b"\xed\xa0\x80",
        "half a letter": b"\xc3",
    }
    for what, wrong in invalid.items():
        yield Breach(f"body: invalid UTF-8 in a name, {what}", body.replace(first, first[:-1] + wrong + b'"', 1))
        yield Breach(f"body: invalid UTF-8 in a key, {what}", _with_key(contract, body, b'"' + wrong + b'"'))
    for code in (0x00, 0x0A, 0x1F):
        yield Breach(f"body: control character {code} in a key", _with_key(contract, body, b'"' + bytes([code]) + b'"'))
    for what, escape in {"unknown": b'"\\x41"', "short": b'"\\u12"', "cut": b'"\\'}.items():
        yield Breach(f"body: {what} escape in a key", _with_key(contract, body, escape))


def _with_key(contract: Contract, body: bytes, text: bytes) -> bytes:
    return body[:-2] + b", " + json.dumps(contract.key.name).encode() + b": [" + text + b"]}}"


def breaches(contract: Contract) -> Iterator[Breach]:
    """All of them."""
    yield from column_breaches(contract)
    yield from key_breaches(contract)
    yield from body_breaches(contract)
