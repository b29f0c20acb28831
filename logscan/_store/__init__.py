"""The store: logs as an open columnar data set, from which the same bytes come back.

::

    DIR/logscan-store.json                       what the store holds; replaced in one step
    DIR/entries/date=2026-11-23/host=mp01/*.parquet    every entry (docs/store.md)
    DIR/failures/date=…/host=…/*.parquet         the entries that hold a needle, whole

- ``manifest``: the file that says what the store holds.
- ``ingest_task``: writes a range of a log; ``roundtrip`` makes rows of bytes, ``parquet_files`` writes rows.
- ``split_entries``: joins entries that are split over tasks, files or runs.
- ``open_store``: reads a store; ``merged_rows`` gives rows in the order of the log, ``picked_rows`` single
  rows, ``blooms`` says which files may hold a message id.
- ``inputs``: a store as the input of the stages, like files.
- ``upkeep``: places, merges, removes and repairs Parquet files.

:mod:`logscan._jobs.ingest` decides what is read, and when it counts.
"""
