"""Predictions are stored once, in SQLite and in PostgreSQL alike, with every input as it was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from model import Contract, Number
from model.contracts import find
from model.derived.tables import input_name, predictions
from model.errors import StoreError
from model.store import Store
from model.testing import good_rows


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/some/folder/predictions.db"
    return str(request.getfixturevalue("postgres_url"))


def records(contract: Contract, count: int, seed: int = 0, version: str = "v1") -> list[dict[str, Any]]:
    rows = good_rows(contract, count, seed)
    own = {"created_at": datetime.now(UTC), "origin": "test", "version": version, "contract_fingerprint": "0" * 64}
    return [
        {
            "prediction_id": f"{version}-{seed}-{place}",
            "key": rows[contract.key.name][place],
            "label": rows[contract.target.name][place],
            "score": 0.25,
            **own,
            **{input_name(column): rows[column.name][place] for column in contract.columns},
        }
        for place in range(count)
    ]


@pytest.mark.services
def test_what_is_written_is_read_back_and_writing_again_adds_nothing(contract: Contract, url: str) -> None:
    said = records(contract, 1203)
    with Store(url, contract) as store:
        already = store.count()
        assert store.add(iter(said)) == 1203
        assert store.add(said) == 0
        assert store.add(records(contract, 1204)) == 1
        assert store.count() == already + 1204
        assert store.count(version="v1", origin="test") == 1204
    engine = sa.create_engine(url)
    table = predictions(contract, sa.MetaData())
    with engine.connect() as connection:
        row = connection.execute(sa.select(table).where(table.c.prediction_id == "v1-0-7")).mappings().one()
    engine.dispose()
    for column in contract.columns:
        value = said[7][input_name(column)]
        stored = row[input_name(column)]
        if isinstance(stored, datetime) and stored.tzinfo is None:
            stored = stored.replace(tzinfo=UTC)
        assert stored == value
    assert row["label"] == said[7]["label"]


@pytest.mark.services
def test_a_contract_that_grew_keeps_its_old_rows(url: str) -> None:
    def grown(*more: Number) -> Contract:
        tracks = find("reggaeton").contract
        return Contract("grown", tracks.key, tracks.target, tracks.sources, (*tracks.columns, *more))

    small, large = grown(), grown(Number('new "one"', 0, 1))
    with Store(url, small) as store:
        store.add(records(small, 3))
    with Store(url, large) as store:
        assert store.add(records(large, 2, seed=1)) == 2
        assert store.count() == 5


def test_a_database_that_does_not_answer_is_a_store_error_worth_retrying(tmp_path: Path) -> None:
    tracks = find("reggaeton").contract
    with pytest.raises(StoreError, match="did not answer") as caught, Store(f"sqlite:///{tmp_path}", tracks):
        pass
    assert caught.value.retryable
    with pytest.raises(StoreError, match="MODEL_DATABASE_URL"):
        Store("no url", tracks)
    (tmp_path / "file").write_text("")
    for url in ("postgresql+nodriver://a/b", f"sqlite:///{tmp_path}/file/folder/a.db"):
        with pytest.raises(StoreError, match="did not answer"):
            Store(url, tracks)
    with Store(f"sqlite:///{tmp_path}/a.db", tracks) as store:
        store._table.drop(store._engine)
        with pytest.raises(StoreError):
            store.count()
        with pytest.raises(StoreError):
            store.add(records(tracks, 1))


def test_a_password_never_stands_in_a_message() -> None:
    tracks = find("reggaeton").contract
    url = "postgresql+psycopg://me:opensesame@127.0.0.1:1/none?connect_timeout=2"
    with pytest.raises(StoreError) as caught, Store(url, tracks):
        pass
    assert "opensesame" not in str(caught.value)
