"""benchmarks/serving: what it computes is right, and what it drives is a real server."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from model.contracts.reggaeton import contract
from model.derived.request import example_request
from model.testing.programs import needed_program

sys.path.append(str(Path(__file__).resolve().parents[2]))  # at the end: `app/` and `airflow/` are no packages

from benchmarks.serving import command, environments, figures, machine, page, rounds, server, wrk
from benchmarks.serving.arrivals import not_accepted
from benchmarks.serving.contender import Contender, Place
from benchmarks.serving.contenders import ALL
from benchmarks.serving.rivals import PEERS
from benchmarks.serving.schedule import Order, Schedule, Tally, answered, percentile
from benchmarks.serving.workload import Workload

pytestmark = pytest.mark.unmeasured  # the service answers in threads of its own, which are measured

SHORT = rounds.Plan(
    repeats=1, seconds=1, connections=(4,), rows=(1,), times=(), run_in=0.1, open_seconds=0.3, clients=8
)
EVERYBODY = {one.name: one for one in ALL}


@pytest.fixture
def work(tmp_path: Path) -> Workload:
    """Two rows and their answers, without a model behind them."""
    columns = [column.name for column in contract.columns]
    row = [values[0] for values in example_request(contract)["data"].values()]
    features = list(contract.feature_names)
    return Workload(str(tmp_path), "", "v", columns, features, [row, row], predicted=[0, 1], served=[1, 0])


@pytest.fixture
def place(work: Workload, tmp_path: Path) -> Place:
    """Where a server may run."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Place(work, tmp_path / "run", port, tmp_path)


def seen_at(rates: list[float], p50: float = 1.0, cpu: float = 10.0) -> rounds.Seen:
    """What would be seen of a server with these requests a second, round by round."""
    loops = [{"per_second": rate, "cpu_us": cpu, "p50_ms": p50, "p99_ms": 9.0, "failed": 0} for rate in rates]
    opened = [{"goodput": rate / 2, "capacity": rate, "p99_ms": 5.0, "rate": 2 * rate} for rate in rates]
    return rounds.Seen(closed={(1, 1): loops, (1, 64): loops}, open={2: opened}, memory=[50.0], start=[1.0])


@pytest.fixture
def seen() -> dict[str, rounds.Seen]:
    """What would be seen of everybody who stands in a ratio, in two rounds of which the second is slow."""
    return {
        "ours-off": seen_at([800, 400], p50=0.1),
        "ours-durable": seen_at([720, 360], p50=0.4, cpu=12.5),
        "hello-asgi": seen_at([1000, 500], cpu=8),
        "hello-fastapi": seen_at([200, 100]),
        "mlserver": seen_at([40, 25]),
        "original": seen_at([10, 4]),
    }


@pytest.fixture
def results(seen: dict[str, rounds.Seen]) -> dict[str, Any]:
    """The results of that."""
    about = {
        "date": "2026-11-24T00:00:00+00:00",
        "machine": {"processor": "one", "cores": 2, "memory_gb": 4, "system": "Linux", "python": "3.11"},
        "load": {"before": {"average": 0.5, "busy": 0.01}, "worst": 0.02},
        "versions": {"ours": {"uvicorn": "1"}},
        "model": {"version": "v", "words": "a model"},
    }
    plan = rounds.Plan(connections=(1, 64), rows=(1,), times=(2,))
    tried = {"mlserver": [{"setting": "at most 16", "per_second": 40.0}]}
    contenders = [EVERYBODY[name] for name in seen]
    return figures.results(about, plan, contenders, seen, {"mlflow": "does not install"}, tried)


# -------------------------------------------------------------------------------------------- figures


def test_a_ratio_is_the_median_of_what_the_same_round_gave(results: dict[str, Any]) -> None:
    ratios = results["ratios"]
    assert ratios["off_vs_hello"] == pytest.approx(0.8)
    assert ratios["off_vs_fastapi_hello"] == pytest.approx(4)
    assert ratios["off_vs_best_peer"] == pytest.approx((20 + 16) / 2)
    assert ratios["off_vs_original"] == pytest.approx((80 + 100) / 2)
    assert ratios["durable_vs_off"] == pytest.approx(0.9)
    assert ratios["durable_p50_minus_off_ms"] == pytest.approx(0.3)
    assert results["best_peer"] == "mlserver"
    assert all(results["met"].values())
    assert results["cpu_ratios"]["durable_vs_off"] == pytest.approx(0.8)
    assert results["cpu_ratios"]["off_vs_hello"] == pytest.approx(0.8)


def test_a_ratio_without_one_of_its_two_is_not_measured_and_not_met() -> None:
    found = figures.ratios({"ours-off": seen_at([1.0])}, ["original"])
    assert set(found) == set(figures.GOALS)
    assert set(found.values()) == {None}


def test_a_goal_knows_its_direction() -> None:
    assert figures.GOALS["off_vs_hello"].met(0.70)
    assert not figures.GOALS["off_vs_hello"].met(0.69)
    assert figures.GOALS["durable_p50_minus_off_ms"].met(0.5)
    assert not figures.GOALS["durable_p50_minus_off_ms"].met(0.51)


def test_the_page_names_everybody_and_what_is_missed_or_missing(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "draw", lambda _: b"")
    results["met"]["off_vs_hello"] = False
    page.write(results, tmp_path / "benchmarks.md")
    text = (tmp_path / "benchmarks.md").read_text()
    assert all(one["label"] in text for one in results["contenders"].values())
    assert "| >= 0.7 | 0.80 | **missed** |" in text
    assert "`mlflow` is not (wholly) measured here: does not install" in text
    assert "(tried: at most 16: 40/s)" in text


def test_the_picture_is_drawn_from_the_results(results: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib", reason="the service's own environment draws nothing")
    from benchmarks.serving.picture import draw

    assert draw(results).startswith(b"\x89PNG")


def test_only_a_run_of_everybody_in_three_rounds_becomes_the_page() -> None:
    def whole(*words: str) -> bool:
        options = command.words(list(words))
        return command.is_whole({"plan": {"repeats": command.plan_of(options).repeats}}, options)

    assert whole()
    assert whole("--repeats", "5")
    assert not whole("--repeats", "2")
    assert not whole("--quick", "--repeats", "3")
    assert not whole("--only", "ours-off")


def test_a_name_that_nobody_has_is_refused() -> None:
    with pytest.raises(KeyError, match="nginy"):
        command.chosen(command.words(["--only", "ours-off,nginy"]))


def test_the_quick_form_takes_ours_and_the_ceilings_only() -> None:
    assert {one.kind for one in command.chosen(command.words(["--quick"]))} == {"ours", "ceiling"}


# ------------------------------------------------------------------------------------------ contenders


@pytest.mark.parametrize("peer", PEERS, ids=lambda one: one.name)
def test_every_peer_has_exact_pins_and_choices_of_its_own_name(peer: Contender) -> None:
    assert environments.pins(peer.environment_name)
    assert {choice.name for choice in peer.choices} <= {peer.name}
    assert len({choice.batching for choice in (peer, *peer.choices)}) == 1 + len(peer.choices)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_every_contender_is_asked_for_as_many_rows_as_are_meant(one: Contender, place: Place) -> None:
    first, both = (len(one.body(place, rows)) for rows in (1, 2))
    assert both > first
    assert len(one.expected(place, 2)) == (1 if one.constant else 2)


def test_a_peer_that_is_not_installed_says_so_instead_of_being_invented(tmp_path: Path) -> None:
    with pytest.raises(environments.DoesNotInstall, match="--no-install"):
        environments.require(tmp_path, "original", print, install=False)


# ------------------------------------------------------------------------------------------------ load


def test_what_wrk_reports_is_read_exactly() -> None:
    told = {"requests": 1000, "us": 2_000_000, "p50": 125, "p99": 2500, "refused": 8, "broken": 1, "late": 1}
    closed = wrk.parse(f"Running 2s test\n{wrk.MARK}{json.dumps(told)}\n")
    assert closed == wrk.Closed(1000, 2.0, 0.125, 2.5, 10)
    assert closed.per_second == 495


def test_what_wrk_does_not_report_is_an_error() -> None:
    with pytest.raises(ValueError, match="did not report"):
        wrk.parse("unable to connect to 127.0.0.1:1")


def test_arrivals_keep_their_pace_and_end_in_time() -> None:
    schedule = Schedule(rate=100, run_in=0.5, seconds=1)
    assert [schedule.due(elapsed) for elapsed in (0, 0.1, 0.5, 1.5, 9)] == [0, 10, 50, 150, 150]
    assert schedule.at(50) == 0.5
    assert not schedule.counts(49)
    assert schedule.counts(50)
    assert schedule.counted(0, 150) == sum(map(schedule.counts, range(150))) == 100
    assert schedule.counted(0, 50) == 0
    assert schedule.counted(60, 70) == 10


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", None),
        (b"HTTP/1.1 503 No\r\ncontent-length: 0\r\nx: y\r\n\r\n", 503),
        (b"HTTP/1.1 200 OK\r\ncontent-le", None),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n", None),
    ],
)
def test_an_answer_counts_when_it_is_whole(data: bytes, status: int | None) -> None:
    assert answered(data) == status


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentile([], 99) is None
    assert percentile([3.0], 99) == 3.0
    assert percentile([float(value) for value in range(100)], 99) == 99.0


def test_goodput_counts_good_answers_in_the_counted_time() -> None:
    told = Tally(seconds=2, arrived=10, latencies=[0.1, 0.3], sent=4, lag=0.004).told()
    assert told["goodput"] == 1
    assert told["p99_ms"] == pytest.approx(300)
    assert told["lag_ms"] == pytest.approx(1)


def test_what_the_server_has_not_accepted_yet_is_known() -> None:
    with socket.socket() as listening, socket.socket() as client:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert not_accepted(port) == 0
        client.connect(("127.0.0.1", port))
        assert not_accepted(port) == 1
        listening.accept()[0].close()
        assert not_accepted(port) == 0


def test_a_request_states_its_length() -> None:
    order = Order(port=1, path="/x", body='{"a": "ü"}', rate=1, run_in=0, seconds=1, connections=1)
    head, _, body = order.request().partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head


# --------------------------------------------------------------------------------------------- machine


def test_a_process_s_line_is_read_whatever_its_name() -> None:
    fields = ["S", "10", "11", "12"] + ["0"] * 7 + ["150", "50"] + ["0"] * 8 + ["3"]
    read = machine.parse_stat(f"99 (a (b) c) {' '.join(fields)}")
    assert (read.pid, read.parent, read.session) == (99, 10, 12)
    assert read.cpu == 200 / machine.TICKS
    assert read.resident == 3 * machine.PAGE


def test_a_tree_holds_its_root() -> None:
    assert os.getpid() in {one.pid for one in machine.tree(os.getpid())}
    assert machine.memory_of(os.getpid()) > 1


# -------------------------------------------------------------------------------------- a real server


@pytest.mark.services
def test_a_real_server_is_driven_by_both_loops_and_stopped(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    needed_program("wrk")
    monkeypatch.setattr(machine, "cores", lambda: machine.Cores(0, max(os.sched_getaffinity(0))))
    hello = replace(EVERYBODY["hello-asgi"], kind="peer")  # a ceiling is spared the open loop
    plan = replace(SHORT, times=(0.01,))
    said: list[str] = []
    seen = rounds.measure(plan, [(hello, place)], said.append)["hello-asgi"]
    assert not seen.faults
    (closed,) = seen.closed[1, 4]
    assert closed["requests"] > 0
    assert closed["failed"] == 0
    assert closed["cpu_us"] > 0
    (opened,) = seen.open[0.01]
    assert opened["arrived"] > 0
    assert set(opened["statuses"]) == {str(int(HTTPStatus.OK))}
    assert len(said) == 3
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", place.port)) != 0


@pytest.mark.services
def test_a_part_of_the_table_is_written_beside_it_and_not_over_it(
    work: Workload, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needed_program("wrk")
    monkeypatch.setattr(machine, "cores", lambda: machine.Cores(0, 0))
    monkeypatch.setattr(command, "CACHE", tmp_path)
    monkeypatch.setattr(command, "prepare", lambda *_: work)  # what is asked needs no training here
    before = command.RESULTS.read_bytes() if command.RESULTS.exists() else None
    assert command.main(f"--quick --only hello-asgi --repeats 1 --port {place.port}".split()) == 0
    told = json.loads((tmp_path / "serving.json").read_bytes())
    assert set(told["ratios"]) == set(figures.GOALS)
    assert [loop["connections"] for loop in told["contenders"]["hello-asgi"]["closed"]] == [1, 64]
    assert "not measured" in capsys.readouterr().out
    assert (command.RESULTS.read_bytes() if command.RESULTS.exists() else None) == before


@pytest.mark.services
def test_a_server_that_answers_wrongly_is_not_timed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    needed_program("wrk")
    monkeypatch.setattr(machine, "cores", lambda: machine.Cores(0, 0))
    liar = replace(EVERYBODY["hello-asgi"], constant=False, kind="peer")  # the pipeline says 0, it answers 1
    seen = rounds.measure(SHORT, [(liar, place)], lambda _: None)["hello-asgi"]
    assert "answered wrongly" in seen.faults[0]
    assert not seen.closed


def test_a_server_that_does_not_start_leaves_its_last_words(place: Place) -> None:
    broken = replace(EVERYBODY["hello-asgi"], command=lambda _: [sys.executable, "-c", "raise SystemExit('no luck')"])
    with (
        pytest.raises(server.DoesNotServe, match=r"ended with status 1\n(.*\n)*no luck"),
        server.serving(broken, place, 0),
    ):
        pass


def test_without_wrk_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert command.main(["--quick"]) == 1
    assert "apt-get install wrk" in capsys.readouterr().err
