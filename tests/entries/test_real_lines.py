"""The layouts of real lines that were found later: each alone, and below another entry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import logscan
from logscan._entries.parse import parse
from logscan.values import Counters, Entry
from support.command import DATA
from support.lines import HEAD
from support.reference import split_entries

_PARTS = re.split(r"(?m)^==== (\w+) .*\n", (DATA / "log/real_lines_found_2026.txt").read_text())
SAMPLES = dict(zip(_PARTS[1::2], _PARTS[2::2], strict=True))
ABOVE = (
    HEAD.format(s=1, ms=0, m="m-1", t="NIOThread@0").replace("ERROR", "INFO ") + "A.B - C.d() : text above\n"
)

ENTRIES = {
    "A2": ("INFO", "ZOOKEEPER", "ZooKeeperServiceImpl.exists", 4),
    "A3": ("ERROR", "ZOOKEEPER", "ZooKeeperServiceImpl.exists", 4),
    "A4": ("ERROR", "KERNEL.DEPLOYMENT", "ServiceDeployer.startService", 8),
    "A5": ("ERROR", "KERNEL", "MicroKernel.deployAll", 4),
    "A6": ("INFO", "ZOOKEEPER", "ZooKeeperServiceImpl.exists", 1),
}
"""Samples that are entries: level, logger, method, lines. Two stand in A6; the second has no line of its own."""
FAILURES = {
    "A8": ("untrusted_certificate", ""), "B1": ("bad_certificate",) * 2, "B2": ("bad_certificate",) * 2,
    "B3": ("bad_certificate",) * 2, "B5": ("handshake_failure",) * 2, "B6": ("internal_error",) * 2,
    "B7": ("certificate_unknown",) * 2, "B9": ("handshake_failure",) * 2, "B10": ("handshake_failure", ""),
    "B11": ("alert_unreadable",) * 2, "B12": ("ca_list_too_long",) * 2, "B16": ("bad_certificate", ""),
    "B17": ("not_tls_on_this_port",) * 2, "B18": ("closed_in_handshake",) * 2, "B19": ("hostname_mismatch",) * 2,
    "B20": ("handshake_failure",) * 2,
}  # fmt: skip
"""Samples with a failure: what it is named alone, and below an INFO entry that it becomes a part of (prose of
INFO reports nothing)."""


def read(text: str) -> list[Entry]:
    return [parse(span, Counters()) for span in split_entries(text.encode())[0]]


def found(tmp_path: Path, text: str) -> str:
    (tmp_path / "system.log").write_text(text)
    failures = logscan.report(tmp_path / "system.log", alert="all", each=True).failures
    return " ".join(failure.alert for failure in failures)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_alone_and_below_an_entry(name: str, tmp_path: Path) -> None:
    """An entry of ours opens in both cases, with its own fields; all else belongs to what is above it, and its
    failure is found there."""
    sample = SAMPLES[name]
    alone, below = read(sample), read(ABOVE + sample)
    assert below[0].method == "C.d"
    if name in ENTRIES:
        level, logger, method, lines = ENTRIES[name]
        assert below[0].body == "text above\n"
        for entry in (*alone, below[1]):
            assert (entry.level, entry.logger, entry.method) == (level, logger, method)
            assert (entry.time, entry.org, entry.env, entry.thread) == (None, None, None, "main")
        assert len(alone) == 1
        assert len(sample.splitlines()) == lines
    else:
        assert alone == []
        assert below[0].body.endswith(sample)
    expected = FAILURES.get(name, ("", ""))
    assert (found(tmp_path, sample), found(tmp_path, ABOVE + sample)) == expected


TIMER = "Apigee-Timer-7 WARN  ADAPTORS.HTTP.FLOW - LBServer.incrementFailureCount() : Max failure count(10)"


def test_what_a_time_makes_of_the_other_samples() -> None:
    """A1 with the time that the log has; below a header it is another entry, without one it goes on."""
    (above, entry) = read(f"{ABOVE}2026-11-23 00:00:02,000  {TIMER}\n")
    assert above.body == "text above\n"
    assert (entry.thread, entry.level, entry.method) == (
        "Apigee-Timer-7",
        "WARN",
        "LBServer.incrementFailureCount",
    )
    (whole,) = read(f"{ABOVE}{TIMER}\n")
    assert TIMER in whole.body


@pytest.mark.parametrize("prefix", ["  1> ", "INFO   | jvm 1    | main    | 2019/09/06 12:42:47.270 | "])
def test_prefixes_of_runners_and_wrappers(prefix: str, tmp_path: Path) -> None:
    """B4 and B10: where all lines have the prefix, it is taken off those below, too."""
    body = "Caused by: javax.net.ssl.SSLHandshakeException: null cert chain\n\tat a.B.c(D.java:1) ~[?:?]\n"
    entry = HEAD.format(s=1, ms=0, m="m-1", t="NIOThread@0") + "A.B - C.onException() : it failed\n" + body
    text = "".join(prefix + line for line in (entry + ABOVE).splitlines(keepends=True))
    assert found(tmp_path, text) == "no_client_certificate_received"


def test_causes_in_reverse_order(tmp_path: Path) -> None:
    """B5: the root cause stands first, what wrapped it below."""
    (tmp_path / "system.log").write_text(ABOVE + SAMPLES["B5"])
    (failure,) = logscan.report(tmp_path / "system.log", alert="all", each=True).failures
    assert failure.exception is not None
    assert failure.exception.type == "javax.net.ssl.SSLException"
    assert failure.exception.causes == (
        "java.net.ConnectException: Received fatal alert: handshake_failure to https://whereever.no/service",
    )
    assert failure.exception.frames[0] == "sun.security.ssl.Alerts.getSSLException(Alerts.java:208)"


@pytest.mark.parametrize(
    "line",
    [
        "\torg:o is a word",
        "    org:o env:e without a level",
        "         org: env: main INFO L - set in by nine",
    ],
)
def test_what_is_set_in_and_no_header(line: str) -> None:
    """Only a whole header opens an entry behind blanks, and behind few."""
    assert len(read(f"{ABOVE}{line}\n")) == 1
