"""A deployment of its own, in a folder of its own, by a clock of its own: all of its parts are the real ones."""

from __future__ import annotations

import hashlib
import shutil
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from model.contracts import Problem
from model.derived.encoding import Floats
from model.derived.frame import encode_frame
from model.derived.tables import input_name
from model.settings import Settings
from model.store import Store
from model.tasks import TASKS, Job, Report, Summary
from model.testing import write_rows
from model.truth import Truth

if TYPE_CHECKING:
    import pandas as pd

    from model.bundle import Bundle
    from model.contract import Contract
    from model.simulation.traffic import Rows

TRAINING = ("validate", "collect", "preprocess", "train")
ORIGIN = "online"
WHO = "time machine"
AGAINST: Final = "on the same held-out rows"  # in the line that says how a challenger did
LINES_HEARD: Final = 8


@dataclass(frozen=True)
class _Job(Job):
    """A job about a problem that is given, instead of found by its name."""

    given: Problem | None = None

    @property
    def problem(self) -> Problem:
        """The one that was given."""
        return super().problem if self.given is None else self.given


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: a decision to train again, a promotion, or a challenger that was refused."""

    at: datetime
    kind: str
    version: str
    why: str


class World:
    """Store, bundles and files below a folder; `now` is what its clock says.

    Whatever stood in the folder is removed first.
    """

    def __init__(self, folder: Path, settings: Settings, problem: Problem, now: datetime, report: Report) -> None:
        """Nothing is trained yet."""
        shutil.rmtree(folder, ignore_errors=True)
        self.now = now
        self.contract: Contract = problem.contract
        self._settings = _settings_in(folder, settings)
        self._problem = problem
        self._report = report
        self._waiting: deque[tuple[datetime, Truth]] = deque()
        self._said: deque[str] = deque(maxlen=LINES_HEARD)
        self.champion: Bundle | None = None

    def train(self, why: str = "") -> Summary:
        """The four steps; the champion, or a new one, serves after them."""
        for step in TRAINING:
            summary = self._run(step, reason=why)
        self.champion = self._job().registry.load_champion()
        return summary

    def learn_from(self, frame: pd.DataFrame) -> None:
        """Put labelled rows into the folder of raw files."""
        rows = {str(name): values for name, values in _cells(frame).items()}
        write_rows(self.contract, self._settings.data_dir / "raw", rows)

    def serve(self, rows: Rows, output: Floats, delay: timedelta) -> None:
        """Store the champion's answers to rows, whose truth will be known later."""
        if self.champion is None or not len(rows):
            return
        with self._store() as store:
            store.add(_records(self.champion, rows, output))
        keys, values = (_cells(rows.frame)[name] for name in (self.contract.key.name, self.contract.target.name))
        for moment, key, value in zip(rows.moments, keys, values, strict=True):
            due = moment.to_pydatetime() + delay
            self._waiting.append((due, Truth("key", key, value, moment.to_pydatetime(), due)))

    def watch(self) -> Iterator[Event]:
        """Take in the truth that is due, measure, decide, and train when that was decided."""
        due = []
        while self._waiting and self._waiting[0][0] <= self.now:
            due.append(self._waiting.popleft()[1])
        with self._store() as store:
            store.add_truths(due)
        self._run("measure")
        decided = self._run("decide", run=f"{self.now:%Y-%m-%dT%H:%M}")
        if not decided["retrain"]:
            return
        yield Event(self.now, "decision", decided["version"], decided["reason"])
        trained = self.train(decided["reason"])
        kind = "promotion" if trained["promoted"] else "refusal"
        yield Event(self.now, kind, trained["version"], "; ".join(line for line in self._said if AGAINST in line))

    def _run(self, step: str, **more: Any) -> Summary:  # noqa: ANN401 - settings of any kind
        return TASKS[step](self._job(**more))

    def _job(self, **more: Any) -> Job:  # noqa: ANN401 - as above
        settings = self._settings.model_copy(update=more)
        return _Job(settings, self._heard, lambda: self.now, given=self._problem)

    def _heard(self, line: str) -> None:
        self._said.append(line)
        self._report(line)

    def _store(self) -> Store:
        return Store(self._settings.database_url.get_secret_value(), self.contract)


def _settings_in(folder: Path, settings: Settings) -> Settings:
    """Settings that touch the folder alone, and tell nobody."""
    own = {
        "data_dir": folder / "data",
        "artifacts_dir": folder / "artifacts",
        "database_url": SecretStr(f"sqlite:///{folder}/predictions.db"),
        "signing_key": "",
        "alert_webhook": SecretStr(""),
        "who": WHO,
        "monitor_since": None,
        "monitor_until": None,
        "monitor_origin": "",
        "promote": "when_better",
    }
    return settings.model_copy(update=own)


def outputs(served: Bundle, frame: pd.DataFrame) -> Floats:
    """What a bundle answers to typed rows: probabilities [n, classes] or values [n]."""
    return served.scorer.score(encode_frame(served.contract, frame).to_numpy())


def _records(served: Bundle, rows: Rows, output: Floats) -> Iterator[dict[str, Any]]:
    from model.decision import decide  # noqa: PLC0415

    contract = served.contract
    answered = decide(contract, served.threshold, output)
    cells = _cells(rows.frame)
    own = {"origin": ORIGIN, "version": served.version, "contract_fingerprint": contract.fingerprint}
    inputs = {input_name(column): cells[column.name] for column in contract.columns}
    for place, (label, score) in enumerate(zip(answered.labels, answered.scores.tolist(), strict=True)):
        key = cells[contract.key.name][place]
        yield {
            **own,
            "prediction_id": hashlib.sha256(f"{served.version} {key}".encode()).hexdigest()[:32],
            "created_at": rows.moments.iloc[place].to_pydatetime(),
            "key": key,
            "label": label,
            "score": score,
            **{name: values[place] for name, values in inputs.items()},
        }


def _cells(frame: pd.DataFrame) -> dict[Any, list[Any]]:
    """Plain values by column, None where there is none."""
    cells = frame.astype(object)
    return cells.where(frame.notna(), None).to_dict(orient="list")


def changed(problem: Problem, contract: Contract) -> Problem:
    """The problem under another contract."""
    return replace(problem, contract=contract)
