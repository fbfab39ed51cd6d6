"""Versions, the champion, and how it came to be: folders, a one-line file, and an append-only audit.

    artifacts/<contract name>/<version>/     bundles (model.bundle)
    artifacts/<contract name>/champion       the version that serves, replaced atomically
    artifacts/<contract name>/challenger     the version that answers beside it, and since when; absent: none does
    artifacts/<contract name>/history.jsonl  a line for each promotion, rollback or change of challenger

The champion file alone decides what serves, the challenger file what answers beside it. A line is written to the audit
first, as an intention: where a process died before the champion changed, the line is followed by one that says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model import bundle
from model.challenger import Challenger, Shadowing, differences, fared, read_challenger
from model.errors import BundleError, BundleNotFound, bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from model.bundle import Bundle
    from model.bundle.manifest import Manifest
    from model.signature import PublicKeys


MOST_NAME_CHARACTERS = 200  # read of the champion file, and of the challenger's
MOST_SAID = 20_000  # bytes of what the challenger's follower says
OF_CHALLENGERS = ("shadow", "shadow off")  # events of the audit


def _now() -> datetime:
    return datetime.now(UTC)


class Registry:
    """The bundles of one contract; with `verify_key`, only those are loaded that one of its keys has signed."""

    def __init__(
        self,
        artifacts_dir: Path,
        contract_name: str,
        *,
        verify_key: PublicKeys | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Nothing is read or made yet. clock: dates the audit."""
        self._verify_key = verify_key
        self._clock = clock
        self.root = artifacts_dir / contract_name
        self.champion_file = self.root / "champion"
        self.challenger_file = self.root / "challenger"
        self.history_file = self.root / "history.jsonl"
        self.monitoring_file = self.root / "monitoring.json"
        self.retraining_file = self.root / "retraining.json"
        self.shadow_file = self.root / "shadow.json"

    def versions(self) -> list[str]:
        """All versions, oldest first (a version begins with its time)."""
        return sorted(path.parent.name for path in self.root.glob("[!.]*/manifest.json"))

    def champion(self) -> str:
        """The version that serves. Raises BundleNotFound when none has been promoted yet."""
        try:
            with self.champion_file.open() as file:
                return file.read(MOST_NAME_CHARACTERS).strip()
        except FileNotFoundError:
            message = f"no champion in {self.root}: train one with DAG 1_training_pipeline or `python -m model train`"
            raise BundleNotFound(message) from None

    def champion_or_none(self) -> str | None:
        """The version that serves, or None."""
        with contextlib.suppress(BundleNotFound):
            return self.champion()
        return None

    def challenger(self) -> Challenger | None:
        """The version that answers beside the champion, or None. Raises BundleError when the file says neither."""
        try:
            with self.challenger_file.open() as file:
                return read_challenger(file.read(MOST_NAME_CHARACTERS))
        except FileNotFoundError:
            return None

    def shadowing(self) -> Shadowing | None:
        """How that version fares, or None when there is none. Raises BundleError as `challenger` does."""
        challenger = self.challenger()
        if challenger is None:
            return None
        try:
            with self.shadow_file.open("rb") as file:
                said = json.loads(file.read(MOST_SAID))
        except (FileNotFoundError, ValueError):
            said = None
        return fared(challenger, said)

    def load(self, version: str) -> Bundle:
        """The bundle of that version, checked."""
        if version != Path(version).name or version.startswith("."):
            raise BundleNotFound(f"no bundle {bounded(version)!r} in {self.root}: `python -m model bundles`")
        return bundle.load(self.root / version, verify_key=self._verify_key)

    def manifest(self, version: str) -> Manifest:
        """What the bundle says of itself; its other files have not been checked. Raises as `load`."""
        return bundle.read_manifest(self.root / version, verify_key=self._verify_key)

    def load_champion(self) -> Bundle:
        """The bundle that serves, checked."""
        return self.load(self.champion())

    def promote(self, version: str, *, who: str = "", why: str = "") -> None:
        """Make `version` the champion, once it has loaded and passed its self-test."""
        self.load(version).close()
        with self._locked():
            if version != self.champion_or_none():
                self._replace_champion("promote", version, who, why)

    def rollback(self, *, who: str = "", why: str = "") -> str:
        """Make the champion before this one the champion again; returns its version."""
        with self._locked():
            version = self._previous()
            self.load(version).close()
            self._replace_champion("rollback", version, who, why)
        return version

    def shadow(self, version: str, *, who: str = "", why: str = "") -> Challenger:
        """Have `version` answer beside the champion from now on; asked again, it goes on as it began.

        Raises as `load`, and BundleError when its features or its target are not the champion's.
        """
        self._check_comparable(version)
        with self._locked():
            before = self._challenger_or_none()
            if before is not None and before.version == version:
                return before
            challenger = Challenger(version, self._clock())
            self._append(self._entry("shadow", version, before.version if before else None, who, why))
            bundle.replace_file(self.challenger_file, challenger.line().encode())
        return challenger

    def shadow_off(self, *, who: str = "", why: str = "") -> str | None:
        """Have no version answer beside the champion; returns which one did."""
        with self._locked():
            before = self._challenger_or_none()
            if before is not None:
                self._append(self._entry("shadow off", before.version, before.version, who, why))
            self.challenger_file.unlink(missing_ok=True)
        return before.version if before else None

    def _challenger_or_none(self) -> Challenger | None:
        """Without complaining of a file that says nothing: it is about to be replaced."""
        with contextlib.suppress(BundleError):
            return self.challenger()
        return None

    def _check_comparable(self, version: str) -> None:
        champion = self.champion()
        with contextlib.closing(self.load(version)) as ours, contextlib.closing(self.load(champion)) as theirs:
            found = differences(ours.contract, theirs.contract)
        if found:
            raise BundleError(
                f"{version} cannot answer beside champion {champion}: {found} differ. "
                "Choose a version that answers the same question: `python -m model bundles`"
            )

    def history(self) -> list[dict[str, Any]]:
        """The audit, oldest first."""
        if not self.history_file.exists():
            return []
        # A process that died while it appended can leave half a line, which no reader may stumble over.
        lines = self.history_file.read_text().splitlines()
        return [entry for entry in map(_read_entry, lines) if entry is not None]

    def changes(self) -> list[dict[str, Any]]:
        """The audit's promotions and rollbacks that took effect, oldest first."""
        return self._completed(self.champion_or_none())

    def _previous(self) -> str:
        champion = self.champion()
        stood = _champions(self._completed(champion))
        if len(stood) < 2:  # noqa: PLR2004 - the one that serves and the one before it
            message = f"no champion before {champion}: choose a version with `python -m model promote VERSION`"
            raise BundleError(message)
        return stood[-2]

    def _completed(self, champion: str | None) -> list[dict[str, Any]]:
        """The audit's entries that took effect."""
        completed: list[dict[str, Any]] = []
        for entry in self._of_champions():
            if entry["event"] == "interrupted":
                completed.pop()
            else:
                completed.append(entry)
        if completed and completed[-1]["version"] != champion:
            completed.pop()
        return completed

    def _of_champions(self) -> list[dict[str, Any]]:
        return [entry for entry in self.history() if entry["event"] not in OF_CHALLENGERS]

    def _replace_champion(self, event: str, version: str, who: str, why: str) -> None:
        before = self.champion_or_none()
        self._note_interruption(before)
        self._append(self._entry(event, version, before, who, why))
        bundle.replace_file(self.champion_file, f"{version}\n".encode())

    def _note_interruption(self, champion: str | None) -> None:
        history = self._of_champions()
        last = history[-1] if history else None
        if last and last["event"] != "interrupted" and last["version"] != champion:
            self._append({**last, "event": "interrupted", "why": f"died during {last['event']}", "when": self._time()})

    def _entry(self, event: str, version: str, before: str | None, who: str, why: str) -> dict[str, Any]:
        said = {"who": bounded(who) or getpass.getuser(), "when": self._time(), "why": bounded(why, 500)}
        return {"event": event, "version": version, "before": before, **said}

    def _time(self) -> str:
        return self._clock().isoformat(timespec="milliseconds")

    def _append(self, entry: dict[str, Any]) -> None:
        # A leading line break closes whatever half line a killed writer left.
        begin = "\n" if self.history_file.exists() and not self.history_file.read_bytes().endswith(b"\n") else ""
        with self.history_file.open("a") as file:
            file.write(f"{begin}{json.dumps(entry)}\n")
            file.flush()
            os.fsync(file.fileno())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _champions(completed: list[dict[str, Any]]) -> list[str]:
    """The champions that a rollback can return to, the serving one last: a promotion adds, a rollback takes away."""
    stood: list[str] = []
    for entry in completed:
        if entry["event"] == "promote":
            stood.append(str(entry["version"]))
        elif stood:
            stood.pop()
    return stood


def _read_entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"event", "version", "before"} <= entry.keys() else None
