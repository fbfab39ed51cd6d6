"""No request that breaks the contract is accepted: every column broken in every way, through every door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from promises import bodies, dialects
from promises.breaches import Breach, breaches
from promises.promise import Measured, Report
from promises.service import Service, running
from promises.wire import Answer, Client

REFUSED = range(400, 500)
MOST_NAMED = 40


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count the requests that were not refused with 4xx."""
    counts, wrong = Counter[str](), list[str]()
    for name in ("reggaeton",) if short else ("reggaeton", "wine", "diabetes"):
        with running(name) as service:
            for breach, answer in _answers(service, name):
                counts[f"{name}, {answer.status}"] += 1
                if answer.status not in REFUSED:
                    wrong.append(f"{name}: {breach.name}: {answer.status} {answer.body[:100]!r}")
            _still_right(service, name)
        report(f"{name}: {counts.total()} requests so far, {len(wrong)} not refused")
    detail = {"requests": counts.total(), "by_status": dict(sorted(counts.items())), "not_refused": wrong[:MOST_NAMED]}
    return Measured(len(wrong), detail=detail)


def _answers(service: Service, name: str) -> Iterator[tuple[Breach, Answer]]:
    contract = bodies.contract_of(name)
    with Client(service.address) as client:
        for breach in breaches(contract):
            yield breach, client.predict(breach.body)
        for door, what, raw in dialects.breaches(service, contract):
            yield Breach(f"{door}: {what}", raw), client.say(raw)


def _still_right(service: Service, name: str) -> None:
    """What is right is accepted after all this: a service that refuses everything keeps no promise."""
    contract = bodies.contract_of(name)
    with Client(service.address) as client:
        for rows in (1, 2, 1000):
            answer = client.predict(bodies.body(contract, rows))
            if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
                raise AssertionError(f"{rows} right rows of {name} were refused: {answer.status} {answer.body[:500]!r}")
