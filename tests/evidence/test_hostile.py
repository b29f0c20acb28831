"""Evidence that somebody made to mislead or to harm: what can be read of it is used, the rest is said."""

from __future__ import annotations

import gzip
import json
import re
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from fuzz.targets import CORPUS
from logscan._evidence import json_text
from logscan._evidence.api_answers import Answers
from logscan._evidence.api_client import Management, ServerError
from logscan._evidence.capture.flow import Connections
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.packets import CaptureFile
from logscan._evidence.capture.segments import ACK, Segment
from logscan._evidence.certificates import MAX_CHAIN, certificate_from_der, ordered, signed_by
from logscan._evidence.keystores import pem
from logscan._evidence.keystores.read_keystore import read_keystore
from logscan._evidence.kinds import (
    ANSWER,
    BUNDLE,
    CAPTURE,
    KEY_LOG,
    KEYSTORE,
    LOG,
    S_CLIENT,
    TRACE,
    kind_of_evidence,
)
from logscan._evidence.s_client import read_s_client
from logscan._evidence.xml import read_xml
from logscan._jobs.diagnose import collect, judge_collected, request_of
from logscan._render.diagnosis.data import as_json
from logscan.errors import InputError
from support.command import ROOT, logscan

TLS = ROOT / "tests/data/tls"
ENTRY = b"2026-11-23 02:14:07,640 org:o env:e api:a rev:1 messageid:m T ERROR HTTP.CLIENT - x\n"
ODD_PEM = (CORPUS / "certificate/version-19").read_bytes()
ODD_LOG = (CORPUS / "kind/pem-in-a-log").read_bytes()
SAMPLE = ROOT / "sample_logs/no-keystore"


MARKS = {
    "certificate": b"hdr=-----BEGIN CERTIFICATE-----",
    "key": b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
    "s_client": b"CONNECTED(00000003)\nServer certificate\nSSL handshake has read 1 bytes",
    "trace": b"<DebugSession>",
    "target": b"<TargetEndpoint name='x'/>",
    "answer": b'{"certs":[]}',
    "list": b'["a"]',
    "DER": b"0123",
    "key log": b"CLIENT_TRAFFIC_SECRET_0 " + b"a" * 64 + b" " + b"b" * 64,
}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("before", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_log_that_quotes_a_mark_is_a_log(mark: str, before: bytes) -> None:
    """H4: a file with entries at its head is a log, whatever stands before, in or after them."""
    for text in (before + MARKS[mark] + b"\n" + ENTRY * 3, before + ENTRY[:-1] + MARKS[mark] + b"\n" + ENTRY):
        assert kind_of_evidence(text) == LOG, text


def test_kinds_after_a_mark_of_order() -> None:
    """H4: a byte order mark and blank lines, as Windows writes them, hide no kind."""
    json_answer = json.dumps({"name": "x", "certs": [], "keys": []}).encode()
    cases = {
        ANSWER: json_answer, TRACE: b"<DebugSession/>", BUNDLE: b"<TargetEndpoint name='x'/>",
        KEY_LOG: MARKS["key log"] + b"\n", KEYSTORE: MARKS["certificate"] + b"\n", S_CLIENT: MARKS["s_client"],
    }  # fmt: skip
    for kind, text in cases.items():
        for before in (b"", b"\xef\xbb\xbf", b"\n \r\n", b"\xef\xbb\xbf\n"):
            assert kind_of_evidence(before + text) == kind, (before, text)
    assert Answers().take(b"\xef\xbb\xbf\n" + json_answer, "x") == 1
    assert read_xml(b"\xef\xbb\xbf\n<?xml version='1.0'?><a/>").tag == "a"
    keys = KeyLog()
    assert keys.add(b"\xef\xbb\xbf" + MARKS["key log"] + b"\n") == 1
    assert kind_of_evidence((TLS / "variants/base.pcapng").read_bytes()[:65536]) == CAPTURE


@pytest.mark.parametrize("packed", [False, True])
def test_diagnose_reads_a_log_with_a_certificate_in_it(packed: bool, tmp_path: Path) -> None:
    """H4: diagnose and gather see the failures that report sees, plain and packed."""
    path = tmp_path / ("system.log.gz" if packed else "system.log")
    path.write_bytes(gzip.compress(ODD_LOG) if packed else ODD_LOG)
    done = logscan("diagnose", path, "--format", "json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"bad_certificate" in done.stdout
    if not packed:
        logscan("gather", path, "-o", tmp_path / "o.zip")
        with zipfile.ZipFile(tmp_path / "o.zip") as archive:
            assert "system.log.txt" in archive.namelist()


def test_a_certificate_of_an_odd_version_is_evidence(tmp_path: Path) -> None:
    """H6: what can be read is shown, what cannot is noted: alone, as the backend's authority, as the keystore."""
    (tmp_path / "ver.pem").write_bytes(ODD_PEM)
    (tmp_path / "x.pcap").write_bytes((CORPUS / "capture/version-19").read_bytes())
    for arguments in (["ver.pem", "x.pcap", "--backend-ca", "ver.pem"], ["--keystore", "ver.pem"]):
        done = logscan("diagnose", SAMPLE, *arguments, "--format", "json", cwd=tmp_path)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
        assert json.loads(done.stdout)
        assert b"its form cannot be read: 19 is not a valid X509 version" in done.stderr
    done = logscan("gather", SAMPLE, "--keystore", "ver.pem", "-o", "o.zip", cwd=tmp_path)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    (certificate,) = pem.pem_certificates(ODD_PEM, "x")
    assert certificate.not_before is not None
    assert (certificate.serial, certificate.key_algorithm) == (5, "EC")
    assert signed_by(certificate, certificate) is None


@cache
def good() -> bytes:
    """A certificate with parts of many kinds."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"), x509.NameAttribute(NameOID.COMMON_NAME, "x")]
    )
    return (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(datetime(2025, 1, 1)).not_valid_after(datetime(2035, 1, 1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("x")]), critical=False)
        .add_extension(x509.KeyUsage(True, False, False, False, False, True, False, False, False), critical=True)
        .sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x06\x03\x55\x1d\x0f", b"\x06\x03\x55\x1d\x13"), (b"\x06\x03\x55\x1d", b"\x06\x03\x55\x9d"),
        (b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x7f"),
        (b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x7f"),
        (b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x7f"),
        (b"\x0c", b"\x1e"), (b"\x0c", b"\x1c"), (b"\x0c", b"\x03"), (b"\x17\x0d", b"\x18\x0d"),
        (b"\x17\x0d25", b"\x17\x0d\xff5"), (b"\x02\x01\x07", b"\x02\x01\x87"), (b"\x03\x42\x00\x04", b"\x03\x42\x00\x09"), (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x7f"),
    ],
)  # fmt: skip
def test_odd_parts_of_a_certificate(old: bytes, new: bytes) -> None:
    """H6: extensions twice or damaged, unknown algorithms, curves and strings, times that are none."""
    der = good()
    assert old in der
    for count in (1, -1):
        odd = certificate_from_der(der.replace(old, new, count), "x")
        assert str(odd.subject)
        assert odd.der is not None
        assert signed_by(odd, odd) in (True, False, None)
    assert not certificate_from_der(der, "x").notes


def test_one_bad_certificate_among_many() -> None:
    """H6: the others of a file are used, and a note says which one is not."""
    parts = [
        (TLS / "pki/root.pem").read_bytes(),
        b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n",
    ]
    store = read_keystore(parts[0] + parts[1] + parts[0], "x", "x")
    assert len(store.entries[0].chain) == 2
    assert [note[:21] for note in store.notes] == ["part 2 cannot be read"]
    with pytest.raises(InputError, match="part 1 cannot be read"):
        read_keystore(parts[1], "x", "x")


def cost(read: Callable[[], object]) -> float:
    """Seconds of CPU."""
    begun = time.process_time()
    read()
    return time.process_time() - begun


def test_many_headers_without_an_end() -> None:
    """H6: what a PEM file costs grows with its size, not with its square; beyond a number it is counted."""
    text = b"-----BEGIN CERTIFICATE-----\n"
    small, large = (cost(lambda n=n: list(pem.pem_certificates(text * n, "x"))) for n in (20_000, 160_000))  # type: ignore[misc]
    assert large < 40 * max(small, 0.005)
    notes: list[str] = []
    one = b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n"
    list(pem.pem_certificates(one * (pem.MAX_CERTIFICATES + 5), "x", notes))
    assert notes[-1] == f"5 certificates after the first {pem.MAX_CERTIFICATES:,}: not read"


@pytest.mark.parametrize(
    "text",
    [b'{"name":"x","certs":["a"],"aliases":5}', b'{"name":"x","certs":7,"keys":"ab"}', '{"name":"x","host":"h","port":"²"}'.encode(),
     b'{"name":"x","host":"h","port":' + b"9" * 4000 + b"}", b'[{"certsInfo":{"certInfo":[{"subject":"CN=a","issuer":"CN=b","publicKey":"RSA Public Key, ' + b"9" * 5000 + b' bits"}]}}]',
     b'{"name":"\\ud800","refers":"\\udfff"}'],
)  # fmt: skip
def test_answers_of_odd_types(text: bytes, tmp_path: Path) -> None:
    """M8: wrong types, digits that are none, numbers without end, half characters: no traceback, JSON comes out."""
    (tmp_path / "answer.json").write_bytes(text)
    collected = collect(request_of([str(tmp_path), str(SAMPLE)], {}))
    assert (collected.counters.not_understood, collected.counters.problems) == (0, [])
    assert json.loads(as_json(judge_collected(collected)))
    repr(collected.evidence.environment).encode()


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_zip_with_a_broken_part(packing: int, tmp_path: Path) -> None:
    """M8: a part that cannot be unpacked is named, and the other parts are read; gather lists it."""
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("apiproxy/x.xml", "<APIProxy name='x' revision='1'/>" * 50)
        archive.writestr("apiproxy/targets/t.xml", "<TargetEndpoint name='whole'/>")
    data = bytearray(path.read_bytes())
    begin = data.index(b"apiproxy/x.xml") + len("apiproxy/x.xml")
    data[begin + 9 : begin + 30] = bytes(byte ^ 0x5A for byte in data[begin + 9 : begin + 30])
    path.write_bytes(data)
    done = logscan("gather", path, SAMPLE, "-o", tmp_path / "o.zip")
    assert b"apiproxy/x.xml: cannot be unpacked" in done.stderr
    assert b"Traceback" not in done.stderr
    with zipfile.ZipFile(tmp_path / "o.zip") as archive:
        assert "bundle/bundle.zip/apiproxy/targets/t.xml" in archive.namelist()
        assert b"apiproxy/x.xml" in archive.read("README.txt")


def test_lists_that_are_too_long() -> None:
    """M8: a zip's list of files, values of JSON and parts of XML are bounded before they are made."""
    from logscan._evidence import bundle

    with pytest.raises(InputError, match="lists more than"):
        bundle.open_zip(b"PK\x01\x02" * (2 * bundle.MAX_FILES + 1), "x")
    with pytest.raises(ValueError, match="values of JSON"):
        json_text.read_json(b"[" + b"1," * json_text.MAX_VALUES + b"1]")
    with pytest.raises(ValueError, match="parts of XML"):
        read_xml(b"<a>" + b"<b/>" * 4_000_000 + b"</a>")
    for path in ("x", "keystores/k"):
        with pytest.raises(ValueError, match="too deep"):
            Answers().take(b"[" * 100_000, path)


def test_objects_beyond_the_limit_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """M8: what is left out of an answer is a problem that the user sees."""
    from logscan._evidence import api_answers

    monkeypatch.setattr(api_answers, "MAX_OBJECTS", 10)
    answers = Answers()
    answers.take(json.dumps([{"name": str(n), "refers": "x"} for n in range(11)]).encode(), "x")
    assert answers.problems == [("x", "objects after the first 10: not read")]


def test_waiting_bytes_of_all_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """H8: segments that wait for others in many connections: the oldest are given up, and counted."""
    from logscan._evidence.capture import flow

    monkeypatch.setattr(flow, "MAX_HELD", 100_000)
    found = Connections("x", KeyLog())
    for number in range(500):
        ends, back = struct.pack(">IHIH", 1, number, 2, 443), struct.pack(">IHIH", 2, 443, 1, number)
        list(found.feed(Segment(ends, back, 0, 0, 2, b"", 0), number, 0.0))
        list(found.feed(Segment(ends, back, 5_000, 0, ACK, bytes(1_000), 0), number, 0.0))
        held = sum(flow.held for flow in set(found._flows.values()))
        assert held <= 100_000
    assert 400 <= found.given_up < 500
    assert found.given_up + len(set(found._flows.values())) == 500


def test_kept_connections_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """H8: large certificates of many connections: those beyond the limit are counted as left out."""
    from logscan._jobs import _evidence_reader

    monkeypatch.setattr(_evidence_reader, "MAX_KEPT_BYTES", 10)
    captures = [str(TLS / f"jsse17/{name}_v1.2.pcap") for name in ("ca_mismatch", "empty_keystore")]
    counters = collect(request_of(captures, {})).evidence.capture
    assert counters.left_out == counters.connections > 0


def test_interfaces_and_secrets_of_a_capture_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """H8: blocks without a packet between them do not fill the memory."""
    from logscan._evidence.capture import packets

    monkeypatch.setattr(packets, "MAX_INTERFACES", 5)
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    interface = struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
    lines = struct.pack("<IIII", 0x0A, 24, 0x544C534B, 4) + b"abcd" + struct.pack("<I", 24)
    packet = struct.pack("<IIIIIIII", 6, 32, 9, 0, 0, 0, 0, 32)
    data = [section + interface * 50 + lines * 100 + packet]
    capture = CaptureFile(lambda: data.pop() if data else b"")
    assert list(capture) == []
    assert len(capture.secrets) == packets.MAX_BLOCKS
    assert any("names no interface" in fault for fault in capture.faults)


def test_pkcs12_that_costs_too_much() -> None:
    """H6: the rounds of all parts and passwords of one file are counted together."""
    from logscan._evidence.keystores import pkcs12

    budget = pkcs12._Budget()
    budget.spend(pkcs12.MAX_ITERATIONS - 1)
    for rounds in (2, 0, -5):
        with pytest.raises(ValueError, match="rounds"):
            budget.spend(rounds)


@pytest.mark.parametrize(
    "text",
    ["\n", " \n", "s_client ", "s_client -connect ", "verify error:num=1: ", "a:", 'CN="', "x=\\"],
)
def test_texts_that_cost(text: str) -> None:
    """H8: what a text of s_client costs grows with its size, not with its square."""
    head = b"CONNECTED(00000003)\nServer certificate\nAcceptable client certificate CA names\n"

    def read(size: int) -> None:
        read_s_client(head + text.encode() * (size // len(text)), "x")

    read(1_000)
    small, large = cost(lambda: read(100_000)), cost(lambda: read(800_000))
    assert large < 40 * max(small, 0.005)


def test_a_list_of_many_authorities() -> None:
    """H6: thousands of certificates in one file are no chain, and are not put in order."""
    (one,) = pem.pem_certificates((TLS / "pki/root.pem").read_bytes(), "x")
    many = [one] * (MAX_CHAIN + 1)
    assert ordered(many) == tuple(many)


# -- the management API -------------------------------------------------------------------------------------------


class Hostile:
    """A server that answers every request in one bad way."""

    def __init__(self, write: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.ended = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    write(self)
                except OSError:
                    outer.ended.set()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def head(handler: BaseHTTPRequestHandler, **headers: str) -> None:
    """The beginning of an answer."""
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Chunks without end."""
    handler.protocol_version = "HTTP/1.1"
    head(handler, Transfer_Encoding="chunked")
    piece = b"10000\r\n" + bytes(65536) + b"\r\n"
    while True:
        handler.wfile.write(piece)


@cache
def bomb_of(mebibytes: int) -> bytes:
    """So many zeros, packed."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packer.flush()


def bomb(handler: BaseHTTPRequestHandler) -> None:
    """A small answer that unpacks to very much."""
    data = bomb_of(80)
    head(handler, Content_Encoding="gzip", Content_Length=str(len(data)))
    handler.wfile.write(data)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then: no single read takes long."""
    head(handler, Content_Length="100000")
    for _ in range(100_000):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def drip_of_headers(handler: BaseHTTPRequestHandler) -> None:
    """The same before the body begins."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(100_000):
        handler.wfile.write(b"y")
        handler.wfile.flush()
        time.sleep(0.05)


def deep(handler: BaseHTTPRequestHandler) -> None:
    """Lists in lists."""
    head(handler)
    handler.wfile.write(b"[" * 100_000)


def half(handler: BaseHTTPRequestHandler) -> None:
    """Names that no address can hold."""
    head(handler)
    handler.wfile.write(b'["\\ud800"]')


def strange_packing(handler: BaseHTTPRequestHandler) -> None:
    """Packed as nobody asked."""
    head(handler, Content_Encoding="br")
    handler.wfile.write(b"xxxx")


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    """The end of a packed answer is missing."""
    head(handler, Content_Encoding="gzip")
    handler.wfile.write(gzip.compress(b'["a"]' * 100)[:-20])


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], Hostile]]:
    """Hostile servers; all are closed at the end."""
    made: list[Hostile] = []

    def make(write: Callable[[BaseHTTPRequestHandler], None]) -> Hostile:
        made.append(Hostile(write))
        return made[-1]

    yield make
    for each in made:
        each.server.shutdown()
        each.server.server_close()


Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], Hostile]


@pytest.mark.parametrize(
    ("write", "words"),
    [(endless, "more than"), (bomb, "more than"), (deep, "not JSON|too deep"), (half, ""), (strange_packing, "packed as br"), (cut_short, "its end is missing")],
)  # fmt: skip
def test_answers_that_harm(write: Callable[[BaseHTTPRequestHandler], None], words: str, serve: Serve) -> None:
    """H8: bounded while it is read and after it is unpacked; one line each, and the diagnosis of the log is printed."""
    server = serve(write)
    done = logscan(
        "diagnose", SAMPLE, "--mgmt", server.url, "--org", "acme", "--env", "prod", LOGSCAN_MGMT_TOKEN="x"
    )
    text = done.stderr.decode()
    assert "Traceback" not in text
    assert re.search(words, text), text
    assert b"bad_certificate" in done.stdout
    assert done.returncode == (0 if write is half and not text else 2)


@pytest.mark.parametrize("write", [drip, drip_of_headers])
def test_answers_that_never_end(write: Callable[[BaseHTTPRequestHandler], None], serve: Serve) -> None:
    """H8: a request has so many seconds in all, and so has the run, however many bytes come."""
    management = Management(serve(write).url, None, timeout=0.3, sleep=lambda _: None)
    with pytest.raises(ServerError, match="no whole answer within 0 seconds"):
        management.get("/x")
    assert management.requests == 4
    management.close()
    management = Management(serve(write).url, None, timeout=60, total=0.3, sleep=lambda _: None)
    with pytest.raises(ServerError):
        management.get("/x")
    with pytest.raises(ServerError, match=r"took more than 0\.3 seconds"):
        management.get("/y")
    assert management.requests == 1
    management.close()


def test_memory_of_an_endless_answer(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """H8: no more is read than the limit."""
    from logscan._evidence import api_client

    monkeypatch.setattr(api_client, "MAX_BYTES", 1 << 20)
    server = serve(endless)
    management = Management(server.url, None)
    with pytest.raises(InputError, match="more than 1,048,576 bytes"):
        management.get("/x")
    management.close()
    assert server.ended.wait(30), "the connection stays open"


@pytest.mark.parametrize(
    "address", ["http://[::1", "http://h:99999", "http://h:x", "http://", "http://\x00h", "h", "http://h:0"]
)
def test_addresses_that_are_none(address: str) -> None:
    """H8, M12: one line and code 2."""
    if "\0" in address:
        from logscan.errors import UsageError

        with pytest.raises(UsageError, match="not an address"):
            Management(address, None)
        return
    done = logscan("diagnose", SAMPLE, "--mgmt", address, LOGSCAN_MGMT_TOKEN="x")
    assert (done.returncode, b"not an address" in done.stderr, done.stdout) == (2, True, b"")
    assert b"Traceback" not in done.stderr


def test_one_bad_answer_does_not_hide_the_others(serve: Serve) -> None:
    """H8: an answer that cannot be read is a problem; the next resource is asked for."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        bodies = {
            "/references": b'["bad", "good"]', "/references/bad": b"[" * 5_000,
            "/references/good": b'{"name":"good","refers":"store"}', "/keystores": b"{",
        }  # fmt: skip
        head(handler)
        handler.wfile.write(bodies.get(handler.path.partition("/environments/e")[2], b"[]"))

    from logscan._evidence.api_answers import Answers
    from logscan._evidence.fetcher import Fetcher
    from logscan.values import Counters

    counters, answers = Counters(), Answers()
    management = Management(serve(write).url, None, timeout=5)
    Fetcher(management, answers, counters).everything("o", "e")
    management.close()
    assert list(answers.environment().references) == ["good"]
    assert [problem.path.rpartition("management API ")[2] for problem in counters.problems] == [
        "references bad", "keystores"
    ]  # fmt: skip
