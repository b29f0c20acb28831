"""``logscan tail --dashboard``: a live view of a run, drawn by textual."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, RichLog, Sparkline, Static

from logscan._outputs.board import Board
from logscan._render.text import counted, show_bytes
from logscan.shown import safe, safe_lines
from logscan.values import FailedHandshake

if TYPE_CHECKING:
    from textual.binding import BindingType

REFRESH = 0.25
"""Seconds between two drawings."""
SHOWN = 100
"""Latest failures in the list."""

Entries = Callable[[str], list[str]]
"""Returns the entries of a message id."""


class MessageView(ModalScreen[None]):
    """The entries of one message."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q", "app.pop_screen", "Back")]
    CSS = """
    MessageView { align: center middle; }
    #frame { width: 95%; height: 90%; border: round $accent; background: $surface; padding: 0 1; }
    """

    def __init__(self, failure: FailedHandshake, entries: Entries) -> None:
        super().__init__()
        self._failure = failure
        self._entries = entries

    def compose(self) -> ComposeResult:
        """An empty frame. :meth:`_show` fills it."""
        with Vertical(id="frame"):
            yield Static(Text(f"message {safe(self._failure.message_id or 'without an id')}", "bold"))
            yield RichLog(id="entries", wrap=True)
            yield Footer()

    def on_mount(self) -> None:
        """Search for the entries in a thread."""
        self.query_one("#entries", RichLog).write(Text("searching for its entries …", "dim"))
        threading.Thread(target=self._find, daemon=True).start()

    def _find(self) -> None:
        name = self._failure.message_id
        try:
            entries = self._entries(name) if name else []
        except Exception as error:  # noqa: BLE001 - shown in place of the entries
            entries = [f"cannot be read: {error}"]
        self.app.call_from_thread(self._show, entries)

    def _show(self, entries: list[str]) -> None:
        log = self.query_one("#entries", RichLog)
        log.clear()
        for entry in entries or ["this message has no entries in the logs"]:
            log.write(Text(safe_lines(entry).rstrip("\n")))


class Dashboard(App[None]):
    """The screen: incidents by proxy and environment, the last hour, the latest failures, the lag of reading.

    Args:
        board: the counts of the run.
        gauges: returns the momentary values of the run.
        entries: returns the entries of a message.
        stopped: returns whether the run has ended.
        gone: ends the process where the terminal is gone.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Quit"),
        ("p", "pause", "Pause"),
        ("slash", "filter", "Filter"),
        ("escape", "clear", "Clear filter"),
        ("enter", "open", "Open message"),
    ]
    CSS = """
    #head { height: 1; padding: 0 1; background: $primary; color: $text; }
    #hour { height: 3; margin: 0 1; }
    #legend { height: 1; padding: 0 1; color: $text-muted; }
    #words { display: none; }
    #words.shown { display: block; }
    DataTable { height: 1fr; border: round $primary; }
    """
    TITLE = "logscan"

    def __init__(
        self,
        board: Board,
        gauges: Callable[[], dict[str, float]],
        entries: Entries,
        stopped: Callable[[], bool] = lambda: False,
        gone: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__()
        self._board = board
        self._gauges = gauges
        self._entries = entries
        self._stopped = stopped
        self._gone = gone
        self._has_terminal = os.isatty(0)
        self._paused = False
        self._words = ""
        self._shown: list[FailedHandshake] = []

    def compose(self) -> ComposeResult:
        """Head, hour, tables, keys."""
        yield Static(id="head")
        yield Sparkline([0] * 60, id="hour", summary_function=max)
        yield Static("failures per minute, last hour", id="legend")
        yield Input(placeholder="words that a line must contain", id="words")
        with Vertical():
            yield DataTable(id="incidents", cursor_type="row", zebra_stripes=True)
            yield DataTable(id="latest", cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        """Columns, and the first drawing."""
        incidents = self.query_one("#incidents", DataTable)
        incidents.border_title = "Incidents"
        incidents.add_columns("failures", "proxy", "env", "alert", "last", "backend")
        latest = self.query_one("#latest", DataTable)
        latest.border_title = "Latest"
        latest.add_columns("time", "proxy", "env", "alert", "message id")
        latest.focus()
        self.set_interval(REFRESH, self._tick)
        self.draw()

    def _tick(self) -> None:
        with contextlib.suppress(NoMatches):  # the screen is being closed
            self.draw()

    def draw(self) -> None:
        """Update the screen."""
        if self._has_terminal and not os.isatty(0):  # its window was closed
            self._gone()
        if self._stopped():
            self.exit()
            return
        values = self._gauges()
        state = "PAUSED" if self._paused else "following"
        lag = f"{show_bytes(int(values['lag_bytes']))}, {values['lag_seconds']:.1f} s"
        head = (
            f"{state} {counted(int(values['files']), 'file', 'files')}"
            f"   {counted(self._board.total, 'failed handshake', 'failed handshakes')}"
            f"   not read yet: {lag}"
        )
        if self._words:
            head += f"   filter: {self._words}"
        self.query_one("#head", Static).update(Text(head, "bold"))
        legend = self._board.note or "failures per minute, last hour"
        self.query_one("#legend", Static).update(Text(safe(legend), "bold red" if self._board.note else ""))
        if self._paused:
            return
        self.query_one("#hour", Sparkline).data = self._board.minutes()
        self._fill(
            self.query_one("#incidents", DataTable),
            [
                (f"{row.failures:,}", group[2], group[1], group[3], _clock(row.last), row.target)
                for group, row in self._board.rows(self._words)[:200]
            ],
        )
        self._shown = self._board.latest(SHOWN, self._words)
        self._fill(
            self.query_one("#latest", DataTable),
            [
                (_clock(f.time), f.proxy or "?", f.env or "?", f.alert, f.message_id or "")
                for f in self._shown
            ],
        )

    def action_pause(self) -> None:
        """Stop updating the tables, or update them again. Reading goes on."""
        self._paused = not self._paused
        self.draw()

    def action_filter(self) -> None:
        """Ask for words."""
        words = self.query_one("#words", Input)
        words.add_class("shown")
        words.focus()

    def action_clear(self) -> None:
        """Show everything again."""
        words = self.query_one("#words", Input)
        words.value = ""
        words.remove_class("shown")
        self._words = ""
        self.query_one("#latest", DataTable).focus()
        self.draw()

    def action_open(self) -> None:
        """Open the message under the cursor."""
        row = self.query_one("#latest", DataTable).cursor_row
        if 0 <= row < len(self._shown):
            self.push_screen(MessageView(self._shown[row], self._entries))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter at each letter."""
        self._words = event.value.strip()
        self.draw()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Back to the list."""
        self.query_one("#latest", DataTable).focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter or a click on a row."""
        if event.data_table.id == "latest":
            self.action_open()

    def _fill(self, table: DataTable[Text], rows: list[tuple[str, ...]]) -> None:
        """Replace the rows of a table; the cursor stays in its row."""
        cursor, scroll = table.cursor_row, table.scroll_y
        table.clear()
        for row in rows:
            table.add_row(*(Text(safe(cell)) for cell in row))
        if rows:
            table.move_cursor(row=min(cursor, len(rows) - 1), animate=False, scroll=False)
            table.scroll_to(y=scroll, animate=False)


def _clock(moment: object) -> str:
    return str(moment)[11:19] if moment else ""
