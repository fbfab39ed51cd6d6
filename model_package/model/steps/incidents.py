"""What is wrong now, against what was known to be wrong: which incidents begin, and which are over."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from model.incident import Incident, Kind

Evidence = Mapping[Kind, tuple[str, ...] | None]


def begun(known: Iterable[Incident], version: str, found: Evidence, now: datetime) -> list[Incident]:
    """Those that nobody has noticed yet. known: those that are not over. found: sentences by kind, of `version`."""
    lasting = {one.kind for one in known if one.version == version}
    return [
        Incident(secrets.token_hex(16), version, kind, now, " ".join(why))
        for kind, why in found.items()
        if why and kind not in lasting
    ]


def ended(known: Iterable[Incident], version: str, found: Evidence, now: datetime) -> list[Incident]:
    """Those of the known ones that are over: nothing of the kind is found any more, or another version serves.

    What nobody can say (None) ends nothing.
    """
    over: list[Incident] = []
    for one in known:
        if one.version != version:
            over.append(replace(one, ended_at=now, ended_why=f"Version {version} serves now."))
        elif found[one.kind] == ():
            over.append(replace(one, ended_at=now, ended_why="The latest window does not show it any more."))
    return over
