"""If much fails, several processes share the counting, by message id.

To parse an entry takes a few hundred times as long as to skip it, and Python parses on one core only. So if
samples say that there is much to parse, each process reads all of the input, but parses only the messages of
its share. Their counts are merged. The result is that of one process.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from logscan._failures import catalog
from logscan._failures.joining import SHARDS
from logscan._failures.tally import Counted, CountRequest, Share, merge
from logscan._reading.paths import LogFile
from logscan._reading.unpack import first_bytes, open_at_offsets
from logscan._scanning.needles import finder_for
from logscan._scanning.plan import Inputs, Progress
from logscan.errors import InputError, LogscanError

MANY_NEEDLES = 60_000
"""Needles from which on processes share the work: a second of work, several times the cost of a process."""
_DENSE = 1 / 16384
"""Needles per byte; with fewer, threads are faster, because each process reads all (measured at 10 GiB)."""
_SAMPLE_BYTES = 1 << 18
_SAMPLES_PER_FILE = 6
"""Samples of a plain file; of a packed file only its beginning is sampled."""
_SAMPLED_FILES = 6
_PACKING = 10
"""Bytes of text for each packed byte, about."""


Count = Callable[["CountRequest", Share, Progress | None], Counted]
"""Counts one share of the messages: :func:`logscan._jobs._counting.count`. It travels by its name."""


def count_shared(request: CountRequest, count: Count, progress: Progress | None = None) -> Counted:
    """Count in this process, and in others beside it if that is faster.

    Raises:
        NoLogsError: no path gave anything to read.
        UsageError: an unknown column.
    """
    of = min(request.limits.workers, SHARDS, os.cpu_count() or 1)
    if of < 2 or not sys.executable or not _is_busy(request.inputs):
        return count(request, (0, 1), progress)
    alone = replace(request, limits=replace(request.limits, workers=1))
    try:
        question = pickle.dumps((count, alone))
    except (pickle.PicklingError, AttributeError, TypeError):  # a host_of that cannot travel
        return count(request, (0, 1), progress)
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(_Other(question, number, of)) for number in range(1, of)]
        done = count(alone, (0, of), progress)
        for other in others:
            merge(done, other.answer())
    return done


class _Other:
    """Another process, which counts one share."""

    def __init__(self, question: bytes, number: int, of: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from logscan._distribute.count_processes import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(pickle.dumps((number, of)) + question)
            self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def answer(self) -> Counted:
        assert self._process.stdout
        data = self._process.stdout.read()
        if self._process.wait() or not data:
            raise InputError(
                f"a process that shared the work ended with status {self._process.returncode}",
                "was there too little memory? use one worker: it needs one process only",
            )
        answer = pickle.loads(data)  # noqa: S301 - our own process
        if isinstance(answer, LogscanError):
            raise answer
        assert isinstance(answer, Counted)
        return answer


def serve() -> None:
    """Run as such another process: the request on standard input, the counts on standard output."""
    import gc

    gc.disable()
    number, of = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
    count, request = pickle.load(sys.stdin.buffer)  # noqa: S301
    try:
        answer: Counted | LogscanError = count(request, (number, of), None)
    except LogscanError as error:
        answer = error
    sys.stdout.buffer.write(pickle.dumps(answer))


def _is_busy(inputs: Inputs) -> bool:
    """Whether, by samples, there are so many needles, and so close, that processes should share them."""
    if inputs.stores:
        from logscan._store.manifest import FAILURES, load

        return (
            sum(file.rows for folder in inputs.stores for file in load(folder).of_kind(FAILURES))
            >= MANY_NEEDLES
        )
    files = [file for part in inputs.slices for file in part.stream]
    if any(file.probe.is_stream for file in files):
        return False
    size = sum(file.probe.size * (1 if file.probe.packing.is_plain else _PACKING) for file in files)
    if size < _SAMPLE_BYTES * _SAMPLES_PER_FILE:
        return False
    sampled = needles = 0
    finder = finder_for(catalog.NEEDLES, rare=True)
    for file in files[:: max(1, len(files) // _SAMPLED_FILES)]:
        for data in _samples(file):
            sampled += len(data)
            needles += len(finder.find(bytearray(data), 0, len(data)))
    return sampled > 0 and needles * size // sampled >= MANY_NEEDLES and needles / sampled >= _DENSE


def _samples(file: LogFile) -> list[bytes]:
    size = file.probe.plain_size
    if size is None:
        return [first_bytes(file.path, _SAMPLE_BYTES)]
    with contextlib.suppress(OSError, InputError), open_at_offsets(file.path) as read:
        return [
            read(size * number // _SAMPLES_PER_FILE, _SAMPLE_BYTES) for number in range(_SAMPLES_PER_FILE)
        ]
    return []
