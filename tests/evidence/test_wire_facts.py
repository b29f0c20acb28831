"""What a capture shows, and what it does not: the facts that verdicts are made of, on real captures."""

from __future__ import annotations

from pathlib import Path

import pytest

from logscan._evidence.capture.connection import Alert, Connection
from support.captures import FIN, RST, SYN, Sent, frames, read, write
from support.captures import connection as made
from support.command import ROOT

DATA = ROOT / "tests/data"


def only(name: str) -> Connection:
    """The one connection of a capture."""
    (connection,) = read(DATA / name)[0]
    return connection


@pytest.mark.parametrize("name", ["mid_0", "mid_1"])
def test_a_connection_that_began_before_is_no_case(name: str) -> None:
    """D3: the end of a connection whose handshake was not seen is no refusal: it is counted."""
    connections, counters, _ = read(DATA / f"diagnose/{name}.pcap")
    assert (connections, counters.mid, counters.unreadable) == ([], 1, 0)


def test_a_lost_server_hello() -> None:
    """D4: bytes that are missing are no silence of the server."""
    refused = only("diagnose/lost_sh_12.pcap")
    assert (refused.hello_refused, refused.accepted, refused.client_certificate) == (False, False, "empty")
    assert refused.refusal is not None
    assert refused.refusal.name == "handshake_failure"
    assert refused.gap_reason == "packets were lost: 2,293 bytes of the server are not in the capture"
    accepted = only("diagnose/lost_sh_ok13.pcap")
    assert (accepted.hello_refused, accepted.accepted, accepted.refusal) == (False, None, None)
    assert accepted.certificate_requested is None


def test_the_clients_own_alert() -> None:
    """D6: the client itself ends the handshake, in clear or inside the encryption of TLS 1.3."""
    clear = only("diagnose/server_unknown_ca_1.2.pcap")
    assert clear.own_alert == Alert("certificate_unknown", "fatal", "client", 8)
    assert (clear.accepted, clear.certificate_requested, clear.refusal) == (None, False, None)
    hidden = only("diagnose/server_unknown_ca_1.3.pcap")
    assert hidden.own_alert == Alert("encrypted", "unknown", "client", 10)
    assert (hidden.accepted, hidden.client_flight, hidden.client_flight_1_3) == (None, False, False)


def test_an_alert_after_the_end() -> None:
    """D7: an alert that the client sends because the server has ended the connection is not its own."""
    connection = only("diagnose/fin_after_hello_1.2.pcap")
    assert (connection.own_alert, connection.hello_refused, connection.accepted) == (None, True, False)
    assert [(end.by, end.how, end.packet) for end in connection.ends] == [
        ("server", "fin", 6), ("server", "reset", 8),
    ]  # fmt: skip
    assert (connection.closed_by, connection.closed_packet) == ("server", 6)


def test_what_the_client_offers() -> None:
    """The names of IANA, in the order of the ClientHello."""
    offer = only("tls/jsse17/happy_v1.2.pcap").offer
    assert offer is not None
    assert offer.versions == ("TLS 1.2",)
    assert "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" in offer.suites
    assert offer.groups[:3] == ("x25519", "secp256r1", "secp384r1")
    assert offer.schemes[0] == "ecdsa_secp256r1_sha256"
    assert not [name for name in offer.suites if name.startswith("0x")]


def test_the_sizes_of_messages() -> None:
    """What Java limits: the CertificateRequest and the server's Certificate, with their headers."""
    connection = only("tls/jsse17/happy_v1.2.pcap")
    assert connection.request is not None
    names = sum(len(name.text) for name in connection.request.authorities)
    assert names < connection.request_size < 1_000
    assert connection.server_flight == 4 + 3 + sum(3 + len(der) for der in connection.server_chain)


HELLO = bytes.fromhex("160301002d010000290303" + "00" * 32 + "000002c02f0100")
OPENED: list[Sent] = [("c", SYN, b""), ("s", SYN, b""), ("c", 0, b""), ("c", 0, HELLO)]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"<html>" + b"x" * 300, "<html>" + "x" * 194),
        (b"\x00\x01\x02\x1b[31m", "bytes that are no TLS record: 00 01 02 1b 5b 33 31 6d"),
    ],
)
def test_an_answer_that_is_no_tls(answer: bytes, text: str, tmp_path: Path) -> None:
    """D7: the first line of what the server says in clear; the alert that answers it is not the client's own."""
    alert = bytes.fromhex("1503030002020a")
    sent = [*OPENED, ("s", 0, answer), ("c", 0, alert), ("s", FIN, b""), ("c", FIN, b"")]
    (connection,) = read(write(tmp_path / "x.pcap", made(sent)))[0]
    assert (connection.not_tls, connection.not_tls_packet) == (text, 5)
    assert (connection.own_alert, connection.hello_refused, connection.accepted) == (None, False, False)
    assert not connection.gaps


def test_a_server_that_speaks_first(tmp_path: Path) -> None:
    """SSH says who it is before the ClientHello: that is no TLS, and no alert of the client's own."""
    alert = bytes.fromhex("15030300020250")
    sent: list[Sent] = [*OPENED[:3], ("s", 0, b"SSH-2.0-x\r\n"), OPENED[3], ("c", 0, alert), ("c", FIN, b"")]
    (connection,) = read(write(tmp_path / "x.pcap", made(sent)))[0]
    assert (connection.not_tls, connection.not_tls_packet) == ("SSH-2.0-x", 4)
    assert (connection.own_alert, connection.accepted, connection.hello_refused) == (None, False, False)


def test_bytes_that_never_arrived(tmp_path: Path) -> None:
    """What the client did not acknowledge was lost on its way: the capture has all that the client had."""
    packets = made([*OPENED, ("s", 0, b"\x16" + bytes(99)), ("s", 0, bytes(50)), ("c", FIN, b"")])
    late = bytearray(packets[-1].data)
    late[42:46] = (9_001).to_bytes(4, "big")  # acknowledges nothing of them
    left = [*packets[:4], packets[5], packets[6]._replace(data=bytes(late))]
    (connection,) = read(write(tmp_path / "x.pcap", left))[0]
    assert (connection.not_arrived, connection.gaps) == (100, False)
    (connection,) = read(write(tmp_path / "x.pcap", [*left[:-1], packets[6]]))[0]
    assert (connection.not_arrived, connection.gaps) == (0, True)


def test_an_alert_after_the_clients_end(tmp_path: Path) -> None:
    """The client closes, and the server complains of it: that is no refusal."""
    sent: list[Sent] = [*OPENED, ("c", FIN, b""), ("s", 0, bytes.fromhex("15030300020232")), ("s", FIN, b"")]
    (connection,) = read(write(tmp_path / "x.pcap", made(sent)))[0]
    assert (connection.refusal, connection.hello_refused, connection.accepted) == (None, False, None)


def test_an_end_that_comes_from_between(tmp_path: Path) -> None:
    """A reset with another time to live, or from another hardware address, than the server's packets."""
    sent = [*OPENED, ("s", 0, b""), ("s", RST, b"")]

    def hops(number: int, frame: bytearray) -> None:
        frame[22] = 255 if number == 6 else 52

    def hardware(number: int, frame: bytearray) -> None:
        if number == 6:
            frame[6:12] = b"\x0a" * 6

    (plain,) = read(write(tmp_path / "x.pcap", made(sent)))[0]
    assert (plain.foreign_end, plain.hello_refused) == (None, True)
    (one,) = read(write(tmp_path / "x.pcap", made(sent, hops)))[0]
    assert one.foreign_end == "the reset in packet 6 has TTL 255, the server's packets have 52 (packet 2)"
    (other,) = read(write(tmp_path / "x.pcap", made(sent, hardware)))[0]
    assert other.foreign_end is not None
    assert "hardware address 0a:0a:0a:0a:0a:0a" in other.foreign_end


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    """The client waits in vain and gives up; one that closes at once has not waited, nor has one that was
    answered."""
    wait: list[Sent] = [("s", 0, b"")] * 4
    (silent,) = read(write(tmp_path / "x.pcap", made([*OPENED, *wait, ("c", FIN, b"")])))[0]
    assert (silent.silent_after, silent.silent_seconds, silent.accepted) == ("ClientHello", 2.5, None)
    assert (silent.hello_refused, silent.gaps) == (False, False)
    for sent in (
        [*OPENED, ("c", FIN, b"")],
        [*OPENED, *wait],
        [*OPENED, *wait, ("s", FIN, b""), ("c", FIN, b"")],
        [*OPENED, ("s", 0, bytes.fromhex("15030300020228")), *wait, ("c", FIN, b"")],
    ):
        (connection,) = read(write(tmp_path / "x.pcap", made(sent)))[0]
        assert not connection.silent, sent


def test_one_direction_only(tmp_path: Path) -> None:
    """D14: what the other side said is unknown, and so is whether it accepted."""
    for from_client, name in ((True, "client"), (False, "server")):
        for source in ("tls/openssl/happy_v1.2.pcap", "diagnose/server_unknown_ca_1.3.pcap"):
            half = [frame for frame in frames(DATA / source) if frame.from_client is from_client]
            (connection,) = read(write(tmp_path / "x.pcap", half))[0]
            assert connection.gap_reason == f"only the {name}'s direction is in the capture"
            assert connection.certificate_requested is not False
            assert connection.accepted is not False
            assert connection.own_alert is None
