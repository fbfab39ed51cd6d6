"""The workers' counts as Prometheus reads them."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as MEDIA_TYPE
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from app.meter import BATCH_ROWS, COMMIT_SECONDS, LATENCY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.metrics import Said
    from app.monitoring import Figure

__all__ = ["MEDIA_TYPE", "text"]

SECONDS_UNTIL_GONE: Final = 5.0


def text(said: list[Said], spool: tuple[int, float], monitored: Sequence[Figure] = ()) -> bytes:
    """Prometheus' text format. spool: its bytes, and the age in seconds of what waits longest in it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(said, spool, monitored))
    return generate_latest(registry)


class _Collected(Collector):
    """The sums over all workers as metric families."""

    def __init__(self, said: list[Said], spool: tuple[int, float], monitored: Sequence[Figure]) -> None:
        self.said = said
        self.alive = [one for one in said if one["at"] > time.time() - SECONDS_UNTIL_GONE]
        self.spool = spool
        self.monitored = monitored

    def collect(self) -> Iterable[Metric]:
        """Counters of all workers that ever were; gauges of those that live."""
        yield from self._counters()
        yield _histogram(
            "service_prediction_seconds",
            "From the complete request to its answer",
            LATENCY_SECONDS,
            self._summed("latency"),
        )
        yield _histogram("service_batch_rows", "Rows that were scored together", BATCH_ROWS, self._summed("batch_rows"))
        yield _histogram(
            "service_log_commit_seconds",
            "Of a group of predictions to the spool",
            COMMIT_SECONDS,
            self._summed("commit"),
        )
        yield from self._gauges()
        yield from self._monitored()

    def _monitored(self) -> Iterable[Metric]:
        """What was last measured of each version's predictions; nothing where there is no such number."""
        labels = ["measure", "subject", "version"]
        for name, described in (
            ("value", "Of the latest window that was measured"),
            ("expected", "The same in training"),
            ("threshold", "Beyond it the value alarms"),
            ("alarm", "Whether it does"),
        ):
            family = GaugeMetricFamily(f"model_monitor_{name}", described, labels=labels)
            for one in self.monitored:
                number = getattr(one, name)
                if number is not None:
                    family.add_metric([one.measure, one.subject, one.version], float(number))
            yield family
        ends = GaugeMetricFamily("model_monitor_window_end_seconds", "When that window ended", labels=["version"])
        for version, until in {one.version: one.until for one in self.monitored}.items():
            ends.add_metric([version], until)
        yield ends

    def _counters(self) -> Iterable[Metric]:
        requests = CounterMetricFamily("service_requests", "Requests answered", labels=["route", "status"])
        counted: Counter[tuple[str, str]] = Counter()
        for one in self.said:
            for route, status, count in one["requests"]:
                counted[route, str(status)] += count
        for key, count in sorted(counted.items()):
            requests.add_metric(list(key), count)
        yield requests
        yield self._by_name("service_predictions", "Rows answered", "version", "predictions")
        yield self._by_name("service_refusals", "Requests refused", "reason", "refused")
        dropped = sum(one["records_dropped"] for one in self.said)
        yield CounterMetricFamily("service_log_records_dropped", "Predictions that were not kept", value=dropped)

    def _gauges(self) -> Iterable[Metric]:
        in_flight, load = (sum(one[name] for one in self.alive) for name in ("in_flight", "load"))
        yield GaugeMetricFamily("service_in_flight", "Requests under way", value=in_flight)
        yield GaugeMetricFamily("service_load_seconds", "Work under way, as it was estimated", value=load)
        yield GaugeMetricFamily("service_workers", "Processes that answer", value=len(self.alive))
        failing = sum(one["failing"] for one in self.alive)
        yield GaugeMetricFamily("service_log_failing", "Workers that cannot keep predictions", value=failing)
        yield GaugeMetricFamily("service_spool_bytes", "Bytes of the spool's folder", value=self.spool[0])
        yield GaugeMetricFamily(
            "service_spool_oldest_seconds", "Age of what waits longest to be shipped", value=self.spool[1]
        )
        info = GaugeMetricFamily(
            "service_model_info", "Workers that serve it", labels=["contract", "version", "served_by"]
        )
        for model, workers in Counter(tuple(one["model"]) for one in self.alive if one["model"]).items():
            info.add_metric(list(model), workers)
        yield info
        refused = GaugeMetricFamily("service_model_refused", "Workers that refuse it", labels=["version"])
        for version, workers in Counter(one["refused_version"] for one in self.alive if one["refused_version"]).items():
            refused.add_metric([version], workers)
        yield refused

    def _by_name(self, name: str, described: str, label: str, field: str) -> Metric:
        family = CounterMetricFamily(name, described, labels=[label])
        counted: Counter[str] = Counter()
        for one in self.said:
            counted.update(one[field])
        for key, count in sorted(counted.items()):
            family.add_metric([key], count)
        return family

    def _summed(self, field: str) -> tuple[list[int], float]:
        counts, totals = zip(*(one[field] for one in self.said), strict=True)
        return [sum(of_bucket) for of_bucket in zip(*counts, strict=True)], sum(totals)


def _histogram(name: str, described: str, bounds: tuple[float, ...], summed: tuple[list[int], float]) -> Metric:
    counts, total = summed
    buckets, so_far = [], 0
    for bound, count in zip((*map(str, bounds), "+Inf"), counts, strict=True):
        so_far += count
        buckets.append((bound, so_far))
    return HistogramMetricFamily(name, described, buckets=buckets, sum_value=total)
