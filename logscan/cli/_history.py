"""What a nightly report keeps and compares: ``--history``, ``--compare``, ``--fail-on``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from logscan.atomic import Lock
from logscan.cli import _common as common
from logscan.errors import UsageError
from logscan.values import Incident

if TYPE_CHECKING:
    from logscan.failures.history import Comparison, Run
    from logscan.failures.selection import Selection


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a run fails."""

    count: int | None
    states: tuple[str, ...]

    def matched(self, selected: int, changed: Comparison | None) -> bool:
        """Whether it does."""
        if self.count is not None:
            return selected >= self.count
        return changed is not None and changed.number(*self.states) > 0


def fail_threshold(text: str | None, compare: str | None, history: str | None) -> Threshold | None:
    """Understand ``--fail-on``.

    Raises:
        UsageError: neither a number nor a state, or a state with nothing to compare with.
    """
    if compare is not None and history is None:
        raise UsageError("--compare needs earlier runs", "name their directory with --history DIR")
    if text is None:
        return None
    if text.isdigit() and int(text) > 0:
        return Threshold(int(text), ())
    states = {"new": ("new",), "growing": ("new", "growing")}.get(text)
    if states is None:
        raise UsageError(f"--fail-on {text}: unknown", "give a number from 1, new or growing")
    if compare is None:
        raise UsageError(
            f"--fail-on {text} has nothing to compare with", "add --compare previous --history DIR"
        )
    return Threshold(None, states)


class Keeping:
    """The history of one run: looked at before it is written."""

    def __init__(
        self, folder: str | None, compare: str | None, selection: Selection, what: str, by: Sequence[str]
    ) -> None:
        self._folder, self._compare, self._by = folder, compare, list(by)
        self._selection, self._what = selection, what
        self._lock: Lock | None = None
        if folder is not None:
            import os

            from logscan.errors import OutputError

            try:
                os.makedirs(folder, exist_ok=True)
            except OSError as error:
                raise OutputError(
                    f"--history {folder}: {error.strerror}", "is it a directory that may be written?"
                ) from error
            self._lock = Lock(os.path.join(folder, "report"))

    def _run(self) -> Run:
        from logscan.failures.history import Run

        selection = self._selection
        parts = [
            self._what, selection.family or "", ",".join(selection.orgs), ",".join(selection.envs),
            ",".join(selection.proxies), ",".join(selection.not_proxies), selection.side or "",
            ",".join(self._by),
        ]  # fmt: skip
        return Run(selection.times.since, selection.times.until, "|".join(parts), datetime.now())

    def compared(self, incidents: Sequence[Incident]) -> Comparison | None:
        """What has changed since the earlier run that was asked for; ``None``, where there is none."""
        if self._folder is None or self._compare is None:
            return None
        from logscan.failures.history import compare, earlier

        run = self._run()
        before = earlier(self._folder, run, self._compare)
        if before is None:
            common.complain(
                f"--compare {self._compare}: no such run of this selection in {self._folder}",
                "the first run has nothing to be compared with",
            )
            return None
        return compare(run, incidents, before)

    def keep(self, incidents: Sequence[Incident], complete: bool) -> None:
        """Write this run; one that could not read all does not replace what is there."""
        if self._folder is not None:
            from logscan.failures.history import keep

            if complete:
                keep(self._folder, self._run(), incidents, self._by)
            else:
                common.complain(f"{self._folder}: this run is not kept, because not all could be read")
        if self._lock is not None:
            self._lock.release()


def lines(changed: Comparison) -> Iterator[str]:
    """A comparison in words."""
    from logscan.failures.history import key_of, name_of
    from logscan.render.text import safe

    yield f"Since {changed.label}:"
    states: dict[str, list[str]] = {}
    for incident, (state, words) in changed.states.items():
        count = f"{incident.failed_handshakes:,}" + (f", {words}" if words else "")
        states.setdefault(state, []).append(f"{name_of(key_of(incident))} ({count})")
    if changed.gone:
        states["resolved"] = [f"{name_of(key)} ({count:,} then)" for key, count in changed.gone]
    for state in ("new", "growing", "continuing", "shrinking", "resolved"):
        for name in states.get(state, ()):
            yield f"  {state:<10}  {safe(name)}"
    if not states:
        yield "  nothing then, nothing now"
