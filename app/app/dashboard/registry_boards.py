"""A board of what the registry alone knows: versions and who promoted them. For a service that reaches no store."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from model.board import Board, Change, VersionOfModel
from model.bundle import read_manifest
from model.errors import BundleError, bounded

if TYPE_CHECKING:
    from datetime import timedelta

    from app.predictor import Predictor
    from model.challenger import Shadowing
    from model.registry import Registry

MOST_VERSIONS: Final = 50
MOST_CARD: Final = 20_000
NO_STORE: Final = "This service reads no prediction store: traffic, figures, decisions and predictions are missing."


class RegistryBoards:
    """Reads boards. See `app.dashboard.reading.BoardReader`."""

    def __init__(self, registry: Registry, predictor: Predictor) -> None:
        """predictor: whose contract the board is of."""
        self._registry = registry
        self._predictor = predictor

    def __call__(self, span: timedelta) -> Board:
        """Raises BundleNotFound while nothing is served."""
        contract, now = self._predictor.serving().contract, datetime.now(UTC)
        champion = self._registry.champion_or_none()
        versions = [self._version(one, champion) for one in reversed(self._registry.versions()[-MOST_VERSIONS:])]
        changes = [_change(entry) for entry in reversed(self._registry.history()) if entry["event"] != "interrupted"]
        known = [one for one in versions if one is not None]
        board = Board(contract, now, now - span, champion, versions=known, changes=changes, trouble=(NO_STORE,))
        return replace(board, challenger=self._challenger())

    def _challenger(self) -> Shadowing | None:
        try:
            return self._registry.shadowing()
        except (BundleError, OSError):
            return None

    def _version(self, version: str, champion: str | None) -> VersionOfModel | None:
        folder = self._registry.root / version
        try:
            manifest = read_manifest(folder)
            measured = json.loads((folder / "metrics.json").read_bytes())["holdout"]
            card = (folder / "card.md").read_text()[:MOST_CARD]
        except (BundleError, OSError, ValueError, KeyError):
            return None
        metrics = {name: (one["value"], one["low"], one["high"]) for name, one in measured.items()}
        served_by, estimator = manifest.facts.served_by, ""
        return VersionOfModel(version, manifest.created_at, estimator, served_by, metrics, version == champion, card)


def _change(entry: dict[str, Any]) -> Change:
    at = datetime.fromisoformat(entry["when"])
    before = entry["before"]
    words = (bounded(entry.get(name, ""), 500) for name in ("who", "why"))
    return Change(at, str(entry["event"]), str(entry["version"]), before and str(before), *words)
