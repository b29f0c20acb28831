"""Metrics: what a live run counts, for Prometheus: over HTTP, or as a file for the node exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from logscan.errors import OutputError, UsageError, reason_of
from logscan.values import Counters, FailedHandshake

SERIES = 2_000
"""Combinations of labels counted apart; further ones are counted together under ``other``."""

_GAUGES = {
    "lag_bytes": "Bytes that are there and were not read yet",
    "lag_seconds": "Seconds since all that was there had been read",
    "open_messages": "Messages whose lines may not be complete",
    "files": "Paths that are followed",
}
_COUNTS = {
    "bytes": "Bytes read",
    "candidates": "Entries that were looked at closely",
    "unparsed_entries": "Entries whose header cannot be read",
    "orphan_lines": "Lines that belong to no entry",
    "bad_times": "Entries whose time cannot be read",
    "cut_entries": "Entries longer than the limit",
    "evicted_messages": "Messages let go before they can have been over",
    "nul_bytes": "NUL bytes that a truncation left",
    "gap_bytes": "Bytes that were truncated before they were read",
}


class Metrics:
    """The metrics of one run.

    Args:
        counters: of the run.
        gauges: gives the momentary values by name.

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
        """Further counts by name: what notices and commands did."""
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
        """What a scrape reads beside the failures (called by the client library)."""
        counter, gauge = self._families
        values = self._gauges()
        for name, text in _GAUGES.items():
            yield gauge(f"logscan_{name}", text, value=values[name])
        for name, text in _COUNTS.items():
            yield counter(f"logscan_{name}", text, value=getattr(self._counters, name))
        for name, value in self.extra.items():
            yield counter(f"logscan_{name}", name.replace("_", " ").capitalize(), value=value())

    def serve(self, address: str) -> None:
        """Serve them over HTTP at ``HOST:PORT`` or ``:PORT`` (then on this machine alone).

        Raises:
            UsageError: the address is none, or is taken.
        """
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            raise UsageError(
                f"--metrics {address}: no address", "write HOST:PORT, or :PORT for this machine alone"
            )
        try:
            self._client.start_http_server(int(port), host.strip("[]") or "127.0.0.1", registry=self.registry)
        except (OSError, OverflowError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else str(error)
            raise UsageError(f"--metrics {address}: {reason}", "choose another port") from error

    def write(self, path: str) -> None:
        """Write them as a file, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._client.write_to_textfile(path, self.registry)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {reason_of(error)}") from error
