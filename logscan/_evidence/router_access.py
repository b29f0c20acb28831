"""The Router's access log (nginx): which requests failed, with which fault code, and whose they were.

Edge writes one line for a request, its parts separated by tabs (blanks, where somebody copied it from a
screen): time, client, Router, Message Processor, seconds, two dashes, status, that of the Message Processor,
sizes, request, message id, user agent, number of the request, ``X-Forwarded-For``, and what the Message
Processor says of a fault (flag, source, code …). Only lines of failed requests are looked at one by one.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from logscan._reading.unpack import ByteStream, open_bytes

BLOCK = 1 << 20
"""Bytes read at once."""
MAX_LINE = 1 << 16
"""Bytes of a line that is looked at."""
MAX_MESSAGES = 100_000
"""Failed requests kept by message id; all are counted."""
MAX_CLIENTS = 100_000
"""Different clients that are counted."""
MAX_CODES = 1_000
"""Different fault codes that are counted by name."""
OTHER = "(others)"

_SEP = rb"[\t ]{1,4}"
_LIST = rb"(?:[^\s,]{1,100}, ){0,20}[^\s,]{1,100}"
_TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)"


def _line(status: bytes) -> bytes:
    """The expression for a line up to its message id; ``status``: of the answer to the client."""
    word, size = rb"\S{1,60}", rb"[\d-]{1,20}"
    request = rb'"?(?P<request>[A-Z]{1,20} [^\t\n]{1,16000}? HTTP/\d(?:\.\d)?|-)"?'
    peer = rb"(?P<peer>[0-9A-Fa-f.:\[\]]{2,60})"
    parts = [
        rb"^(?P<time>" + _TIME + rb")", peer, rb"(?P<router>\S{1,255})", _LIST, rb"[\d.]{1,20}", word, word,
        rb"(?P<status>" + status + rb")", rb"(?P<upstream>" + _LIST + rb")", size, size, request,
        rb"(?P<message>\S{1,300})",
    ]  # fmt: skip
    return _SEP.join(parts)


_ANY = re.compile(_line(rb"\d{3}"), re.MULTILINE)
_FAILED = re.compile(_line(rb"[45]\d\d") + rb"(?P<rest>[^\n]{0,8000})", re.MULTILINE)
_CODE = re.compile(r"[a-z][A-Za-z0-9_-]{0,60}(?:\.[A-Za-z0-9_-]{1,80}){1,12}")
_CODES = (
    "messaging.", "protocol.", "policies.", "steps.", "apigee.", "oauth.", "keymanagement.", "flow.",
    "entities.",
)  # fmt: skip
"""Beginnings of fault codes: other words with dots are hosts, addresses and numbers of requests."""
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,60}")
_NAME = re.compile(r"([^~/\\]{1,200})~([^/\\]{1,200})\.(\d{1,5})#?_access_log")


@dataclass(frozen=True, slots=True)
class RouterRequest:
    """A request that failed."""

    message_id: str
    time: datetime | None
    """UTC."""
    client: str
    """The first address of ``X-Forwarded-For``, else the peer's."""
    request: str
    """Method and path, without the query."""
    status: int
    upstream_status: int | None
    """Of the Message Processor's last answer."""
    fault_code: str | None
    source: str
    line: int


@dataclass(slots=True)
class RouterCounts:
    """What the access logs of Routers come to. Everything is bounded."""

    requests: int = 0
    failed: int = 0
    """With status 400 or above."""
    by_status: Counter[int] = field(default_factory=Counter)
    """Failed ones."""
    by_code: Counter[str] = field(default_factory=Counter)
    """Failed ones with a fault code; codes after the first :data:`MAX_CODES` count as :data:`OTHER`."""
    clients: set[str] = field(default_factory=set)
    """Of failed requests: at most :data:`MAX_CLIENTS`."""
    more_clients: bool = False
    by_message: dict[str, RouterRequest] = field(default_factory=dict)
    left_out: int = 0
    """Failed requests that ``by_message`` does not hold."""
    not_understood: int = 0
    """Lines that are none of an access log."""
    first: datetime | None = None
    """UTC, of all requests."""
    last: datetime | None = None
    files: list[str] = field(default_factory=list)
    places: set[tuple[str, str]] = field(default_factory=set)
    """Organization and environment, where the names of files say them."""

    def of(self, message_ids: Iterable[str]) -> list[RouterRequest]:
        """The failed requests of messages."""
        return [self.by_message[name] for name in message_ids if name in self.by_message]


def is_router_access(head: bytes) -> bool:
    """Whether a file begins with a line of such a log."""
    start = len(head) - len(head.lstrip(b"\r\n"))
    return _ANY.match(head, start) is not None


def read_router_access(path: str, counts: RouterCounts) -> None:
    """Count a file.

    Args:
        path: the file, packed or not.
        counts: takes what is found.

    Raises:
        InputError: it cannot be opened.
    """
    stream = open_bytes(path)
    try:
        counts.files.append(path)
        named = _NAME.search(os.path.basename(path))
        if named is not None:
            counts.places.add((named[1], named[2]))
        count_requests(_blocks(stream), path, counts)
    finally:
        stream.close()


def count_requests(blocks: Iterable[bytes], source: str, counts: RouterCounts) -> None:
    """Count the lines of a text.

    Args:
        blocks: its bytes.
        source: where it stands, for a person.
        counts: takes what is found.
    """
    rest, line = b"", 1
    for block in blocks:
        data = rest + block
        end = data.rfind(b"\n") + 1 or (len(data) if len(data) > MAX_LINE else 0)
        line = _count(data[:end], line, source, counts)
        rest = data[end:]
    if rest:
        _count(rest + b"\n", line, source, counts)


def _count(data: bytes, line: int, source: str, counts: RouterCounts) -> int:
    at = 0
    lines, understood = data.count(b"\n"), 0
    last: re.Match[bytes] | None = None
    for last in _ANY.finditer(data):
        if not understood:
            _note_time(last["time"], counts)
        understood += 1
    if last is not None:
        _note_time(last["time"], counts)
    counts.requests += understood
    counts.not_understood += max(lines - understood, 0)
    for found in _FAILED.finditer(data):
        line += data.count(b"\n", at, found.start())
        at = found.start()
        _take(found, line, source, counts)
    return line + data.count(b"\n", at)


def _note_time(raw: bytes, counts: RouterCounts) -> None:
    time = _moment(raw.decode())
    if time is not None:
        counts.first = min(time, counts.first or time)
        counts.last = max(time, counts.last or time)


def _take(found: re.Match[bytes], line: int, source: str, counts: RouterCounts) -> None:
    text = {name: raw.decode("utf-8", "replace") for name, raw in found.groupdict().items()}
    status = int(text["status"])
    parts = [part.strip() for part in re.split(r"\t| {1,4}", text["rest"]) if part.strip()]
    code = next((part for part in parts if part.startswith(_CODES) and _CODE.fullmatch(part)), None)
    client = _client(text["rest"], text["peer"])
    counts.failed += 1
    counts.by_status[status] += 1
    if code is not None:
        known = code in counts.by_code or len(counts.by_code) < MAX_CODES
        counts.by_code[code if known else OTHER] += 1
    if client in counts.clients or len(counts.clients) < MAX_CLIENTS:
        counts.clients.add(client)
    else:
        counts.more_clients = True
    message = text["message"]
    if message == "-" or (message not in counts.by_message and len(counts.by_message) >= MAX_MESSAGES):
        counts.left_out += 1
        return
    upstream = text["upstream"].rpartition(" ")[2]
    path = text["request"].partition("?")[0].partition(" HTTP/")[0][:300]
    of_processor = int(upstream) if re.fullmatch(r"[1-5]\d\d", upstream) else None
    counts.by_message[message] = RouterRequest(
        message, _moment(text["time"]), client, path, status, of_processor, code, source, line
    )


def _client(rest: str, peer: str) -> str:
    """The client's address: as ``X-Forwarded-For`` after the number of the request says, else the peer's."""
    parts = rest.split("\t")
    if len(parts) > 4:  # message id's end, user agent, number of the request, X-Forwarded-For
        first = parts[3].partition(",")[0].strip()
        if _ADDRESS.fullmatch(first) and ("." in first or ":" in first):
            return first
    return peer.rpartition(":")[0].strip("[]") or peer


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _blocks(stream: ByteStream) -> Iterator[bytes]:
    buffer = bytearray(BLOCK)
    with memoryview(buffer) as view:
        while count := stream.readinto(view):
            yield bytes(view[:count])
