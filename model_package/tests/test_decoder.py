"""The generated decoder accepts what `parse` accepts, reads the same numbers, and never accepts what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_contract import ODD
from test_agreement import MANY, values_near

from model import Contract, Key, Timestamp
from model.contracts import find, shipped
from model.derived import encoding, request
from model.derived.decoder import Decoder
from model.errors import RowsRefused
from model.testing import good_rows, odd_contracts

# The odd contract's every kind of column, with a key's name that JSON writes without an escape.
PLAIN_ODD = replace(ODD, name="plain", key=Key("the key", example="a/b c"))
ALL = [*(find(name).contract for name in shipped()), *odd_contracts().values(), PLAIN_ODD]


@pytest.fixture(params=ALL, ids=lambda contract: contract.name)
def contract(request: pytest.FixtureRequest) -> Contract:
    """Every contract that there is, but the one whose names need escapes."""
    return request.param


def fed(contract: Contract, parsed: request.Rows) -> list[list[float]]:
    return encoding.encode(contract, parsed.columns).tolist()


@pytest.mark.unmeasured
@MANY
@given(data=st.data())
def test_the_decoder_accepts_what_the_request_accepts_and_reads_the_same_numbers(
    contract: Contract, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, 3))
    rows = good_rows(contract, count, data.draw(st.integers(0, 1000)))
    columns = {column.name: list(map(request.json_value, rows[column.name])) for column in contract.columns}
    changed = data.draw(st.lists(st.sampled_from(contract.columns), max_size=1))
    for column in changed:
        columns[column.name][-1] = request.json_value(data.draw(values_near(column)))
    keyed = {contract.key.name: data.draw(st.lists(st.text(max_size=3) | st.integers(), min_size=1, max_size=3))}
    body = json.dumps({"data": columns | (keyed if data.draw(st.booleans()) else {})}).encode()
    decoder = Decoder(contract)
    many, one = decoder.many(body), decoder.one(body)
    try:
        wanted = fed(contract, request.parse(request.request_model(contract), body))
    except RowsRefused:
        assert (many, one) == (None, None)
        return
    if b'\\"' in body:  # then counting quotes proves nothing, and `parse` decides
        return
    assert many is not None
    np.testing.assert_array_equal(np.array(many, dtype=np.float64).T, wanted)
    assert (one is None) == (count > 1)
    if one is not None:
        np.testing.assert_array_equal(np.array([one], dtype=np.float64), wanted)


def odd_bodies(contract: Contract) -> dict[str, bytes]:
    """Bodies of which each breaks the request's form in one way."""
    data = request.example_request(contract)["data"]
    name, values = next(iter(data.items()))
    good = json.dumps({"data": data})
    twice = good.replace('{"data": {', f'{{"data": {{{json.dumps(name)}: {json.dumps(values)}, ')
    return {
        "a column twice": twice.encode(),
        "a column twice, once escaped": twice.replace(f'"{name}"', f'"\\u{ord(name[0]):04x}{name[1:]}"', 1).encode(),
        "data twice": f'{{"data": {json.dumps(data)}, {good[1:]}'.encode(),
        "a column missing": json.dumps({"data": {key: data[key] for key in data if key != name}}).encode(),
        "an unknown column": json.dumps({"data": data | {"unknown": [1]}}).encode(),
        "an unknown field": json.dumps({"data": data, "more": 1}).encode(),
        "unequal lengths": json.dumps({"data": data | {name: values * 2}}).encode(),
        "no rows": json.dumps({"data": {key: [] for key in data}}).encode(),
        "too many rows": json.dumps({"data": {key: data[key] * (request.MOST_ROWS + 1) for key in data}}).encode(),
        "a scalar": json.dumps({"data": data | {name: values[0]}}).encode(),
        "a byte-order mark": b"\xef\xbb\xbf" + good.encode(),
        "text behind it": good.encode() + b"x",
        "cut off": good.encode()[:-1],
        "UTF-16": good.encode("utf-16"),
        "a key too long": json.dumps({"data": data | {contract.key.name: ["x" * 201]}}).encode(),
        "an empty key": json.dumps({"data": data | {contract.key.name: [""]}}).encode(),
        "a key that is no text": json.dumps({"data": data | {contract.key.name: [1.5]}}).encode(),
        "no keys": json.dumps({"data": data | {contract.key.name: []}}).encode(),
        "a key too many": json.dumps({"data": data | {contract.key.name: ["a", "b"]}}).encode(),
    }


def test_the_decoder_and_the_request_refuse_the_same_odd_bodies(contract: Contract) -> None:
    decoder, model = Decoder(contract), request.request_model(contract)
    for name, body in odd_bodies(contract).items():
        assert (name, decoder.one(body), decoder.many(body)) == (name, None, None)
        with pytest.raises(RowsRefused):
            request.parse(model, body)


def test_the_decoder_takes_bodies_however_they_are_laid_out(contract: Contract) -> None:
    data = request.example_request(contract)["data"]
    decoder = Decoder(contract)
    plain = decoder.one(json.dumps({"data": data}).encode())
    assert plain is not None
    keyed = data | {contract.key.name: [7]}
    layouts = [
        json.dumps({"data": dict(reversed(data.items()))}),
        json.dumps({"data": data}, indent=4),
        json.dumps({"data": data}, separators=(",", ":")),
        json.dumps({"data": keyed}),
        json.dumps({"data": data | {contract.key.name: ["a"]}}),
    ]
    for body in layouts:
        np.testing.assert_equal(decoder.one(body.encode()), plain)


def test_the_decoder_leaves_unusual_bodies_to_the_request(contract: Contract) -> None:
    data = request.example_request(contract)["data"]
    for keys in (None, ['a"b']):
        body = json.dumps({"data": data | {contract.key.name: keys}}).encode()
        assert Decoder(contract).one(body) is None
        assert request.parse(request.request_model(contract), body).count == 1


def test_a_contract_whose_names_need_escapes_is_decoded_by_the_request_alone() -> None:
    body = json.dumps(request.example_request(ODD)).encode()
    decoder = Decoder(ODD)
    assert (decoder.one(body), decoder.many(body)) == (None, None)
    assert request.parse(request.request_model(ODD), body).count == 1


def test_the_decoder_names_the_first_thing_that_is_wrong(contract: Contract) -> None:
    decoder = Decoder(contract)
    data = request.example_request(contract)["data"]
    assert decoder.many(json.dumps({"data": data}).encode(), tell=True) is not None
    name = next(column.name for column in contract.columns if not isinstance(column, Timestamp))
    for wrong, where in (({"data": data | {name: [[]] * 9}}, f"data.{name}[0]"), ({}, "body"), ({"data": {}}, "data")):
        assert refused_at(lambda body: decoder.many(body, tell=True), json.dumps(wrong).encode()) == [where]
    for broken in (b"", b"[" * 100_000, b'{"data": \xff}'):
        assert refused_at(lambda body: decoder.many(body, tell=True), broken) == ["body"]


@pytest.mark.parametrize("data", [{"no such name": [1]}, {"no such name": 1}])
def test_a_name_that_no_column_has_is_named_in_columns_and_in_a_row(contract: Contract, data: object) -> None:
    body = json.dumps({"data": data}).encode()
    assert refused_at(Decoder(contract).refuse_at_sight, body) == ["data.no such name"]


def test_a_name_that_no_column_has_is_named_in_records_and_beside_data(contract: Contract) -> None:
    refuse = Decoder(contract).refuse_at_sight
    assert refused_at(refuse, b'{"data": [{}, {"no such name": 1}]}') == ["data[1].no such name"]
    assert refused_at(refuse, b'{"data": {}, "no such name": 1}') == ["no such name"]


def test_the_contracts_own_names_are_no_strangers_in_any_form_whatever_stands_behind_them(contract: Contract) -> None:
    data = request.example_request(contract)["data"] | {contract.key.name: None}
    row = {name: {"anything": []} for name in data}
    for form in (data, row, [row, {}], [], {}):
        Decoder(contract).refuse_at_sight(json.dumps({"data": form}).encode())


@pytest.mark.parametrize("key", [1, "k"])
def test_a_column_of_too_many_values_is_named_before_one_is_read(contract: Contract, key: int | str) -> None:
    decoder = Decoder(contract)
    data = request.example_request(contract)["data"] | {contract.key.name: [key] * (request.MOST_ROWS + 1)}
    assert refused_at(decoder.refuse_at_sight, json.dumps({"data": data}).encode()) == [f"data.{contract.key.name}"]
    data[contract.key.name].pop()
    decoder.refuse_at_sight(json.dumps({"data": data}).encode())


def test_commas_and_quotes_within_texts_are_no_values(contract: Contract) -> None:
    data = request.example_request(contract)["data"] | {contract.key.name: [',,,"'] * request.MOST_ROWS}
    Decoder(contract).refuse_at_sight(json.dumps({"data": data}).encode())


def test_a_stranger_at_the_end_is_found_and_told_in_bounded_words(contract: Contract) -> None:
    body = json.dumps({"data": request.example_request(contract)["data"] | {"x" * 100_000: 1}}).encode()
    (where,) = refused_at(Decoder(contract).refuse_at_sight, body)
    assert where.startswith("data.xxx")
    assert len(where) < 1000


def test_what_the_decoder_cannot_read_at_all_it_does_not_refuse() -> None:
    assert Decoder(ODD).many(b"{}", tell=True) is None
    for decoder in (Decoder(ODD), Decoder(PLAIN_ODD)):
        decoder.refuse_at_sight(b"no JSON")


def refused_at(read: Callable[[bytes], object], body: bytes) -> list[str]:
    with pytest.raises(RowsRefused) as refused:
        read(body)
    return [failure.where for failure in refused.value.failures]
