"""JSON from outside, without its dangers: bounded values, no depth that raises, no half characters."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_VALUES = 5_000_000
"""Values of one text, about: more would need more memory than a diagnosis is worth."""
_BOM = b"\xef\xbb\xbf"
_HALF = re.compile("[\ud800-\udfff]")


def begin_of(data: bytes) -> bytes:
    """A text without the byte order mark and blanks that some tools write before it."""
    return data.removeprefix(_BOM).lstrip()


def read_json(data: bytes) -> Any:
    """The value of a text.

    Raises:
        ValueError: it is no JSON, is nested too deep, or holds too many values.
    """
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES:,} values of JSON: not read")
    try:
        answer = json.loads(begin_of(data))
    except RecursionError as error:
        raise ValueError("JSON nested too deep") from error
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    return _whole(answer) if b"\\ud" in data or b"\\uD" in data else answer


def _whole(answer: Any) -> Any:
    """A value in which halves of characters (lone surrogates) are replaced: no output can encode them."""
    top = [answer]
    waiting: list[Any] = [top]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            pairs = [(_HALF.sub("\ufffd", name), value) for name, value in item.items()]
            item.clear()
            item.update(pairs)
        for place, value in item.items() if isinstance(item, dict) else enumerate(item):
            if isinstance(value, str):
                item[place] = _HALF.sub("\ufffd", value)
            elif isinstance(value, list | dict):
                waiting.append(value)
    return top[0]
