"""A workbook for those who live in spreadsheets. Every cell from a log is text: no formula, no link."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from logscan.errors import OutputError
from logscan.render.text import safe_lines

MAX_ROWS = 1_048_575
"""Rows of a sheet below its header."""
MAX_CELL = 32_767
"""Characters of a cell."""


def to_xlsx(rows: Iterable[Mapping[str, object]], columns: Sequence[str], name: str) -> bytes:
    """One sheet with a header that stays, filters, and times as times.

    Raises:
        OutputError: xlsxwriter is not installed, or there are more rows than a sheet holds.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        raise OutputError("xlsx needs the package xlsxwriter", "pip install 'logscan[excel]'") from error
    file = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(file, options)
    sheet = book.add_worksheet(name)
    bold = book.add_format({"bold": True, "bottom": 1})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    wrapped = book.add_format({"text_wrap": False})
    widths = [len(column) for column in columns]
    number = 0
    for number, row in enumerate(rows, start=1):
        if number > MAX_ROWS:
            raise OutputError(
                f"more than {MAX_ROWS:,} rows do not fit a sheet", "write csv or parquet, or select less"
            )
        for at, column in enumerate(columns):
            value = row[column]
            if value is None:
                continue
            if isinstance(value, bool):
                sheet.write_boolean(number, at, value)
            elif isinstance(value, int):
                sheet.write_number(number, at, value)
            elif isinstance(value, datetime):
                sheet.write_datetime(number, at, value, moment)
                widths[at] = max(widths[at], 19)
            else:
                text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
                text = safe_lines(text)[:MAX_CELL]
                sheet.write_string(number, at, text, wrapped)
                widths[at] = max(widths[at], min(60, len(text)))
    for at, column in enumerate(columns):
        sheet.write_string(0, at, column, bold)
        sheet.set_column(at, at, widths[at] + 2)
    sheet.freeze_panes(1, 0)
    if columns:
        sheet.autofilter(0, 0, max(number, 1), len(columns) - 1)
    book.close()
    return file.getvalue()
