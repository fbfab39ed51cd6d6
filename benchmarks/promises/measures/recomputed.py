"""Every answer can be recomputed from what was kept: the stored row, given to the stored version, says the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from model.bundle import Bundle
from model.derived.encoding import encode
from model.derived.request import parse, request_model
from promises import bodies
from promises.load import Load, steadily
from promises.promise import Measured, Report
from promises.promoter import promoter
from promises.service import Service, running
from promises.stored import Record, records
from promises.wire import header, prediction

TOLERANCE = 1e-12
SWAPS, SHORT_SWAPS = 20, 2
ANSWERS_A_SWAP = 150
REQUESTS_A_SECOND = 400
ROWS = (1, 1, 1, 2, 7, 64)
CONTRACTS, SHORT_CONTRACTS = ("reggaeton", "wine", "diabetes"), ("reggaeton",)
MOST_NAMED = 10

Recomputed = tuple[list[Any], list[float]]


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count the rows of which the answer sent, the answer kept and the answer recomputed are not one."""
    counts, wrong, exact = Counter[str](), list[str](), 0
    for name in SHORT_CONTRACTS if short else CONTRACTS:
        with running(name, workers=2) as service:
            told = _traffic(service, SHORT_SWAPS if short else SWAPS)
            service.stop()
            bundles = {version: service.registry.load(version) for version in service.registry.versions()}
            for record in records(service.spool):
                version = record["version"]
                counts[f"{name}, version {sorted(bundles).index(version) + 1}"] += len(record["labels"])
                recomputed = _recomputed(record, bundles[version])
                wrong += _differences(record, bundles[version], recomputed, told.pop(record["id"], None))
                exact += _exact(record, recomputed)
            wrong += [f"{identity}: answered and not kept" for identity in told]
        report(f"{name}: {counts.total()} rows so far, {exact} bit for bit, {len(wrong)} different")
    detail = {"rows": counts.total(), "by_version": dict(counts), "bit_for_bit": exact, "different": wrong[:MOST_NAMED]}
    if not counts:
        raise RuntimeError("nothing was kept: nothing was measured")
    return Measured(len(wrong), detail=detail)


def _traffic(service: Service, swaps: int) -> dict[str, tuple[str, Any]]:
    """Requests of one row and of many while champions change: prediction id -> version and labels as they were sent."""
    contract = bodies.contract_of(service.contract)
    requests = [prediction(bodies.body(contract, ROWS[seed % len(ROWS)], seed)) for seed in range(60)]
    told: dict[str, tuple[str, Any]] = {}

    def seen(_: int, head: bytes, body: bytes) -> None:
        identity, version = (header(head, name).decode() for name in (b"x-prediction-id", b"x-model-version"))
        told[identity] = version, json.loads(body)["prediction"]

    load = Load(service.address, lambda number: requests[number % len(requests)], seen)
    versions = service.registry.versions()
    with promoter(service) as swapper:
        clients = steadily(load, REQUESTS_A_SECOND)
        for swap in range(swaps):
            wanted = (swap + 1) * ANSWERS_A_SWAP
            while len(told) < wanted and clients.is_alive():
                service.check_alive()
                clients.join(0.01)
            swapper.promote(versions[swap % len(versions)])
        load.enough.set()
        clients.join()
    return told


def _recomputed(record: Record, bundle: Bundle) -> Recomputed:
    """Labels and scores."""
    model = request_model(bundle.contract)
    rows = parse(model, json.dumps(record["request"]).encode())
    predictions = bundle.predict(encode(bundle.contract, rows.columns))
    return predictions.labels, predictions.scores.tolist()


def _differences(record: Record, bundle: Bundle, recomputed: Recomputed, told: tuple[str, Any] | None) -> Iterator[str]:
    labels, scores = recomputed
    identity = record["id"]
    if record["contract"] != bundle.contract.fingerprint:
        yield f"{identity}: kept under another contract"
    if labels != record["labels"]:
        yield f"{identity}: labels {record['labels'][:3]} were kept, {labels[:3]} recomputed"
    if not np.allclose(scores, record["scores"], rtol=TOLERANCE, atol=TOLERANCE):
        yield f"{identity}: scores {record['scores'][:3]} were kept, {scores[:3]} recomputed"
    answer = labels[0] if len(labels) == 1 else labels
    if told is not None and told != (bundle.version, answer):
        yield f"{identity}: {told} was answered, {answer} by {bundle.version} recomputed"


def _exact(record: Record, recomputed: Recomputed) -> int:
    """Rows whose score is the same to the last bit."""
    _, scores = recomputed
    return sum(kept == again for kept, again in zip(record["scores"], scores, strict=True))
