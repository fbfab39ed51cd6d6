"""Every answer of status 200 leaves after an fdatasync that began after its request had come: seen in system calls.

The kernel's asynchronous one counts from the call that hands it over until the one that learns it has ended well.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from promises import machine
from promises.keyed import Keyed
from promises.promise import Measured, Report
from promises.service import running
from promises.stored import Ledger
from promises.trace import Call, calls
from promises.wire import Client

REQUESTS, SHORT_REQUESTS = 300, 40
FLUSHES = {"fdatasync", "fsync"}
RECEIVES = {"read", "recvfrom", "recvmsg", "recv"}
SENDS = {"write", "writev", "sendto", "sendmsg", "send"}
TRACED = ",".join(
    sorted(
        FLUSHES
        | {"io_submit", "io_getevents"}
        | {"read", "recvfrom", "recvmsg", "write", "writev", "sendto", "sendmsg"}
    )
)
_ID = re.compile(r"flush-first-\d+")
_HANDED_OVER = re.compile(r"aio_data=(0x\w+), aio_lio_opcode=IOCB_CMD_FDSYNC")
_ENDED_WELL = re.compile(r"data=(0x\w+), obj=0x\w+, res=0,")
MOST_NAMED = 5


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count the answers of status 200 without such an fdatasync."""
    strace = machine.program("strace", "strace")
    count = SHORT_REQUESTS if short else REQUESTS
    ledger = Ledger()
    requests = Keyed(ledger, "flush")
    trace = [strace, "-f", "-qq", "-ttt", "-s", "2000", "-e", f"trace={TRACED}", "-o", "trace"]
    with running(before=trace) as service:
        with Client(service.address, 30) as client:
            for number in range(count):
                raw = requests.make(number).replace(b"\r\n", f"\r\nX-Request-ID: flush-first-{number}\r\n".encode(), 1)
                answer = client.say(raw)
                if answer.status == 200:  # noqa: PLR2004 - HTTP's own number
                    requests.seen(number, answer.head, answer.body)
        time.sleep(0.2)
        report(f"{len(ledger.acknowledged)} of {count} answered by 200")
        service.stop()
        seen = judge(calls(service.folder / "trace"))
    detail = {**seen, "acknowledged": len(ledger.acknowledged), "without_flush": seen["without_flush"][:MOST_NAMED]}
    missed = count - seen["sent"]
    if missed:
        detail["not_seen"] = missed
    return Measured(len(seen["without_flush"]) + missed, detail=detail)


def judge(traced: Iterable[Call]) -> dict[str, Any]:
    """Sends of 200, and those before which no flush began after the request had come and ended well."""
    received: dict[str, float] = {}
    flushes: list[Call] = []
    handed: dict[str, float] = {}
    sent = 0
    wrong: list[str] = []
    for call in traced:
        if call.name in FLUSHES and call.result.startswith("0"):
            flushes.append(call)
        elif call.name == "io_submit":
            handed.update(dict.fromkeys(_HANDED_OVER.findall(call.text), call.began))
        elif call.name == "io_getevents":
            over = [handed.pop(data) for data in _ENDED_WELL.findall(call.text) if data in handed]
            flushes += [replace(call, began=began) for began in over]
        elif call.name in RECEIVES and (found := _ID.search(call.text)) and "POST /get_prediction" in call.text:
            received[found[0]] = call.ended
        elif call.name in SENDS and (found := _ID.search(call.text)) and "HTTP/1.1 200" in call.text:
            sent += 1
            # In the order in which they ended, every flush in the list ended before this send did; it must have
            # ended before this one began.
            came = received.get(found[0], float("inf"))
            if not any(came <= flush.began and flush.ended <= call.began for flush in flushes[-20:]):
                wrong.append(found[0])
    return {"sent": sent, "flushes": len(flushes), "without_flush": wrong}
