"""Nothing lost, nothing twice: random rotations, truncations, kills and restarts against a list."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from logscan._failures.frames import failure_id
from logscan._failures.selection import HostNames, Selection
from logscan._jobs.tail import Watcher
from logscan._live import checkpoint
from logscan._live.options import FollowOptions
from logscan._live.rotated_files import Listing
from logscan._live.rotation import RotationSet
from support.lines import ONE

QUIET_TIME = 0.02
STYLES = ("number", "dash", "dot", "hour", "time", "prefix", "mixed")
"""How rotated files are named."""


class FakeClock:
    """A clock that only waiting moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


class Run:
    """A live run in this process, with the failures that it gave and the checkpoint that it wrote last."""

    def __init__(self, path: Path, given: dict[str, str], folder: Path, clock: FakeClock) -> None:
        self.given = given
        self.own: set[str] = set()
        self.clock = clock
        self.file = str(folder / "checkpoint")
        self.watcher = Watcher(
            [str(path)],
            Selection(),
            FollowOptions(
                from_start=True, poll=True, poll_interval=QUIET_TIME / 2, quiet_time=QUIET_TIME, block=1 << 12,
                max_entry_bytes=1 << 14, clock=clock,
            ),
            host_of=HostNames(), checkpoint=checkpoint.load(self.file) or checkpoint.Checkpoint(),
        )  # fmt: skip
        self._updates = self.watcher.run()

    def pump(self, steps: int) -> None:
        for _ in range(steps):
            for failure in next(self._updates).failures:
                name = failure_id(failure)
                # A run gives each failure once; a new run may give those after the checkpoint again.
                assert name not in self.own, failure
                self.own.add(name)
                self.given.setdefault(name, failure.message_id or "")

    def settle(self) -> None:
        """Until nothing has happened for longer than a message takes to be complete."""
        quiet_since = self.clock.now
        known = -1
        while self.clock.now - quiet_since < 3 * QUIET_TIME or self.watcher.open_messages:
            self.pump(1)
            if len(self.given) != known or self.watcher.lag[0]:
                known, quiet_since = len(self.given), self.clock.now

    def save(self) -> None:
        checkpoint.save(self.file, self.watcher.checkpoint())

    def kill(self) -> None:
        """Nothing is finished, nothing is saved: what a kill -9 leaves."""
        self._updates.close()
        self.watcher.close()


class Following(RuleBasedStateMachine):
    """Actions on a log and on its reader; the model is the list of messages written."""

    @initialize(
        seed=st.integers(0, 1 << 30),
        linked=st.booleans(),
        appends=st.booleans(),
        style=st.sampled_from(STYLES),
    )
    def begin(self, seed: int, linked: bool, appends: bool, style: str) -> None:
        self.appends = appends
        self.style = style
        self.offset = 0
        """Where a writer writes that does not append."""
        self.rotations = 0
        self.packable: list[Path] = []
        """Rotated files, oldest first."""
        self.rnd = random.Random(seed)
        self.clock = FakeClock()
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "logs").mkdir()
        self.log = self.folder / "logs" / "system.log"
        self.path = self.log
        if linked:
            self.path = self.folder / "current.log"
            self.path.symlink_to(self.log)
        self.linked = linked
        self.links = 0
        self.given: dict[str, str] = {}
        self.written: list[str] = []
        self.rest = ""
        self.log.write_bytes(b"")
        self.run: Run | None = Run(self.path, self.given, self.folder, self.clock)
        self.run.pump(2)
        self.run.save()

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            self.complete()
            if self.run is None:
                self.run = Run(self.path, self.given, self.folder, self.clock)
            self.run.settle()
            assert sorted(self.given.values()) == sorted(self.written), self.run.watcher.counters.problems
            assert self.run.watcher.counters.gap_bytes == 0
        finally:
            if self.run is not None:
                self.run.kill()
            shutil.rmtree(self.folder)

    def append(self, text: str) -> None:
        data = text.encode()
        if self.appends:
            with self.log.open("ab") as file:
                file.write(data)
            return
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT)
        os.pwrite(descriptor, data, self.offset)  # after a truncation: behind a hole of NUL bytes
        os.close(descriptor)
        self.offset += len(data)

    def complete(self) -> None:
        """What was begun is written to its end."""
        self.append(self.rest)
        self.rest = ""

    def rotated_name(self) -> Path:
        """The name for the next rotated file; files with numbers make room for it."""
        self.rotations += 1
        day, hour = f"2026-11-{23 + self.rotations // 24:02}", f"{self.rotations % 24:02}"
        style = self.rnd.choice(STYLES[:-1]) if self.style == "mixed" else self.style
        if style == "number":
            self.shift()
        return self.log.with_name({
            "number": "system.log.1",
            "dash": f"system-{day}.{self.rotations}.log",
            "dot": f"system.{day}.{self.rotations}.log",
            "hour": f"system.log-{day.replace('-', '')}{hour}",
            "time": f"system.log.{day.replace('-', '')}T{hour}0000",
            "prefix": f"{day}-{self.rotations}.system.log",
        }[style])  # fmt: skip

    def shift(self) -> None:
        """system.log.1 becomes system.log.2, and so on."""
        moved = {}
        for number in range(90, 0, -1):
            for suffix in ("", ".gz"):
                file = self.log.with_name(f"system.log.{number}{suffix}")
                if file.exists():
                    moved[file] = file.rename(self.log.with_name(f"system.log.{number + 1}{suffix}"))
        self.packable = [moved.get(file, file) for file in self.packable]

    def put_aside(self, *, copy: bool = False) -> None:
        """Rename the log, or copy and truncate it."""
        name = self.rotated_name()
        if copy:
            shutil.copyfile(self.log, name)
            os.truncate(self.log, 0)
        else:
            self.log.rename(name)
            self.log.write_bytes(b"")
            self.offset = 0
        os.utime(name, (1_700_000_000 + self.rotations,) * 2)  # one clock tick may see several of them
        self.packable.append(name)

    def message(self) -> str:
        name = f"m-{len(self.written)}"
        self.written.append(name)
        text = ONE.replace("m-1", name)
        return text.replace("00:00:01", f"00:{len(self.written) // 60:02}:{len(self.written) % 60:02}")

    @rule(count=st.integers(1, 5))
    def write(self, count: int) -> None:
        self.complete()
        for _ in range(count):
            self.append(self.message())

    @rule()
    def write_partial(self) -> None:
        self.complete()
        text = self.message()
        # After its time: what was read must differ from what is written in its place after a truncation.
        at = self.rnd.randrange(len("2026-11-23 00:00:00"), len(text))
        self.append(text[:at])
        self.rest = text[at:]

    @rule()
    def rotate(self) -> None:
        """By renaming; what was begun goes on in the new file."""
        self.put_aside()
        self.complete()

    @rule(count=st.integers(2, 4), cut=st.booleans())
    def rotate_quickly(self, count: int, cut: bool) -> None:
        """Several times between two looks, between entries or in the middle of one."""
        for _ in range(count):
            self.complete()
            if cut:
                self.append(self.message())
                self.write_partial()
            else:
                self.append(self.message())
            self.put_aside()
        self.complete()

    @rule(left=st.integers(0, 1))
    def pack(self, left: int) -> None:
        """gzip works on all rotated files, or on all but the newest, as logrotate's delaycompress has it."""
        for file in self.packable[: len(self.packable) - left]:
            packed = file.with_name(file.name + ".gz")
            about = file.stat()
            packed.write_bytes(gzip.compress(file.read_bytes(), 1))
            os.utime(packed, ns=(about.st_atime_ns, about.st_mtime_ns))
            file.unlink()
        del self.packable[: len(self.packable) - left]

    @rule()
    def copy_and_truncate(self) -> None:
        self.complete()
        self.put_aside(copy=True)

    @rule()
    def copy_truncate_and_grow(self) -> None:
        """Beyond its old size before anybody looks: with entries of one length to the same byte at times."""
        size = self.log.stat().st_size
        self.copy_and_truncate()
        while self.log.stat().st_size <= size:
            self.append(self.message())

    @precondition(lambda self: self.run is not None)
    @rule()
    def delete_and_recreate(self) -> None:
        """After it was read: what is deleted unread is gone."""
        assert self.run is not None
        self.complete()
        self.run.settle()
        self.run.save()
        self.log.unlink()
        self.log.write_bytes(b"")
        self.offset = 0

    @precondition(lambda self: self.linked and self.run is not None)
    @rule()
    def switch_link(self) -> None:
        """The path leads to another file."""
        assert self.run is not None
        self.complete()
        self.run.settle()
        self.run.save()
        self.links += 1
        folder = self.folder / f"logs{self.links}"
        folder.mkdir()
        self.log = folder / "system.log"
        self.log.write_bytes(b"")
        self.offset = 0
        spare = self.folder / "spare"
        spare.symlink_to(self.log)
        spare.rename(self.path)

    @precondition(lambda self: self.run is not None)
    @rule(steps=st.integers(1, 6))
    def look(self, steps: int) -> None:
        assert self.run is not None
        self.run.pump(steps)

    @precondition(lambda self: self.run is not None)
    @rule()
    def settle(self) -> None:
        assert self.run is not None
        self.run.settle()

    @precondition(lambda self: self.run is not None)
    @rule()
    def save(self) -> None:
        assert self.run is not None
        self.run.save()

    @precondition(lambda self: self.run is not None)
    @rule()
    def kill(self) -> None:
        assert self.run is not None
        self.run.kill()
        self.run = None

    @precondition(lambda self: self.run is None)
    @rule()
    def restart(self) -> None:
        self.run = Run(self.path, self.given, self.folder, self.clock)

    @invariant()
    def nothing_is_given_twice(self) -> None:
        if hasattr(self, "given"):
            names = list(self.given.values())
            assert len(names) == len(set(names)), "one failure under two ids"


def test_truncated_and_then_renamed(tmp_path: Path) -> None:
    """All between two looks: the renamed file is read before the copy of what came after it."""
    log, clock, given = tmp_path / "system.log", FakeClock(), dict[str, str]()
    first, second, third = (ONE.replace("m-1", f"m-{number}") for number in range(3))
    log.write_text(first)
    run = Run(log, given, tmp_path, clock)
    run.settle()
    log.with_name("system.log.3").write_text(first + second)
    log.write_text(third[:500])
    log.rename(log.with_name("system.log.2"))
    log.with_name("system.log.1").write_text(third[500:])
    log.touch()
    run.settle()
    assert list(given.values()) == ["m-0", "m-1", "m-2"]
    run.kill()


def test_copied_and_not_truncated_yet(tmp_path: Path) -> None:
    """The copy of a file of which nothing was read holds nothing new; once it was truncated, all that is left."""
    log, clock, given = tmp_path / "system.log", FakeClock(), dict[str, str]()
    log.touch()
    run = Run(log, given, tmp_path, clock)
    log.write_text(ONE)
    log.with_name("system.log.1").write_text(ONE)
    run.settle()
    assert list(given.values()) == ["m-1"]
    os.truncate(log, 0)
    run.settle()
    log.write_text(ONE.replace("m-1", "m-2"))
    run.settle()
    assert list(given.values()) == ["m-1", "m-2"]
    run.kill()


class Growing(RotationSet):
    """Writes to the log, renames and packs it while the files beside it are being listed."""

    def listing(self, *, every: bool = False) -> Listing:
        log = Path(self._path)
        if log.stat().st_size < len(ONE):
            log.write_text(ONE)
            log.with_name("system.log.2.gz").write_bytes(gzip.compress(ONE.encode()))
            log.unlink()
            log.with_name("system.log.1").write_text(ONE.replace("m-1", "m-2"))
            log.write_text(ONE.replace("m-1", "m-3"))
        return super().listing(every=every)


def test_packed_while_the_files_are_listed(tmp_path: Path) -> None:
    """An open file that grew, was renamed and packed before the list was made is the one that is listed."""
    log = tmp_path / "system.log"
    log.write_text(ONE[:100])
    with log.open("rb") as file:
        unread = Growing(str(log), ()).open_before(file.fileno(), None, ())
    assert (unread.files, unread.is_all) == ([], False)


def resume_after_a_kill(run: Run, log: Path, given: dict[str, str], clock: FakeClock) -> None:
    """Save, kill, and read all with a new run."""
    run.save()
    run.kill()
    run = Run(log, given, log.parent, clock)
    run.settle()
    run.kill()


def test_killed_while_a_copy_is_joined(tmp_path: Path) -> None:
    """A checkpoint stands before the copy that is read before the file itself."""
    log, clock, given = tmp_path / "system.log", FakeClock(), dict[str, str]()
    log.touch()
    run = Run(log, given, tmp_path, clock)
    run.settle()
    log.with_name("system.log.1").write_text(ONE.replace("m-1", "m-0"))
    log.write_text(ONE)
    while run.watcher.open_messages < 2:
        run.pump(1)
    assert not given
    resume_after_a_kill(run, log, given, clock)
    assert list(given.values()) == ["m-0", "m-1"]


def test_killed_when_the_marked_file_is_gone(tmp_path: Path) -> None:
    """A checkpoint stands in a file that was deleted: the copies that were read after it are read again."""
    log, clock, given = tmp_path / "system.log", FakeClock(), dict[str, str]()
    log.touch()
    run = Run(log, given, tmp_path, clock)
    log.write_text(ONE.replace("m-1", "m-0"))
    run.settle()
    run.save()
    log.unlink()
    log.with_name("system.log.2").touch()
    log.with_name("system.log.1").write_text(ONE)
    log.touch()
    run.pump(1)
    resume_after_a_kill(run, log, given, clock)
    assert list(given.values()) == ["m-0", "m-1"]


def test_killed_while_the_rest_of_a_copy_is_read(tmp_path: Path) -> None:
    """The file was truncated after half of it was read; the copy with the other half is found again."""
    log, clock, given = tmp_path / "system.log", FakeClock(), dict[str, str]()
    log.touch()
    run = Run(log, given, tmp_path, clock)
    run.pump(1)
    log.write_text(ONE.replace("m-1", "m-0"))
    run.pump(1)
    log.with_name("system.log.1").write_text(ONE.replace("m-1", "m-0") + ONE)
    os.truncate(log, 0)
    run.pump(1)
    resume_after_a_kill(run, log, given, clock)
    assert list(given.values()) == ["m-0", "m-1"]


def test_killed_after_the_rest_of_a_copy_was_read(tmp_path: Path) -> None:
    """A checkpoint stands before the file of which a copy holds the end: the whole copy is read again."""
    log, clock, given = tmp_path / "system.log", FakeClock(), dict[str, str]()
    other = ONE.replace("m-1", "m-2")
    second = ONE[500:] + other[:500]
    log.write_text(ONE[:500])
    run = Run(log, given, tmp_path, clock)
    run.pump(1)
    log.rename(log.with_name("system.log.2"))
    log.write_text(second)
    run.pump(3)
    log.with_name("system.log.1").write_text(second + other[500:])
    os.truncate(log, 0)
    run.pump(2)
    resume_after_a_kill(run, log, given, clock)
    assert list(given.values()) == ["m-1", "m-2"]


TestFollowing = Following.TestCase
TestFollowing.settings = settings(
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate] if "NO_SHRINK" in os.environ else list(Phase),
)
