"""The zip itself: what never gets in, who may read it, and the second pass over it."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import random
import stat
import zipfile
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest

from logscan._evidence import bundle as bundles
from logscan._jobs.diagnose import diagnose
from logscan._jobs.gather import gather
from logscan._support import archive, remembered
from logscan._support.archive import Gathered
from logscan._support.redact import redact, redact_payload
from logscan._support.remembered import Remembered
from logscan.errors import InputError, OutputError
from support.command import ROOT, logscan

LOG = ROOT / "sample_logs/no-keystore/system.log"
TARGET = (
    "<TargetEndpoint name='default'><HTTPTargetConnection><SSLInfo><Enabled>true</Enabled></SSLInfo>"
    "<URL>https://backend.example</URL></HTTPTargetConnection></TargetEndpoint>"
)
SECRET = "S3cr3t-that-leaves"


def bundle(folder: Path) -> Path:
    """A bundle with one target."""
    (folder / "apiproxy/targets").mkdir(parents=True)
    (folder / "apiproxy/targets/default.xml").write_text(TARGET)
    return folder


def files_of(path: Path) -> dict[str, bytes]:
    """The zip's files."""
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_links_stay_out(tmp_path: Path) -> None:
    """M7: a link in a bundle's folder leads anywhere; it is listed, not followed. The same for other evidence."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.xml").write_text(f"<x>{SECRET}</x>")
    folder = bundle(tmp_path / "fold")
    (folder / "apiproxy/targets/x.xml").symlink_to(outside / "secret.xml")
    (folder / "apiproxy/policies").symlink_to(outside)
    os.mkfifo(folder / "apiproxy/pipe.txt")
    (outside / "trace.xml").write_text(
        f"<DebugSession><Messages><Message><x>{SECRET}</x></Message></Messages></DebugSession>"
    )
    (tmp_path / "trace.xml").symlink_to(outside / "trace.xml")
    done = logscan("gather", folder, LOG, "trace.xml", "-o", "o.zip", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    files = files_of(tmp_path / "o.zip")
    assert any(name.endswith("default.xml") for name in files)
    assert SECRET.encode() not in b"".join(files.values())
    left_out = json.loads(files["manifest.json"])["left_out"]
    for name in ("x.xml", "policies", "trace.xml"):
        assert any(path.endswith(name) and "a link" in why for path, why in left_out.items()), name
    assert any(path.endswith("pipe.txt") and why == "not a file" for path, why in left_out.items())


def test_links_in_a_zip_stay_out(tmp_path: Path) -> None:
    """M7: a link in a bundle's zip is no text."""
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as opened:
        opened.writestr("apiproxy/targets/default.xml", TARGET)
        link = zipfile.ZipInfo("apiproxy/targets/link.xml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    logscan("gather", "b.zip", LOG, "-o", "o.zip", cwd=tmp_path)
    files = files_of(tmp_path / "o.zip")
    assert not any(name.endswith("link.xml") for name in files)
    assert any("link.xml" in name for name in json.loads(files["manifest.json"])["left_out"])


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_is_one_line(method: int) -> None:
    """M8: what zipfile, zlib, bz2 and lzma raise leaves that member out, and says why; the others go in."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as opened:
        opened.writestr("apiproxy/a.xml", random.Random(1).randbytes(500).hex())
        opened.writestr("apiproxy/targets/default.xml", TARGET)
    raw = bytearray(made.getvalue())
    begin = raw.index(b"apiproxy/a.xml") + len("apiproxy/a.xml")
    raw[begin + 4 : begin + 24] = b"\xff\x5a" * 10
    gathered = gather(diagnose([LOG]), {}, {"/proxy?format=bundle": bytes(raw)})
    assert any(item.name.endswith("default.xml") for item in gathered.items)
    (why,) = (why for name, why in gathered.skipped.items() if name.endswith("a.xml"))
    assert why.startswith("could not be packed: ")
    assert "\n" not in why


def test_any_bytes_of_a_zip(tmp_path: Path) -> None:
    """M8: every damage of one byte of a zip ends in an error that is known."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_LZMA) as opened:
        opened.writestr("apiproxy/a.xml", "<a/>" * 9)
    raw = made.getvalue()
    for at in range(len(raw)):
        for value in (0, 0x7F, 0xFF):
            damaged = raw[:at] + bytes([value]) + raw[at + 1 :]
            with contextlib.suppress(ValueError, InputError), bundles.open_zip(damaged, "x") as opened:
                for info in opened.infolist():
                    bundles.unpacked(opened, info, 1 << 20)


def test_only_the_owner_reads_the_zip(tmp_path: Path) -> None:
    """H9: 0600 from the beginning, also where a file of another mode stood."""
    for _ in range(2):
        logscan("gather", LOG, "-o", "o.zip", cwd=tmp_path)
        assert stat.S_IMODE((tmp_path / "o.zip").stat().st_mode) == 0o600
        (tmp_path / "o.zip").chmod(0o644)


def test_the_second_pass(tmp_path: Path) -> None:
    """H9: what has a name in one file is found without one in others, in the forms that programs write."""
    secret = 'hunter2/"ä+x'
    forms = [
        secret, quote(secret, safe=""), json.dumps(secret)[1:-1],
        base64.b64encode(f"joe:{secret}".encode()).decode(), base64.b64encode(f"j:{secret}!".encode()).decode(),
    ]  # fmt: skip
    (tmp_path / "run.txt").write_bytes((ROOT / "tests/data/tls/s_client/nocert_tls1_2.txt").read_bytes())
    done = logscan(
        "gather", LOG, "run.txt", "-o", "o.zip", "--curl", f"curl --pass '{secret}' https://x", "--note",
        "tried: " + " and ".join(forms), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    whole = b"\n".join(files_of(tmp_path / "o.zip").values())
    for form in (secret, quote(secret, safe=""), "hunter2"):
        assert form.encode() not in whole
    for form in forms[3:]:
        assert form[8:-8].encode() not in whole
    assert b"masked elsewhere" in done.stdout


def test_a_secret_that_is_left_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """H9: the zip is read back; a secret in it is named by place and kind, never shown, and nothing is written."""
    gathered = Gathered()
    gathered.text("a.txt", f"password={SECRET}", "a")
    gathered.add("b.bin", b"\x00" + SECRET.encode(), "b")
    out = io.BytesIO()
    with pytest.raises(OutputError, match=r"^b\.bin, byte 1: a secret") as raised:
        archive.write(gathered, out)
    assert out.getvalue() == b""
    assert SECRET not in str(raised.value) + raised.value.hint
    gathered.mask_again()
    archive.write(gathered, out)
    with zipfile.ZipFile(out) as opened:
        assert opened.read("b.bin") == b"\x00***"


def test_a_secret_in_a_name_is_not_shown() -> None:
    """H9: where the name of a file holds a secret, the message gives its number."""
    gathered = Gathered()
    gathered.text("a.txt", f"password={SECRET}", "a")
    gathered.text(f"trace/{SECRET}.xml", "<x/>", "b")
    with pytest.raises(OutputError, match=r"^the name of file 3 in the zip, byte 6: a secret") as raised:
        archive.write(gathered, io.BytesIO())
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be"])
def test_wide_texts_are_masked(code: str) -> None:
    """H9: a text in UTF-16 is masked like another, with or without a mark at its begin."""
    gathered = Gathered()
    gathered.text("a.xml", f"<Password>{SECRET}</Password>".encode(code), "a")
    assert gathered.items[0].data == b"<Password>***</Password>"


def test_packets_are_masked_like_texts() -> None:
    """H9: what a packet says in plain text is masked byte for byte; other packets stay."""
    counts: Counter[str] = Counter()
    seen: list[bytes] = []
    payload = f"GET /a?apikey=k7 HTTP/1.1\r\nX-Api-Key: {SECRET}\r\n\r\n".encode()
    masked = redact_payload(payload, counts, lambda secret, _: seen.append(secret))
    assert len(masked) == len(payload)
    assert SECRET.encode() not in masked
    assert SECRET.encode() in seen
    assert masked.endswith(b"\r\n\r\n")
    assert redact_payload(b"\x16\x03\x01password=x7", Counter()) == b"\x16\x03\x01password=x7"


def test_names_and_sources_are_clean() -> None:
    """H9: the list of the zip's files shows neither passwords nor control characters."""
    gathered = Gathered()
    gathered.add("a.txt", b"", f"https://joe:{SECRET}@host/x\x1b]52;c;x\x07")
    gathered.leave_out(f"sftp://joe:{SECRET}@h/x\x9b", f"token={SECRET}")
    text = (
        archive.manifest(gathered).decode()
        + archive.readme(gathered, None)
        + "".join(archive.listing(gathered))
    )
    assert SECRET not in text
    assert not any(mark in text for mark in "\x1b\x07\x9b")
    json.loads(archive.manifest(gathered))


def test_known_names_stay() -> None:
    """H9: the name of a proxy that is somewhere the value of a secret name is not masked everywhere."""
    known = Remembered(["customers-api-v2"])
    for name in ("customers-api-v2", "short", "null", "another-v2-secret"):
        known.add(name.encode(), "secret")
    assert [place[:2] for place in known.places(b"customers-api-v2 another-v2-secret")] == [(17, 34)]


def test_the_cap_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """H9: beyond the number of secrets that is remembered, the list of the zip says how many."""
    monkeypatch.setattr(remembered, "MAX_REMEMBERED", 3)
    gathered = Gathered()
    gathered.text("a.txt", "\n".join(f"password=hunter2-{number}" for number in range(5)), "a")
    assert len(gathered.remembered) == 3
    assert gathered.remembered.left_out == 2
    assert "2 secrets beyond" in archive.readme(gathered, None)


def test_without_the_rust_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """H9: the second pass finds the same where the wheel of aho-corasick is missing."""
    import sys

    forms = [b"hunter2-and", b"hunter2-and-more", b"other-secret"]
    data = b"x hunter2-and-more other-secret hunter2-and"
    fast = list(remembered.finder_of(forms)(data))
    monkeypatch.setitem(sys.modules, "ahocorasick_rs", None)
    assert list(remembered.finder_of(forms)(data)) == fast
    assert len(fast) == 3


def test_own_texts_hold_no_control_characters(tmp_path: Path) -> None:
    """M4: an alias, a DN, a message id with terminal sequences is shown, not sent, in every text of logscan."""
    gathered = Gathered()
    gathered.own_text("certificates/x.txt", "alias a\x1b]52;c;x\x07\u202e\nCN=\x9b31m", "x")
    assert gathered.items[0].data == rb"alias a\x1b]52;c;x\x07\u202e" + b"\n" + rb"CN=\x9b31m"
    log = LOG.read_text().replace("main", "main", 1)
    (tmp_path / "x.log").write_text(log)
    logscan("gather", "x.log", "--note", "tried \x1b]52;c;x\x07", "-o", "o.zip", cwd=tmp_path)
    for name, data in files_of(tmp_path / "o.zip").items():
        if name != "system.log.txt":
            assert b"\x1b" not in data, name


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "password": 5, "x": [1]}', '{"password": ["x7", "y"]}', '{"token": {"a": "b7"}, "b": null}', '{"secret" : -1.5e3}'],
)  # fmt: skip
def test_masked_json_is_json(text: str) -> None:
    """A number, list or object that is masked leaves JSON that programs read."""
    masked = redact(text, Counter())
    assert masked != text
    assert json.loads(masked).keys() == json.loads(text).keys()


def test_diagnosis_in_the_zip_is_json(tmp_path: Path) -> None:
    """Masking leaves the diagnosis readable by programs."""
    logscan("gather", LOG, "-o", "o.zip", cwd=tmp_path)
    assert json.loads(files_of(tmp_path / "o.zip")["diagnosis.json"])["verdicts"]
