"""A person's asking for a training: one small file beside the bundles, which the next `decide` honours.

    artifacts/<contract name>/retraining.json    the latest asking: who, when, why, and whether it is urgent

It is never taken away: it is open until a training has been decided on or made after it. So no step that dies between
reading and deciding can lose it, and none can honour it twice.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from model.asking import MOST_WHY, Asking
from model.bundle import replace_file
from model.errors import bounded

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

MOST_BYTES = 8_192


_ADAPTER = TypeAdapter(Asking)


def ask(path: Path, *, who: str, why: str, urgent: bool = False) -> Asking:
    """Keep an asking, in place of an earlier one. Raises OSError when the file cannot be written."""
    asking = Asking(datetime.now(UTC), bounded(who), bounded(why, MOST_WHY), urgent)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, _ADAPTER.dump_json(asking))
    return asking


def asked(path: Path) -> Asking | None:
    """The latest asking; None when there is none, or the file is not one that `ask` writes."""
    try:
        with path.open("rb") as file:
            return _ADAPTER.validate_json(file.read(MOST_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        log.warning("what was asked of training cannot be read", extra={"file": path.name})
        return None
