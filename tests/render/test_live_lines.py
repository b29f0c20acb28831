"""Lines of tail: whole in a pipe; on a terminal no longer than it is wide, with alert and id."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import logscan
from logscan._render.fit import width_of
from logscan._render.live_lines import failure_line, repeated_line
from logscan.values import FailedHandshake, Place
from support.lines import ONE

NAME = "router01.example.com-6402-100004-1"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> FailedHandshake:
    """One with all its parts."""
    log = tmp_path_factory.mktemp("lines") / "system.log"
    log.write_text(ONE.replace("m-1", NAME))
    (made,) = logscan.failures([log])
    return made


@pytest.mark.parametrize("width", range(50, 200, 7))
def test_it_fits(whole: FailedHandshake, width: int) -> None:
    """Alert and id are whole at any width; the least important parts go first, with a mark."""
    line = failure_line(whole, width)
    assert "bad_certificate" in line
    assert line.endswith(f"messageid:{NAME}")
    least = len("bad_certificate") + 2 + len(f"messageid:{NAME}")
    assert width_of(line) <= max(width, least)
    assert ("…" in line) or line == failure_line(whole) or width < 90


def test_a_pipe_has_every_value(whole: FailedHandshake) -> None:
    """Whatever its length."""
    line = failure_line(whole._replace(proxy="p" * 500))
    assert "p" * 500 in line
    assert "alias" in line


@given(st.text(max_size=80), st.text(max_size=80), st.integers(20, 150))
def test_any_names(proxy: str, org: str, width: int) -> None:
    """No name makes a line longer than the terminal, or shows what moves a cursor."""
    failure = FailedHandshake(
        datetime(2026, 11, 23), None, org, "e", proxy, "1", "m-1", "t", "bad_certificate",
        ("client-certificate",), "southbound", "peer", proxy, None, None, None, "mp", Place("x", 1),
    )  # fmt: skip
    for line in (failure_line(failure, width), repeated_line(failure, 412, 10, width)):
        assert line.replace("…", "").isprintable()
        assert width_of(line) <= max(width, 60)


def test_more_like_this(whole: FailedHandshake) -> None:
    """As people read it."""
    line = repeated_line(whole, 1_412, 9.8)
    assert line == "… 1,412 more like this in 10 s: bad_certificate a (e) → 10.1.2.3:443"
