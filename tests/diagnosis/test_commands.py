"""Commands to paste: each is valid for a shell, does nothing but what it says, and runs where it can run."""

from __future__ import annotations

import ctypes
import ctypes.util
import http.server
import os
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from logscan._diagnosis import commands
from logscan._diagnosis.answers import meanings_of, what_of
from logscan._diagnosis.cases import Case, Group
from logscan._diagnosis.causes import CAUSES, PROVEN, Finding
from logscan._diagnosis.commands import Names, names_of
from logscan._diagnosis.facts import Facts
from logscan._diagnosis.needs import needs_of
from logscan._diagnosis.path import SAME_FILES, path_of
from logscan._evidence.collected import Evidence
from logscan._evidence.keystores.read_keystore import read_keystore
from logscan._evidence.s_client import read_s_client
from logscan._failures.addresses import split_target
from logscan._render.diagnosis.words import command_lines
from support.command import ROOT
from support.oracles import JDK, OPENSSL, keytool, needs

PKI = ROOT / "tests/data/tls/pki"
KINDS = (
    "mgmt", "capture", "key-log", "log", "truststore", "hosts", "bundle", "reference", "keystore", "certificate", "s_client",
    "intermediate", "backend-ca", "runtime", "backend-log", "engine-debug", "debug-log", "router-log",
)  # fmt: skip
PROSE = ("key-log", "backend-ca", "backend-log")
"""Needs that are no commands."""
HOSTILE = (
    "; touch owned #", "$(touch owned)", "`touch owned`", "' ; touch owned ; '", '" ; touch owned ; "', "| touch owned",
    "a\ntouch owned\n", "&& touch owned", "-rf", "../../x", "a\\", "${IFS}touch${IFS}owned", "x'$(touch owned)'y", "*",
)  # fmt: skip


def case_of(name: str, target: str = "10.1.2.3:443", **more: str) -> tuple[Facts, Case]:
    """A case in which everything is called so."""
    group = Group(
        name, name, name, "bad_certificate", "southbound", target, "set", name, (), "peer", 1, {name}
    )
    group.revisions[name] = 1
    facts = Facts(
        alert="bad_certificate", org=name, env=name, target=target, alias=name, keystore_name=name,
        reference=name, **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return facts, Case(group, (), 1)


def proven(name: str) -> Finding:
    """A cause that is proven."""
    return Finding(next(each for each in CAUSES if each.name == name), PROVEN, "", (), ())


def all_commands(facts: Facts, case: Case, evidence: Evidence) -> list[str]:
    """Each command that any path or need can have."""
    found = [need.how for need in needs_of(KINDS, facts, case, evidence) if need.kind not in PROSE]
    for kind in KINDS:
        found += [step.command for step in path_of({kind}, (), facts, case, evidence) if step.command]
    found += [step.command for step in path_of((), (proven("keystore_empty"),), facts, case, evidence)]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_only_names(name: str, tmp_path: Path) -> None:
    """Names of a log that are commands: each command is read by a shell whose programs do nothing, and nothing of
    the name is run."""
    evidence = Evidence()
    evidence.files = {name: "log", f"{name}.pcap": "packet capture"}
    folder = tmp_path / "bin"
    folder.mkdir()
    # The shell runs the real line with all programs replaced: had a name become a command, `owned` would be there.
    stand_in = folder / "stand-in"
    stand_in.write_text("#!/bin/sh\nexit 0\n")
    stand_in.chmod(0o755)
    for program in ("openssl", "curl", "sudo", "keytool", "logscan", "timeout", "sleep", "grep"):
        (folder / program).symlink_to(stand_in)
    (folder / "touch").symlink_to("/usr/bin/touch")
    for target in (f"{name}:443", "10.1.2.3:443"):
        facts, case = case_of(name, target, sni=name)
        script = "\n".join(all_commands(facts, case, evidence)).replace(commands.ROUTER_LOGS, str(tmp_path))
        done = subprocess.run(
            ["/bin/bash", "-c", script], cwd=tmp_path, env={"PATH": str(folder)}, capture_output=True, text=True,
            timeout=60,
        )  # fmt: skip
        assert "syntax error" not in done.stderr, done.stderr
        assert "command not found" not in done.stderr, done.stderr
        assert not (tmp_path / "owned").exists()


def test_folded_for_a_screen() -> None:
    """A command that is folded is the same command, and its lines fit where its words do."""
    facts, case = case_of("a b'c")
    for command in all_commands(facts, case, Evidence()):
        for width in (40, 71, 91):
            lines = command_lines(command, width)
            assert shlex.split(" ".join(line.removesuffix(" \\") for line in lines)) == shlex.split(command)
            assert all(line.endswith(" \\") for line in lines[:-1])
            assert subprocess.run(["/bin/bash", "-n", "-c", "\n".join(lines)], timeout=20).returncode == 0


@pytest.mark.parametrize(
    ("target", "host", "port", "connect"),
    [
        ("10.1.2.3:8443", "10.1.2.3", 8443, "10.1.2.3:8443"),
        ("2001:db8::1:443", "2001:db8::1", 443, "'[2001:db8::1]:443'"),
        ("[2001:db8::1]:8443", "2001:db8::1", 8443, "'[2001:db8::1]:8443'"),
        ("2001:db8::5:6:7:8:9a", "2001:db8::5:6:7:8:9a", 443, "'[2001:db8::5:6:7:8:9a]:443'"),
        ("backend.example", "backend.example", 443, "backend.example:443"),
        (None, None, 443, "HOST:443"),
    ],
)
def test_targets(target: str | None, host: str | None, port: int, connect: str) -> None:
    """Host and port of a backend, with and without a port, in IPv6 too."""
    assert split_target(target) == (host, port)
    assert f"-connect {connect} " in commands.s_client(Names(host, port))


def test_server_name() -> None:
    """The host name of SNI comes from the wire, the target, or the bundle; else a sentence says how to find it."""
    facts, case = case_of("x", "backend.example:443")
    assert "-servername backend.example" in commands.s_client(names_of(facts, case))
    facts, case = case_of("x", "10.1.2.3:443")
    assert "-servername" not in commands.s_client(names_of(facts, case))
    assert "Add -servername NAME" in (what_of("s_client", names_of(facts, case), facts) or "")
    named = names_of(replace(facts, sni="wire.example", version="TLS 1.2"), case)
    assert "-servername wire.example -tls1_2" in commands.s_client(named)
    assert "Add -servername" not in (what_of("s_client", named, facts) or "")


libpcap = ctypes.util.find_library("pcap")


@pytest.mark.skipif(libpcap is None, reason="no libpcap here")
@pytest.mark.parametrize(
    "addresses",
    [
        ("10.1.2.3",), ("10.1.2.3", "2001:db8::1"), ("127.0.0.1", "10.1.2.3"), ("fe80::1%eth0",), (),
        ("; rm -rf /",), tuple(f"10.0.0.{n}" for n in range(20)),
    ],
)  # fmt: skip
def test_capture_filter(addresses: tuple[str, ...]) -> None:
    """libpcap, with which tcpdump and dumpcap compile filters, understands ours."""
    library = ctypes.CDLL(libpcap)
    library.pcap_open_dead.restype = ctypes.c_void_p
    library.pcap_geterr.argtypes, library.pcap_geterr.restype = [ctypes.c_void_p], ctypes.c_char_p
    library.pcap_compile.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
    ]  # fmt: skip
    handle = library.pcap_open_dead(1, 65535)
    program = ctypes.create_string_buffer(64)
    words = commands.capture_filter(Names(port=8443, addresses=addresses))
    assert library.pcap_compile(handle, program, words.encode(), 1, 0xFFFFFFFF) == 0, library.pcap_geterr(
        handle
    )
    shown = shlex.split(commands.tcpdump(Names(port=8443, addresses=addresses)))
    assert shown[:2] == ["sudo", "tcpdump"]
    assert shown[-1] == words  # the filter is last


def free_port(family: socket.AddressFamily) -> int:
    """A port that nobody uses."""
    with socket.socket(family) as listener:
        listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        return int(listener.getsockname()[1])


@needs(OPENSSL)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_s_client_runs(host: str, tmp_path: Path) -> None:
    """As printed, against a server that asks for a client certificate: what it prints is read as evidence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        port = free_port(family)
    except OSError:
        pytest.skip("no IPv6 here")
    key = tmp_path / "key.pem"
    subprocess.run(
        [OPENSSL.path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", tmp_path / "cert.pem",
         "-subj", "/CN=backend.example", "-days", "2"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    accept = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    server = subprocess.Popen(
        [OPENSSL.path, "s_server", "-accept", accept, "-cert", tmp_path / "cert.pem", "-key", key,
         "-CAfile", PKI / "root.pem", "-Verify", "1", "-quiet"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(200):
            with socket.socket(family) as attempt:
                if attempt.connect_ex((host, port)) == 0:
                    break
            time.sleep(0.05)
        names = Names(host, port, server_name="backend.example", version="TLS 1.2")
        command = commands.s_client(names).replace("sleep 2", "sleep 0.2")
        subprocess.run(["/bin/bash", "-c", command], cwd=tmp_path, timeout=60, check=False)
    finally:
        server.kill()
        server.wait(10)
    run = read_s_client((tmp_path / "s_client.txt").read_bytes(), "s_client.txt")
    assert run.certificate_requested
    assert any("MyCompany" in str(name) for name in run.authorities)


@pytest.fixture
def api() -> Iterator[int]:
    """A server of two answers: 404 with a body for what does not exist, a body for the rest."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"no such thing" if "nope" in self.path else b"PK bundle"
            self.send_response(404 if "nope" in self.path else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_curl_runs(api: int, tmp_path: Path) -> None:
    """A body lands in the file; the body of an error never does, and curl says which error it was."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    env = {**os.environ, "HOME": str(tmp_path)}  # without a .netrc, curl 8.22 refuses -n
    for proxy, status in (("payments v1", 0), ("nope", 22)):
        command = commands.bundle(Names(org="a/b", proxy=proxy, revision="7"))
        here = command.replace("http://MANAGEMENT_SERVER:8080", f"http://127.0.0.1:{api}")
        done = subprocess.run(
            ["/bin/bash", "-c", here], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        bundle = tmp_path / "bundle.zip"
        assert (bundle.read_bytes() if bundle.exists() else None) == (None if status else b"PK bundle")
        assert ("404" in done.stderr) == bool(status)
        bundle.unlink(missing_ok=True)


@needs(OPENSSL)
def test_build_and_look_at_a_keystore(tmp_path: Path) -> None:
    """The commands of a repair make a keystore that logscan reads: key, chain and alias."""
    for suffix, option in (("key", "-nocerts"), ("pem", "-clcerts")):
        subprocess.run(
            [OPENSSL.path, "pkcs12", "-in", PKI / "fullchain.p12", "-passin", "pass:changeit", "-nodes", option,
             *(["-nokeys"] if option == "-clcerts" else []), "-out", tmp_path / f"client.{suffix}"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    (tmp_path / "intermediates.pem").write_bytes((PKI / "inter.pem").read_bytes())
    names = Names(alias="my; key")
    build = f"{commands.build_keystore(names)} -passout pass:changeit"
    looked = commands.look_at_keystore(Names(keystore_file="client.pem", keystore_kind="PEM"))
    for command in (build, looked):
        subprocess.run(
            ["/bin/bash", "-c", command], cwd=tmp_path, check=True, capture_output=True, timeout=60
        )
    store = read_keystore((tmp_path / "client.p12").read_bytes(), "client.p12", "client.p12", ["changeit"])
    assert [(entry.alias, entry.has_key, len(entry.chain)) for entry in store.entries] == [
        ("my; key", True, 2)
    ]


@needs(JDK)
@pytest.mark.parametrize(("file", "kind"), [("good.p12", "PKCS#12"), ("good.jks", "JKS")])
def test_keytool_looks_at_a_keystore(file: str, kind: str) -> None:
    """As printed; the password comes from a file here."""
    words = shlex.split(commands.look_at_keystore(Names(keystore_file=str(PKI / file), keystore_kind=kind)))
    printed = keytool(*words[1:], "-storepass", "changeit")
    assert "PrivateKeyEntry" in printed


def test_path_without_evidence() -> None:
    """A log alone: the API first, because organization, environment and proxy are known; then what the backend
    accepts; each with the files of this run."""
    facts, case = case_of("x")
    evidence = Evidence()
    evidence.files = {"system.log": "log"}
    path = path_of({"bundle", "keystore", "s_client", "capture"}, (), facts, case, evidence)
    assert [step.number for step in path] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [
        next(word for word in ("logsessions", "apigee-service", "access_log") if word in step.command)
        for step in path[5:]
    ] == ["logsessions", "apigee-service", "access_log"]
    assert path[0].command == "logscan diagnose system.log --mgmt http://MANAGEMENT_SERVER:8080"
    assert path[2].command == "logscan diagnose system.log s_client.txt"
    assert path[4].command == "logscan diagnose system.log /tmp/capture.pcap"
    assert all(path[number].meanings for number in (0, 1, 3))
    assert path[0].meanings == meanings_of("mgmt", facts)
    no_org = path_of({"bundle", "s_client"}, (), replace(facts, org=None), case, evidence)
    assert "openssl s_client" in no_org[0].command
    evidence.files |= {f"{number}.log": "log" for number in range(9)}
    assert (
        path_of({"s_client"}, (), facts, case, evidence)[1].command
        == f"logscan diagnose {SAME_FILES} s_client.txt"
    )


def test_path_after_the_api() -> None:
    """What the API was asked for is not asked for again; a decided case has its repair, or no path."""
    facts, case = case_of("x")
    evidence = Evidence()
    evidence.files = {"system.log": "log", "http://ms:8080/v1/organizations/x": "management API answer"}
    path = path_of({"keystore", "s_client"}, (), facts, case, evidence)
    assert not any("--mgmt" in step.command for step in path)
    assert all("http://ms" not in step.command for step in path)
    repair = path_of({"s_client"}, (proven("expired"),), facts, case, evidence)
    assert "openssl pkcs12 -export" in " ".join(step.command for step in repair)
    assert path_of({"s_client"}, (proven("no_answer"),), facts, case, evidence) == ()
