"""Logs in which others wrote every field, and a checker for each medium that shows them."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from support.command import DATA

HEADER = ("message_id", "proxy", "org", "env", "revision")
"""Fields of the header, in which no blank can stand."""
FIELDS = (*HEADER, "alias", "keystore", "truststore", "server", "reason", "file")
ROWS = (DATA / "hostile" / "strings.tsv").read_text(encoding="ascii").splitlines()


class Attack(NamedTuple):
    """A row of the table."""

    name: str
    kind: str
    text: str


ATTACKS = [
    Attack(name, kind, json.loads(text))
    for name, kind, text in (row.split("\t") for row in ROWS if not row.startswith("#"))
]
INVISIBLE = {c for attack in ATTACKS if attack.kind == "invisible" for c in attack.text if not c.isascii()}


def line_of(number: int, field: str, text: str) -> str:
    """The entries of one failed handshake, with a text in one field."""
    if field in HEADER:
        text = re.sub(r"\s", "_", text)
    values = {
        "message_id": f"m-{number}", "proxy": "p", "org": "o", "env": "e", "revision": "1", "alias": "a", "keystore": "k",
        "truststore": "t", "server": "10.0.0.1", "reason": "",
    }  # fmt: skip
    values[field] = f"{text}-{number}" if field == "message_id" else text
    head = (
        "2026-11-23 02:{:02}:{:02},000 org:{org} env:{env} api:{proxy} rev:{revision} messageid:{message_id} NIOThread@0 ERROR"
        " HTTP.CLIENT - HTTPClient$Context.handshakeFailed() : "
    ).format(number // 60 % 60, number % 60, **values)  # fmt: skip
    return (
        head + "SSLClientChannel[C:{server}:443 Remote host:0.0.0.0:50100]@{number} useCount=1 bytesRead=0 bytesWritten=0"
        " age=5ms  lastIO=5ms  isOpen=true handshake failed, message: Received fatal alert: bad_certificate {reason}\n"
        .format(number=number, **values)
        + head + "SSLInfo: KeyStore:{keystore} KeyAlias:{alias} TrustStore:{truststore}\n".format(**values)
    )  # fmt: skip


def written(folder: Path) -> int:
    """Write every attack in every field into the logs of a folder; the number of failed handshakes."""
    number = 0
    lines = []
    for attack in ATTACKS:
        for field in FIELDS[:-1]:
            lines.append(line_of(number, field, attack.text))
            number += 1
        if attack.kind in ("bytes", "long"):
            continue
        name = re.sub(r"[/\0]", "_", attack.text)
        (folder / f"{name}.log").write_text(line_of(number, "proxy", "in-a-file"), encoding="utf-8")
        number += 1
    (folder / "system.log").write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
    return number


def unsafe(text: str, kept: str = "\n\t") -> set[str]:
    """Characters that must not reach a terminal, by the Unicode database and by eye."""
    bad = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")
    return {c for c in set(text) if c not in kept and (unicodedata.category(c) in bad or c in INVISIBLE)}


OWN = re.compile(r"\x1b\[(?:0|[1-4]|3[1-6]|1;3[1-6])?m")
"""The colours of logscan itself."""


def check_terminal(data: bytes, *, colour: bool = False) -> str:
    """Nothing of others moves, colours or hides; the text without logscan's own colours."""
    text = data.decode()
    if colour:
        text = OWN.sub("", text)
    assert unsafe(text) == set()
    return text


def check_csv(data: bytes) -> list[list[str]]:
    """Rows of equal length, no cell a formula."""
    text = check_terminal(data.replace(b"\r\n", b"\n"))
    rows = list(csv.reader(io.StringIO(text)))
    assert len({len(row) for row in rows}) == 1
    cells = [cell for row in rows for cell in row]
    assert [
        cell for cell in cells if cell.strip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") and cell
    ] == []
    return rows


def check_json(data: bytes) -> Any:
    """One value, with every unsafe character escaped."""
    assert unsafe(data.decode(), "\n") == set()
    return json.loads(data)


def check_json_lines(data: bytes) -> list[Any]:
    """A value on each line."""
    assert unsafe(data.decode(), "\n") == set()
    return [json.loads(line) for line in data.decode().split("\n") if line]


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.depth = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found |= {tag} | {f"{tag} {name}" for name, _ in attributes}

    def handle_comment(self, data: str) -> None:
        self.found.add(f"comment {data}")


def elements(page: str) -> set[str]:
    """The elements of a page, and their attributes."""
    parser = _Elements()
    parser.feed(page)
    parser.close()
    return parser.found


def check_html(data: bytes, own: set[str]) -> str:
    """No element, attribute or comment that the page of a harmless log could not have."""
    page = data.decode()
    assert unsafe(page) == set()
    assert elements(page) <= own
    return page
