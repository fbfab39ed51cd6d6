"""No acknowledged prediction is lost by a kill at any write: the 1st, 2nd, ... system call that changes the disk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from promises import machine
from promises.keyed import Keyed
from promises.promise import Measured, Report
from promises.service import Service, ServiceDied, prepared
from promises.stored import Ledger
from promises.wire import Client

# The system calls by which the spool's files change.
WRITES = "write,pwrite64,fsync,fdatasync,io_submit,ftruncate,rename,unlink,mkdir"
REQUESTS = 4
SHORT_MOMENTS = 4
# strace ends as the process ended that it watched.
KILLED = (-9, 137)


@dataclass(frozen=True, slots=True)
class Moment:
    """Just before the `at`-th call of that name in a thread."""

    call: str
    at: int


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count the acknowledged predictions that are lost, kept twice or kept otherwise."""
    strace = machine.program("strace", "strace")
    moments = _moments(strace)
    report(f"{len(moments)} moments: {dict(Counter(moment.call for moment in moments))}")
    if short:
        # The last ones: those of the requests.
        moments = moments[:: max(len(moments) // SHORT_MOMENTS, 1)][-SHORT_MOMENTS:]
    ledger, killed = Ledger(), 0
    for place, moment in enumerate(moments):
        inject = f"inject={moment.call}:signal=SIGKILL:when={moment.at}"
        killed += _serve(ledger, f"{moment.call}{moment.at}", _tracing(strace, "-e", inject, "-o", "/dev/null"))
        if place % 20 == 19:  # noqa: PLR2004 - now and then
            report(f"{place + 1} moments, {killed} kills: {ledger.detail()}")
    detail = {"moments": len(moments), "killed": killed, "by_call": dict(Counter(m.call for m in moments))}
    if not ledger.acknowledged or not killed:
        raise RuntimeError(f"nothing was measured: {detail}, {ledger.detail()}")
    return Measured(ledger.wrong(), detail=detail | ledger.detail())


def _tracing(strace: str, *words: str) -> list[str]:
    return [strace, "-f", "-qq", "--seccomp-bpf", *words]


def _moments(strace: str) -> list[Moment]:
    """Each moment of a run that nobody kills. strace counts a call's occurrences in each thread by itself."""
    with prepared() as service:
        log = service.folder / "trace"
        _life(service, Ledger(), "whole", _tracing(strace, "-e", f"trace={WRITES}", "-o", str(log)))
        made = _calls(log)
    return sorted(
        {Moment(call, at) for (_, call), count in made.items() for at in range(1, count + 1)},
        key=lambda moment: (moment.call, moment.at),
    )


def _calls(log: Path) -> Counter[tuple[str, str]]:
    """Thread and call -> how often. A line is `<thread> <call>(...`; a call that was interrupted has a second line."""
    begun = (line.partition("(")[0].split() for line in log.read_text().splitlines() if "(" in line)
    return Counter((words[0], words[1]) for words in begun if len(words) == 2 and words[1] in WRITES.split(","))  # noqa: PLR2004


def _serve(ledger: Ledger, name: str, trace: list[str]) -> bool:
    """A life that ends at a moment, and one after it in the same folder: whether the first was killed."""
    with prepared() as service:
        killed = _life(service, ledger, name, trace)
        if killed:
            # Whatever was left behind, the next one serves.
            _life(service, ledger, f"{name}-after", [])
        ledger.collect(service.spool)
    return killed


def _life(service: Service, ledger: Ledger, name: str, before: list[str]) -> bool:
    """Start, answer some requests one after another, end by SIGTERM; whether it died before that."""
    service.before = before
    requests = Keyed(ledger, name)
    try:
        service.start()
        with Client(service.address, time_out=10) as client:
            for number in range(REQUESTS):
                answer = client.say(requests.make(number))
                if answer.status == 200:  # noqa: PLR2004 - HTTP's own number
                    requests.seen(number, answer.head, answer.body)
        service.check_alive()
    except ServiceDied:
        return True
    else:
        return service.end_gently() in KILLED
    finally:
        service.kill()
