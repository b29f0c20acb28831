"""What may stand around TLS: packets inside packets, other protocols before it, formats that are not read."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from logscan._evidence.capture.connection import Connection
from logscan._evidence.capture.packets import is_capture
from logscan.errors import InputError
from support.captures import SYN, Frame, Sent, frames, read, write
from support.captures import connection as made
from support.command import ROOT, logscan
from support.oracles import TSHARK, needs
from support.profiles import sampled

TLS = ROOT / "tests/data/tls"
SOURCE = TLS / "openssl/empty_keystore_v1.2.pcap"
HARDWARE = b"\x02" * 5


def ip(protocol: int, payload: bytes, version: int = 4) -> bytes:
    """An outer IP packet."""
    if version == 6:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + b"\xfd" * 32 + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return head + b"\xac\x10\x00\x01\xac\x10\x00\x02" + payload


def udp(port: int, payload: bytes) -> bytes:
    """A UDP packet to this port."""
    return ip(17, struct.pack(">HHHH", 50_000, port, 8 + len(payload), 0) + payload)


AROUND: dict[str, Callable[[bytes], bytes]] = {
    "MPLS": lambda f: f[:12] + b"\x88\x47" + b"\x00\x01\x00\x40\x00\x02\x01\x40" + f[14:],
    "MPLS pseudowire": lambda f: f[:12] + b"\x88\x47" + b"\x00\x02\x01\x40" + bytes(4) + f,
    "PPPoE": lambda f: f[:12] + b"\x88\x64\x11\0\0\1" + struct.pack(">H", len(f) - 12) + b"\0\x21" + f[14:],
    "IP in IP": lambda f: f[:14] + ip(4, f[14:]),
    "IP in IPv6": lambda f: f[:12] + b"\x86\xdd" + ip(4, f[14:], 6),
    "GRE": lambda f: f[:14] + ip(47, b"\0\0\x08\0" + f[14:]),
    "GRE with key and number": lambda f: f[:14] + ip(47, b"\x30\0\x08\0" + bytes(8) + f[14:]),
    "GRE bridge": lambda f: f[:14] + ip(47, b"\0\0\x65\x58" + f),
    "ERSPAN 1": lambda f: f[:14] + ip(47, b"\0\0\x88\xbe" + f),
    "ERSPAN 2": lambda f: f[:14] + ip(47, b"\x10\0\x88\xbe" + bytes(4) + b"\x10\x01\0\x01" + bytes(4) + f),
    "VXLAN": lambda f: f[:14] + udp(4789, b"\x08\0\0\0\0\0\x07\0" + f),
    "VXLAN of Linux": lambda f: f[:14] + udp(8472, b"\x08\0\0\0\0\0\x07\0" + f),
    "VXLAN with a VLAN": lambda f: f[:14] + udp(4789, b"\x08\0\0\0\0\0\x07\0" + f[:12] + b"\x81\0\0\x05" + f[12:]),
    "GENEVE": lambda f: f[:14] + udp(6081, b"\x01\0\x65\x58\0\0\x07\0" + bytes(4) + f),
    "VXLAN in GRE": lambda f: f[:14] + ip(47, b"\0\0\x08\0" + udp(4789, b"\x08\0\0\0\0\0\x07\0" + f)),
}  # fmt: skip


def around(kind: str) -> list[Frame]:
    """The capture with each packet inside another."""
    packed = [(frame, AROUND[kind](frame.data)) for frame in frames(SOURCE)]
    return [Frame(frame.time, data, len(data)) for frame, data in packed]


def said(connection: Connection) -> tuple[object, ...]:
    """What a connection shows."""
    return (
        connection.client, connection.server, connection.steps, connection.alerts, connection.request,
        connection.accepted, connection.gap_reason, connection.foreign_end, connection.ends,
    )  # fmt: skip


@pytest.mark.parametrize("kind", AROUND)
def test_packets_inside_packets(kind: str, tmp_path: Path) -> None:
    """D13: the connection is the same, whatever carries it."""
    (plain,) = read(write(tmp_path / "plain.pcap", frames(SOURCE)))[0]
    connections, counters, _ = read(write(tmp_path / "x.pcap", around(kind)))
    assert [said(item) for item in connections] == [said(plain)]
    assert not counters.skipped


DECODE_AS = {
    "VXLAN of Linux": ("-d", "udp.port==8472,vxlan"),
    "MPLS pseudowire": ("-d", "mpls.label==32,pwethcw"),
}
"""What tshark does not find out by itself."""


@needs(TSHARK)
@pytest.mark.parametrize("kind", sampled(list(AROUND), 8))
def test_the_packets_are_what_they_say(kind: str, tmp_path: Path) -> None:
    """Tshark finds the handshake in them too."""
    path = write(tmp_path / "x.pcap", around(kind))
    shown = ["-T", "fields", "-e", "tls.handshake.type", "-Y", "tls.handshake"]
    command: list[str | Path] = [TSHARK.path, "-r", path, *shown, *DECODE_AS.get(kind, ())]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.stdout.decode().split()[0] == "1"


@pytest.mark.parametrize(
    ("name", "around"),
    [
        ("IPsec (ESP)", lambda f: f[:14] + ip(50, f[14:])),
        ("IPsec (over UDP)", lambda f: f[:14] + udp(4500, f)),
        ("GTP", lambda f: f[:14] + udp(2152, f)),
        ("MACsec", lambda f: f[:12] + b"\x88\xe5" + f[14:]),
        ("PPTP", lambda f: f[:14] + ip(47, b"\x30\x01\x88\x0b" + f)),
    ],
)
def test_what_is_not_looked_into_is_counted(
    name: str, around: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """D13: by its name."""
    packets = [frame._replace(data=around(frame.data)) for frame in frames(SOURCE)]
    connections, counters, _ = read(write(tmp_path / "x.pcap", packets))
    assert connections == []
    assert counters.skipped == {f"packets inside {name}, which is not read": len(packets)}


def test_packets_in_packets_without_end(tmp_path: Path) -> None:
    """Layers are bounded, and what is cut within one is no fault."""
    frame = frames(SOURCE)[3].data
    deep = frame[14:]
    for _ in range(2_000):
        deep = ip(4, deep)[:60_000]
    cut = [AROUND[kind](frame)[:size] for kind in AROUND for size in range(14, 120)]
    packets = [Frame(1.0, data, len(data)) for data in (frame[:14] + deep, *cut)]
    _, counters, problems = read(write(tmp_path / "x.pcap", packets))
    assert (counters.not_understood, problems) == (0, [])


BEFORE: dict[str, list[Sent]] = {
    "SMTP": [("s", 0, b"220 mail ESMTP\r\n"), ("c", 0, b"EHLO x\r\n"), ("s", 0, b"250-x\r\n250 STARTTLS\r\n"),
             ("c", 0, b"STARTTLS\r\n"), ("s", 0, b"220 go ahead\r\n")],
    "FTP": [("s", 0, b"220 (vsFTPd 3)\r\n"), ("c", 0, b"AUTH TLS\r\n"), ("s", 0, b"234 Proceed\r\n")],
    "IMAP": [("s", 0, b"* OK IMAP4rev1\r\n"), ("c", 0, b"a STARTTLS\r\n"), ("s", 0, b"a OK\r\n")],
    "POP3": [("s", 0, b"+OK\r\n"), ("c", 0, b"STLS\r\n"), ("s", 0, b"+OK\r\n")],
    "PostgreSQL": [("c", 0, bytes.fromhex("0000000804d2162f")), ("s", 0, b"S")],
    "MySQL": [("s", 0, b"J\0\0\0\x0a8.0.30\0" + bytes(60)), ("c", 0, b"\x20\0\0\x01" + bytes(32))],
    "LDAP": [("c", 0, bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"),
             ("s", 0, bytes.fromhex("300c02010178070a010004000400"))],
    "XMPP": [("c", 0, b"<?xml version='1.0'?><stream:stream>"), ("s", 0, b"<?xml version='1.0'?><proceed/>")],
}  # fmt: skip
HELLO = bytes.fromhex("160301002d010000290303" + "00" * 32 + "000002c02f0100")
REFUSED = bytes.fromhex("15030300020228")
OPENED: list[Sent] = [("c", SYN, b""), ("s", SYN, b""), ("c", 0, b"")]


@pytest.mark.parametrize("name", BEFORE)
def test_tls_after_another_protocol(name: str, tmp_path: Path) -> None:
    """STARTTLS and its like: the protocol is named, and TLS is read."""
    sent = [*OPENED, *BEFORE[name], ("c", 0, HELLO), ("s", 0, REFUSED)]
    (connection,) = read(write(tmp_path / "x.pcap", made(sent)))[0]
    assert (connection.protocol, connection.hello_refused, connection.gaps) == (name, True, False)
    connections, counters, _ = read(write(tmp_path / "y.pcap", made(sent[:-2])))
    assert (connections, counters.not_tls, counters.other_protocols) == ([], 1, {name: 1})


@pytest.mark.parametrize(
    ("name", "by", "data"),
    [("HTTP", "c", b"GET / HTTP/1.1\r\n\r\n"), ("SSH", "s", b"SSH-2.0-OpenSSH_9\r\n")],
)
def test_other_protocols_are_named(name: str, by: str, data: bytes, tmp_path: Path) -> None:
    """No TLS: counted by what it is."""
    _, counters, _ = read(write(tmp_path / "x.pcap", made([*OPENED, (by, 0, data), ("s", 0, data)])))
    assert (counters.not_tls, counters.other_protocols) == (1, {name: 1})


@pytest.mark.parametrize(
    "head",
    [b"snoop\0\0\0\0\0\0\x02", b"GMBU\0\2", b"RTSS", b"\x34\xcd\xb2\xa1\2\0\4\0", b"TRSNIFF data    \x1a"],
)
def test_formats_that_are_not_read(head: bytes, tmp_path: Path) -> None:
    """D13: named, with what to do; and the status says that the only input was not read."""
    path = tmp_path / "x.cap"
    path.write_bytes(head + bytes(200))
    assert is_capture(head)
    with pytest.raises(InputError, match=r"a packet capture in the format .*, which is not read") as raised:
        read(path)
    assert "editcap -F pcap" in str(raised.value.hint)
    if head.startswith(b"snoop"):
        assert logscan("diagnose", path).returncode == 2


def test_a_snapshot_length(tmp_path: Path) -> None:
    """D15: the cause and the remedy, with the number of bytes that packets are cut to."""
    cut = [frame._replace(data=frame.data[:200]) for frame in frames(SOURCE)]
    (connection,) = read(write(tmp_path / "x.pcap", cut))[0]
    assert connection.gap_reason == "packets are cut to 200 bytes (snap length): capture again with -s 0"
    cut = [frame._replace(data=frame.data[:64]) for frame in frames(TLS / "python/happy_v1.3.pcap")]
    connections, counters, problems = read(write(tmp_path / "x.pcap", cut))
    assert (connections, counters.unreadable, counters.mid) == ([], 1, 0)
    assert "packets are cut to 64 bytes (snap length): capture again with -s 0" in problems[0]
