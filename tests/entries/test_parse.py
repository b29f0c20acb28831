"""The grammar, line by line: every header variant that the evidence shows."""

from __future__ import annotations

import re
import textwrap
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._entries import parse as entries
from logscan._entries.layouts import LAYOUTS, PLAIN, Layout
from logscan._entries.openers import layout_of
from logscan._entries.parse import decode, header_id, parse, parse_entry
from logscan.values import Counters, Entry, Place, Span
from support.command import DATA
from support.reference import split_entries

CALL = "HTTPClient$Context.handshakeFailed"
FULL = (
    "2017-10-23 05:28:57,813 org:org-name env:env-name api:apiproxy-name rev:12 messageid:m-1 NIOThread@0"
    " ERROR HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : text here"
)


def read(text: str | bytes, counters: Counters | None = None) -> Entry:
    data = text if isinstance(text, bytes) else text.encode()
    return parse(Span(data, Place("x", 0)), counters or Counters())


@pytest.mark.parametrize(
    ("layout", "sample"),
    [pytest.param(layout, sample, id=f"{layout.name}-{at}") for layout in LAYOUTS
     for at, sample in enumerate(layout.samples)],
)  # fmt: skip
def test_layouts_open_at_their_samples(layout: Layout, sample: bytes) -> None:
    """Each layout's own samples open an entry in it and are recognised as it."""
    assert layout.opener.match(sample)
    assert layout_of(sample) is layout


@pytest.mark.parametrize(
    "line",
    [
        "\tat java.base/sun.security.ssl.Alert.createSSLException(Alert.java:131)",
        "at sun.security.ssl.Alerts.getSSLException(Alerts.java:208) ~[na:1.8.0_101]",
        "Caused by: java.security.KeyStoreException: Cannot overwrite own certificate",
        "\tSuppressed: javax.net.ssl.SSLHandshakeException: General SSLEngine problem",
        "... 20 common frames omitted",
        "javax.net.ssl.SSLException: Received fatal alert: bad_certificate",
        "rev:revision-number messageid:message_id NIOThread@0 ERROR HTTP.CLIENT - x",
        "",
        "2026 was a year",
        "10:45 the ERROR was seen - in prose",
        "2017-10-23 05:28:57 is when it began",
    ],
)
def test_continuation_lines_open_nothing(line: str) -> None:
    """What stands under an entry does not begin one."""
    assert not PLAIN.opener.match(line.encode())


def test_a_full_header() -> None:
    """All parts of a header, and the class and method that logged."""
    assert read(FULL) == Entry(
        datetime(2017, 10, 23, 5, 28, 57, 813000), None, "org-name", "env-name", "apiproxy-name", "12",
        "m-1", "NIOThread@0", "ERROR", "HTTP.CLIENT", CALL, "text here", Place("x", 0),
    )  # fmt: skip


@pytest.mark.parametrize("gap", [" ", "  "])
@pytest.mark.parametrize("missing", ["", "org", "env", "api", "rev", "messageid", "api rev messageid",
                                     "org env api rev messageid"])  # fmt: skip
@pytest.mark.parametrize("thread", ["NIOThread@7", "Apigee-Main-87446", "pool-47-thread-4",
                                    "qtp2007599722-712162", "main", "RMI TCP Connection(2)-10.0.0.1"])  # fmt: skip
def test_any_subset_of_context_and_any_thread(gap: str, missing: str, thread: str) -> None:
    """Context fields are optional, each by itself; blanks vary; threads may have any name."""
    values = {"org": "o", "env": "e", "api": "a", "rev": "3", "messageid": "rrt-1_+x"}
    kept = {key: value for key, value in values.items() if key not in missing.split()}
    context = "".join(f" {key}:{value}" for key, value in kept.items())
    entry = read(f"2026-11-23 01:02:03,004{context}{gap}{thread} WARN c.a.p.h.d.DNSCachedAddress - A.b() : t")
    assert entry.thread == thread
    assert (entry.org, entry.env, entry.proxy, entry.revision, entry.message_id) == tuple(
        kept.get(key) for key in values
    )
    assert (entry.level, entry.logger, entry.method, entry.body) == (
        "WARN", "c.a.p.h.d.DNSCachedAddress", "A.b", "t",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stamp", "time", "zone"),
    [
        ("2026-11-23 01:02:03,004", datetime(2026, 11, 23, 1, 2, 3, 4000), None),
        ("2026-11-23 01:02:03.004 UTC", datetime(2026, 11, 23, 1, 2, 3, 4000), "UTC"),
        ("2026-11-23 01:02:03", datetime(2026, 11, 23, 1, 2, 3), None),
        ("2026-11-23T01:02:03.004Z", datetime(2026, 11, 23, 1, 2, 3, 4000), "Z"),
        ("2026-11-23 01:02:03,004 +0200", datetime(2026, 11, 23, 1, 2, 3, 4000), "+0200"),
        ("2026-11-23 01:02:03,004123", datetime(2026, 11, 23, 1, 2, 3, 4123), None),
    ],
)
def test_times(stamp: str, time: datetime, zone: str | None) -> None:
    """Comma or dot, with or without milliseconds and zone."""
    entry = read(f"{stamp} org:o env:e qtp1-2 ERROR REST - x")
    assert (entry.time, entry.zone, entry.org) == (time, zone, "o")


@pytest.mark.parametrize(
    "stamp",
    ["2026-13-45 01:02:03,004", "2O26-11-23 01:02:03,004", "23/11/26 1:02:03", "2026-11-23 24:00:00,000"],
)
def test_a_time_that_cannot_be_read_is_counted(stamp: str) -> None:
    """The entry is kept with its fields, without a time."""
    line = f"{stamp} org:o env:e api:a rev:1 messageid:m main ERROR L - x"
    counters = Counters()
    entry = read(line, counters)
    assert PLAIN.opener.match(line.encode())
    assert (entry.time, entry.org, entry.message_id, counters.bad_times) == (None, "o", "m", 1)


def test_without_a_time() -> None:
    """The 502 playbook prints a line from ``org:`` on."""
    (span,), orphans = split_entries((DATA / "log/mp_ssl_handshake_timeout_502.txt").read_bytes())
    entry = read(span.data)
    assert (entry.time, entry.message_id, entry.method) == (
        None, "<MESSAGE_ID>", "HTTPClient$Context.handshakeTimeout",
    )  # fmt: skip
    assert entry.text.startswith("SSLClientChannel[Connected: Remote:X.X.X.X:443 Local:X.X.X.X]@739028")
    assert orphans == 1  # the line that names the source


@given(st.integers(36, 160))
def test_hard_wrapped_at_any_width(width: int) -> None:
    """One entry spread over lines by a mail says what it said on one line."""
    text = FULL.replace(
        "text here", "SSLInfo: KeyStore:java.security.KeyStore@52de60d9 KeyAlias:k TrustStore:null"
    )
    wrapped = "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))
    first = wrapped.split("\n")[0]
    assert PLAIN.opener.match((first + "\n").encode())
    one, other = read(text), read(wrapped)
    assert other._replace(body="") == one._replace(body="")
    assert other.body.split() == one.body.split()


def test_a_wrapped_stack_trace_keeps_its_frames() -> None:
    """Prose is joined, frames stay lines."""
    spans, _ = split_entries((DATA / "log/mp_ssl_bad_certificate_playbook.txt").read_bytes())
    entry = read(spans[2].data)
    assert entry.text == "RequestWriteListener.onException(HTTPRequest@6071a73d)"
    assert entry.continuation.splitlines()[0].startswith("javax.net.ssl.SSLException: Received")
    assert len(entry.continuation.splitlines()) == 13


@pytest.mark.parametrize(
    ("prefix", "below"),
    [
        ("logs/system.log:12:", "logs/system.log-13-"),
        ("12:", "13-"),
        ("system.log:", "system.log-"),
        ("Nov 23 05:28:57 mp01 apigee[77]: ", "Nov 23 05:28:58 mp01 apigee[77]: "),
        ("<13>1 2026-11-25T00:00:00Z mp01 apigee - - ", "<13>1 2026-11-25T00:00:01Z mp01 apigee - - "),
    ],
)
def test_prefixes_are_taken_off(prefix: str, below: str) -> None:
    """What grep or a shipper put in front is not part of the entry, nor of its continuation lines."""
    entry = read(f"{prefix}{FULL}\n{below}\tat a.b.C(D.java:1)\n")
    plain = read(f"{FULL}\n\tat a.b.C(D.java:1)\n")
    assert entry == plain


def test_a_northbound_line_has_its_id_in_the_text() -> None:
    """HTTPServer$Context logs ``Message id:`` in front of the channel."""
    entry = read(
        "2026-11-23 01:02:03,004 main ERROR HTTP.SERVER - HTTPServer$Context.x() : Message id:abc-1 C"
    )
    assert entry.message_id == "abc-1"


def test_undecodable_bytes_stay_visible() -> None:
    """Bytes become text at one place; what is no UTF-8 is shown."""
    assert decode(b"caf\xe9 \xff\r\nx") == "caf\\xe9 \\xff\nx"
    assert read(FULL.encode() + b" \xe9").body == "text here \\xe9"


def test_nul_bytes_and_byte_order_marks_in_front() -> None:
    """What copytruncate or an editor left does not hide an entry."""
    assert read(b"\0\0\0" + FULL.encode()).org == "org-name"
    assert read(b"\xef\xbb\xbf" + FULL.encode()).org == "org-name"


def test_a_header_that_cannot_be_read_is_kept_and_counted() -> None:
    """An opener whose header never comes."""
    counters = Counters()
    entry = read("2017-10-23 05:28:57,813 org:o env:e and then nothing of the sort", counters)
    assert counters.unparsed_entries == 1
    assert entry.body.endswith("nothing of the sort")


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30),
    st.sampled_from(["", "org:o ", "org:o env:e api:a rev:2 messageid:x-1 "]),
)
def test_the_fast_header_agrees_with_the_whole_grammar(text: str, context: str) -> None:
    """The usual header's shortcut gives what the grammar gives."""
    line = f"2026-11-23 01:02:03,004 {context}NIOThread@1 INFO HTTP.CLIENT - A$B.c() : {text}"
    fast = read(line)
    usual = entries._USUAL
    try:
        entries._USUAL = re.compile("(?!)")  # nothing is usual
        slow = read(line)
    finally:
        entries._USUAL = usual
    assert slow == fast


@given(st.binary(max_size=300))
def test_nothing_makes_the_grammar_raise(data: bytes) -> None:
    """Hostile bytes give an entry, never an exception."""
    read(data)
    read(FULL.encode() + data)
    layout_of(data)


def test_the_id_of_the_header_comes_before_one_in_the_text() -> None:
    assert read(FULL.replace("text here", "Message id:m-2 x")).message_id == "m-1"
    assert (
        read(FULL.replace(" messageid:m-1", "").replace("text here", "Message id:m-2 x")).message_id == "m-2"
    )


def test_the_public_function_takes_text_bytes_and_spans() -> None:
    """Bytes that are no UTF-8 come through a str as they went in."""
    data = FULL.encode() + b" \xff"
    for entry in (data, data.decode("utf-8", "surrogateescape"), Span(data, Place("", 0))):
        assert parse_entry(entry) == parse(Span(data, Place("", 0)), Counters())
    assert parse_entry("no header").text == "no header"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (FULL, b"m-1"),
        (FULL.replace("messageid:m-1", "messageid:m-1\tx"), b"m-1"),
        (FULL.replace("messageid:m-1", "messageid: m-1"), None),  # an empty value: the grammar decides
        (FULL.replace(" messageid:m-1", ""), None),
        (FULL.replace(" messageid:m-1", "") + " messageid:m-2", None),  # in the text
        (FULL.replace("org:", "x" * 3000 + " org:"), None),  # too far
        (FULL.replace("m-1", "m" * 2000), None),  # longer than what is looked at
        ("messageid:", None),
    ],
)
def test_the_id_of_a_header_without_the_grammar(header: str, expected: bytes | None) -> None:
    """Where it answers, the grammar answers the same."""
    assert header_id(header.encode()) == expected
    if expected is not None:
        assert read(header).message_id == expected.decode()
