"""Metrics: the counts of a live run for Prometheus, over HTTP or as a file for the node exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from logscan.errors import OutputError, UsageError, reason_of
from logscan.values import Counters, FailedHandshake

SERIES = 2_000
"""Combinations of labels. Failures of further combinations are counted under ``other``."""

_GAUGES = {
    "lag_bytes": "Bytes that were written and are not read yet",
    "lag_seconds": "Seconds since all written bytes were read",
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
        UsageError: prometheus-client is not installed.
    """

    def __init__(self, counters: Counters, gauges: Callable[[], dict[str, float]]) -> None:
        try:
            import prometheus_client
            from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
        except ImportError as error:
            raise UsageError(
                "--metrics needs the package prometheus-client",
                "install logscan with it: pip install 'logscan[live]'",
            ) from error
        self._client: Any = prometheus_client
        self._families: tuple[Any, Any] = (CounterMetricFamily, GaugeMetricFamily)
        self._counters = counters
        self._gauges = gauges
        self.extra: dict[str, Callable[[], float]] = {}
        """Further counts by name: of notices and commands."""
        self.registry: Any = prometheus_client.CollectorRegistry()
        self._failures: Any = prometheus_client.Counter(
            "logscan_failed_handshakes",
            "Failed TLS handshakes",
            ["org", "env", "proxy", "alert", "side"],
            registry=self.registry,
        )
        self._series: set[tuple[str, ...]] = set()
        self.registry.register(self)

    def feed(self, failure: FailedHandshake) -> None:
        """Count a failure."""
        labels = tuple(part or "" for part in (failure.org, failure.env, failure.proxy))
        labels = (*labels, failure.alert, failure.side)
        if labels not in self._series:
            if len(self._series) >= SERIES:
                labels = ("other", "other", "other", failure.alert, failure.side)
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
        for name, value in self.extra.items():
            yield counter(f"logscan_{name}", name.replace("_", " ").capitalize(), value=value())

    def serve(self, address: str) -> None:
        """Serve the metrics over HTTP at ``HOST:PORT``, or at ``:PORT`` for this machine only.

        Raises:
            UsageError: the address cannot be understood, or the port is in use.
        """
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            raise UsageError(
                f"--metrics {address}: expected an address", "write HOST:PORT, or :PORT for this machine only"
            )
        try:
            self._client.start_http_server(int(port), host.strip("[]") or "127.0.0.1", registry=self.registry)
        except (OSError, OverflowError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else str(error)
            raise UsageError(f"--metrics {address}: {reason}", "choose another port") from error

    def write(self, path: str) -> None:
        """Write the metrics to a file, atomically.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._client.write_to_textfile(path, self.registry)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {reason_of(error)}") from error
