"""A report as a workbook (xlsx). Every cell from a log is text, never a formula or a link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import IO

from logscan._failures.names import cut
from logscan.errors import OutputError, need
from logscan.shown import safe_lines

MAX_ROWS = 1_048_575
"""Rows of a sheet below its header."""
MAX_CELL = 32_767
"""Characters of a cell."""


def to_xlsx(rows: Iterable[Mapping[str, object]], columns: Sequence[str], name: str, file: IO[bytes]) -> None:
    """Write a workbook of one sheet with a fixed header, filters, and real times.

    Raises:
        OutputError: there are more rows than a sheet holds.
        MissingPackageError: xlsxwriter is not installed.
    """
    xlsxwriter = need("xlsxwriter", "xlsx")
    options = {
        "constant_memory": True,  # a row goes to a temporary file at once
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(file, options)
    sheet = book.add_worksheet(name)
    bold = book.add_format({"bold": True, "bottom": 1})
    time_format = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    one_line = book.add_format({"text_wrap": False})
    widths = [len(column) for column in columns]
    for index, column in enumerate(columns):
        sheet.write_string(0, index, column, bold)
    number = 0
    for number, row in enumerate(rows, start=1):
        if number > MAX_ROWS:
            raise OutputError(
                f"more than {MAX_ROWS:,} rows do not fit into a sheet",
                "use csv or parquet, or select fewer failures",
            )
        for index, column in enumerate(columns):
            value = row[column]
            if value is None:
                continue
            if isinstance(value, bool):
                sheet.write_boolean(number, index, value)
            elif isinstance(value, int):
                sheet.write_number(number, index, value)
            elif isinstance(value, datetime):
                sheet.write_datetime(number, index, value, time_format)
                widths[index] = max(widths[index], 19)
            else:
                text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
                text = cut(safe_lines(text), MAX_CELL)
                sheet.write_string(number, index, text, one_line)
                widths[index] = max(widths[index], min(60, len(text)))
    for index, width in enumerate(widths):
        sheet.set_column(index, index, width + 2)
    sheet.freeze_panes(1, 0)
    if columns:
        sheet.autofilter(0, 0, max(number, 1), len(columns) - 1)
    book.close()
