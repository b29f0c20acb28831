"""Answers of hosts in which some values are others: each reader returns, or raises what it documents."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.targets import TARGETS, replay

NASTY: st.SearchStrategy[Any] = st.sampled_from([
    None, True, False, -1, 0, 1, 7, 1 << 31, 1 << 53, (1 << 62) - 1, 1 << 62, 1 << 63, (1 << 64) - 1, 10**400,
    -(1 << 63), 253_402_300_799_999_999, -62_135_596_800_000_000, 1.5, "", "a", "\0", "a\0b\0c", "\ud800", "\udc80",
    "\x1b[31m", "x" * 9000, "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "2026-11-23T00:00:00+00:00",
    [], [[]], [[], 0], [["a", 1]], {}, {"a": 1}, "host", "null", "entries", "limit", "end", "A" * 16, "AAAAAAAAAAA=",
])  # fmt: skip


def places(value: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a value."""
    found = [where] if where else []
    for step in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found += places(value[step], (*where, step))
    return found


@pytest.mark.parametrize("name", ["tallies", "rows", "agent"])
@given(data=st.data())
def test_other_values(name: str, data: st.DataObject) -> None:
    """Nasty values, those of other places, frames twice, frames in another order."""
    (_, seed), *_ = replay(name)
    frames = [json.loads(line) for line in seed.splitlines()]
    for _ in range(data.draw(st.integers(1, 3))):
        *steps, last = data.draw(st.sampled_from(places(frames)))
        held: Any = frames
        for step in steps:
            held = held[step]
        kind = data.draw(st.integers(0, 4))
        if kind == 0:
            other: Any = frames
            for step in data.draw(st.sampled_from(places(frames))):
                other = other[step]
            held[last] = copy.deepcopy(other)
        elif kind == 1 and isinstance(held, list):
            held.insert(last, copy.deepcopy(held[last]))
        elif kind == 2 and isinstance(held, list) and len(held) > 1:
            del held[last]
        elif kind == 3 and not steps:
            frames.append(frames.pop(last))
        elif kind == 4 and type(held[last]) is int:
            held[last] += data.draw(st.sampled_from([-1, 1, 1000, -(10**15), 10**15]))
        else:
            held[last] = data.draw(NASTY)
        if not frames:
            break
    TARGETS[name]("\n".join(json.dumps(each) for each in frames).encode())
