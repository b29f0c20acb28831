"""Failed handshakes as lines of ``tail``: whole in a pipe, as wide as the terminal on one."""

from __future__ import annotations

from logscan._render.fit import GAP, LEAST, cut_to, width_of
from logscan._render.text import show_time
from logscan.shown import safe
from logscan.values import FailedHandshake

DROPPED = ("keystore", "reason", "side", "revision")
"""Parts of a line that a narrow terminal does without, the least important first."""


def failure_line(failure: FailedHandshake, width: int | None = None, *, names_host: bool = False) -> str:
    """One failed handshake on one line.

    Args:
        width: columns of the terminal; ``None``: the line is whole. Alert and message id are never cut: a
            line that they alone fill is longer than this.
        names_host: several hosts are followed.
    """
    parts = {
        "time": show_time(failure.time, milliseconds=True),
        **({"host": failure.host} if names_host else {}),
        "alert": failure.alert,
        "where": "/".join(part or "-" for part in (failure.org, failure.env, failure.proxy)),
    }
    if failure.revision:
        parts["revision"] = f"rev:{failure.revision}"
    if failure.target:
        parts["target"] = f"{'from' if failure.side == 'northbound' else 'to'} {failure.target}"
    if failure.side == "northbound":
        parts["side"] = "northbound"
    info = failure.ssl_info
    if info is not None:
        parts["keystore"] = (
            "no keystore"
            if info.keystore == "null"
            else f"keystore {info.keystore.removeprefix('java.security.')} alias {info.key_alias}"
        )
    if failure.alert not in failure.reason:
        parts["reason"] = f"“{failure.reason}”"
    parts["id"] = f"messageid:{failure.message_id or '-'}"
    if width is None:
        return safe("  ".join(parts.values()))
    return _fitted({name: _one_line(text) for name, text in parts.items()}, failure, width)


def repeated_line(failure: FailedHandshake, count: int, seconds: float, width: int | None = None) -> str:
    """How many more failures there were like one: ``… 412 more like this in 10 s: bad_certificate …``.

    Args:
        failure: one of them.
        count: their number.
        seconds: within which they came.
        width: columns of the terminal; ``None``: the line is whole.
    """
    arrow = "←" if failure.side == "northbound" else "→"
    where = f"{failure.proxy or '-'} ({failure.env or '-'})"
    target = f" {arrow} {failure.target}" if failure.target else ""
    begin = f"… {count:,} more like this in {max(1, round(seconds))} s: {failure.alert}"
    if width is None:
        return safe(f"{begin} {where}{target}")
    begin = _one_line(begin)
    return f"{begin} {cut_to(_one_line(where + target), max(1, width - width_of(begin) - 1))}"


def _one_line(text: str) -> str:
    return safe(text).replace("\t", " ")


def _fitted(parts: dict[str, str], failure: FailedHandshake, width: int) -> str:
    """The parts that a width has space for."""

    def missing() -> int:
        return sum(width_of(text) + GAP for text in parts.values()) - GAP - width

    for name in DROPPED:
        if missing() > 0 and name in parts:
            del parts[name]
            parts["more"] = "…"
            parts["id"] = parts.pop("id")  # it stays the last one
    if missing() > 0:
        parts["where"] = _one_line(f"{failure.env or '-'}/{failure.proxy or '-'}")
    if missing() > 0:
        parts["time"] = show_time(failure.time)[11:] or "-"
    for name in ("target", "where"):
        if (over := missing()) > 0 and name in parts:
            parts[name] = cut_to(parts[name], max(LEAST, width_of(parts[name]) - over))
    for name in ("more", "target", "time", "where"):
        if missing() > 0:
            parts.pop(name, "")
    return (" " * GAP).join(parts.values())
