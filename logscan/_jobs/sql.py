"""SQL: a question to stores, through DuckDB, which may read the stores and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from logscan._jobs._options import Paths, paths_of
from logscan._store.manifest import ENTRIES
from logscan._store.open_store import Store
from logscan.errors import InputError, UsageError
from logscan.values import Counters, Problem

VIEWS = ("entries", "handshakes", "incidents")


class SqlResult(NamedTuple):
    """The answer to a query."""

    columns: list[str]
    rows: list[dict[str, Any]]
    """Column → value, at most ``limit`` rows."""
    more: bool
    """Whether the query has more rows than ``limit``."""
    counters: Counters

    @property
    def problems(self) -> list[Problem]:
        """What could not be read; the answer lacks it."""
        return self.counters.problems


def sql(
    query: str, *, stores: Paths, memory: str = "1GB", workers: int = 2, limit: int = 10_000
) -> SqlResult:
    """Run one SELECT over stores.

    Views: ``entries`` has the columns of docs/store.md, with ``date`` and ``host``. ``handshakes`` and
    ``incidents`` have those of docs/fields.md, for every TLS failure.

    Args:
        query: the SELECT, in DuckDB's SQL.
        stores: directory of a store, or several.
        memory: memory that DuckDB may use, as ``"1GB"``.
        workers: number of threads.
        limit: rows that are returned at most.

    Raises:
        UsageError: no store is given, the query is not one SELECT, or DuckDB refuses it.
        InputError: a store cannot be read, or duckdb is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise InputError("duckdb is not installed", "pip install 'logscan[sql]'") from error
    folders = paths_of(stores)
    counters = Counters()
    with duckdb.connect(":memory:") as connection:
        try:
            statements = connection.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UsageError("only a SELECT is run", "write one SELECT, which only reads")
            _create_views(connection, folders, connection.get_table_names(query), counters)
            connection.execute("SET enable_external_access = false")
            connection.execute(f"SET threads = {int(workers)}")
            connection.execute("SET memory_limit = $limit", {"limit": memory})
            connection.execute("SET lock_configuration = true")
            cursor = connection.execute(query)
            columns = [str(column[0]) for column in cursor.description or ()]
            rows = cursor.fetchmany(limit + 1)
        except duckdb.Error as error:
            raise UsageError(
                f"the query failed: {str(error).strip()}", f"views: {', '.join(VIEWS)}"
            ) from error
    named = [dict(zip(columns, row, strict=True)) for row in rows[:limit]]
    return SqlResult(columns, named, len(rows) > limit, counters)


def _create_views(connection: Any, folders: Sequence[str], tables: set[str], counters: Counters) -> None:
    """Create those views that a query names."""
    names = {name.lower() for name in tables}
    files = [store.path(file) for store in map(Store, folders) for file in store.manifest.of_kind(ENTRIES)]
    connection.execute("SET allowed_directories = $folders", {"folders": list(folders)})
    if "entries" in names:
        if files:
            view = connection.read_parquet(
                files, hive_partitioning=True, union_by_name=True
            )  # of any version
            view.create_view("entries")
        else:
            connection.execute("CREATE VIEW entries AS SELECT NULL AS message_id WHERE false")
    if names & {"handshakes", "incidents"}:
        import pyarrow as pa

        from logscan._failures.frames import failures_to_frame, to_frame
        from logscan._jobs.report import report

        result = report(folders, alert="all", each="handshakes" in names)
        counters.problems += result.counters.problems
        frames = {"incidents": to_frame(result.incidents), "handshakes": failures_to_frame(result.failures)}
        for name, frame in frames.items():
            connection.register(name, pa.Table.from_pandas(frame, preserve_index=False))
