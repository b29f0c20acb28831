"""The spans of some paths, in the order of the log: those of stores first, then those of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from logscan._distribute.scanned_spans import ScannedSpans
from logscan._reading.ssh import is_ssh
from logscan._scanning.plan import Inputs, slices_of
from logscan._scanning.spans import Scan, SpanSource
from logscan._scanning.time_slices import StreamSlice
from logscan._store.inputs import OfStore, spans_of, stores_among, streams_of
from logscan.times import TimeRange
from logscan.values import Counters, Span

if TYPE_CHECKING:  # most runs read no other host
    from logscan._jobs._elsewhere import Elsewhere


def inputs_of(
    paths: Sequence[str],
    counters: Counters,
    times: TimeRange = TimeRange(None, None, None),
    *,
    learn: bool = True,
    elsewhere: Elsewhere | None = None,
) -> Inputs:
    """What must be read of some paths: see :func:`logscan._scanning.plan.slices_of`.

    Args:
        elsewhere: hosts that are asked, too: then there need be no path.

    Raises:
        NoLogsError: no path gave anything to read.
    """
    if elsewhere and not paths:
        return Inputs((), ())
    folders, files = stores_among(paths)
    slices = slices_of(files, counters, times, learn=learn) if files or not folders else ()
    return Inputs(tuple(folders), tuple(slices))


def split_paths(
    paths: Sequence[str], at_once: int = 0, *, pull: bool = False
) -> tuple[Sequence[str], Elsewhere | None]:
    """Paths of this machine, and hosts with theirs; see :func:`logscan._jobs._elsewhere.split`.

    Raises:
        UsageError: an address that is none.
    """
    if not any(map(is_ssh, paths)):
        return paths, None
    from logscan._jobs._elsewhere import split

    return split(paths, at_once, pull=pull)


def streams_of_inputs(inputs: Inputs) -> list[StreamSlice]:
    """The text of the stores among inputs, as streams.

    Raises:
        InputError: a store is damaged or of another version.
    """
    return [StreamSlice(stream) for folder in inputs.stores for stream in streams_of(folder)]


def spans_of_inputs(
    inputs: Inputs, scan: Scan, *, of_store: OfStore | None = None, source: SpanSource | None = None
) -> Iterator[list[Span]]:
    """The spans of inputs, block by block.

    Args:
        inputs: what to read.
        scan: what is looked for, and how.
        of_store: gives the spans of a store by a shorter way; without it its text is scanned.
        source: gives the spans of files; by default they are scanned.

    Raises:
        InputError: a store is damaged or of another version.
    """
    for folder in inputs.stores:
        spans = None if of_store is None else spans_of(folder, of_store, scan.counters)
        if spans is None:
            spans = ScannedSpans(scan).in_turn([StreamSlice(stream) for stream in streams_of(folder)])
        yield from spans
    if inputs.slices:
        yield from (source or ScannedSpans(scan)).spans(inputs.slices)
