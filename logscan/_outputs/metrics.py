"""Metrics: the counts of a live run for Prometheus, over HTTP or as a file for the node exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from logscan._failures.catalog import known_names
from logscan.atomic import output_file
from logscan.errors import need
from logscan.shown import safe
from logscan.values import Counters, FailedHandshake

SERIES = 2_000
"""Combinations of labels. Failures of further combinations are counted as ``other``, by the alerts that
the catalogue knows."""
OTHER = "other"

_GAUGES = {
    "lag_bytes": "Bytes that were written and are not read yet",
    "lag_seconds": "Seconds for which the first byte that is not read yet has been there",
    "open_messages": "Messages whose lines may not be complete",
    "files": "Paths that are followed",
}
_COUNTS = {
    "bytes": "Bytes read",
    "candidates": "Entries that were parsed",
    "unparsed_entries": "Entries whose header cannot be read",
    "not_understood": "Entries at which logscan failed, and went on",
    "orphan_lines": "Lines that belong to no entry",
    "bad_times": "Entries whose time cannot be read",
    "cut_entries": "Entries longer than the limit",
    "early_failures": "Failures counted before their lines were complete",
    "nul_bytes": "NUL bytes that a truncation left",
    "gap_bytes": "Bytes that a truncation removed before they were read",
}


class Metrics:
    """The metrics of one run.

    Args:
        counters: the counters of the run.
        gauges: returns the momentary values by name.

    Raises:
        MissingPackageError: prometheus-client is not installed.
    """

    def __init__(self, counters: Counters, gauges: Callable[[], dict[str, float]]) -> None:
        self._client: Any = need("prometheus_client", "--metrics")
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        self._client.disable_created_metrics()  # they would double the number of series
        self._families: tuple[Any, Any] = (CounterMetricFamily, GaugeMetricFamily)
        self._counters = counters
        self._gauges = gauges
        self.extra: dict[str, Callable[[], float]] = {}
        """Further counts by name: of notices and commands."""
        self.registry: Any = self._client.CollectorRegistry()
        self._failures: Any = self._client.Counter(
            "logscan_failed_handshakes",
            "Failed TLS handshakes",
            ["org", "env", "proxy", "alert", "side"],
            registry=self.registry,
        )
        self._series: set[tuple[str, ...]] = set()
        self._known = frozenset(known_names())
        self.left_out = 0
        """Failures that have no series of their own."""
        self.registry.register(self)

    def feed(self, failure: FailedHandshake) -> None:
        """Count a failure."""
        parts = (failure.org, failure.env, failure.proxy, failure.alert, failure.side)
        labels = tuple(safe(part or "") for part in parts)
        if labels not in self._series and len(self._series) >= SERIES:
            alert = failure.alert if failure.alert in self._known else OTHER
            labels = (OTHER, OTHER, OTHER, alert, failure.side)
            self.left_out += 1
        else:
            self._series.add(labels)
        self._failures.labels(*labels).inc()

    def collect(self) -> Iterator[Any]:
        """The values beside the failures (the client library calls this at each scrape)."""
        counter, gauge = self._families
        values = self._gauges()
        for name, text in _GAUGES.items():
            yield gauge(f"logscan_{name}", text, value=values[name])
        for name, text in _COUNTS.items():
            yield counter(f"logscan_{name}", text, value=getattr(self._counters, name))
        yield counter(
            "logscan_failures_without_series", "Failures that are counted as other", value=self.left_out
        )
        for name, value in self.extra.items():
            yield counter(f"logscan_{name}", name.replace("_", " ").capitalize(), value=value())

    def text(self) -> bytes:
        """All values in the text format of Prometheus."""
        return bytes(self._client.generate_latest(self.registry))

    def serve(self, address: str, health: Callable[[], dict[str, object]]) -> None:
        """Serve ``/metrics`` and ``/health`` over HTTP at ``HOST:PORT``, or ``:PORT`` for this machine only.

        Raises:
            UsageError: the address cannot be understood, or the port is in use.
        """
        from logscan._outputs.metrics_server import health_page, serve

        kind = self._client.CONTENT_TYPE_LATEST
        serve(address, {"/metrics": lambda: (200, kind, self.text()), "/health": health_page(health)})

    def write(self, path: str) -> None:
        """Write the metrics to a file, atomically, or to a device, FIFO or socket.

        Raises:
            OutputError: it cannot be written.
        """
        with output_file(path, wait=False) as file:
            file.write(self.text())
