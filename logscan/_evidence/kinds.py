"""Kinds of evidence: what a file is, by its beginning, and its bytes as a whole."""

from __future__ import annotations

from logscan._entries.openers import has_entry
from logscan._evidence import s_client, trace
from logscan._evidence.api_answers import is_answer
from logscan._evidence.api_errors import is_error, without_head
from logscan._evidence.capture.keylog import is_key_log
from logscan._evidence.capture.packets import is_capture
from logscan._evidence.json_text import begin_of
from logscan._evidence.keystores.keystore import PEM
from logscan._evidence.keystores.read_keystore import format_of
from logscan._evidence.read_engine_debug import is_engine_debug
from logscan._evidence.router_access import is_router_access
from logscan._reading.decompressors import unpacking_errors
from logscan._reading.unpack import open_bytes
from logscan.errors import InputError

HEAD = 1 << 16
"""Bytes at the beginning that show what a file is."""
MAX_FILE = 64 << 20
"""Bytes of a file that is read as a whole (not a log, not a capture)."""

(
    LOG, CAPTURE, BUNDLE, KEYSTORE, CERTIFICATES, S_CLIENT, KEY_LOG, TRACE, ANSWER, ENGINE, ROUTER_ACCESS,
) = (
    "Message Processor log", "packet capture", "proxy bundle", "keystore", "certificates",
    "openssl s_client output", "key log", "debug session", "management API answer",
    "Java TLS debug output", "Router access log",
)  # fmt: skip


def kind_of_evidence(head: bytes) -> str | None:
    """What a file is that begins like this; ``None``: no evidence."""
    if is_capture(head):
        return CAPTURE
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return BUNDLE
    if is_router_access(head):
        return ROUTER_ACCESS
    if has_entry(head):
        # Before the kinds that are texts: a log may quote each of their marks.
        return LOG
    if is_engine_debug(head):
        return ENGINE
    return _kind_of_text(head)


def _kind_of_text(head: bytes) -> str | None:
    """The same for what is neither a capture, a zip nor a log."""
    if s_client.is_s_client(head):
        return S_CLIENT
    is_markup = begin_of(without_head(head)[1])[:1] in (b"{", b"[", b"<")
    form = format_of(head)
    if form is not None and not (form == PEM and is_markup):
        return KEYSTORE
    if is_key_log(begin_of(head)):
        return KEY_LOG
    if is_markup:
        if trace.is_trace(head):
            return TRACE
        if b"<TargetEndpoint" in head:
            return BUNDLE
        if is_answer(head):
            return ANSWER
    if is_error(head):
        return ANSWER
    return None


def read_whole(path: str) -> bytes:
    """A file's unpacked bytes.

    Raises:
        InputError: it cannot be read, or is too large.
    """
    stream = open_bytes(path)
    parts, size = [], 0
    buffer = bytearray(1 << 18)
    try:
        with memoryview(buffer) as view:
            while count := stream.readinto(view):
                size += count
                if size > MAX_FILE:
                    raise InputError(f"{path}: more than {MAX_FILE:,} bytes", "is it the right file?")
                parts.append(bytes(buffer[:count]))
    except unpacking_errors() as error:
        raise InputError(f"{path}: damaged: {error}", "copy it again") from error
    finally:
        stream.close()
    return b"".join(parts)
