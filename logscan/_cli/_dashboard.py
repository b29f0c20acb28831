"""``logscan tail --dashboard``: a live view of a run, drawn by textual."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, RichLog, Sparkline, Static

from logscan._outputs.board import SORTS, Board, Group
from logscan._outputs.curve import Bars
from logscan._render.text import counted, show_bytes, show_time
from logscan.shown import safe, safe_lines
from logscan.values import FailedHandshake

if TYPE_CHECKING:
    from textual.binding import BindingType

REFRESH = 0.25
"""Seconds between two drawings."""
SHOWN = 100
"""Latest failures in the list."""

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
"""Seconds of the units of time."""
BARS = 120
"""Bars of the curve, at most."""
ROWS = 200
"""Rows of the incident table that are drawn."""
KEYS = (
    ("Enter", "open the entries of the row: of an incident those of its latest failures"),
    ("Tab", "go to the other table"),
    ("s", "sort the incidents by failures, by the last one, by API proxy"),
    ("/", "filter both tables by words; Escape clears the filter"),
    ("y", "copy the message id of the row, where the terminal lets programs do that, and show it"),
    ("p", "stop the tables, or let them go on; reading goes on all the same"),
    ("?, h", "show this help"),
    ("q", "quit"),
)
"""Keys, and what they do."""

Entries = Callable[[Sequence[str]], list[str]]
"""Returns the entries of some message ids, in the order of the logs."""


class Table(DataTable[Text]):
    """A table whose keys stand in the footer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Entries"),
        Binding("tab", "app.focus_next", "Table"),
    ]


class Help(ModalScreen[None]):
    """The keys."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark,h", "app.pop_screen", "Back")]
    CSS = """
    Help { align: center middle; }
    #help { width: 90%; height: auto; border: round $accent; background: $surface; padding: 1 2; }
    """

    def compose(self) -> ComposeResult:
        """One line for each key."""
        lines = "\n".join(f"{key:<8}{what}" for key, what in KEYS)
        yield Static(Text(f"Keys of the live view\n\n{lines}\n\nEscape goes back."), id="help")


class EntriesView(ModalScreen[None]):
    """The entries of some messages."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q", "app.pop_screen", "Back"),
        ("y", "app.copy_id", "Copy id"),
    ]
    CSS = """
    EntriesView { align: center middle; }
    #frame { width: 95%; height: 90%; border: round $accent; background: $surface; padding: 0 1; }
    """

    def __init__(self, title: str, failures: Sequence[FailedHandshake], entries: Entries) -> None:
        super().__init__()
        self._title = title
        self.failures = failures
        self._entries = entries

    def compose(self) -> ComposeResult:
        """An empty frame. :meth:`_show` fills it."""
        with Vertical(id="frame"):
            yield Static(Text(safe(self._title), "bold"))
            yield RichLog(id="entries", wrap=True)
            yield Footer()

    def on_mount(self) -> None:
        """Search for the entries in a thread."""
        log = self.query_one("#entries", RichLog)
        log.write(Text("searching for the entries …", "dim"))
        log.focus()
        threading.Thread(target=self._find, daemon=True).start()

    def _find(self) -> None:
        names = list(dict.fromkeys(each.message_id for each in self.failures if each.message_id))
        try:
            entries = self._entries(names) if names else []
        except Exception as error:  # noqa: BLE001 - shown in place of the entries
            entries = [f"cannot be read: {error}"]
        self.app.call_from_thread(self._show, entries)

    def _show(self, entries: list[str]) -> None:
        log = self.query_one("#entries", RichLog)
        log.clear()
        for entry in entries or ["there are no entries with its message id in the logs"]:
            log.write(Text(safe_lines(entry).rstrip("\n")), scroll_end=False)


class Dashboard(App[None]):
    """The screen: failures over time, incidents by proxy and environment, the latest, the lag of reading.

    Args:
        board: the counts of the run.
        gauges: returns the momentary values of the run.
        entries: returns the entries of messages.
        stopped: returns whether the run has ended.
        gone: ends the process where the terminal is gone.
        problem: returns what the run reported last.
        now: returns the wall time of the log.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("s", "sort", "Sort"),
        ("slash", "filter", "Filter"),
        ("escape", "clear", "Clear"),
        ("y", "copy_id", "Copy id"),
        ("p", "pause", "Pause"),
        Binding("question_mark,h", "help", "Help", key_display="?"),
        ("q", "quit", "Quit"),
    ]
    CSS = """
    Screen { overflow: hidden; }
    #head { height: 1; padding: 0 1; background: $primary; color: $text; }
    #curve { height: 3; margin: 0 1; }
    #legend { height: 1; padding: 0 1; color: $text-muted; }
    #note { height: 1; padding: 0 1; color: $text-warning; display: none; }
    #note.shown { display: block; }
    #all { height: 1; padding: 0 1; }
    #words { display: none; }
    #words.shown { display: block; }
    DataTable { height: 1fr; border: round $primary; }
    """
    TITLE = "logscan"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        board: Board,
        gauges: Callable[[], dict[str, float]],
        entries: Entries,
        stopped: Callable[[], bool] = lambda: False,
        gone: Callable[[], object] = lambda: None,
        *,
        problem: Callable[[], str] = lambda: "",
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        super().__init__()
        self._board = board
        self._gauges = gauges
        self._entries = entries
        self._stopped = stopped
        self._gone = gone
        self._problem = problem
        self._now = now
        self._has_terminal = os.isatty(0)
        self._paused = False
        self._words = ""
        self._sort = SORTS[0]
        self._groups: list[Group] = []
        """Those of the rows of the incident table."""
        self._shown: list[FailedHandshake] = []
        """Those of the rows of the table of the latest."""
        self._columns: dict[str, tuple[str, ...]] = {}

    def compose(self) -> ComposeResult:
        """Head, curve, tables, keys."""
        yield Static(id="head")
        yield Sparkline([0], id="curve", summary_function=max)
        yield Static(id="legend")
        yield Static(id="note")
        yield Static(id="all")
        yield Input(placeholder="words that a line must contain", id="words")
        with Vertical():
            yield Table(id="incidents", cursor_type="row", zebra_stripes=True)
            yield Table(id="latest", cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        """The first drawing, and those to come."""
        self._table("latest").border_title = "Latest"
        self._table("latest").focus()
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
        self._write("head", head, "bold")
        note = self._board.note or self._problem()
        self.query_one("#note").set_class(bool(note), "shown")
        self._write("note", note)
        if self._paused:
            return
        bars = self._board.bars(BARS, self._now())
        self.query_one("#curve", Sparkline).data = bars.counts or [0]
        self._write("legend", legend(bars))
        self._draw_tables()

    def _draw_tables(self) -> None:
        rows = self._board.rows(self._words, self._sort)
        constant = constants([group for group, _ in rows])
        rows = rows[:ROWS]
        self._shown = self._board.latest(SHOWN, self._words)
        self._groups = [group for group, _ in rows]
        days = {row.last.date() for _, row in rows if row.last}
        days |= {failure.time.date() for failure in self._shown if failure.time}
        day = {"date": f"{next(iter(days))}"} if len(days) == 1 else {}
        named = {**constant, **day} if rows else {}
        self._write(
            "all", "all: " + ", ".join(f"{name} {value}" for name, value in named.items()) * bool(named)
        )
        self.query_one("#all").display = bool(named)
        self._table("incidents").border_title = f"Incidents, by {self._sort}"
        self._fill(
            "incidents",
            [
                {
                    "failures": f"{row.failures:,}", "proxy": group[2], "org": group[0], "env": group[1],
                    "alert": group[3], "last": _clock(row.last, bool(day)), "backend": row.target,
                }
                for group, row in rows
            ],
            constant,
        )  # fmt: skip
        self._fill(
            "latest",
            [
                {
                    "time": _clock(failure.time, bool(day)), "proxy": failure.proxy or "?",
                    "org": failure.org or "?", "env": failure.env or "?", "alert": failure.alert,
                    "message id": failure.message_id or "",
                }
                for failure in self._shown
            ],
            constant,
        )  # fmt: skip

    def action_pause(self) -> None:
        """Stop updating the tables, or update them again. Reading goes on."""
        self._paused = not self._paused
        self.draw()

    def action_sort(self) -> None:
        """Sort the incidents by the next order."""
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self.draw()

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Help())

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
        self._table("latest").focus()
        self.draw()

    def action_copy_id(self) -> None:
        """Copy the message id of the row, or of the entries that are open, and show it."""
        screen = self.screen
        failures = screen.failures if isinstance(screen, EntriesView) else self._chosen()[1]
        name = next((each.message_id for each in failures if each.message_id), None)
        if name:
            self.copy_to_clipboard(name)
            self.notify(Text(safe(name)).markup, title="message id", timeout=10)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter at each letter."""
        self._words = event.value.strip()
        self.draw()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Back to the list."""
        self._table("latest").focus()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Enter or a click on a row: open its entries."""
        title, failures = self._chosen()
        if failures:
            self.push_screen(EntriesView(title, failures, self._entries))

    def _chosen(self) -> tuple[str, list[FailedHandshake]]:
        """What the row under the cursor is called, and its failures, newest first."""
        incidents, latest = self._table("incidents"), self._table("latest")
        if incidents.has_focus and 0 <= incidents.cursor_row < len(self._groups):
            group = self._groups[incidents.cursor_row]
            org, env, proxy, alert = group
            failures = self._board.examples(group)
            return f"{alert}  {org}/{env}/{proxy}  the latest {len(failures)} failures", failures
        if not incidents.has_focus and 0 <= latest.cursor_row < len(self._shown):
            failure = self._shown[latest.cursor_row]
            return f"message {failure.message_id or 'without an id'}", [failure]
        return "", []

    def _table(self, name: str) -> Table:
        return self.query_one(f"#{name}", Table)

    def _write(self, name: str, text: str, style: str = "") -> None:
        self.query_one(f"#{name}", Static).update(Text(safe(text), style))

    def _fill(self, name: str, rows: list[dict[str, str]], constant: dict[str, str]) -> None:
        """Replace the rows of a table; the cursor stays in its row."""
        if not rows:
            self._table(name).clear()
            return
        table = self._table(name)
        cursor, scroll = table.cursor_row, table.scroll_y
        columns = tuple(column for column in rows[0] if column not in constant)
        table.clear(columns=columns != self._columns.get(name))
        if columns != self._columns.get(name):
            self._columns[name] = columns
            table.add_columns(*columns)
        for row in rows:
            table.add_row(*(Text(safe(row[column])) for column in columns))
        table.move_cursor(row=min(cursor, len(rows) - 1), animate=False, scroll=False)
        table.scroll_to(y=scroll, animate=False)


def constants(groups: Sequence[Group]) -> dict[str, str]:
    """The columns whose values are the same in all rows, and these."""
    names = (("org", 0), ("env", 1), ("alert", 3))
    values = {name: {group[at] for group in groups} for name, at in names}
    return {name: next(iter(found)) for name, found in values.items() if len(found) == 1}


def legend(bars: Bars) -> str:
    """What the curve shows."""
    if bars.begin is None or bars.end is None:
        return "no failures yet"
    seconds = bars.width
    unit = next(((size, name) for size, name in UNITS if seconds % size == 0), (1, "s"))
    end = show_time(bars.end)
    end = end[11:] if bars.end.date() == bars.begin.date() else end
    text = f"failures per {seconds // unit[0]} {unit[1]}, {show_time(bars.begin)} to {end}"
    return text + (f"; {bars.others:,} more at other times" if bars.others else "")


def _clock(moment: datetime | None, is_dated: bool) -> str:
    """A time; without its date where that stands above."""
    text = show_time(moment)
    return text[11:] if is_dated and moment else text
