"""Evidence from anywhere: damaged, cut, made to harm. Readers end soon, keep little, and say what is wrong."""

from __future__ import annotations

import contextlib
import io
import json
import random
import struct
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from captures import packets_of
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from logscan._evidence import bundle, s_client, trace
from logscan._evidence import distinguished_names as names
from logscan._evidence.api_answers import Answers
from logscan._evidence.capture import tls
from logscan._evidence.capture.connection import Connection
from logscan._evidence.capture.flow import Connections
from logscan._evidence.capture.keylog import KeyLog
from logscan._evidence.capture.read_capture import CaptureCounters, read_capture
from logscan._evidence.capture.reassembly import Direction
from logscan._evidence.capture.segments import Segment
from logscan._evidence.certificates import certificate_from_der
from logscan._evidence.keystores import read_keystore as keystores
from logscan._evidence.keystores.keystore import WrongPasswordError
from logscan._evidence.xml import read_xml
from logscan.errors import InputError
from support.command import ROOT

TLS = ROOT / "tests/data/tls"
CAPTURES = (
    "jsse17/empty_keystore_v1.2.pcap",
    "openssl/happy_v1.3.pcap",
    "variants/base.pcapng",
    "go/expired_v1.2.pcap",
)
SAMPLES: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "keystore": (
        lambda data: keystores.read_keystore(data, "x", "x", ["changeit"]),
        [(TLS / "pki" / name).read_bytes() for name in ("good.jks", "good.pem", "certonly.jks", "multi.pem")],
    ),
    "PKCS#12": (
        lambda data: keystores.read_keystore(data, "x", "x", ["changeit"]),
        [(TLS / "pki" / name).read_bytes() for name in ("good.p12", "certonly.p12", "empty.p12")],
    ),
    "key log": (lambda data: KeyLog().add(data), [(TLS / "openssl/sslkeylog_root.txt").read_bytes()]),
    "target": (
        lambda data: bundle.read_bundle_file(data, "x"),
        [b"<TargetEndpoint name='x'><HTTPTargetConnection><SSLInfo><Enabled>true</Enabled><Protocols><Protocol>a</Protocol>"
         b"</Protocols></SSLInfo><URL>https://h:1/x</URL></HTTPTargetConnection></TargetEndpoint>"],
    ),
    "s_client": (
        lambda data: s_client.read_s_client(data, "x"),
        [path.read_bytes() for path in sorted((TLS / "s_client").iterdir())],
    ),
    "answer": (
        lambda data: Answers().take(data, "x"),
        [path.read_bytes() for path in sorted((TLS / "edge_json").iterdir())],
    ),
    "bundle": (lambda data: bundle.read_bundle_zip(data, "x"), [(TLS / "proxy_bundle.zip").read_bytes()]),
    "trace": (
        lambda data: trace.read_trace(data, "x"),
        [b'<DebugSession><Messages><Message><Point id="a"><Property name="error.cause">x</Property></Point></Message></Messages></DebugSession>',
         b'{"point":[{"id":"Error","results":[{"properties":{"property":[{"name":"error.cause","value":"x"}]}}]}]}'],
    ),
    "certificate": (
        lambda data: certificate_from_der(data, "x"),
        [x509.load_pem_x509_certificate((TLS / "pki/root.pem").read_bytes()).public_bytes(Encoding.DER)],
    ),
    "client hello": (tls.client_hello, [b"\x03\x03" + bytes(32) + b"\0\0\x02\x13\x01\x01\0\0\x0b\0\0\0\x07\0\x05\0\0\x02ab"]),
    "request": (lambda data: tls.certificate_request(data, 0x0303), [b"\x01\x01\0\x02\x04\x01\0\x04\0\x02\x30\0"]),
    "chain": (lambda data: tls.certificates(data, 0x0304), [b"\0\0\0\x06\0\0\x01a\0\0"]),
}  # fmt: skip


def mutated(data: bytes, seed: int) -> bytes:
    """A copy with bytes changed, cut out, doubled, or its end missing."""
    rnd = random.Random(seed)
    out = bytearray(data)
    for _ in range(rnd.randint(1, 6)):
        if not out:
            break
        at = rnd.randrange(len(out))
        kind = rnd.randrange(5)
        if kind == 0:
            out[at] = rnd.randrange(256)
        elif kind == 1:
            del out[at : at + rnd.randint(1, 40)]
        elif kind == 2:
            out[at:at] = out[at : at + rnd.randint(1, 40)]
        elif kind == 3:
            del out[at:]
        else:
            out[at : at + 4] = rnd.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
    return bytes(out)


@pytest.mark.parametrize("kind", SAMPLES)
@given(number=st.integers(0, 100), seed=st.integers(0, 1 << 30))
def test_damaged(kind: str, number: int, seed: int) -> None:
    """Whatever is done to a real file, the reader takes it or says what is wrong."""
    read, samples = SAMPLES[kind]
    with contextlib.suppress(ValueError, InputError):
        read(mutated(samples[number % len(samples)], seed))


@pytest.mark.parametrize("kind", SAMPLES)
@given(data=st.binary(max_size=400))
def test_anything(kind: str, data: bytes) -> None:
    """Random bytes."""
    read, _ = SAMPLES[kind]
    with contextlib.suppress(ValueError, InputError):
        read(data)


def connections(data: bytes, keys: KeyLog | None = None) -> list[Connection]:
    """The connections of a capture in memory."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(data)
        file.flush()
        return list(read_capture(file.name, keys or KeyLog(), CaptureCounters(), lambda _: None))


@given(number=st.integers(0, 3), seed=st.integers(0, 1 << 30))
def test_damaged_captures(number: int, seed: int) -> None:
    """Captures as well, opened with their secrets."""
    keys = KeyLog()
    keys.add((TLS / "openssl/sslkeylog_root.txt").read_bytes())
    with contextlib.suppress(InputError):
        for connection in connections(mutated((TLS / CAPTURES[number]).read_bytes(), seed), keys):
            assert connection.certificate_requested in (True, False, None)
            assert connection.accepted in (True, False, None)


@given(data=st.data())
def test_reassembly(data: st.DataObject) -> None:
    """Segments in any order, doubled and overlapping, give the bytes that were sent."""
    text = data.draw(st.binary(min_size=1, max_size=300))
    base = data.draw(st.sampled_from((0, 1000, 0xFFFFFFFF - 20, 0xFFFFFFFF)))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text)), max_size=12)) | {len(text)})
    parts = [(start, text[start:end]) for start, end in zip([0, *cuts], cuts, strict=False)]
    for _ in range(data.draw(st.integers(0, 6))):
        start = data.draw(st.integers(0, len(text) - 1))
        parts.append((start, text[start : start + data.draw(st.integers(1, 40))]))
    order = data.draw(st.permutations(parts))
    direction = Direction()
    direction.begin(base)
    got = bytearray()
    for number, (start, part) in enumerate(order):
        for piece, _, lost in direction.feed((base + start) & 0xFFFFFFFF, part, 0, number):
            assert lost == 0
            got += piece
    for piece, _, lost in direction.finish():
        assert lost == 0
        got += piece
    assert bytes(got) == text


@given(
    sizes=st.lists(st.integers(1, 30), min_size=3, max_size=12),
    missing=st.integers(1, 10),
    base=st.integers(0, 0xFFFFFFFF),
)
def test_a_gap_has_its_size(sizes: list[int], missing: int, base: int) -> None:
    """A segment that never came is told with its size; the rest comes out."""
    missing = min(missing, len(sizes) - 2)
    direction = Direction()
    direction.begin(base)
    at, got, lost = base, 0, 0
    for number, size in enumerate(sizes):
        if number != missing:
            for piece, _, gap in direction.feed(at & 0xFFFFFFFF, b"x" * size, 0, number):
                got, lost = got + len(piece), lost + gap
        at += size
    for piece, _, gap in direction.finish():
        got, lost = got + len(piece), lost + gap
    assert (got, lost) == (sum(sizes) - sizes[missing], sizes[missing])


def split(frames: list[bytes], rnd: random.Random) -> list[tuple[float, bytes, bytes]]:
    """The TCP segments of Ethernet frames, cut smaller, some sent twice: (time, IP addresses, TCP)."""
    out: list[tuple[float, bytes, bytes]] = []
    for number, frame in enumerate(frames):
        at = 14 + (frame[14] & 15) * 4
        end = 14 + struct.unpack_from(">H", frame, 16)[0]
        header = at + (frame[at + 12] >> 4) * 4
        payload = frame[header:end]
        sequence = struct.unpack_from(">I", frame, at + 4)[0]
        pieces: list[tuple[float, bytes, bytes]] = []
        start = 0
        while start < len(payload) or not pieces:
            size = rnd.randint(1, 400)
            changed = bytearray(frame[at:header]) + payload[start : start + size]
            struct.pack_into(">I", changed, 4, (sequence + start) & 0xFFFFFFFF)
            if start + size < len(payload):
                changed[13] &= ~1  # the last piece alone carries FIN
            pieces.append((float(number), bytes(frame[26:34]), bytes(changed)))
            start += size
        if len(pieces) > 1 and rnd.random() < 0.5:
            pieces.append(rnd.choice(pieces[:-1]))
        if len(pieces) > 2 and rnd.random() < 0.5:
            pieces[0], pieces[1] = pieces[1], pieces[0]
        out += pieces
    return out


def framed(link: int, addresses: bytes, segment: bytes) -> bytes:
    """A packet of a link type."""
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0) + addresses + segment
    if link == 1:
        return bytes(12) + b"\x81\x00\x00\x07\x08\x00" + ip
    if link == 101:
        return ip
    if link == 113:
        return bytes(14) + b"\x08\x00" + ip
    if link == 276:
        return b"\x08\x00" + bytes(18) + ip
    if link == 0:
        return b"\x02\0\0\0" + ip
    mapped = bytes(10) + b"\xff\xff"
    ipv6 = (
        struct.pack(">IHBB", 0x60000000, 8 + len(segment), 60, 64)
        + mapped
        + addresses[:4]
        + mapped
        + addresses[4:]
    )
    return bytes(12) + b"\x86\xdd" + ipv6 + b"\x06\0" + bytes(6) + segment


def written(packets: list[tuple[float, bytes]], link: int, form: str) -> bytes:
    """A capture file: pcap in either byte order and resolution, or pcapng."""
    link = 1 if link == 6 else link
    if form == "pcapng":
        out = bytearray(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
        out += struct.pack("<IIHHIHHBxxxHHI", 1, 32, link, 0, 0, 9, 1, 9, 0, 0, 32)
        for moment, data in packets:
            stamp = int(moment * 1e9)
            body = data + bytes(-len(data) % 4)
            size = 32 + len(body)
            out += struct.pack("<IIIIIII", 6, size, 0, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
            out += body + struct.pack("<I", size)
        return bytes(out)
    order = ">" if form.startswith("big") else "<"
    nano = form.endswith("nano")
    out = bytearray(
        struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    )
    for moment, data in packets:
        out += struct.pack(order + "IIII", int(moment), 0, len(data), len(data)) + data
    return bytes(out)


FORMS = ("little", "big", "little nano", "big nano", "pcapng")


@given(
    name=st.sampled_from(
        ("jsse17/empty_keystore_v1.2.pcap", "go/expired_v1.2.pcap", "openssl/alias_missing_v1.3.pcap")
    ),
    link=st.sampled_from((1, 101, 113, 276, 0, 6)),
    form=st.sampled_from(FORMS),
    seed=st.integers(0, 1 << 30),
)
def test_the_form_does_not_matter(name: str, link: int, form: str, seed: int) -> None:
    """Link type, file format, sizes of segments, retransmission and small disorder change nothing."""
    keys = KeyLog()
    keys.add((TLS / "openssl/sslkeylog_root.txt").read_bytes())
    (plain,) = connections((TLS / name).read_bytes(), keys)
    segments = split(packets_of(TLS / name), random.Random(seed))
    packets = [
        (1_790_000_000 + moment, framed(link, addresses, data)) for moment, addresses, data in segments
    ]
    (other,) = connections(written(packets, link, form), keys)

    def told(connection: Connection) -> tuple[object, ...]:
        return (
            connection.client_certificate, connection.client_chain, connection.accepted, connection.version,
            connection.request.authorities if connection.request else None, connection.server_chain,
            [(alert.name, alert.by) for alert in connection.alerts], connection.faults, connection.client,
        )  # fmt: skip

    assert told(other) == told(plain)


_KINDS = (
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.LOCALITY_NAME,
)
_VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).filter(
    lambda value: names.prepared(value) != "" and "=" not in value
)


@given(parts=st.lists(st.tuples(st.sampled_from(_KINDS), _VALUES), min_size=1, max_size=5))
def test_names_round_trip(parts: list[tuple[x509.ObjectIdentifier, str]]) -> None:
    """DER to text and back is the same name; other capitals and blanks too; another value is not."""
    der = x509.Name([x509.NameAttribute(kind, value) for kind, value in parts]).public_bytes()
    name = names.from_der(der)
    assert names.parse(name.text).same(name)
    spaced = [(kind, f"  {value} ") for kind, value in parts]
    again = names.from_der(
        x509.Name([x509.NameAttribute(kind, value) for kind, value in spaced]).public_bytes()
    )
    assert again.same(name)
    changed = [*parts[:-1], (parts[-1][0], parts[-1][1] + "q")]
    assert not names.from_der(
        x509.Name([x509.NameAttribute(kind, value) for kind, value in changed]).public_bytes()
    ).same(name)


def test_names_of_tools() -> None:
    """Thirteen names in the forms in which tools print them."""
    ambiguous = {("quote", "oneline"), ("quote", "openssl3_compat")}  # a slash behind a backslash
    for label, forms in json.loads((TLS / "dn/names.json").read_text()).items():
        name = names.from_der(bytes.fromhex(forms["der"]))
        for form, text in forms.items():
            if form != "der":
                assert names.parse(text).same(name) != ((label, form) in ambiguous), (label, form)


def test_order_of_names() -> None:
    """Commas do not tell which end is the root; slashes do."""
    java, openssl = names.parse("CN=a, OU=b, O=c"), names.parse("O = c, OU = b, CN = a")
    assert java.same(openssl)
    assert java.same(names.parse("/O=c/OU=b/CN=a"))
    assert not names.parse("/CN=a/OU=b/O=c").same(names.parse("/O=c/OU=b/CN=a"))
    assert names.parse("EMAILADDRESS=a@b, OID.2.5.4.97=x").same(names.parse("organizationIdentifier=x,E=A@B"))


def quick(call: Callable[[], object], seconds: float = 5.0, mebibytes: float = 64.0) -> None:
    """It refuses with little processor time, and keeps little."""
    tracemalloc.start()
    begun = time.process_time()  # of this process: it does not depend on what else runs
    with pytest.raises((ValueError, InputError)):
        call()
    used = tracemalloc.get_traced_memory()[1] / (1 << 20)
    tracemalloc.stop()
    assert time.process_time() - begun < seconds
    assert used < mebibytes


def test_xml_that_harms(tmp_path: Path) -> None:
    """No entities, none from outside, no endless depth."""
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    quick(lambda: read_xml(f'<!DOCTYPE x [<!ENTITY l0 "lol">{lol}]><x>&l9;</x>'.encode()))
    quick(lambda: read_xml(f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]><x>&e;</x>'.encode()))
    quick(lambda: read_xml(b"<a>" * 20_000 + b"</a>" * 20_000))
    assert read_xml(b'<!DOCTYPE x><a xmlns="urn:y"><b/></a>').tag == "a"


def test_json_that_harms() -> None:
    """Nested beyond reason."""
    quick(lambda: Answers().take(b"[" * 200_000, "x"))
    quick(lambda: trace.read_trace(b'{"a":' * 200_000, "x"))


def test_zip_that_harms() -> None:
    """Names that lead outside, and a bomb."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("apiproxy/targets/bomb.xml", "w", force_zip64=True) as entry:
            for _ in range(200):
                entry.write(bytes(1 << 20))
        archive.writestr("../../apiproxy/targets/up.xml", "<TargetEndpoint name='up'/>")
    tracemalloc.start()
    proxy = bundle.read_bundle_zip(file.getvalue(), "x")
    used = tracemalloc.get_traced_memory()[1] / (1 << 20)
    tracemalloc.stop()
    assert any("bomb.xml" in problem for problem in proxy.problems)
    assert used < 64
    quick(lambda: bundle.read_bundle_zip(b"PK\x03\x04" + bytes(100), "x"))


def test_lengths_that_lie() -> None:
    """JKS and PKCS#12 that announce more than there is."""
    quick(
        lambda: keystores.read_keystore(
            b"\xfe\xed\xfe\xed" + struct.pack(">II", 2, 1 << 31) + bytes(100), "x", "x"
        )
    )
    store = (TLS / "pki/good.p12").read_bytes()
    rounds = store.replace(struct.pack(">BBH", 2, 2, 2048), struct.pack(">BBH", 2, 2, 0x7FFF))
    assert rounds != store
    quick(lambda: keystores.read_keystore(rounds, "x", "x", ["changeit"]), seconds=20)
    with pytest.raises(WrongPasswordError):
        locked()


def locked() -> object:
    """A keystore opened with another password."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    certificate = x509.load_pem_x509_certificate((TLS / "pki/root.pem").read_bytes())
    data = pkcs12.serialize_key_and_certificates(
        None, None, certificate, None, BestAvailableEncryption(b"geheim")
    )
    assert keystores.read_keystore(data, "x", "x", ["geheim"]).entries[0].has_key is False
    return keystores.read_keystore(data, "x", "x", ["no"])


def test_many_connections_are_bounded() -> None:
    """A flood of beginnings: what is followed stays within the limit, the others are counted."""
    found = Connections("x", KeyLog(), limit=100)
    for number in range(5_000):
        ends = struct.pack(">IHIH", 1, number, 2, 443)
        back = struct.pack(">IHIH", 2, 443, 1, number)
        list(found.feed(Segment(ends, back, 1, 0, 2, b"", 0), number, 0.0))
    assert len(found._flows) <= 200
    assert found.given_up == 4_900
    assert list(found.drain()) == []
