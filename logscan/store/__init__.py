"""The store: logs as an open columnar data set, from which the same bytes come back.

::

    DIR/logscan-store.json                       what it holds: the truth, replaced in one step
    DIR/entries/date=2026-11-23/host=mp01/*.parquet    every entry (docs/store.md)
    DIR/failures/date=…/host=…/*.parquet         the entries that hold a needle, whole

``manifest`` is what the file says, ``needles`` what failures are picked by, ``writing`` makes a part's
Parquet files, ``blooms`` and ``reading`` find and merge rows, ``seams`` joins entries across parts,
``upkeep`` keeps all of it in order. What is to be ingested, and when it counts, is decided in
:mod:`logscan.jobs.ingest`.
"""
