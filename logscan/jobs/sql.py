"""Asking: SQL over a store, through DuckDB, which may read the store and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from logscan.errors import InputError, UsageError
from logscan.store.manifest import ENTRIES
from logscan.store.reading import Store
from logscan.values import Counters

VIEWS = ("entries", "handshakes", "incidents")


class Answer(NamedTuple):
    """What was answered."""

    columns: list[str]
    rows: list[dict[str, Any]]
    more: bool
    """Whether there were more rows than the limit."""
    counters: Counters


def ask(
    query: str, folders: Sequence[str], memory: str = "1GB", workers: int = 2, limit: int = 10_000
) -> Answer:
    """Run one SELECT.

    ``entries`` has the columns of docs/store.md with ``date`` and ``host``; ``handshakes`` and
    ``incidents`` those of docs/fields.md, of every TLS failure.

    Raises:
        UsageError: it is no SELECT, or DuckDB does not take it.
        InputError: a store cannot be read, or duckdb is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise InputError("duckdb is not installed", "pip install 'logscan[sql]'") from error
    counters = Counters()
    with duckdb.connect(":memory:") as connection:
        try:
            statements = connection.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UsageError("only a SELECT is run", "ask one question, which reads")
            named = {name.lower() for name in connection.get_table_names(query)}
            _views(connection, folders, named, counters)
            connection.execute("SET enable_external_access = false")
            connection.execute(f"SET threads = {int(workers)}")
            connection.execute("SET memory_limit = $limit", {"limit": memory})
            connection.execute("SET lock_configuration = true")
            cursor = connection.execute(query)
            columns = [str(column[0]) for column in cursor.description or ()]
            rows = cursor.fetchmany(limit + 1)
        except duckdb.Error as error:
            words = str(error).strip()
            raise UsageError(f"the query failed: {words}", "views: " + ", ".join(VIEWS)) from error
    return Answer(
        columns, [dict(zip(columns, row, strict=True)) for row in rows[:limit]], len(rows) > limit, counters
    )


def _views(connection: Any, folders: Sequence[str], named: set[str], counters: Counters) -> None:
    files = [store.path(file) for store in map(Store, folders) for file in store.manifest.of_kind(ENTRIES)]
    connection.execute("SET allowed_directories = $folders", {"folders": list(folders)})
    if "entries" in named:
        if files:
            relation = connection.read_parquet(files, hive_partitioning=True)
            relation.create_view("entries")
        else:
            connection.execute("CREATE VIEW entries AS SELECT NULL AS message_id WHERE false")
    if named & {"handshakes", "incidents"}:
        import pyarrow as pa

        from logscan.failures.frames import failures_to_frame, to_frame
        from logscan.jobs.report import report

        done = report(list(folders), alert="all", each="handshakes" in named)
        counters.problems += done.counters.problems
        connection.register("incidents", pa.Table.from_pandas(to_frame(done.incidents), preserve_index=False))
        connection.register(
            "handshakes", pa.Table.from_pandas(failures_to_frame(done.failures), preserve_index=False)
        )
