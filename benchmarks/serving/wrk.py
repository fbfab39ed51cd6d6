"""Closed loop, by wrk: each connection sends its next request when it has the answer to the last."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

MARK = "bench-serving: "
TIMEOUT_SECONDS = 10
# wrk's own report rounds; what it hands to `done` is exact. Latencies are microseconds.
SCRIPT = f"""
local file = io.open(os.getenv("BENCH_BODY"), "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()
function done(summary, latency, requests)
  local wrong = summary.errors
  io.write(string.format(
    '\\n{MARK}{{"requests": %d, "us": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d, "late": %d}}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    wrong.status, wrong.connect + wrong.read + wrong.write, wrong.timeout))
end
"""


class WrkMissing(Exception):
    """There is no wrk here."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What one closed loop saw. `failed`: answers other than 2xx, connections that broke, and time-outs."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return max(0, self.requests - self.failed) / self.seconds


def find() -> str:
    """The path of wrk. Raises WrkMissing, with what to do."""
    found = shutil.which("wrk")
    if found is None:
        raise WrkMissing("wrk is not installed: it drives the load (Debian: apt-get install wrk)")
    return found


def parse(said: str) -> Closed:
    """What `SCRIPT` printed. Raises ValueError when it did not."""
    lines = [line.removeprefix(MARK) for line in said.splitlines() if line.startswith(MARK)]
    if len(lines) != 1:
        raise ValueError(f"wrk did not report: {said[-500:]!r}")
    told = json.loads(lines[0])
    failed = told["refused"] + told["broken"] + told["late"]
    return Closed(told["requests"], told["us"] / 1e6, told["p50"] / 1e3, told["p99"] / 1e3, failed)


def drive(url: str, body: Path, *, connections: int, seconds: float) -> Closed:
    """Ask `url` with the bytes of `body`, as fast as it answers, in one thread; wrk takes whole seconds."""
    script = body.with_name("wrk.lua")
    script.write_text(SCRIPT)
    whole = max(1, round(seconds))
    words = f"-t1 -c{connections} -d{whole}s --timeout={TIMEOUT_SECONDS}s -s".split()
    command = [find(), *words, str(script), url]
    environment = {**os.environ, "BENCH_BODY": str(body)}
    limit = whole + TIMEOUT_SECONDS + 20
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=limit)
    if done.returncode:
        raise RuntimeError(f"wrk ended with {done.returncode}: {done.stderr[-500:]}")
    return parse(done.stdout)
