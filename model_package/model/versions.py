"""The bundles of a contract as a page shows them. A bundle never changes: each is read once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from model.board import Change, VersionOfModel
from model.bundle import reading
from model.errors import BundleDamaged, BundleError
from model.steps.reference import Reference
from model.stored import in_utc

if TYPE_CHECKING:
    from model.registry import Registry

MOST_VERSIONS: Final = 50
MOST_DAMAGED: Final = 3  # that are named
MOST_REMEMBERED: Final = 500


def versions(registry: Registry, champion: str | None) -> tuple[list[VersionOfModel], list[str]]:
    """The latest MOST_VERSIONS bundles and the champion, the latest first; and sentences about those that are damaged.

    Keep the registry: what was read is remembered with it.
    """
    every = registry.versions()[::-1]
    found: list[VersionOfModel] = []
    damaged: list[str] = []
    for version in every[:MOST_VERSIONS] + [one for one in every[MOST_VERSIONS:] if one == champion]:
        try:
            read = _version(registry, version)
        except (BundleError, OSError, ValueError, KeyError) as error:
            damaged.append(f"Version {version} cannot be shown: {error}.")
        else:
            found.append(replace(read, is_champion=version == champion))
    return found, damaged[:MOST_DAMAGED]


@lru_cache(maxsize=MOST_REMEMBERED)
def _version(registry: Registry, version: str) -> VersionOfModel:
    manifest = registry.manifest(version)
    metrics = json.loads(_file(registry, version, "metrics.json"))
    held_out = metrics["holdout"].items()
    return VersionOfModel(
        version=version,
        made_at=in_utc(manifest.created_at),
        estimator=metrics.get("estimator", ""),  # bundles of before it was noted do not know
        served_by=manifest.facts.served_by,
        metrics={name: (one["value"], one["low"], one["high"]) for name, one in held_out},
        is_champion=False,
        card=_file(registry, version, "card.md").decode(),
    )


@lru_cache(maxsize=4)
def reference(registry: Registry, version: str) -> Reference:
    """What a bundle remembers of its training. Raises BundleError, OSError."""
    return Reference.from_json(_file(registry, version, "reference.json"))


def _file(registry: Registry, version: str, name: str) -> bytes:
    """The bytes of a bundle's file, which are those that its manifest speaks of."""
    data = reading.read(registry.root / version, name)
    if hashlib.sha256(data).hexdigest() != registry.manifest(version).files.get(name):
        raise BundleDamaged(f"bundle {version}: {name} is not as it was written")
    return data


def changes(registry: Registry, since: datetime) -> list[Change]:
    """The promotions and rollbacks that took effect since then, the latest first."""
    made = [_change(entry) for entry in registry.changes()]
    return [change for change in reversed(made) if change.at >= since]


def _change(entry: dict[str, Any]) -> Change:
    return Change(
        at=in_utc(datetime.fromisoformat(entry["when"])),
        event=entry["event"],
        version=entry["version"],
        before=entry["before"],
        who=entry.get("who", ""),
        why=entry.get("why", ""),
    )
