"""Lines: what one entry says of a failed handshake: its channel, its SSLInfo, its exception.

Each kind of line is read by a general expression, wrapped or not; the usual form of the most frequent one has
a short cut. Whether a text names a failure is the catalogue's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from logscan._failures import catalog
from logscan.values import Channel, Entry, SslInfo, ThrownException

TOP_FRAMES = 5
"""Stack frames kept of an exception."""
MAX_CAUSES = 16
"""``Caused by`` lines kept of an exception."""
LONGEST_REMEMBERED = 16 << 10
"""Characters of texts whose meaning is remembered; longer ones are read each time."""
_NUMBER = r"[0-9]{1,18}"
"""A number that all columns can hold. Longer ones are not read: nobody counts so far."""
_PORT = r"[0-9]{1,5}"
# Each part is looked for after the one before it, so that all text is passed once.
_CHANNEL = re.compile(r"((?:SSL)?ClientChannel)\[")
_CHANNEL_ENDS = re.compile(rf"\]@({_NUMBER}+)(?![0-9])([^\n]*+(?:\n[^\n]*+){{0,3}}+)")
_DESCRIBED = (
    rf"((?:SSL)?ClientChannel)\[(?:C:([0-9.]++):({_PORT}) Remote host:([0-9.]++):({_PORT})"
    rf"|\w++: Remote:([0-9.]++):({_PORT}) Local:([0-9.]++)(?::({_PORT}))?)\]@({_NUMBER})"
    rf" useCount=({_NUMBER}) bytesRead=({_NUMBER}) bytesWritten=({_NUMBER}) age=({_NUMBER})ms ++"
    rf"lastIO=({_NUMBER})ms *+(?:isOpen=(true|false) *+)?+"
)
_CONNECTION = re.compile(_DESCRIBED + r"\Z")
_USUAL = re.compile(_DESCRIBED + r"handshake failed, message: ([^\n]++)\n?\Z")
"""An opening line as Message Processors write it, and its description of a connection: a fast way for most
of them. It gives what the general expressions give (a test holds them together)."""
_OLD_ENDS = re.compile(r"C:\s?(?P<a>.*?)(?<!\s)\s++Remote host:\s?(?P<b>.*)", re.DOTALL)
_NEW_ENDS = re.compile(r"\w++:\s++Remote:\s?(?P<a>.*?)(?<!\s)\s++Local:\s?(?P<b>.*)", re.DOTALL)
_NUMBERS = re.compile(r"\b(useCount|bytesRead|bytesWritten|age|lastIO|isOpen)=(\w++)")
_KEYSTORE = re.compile(r"SSLInfo:\s*+KeyStore:")
_KEY_ALIAS = re.compile(r"(?<=\s)KeyAlias:")
_TRUSTSTORE = re.compile(r"(?<=\s)TrustStore:(\S*+)")
_MESSAGE = re.compile(r"handshake\s++failed,\s++message:\s*+(.*+)")
_OBJECT = re.compile(r"\b(HTTPRe(?:quest|sponse))@(\w{1,64}+)")
_TYPE = r"(?:[a-zA-Z_$][\w$]*+\.)++[\w$]++"
_EXCEPTION = re.compile(
    rf"^[ \t]*+(?:Exception in thread \"[^\"\n]*+\" |(?:Caused|Wrapped) by: )?+({_TYPE})"
    r"(?::[ \t]?+(.*+)|[ \t]*+)$",
    re.MULTILINE,
)
_INLINE = re.compile(
    # It begins where names begin: a name of many parts is not looked at again from each of them.
    rf"(?:(?<![\w$.])|(?<=\.\.))({_TYPE}(?:(?<=[\w$]Exception)|(?<=[\w$]Error)|(?<=TlsFatalAlert)|(?<=TlsFatalAlertReceived)))"
    r":?\s(.*+)"
)
_CAUSE = re.compile(r"^([ \t]*+)(Caused by|Wrapped by|Suppressed): *+(.*+)$", re.MULTILINE)
_FRAME = re.compile(r"^[ \t]*+at ([^\s(]++\([^)\n]*+\))", re.MULTILINE)
_FRAME_BELOW = re.compile(r"\n*+[^\S\n]*+at ")
_TLS_TYPE = re.compile(
    r"\bjavax\.net\.ssl\.SSL\w*+(?:(?<=Exception)|(?<=Error))|\borg\.bouncycastle\.(?:crypto\.)?+tls\.TlsFatalAlert"
)
_SEVERE = frozenset(("WARN", "ERROR", "FATAL", None))
_EPHEMERAL = 32768


class Line(NamedTuple):
    """What the text of one entry says of a failed handshake."""

    side: str = "southbound"
    opens: bool = False
    """The line with which a failed handshake begins: it never continues another."""
    channel: Channel | None = None
    message: str = ""
    """The reason in the opening line's own words."""
    ssl_info: SslInfo | None = None
    exception: ThrownException | None = None
    naming: catalog.Naming | None = None
    tls: bool = True
    """Whether it shows a TLS failure by itself, and not only next to one."""
    objects: tuple[tuple[str, str], ...] = ()
    """The request or response objects that it names, with their identity hashes."""


def read_line(entry: Entry, neighbours: bool = False) -> Line | None:
    """What one entry says of a failed handshake; ``None`` when it says nothing of one."""
    method, body = entry.method or "", entry.body
    if "SSLInfo:" in body:
        info = _read_ssl_info(body)
        if info is not None:
            return Line(ssl_info=info)
    if method.endswith("handshakeFailed"):
        usual = _USUAL.match(body)
        if usual is not None:
            *description, message = usual.groups()
            usual_channel, reason = _described(description), message.strip()
            naming = named((reason,), True)
            return Line("southbound", True, usual_channel, reason, None, _quoted(reason), naming)
    side = "northbound" if "HTTPServer" in method or body.startswith("Message id:") else "southbound"
    has_channel = (
        "ClientChannel[" in body
    )  # it may be unreadable, and the line opens a failed handshake all the same
    channel = read_channel(body) if has_channel else None
    said = _MESSAGE.search(body) if "handshake" in body else None
    if "handshakeFailed" in method or "handshakeTimeout" in method or (has_channel and said):
        if channel is None and said is None:
            return None
        message = said[1].strip() if said else ""
        if not message and "imeout" in method + body:
            message = "handshake timeout"
        return Line(
            side, True, channel, message, None, _thrown_with(message, body),
            named((message,), True),
        )  # fmt: skip
    exception = _read_exception(body)
    objects = tuple(_OBJECT.findall(entry.text))
    if exception is not None:
        texts = chain_of(exception)
        tls = _shows_tls(texts)
        naming = named(texts, tls)
        if naming is None and not method.endswith(("onException", "onError")):
            return None
        return Line(side, False, channel, "", None, exception, naming, tls, objects)
    # Prose may only mention a failure; a listener that reports one does it as a warning or worse.
    if entry.level not in _SEVERE:
        return None
    tls = catalog.received_alert(entry.text) is not None
    naming = named((entry.text,), tls) if tls or neighbours else None
    if naming is None:
        return None
    return Line(side, False, channel, "", None, None, naming, tls, objects)


def _read_ssl_info(body: str) -> SslInfo | None:
    """What an ``SSLInfo`` line says."""
    keystore = _KEYSTORE.search(body)
    alias = keystore and _KEY_ALIAS.search(body, keystore.end())
    truststore = alias and _TRUSTSTORE.search(body, alias.end())
    if not (keystore and alias and truststore):
        return None
    values = body[keystore.end() : alias.start()].rstrip(), body[alias.end() : truststore.start()].rstrip()
    return SslInfo(*(value or "null" for value in (*values, truststore[1])))


def _shows_tls(texts: tuple[str, ...]) -> bool:
    """Whether an exception shows a TLS failure without a handshake line beside it."""
    return (_tls_known if _is_short(texts) else _tls)(texts)


def _tls(texts: tuple[str, ...]) -> bool:
    if any(_TLS_TYPE.search(text) for text in texts):
        return True
    naming = catalog.name_failure(texts)
    return naming is not None and naming.name not in catalog.OF_TLS_ONLY


_tls_known = lru_cache(maxsize=4096)(_tls)


def named(texts: tuple[str, ...], tls: bool) -> catalog.Naming | None:
    """What texts name: among TLS failures where TLS is in question, else among its neighbours."""
    return (_named_known if _is_short(texts) else _named)(texts, tls)


def _named(texts: tuple[str, ...], tls: bool) -> catalog.Naming | None:
    if not tls:
        return catalog.name_neighbour(texts)
    naming = catalog.name_failure(texts)
    if naming is None and any(_TLS_TYPE.search(text) for text in texts):
        return catalog.Naming(
            catalog.OTHER_SSL, (catalog.OTHER,), catalog.UNKNOWN, catalog.without_prefix(texts[-1])
        )
    return naming


_named_known = lru_cache(maxsize=4096)(_named)


def _is_short(texts: tuple[str, ...]) -> bool:
    """Whether some texts take little memory."""
    return sum(map(len, texts)) <= LONGEST_REMEMBERED


def chain_of(exception: ThrownException) -> tuple[str, ...]:
    """The texts of an exception and its causes, outermost first."""
    return (f"{exception.type}: {exception.message}", *exception.causes)


def read_channel(body: str) -> Channel | None:
    """The first connection that a text describes."""
    begin = _CHANNEL.search(body)
    end = begin and _CHANNEL_ENDS.search(body, begin.end())
    if not (begin and end):
        return None
    remote, local = _ends(body[begin.end() : end.start()])
    numbers = dict(_NUMBERS.findall(end[2]))
    return Channel(
        begin[1],
        int(end[1]),
        *_address(remote),
        *_address(local),
        _integer(numbers.get("useCount")),
        _integer(numbers.get("bytesRead")),
        _integer(numbers.get("bytesWritten")),
        _integer(numbers.get("age")),
        _integer(numbers.get("lastIO")),
        {"true": True, "false": False}.get(numbers.get("isOpen", "")),
    )


def described(description: str) -> Channel | None:
    """The connection of a description that stands alone."""
    found = _CONNECTION.match(description)
    return read_channel(description) if found is None else _described(found.groups())


def _described(groups: Sequence[str | Any]) -> Channel:
    """The channel of the groups of :data:`_DESCRIBED`."""
    kind, peer, peer_port, far, far_port, remote, remote_port, local, local_port, *numbers = groups
    number, uses, read, written, age, last = numbers[:6]
    is_open: str | None = numbers[6]
    ends: tuple[str, int, str, int | None]
    if not peer:
        ends = remote, int(remote_port), local, None if local_port is None else int(local_port)
    else:
        ends = peer, int(peer_port), far, int(far_port)
        if ends[1] >= _EPHEMERAL > int(far_port) > 0:
            ends = far, int(far_port), peer, int(peer_port)
    return Channel(
        kind, int(number), *ends, int(uses), int(read), int(written), int(age), int(last),
        None if is_open is None else is_open == "true",
    )  # fmt: skip


def _ends(text: str) -> tuple[str, str]:
    """Remote and local end.

    The old form labels them ``C:`` and ``Remote host:``; in the real lines seen ``C:`` is the peer. The
    labels are not trusted blindly: when only the other side has a service's port, it is the peer.
    """
    old = _OLD_ENDS.match(text)
    if old is None:
        new = _NEW_ENDS.match(text)
        return (new["a"], new["b"]) if new else (text, "")
    peer, local = old["a"], old["b"]
    peer_port, local_port = _address(peer)[1], _address(local)[1]
    if peer_port is not None and local_port is not None and peer_port >= _EPHEMERAL > local_port > 0:
        return local, peer
    return peer, local


def _address(text: str) -> tuple[str | None, int | None]:
    """Host and port of ``host/10.1.2.3:443``, ``/[::1]:443``, ``0:0:0:0:0:0:0:1:443``, ``10.1.1.5``.

    Java prints a name, a slash and the address; the name is kept when there is one, else the address.
    """
    text = text.strip()
    if not text:
        return None, None
    name, slash, address = text.rpartition("/")
    port: int | None = None
    host, colon, digits = address.rpartition(":")
    if colon and _is_number(digits, 5) and not (host.endswith("]") is False and _bare_ipv6(address)):
        port = int(digits)
    else:
        host = address
    host = host.strip("[]") if host.startswith("[") else host
    return (name if slash and name else host) or None, port


def _bare_ipv6(address: str) -> bool:
    """An IPv6 address without a port: ``::1``. Java prints all eight groups, so a ninth is a port."""
    return "::" in address or address.count(":") == 7


def _integer(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.removesuffix("ms")
    return int(digits) if _is_number(digits, 18) else None


def _is_number(text: str, most: int) -> bool:
    """Whether a text is a number of at most so many digits, and not of those of other scripts."""
    return 0 < len(text) <= most and text.isascii() and text.isdigit()


def _read_exception(body: str) -> ThrownException | None:
    head, _, rest = body.partition("\n")
    if rest:
        thrown = _exception_in(rest)
        if thrown is not None:
            return thrown
    flat = _INLINE.search(head)
    if flat is not None:
        message = flat[2].partition(" at ")[0].strip()
        return ThrownException(flat[1], message, (), ())
    if _EXCEPTION.match(head) and "Exception" in head:
        return _exception_in(body)
    return None


def _thrown_with(message: str, body: str) -> ThrownException | None:
    """The exception of an opening line: below it, or quoted as its reason."""
    _, _, rest = body.partition("\n")
    below = _exception_in(rest) if rest.strip() else None
    return below if below is not None else _quoted(message)


def _quoted(message: str) -> ThrownException | None:
    """The exception that an opening line gives as its reason, without a stack trace."""
    quoted = _INLINE.match(message)
    return ThrownException(quoted[1], quoted[2].strip(), (), ()) if quoted else None


def _exception_in(text: str) -> ThrownException | None:
    """The exception that continuation lines hold. Stack traces repeat to the byte, hence the cache."""
    return (_exceptions_known if len(text) <= LONGEST_REMEMBERED else _read_trace)(text)


def _read_trace(text: str) -> ThrownException | None:
    first = _EXCEPTION.search(text)
    if first is None or not _looks_thrown(first, text):
        first = next((m for m in _EXCEPTION.finditer(text) if _looks_thrown(m, text)), None)
        if first is None:
            return None
    rest = text[first.end() :]
    return ThrownException(
        first[1],
        (first[2] or "").strip(),
        tuple(_causes(rest)),
        tuple(frame[1] for frame in _take(_FRAME.finditer(rest), TOP_FRAMES)),
    )


_exceptions_known = lru_cache(maxsize=1024)(_read_trace)


def _looks_thrown(found: re.Match[str], text: str) -> bool:
    """A dotted name is an exception when its name says so, or a frame follows it."""
    if found[1].endswith(("Exception", "Error", "Throwable", "TlsFatalAlert", "TlsFatalAlertReceived")):
        return True
    return _FRAME_BELOW.match(text, found.end()) is not None


def _causes(text: str) -> Iterator[str]:
    """The main chain of causes, without those of suppressed exceptions, which are set further in."""
    beyond: int | None = None
    kept = 0
    for found in _CAUSE.finditer(text):
        indent = len(found[1].expandtabs())
        if found[2] == "Suppressed":
            beyond = indent
        elif (beyond is None or indent < beyond or not beyond) and kept < MAX_CAUSES:
            kept += 1
            yield found[3].strip()


def _take(matches: Iterator[re.Match[str]], count: int) -> Iterator[re.Match[str]]:
    for _, match in zip(range(count), matches, strict=False):
        yield match
