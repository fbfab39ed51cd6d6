"""Bodies of at most 1 MB that cost as much as a body can: what they hold up is what the others wait for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from model.contract import Contract
from promises import bodies
from promises.breaches import Texts, good, members

MOST: Final = 1_000_000
Make = Callable[[Contract], bytes]


def _filled(before: str, piece: str, after: str) -> bytes:
    """As many pieces as fit."""
    return (before + piece * ((MOST - len(before) - len(after)) // len(piece)) + after).encode()


def _with_value(contract: Contract, text: str) -> bytes:
    """A right row whose first number is `text`."""
    return f'{{"data": {members({**good(contract), contract.columns[0].name: [text]})}}}'.encode()


def _right_rows(contract: Contract) -> bytes:
    """As many right rows as fit, up to the limit of rows."""
    rows = 10_000
    made = bodies.body(contract, rows)
    while len(made) > MOST:
        rows = rows * MOST // len(made) - 1
        made = bodies.body(contract, rows)
    return made


def _short_rows(contract: Contract) -> bytes:
    """Ten thousand rows in the fewest bytes: the largest batch that can be asked for."""
    right = good(contract)
    texts: Texts = {}
    for column in contract.columns:
        minimum = getattr(column, "minimum", None)
        texts[column.name] = [str(int(minimum)) if isinstance(minimum, int | float) else right[column.name][0]] * 10_000
    return f'{{"data": {members(texts)}}}'.replace(", ", ",").encode()


def _last_value_wrong(contract: Contract) -> bytes:
    body = _right_rows(contract)
    return body[: body.rindex(b"]")] + b", null]}}"


def _many_names(_: Contract) -> bytes:
    names = ",".join(f'"{number:x}":[1]' for number in range(MOST // 12))
    return f'{{"data": {{{names}}}}}'.encode()[:MOST]


def _row_of_many_names(_: Contract) -> bytes:
    names = ",".join(f'"{number:x}":null' for number in range(MOST // 13))
    return f'{{"data": {{{names}}}}}'.encode()


def _records_of_many_names(_: Contract) -> bytes:
    """As many names as an object may have, in every record others."""
    each, count = 4_500, MOST // (13 * 4_500)
    names = [",".join(f'"{number + each * row:x}":null' for number in range(each)) for row in range(count)]
    return f'{{"data": [{{{"},{".join(names)}}}]}}'.encode()


def _same_name(contract: Contract) -> bytes:
    return _with_name(contract, "[1]")


def _with_name(contract: Contract, value: str) -> bytes:
    name = json.dumps(contract.columns[0].name)
    return _filled('{"data": {', f"{name}:{value},", f"{name}:{value}}}}}")


def _column_of(contract: Contract, piece: str, last: str) -> bytes:
    before = f'{{"data": {{{json.dumps(contract.columns[0].name)}: ['
    return _filled(before, piece, f"{last}]}}}}")


def _hard_numbers(contract: Contract) -> bytes:
    """Halfway between two doubles, up to a last digit far behind: the slow path of every reader of numbers."""
    hard = "0.500000000000000166533453693773481063544750213623046875" + "0" * 700 + "1"
    return _column_of(contract, f"{hard},", hard)


def _long_keys(contract: Contract) -> bytes:
    texts = {contract.key.name: [json.dumps("k" * 60)] * 10_000, **good(contract)}
    return f'{{"data": {members(texts)}}}'.encode()[:MOST]


def _records(contract: Contract) -> bytes:
    row = "{" + ",".join(f"{json.dumps(name)}:{values[0]}" for name, values in good(contract).items()) + "}"
    return _filled('{"data":[', f"{row},", f"{row}]}}")


HEAVY: Final[dict[str, Make]] = {
    "right rows": _right_rows,
    "10,000 rows of the shortest values": _short_rows,
    "right rows, the last one wrong": _last_value_wrong,
    "open brackets": lambda _: b"[" * MOST,
    "open braces": lambda _: _filled("", '{"data":', ""),
    "nested lists": lambda _: b"[" * (MOST // 2) + b"]" * (MOST // 2),
    "nested lists in a column": lambda contract: _with_value(contract, "[" * 490_000 + "]" * 490_000),
    "nested objects in a column": lambda contract: _with_value(contract, '{"a":' * 160_000 + "1" + "}" * 160_000),
    "100,000 unknown names": _many_names,
    "a row of 75,000 unknown names": _row_of_many_names,
    "records of unknown names": _records_of_many_names,
    "one name many times": _same_name,
    "one name of a row many times": lambda contract: _with_name(contract, "null"),
    "unknown names in objects": lambda _: _filled('{"data": [', '{"a":1},', "{}]}"),
    "colons in a text": lambda contract: _with_value(contract, '"' + '\\":' * 300_000 + '"'),
    "a long text": lambda contract: _with_value(contract, '"' + "a" * 990_000 + '"'),
    "a long name": lambda _: _filled('{"data": {"', "a", '": [1]}}'),
    "escapes": lambda contract: _with_value(contract, '"' + "\\u0041" * 160_000 + '"'),
    "surrogate pairs": lambda contract: _with_value(contract, '"' + "\\ud83d\\ude00" * 80_000 + '"'),
    "lone surrogates": lambda contract: _with_value(contract, '"' + "\\ud800" * 160_000 + '"'),
    "backslashes": lambda contract: _with_value(contract, '"' + "\\\\" * 490_000 + '"'),
    "four-byte letters": lambda contract: _with_value(contract, '"' + "\U0001f600" * 240_000 + '"'),
    "a number of 300,000 digits": lambda contract: _with_value(contract, "9" * 300_000),
    "a number of 990,000 digits": lambda contract: _with_value(contract, "9" * 990_000),
    "300,000 digits after the point": lambda contract: _with_value(contract, "0." + "3" * 300_000),
    "300,000 zeros and a digit": lambda contract: _with_value(contract, "0." + "0" * 300_000 + "1e300000"),
    "an exponent of 300,000 digits": lambda contract: _with_value(contract, "1e" + "9" * 300_000),
    "numbers of 300 digits": lambda _: _filled('{"data": {"a": [', "9" * 300 + ",", "1]}}"),
    "numbers of 4,000 digits": lambda _: _filled('{"data": {"a": [', "9" * 4000 + ",", "1]}}"),
    "numbers hard to round": _hard_numbers,
    "nulls": lambda contract: _column_of(contract, "null,", "null"),
    "empty texts": lambda contract: _column_of(contract, '"",', '""'),
    "single digits": lambda contract: _column_of(contract, "1,", "1"),
    "single digits as keys": lambda contract: _filled(f'{{"data": {{{json.dumps(contract.key.name)}: [', "1,", "1]}}"),
    "one-letter keys": lambda contract: _filled(f'{{"data": {{{json.dumps(contract.key.name)}: [', '"a",', '"a"]}}'),
    "empty lists": lambda contract: _column_of(contract, "[],", "[]"),
    "empty objects": lambda contract: _column_of(contract, "{},", "{}"),
    "spaces": lambda _: b" " * MOST,
    "spaces between": lambda contract: f'{{"data":{" " * 900_000}{members(good(contract))}}}'.encode(),
    "line breaks": lambda _: b"\n" * MOST,
    "commas": lambda _: b"," * MOST,
    "quotes": lambda _: b'"' * MOST,
    "zeros": lambda _: bytes(MOST),
    "bytes above 127": lambda _: b"\xff" * MOST,
    "10,000 keys of 60 letters": _long_keys,
    "a record many times": _records,
}
