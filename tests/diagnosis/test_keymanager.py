"""Java's own key manager and TLS client, beside what logscan says of them.

A real JVM chooses from real keystores; and a real JVM client shakes hands with a real ``openssl s_server``
through a relay that records the packets, which are then diagnosed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from logscan._diagnosis.keymanager import CHOSEN, choose
from logscan._evidence.distinguished_names import from_der
from logscan._evidence.keystores.read_keystore import read_keystore
from support.command import ROOT, logscan
from support.oracles import JDK, JVM, OPENSSL, keytool, require
from support.profiles import sampled

TLS = ROOT / "tests/data/tls"
PKI = TLS / "pki"


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Java programs of tests/data/java, compiled."""
    require(JDK)
    _, compiler, _ = JDK.paths
    folder = tmp_path_factory.mktemp("classes")
    sources = sorted((ROOT / "tests/data/java").glob("*.java"))
    subprocess.run([compiler, "-d", folder, *sources], check=True, capture_output=True, timeout=120)
    return folder


def java(classes: Path, name: str, *args: str, stdin: str = "") -> list[str]:
    """Run one of them."""
    done = subprocess.run(
        [JDK.path, *JVM, "-cp", classes, name, *args],
        input=stdin.encode(), capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


def subject(name: str) -> bytes:
    """The subject of a certificate file, as DER."""
    return x509.load_pem_x509_certificate((PKI / name).read_bytes()).subject.public_bytes()


def in_other_letters(der: bytes) -> bytes:
    """The same name by RFC 5280, in other capitals."""
    return der.replace(b"MyCompany Test", b"MYCOMPANY tEST")


def test_choice(classes: Path, tmp_path: Path) -> None:
    """For every keystore, every list of authorities and every kind of key Java chooses what is said."""
    stores = [
        path for path in sorted(PKI.iterdir()) if path.suffix in (".p12", ".jks") and path.name != "trust.p12"
    ]
    several = tmp_path / "several.p12"
    for source, alias in (
        ("good", "one"),
        ("fullchain", "two"),
        ("unknownca", "three"),
        ("ecgood", "four"),
    ):
        keytool(
            "-importkeystore", "-srckeystore", PKI / f"{source}.p12", "-srcstorepass", "changeit",
            "-srcalias", "myKey", "-destalias", alias, "-destkeystore", several, "-deststorepass", "changeit",
            "-deststoretype", "PKCS12", "-noprompt",
        )  # fmt: skip
    stores.append(several)
    names = [subject(name) for name in ("root.pem", "other.pem", "inter.pem", "unknownca.pem")]
    names.append(in_other_letters(names[0]))
    lists: list[tuple[bytes, ...]] = [(), *((name,) for name in names), *itertools.combinations(names, 2)]
    kinds = {("RSA",): "RSA", ("ECDSA",): "EC", ("RSA", "ECDSA"): "RSA,EC", ("DSA",): "DSA"}
    cases = list(itertools.product(stores, kinds, lists))
    lines = [
        f"{store}\tchangeit\t{kinds[kind]}\t{','.join(name.hex() for name in authorities)}"
        for store, kind, authorities in cases
    ]
    answers = java(classes, "Choose", stdin="\n".join(lines) + "\n")
    assert len(answers) == len(cases) > 500
    held_in = {
        store: read_keystore(store.read_bytes(), store.name, str(store), ["changeit"]) for store in stores
    }
    chosen = 0
    for (store, kind, authorities), answer in zip(cases, answers, strict=True):
        said = choose(held_in[store], None, [from_der(name) for name in authorities], kind)
        fitting = {seen.alias.casefold() for seen in said.considered if seen.outcome == CHOSEN}
        where = (store.name, kind, [str(from_der(name)) for name in authorities])
        assert said.certain, where
        if answer == "null":
            assert fitting == set(), where
        else:  # where several fit, Java takes the first of a hash table
            assert answer.casefold().removeprefix("1.0.") in fitting, where
            chosen += 1
    assert chosen > 100


class Recorder:
    """Relays one connection and writes what passes as packets."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self.port: int = self._listener.getsockname()[1]
        self._packets: list[tuple[float, bytes]] = []
        self._numbers = [1000, 5000]
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _packet(self, by: int, flags: int, payload: bytes = b"") -> None:
        with self._lock:
            ends = (self._ends, self._ends[::-1])[by]
            tcp = struct.pack(
                ">HHIIBBHHH", *ends, self._numbers[by], self._numbers[1 - by], 80, flags, 512, 0, 0
            )  # fmt: skip
            ip = struct.pack(
                ">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
            )
            self._packets.append((time.time(), bytes(12) + b"\x08\0" + ip + tcp + payload))
            self._numbers[by] += len(payload) + bool(flags & 3)

    def _run(self) -> None:
        client, address = self._listener.accept()
        self._ends = (address[1], self._target)
        server = socket.create_connection(("127.0.0.1", self._target), timeout=30)
        self._packet(0, 2)
        self._packet(1, 18)
        pumps = [
            threading.Thread(target=self._pump, args=(client, server, 0), daemon=True),
            threading.Thread(target=self._pump, args=(server, client, 1), daemon=True),
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join(30)
        client.close()
        server.close()

    def _pump(self, source: socket.socket, target: socket.socket, by: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1200):
                self._packet(by, 24, data)
                target.sendall(data)
        self._packet(by, 17)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def write(self, path: Path) -> None:
        """Write the capture when both sides have ended."""
        self._thread.join(40)
        self._listener.close()
        out = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
        for moment, data in self._packets:
            out += struct.pack("<IIII", int(moment), int(moment % 1 * 1e6), len(data), len(data)) + data
        path.write_bytes(out)


@pytest.fixture(scope="module")
def server_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's certificate and key as PEM."""
    require(OPENSSL)
    folder = tmp_path_factory.mktemp("server")
    subprocess.run(
        [OPENSSL.path, "pkcs12", "-in", PKI / "srv.p12", "-passin", "pass:changeit", "-nodes", "-out", folder / "srv.pem"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return folder / "srv.pem"


@contextlib.contextmanager
def s_server(server: Path, authority: str, *more: str) -> Iterator[int]:
    """A real server that wants a client certificate."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [OPENSSL.path, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", server, "-key", server, "-Verify", "3",
         "-verify_return_error", "-CAfile", PKI / authority, "-www", "-quiet", *more],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait(10)


def handshake(
    classes: Path, folder: Path, server: Path, store: str, authority: str, protocol: str, *more: str
) -> Path:
    """One handshake of a JVM with a server, recorded."""
    with s_server(server, authority, *more) as port:
        recorder = Recorder(port)
        java(classes, "Client", "127.0.0.1", str(recorder.port), str(PKI / store), "changeit", "-", protocol)
        recorder.write(folder / "capture.pcap")
    return folder / "capture.pcap"


CASES = [
    ("good.p12", "root.pem", set[str]()),
    ("fullchain.p12", "root.pem", set[str]()),
    ("empty.p12", "root.pem", {"keystore_empty"}),
    ("certonly.p12", "root.pem", {"certificate_without_key"}),
    ("good.p12", "other.pem", {"ca_mismatch"}),
    ("leafonly.p12", "root.pem", {"ca_mismatch", "chain_incomplete"}),
    ("expired.p12", "root.pem", {"expired"}),
    ("notyet.p12", "root.pem", {"not_yet_valid"}),
    ("wrongeku.p12", "root.pem", {"wrong_key_usage"}),
    ("good.p12", "fake.pem", {"ca_same_name_other_key"}),
]


def causes(path: Path, *args: str | Path) -> set[str]:
    """What the command says."""
    done = logscan("diagnose", path, *args, "--format", "json")
    assert done.returncode == 0, done.stderr.decode()
    value: dict[str, Any] = json.loads(done.stdout)
    return {
        cause["cause"]
        for verdict in value["verdicts"]
        for cause in verdict["causes"]
        if cause["state"] == verdict["causes"][0]["state"]
    }


@pytest.mark.parametrize(("store", "authority", "expected"), sampled(CASES, 4))
def test_handshake(
    store: str, authority: str, expected: set[str], classes: Path, server_files: Path, tmp_path: Path
) -> None:
    """A real client against a real server: the one right cause."""
    path = handshake(classes, tmp_path, server_files, store, authority, "TLSv1.2")
    found = causes(path, "--keystore", PKI / store, "--backend-ca", PKI / authority)
    assert found == expected
    if len(expected) > 1:
        assert causes(path, "--keystore", PKI / store, PKI / "inter.pem") == {"chain_incomplete"}


@pytest.mark.parametrize(("store", "authority", "expected"), sampled(CASES[:8:2], 2))
def test_handshake_1_3(
    store: str, authority: str, expected: set[str], classes: Path, server_files: Path, tmp_path: Path
) -> None:
    """In TLS 1.3 with and without the secrets."""
    keys = tmp_path / "keys.txt"
    path = handshake(classes, tmp_path, server_files, store, authority, "TLSv1.3", "-keylogfile", str(keys))
    args = ("--keystore", PKI / store, "--backend-ca", PKI / authority)
    assert causes(path, *args) == expected
    assert causes(path, *args, "--keylog", keys) == expected


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1", "-tls1_2"])
def test_old_versions(version: str, server_files: Path, tmp_path: Path) -> None:
    """TLS 1.0 and 1.1 have other messages."""
    weak = ("-cipher", "ALL:@SECLEVEL=0")
    with s_server(server_files, "other.pem", *weak) as port:
        recorder = Recorder(port)
        done = subprocess.run(
            [OPENSSL.path, "s_client", "-connect", f"127.0.0.1:{recorder.port}", version, *weak, "-legacy_server_connect"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        )  # fmt: skip
        recorder.write(tmp_path / "capture.pcap")
    if b"no protocols available" in done.stderr:
        pytest.skip("this OpenSSL has no such version")
    found = json.loads(logscan("diagnose", "capture.pcap", "--format", "json", cwd=tmp_path).stdout)
    (verdict,) = found["verdicts"]
    connection = verdict["connection"]
    assert connection["version"] == {"-tls1": "TLS 1.0", "-tls1_1": "TLS 1.1", "-tls1_2": "TLS 1.2"}[version]
    assert connection["client_certificate"] == "empty"
    assert connection["accepted_authorities"][0].startswith("CN=Backend Client CA")
    assert "RSA" in connection["certificate_types"]
    assert bool(connection["signature_schemes"]) == (version == "-tls1_2")
    # And the text of the client tells the same authorities.
    (tmp_path / "run.txt").write_bytes(done.stdout + done.stderr)
    simulated = logscan(
        "diagnose", "run.txt", "--keystore", PKI / "good.p12", "--simulate", "--format", "json", cwd=tmp_path
    )
    (row,) = json.loads(simulated.stdout)
    assert row["considered"][0]["outcome"] == "no issuer among the accepted authorities"
