"""A champion that is damaged, hostile or not ours is refused, every time; the one before it goes on."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.bundle import sign_folder
from model.signature import make_pair, signer
from model.testing.hostile import Hostile, Outcome, hostile
from promises import bodies
from promises.promise import Measured, Report
from promises.service import Service, prepared
from promises.wire import Client

PATIENCE_SECONDS = 60
SOON = 0.01
SHORT_EVERY = 16
MOST_NAMED = 20


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """The share that was refused of the bundles that must be, without a signing key and with one."""
    seen: list[_Seen] = []
    with tempfile.TemporaryDirectory(prefix="promise-keys-") as name:
        private, public = make_pair(Path(name))
        for keyed in (False, True):
            environment = {"SERVICE_POLL_SECONDS": "0.02", "SERVICE_RETRY_SECONDS": "0"}
            if keyed:
                environment["SERVICE_SIGNING_KEY"] = str(public)
            seen += _try_all(environment, private, keyed=keyed, every=SHORT_EVERY if short else 1)
            report(f"{len(seen)} tried, {sum(one.wrong for one in seen)} wrong")
    refused = [one for one in seen if one.expected == "refused"]
    wrong = [one.line() for one in seen if one.wrong]
    share = 100 * sum(one.refused for one in refused) / len(refused)
    if wrong and share == 100:  # noqa: PLR2004 - percent
        # What should have had no effect had one: no bundle was accepted wrongly, and yet the promise is broken.
        share = 100 * (1 - len(wrong) / len(seen))
    detail = {"tried": len(seen), "outcomes": dict(Counter(f"{one.expected}: {one.what}" for one in seen))}
    return Measured(share, "%", {**detail, "wrong": wrong[:MOST_NAMED]})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What became of a bundle."""

    name: str
    expected: Outcome
    what: str

    @property
    def refused(self) -> bool:
        return self.what.startswith("refused")

    @property
    def wrong(self) -> bool:
        if self.expected == "refused":
            return not self.refused
        return self.expected == "inert" and self.what != "taken up"

    def line(self) -> str:
        return f"{self.name}: expected {self.expected}, was {self.what}"


def _try_all(environment: dict[str, str], private: Path, *, keyed: bool, every: int) -> Iterator[_Seen]:
    """Promote each bad bundle behind the registry's back, as somebody would who can write to the folder."""
    with prepared(environment=environment) as service, tempfile.TemporaryDirectory(prefix="promise-") as name:
        marker = Path(name) / "marker"
        registry = service.registry
        good = registry.champion()
        other = next(version for version in registry.versions() if version != good)
        pristine = Path(name) / other
        shutil.move(registry.root / other, pristine)
        for folder in (registry.root / good, pristine):
            sign_folder(folder, signer(private))
        service.start()
        ways = list(hostile(marker, private).items())
        # The byte flips come first and are many: every so manieth of all is a fair part.
        for way, bad in ways[::every]:
            expected = bad.with_key if keyed else bad.without_key
            if expected == "open":
                continue
            try:
                what = _promote(service, _spoiled(bad, pristine), good)
            except TimeoutError as error:
                # The service follows champions no longer: no more can be tried.
                yield _Seen(way, expected, f"undecided: {error}")
                return
            yield _Seen(f"{way}{' (with a key)' if keyed else ''}", expected, "run" if marker.exists() else what)
            marker.unlink(missing_ok=True)


def _spoiled(bad: Hostile, pristine: Path) -> Path:
    folder = Path(shutil.copytree(pristine, Path(tempfile.mkdtemp(dir=pristine.parent)) / pristine.name))
    return bad.spoil(folder)


def _promote(service: Service, folder: Path, good: str) -> str:
    """Put it where it would be served; what the service says of it; and take it away again."""
    there = Path(shutil.move(folder, service.registry.root / folder.name))
    _write_champion(service, there.name)
    said = _until(service, lambda said: there.name in (said.get("version"), (said["refused"] or {}).get("version")))
    with Client(service.address) as client:
        answer = client.predict(bodies.body(bodies.contract_of(service.contract)))
    what = "taken up" if said["refused"] is None else f"refused: {said['refused']['code']}"
    if answer.status != 200 or answer.header("x-model-version") != said["version"]:  # noqa: PLR2004 - HTTP's own
        what = f"the end of predictions: {answer.status}"
    _write_champion(service, good)
    _until(service, lambda said: said["version"] == good and said["refused"] is None)
    shutil.rmtree(there)
    shutil.rmtree(folder.parent, ignore_errors=True)
    return what


def _write_champion(service: Service, version: str) -> None:
    temporary = service.registry.root / ".champion"
    temporary.write_text(f"{version}\n")
    temporary.replace(service.registry.champion_file)


def _until(service: Service, holds: Any) -> dict[str, Any]:  # noqa: ANN401 - what readiness says -> bool
    deadline = time.monotonic() + PATIENCE_SECONDS
    said: dict[str, Any] = {}
    while time.monotonic() < deadline:
        service.check_alive()
        answer = service.asked("/health/ready")
        if answer.status == 200:  # noqa: PLR2004 - HTTP's own number
            said = answer.json()
            if holds(said):
                return said
        time.sleep(SOON)
    raise TimeoutError(f"readiness still says {said}")
