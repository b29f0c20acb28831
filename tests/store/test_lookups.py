"""Look-ups in a store: the same entries as in the files, read from what can hold them only."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logscan import search
from logscan._jobs import ingest as ingesting
from logscan._jobs.ingest import ingest
from logscan._store import id_lists, ingest_task, lookups, parquet_files, upkeep, write_id_lists
from logscan._store.contents import Contents
from logscan._store.id_lists import DamagedListError, IdList
from logscan._store.open_store import Store
from logscan._store.records import ENTRIES, list_of
from logscan._store.write_id_lists import ListWriter
from logscan.values import Counters
from support.growing import FIRST, grown
from support.logs import entries, logs
from support.mixed_layouts import layouts_in, mixed
from support.profiles import fewer

HEAD = "2026-11-2{day} 0{hour}:00:00,000 org:{org} env:{env} api:{proxy} rev:1 messageid:{id} t INFO L - x\n"
ODD = (
    b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 messageid:m-\xff1 t INFO L - not UTF-8\n"
    b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 messageid:m-\xc3\xa9 t INFO L - a letter\n"
    b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 messageid:m-\xc2\xa0x t INFO L - a blank of another kind\n"
    b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 messageid:M-1 t INFO L - another case of m-1\n"
    b"2026-11-23 00:00:00,000 org:o messageid:m-1 messageid:m-2 t INFO L - twice\n"
    b"2026-11-23 00:00:00,000 org:messageid:m-1 messageid:m-3 t INFO L - within a value\n"
    b"2026-11-23 00:00:00,000 org:o env:e messageid:m-1 t INFO\n"  # without its end
    b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 t INFO L - Message id:m-1 northbound\n"
    b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 t INFO L - messageid:m-1 is mentioned\n"
    b"2026-11-23 00:00:00,000 org:o env:e api:p rev:1 messageid:" + b"m" * 300 + b" t INFO L - long\n"
)


def found(ids: list[str], where: Path, **more: Any) -> list[tuple[bytes, int, bool, int]]:
    """The entries of a search."""
    results = search(ids, paths=str(where), workers=1, **more)
    spans = [one.span for one in results]
    return [(span.data.rstrip(b"\n"), span.place.offset, span.orphan, span.cut) for span in spans]


@fewer(2)
@given(
    data=st.one_of(logs(), entries()),
    layouts=st.one_of(st.none(), st.integers(0, 1 << 30)),
    seed=st.integers(0, 1 << 20),
)
@example(data=b"t messageid:m-1 lost head\n" + ODD, layouts=None, seed=3)
@example(data=b"\0" * 3000 + ODD + b"\0" * 3000 + ODD, layouts=None, seed=4)
def test_beginnings_of_ids(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, layouts: int | None, seed: int
) -> None:
    """Of a log that grows and is rotated: as in the files, with lists of ids, without, with damaged ones."""
    folder = tmp_path_factory.mktemp("lookups")
    (folder / "logs").mkdir()
    rnd = random.Random(seed)
    data = FIRST + data
    if layouts is not None:
        data = mixed(data, random.Random(layouts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest_task, "CHUNK_BYTES", rnd.choice([1 << 9, 1 << 20]))
        patch.setattr(parquet_files, "ROW_GROUP", rnd.choice([3, 32_768]))
        patch.setattr(ingesting, "TASK_BYTES", rnd.choice([1 << 11, 1 << 20]))
        patch.setattr(upkeep, "MANY_FILES", rnd.choice([2, 16]))
        patch.setattr(write_id_lists, "BLOCK_IDS", rnd.choice([1, 2, 1024]))
        for _ in grown(data, folder / "logs", rnd):
            ingest(folder / "logs", store=folder / "store", workers=1)
    held = {source.layout for source in Contents(str(folder / "store")).sources.values()}
    if layouts is not None and held != layouts_in(folder / "logs"):
        return
    _lists_damaged(folder / "store", rnd)
    for ids in (["m"], ["m-1"], ["m-1", "m-2"], ["x", "m-\udcff"], ["m-\udcc3"], ["m-é"], ["mm"], ["M"]):
        for more in ({"prefix": True}, {"max_entry_bytes": 600}, {"prefix": True, "level": "INFO"}):
            here = found(ids, folder / "store", **more)
            assert here == found(ids, folder / "logs", **more), (ids, more)


def _lists_damaged(store: Path, rnd: random.Random) -> None:
    """Some lists lose a byte, or are gone."""
    for path in sorted(store.glob("_ids/**/*.ids")):
        choice = rnd.randrange(4)
        if choice == 0:
            path.unlink()
        elif choice == 1:
            text = bytearray(path.read_bytes())
            text[rnd.randrange(len(text))] ^= 1 << rnd.randrange(8)
            path.write_bytes(text)


@given(
    groups=st.lists(st.lists(st.text("ab\0é-", min_size=1, max_size=5), max_size=8), min_size=1, max_size=4),
    size=st.sampled_from([1, 2, 1024]),
    longest=st.sampled_from([3, 96]),
)
def test_a_list(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[str]], size: int, longest: int
) -> None:
    """It names all row groups with ids that begin so, whatever the beginning is."""
    import pyarrow as pa

    path = tmp_path_factory.mktemp("list") / "x.ids"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_id_lists, "BLOCK_IDS", size)
        patch.setattr(write_id_lists, "LONGEST", longest)
        patch.setattr(id_lists, "LONGEST", longest)
        writer = ListWriter()
        for ids in groups:
            writer.add(pa.chunked_array([pa.array([*ids, None], pa.string())]))
        data = writer.made(7)
        assert data is not None
        path.write_bytes(data)
        held = IdList(str(path), 7)
        known = {name.encode() for ids in groups for name in ids}
        beginnings = {name[:end] for name in known for end in range(1, len(name) + 1)} | {b"zz", b"a", b"b\0"}
        for begin in beginnings:
            wanted = {n for n, ids in enumerate(groups) if any(i.encode().startswith(begin) for i in ids)}
            assert wanted <= held.groups_with(begin)
            if begin == b"zz" and not any(name.startswith(b"\0") for name in known):
                assert not held.groups_with(begin)
        held.close()


def test_a_list_of_many_row_groups(tmp_path: Path) -> None:
    """As a file has that many were merged into."""
    import pyarrow as pa

    writer = ListWriter()
    for number in range(700):
        writer.add(pa.chunked_array([pa.array([f"a-{number}", "b"])]))
    data = writer.made(7)
    assert data is not None
    (tmp_path / "x.ids").write_bytes(data)
    held = IdList(str(tmp_path / "x.ids"), 7)
    assert {613} <= held.groups_with(b"a-613") <= {6, 61, 613}
    assert held.groups_with(b"b") == set(range(700))
    held.close()


def groups_in(path: Path) -> set[int]:
    """What a list says of a beginning."""
    held = IdList(str(path), 7)
    try:
        return held.groups_with(b"a")
    finally:
        held.close()


def test_any_wrong_bit_of_a_list_is_seen(tmp_path: Path) -> None:
    """It is not used then: the column is read."""
    import pyarrow as pa

    writer = ListWriter()
    writer.add(pa.chunked_array([pa.array(["a", "b"])]))
    whole = writer.made(7)
    assert whole is not None
    path = tmp_path / "x.ids"
    for bit in range(8 * len(whole)):
        data = bytearray(whole)
        data[bit >> 3] ^= 1 << (bit & 7)
        path.write_bytes(data)
        with pytest.raises(DamagedListError):
            groups_in(path)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of three days, of several environments and proxies, and their store with a file for each day."""
    folder = tmp_path_factory.mktemp("days")
    (folder / "logs").mkdir()
    rnd = random.Random(7)
    for env in ("dev", "prod", "test"):
        text = ["no time, no header\n"]
        for day in (3, 4, 5):
            for number in range(300):
                text.append(
                    HEAD.format(
                        day=day,
                        hour=number // 100,
                        org="o",
                        env=env,
                        proxy=rnd.choice(["orders", "payments"]),
                        id=f"id-{day}{number // 3:05d}-{env}",
                    )
                )
                if not number % 50:
                    text.append(
                        f"2026-99-99 00:00:00,000 messageid:id-{day}{number // 3:05d}-{env} t INFO L - y\n"
                    )
        (folder / "logs" / f"{env}.log").write_text("".join(text))
    ingest(folder / "logs", store=folder / "store", workers=1)
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files in whose rows a search has looked."""
    names: list[str] = []
    groups_for = lookups.groups_for

    def noted(contents: Contents, file: Any, *more: Any) -> Any:
        names.append(file.name)
        return groups_for(contents, file, *more)

    monkeypatch.setattr("logscan._store.open_store.groups_for", noted)
    return names


@pytest.mark.parametrize(
    ("ids", "more", "files"),
    [
        (["id-300001-prod"], {}, 3),
        (["id-300001-prod"], {"env": "prod"}, 1),
        (["id-300001-"], {"prefix": True}, 3),
        (["id-3"], {"prefix": True, "env": "pr*,x"}, 1),
        (["id-"], {"prefix": True, "since": "2026-11-30"}, 0),
        (["id-"], {"prefix": True, "since": "2026-11-24 01:00", "until": "2026-11-24 02:00"}, 9),
        (["id-"], {"prefix": True, "env": "*d*"}, 9),
        (["id-"], {"prefix": True, "proxy": "orders", "env": "dev,test"}, 6),
        (["other"], {"prefix": True}, 0),
        (["other"], {}, 0),
    ],
)
def test_only_what_can_hold_it_is_read(
    ids: list[str], more: dict[str, Any], files: int, days: Path, read: list[str]
) -> None:
    """By its date, its names and its ids; the entries are those of the files."""
    assert found(ids, days / "store", **more) == found(ids, days / "logs", **more)
    dated = [name for name in read if "date=0001" not in name]
    assert len(dated) == files, dated


def test_many_ids(days: Path) -> None:
    """More than an index is asked for, among them odd ones."""
    ids = [
        f"id-{day}{number:05d}-{env}"
        for day in (3, 5)
        for number in range(0, 100, 2)
        for env in ("dev", "prod")
    ]
    ids += [" ", "id-3", "id-\udcff", "é"]
    assert len(found(ids[:150], days / "store")) >= 450
    for some in (ids, ids[-5:], ids[:150], *([one] for one in ids[:12])):
        assert found(some, days / "store") == found(some, days / "logs"), some


def test_so_many_rows_that_the_text_is_scanned(days: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not kept in memory."""
    whole = found(["id-3"], days / "logs", prefix=True)
    monkeypatch.setattr("logscan._store.open_store.MOST_ROWS", len(whole) - 1)
    assert found(["id-3"], days / "store", prefix=True) == whole


def test_each_file_of_entries_has_its_list(days: Path, tmp_path: Path) -> None:
    """After a merge and after days were dropped, too; bytes that go take theirs with them."""
    store = tmp_path / "store"
    for path in sorted((days / "logs").iterdir()):
        ingest(path, store=store, workers=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upkeep, "MANY_FILES", 2)
        ingest((), store=store)
    contents = Contents(str(store))
    _has_lists(contents)
    assert len(Store(str(store)).find(["id-300001-prod"], Counters())) == 3
    contents.log.vacuum(0)
    _has_lists(Contents(str(store)), exactly=True)


def _has_lists(contents: Contents, *, exactly: bool = False) -> None:
    lists = {
        path.relative_to(contents.address).as_posix() for path in Path(contents.address).glob("_ids/**/*.ids")
    }
    named = {list_of(file.name) for file in contents.named(ENTRIES)}
    assert named <= lists
    assert not exactly or named == lists
