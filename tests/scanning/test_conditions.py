"""Searches by time, names, level, text and expression: they find what a plain reading of every entry finds."""

from __future__ import annotations

import fnmatch
import random
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

import logscan
from logscan._entries.layouts import LEVELS
from logscan._entries.parse import decode, parse
from logscan._jobs.search import conditions_of, find
from logscan._scanning import conditions
from logscan._scanning.expressions import required
from logscan._scanning.needles import HyperscanFinder, PlainFinder
from logscan._scanning.plan import Limits
from logscan.times import time_range
from logscan.values import Counters, Entry, Place, Span
from support.layouts import LAYOUTS, printed
from support.logs import CHANNEL, HEAD, HEADERS, NOISE, THROWN, logs, shared_out, storms
from support.mixed_layouts import mixed
from support.reference import split_entries

EXPRESSIONS = (
    "api:p1.*ERROR", "alert: (bad|unknown)", "Broken pipe|unknown_ca", "[A-Z]+ERT", "fatal alar?m", r"^\tat",
    r"unknown_ca\r?$", "wor(?:d )+", "x{0}Received{1,2}", "Received*", "(?i)broken", "(?-i:Broken)", r"\x42roken", "ünïc.dé",
    "(?!x)Broken|", "Ca[u-z]sed", r"p\d rev:1", "handshake  ?failed", "[[:upper:]]RROR", "(?:Broken ){e<=1}pipe", "pipe{2}",
    "a++lert: b", r"NIOThread@0 .*\n.*Exception", "m-[12] |m-0 ",
)  # fmt: skip
ASKED: dict[str, st.SearchStrategy[Any]] = {
    "proxy": st.sampled_from(["p1", "p*", "p0,p2", "?2", "P1", "nothing", "[!p]*"]),
    "env": st.sampled_from(["e", "prod", "*"]),
    "org": st.sampled_from(["o", "o*", "o1"]),
    "revision": st.sampled_from(["1", "2"]),
    "level": st.sampled_from(["ERROR", "warn+", "INFO,WARN", "TRACE"]),
    "logger": st.sampled_from(["HTTP.*", "HTTP.CLIENT", "*.FLOW", "X"]),
    "text": st.sampled_from(["bad_certificate", "Caused by", "ünïcödé", "Received fatal alert: bad", "ERROR", "word", "m-1"]),
    "regex": st.sampled_from(EXPRESSIONS),
    "since": st.sampled_from(["2026-11-23 00:00:00.010", "2026-11-23 00:00:02", datetime(2026, 11, 23)]),
    "until": st.sampled_from(["2026-11-23 00:00:02", "2026-11-24"]),
}  # fmt: skip
"""Keywords of a search, with values that some of the entries have."""


def plain(data: bytes, asked: dict[str, Any]) -> list[bytes]:
    """The entries that a plain reading finds: each is parsed, and each condition is tried."""
    times = time_range(asked.get("since"), asked.get("until"), "UTC")
    fold = asked.get("ignore_case", False)
    expression = regex.compile(asked.get("regex", ""), regex.MULTILINE | (regex.IGNORECASE if fold else 0))
    text = asked.get("text", "")

    def holds(span: Span, entry: Entry) -> bool:
        below = decode(span.data)
        return (
            all(
                any(fnmatch.fnmatchcase(getattr(entry, key) or "", name) for name in asked[key].split(","))
                for key in ("proxy", "env", "org", "revision", "logger")
                if key in asked
            )
            and ("level" not in asked or entry.level in levels(asked["level"]))
            and (text.casefold() in below.casefold() if fold else text.encode() in span.data)
            and expression.search(below) is not None
            and (not {"since", "until"} & set(asked) or bool(times.holds(entry.time, entry.zone)))
        )

    return [span.data for span in split_entries(data)[0] if holds(span, parse(span, Counters()))]


def levels(text: str) -> list[str]:
    """The levels of an option."""
    return list(LEVELS[LEVELS.index("WARN") :]) if text.upper() == "WARN+" else text.split(",")


def found(paths: Sequence[Path], asked: dict[str, Any], ids: Sequence[str] = (), **more: Any) -> list[bytes]:
    """The entries that a search finds, but for lines before the first."""
    asking: Any = {"tz": "UTC"} | asked
    entries = find(ids, [str(path) for path in paths], Counters(), conditions_of(asking), **more)
    return [one.span.data for one in entries if one.matches and not one.span.orphan]


@given(
    data=st.one_of(logs(), storms()),
    layout=st.sampled_from(["mixed", *LAYOUTS]),
    asked=st.lists(st.sampled_from(sorted(ASKED)), min_size=1, max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: ASKED[name] for name in names})
    ),
    fold=st.booleans(),
    block=st.integers(1, 3000),
    share=st.sampled_from([(1, 0), (2, 333)]),
    seed=st.integers(0, 99),
)
def test_search_equals_a_plain_reading(
    tmp_path_factory: pytest.TempPathFactory,
    data: bytes,
    layout: str,
    asked: dict[str, Any],
    fold: bool,
    block: int,
    share: tuple[int, int],
    seed: int,
) -> None:
    """Any conditions, in any layout, by any number of workers: whole entries, in the order of the log."""
    asked |= {"ignore_case": True} if fold and {"text", "regex"} & set(asked) else {}
    data = mixed(data, random.Random(seed)) if layout == "mixed" else printed(data, layout)
    path = tmp_path_factory.mktemp("asked") / "system.log"
    path.write_bytes(data)
    expected = plain(data, asked)
    with shared_out(*share):
        assert found([path], asked, limits=Limits(block=block, workers=share[0])) == expected
    assert found([path], asked, after=1) == expected
    of_message = [
        entry for entry in expected if parse(Span(entry, Place("", 0)), Counters()).message_id == "m-1"
    ]
    assert found([path], asked, ["m-1"]) == of_message


@given(expression=st.lists(st.sampled_from([*"ab.|()[]?*+{}\\^$,2", "(?:", "b{1,2}", "(?i)", "ab"]), max_size=9).map("".join),
       text=st.text("abAB2,", max_size=8))  # fmt: skip
def test_an_expression_never_matches_without_its_texts(expression: str, text: str) -> None:
    """Whatever can be compiled: where it matches, one of the texts stands that must."""
    try:
        matches = regex.compile(expression, regex.MULTILINE).search(text) is not None
    except regex.error:
        return
    for needles in required(expression):
        assert not matches or any(needle in text for needle in needles)


@pytest.mark.parametrize(
    ("expression", "texts"),
    [
        ("api:pay.*ERROR", [("api:pay",), ("ERROR",)]), ("ERROR|FATAL", [("ERROR", "FATAL")]),
        (r"a\.b(c|d)efgh", [("efgh",), ("a.b",)]), ("ab?", [("a",)]), ("a|b*", []), (r"\d+", []), ("(?i)ab", []),
        ("[ab]c{2}d", [("c",), ("d",)]), ("(a", []), ("x(?:y|z)?", [("x",)]),
    ],
)  # fmt: skip
def test_the_texts_of_an_expression(expression: str, texts: list[tuple[str, ...]]) -> None:
    """So that a search by an expression is as fast as by a text, where it can be."""
    assert required(expression) == texts


@given(data=st.binary(max_size=300), needles=st.lists(st.text("abKs ", min_size=1, max_size=3).map(str.encode), min_size=1, max_size=4))  # fmt: skip
def test_finders_without_regard_to_case(data: bytes, needles: list[bytes]) -> None:
    """Compiled or in Python alone: the same places."""
    buffer = bytearray(data + b"aBk S" + data)
    low = bytes(buffer).lower()
    wanted = {each.lower() for each in needles}
    expected = [to for to in range(len(low) + 1) if any(low.endswith(each, 0, to) for each in wanted)]
    for kind in (HyperscanFinder, PlainFinder):
        ends = kind(needles, caseless=True).find(buffer, 0, len(buffer))
        assert ends == sorted(ends)
        assert set(ends) <= set(expected)
        assert {low.count(b"\n", 0, to) for to in ends} == {low.count(b"\n", 0, to) for to in expected}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_condition_in_each_layout(layout: str, tmp_path: Path) -> None:
    """What is looked for stands in every layout, or all entries are judged."""
    lines = [
        HEAD.format(s=n, ms=n, a=n % 3, m=n % 4, t=n % 2) + text.format(m=1, c=n, reason="Received fatal alert: bad_certificate")
        for n in range(3)
        for text in (CHANNEL, THROWN, *NOISE)
    ]  # fmt: skip
    path = tmp_path / "system.log"
    path.write_bytes(data := printed("".join(lines).encode(), layout))
    for asked in (
        {"level": "ERROR"}, {"level": "WARN+"}, {"proxy": "p1"}, {"proxy": "p*", "level": "INFO"}, {"env": "e"}, {"org": "o"},
        {"revision": "1"}, {"logger": "HTTP.*"}, {"text": "bad_certificate"}, {"regex": "[A-Z]RROR.*alert"},
        {"since": "2026-11-23 00:00:01", "until": "2026-11-23 00:00:02"}, {"text": "CAUSED BY", "ignore_case": True},
    ):  # fmt: skip
        expected = plain(data, asked)
        assert found([path], asked) == expected
        assert expected or "since" in asked or layout.startswith(("no ", "empty "))


@pytest.mark.parametrize("letter", ["\u212a", "\u017f", "k", "S"])
def test_odd_letters_are_no_other_case(tmp_path: Path, letter: str) -> None:
    """The Kelvin sign and the long s are not found as k and s, by texts and expressions alike."""
    path = tmp_path / "a.log"
    path.write_text(HEADERS[0] + f"a{letter}b\n" + HEADERS[0] + "other ä\n")
    for asked in ({"text": "aKb"}, {"text": "asb"}, {"regex": "a[k]b"}, {"regex": "asB"}):
        expected = (
            letter.isascii()
            and letter.lower() == (asked.get("text") or asked["regex"].replace("[k]", "k"))[1].lower()
        )
        assert len(found([path], asked | {"ignore_case": True})) == expected
    assert len(found([path], {"text": "OTHER Ä", "ignore_case": True})) == 1


def test_an_expression_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry at which it does not come to an end is printed, counted and named; the search goes on."""
    monkeypatch.setattr(conditions, "EACH_SECONDS", 0.05)
    path = tmp_path / "a.log"
    path.write_text(HEADERS[0] + "a" * 5000 + "!\n" + HEADERS[0] + "aab\n" + HEADERS[0] + "c\n")
    results = logscan.search(paths=path, regex="(?:a|aa)+[b]")
    assert [one.span.data[-3:] for one in results] == [b"a!\n", b"ab\n"]
    assert results.counters.not_understood == 1
    assert "took more than 0.05 s" in str(results.problems[0])


def test_a_time_without_text_skips_what_report_skips(tmp_path: Path) -> None:
    """Of a log of 8 MiB only the part around the time is read, and all entries of it are given."""
    path = tmp_path / "system.log"
    line = (
        "2026-11-{day:02} {hour:02}:00:00,000 org:o env:e api:p rev:1 messageid:m-{n} main INFO L - "
        + "x" * 900
        + "\n"
    )
    path.write_text("".join(line.format(day=1 + n // 480, hour=n // 20 % 24, n=n) for n in range(9600)))
    results = logscan.search(paths=path, around="2026-11-10 03:00", within="1s", tz="UTC")
    assert len(list(results)) == 20
    assert results.counters.skipped_bytes > 6 << 20


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "nothing is asked for"), ({"level": "LOUD"}, "LOUD: no such level"), ({"regex": "("}, "missing )"),
        ({"around": "3:14", "since": "-2h"}, "excludes since and until"), ({"around": "3:14", "within": "x"}, "within x"),
        ({"within": "5m"}, "belongs to around"), ({"ignore_case": True}, "belongs to text or regex"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(tmp_path: Path, asked: dict[str, Any], message: str) -> None:
    """It is refused before anything is read."""
    with pytest.raises(logscan.UsageError, match=re.escape(message)):
        logscan.search(paths=tmp_path, **asked)
