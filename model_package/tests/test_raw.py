"""A raw file is read as text exactly as it was written, or refused with file and line."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.contract import Category, Contract, Key, Label, Number, Source, Target
from model.errors import ContractError, Failure
from model.lines import BLOCK_BYTES, MOST_LINE_CHARACTERS
from model.raw import RawTable, batch_source, read, read_batch, read_folder
from model.records import Flawed, cells
from model.testing.exhaustive import times

SOURCE = Source("t.csv")
CONTRACT = Contract(
    name="tiny",
    key=Key("id"),
    target=Target("y", labels=(Label(0, "no"), Label(1, "yes"))),
    sources=(SOURCE,),
    columns=(Number("a"), Category("b", ("x", "y"))),
)


def table(folder: Path, data: bytes | str, source: Source = SOURCE) -> RawTable:
    path = folder / "t.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read(CONTRACT, source, path)


def only(read_: RawTable) -> Failure:
    assert len(read_.failures) == 1, read_.failures
    assert read_.failures[0].where == "t.csv"
    return read_.failures[0]


def test_a_table_has_a_header_columns_of_text_and_physical_line_numbers(tmp_path: Path) -> None:
    found = table(tmp_path, 'id,a,b,y\n1, 2 ,x,NA\n"2",,"say ""hi"", twice",\n')
    assert found.header == ("id", "a", "b", "y")
    assert [found.cells(name) for name in found.header] == [
        ["1", "2"],
        [" 2 ", ""],
        ["x", 'say "hi", twice'],
        ["NA", ""],
    ]
    assert found.lines.tolist() == [2, 3]
    assert not found.failures


def test_a_last_line_needs_no_line_end(tmp_path: Path) -> None:
    assert table(tmp_path, "id,a,b,y\n1,2,x,0").cells("y") == ["0"]


def test_columns_are_renamed_as_the_source_says(tmp_path: Path) -> None:
    assert table(tmp_path, "id,Größe\n1,2\n", replace(SOURCE, rename={"Größe": "a"})).header == ("id", "a")


def test_without_a_header_the_source_gives_the_names(tmp_path: Path) -> None:
    source = replace(SOURCE, header=False, names=("id", "a"))
    found = table(tmp_path, "1,2\n3,4\n", source)
    assert (found.header, found.cells("a"), found.lines.tolist()) == (("id", "a"), ["2", "4"], [1, 2])
    assert "declare header=True" in only(table(tmp_path, "id,a\n1,2\n", source)).message


def test_line_numbers_stay_true_behind_cells_of_several_lines(tmp_path: Path) -> None:
    found = table(tmp_path, 'id,a\n"one\n\nfield",1\n2,"\n"\n3,3\n', replace(SOURCE, multiline=True))
    assert found.cells("id") == ["one\n\nfield", "2", "3"]
    assert found.lines.tolist() == [2, 5, 7]


@pytest.mark.parametrize(
    ("data", "check", "line", "says"),
    [
        (b"", "empty file", None, "the file is empty"),
        (b"id,a,b,y\n", "no rows", None, "a header and no rows"),
        (b"id,a,b,y", "no rows", None, "a header and no rows"),
        (b"\n1,2,x,0\n", "header", 1, "the first line is blank"),
        (b"5,2,x,0\n6,2,x,0\n", "header", 1, "names none of the contract's columns"),
        (b"id,a,a,y\n5,2,x,0\n", "header", 1, "'a' stands there twice"),
        (b"id;a;b;y\n5;2;x;0\n", "separator", 1, "declare separator=';'"),
        (b"id\ta\tb\ty\n5\t2\tx\t0\n", "separator", 1, r"declare separator='\t'"),
        (b"id,a,b,y\n5,0,826,x,0\n", "field count", 2, "5 fields where the header has 4 (a decimal comma"),
        (b"id,a,b,y\n5,2,x,0\n6,2\n", "field count", 3, "2 fields where the header has 4"),
        (b"id,a,b,y\n5,2,x,0\n\n6,2,x,0\n", "blank line", 3, "blank"),
        (b"\xef\xbb\xbfid,a,b,y\n5,2,x,0\n", "byte-order mark", 1, 'encoding="utf-8-sig"'),
        ("id,a,b,y\n5,2,x,0\n".encode("utf-16"), "encoding", 1, 'encoding="utf-16"'),
        (b"id,a,b,y\n5,2,x,0\n6,2,caf\xe9,0\n", "encoding", 3, 'encoding="latin-1"'),
        (b"id,a,b,y\n5,2,x,0\n6,2,caf\xc3", "encoding", 3, "is not utf-8 (bytes c3)"),
        (b"id,a,b,y\n5,2,x,0\n6,2,\0x,0\n", "NUL byte", 3, "NUL byte"),
        (b"id,a,b,y\r\n5,2,x,0\r\n6,2,x,0\r\n", "line ending", 1, 'declare newline="crlf"'),
        (b"id,a,b,y\n5,2,x,0\r\n6,2,x,0\n", "line ending", 2, 'declare newline="crlf"'),
        (b"id,a,b,y\r5,2,x,0\r6,2,x,0\r", "line ending", 1, "carriage return"),
        (b'id,a,b,y\n5,2,"x"y,0\n', "text after quote", 2, "after a closing quote"),
        (b'id,a,b,y\n5,2,x"y,0\n', "stray quote", 2, "inside an unquoted field"),
        (b'id,a,b,y\n5,2,x,"0\n', "open quote", 2, "declare multiline=True"),
    ],
)
def test_a_broken_rule_is_named_with_its_line(
    tmp_path: Path, data: bytes, check: str, line: int | None, says: str
) -> None:
    failures = [failure for failure in table(tmp_path, data).failures if failure.check == check]
    assert len(failures) == 1
    assert says in failures[0].message
    assert failures[0].lines[:1] == (() if line is None else (line,))


def test_a_quoted_line_break_is_refused_unless_declared(tmp_path: Path) -> None:
    data = 'id,a\n1,"2\n3"\n'
    assert table(tmp_path, data).failures[0].lines == (2,)
    assert "multiline=True" in str(table(tmp_path, data).failures[0])
    assert table(tmp_path, data, replace(SOURCE, multiline=True)).cells("a") == ["2\n3"]


@pytest.mark.unmeasured
def test_a_quote_that_is_never_closed_is_named_where_it_opens(tmp_path: Path) -> None:
    source = replace(SOURCE, multiline=True)
    assert only(table(tmp_path, 'id,a\n1,2\n2,"3\n3,4\n', source)).lines == (3,)
    endless = 'id,a\n1,2\n2,"3\n' + "3,4\n" * MOST_LINE_CHARACTERS
    assert table(tmp_path, endless, source).failures[0].lines == (3,)


def test_declared_line_ends_are_demanded(tmp_path: Path) -> None:
    crlf, anything = replace(SOURCE, newline="crlf"), replace(SOURCE, newline="any")
    assert table(tmp_path, "id,a\r\n1,2\r\n", crlf).cells("a") == ["2"]
    assert only(table(tmp_path, "id,a\r\n1,2\n3,4\r\n", crlf)).lines == (2,)
    assert table(tmp_path, "id,a\r\n1,2\n3,4\r\n", anything).cells("a") == ["2", "4"]


@pytest.mark.unmeasured
def test_many_failures_are_counted_and_five_lines_kept(tmp_path: Path) -> None:
    failure = only(table(tmp_path, "id,a\n" + "1,2,3\n" * 200_000))
    assert (failure.count, failure.lines) == (200_000, (2, 3, 4, 5, 6))
    assert len(str(failure)) < 500


def test_a_bad_line_does_not_hide_the_good_ones(tmp_path: Path) -> None:
    found = table(tmp_path, "id,a\n1,2\n3\n4,5\n")
    assert (found.cells("id"), found.lines.tolist()) == (["1", "4"], [2, 4])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_every_encoding_of_the_contract_is_read(tmp_path: Path, encoding: str) -> None:
    rows = "".join(f"{number},é\n" for number in range(BLOCK_BYTES // 4))
    source = Source("t.csv", encoding=encoding)  # type: ignore[arg-type]  # the parameters are the literals
    found = table(tmp_path, f"id,b\n{rows}".encode(encoding), source)
    assert set(found.cells("b")) == {"é"}
    assert found.cells("id")[-1] == str(BLOCK_BYTES // 4 - 1)
    assert not found.failures


def test_utf_16_needs_its_byte_order_mark_and_whole_characters(tmp_path: Path) -> None:
    source = replace(SOURCE, encoding="utf-16")
    assert only(table(tmp_path, "id,a\n1,2\n", source)).check == "encoding"
    assert only(table(tmp_path, "id,a\n1,2\n3,4".encode("utf-16")[:-1], source)).lines == (3,)


def test_an_undecodable_byte_far_down_is_named_by_its_line(tmp_path: Path) -> None:
    good = b"1,2\n" * 700_000
    assert only(table(tmp_path, b"id,a\n" + good + b"\xff,1\n")).lines == (700_002,)


def test_a_directory_and_a_missing_file_are_failures(tmp_path: Path) -> None:
    assert "no such file" in read_folder(CONTRACT, tmp_path)[0].failures[0].message
    assert "no such file" in read(CONTRACT, SOURCE, tmp_path / "t.csv").failures[0].message
    (tmp_path / "t.csv").mkdir()
    assert "is a directory" in read_folder(CONTRACT, tmp_path)[0].failures[0].message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,a\n1,2\n")
    (tmp_path / "t.csv").chmod(0)
    assert "cannot be read" in only(read(CONTRACT, SOURCE, tmp_path / "t.csv")).message


def test_a_pattern_reads_its_files_by_name(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text("id,a\n1,2\n")
    assert [found.file for found in read_batch(CONTRACT, tmp_path, "*.csv")] == ["a.csv", "b.csv"]


def test_a_batch_has_no_label_and_may_hold_what_any_source_ignores() -> None:
    contract = replace(CONTRACT, sources=(Source("p", target=1, ignore=("n",)), Source("q", target=0, ignore=("m",))))
    source = batch_source(contract, "*.csv")
    assert (source.target, source.file, source.ignore) == (None, "*.csv", ("m", "n", "y"))


LONG_LINE = """
import resource, sys
from pathlib import Path
from model.contract import Category, Contract, Key, Label, Source, Target
from model.records import Flawed, cells
from model.raw import read

path = Path(sys.argv[1])
source = Source("t.csv")
contract = Contract("t", Key("id"), Target("y", (Label(0, "no"), Label(1, "yes"))), (source,), (Category("b", (0, 1)),))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = read(contract, source, path)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) // 1024, len(found), [(failure.check, failure.lines) for failure in found.failures])
"""


def test_a_line_of_100_megabytes_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.write(b"id,b,y\n1,0,0\n")
        for _ in range(100):
            file.write(b"1" * 1_000_000)
        file.write(b"\n3,0,0\n")
    command = [sys.executable, "-c", LONG_LINE, str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    megabytes, _, rest = output.partition(" ")
    assert rest.strip() == "2 [('line length', (3,))]"
    assert int(megabytes) < 50


@pytest.mark.parametrize("over", [0, 1])
def test_the_longest_line_is_a_mebi_of_characters(tmp_path: Path, over: int) -> None:
    line = "1," + "x" * (MOST_LINE_CHARACTERS - 2 + over)
    found = table(tmp_path, f"id,b\n{line}\n2,y\n")
    assert [failure.lines for failure in found.failures] == ([(2,)] if over else [])
    assert found.lines.tolist() == ([3] if over else [2, 3])


CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8)


@pytest.mark.unmeasured
@settings(max_examples=times(80, at_most=300), deadline=None)
@given(
    rows=ROWS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    separator=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["lf", "crlf"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_the_csv_writer_writes_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, ...]],
    encoding: str,
    separator: str,
    newline: str,
    quoting: Literal[0, 1],
) -> None:
    ending = {"lf": "\n", "crlf": "\r\n"}[newline]
    if newline == "lf" and quoting == csv.QUOTE_MINIMAL:
        # Python 3.11 writes a lone carriage return without quotes, which nobody could tell from a line end.
        rows = [tuple(cell.replace("\r", "") for cell in row) for row in rows]
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, lineterminator=ending, quoting=quoting)
    writer.writerows([("id", "a", "b"), *rows])
    dialect: dict[str, Any] = {"encoding": encoding, "separator": separator, "newline": newline, "multiline": True}
    source = Source("t.csv", decimal="." if separator == "," else ",", **dialect)
    found = table(tmp_path_factory.mktemp("raw"), stream.getvalue().encode(encoding), source)
    assert not found.failures
    assert list(zip(*(found.cells(name) for name in found.header), strict=True)) == rows


@pytest.mark.unmeasured
def test_records_are_split_as_the_csv_module_splits_them() -> None:
    for length in range(1, 8):
        for text in map("".join, product('a",', repeat=length)):
            try:
                found = cells(text, ",")
            except Flawed:
                continue
            assert [found] == list(csv.reader([text], strict=True)), text


def test_a_batch_pattern_stays_in_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="inside"):
        read_batch(CONTRACT, tmp_path, "../*.csv")


@pytest.mark.unmeasured
@settings(max_examples=times(60, at_most=200), deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["utf-8", "latin-1", "utf-16"]), st.booleans())
def test_no_bytes_whatever_raise(
    tmp_path_factory: pytest.TempPathFactory,
    data: bytes,
    encoding: str,
    multiline: bool,  # noqa: FBT001 - drawn
) -> None:
    source = Source("t.csv", encoding=encoding, multiline=multiline)  # type: ignore[arg-type]  # the literals
    found = table(tmp_path_factory.mktemp("raw"), b"id,a\n" + data, source)
    assert len(found.lines) == (len(found.columns[0]) if found.columns else 0)
    assert found.failures or len(found)
