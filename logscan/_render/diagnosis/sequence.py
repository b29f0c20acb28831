"""A handshake as a sequence diagram: in text, and as SVG."""

from __future__ import annotations

from html import escape

from logscan._evidence.capture.connection import CLIENT, Connection, Step
from logscan.shown import safe

CLOSED = "closed by the "
SHOWN = 24
"""Steps drawn; the middle of a longer handshake is left out, with a word."""


def _steps(connection: Connection) -> tuple[list[Step], int]:
    steps = list(connection.steps)
    if connection.closed_by:
        end = Step(
            connection.closed_packet,
            connection.ended,
            connection.closed_by,
            f"{CLOSED}{connection.closed_by}",
        )
        steps.append(end)
        steps.sort(key=lambda step: step.packet)
    if len(steps) <= SHOWN:
        return steps, 0
    return [*steps[: SHOWN - 8], *steps[-8:]], len(steps) - SHOWN


def _ends(connection: Connection) -> tuple[str, str]:
    client = f"{connection.client[0]}:{connection.client[1]}"
    server = f"{connection.server[0]}:{connection.server[1]}"
    return client, server


def as_text(connection: Connection, width: int = 78) -> list[str]:
    """The diagram in lines of text: the client left, the server right, packet numbers first."""
    steps, left_out = _steps(connection)
    client, server = _ends(connection)
    inner = min(max((len(safe(step.text)) for step in steps), default=20) + 6, max(30, width - 12))
    lines = [
        f"packet  {'client':<{inner // 2}}{'server':>{inner - inner // 2}}",
        f"        {client:<{inner // 2}}{server:>{inner - inner // 2}}",
    ]
    for number, step in enumerate(steps):
        if left_out and number == SHOWN - 8:
            lines.append(f"        {'… ' + str(left_out) + ' messages …':^{inner}}")
        text = safe(step.text)
        text = text if len(text) <= inner - 4 else text[: inner - 5] + "…"
        dashes = f" {text} ".center(inner - 1, "." if step.text.startswith(CLOSED) else "-")
        arrow = f"{dashes}>" if step.by == CLIENT else f"<{dashes}"
        lines.append(f"{step.packet:>6}  {arrow}")
    return lines


def as_svg(connection: Connection) -> str:
    """The diagram as a picture without scripts or outside references; colours follow the page's."""
    steps, left_out = _steps(connection)
    client, server = _ends(connection)
    rows = len(steps) + bool(left_out)
    width, row, top = 640, 34, 64
    height = top + rows * row + 24
    left, right = 90, width - 90
    parts = [
        f'<svg class="sequence" viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg"'
        f' aria-label="Sequence of the handshake between {escape(client)} and {escape(server)}">',
        f'<text class="end" x="{left}" y="22">client</text><text class="address" x="{left}"'
        f' y="40">{escape(client)}</text>',
        f'<text class="end" x="{right}" y="22">server</text><text class="address" x="{right}"'
        f' y="40">{escape(server)}</text>',
        f'<path class="line" d="M{left} 50V{height - 10}M{right} 50V{height - 10}"/>',
    ]
    at = top
    for number, step in enumerate(steps):
        if left_out and number == SHOWN - 8:
            parts.append(f'<text class="more" x="{width // 2}" y="{at + 12}">… {left_out} messages …</text>')
            at += row
        bad = "EMPTY" in step.text or "Alert (fatal)" in step.text
        kind = "closed" if step.text.startswith(CLOSED) else "bad" if bad else "usual"
        parts.append(_arrow(step, at, left, right, kind))
        at += row
    parts.append("</svg>")
    return "\n".join(parts)


def _arrow(step: Step, at: int, left: int, right: int, kind: str) -> str:
    forward = step.by == CLIENT
    start, end = (left, right) if forward else (right, left)
    tip = -9 if forward else 9
    shown = safe(step.text)
    shown = shown if len(shown) <= 62 else shown[:61] + "…"
    line = at + 18
    return (
        f'<g class="{kind}"><text class="message" x="{(left + right) // 2}"'
        f' y="{line - 5}">{escape(shown)}</text>'
        f'<text class="packet" x="{left - 12 if forward else right + 12}" y="{line + 4}"'
        f' text-anchor="{"end" if forward else "start"}">{step.packet}</text>'
        f'<path class="arrow" d="M{start} {line}H{end}m{tip} -4l{-tip} 4l{tip} 4"/></g>'
    )
