"""Names: every text of a log that is kept of a failure has a greatest length, and says where it was cut.

A name of 300 KB in a thousand incidents would be 300 MB in every output. The full text stands in the log.
"""

from __future__ import annotations

from hashlib import blake2b

LONGEST_NAME = 256
"""Characters of a name: organization, environment, proxy, revision, message id, thread, host, keystore …"""
LONGEST_ALERT = 64
"""Characters of an alert that the catalogue does not know."""
LONGEST_TEXT = 4_096
"""Characters of a reason, or of the message or a cause of an exception."""


def cut(text: str, most: int = LONGEST_NAME) -> str:
    """A text of at most ``most`` characters: its beginning, and ``…[its length, a hash]`` if it was longer.

    Different texts stay different, and equal ones equal. What was cut is not cut again.
    """
    if len(text) <= most:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    mark = f"…[{len(text):,} characters, {digest}]"
    return text[: most - len(mark)] + mark


def cut_bytes(data: bytes, most: int = LONGEST_NAME) -> bytes:
    """The same for a text as it stands in the log."""
    if len(data) <= most:
        return data
    return cut(data.decode("utf-8", "surrogateescape"), most).encode("utf-8", "surrogateescape")
