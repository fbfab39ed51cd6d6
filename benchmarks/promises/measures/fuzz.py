"""No request is answered by status 500: ten thousand of them, by schemathesis, by hypothesis and from a table."""

from __future__ import annotations

import json
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from promises import bodies
from promises.breaches import breaches
from promises.odd_requests import odd_requests
from promises.promise import Measured, Report
from promises.service import Service, running
from promises.wire import Answer, Client, say_alone

REQUESTS, SHARE_OF_SCHEMATHESIS = 10_000, 0.35
SHORT_REQUESTS = 500
MOST_NAMED = 20
SECONDS_TO_ANSWER = 10


class Tally:
    """What was answered, by source and status, and what must not be: 500, or nothing within the time."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []

    def add(self, source: str, name: str, answer: Answer, *, hung: bool = False) -> None:
        """Note an answer."""
        self.counts[f"{source}, {'no answer' if answer.status == 0 else answer.status}"] += 1
        broken = answer.status >= 500 and not (answer.status == 503 and answer.header("retry-after"))  # noqa: PLR2004
        if broken or hung:
            self.wrong.append(f"{source}: {name}: {'hangs' if hung else answer.status} {answer.body[:200]!r}")


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count the answers of status 500 and the requests that hang."""
    wanted = SHORT_REQUESTS if short else REQUESTS
    tally = Tally()
    with running() as service:
        _odd(service, tally)
        report(f"{tally.counts.total()} odd requests, {len(tally.wrong)} wrong")
        _by_schema(service, tally, int(wanted * SHARE_OF_SCHEMATHESIS))
        report(f"{tally.counts.total()} with schemathesis, {len(tally.wrong)} wrong")
        _by_hypothesis(service, tally, max(wanted - tally.counts.total(), wanted // 3))
        report(f"{tally.counts.total()} with hypothesis, {len(tally.wrong)} wrong")
        service.check_alive()
        _answers_still(service)
    detail = {
        "requests": tally.counts.total(),
        "by_source_and_status": dict(sorted(tally.counts.items())),
        "wrong": tally.wrong[:MOST_NAMED],
    }
    return Measured(len(tally.wrong), detail=detail)


def _answers_still(service: Service) -> None:
    with Client(service.address) as client:
        answer = client.predict(bodies.body(bodies.contract_of(service.contract)))
    if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
        raise AssertionError(f"after all this a right request gets {answer.status} {answer.body[:200]!r}")


def _odd(service: Service, tally: Tally) -> None:
    right = bodies.body(bodies.contract_of(service.contract))
    for name, raw in odd_requests(right):
        answer, hung = say_alone(service.address, raw, SECONDS_TO_ANSWER)
        tally.add("table", name, answer, hung=hung)


# -------------------------------------------------------------------------------------- schemathesis


def _by_schema(service: Service, tally: Tally, count: int) -> None:
    """Requests that schemathesis invents from the service's own OpenAPI document, in equal parts for each operation."""
    host, port = service.address
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    schema = schemathesis.openapi.from_url(f"http://{host}:{port}/openapi.json")
    operations: list[Any] = [cast("Any", result).ok() for result in schema.get_all_operations()]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    # Most of them to where there is most to be got wrong.
    weights = {operation: 8 if operation.method.upper() == "POST" else 1 for operation in operations}
    for operation in operations:
        each = count * weights[operation] // (sum(weights.values()) * len(modes)) + 1
        for mode in modes:
            _invented(operation, mode, each, lambda case: _call(service, tally, case))


def _invented(operation: Any, mode: Any, count: int, seen: Callable[[Any], None]) -> None:  # noqa: ANN401 - schemathesis's
    try:
        strategy = operation.as_strategy(generation_mode=mode)
        _run(strategy, count, seen)
    except Exception as error:
        # A path without parameters or body has no request that is wrong.
        if type(error).__name__ not in ("Unsatisfiable", "SkipTest", "InvalidArgument"):
            raise


def _call(service: Service, tally: Tally, case: Any) -> None:  # noqa: ANN401 - schemathesis's
    host, port = service.address
    name = f"{case.method} {case.formatted_path}"
    try:
        response = case.call(base_url=f"http://{host}:{port}", timeout=SECONDS_TO_ANSWER)
    except Exception as error:  # noqa: BLE001 - its client refuses to send some of what was invented
        tally.add("schemathesis", f"{name}: {type(error).__name__}", Answer(0, b"", b""))
        return
    head = "".join(f"\r\n{key}: {', '.join(values)}" for key, values in response.headers.items()).encode("latin-1")
    tally.add("schemathesis", name, Answer(response.status_code, head, response.content or b""))


# ---------------------------------------------------------------------------------------- hypothesis


def _by_hypothesis(service: Service, tally: Tally, count: int) -> None:
    """Bodies that hypothesis makes: any JSON, right rows with wrong parts, and right bytes that were changed."""
    with Client(service.address, SECONDS_TO_ANSWER) as client:

        def ask(body: bytes) -> None:
            tally.add("hypothesis", repr(body[:300]), client.predict(body))

        for strategy in (any_json(), spoiled_rows(service.contract), changed_bytes(service.contract)):
            _run(strategy, count // 3 + 1, ask)


def _run(strategy: st.SearchStrategy[Any], count: int, seen: Callable[[Any], None]) -> None:
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(strategy)
    def each(value: Any) -> None:  # noqa: ANN401 - whatever the strategy makes
        seen(value)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each()


def any_json() -> st.SearchStrategy[bytes]:
    """Bodies of any JSON, numbers that are none included."""
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    value = st.recursive(leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)
    whole = value | st.builds(lambda data: {"data": data}, value)
    return whole.map(lambda said: json.dumps(said).encode())


def spoiled_rows(name: str) -> st.SearchStrategy[bytes]:
    """Right columns of which some hold any JSON."""
    contract = bodies.contract_of(name)
    empty: st.SearchStrategy[Any] = st.just([]) | st.just({})
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | empty
    wrong = leaf | st.lists(leaf, max_size=5)
    right = bodies.columns(contract, 3)
    changes = st.dictionaries(st.sampled_from(sorted(right)), wrong, min_size=1, max_size=3)
    return changes.map(lambda change: json.dumps({"data": {**right, **change}}).encode())


def changed_bytes(name: str) -> st.SearchStrategy[bytes]:
    """Right requests, and every breach of the contract, in which some bytes were replaced, removed or repeated."""
    contract = bodies.contract_of(name)
    known = [breach.body for breach in _small(contract)]

    def change(body: bytes, places: list[tuple[float, bytes, int]]) -> bytes:
        changed = bytearray(body)
        for share, new, removed in places:
            place = int(share * len(changed))
            changed[place : place + removed] = new
        return bytes(changed)

    place = st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 4))
    return st.builds(change, st.sampled_from(known), st.lists(place, min_size=1, max_size=4))


def _small(contract: Any) -> Iterator[Any]:  # noqa: ANN401 - a contract, and breaches of it
    return (breach for breach in breaches(contract) if len(breach.body) < 10_000)  # noqa: PLR2004 - bytes, to be quick
