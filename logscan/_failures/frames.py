"""Frames: incidents and failed handshakes as dicts and as pandas frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from logscan._failures.hints import hint_for
from logscan.values import FailedHandshake, Incident, Place, name_text

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "org", "env", "proxy", "alert", "side", "family", "failed_handshakes", "messages",
    "first_time", "last_time", "keystores", "key_aliases", "truststores", "targets", "revisions",
    "hosts", "sample_message_ids", "hint",
)  # fmt: skip
"""The columns of an incident, in every format; those of ``by`` follow ``side``."""

_LISTS = ("keystores", "key_aliases", "truststores", "targets", "revisions", "hosts", "sample_message_ids")
_FAILURE_LISTS = ("families", "exception_causes", "exception_frames")
LISTS = (*_LISTS, *_FAILURE_LISTS)
"""The columns whose values are lists of texts."""


def as_dict(incident: Incident) -> dict[str, object]:
    """One incident with its columns in order; lists as lists, times as ``datetime``."""
    row: dict[str, object] = {}
    for name in COLUMNS:
        value = getattr(incident, name)
        row[name] = list(value) if isinstance(value, tuple) else value
        if name == "side":
            row |= {f"by_{key}" if key in COLUMNS else key: value for key, value in incident.by}
    return row


def to_frame(incidents: Iterable[Incident], by: Sequence[str] = ()) -> pd.DataFrame:
    """Incidents as a frame: one row each, columns as :data:`COLUMNS` with those of ``by`` after ``side``.

    Dtypes: strings are pandas' ``str``, with missing values as NA; counts ``int64``; times
    ``datetime64[ms]`` without a zone (the log's wall time); lists are Python lists of ``str``.
    """
    import pandas as pd

    rows = [as_dict(incident) for incident in incidents]
    extra = [f"by_{name}" if name in COLUMNS else name for name in by]
    at = COLUMNS.index("side") + 1
    frame = pd.DataFrame(rows, columns=[*COLUMNS[:at], *extra, *COLUMNS[at:]])
    return typed(frame, counts=("failed_handshakes", "messages"), lists=_LISTS)


def failure_id(failure: FailedHandshake) -> str:
    """A name for a failed handshake that stays: whatever its file is called later, packed or not, and
    however often it is read. Made of the first line's offset and what stands in its header."""
    what = (
        failure.time, failure.org, failure.env, failure.proxy, failure.message_id, failure.thread,
        failure.place.offset,
    )  # fmt: skip
    return blake2b(repr(what).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def failure_dict(failure: FailedHandshake) -> dict[str, object]:
    """One failed handshake as a flat row, in the order of the frame's columns."""
    channel, info, thrown = failure.channel, failure.ssl_info, failure.exception
    return {
        "id": failure_id(failure),
        "time": failure.time,
        "zone": failure.zone,
        "org": failure.org,
        "env": failure.env,
        "proxy": failure.proxy,
        "revision": failure.revision,
        "message_id": failure.message_id,
        "thread": failure.thread,
        "alert": failure.alert,
        "family": failure.family,
        "families": list(failure.families),
        "side": failure.side,
        "refused_by": failure.refused_by,
        "reason": failure.reason,
        "channel_kind": channel.kind if channel else None,
        "channel_id": channel.id if channel else None,
        "remote_host": channel.remote_host if channel else None,
        "remote_port": channel.remote_port if channel else None,
        "local_host": channel.local_host if channel else None,
        "local_port": channel.local_port if channel else None,
        "use_count": channel.use_count if channel else None,
        "bytes_read": channel.bytes_read if channel else None,
        "bytes_written": channel.bytes_written if channel else None,
        "age_ms": channel.age_ms if channel else None,
        "last_io_ms": channel.last_io_ms if channel else None,
        "is_open": channel.is_open if channel else None,
        "keystore": info.keystore if info else None,
        "key_alias": info.key_alias if info else None,
        "truststore": info.truststore if info else None,
        "exception_type": thrown.type if thrown else None,
        "exception_message": thrown.message if thrown else None,
        "exception_causes": list(thrown.causes) if thrown else [],
        "exception_frames": list(thrown.frames) if thrown else [],
        "host": failure.host,
        "path": name_text(failure.place.path),
        "offset": failure.place.offset,
        "hint": hint_for(
            failure.alert, failure.family, info.keystore if info else None, failure.target,
            families=failure.families, side=failure.side,
        ),
    }  # fmt: skip


_NUMBERS = (
    "channel_id", "remote_port", "local_port", "use_count", "bytes_read", "bytes_written", "age_ms",
    "last_io_ms", "offset",
)  # fmt: skip


def failures_to_frame(failures: Iterable[FailedHandshake]) -> pd.DataFrame:
    """Failed handshakes as a frame, one row each; columns and order as :func:`failure_dict`.

    Dtypes: strings ``str`` with NA; numbers ``Int64``; ``is_open`` ``boolean``; ``time``
    ``datetime64[ms]`` without a zone; ``families``, ``exception_causes`` and ``exception_frames`` are
    lists of ``str``.
    """
    import pandas as pd

    rows = [failure_dict(failure) for failure in failures]
    frame = pd.DataFrame(rows, columns=list(FAILURE_COLUMNS))
    frame = typed(frame, counts=(), lists=(*_FAILURE_LISTS, *_NUMBERS, "is_open"))
    return frame.astype(dict.fromkeys(_NUMBERS, "Int64") | {"is_open": "boolean"})


def typed(frame: pd.DataFrame, counts: Sequence[str], lists: Sequence[str]) -> pd.DataFrame:
    """The same frame with fixed dtypes, empty or not."""
    dtypes: dict[str, str] = {}
    for name in frame.columns:
        if name in counts:
            dtypes[name] = "int64"
        elif name in ("first_time", "last_time", "time"):
            dtypes[name] = "datetime64[ms]"
        elif name in lists:
            dtypes[name] = "object"
        else:
            dtypes[name] = "str"
    return frame.astype(dtypes)


FAILURE_COLUMNS = tuple(
    failure_dict(
        FailedHandshake(
            None, None, None, None, None, None, None, None, "", ("",), "southbound", "", "", None,
            None, None, "", Place("", 0),
        )
    )
)  # fmt: skip
"""The columns of a failed handshake, in every format."""
