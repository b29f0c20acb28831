"""The store: logs as an open columnar data set, from which the same bytes come back.

::

    DIR/_delta_log/                              what the store is: a Delta Lake table's log
    DIR/kind=entries/date=2026-11-23/host=mp01/*.parquet     every entry (docs/store.md)
    DIR/kind=failures/date=…/host=…/*.parquet    the entries that hold a needle, whole
    DIR/kind=state/date=0001-01-01/host=-/*.parquet          records: sources, files, split entries

- ``storage``: where the bytes lie. ``delta_log`` (with ``delta_actions`` and ``delta_faults``): which files
  are the store.
- ``records``, ``state``: what a store knows of its sources, files and split entries. ``contents``: both at
  one version, changed in one step.
- ``ingest_task``: writes a range of a log. ``roundtrip`` (with ``usual_shapes`` and ``row_shapes``) makes
  rows of bytes, ``parquet_files`` writes rows, ``write_id_lists`` their sorted ids.
- ``known_sources``: which source is a file. ``split_entries``: joins entries that are split over tasks,
  files or runs.
- ``open_store``: reads a store. ``merged_rows`` gives rows in the order of the log, ``picked_rows`` single
  rows; ``lookups`` (with ``blooms`` and ``id_lists``) says which files may hold a message id.
- ``inputs``: a store as the input of the stages, like files. ``failure_rows``: its failures, for a report.
- ``upkeep``: places, merges, removes, picks failures again. ``unfinished``: what a killed run leaves.
  ``check``: what is damaged, and how it is made again. ``adopt``: files that no log names.
  ``old_manifest``: stores of version 0.1.0.

:mod:`logscan._jobs.ingest` decides what is read, and when it counts.
"""
