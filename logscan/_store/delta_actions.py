"""Parquet files as actions of a Delta Lake log: one is added, one is removed."""

from __future__ import annotations

import json
import time
from datetime import date, datetime
from typing import Any

from logscan._store.records import DataFile

_LONGEST_STATISTIC = 128
"""Characters of a text among the statistics of the log: a longer one has none."""


def transactions() -> Any:
    """The library's module of actions."""
    import deltalake.transaction

    return deltalake.transaction


def _partition(file: DataFile) -> dict[str, str | None]:
    return {"kind": file.kind, "date": file.date, "host": file.host}


def added(file: DataFile) -> Any:
    """The action that makes a file a part of the table, with its statistics."""
    statistics: dict[str, Any] = {"numRecords": file.rows, "minValues": {}, "maxValues": {}, "nullCount": {}}
    for column, (least, most) in file.statistics.items():
        low, high = _statistic(least, up=False), _statistic(most, up=True)
        if low is not None and high is not None:
            statistics["minValues"][column], statistics["maxValues"][column] = low, high
    return transactions().AddAction(
        path=file.name, size=file.size, partition_values=_partition(file),
        modification_time=int(time.time() * 1000), data_change=True, stats=json.dumps(statistics),
    )  # fmt: skip


def removed(file: DataFile) -> Any:
    """The action that makes a file no part of the table any more; its bytes stay."""
    return transactions().RemoveAction(file.name, True, int(time.time() * 1000), file.size, _partition(file))


def _statistic(value: object, up: bool) -> object:
    """A value as the log's statistics have it; ``None``: none. Times have milliseconds there."""
    if isinstance(value, datetime):
        thousandths = -(-value.microsecond // 1000) if up else value.microsecond // 1000
        if thousandths == 1000:
            return None
        return f"{value:%Y-%m-%dT%H:%M:%S}.{thousandths:03}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_STATISTIC else None
    return value if isinstance(value, int) else None
