"""Gather: what support must have is in the zip, and no secret is."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from captures import packets_of

from logscan._support.redact import redact, redact_payload
from support.command import ROOT, logscan

TLS = ROOT / "tests/data/tls"
SECRETS = (
    "c2VjcmV0LXZhbHVl",
    "hunter2",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "s3ss10n",
    "k3y-0f-4p1",
)


def pcap(path: Path, packets: list[bytes]) -> None:
    """Write packets as a capture."""
    out = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
    for number, packet in enumerate(packets):
        out += struct.pack("<IIII", 1_790_000_000 + number, 0, len(packet), len(packet)) + packet
    path.write_bytes(out)


def segment(
    source: tuple[str, int], target: tuple[str, int], sequence: int, flags: int, payload: bytes = b""
) -> bytes:
    """An Ethernet frame with a TCP segment."""
    addresses = bytes(int(part) for end in (source, target) for part in end[0].split("."))
    tcp = struct.pack(">HHIIBBHHH", source[1], target[1], sequence, 0, 80, flags, 512, 0, 0) + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses
    return bytes(12) + b"\x08\x00" + ip + tcp


def through_a_proxy(path: Path) -> None:
    """A failing handshake with HTTP CONNECT and credentials in front of it, among other traffic."""
    client, proxy = ("10.0.0.5", 50_000), ("10.0.0.9", 3128)
    packets = [segment(("10.0.0.7", 40_000), ("10.0.0.8", 80), 1, 24, b"GET /private HTTP/1.1\r\n\r\n")]
    packets += [segment(client, proxy, 99, 2), segment(proxy, client, 499, 18)]
    connect = b"CONNECT backend.example:443 HTTP/1.1\r\nHost: backend.example:443\r\nProxy-Authorization: Basic c2VjcmV0LXZhbHVl\r\n\r\n"
    established = b"HTTP/1.1 200 Connection established\r\n\r\n"
    numbers = {client: 100, proxy: 500}

    def say(by: tuple[str, int], payload: bytes) -> None:
        packets.append(segment(by, proxy if by == client else client, numbers[by], 24, payload))
        numbers[by] += len(payload)

    say(client, connect)
    say(proxy, established)
    for packet in packets_of(TLS / "jsse17/empty_keystore_v1.2.pcap"):
        at = 14 + (packet[14] & 15) * 4
        payload = packet[at + (packet[at + 12] >> 4) * 4 :]
        if payload and len(packet) > 60:
            server_speaks = struct.unpack_from(">H", packet, at)[0] == 20907
            say(proxy if server_speaks else client, payload)
    packets.append(segment(proxy, client, numbers[proxy], 17))
    pcap(path, packets)


def gathered(*args: str | Path, cwd: Path) -> dict[str, bytes]:
    """The zip's files."""
    done = logscan("gather", *args, "-o", "support.zip", cwd=cwd)
    assert done.returncode == 0, done.stderr.decode()
    with zipfile.ZipFile(cwd / "support.zip") as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_everything_is_there_and_no_secret(tmp_path: Path) -> None:
    """The playbook's list, with secrets planted in every kind of evidence."""
    lines = (TLS / "jsse17/empty_keystore_v1.2.client.log").read_text().splitlines(keepends=True)
    head = lines[0].split(" main ")[0]
    lines.insert(
        1,
        f"{head} main INFO HTTP.CLIENT - HTTPClient.onRequest() : GET https://joe:hunter2@backend.example/a?apikey=k3y-0f-4p1"
        " [Authorization=Basic c2VjcmV0LXZhbHVl, Cookie=SID=s3ss10n, Host=x]\n",
    )
    (tmp_path / "system.log").write_text("".join(lines))
    through_a_proxy(tmp_path / "capture.pcap")
    (tmp_path / "run.txt").write_bytes((TLS / "s_client/nocert_tls1_2.txt").read_bytes())
    (tmp_path / "store.p12").write_bytes((TLS / "pki/good.p12").read_bytes())
    (tmp_path / "keys.txt").write_bytes((TLS / "openssl/sslkeylog_root.txt").read_bytes())
    (tmp_path / "trace.xml").write_text(
        '<DebugSession><Messages><Message><Data><Point id="x"><Properties>'
        '<Property name="error.cause">Received fatal alert: bad_certificate</Property></Properties>'
        '<RequestMessage><Headers><Header name="Authorization">Bearer '
        f"{SECRETS[2]}</Header></Headers></RequestMessage></Point></Data></Message></Messages></DebugSession>"
    )
    with zipfile.ZipFile(tmp_path / "proxy.zip", "w") as archive:
        archive.writestr("apiproxy/pay.xml", '<APIProxy name="apiproxy-name" revision="1"/>')
        archive.writestr(
            "apiproxy/targets/default.xml",
            "<TargetEndpoint name='default'><HTTPTargetConnection><SSLInfo><Enabled>true</Enabled>"
            "<ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>ks</KeyStore><KeyAlias>myKey</KeyAlias></SSLInfo>"
            "<URL>https://backend.example</URL></HTTPTargetConnection></TargetEndpoint>",
        )
        archive.writestr(
            "apiproxy/policies/auth.xml",
            "<BasicAuthentication><Password>hunter2</Password></BasicAuthentication>",
        )
        archive.writestr("apiproxy/resources/jsc/a.js", 'var client_secret = "hunter2";')
        archive.writestr("apiproxy/resources/java/x.jar", b"\x00hunter2")
        archive.writestr("../../evil.xml", "<x/>")
    files = gathered(
        "system.log", "capture.pcap", "run.txt", "trace.xml", "proxy.zip", "keys.txt", "--keystore", "store.p12",
        "--tz", "UTC", "--curl", "curl -u joe:hunter2 https://api.example/v1 -H 'Authorization: Basic c2VjcmV0LXZhbHVl'",
        "--note", "password=hunter2 did not help", cwd=tmp_path,
    )  # fmt: skip
    whole = b"\n".join(files.values())
    for secret in SECRETS:
        assert secret.encode() not in whole, secret
    assert b"PRIVATE KEY" not in whole
    assert b"SECRET_0 " not in whole
    assert all(not name.startswith(("/", "..")) and "/../" not in name for name in files)
    manifest = json.loads(files["manifest.json"])
    assert {row["name"] for row in manifest["files"]} == set(files) - {"manifest.json"}
    for row in manifest["files"]:
        assert row["sha256"] == hashlib.sha256(files[row["name"]]).hexdigest()
    assert manifest["missing"] == []
    assert b"Broken pipe" in files["errors.txt"]
    assert b"HTTPClient.onRequest() : GET https://***@backend.example/a?apikey=***" in files["system.log.txt"]
    assert b"-----BEGIN CERTIFICATE-----" in files["certificates/store.p12.txt"]
    assert any("keys.txt" in name for name in manifest["left_out"])
    assert any("x.jar" in name for name in manifest["left_out"])
    # The capture: the failing connection alone, whole, its credentials masked.
    (tmp_path / "cut.pcap").write_bytes(files["captures/capture.pcap"])
    assert b"GET /private" not in files["captures/capture.pcap"]
    assert len(packets_of(tmp_path / "cut.pcap")) == len(packets_of(tmp_path / "capture.pcap")) - 1
    assert files["captures/capture.packets.tsv"].splitlines()[1] == b"1\t2"
    found = json.loads(logscan("diagnose", "cut.pcap", "--format", "json", cwd=tmp_path).stdout)
    assert found["verdicts"][0]["connection"]["tunnel"] == "backend.example:443"
    assert found["verdicts"][0]["connection"]["client_certificate"] == "empty"


def test_review_writes_nothing(tmp_path: Path) -> None:
    """--review lists names, sizes and what is masked."""
    (tmp_path / "run.txt").write_bytes((TLS / "s_client/nocert_tls1_2.txt").read_bytes())
    done = logscan("gather", "run.txt", "--review", cwd=tmp_path)
    assert done.returncode == 0
    assert b"s_client/run.txt  (masked: 1 session secret)" in done.stdout
    assert b"missing  trace file that shows the error" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["run.txt"]


def test_bad_use(tmp_path: Path) -> None:
    """Nowhere to write, nothing to gather, an unwritable place."""
    assert logscan("gather", "x", cwd=tmp_path).returncode == 2
    assert logscan("gather", "-o", "x.zip", cwd=tmp_path).returncode == 2
    (tmp_path / "run.txt").write_bytes((TLS / "s_client/nocert_tls1_2.txt").read_bytes())
    done = logscan("gather", "run.txt", "-o", "no/such/folder/x.zip", cwd=tmp_path)
    assert (done.returncode, b"cannot be written" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l\r\nHost: x", "Authorization: ***\r\nHost: x"),
        ("[Host=x, Authorization=Bearer abcdefghij, Cookie=a=b; c=d]", "[Host=x, Authorization=***, Cookie=***]"),
        ('{"Authorization": "Basic Zm9v", "x": 1}', '{"Authorization": "***", "x": 1}'),
        ('{"name":"request.header.Authorization","value":"Basic xx"}', '{"name":"request.header.Authorization","value":"***"}'),
        ('<Header name="Cookie">a=b</Header>', '<Header name="Cookie">***</Header>'),
        ("<Password>geheim</Password>", "<Password>***</Password>"),
        ('<StorePass enc="x">geheim</StorePass>', '<StorePass enc="x">***</StorePass>'),
        ("GET /a?apikey=123&user=joe&x= HTTP/1.1", "GET /a?apikey=***&user=***&x= HTTP/1.1"),
        ('var clientSecret = "abc";', 'var clientSecret = "***";'),
        ("curl -u joe:pw -k --user 'a:b' x", "curl -u *** -k --user '***' x"),
        ("client_secret=abc&grant=x", "client_secret=***&grant=x"),
        ("https://joe:pw@host/x", "https://***@host/x"),
        ("    Master-Key: 5BCB541B\n", "    Master-Key: ***\n"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "-----RSA PRIVATE KEY REMOVED-----"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", "-----PRIVATE KEY REMOVED-----"),
    ],
)  # fmt: skip
def test_masks(text: str, masked: str) -> None:
    """What is secret goes, its name stays."""
    counts: Counter[str] = Counter()
    assert redact(text, counts) == masked
    assert counts.total() >= 1
    assert redact(masked, Counter()) == masked


@pytest.mark.parametrize(
    "text",
    [
        "SSLInfo: KeyStore:java.security.KeyStore@6cf0e0ba KeyAlias:myKey TrustStore:java.security.KeyStore@7d8995e",
        "Extended master secret: yes", "is it there? yes = 1", "Session-ID: \n", "Received fatal alert: bad_certificate",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "KeyStore password: null",
    ],
)  # fmt: skip
def test_what_stays(text: str) -> None:
    """What a reader needs is not masked."""
    assert redact(text, Counter()) == text


def test_payload_keeps_its_length() -> None:
    """Packets are masked byte for byte."""
    payload = b"CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Basic abc\r\n\r\n"
    masked = redact_payload(payload, Counter())
    assert (len(masked), b"abc" in masked) == (len(payload), False)
    assert io.BytesIO(masked).readline() == b"CONNECT a:1 HTTP/1.1\r\n"
