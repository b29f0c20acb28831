"""SQL: a question to stores, through DuckDB, which may read the stores and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from logscan._jobs._options import Paths, paths_of
from logscan._reading.remote import file_system, is_remote
from logscan._store.contents import more_rows
from logscan._store.open_store import Store
from logscan._store.records import ENTRIES
from logscan.errors import UsageError, need
from logscan.values import Counters, Problem

VIEWS = ("entries", "handshakes", "incidents")
_TYPES = {
    "string": "VARCHAR", "integer": "INTEGER", "long": "BIGINT", "byte": "TINYINT", "binary": "BLOB",
    "timestamp_ntz": "TIMESTAMP",
}  # fmt: skip
"""The table's types in DuckDB's words."""
_NOT_OF_ENTRIES = {"kind", "date", "host", "needles", "orphan", "beyond", "state"}
"""Columns of the table that are directories, or those of other kinds of rows."""


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

    Views: ``entries`` has the columns of docs/store.md, with ``date`` and ``host``, and a row for each entry:
    the first part of one that a rotation cut. ``handshakes`` and ``incidents`` have the columns of
    docs/fields.md, for every TLS failure.

    Args:
        query: the SELECT, in DuckDB's SQL.
        stores: directory of a store, or several.
        memory: memory that DuckDB may use, as ``"1GB"``.
        workers: number of threads.
        limit: rows that are returned at most.

    Raises:
        UsageError: no store is given, the query is not one SELECT, or DuckDB refuses it.
        InputError: a store cannot be read.
        MissingPackageError: duckdb is not installed.
    """
    duckdb = need("duckdb", "sql")
    folders = paths_of(stores)
    counters = Counters()
    # No query may make DuckDB download something.
    config: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    with duckdb.connect(":memory:", config=config) as connection:
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
    # What DuckDB reads an object store by otherwise is an extension, which it would download.
    systems = [file_system(folder) for folder in folders if is_remote(folder)]
    for system in {repr(system.protocol): system for system in systems}.values():
        connection.register_filesystem(system)
    connection.execute("SET allowed_directories = $folders", {"folders": list(folders)})
    if "entries" in names:
        selects = [_entries(connection, Store(folder), number) for number, folder in enumerate(folders)]
        known = " UNION ALL BY NAME ".join(filter(None, selects))
        connection.execute(f"CREATE VIEW entries AS {known or 'SELECT NULL AS message_id WHERE false'}")
    if names & {"handshakes", "incidents"}:
        import pyarrow as pa

        from logscan._failures.frames import failures_to_frame, to_frame
        from logscan._jobs.report import report

        result = report(folders, alert="all", each="handshakes" in names)
        counters.problems += result.counters.problems
        frames = {"incidents": to_frame(result.incidents), "handshakes": failures_to_frame(result.failures)}
        for name, frame in frames.items():
            connection.register(name, pa.Table.from_pandas(frame, preserve_index=False))


def _entries(connection: Any, store: Store, number: int) -> str:
    """A SELECT of the entries of a store, one row for each: rows that continue an entry are left out.

    Empty if the store has none.

    Raises:
        InputError: the store's records cannot be read.
    """
    files = [store.path(file) for file in store.contents.named(ENTRIES)]
    if not files:
        return ""
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    columns = ", ".join(
        f"'{field.name}': {{name: '{field.name}', type: '{_TYPES[field.type.type]}', default_value: NULL}}"
        for field in store.contents.log.schema.fields
        if field.name not in _NOT_OF_ENTRIES
    )
    # Files of earlier versions have fewer columns. DuckDB learns them here, and need not open all files for
    # them (union_by_name: eight times as long for a day among 10,000 files). A host may look like a number.
    rows = (
        f"SELECT * EXCLUDE (kind) FROM read_parquet([{listed}], schema = MAP {{{columns}}},"  # noqa: S608 - quoted
        " hive_types = {'kind': VARCHAR, 'date': DATE, 'host': VARCHAR})"
    )
    with store.contents.readable():
        joins = store.contents.state.joins()
    more = more_rows(joins)
    if not more:
        return rows
    connection.execute(f'CREATE TEMP TABLE "logscan more {number}" (source INTEGER, "offset" BIGINT)')
    connection.execute(
        f'INSERT INTO "logscan more {number}" SELECT unnest($sources), unnest($offsets)',
        {"sources": [row[0] for row in more], "offsets": [row[1] for row in more]},
    )
    return f'FROM ({rows}) ANTI JOIN "logscan more {number}" USING (source, "offset")'
