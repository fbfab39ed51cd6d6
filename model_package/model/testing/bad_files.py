"""The bad files that a pipeline must refuse: each takes a folder of good ones and spoils it.

The list comes from files that trained silently, or failed without saying where, in pipelines that were tried.
"""

from __future__ import annotations

import codecs
import shutil
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from model.contract import Category, Contract, Integer, Number, Source, Timestamp
from model.testing.sheets import Sheet, sheets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LONG_LINE_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spoiled:
    """What was spoiled: a refusal must name the file and, where there is one, the line."""

    file: Path
    line: int | None = None


def bad_files(contract: Contract) -> Mapping[str, Callable[[Path], Spoiled]]:
    """By name, the ways to spoil a folder of the contract's good files (`write_sources`, or the example's)."""
    source = contract.sources[0]
    ways: dict[str, Callable[[Sheet], int | None]] = {
        "wrong delimiter": _wrong_delimiter,
        "text after a quote": _text_after_quote,
        "an open quote": _open_quote,
        "a field too many": _field_too_many,
        "duplicate keys": _duplicate_keys,
        "an empty key": _empty_key,
        "empty file": _empty_file,
        "a directory": _directory,
        "a missing file": _missing,
        "NUL bytes": _nul,
        "a 100 MB line": _long_line,
    }
    ways |= _by_header() if source.header else {}
    ways |= _by_dialect(source)
    ways |= _by_columns(contract)
    found = {name: partial(_spoil_first, contract, way) for name, way in ways.items()}
    return found | _by_labels(contract)


def _by_header() -> dict[str, Callable[[Sheet], int | None]]:
    return {
        "no header": _no_header,
        "header only": _header_only,
        "a missing column": _missing_column,
        "an extra column": _extra_column,
        "a column twice": _column_twice,
    }


def _by_dialect(source: Source) -> dict[str, Callable[[Sheet], int | None]]:
    ways: dict[str, Callable[[Sheet], int | None]] = {}
    if source.encoding == "utf-8":
        ways["BOM"] = _byte_order_mark
    if source.encoding in {"utf-8", "utf-8-sig"}:
        ways["latin-1"] = _latin_1
    if source.newline != "any":
        ways["CRLF" if source.newline == "lf" else "LF"] = _other_newline
    if not source.multiline:
        ways["quoted newline"] = _quoted_newline
    return ways


def _by_columns(contract: Contract) -> dict[str, Callable[[Sheet], int | None]]:
    ways: dict[str, Callable[[Sheet], int | None]] = {}
    if _number(contract):
        ways["decimal comma in the first row"] = _decimal_comma
    if any(not isinstance(column, Category) for column in contract.columns):
        ways["text in a number"] = _text_in_number
    if _bounded(contract):
        ways["out of range"] = _out_of_range
    return ways


def _by_labels(contract: Contract) -> dict[str, Callable[[Path], Spoiled]]:
    if not contract.target.labels:
        return {"too few rows": partial(_spoil_first, contract, _few_rows)}
    ways: dict[str, Callable[[Path], Spoiled]] = {
        "one class only": partial(_leave, contract, 0),
        "one positive row": partial(_leave, contract, 1),
    }
    if _number(contract):
        ways["conflicting duplicates"] = partial(_contradict, contract)
    return ways


def _spoil_first(contract: Contract, way: Callable[[Sheet], int | None], folder: Path) -> Spoiled:
    sheet = sheets(contract, folder)[0]
    return Spoiled(sheet.path, way(sheet))


# ------------------------------------------------------------------------------------------- the file


def _empty_file(sheet: Sheet) -> None:
    sheet.path.write_bytes(b"")


def _directory(sheet: Sheet) -> None:
    sheet.path.unlink()
    sheet.path.mkdir()


def _missing(sheet: Sheet) -> None:
    # What matches the same pattern must go, too, or nothing is missing.
    for path in list(sheet.folder.glob(sheet.source.file)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _header_only(sheet: Sheet) -> None:
    sheet.rows.clear()
    sheet.save()


def _byte_order_mark(sheet: Sheet) -> int:
    sheet.path.write_bytes(codecs.BOM_UTF8 + sheet.path.read_bytes())
    return 1


def _latin_1(sheet: Sheet) -> int:
    sheet.rows[0][sheet.place(sheet.contract.key.name)] = "canci\u00f3n"
    sheet.path.write_bytes(sheet.render().encode("latin-1"))
    return sheet.line(0)


def _other_newline(sheet: Sheet) -> int:
    text = sheet.render()
    text = text.replace("\r\n", "\n") if sheet.source.newline == "crlf" else text.replace("\n", "\r\n")
    sheet.path.write_bytes(text.encode(sheet.source.encoding))
    return 1


def _long_line(sheet: Sheet) -> int:
    encoding = sheet.source.encoding.replace("-sig", "").replace("utf-16", "utf-16-le")
    block = ("1" * 1_000_000).encode(encoding)
    sheet.save()
    with sheet.path.open("ab") as file:
        for _ in range(LONG_LINE_BYTES // len(block)):
            file.write(block)
    return sheet.line(len(sheet.rows))


# ------------------------------------------------------------------------------------------- its lines


def _replace_in_line(sheet: Sheet, row: int, name: str, text: str) -> int:
    """Put `text` into a cell as it stands, quotes and separators included."""
    sheet.rows[row][sheet.place(name)] = "@cell@"
    sheet.path.write_bytes(sheet.render().replace("@cell@", text, 1).encode(sheet.source.encoding))
    return sheet.line(row)


def _no_header(sheet: Sheet) -> int:
    _, _, rest = sheet.render().partition("\n")
    sheet.path.write_bytes(rest.encode(sheet.source.encoding))
    return 1


def _wrong_delimiter(sheet: Sheet) -> int:
    sheet.with_separator("," if sheet.source.separator == ";" else ";").save()
    return 1


def _quoted_newline(sheet: Sheet) -> int:
    return _replace_in_line(sheet, 0, sheet.contract.key.name, '"a\nb"')


def _text_after_quote(sheet: Sheet) -> int:
    return _replace_in_line(sheet, 1, sheet.contract.key.name, '"a"b')


def _open_quote(sheet: Sheet) -> int:
    return _replace_in_line(sheet, 1, sheet.contract.key.name, '"a')


def _field_too_many(sheet: Sheet) -> int:
    return _replace_in_line(sheet, 1, sheet.contract.key.name, f"a{sheet.source.separator}b")


def _nul(sheet: Sheet) -> int:
    return _replace_in_line(sheet, 1, sheet.contract.key.name, "a\0b")


def _decimal_comma(sheet: Sheet) -> int:
    wrong = "," if sheet.source.decimal == "." else "."
    return _replace_in_line(sheet, 0, _number(sheet.contract), f"0{wrong}5")


# ------------------------------------------------------------------------------------------- its cells


def _missing_column(sheet: Sheet) -> int:
    at = sheet.place(sheet.contract.columns[0].name)
    for cells in [sheet.header, *sheet.rows]:
        del cells[at]
    sheet.save()
    return 1


def _extra_column(sheet: Sheet) -> int:
    sheet.header.append("nobody_knows")
    for cells in sheet.rows:
        cells.append("1")
    sheet.save()
    return 1


def _column_twice(sheet: Sheet) -> int:
    sheet.header.append(sheet.contract.columns[0].name)
    for cells in sheet.rows:
        cells.append(cells[sheet.place(sheet.contract.columns[0].name)])
    sheet.save()
    return 1


def _put(sheet: Sheet, row: int, name: str, text: str) -> int:
    sheet.rows[row][sheet.place(name)] = text
    sheet.save()
    return sheet.line(row)


def _duplicate_keys(sheet: Sheet) -> int:
    key = sheet.contract.key.name
    return _put(sheet, 1, key, sheet.rows[0][sheet.place(key)])


def _empty_key(sheet: Sheet) -> int:
    return _put(sheet, 1, sheet.contract.key.name, "")


def _text_in_number(sheet: Sheet) -> int:
    name = next(column.name for column in sheet.contract.columns if not isinstance(column, Category))
    return _put(sheet, 1, name, "many")


def _out_of_range(sheet: Sheet) -> int:
    name, text = _bounded(sheet.contract)[0]
    return _put(sheet, 1, name, text)


def _few_rows(sheet: Sheet) -> None:
    for other in sheets(sheet.contract, sheet.folder):
        other.rows = other.rows[:3]
        other.save()


def _number(contract: Contract) -> str:
    """The name of the contract's first Number; empty when it has none."""
    return next((column.name for column in contract.columns if isinstance(column, Number)), "")


def _bounded(contract: Contract) -> list[tuple[str, str]]:
    """Columns with a maximum, each with a text of a value above it."""
    found: list[tuple[str, str]] = []
    for column in contract.columns:
        match column:
            case Number(maximum=float(most)) | Integer(maximum=int(most)):
                found.append((column.name, str(int(most) + 1)))
            case Timestamp(maximum=most) if most is not None:
                found.append((column.name, most.replace(year=most.year + 1).isoformat()))
            case _:
                pass
    return found


# ------------------------------------------------------------------------------------------- their labels


def _labels(sheet: Sheet) -> list[str]:
    if sheet.source.target is not None:
        return [str(sheet.source.target)] * len(sheet.rows)
    return [row[sheet.place(sheet.contract.target.name)] for row in sheet.rows]


def _leave(contract: Contract, count: int, folder: Path) -> Spoiled:
    """Leave `count` rows of every label but the most frequent one; the file spoiled is the last that lost rows."""
    found = sheets(contract, folder)
    common = Counter(label for sheet in found for label in _labels(sheet)).most_common(1)[0][0]
    seen: Counter[str] = Counter()
    spoiled = found[0].path
    for sheet in found:
        before = len(sheet.rows)
        kept: list[list[str]] = []
        for row, label in zip(sheet.rows, _labels(sheet), strict=True):
            seen[label] += 1
            if label == common or seen[label] <= count:
                kept.append(row)
        if len(kept) < before:
            sheet.rows, spoiled = kept, sheet.path
            sheet.save()
    return Spoiled(spoiled)


def _contradict(contract: Contract, folder: Path) -> Spoiled:
    """A row a second time, under a new key, with another label: in its own column, or by standing in another file."""
    found = sheets(contract, folder)
    first = found[0]
    last = next(sheet for sheet in found if sheet.source.target is None or sheet.source.target != first.source.target)
    row: dict[str, Any] = dict(zip(first.header, first.rows[0], strict=True))
    label = _labels(first)[0]
    if last.source.target is None:
        row[contract.target.name] = next(str(other) for other in contract.target.classes if str(other) != label)
    row[contract.key.name] = "contradiction"
    last.rows.append([row.get(name, "1") for name in last.header])
    last.save()
    return Spoiled(last.path, last.line(len(last.rows) - 1))
