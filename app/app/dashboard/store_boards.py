"""Boards from the store, by `model.boards`: for a service that is given the store's address and has SQLAlchemy.

Both are loaded at the first page that somebody reads: a service that only predicts never loads them.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.dashboard.registry_boards import RegistryBoards
from model.errors import StoreError, bounded

if TYPE_CHECKING:
    from datetime import timedelta

    from pydantic import SecretStr

    from app.dashboard.reading import BoardReader
    from app.predictor import Predictor
    from model.board import Board
    from model.boards import Boards
    from model.registry import Registry

log = logging.getLogger(__name__)


def boards_of(registry: Registry, predictor: Predictor, url: SecretStr) -> BoardReader:
    """Who reads boards: the store too where its address is known, else the registry alone."""
    plain = RegistryBoards(registry, predictor)
    return StoreBoards(registry, predictor, url, plain) if url.get_secret_value() else plain


class StoreBoards:
    """Reads boards. See `app.dashboard.reading.BoardReader`."""

    def __init__(self, registry: Registry, predictor: Predictor, url: SecretStr, plain: RegistryBoards) -> None:
        """url: of the store. plain: reads what can be read without it. Nothing is opened yet."""
        self._registry = registry
        self._predictor = predictor
        self._url = url
        self._plain = plain
        self._made: tuple[str, Boards] | None = None

    def __call__(self, span: timedelta) -> Board:
        """Raises BundleNotFound while nothing is served."""
        try:
            return self._boards().read(datetime.now(UTC) - span)
        except (ImportError, StoreError) as error:
            log.warning("the store cannot be read for the dashboard", extra={"reason": bounded(type(error).__name__)})
            return self._plain(span)

    def _boards(self) -> Boards:
        """Those of the contract that is served: another one has other tables."""
        contract = self._predictor.serving().contract
        if self._made is None or self._made[0] != contract.fingerprint:
            from model.boards import Boards  # noqa: PLC0415 - it costs SQLAlchemy, which not every service has

            self._made = contract.fingerprint, Boards(self._url.get_secret_value(), contract, self._registry)
        return self._made[1]
