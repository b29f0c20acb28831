"""Distinct values: exact up to the limit, about beyond it, and the same in whatever order and parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logscan._failures.distinct import Distinct, Number, Values, hash_of


@given(st.lists(st.integers(0, 200), max_size=300), st.integers(0, 300), st.sampled_from([1, 5, 50, 1000]))
def test_parts_add_up(numbers: list[int], cut: int, most: int) -> None:
    """The whole, its parts in order, and its parts turned round."""
    results = []
    for parts in ([numbers], [numbers[:cut], numbers[cut:]], [numbers[cut:][::-1], numbers[:cut]]):
        ids, values = Distinct(most), Values(most)
        for part in parts:
            some, named = Distinct(most), Values(most)
            for number in part:
                some.add(hash_of(b"%d" % number))
                named.add(str(number))
            ids.merge(some)
            values.merge(named)
        results.append((ids.number(), values.number(), values.most(10)))
    assert results[0] == results[1] == results[2]
    different = len(set(numbers))
    assert results[0][0].exact == (different <= most)
    if different <= most:
        assert results[0][0].total == results[0][1].total == different


def test_the_kept_values_are_counted_exactly() -> None:
    values = Values(10)
    for number in range(5000):
        values.add(str(number % 100))
    assert set(values.counts.values()) == {50}
    assert len(values.most(100)) == 10


@pytest.mark.parametrize("count", [20_000, 100_000])
def test_an_estimate_is_near(count: int) -> None:
    """Within 5 %, six times its standard deviation; hashes are the same in every run."""
    ids = Distinct()
    for number in range(count):
        ids.add(hash_of(b"router01.example.com-%d" % number))
    number_of = ids.number()
    assert not number_of.exact
    assert abs(number_of.total - count) < count / 20
    assert len(ids._hashes) <= ids._most


def test_words() -> None:
    assert [str(Number(12345, True)), str(Number(12345, False))] == ["12,345", "about 12,345"]
