"""Texts and answers as tools and APIs give them: s_client of many ages, the management API's shapes, traces."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from logscan._evidence import bundle, s_client, trace
from logscan._evidence.api_answers import Answers, is_answer
from logscan._evidence.configuration import LITERAL, REFERENCE, VARIABLE, Environment, kind_of_value
from logscan._evidence.distinguished_names import parse
from logscan._evidence.keystores import read_keystore as keystores
from logscan._evidence.keystores.keystore import WrongPasswordError
from logscan.errors import InputError
from support.command import ROOT
from support.oracles import OPENSSL, needs

TLS = ROOT / "tests/data/tls"
CA = "CN=Backend CA, OU=ITS, O=Backend Co, C=AU"
PEM = (TLS / "pki/srv.pem").read_text()


def text(names: str, tail: str = "", command: str = "") -> bytes:
    """The output of a run, in the shape of OpenSSL 1.0."""
    return f"""{command}CONNECTED(00000003)
depth=0 O = Backend Co, CN = localhost
verify error:num=20:unable to get local issuer certificate
---
Certificate chain
 0 s:/O=Backend Co/CN=localhost
   i:/CN=Backend Server Root
---
Server certificate
{PEM}subject=/O=Backend Co/CN=localhost
issuer=/CN=Backend Server Root
---
{names}
{tail}---
SSL handshake has read 3000 bytes and written 300 bytes
---
New, TLSv1/SSLv3, Cipher is ECDHE-RSA-AES256-GCM-SHA384
SSL-Session:
    Protocol  : TLSv1.2
""".encode()


HEADING = "Acceptable client certificate CA names\n"
TYPES = (
    "Client Certificate Types: RSA sign, DSA sign\nRequested Signature Algorithms: RSA+SHA256:ECDSA+SHA384\n"
)


@pytest.mark.parametrize(
    "names",
    [
        HEADING + "/C=AU/O=Backend Co/OU=ITS/CN=Backend CA",  # 1.0, LibreSSL
        HEADING + "C = AU, O = Backend Co, OU = ITS, CN = Backend CA",  # 1.1, 3.0
        HEADING + "C=AU, O=Backend Co, OU=ITS, CN=Backend CA",  # 3.2
        HEADING + "CN=Backend CA,OU=ITS,O=Backend Co,C=AU",  # -nameopt RFC2253
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_s_client_styles(names: str, ends: str) -> None:
    """Every style, with and without the lines that newer versions add, with either line end."""
    for tail in ("", TYPES):
        data = text(names, tail).replace(b"\n", ends.encode())
        assert s_client.is_s_client(data)
        run = s_client.read_s_client(data, "x")
        (name,) = run.authorities
        assert name.same(parse(CA))
        assert (run.certificate_requested, run.unread, run.version) == (True, (), "TLS 1.2")
        assert run.key_types == (("RSA", "DSA") if tail else ())
        assert run.signature_schemes == (("rsa_pkcs1_sha256", "ecdsa_sha384") if tail else ())
        assert run.verify_errors == ("20: unable to get local issuer certificate",)
        assert str(run.server_chain[0].subject) == "CN=localhost, O=Backend Co"


def test_s_client_asked_or_not() -> None:
    """No names may mean any, or that nothing was asked."""
    asked = s_client.read_s_client(text(s_client.NO_NAMES, TYPES), "x")
    assert (asked.certificate_requested, asked.authorities) == (True, ())
    assert s_client.read_s_client(text(s_client.NO_NAMES), "x").certificate_requested is False


def test_s_client_command() -> None:
    """The command line, if it was copied as well."""
    for command, host, port, sni in (
        (
            "$ openssl s_client -connect api.example:8443 -servername sni.example\n",
            "api.example",
            8443,
            "sni.example",
        ),
        ("openssl s_client -host 10.0.0.1 -port 443\n", "10.0.0.1", 443, None),
        ("openssl s_client -connect [2001:db8::1]:443\n", "2001:db8::1", 443, None),
        ("", None, None, None),
    ):
        run = s_client.read_s_client(text(HEADING + CA, command=command), "x")
        assert (run.host, run.port, run.sni) == (host, port, sni)


def test_s_client_alerts_and_failures() -> None:
    """Alerts of old and new versions; a connection that did not come about."""
    old = b"140735:error:14094412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:s3_pkt.c:1493:SSL alert number 42\n"
    assert s_client.read_s_client(old + text(HEADING + CA), "x").alerts == ("bad_certificate",)
    run = s_client.read_s_client(b"connect: Connection refused\nconnect:errno=111\n", "x")
    assert run.failed is not None
    assert s_client.read_s_client(text(HEADING + "what is this"), "x").unread == ("what is this",)


def environment(*answers: tuple[str, object]) -> Environment:
    """What answers come to."""
    taken = Answers()
    for path, value in answers:
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        assert is_answer(data), data
        assert taken.take(data, path, path) > 0
    return taken.environment()


INFO: dict[str, Any] = json.loads((TLS / "edge_json/good.json").read_text())
TEXTS = {
    "certInfo": [
        {k: str(v) if k in ("expiryDate", "validFrom") else v for k, v in row.items()}
        for row in INFO["certInfo"]
    ]
}


@pytest.mark.parametrize(
    ("answers", "alias", "has_key", "length"),
    [
        ([("k", {"certs": ["a-cert"], "keys": ["a"], "name": "ks"}), ("c", INFO | {"certName": "a-cert"})], "a", True, 2),
        ([("k", {"certs": ["a"], "keys": [], "name": "ks"}), ("c", INFO | {"certName": "a"})], "a", False, 2),
        ([("k", {"name": "ks", "aliases": [{"aliasName": "a", "cert": "a-cert", "key": "a"}]}),
          ("x", {"alias": "a", "certsInfo": INFO, "keyName": "a"})], "a", True, 2),
        ([("k", {"name": "ks", "aliases": [{"aliasName": "a", "cert": "a-cert"}]})], "a", False, 0),
        ([("k", {"name": "ks", "aliases": ["a"]}), ("x", {"alias": "a", "certsInfo": TEXTS, "keyName": "a"})], "a", True, 2),
        ([("e/dev/keystores/ks/aliases/a.json", {"certsInfo": INFO, "keyName": "a"})], "a", True, 2),
        ([("keystores/ks/certs/a.json", INFO)], "a", None, 2),
        ([("k", [{"certs": ["a"], "keys": ["a"], "name": "ks"}, {"certs": [], "keys": [], "name": "other"}])], "a", True, 0),
    ],
)  # fmt: skip
def test_keystores_of_the_api(
    answers: list[tuple[str, object]], alias: str, has_key: bool | None, length: int
) -> None:
    """Old and new shapes, numbers as text, what only the path tells."""
    store = environment(*answers).keystores["ks"]
    entry = store.entry(alias)
    assert entry is not None
    assert (entry.has_key, len(entry.chain)) == (has_key, length)
    if length:
        assert entry.chain[0].not_after is not None
        assert entry.chain[0].not_after.year == 2036
        assert entry.chain[0].key_algorithm == "RSA"


def test_an_empty_keystore_is_known_to_be() -> None:
    """Listed without anything, it is complete; a single certificate's answer says nothing of the rest."""
    assert environment(("k", {"certs": [], "keys": [], "name": "ks"})).keystores["ks"].complete
    assert not environment(("c", INFO)).keystores["(keystore not named)"].complete


def test_xml_answers() -> None:
    """The same in XML."""
    row = INFO["certInfo"][0]
    info = (
        f"<Certificate name='a-cert'><CertInfos><CertInfo><Subject>{row['subject']}</Subject><Issuer>{row['issuer']}</Issuer>"
        f"<ExpiryDate>{row['expiryDate']}</ExpiryDate><ValidFrom>{row['validFrom']}</ValidFrom><isValid>Yes</isValid>"
        "<PublicKey>RSA Public Key, 2048 bits</PublicKey></CertInfo></CertInfos></Certificate>"
    )
    server = (
        "<TargetServer name='ts'><Host>h</Host><Port>443</Port><SSLInfo><Enabled>true</Enabled>"
        "<ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>ref://r</KeyStore></SSLInfo></TargetServer>"
    )
    reference = "<ResourceReference name='r'><Refers>ks</Refers><ResourceType>KeyStore</ResourceType></ResourceReference>"
    found = environment(("keystores/ks/certs/a-cert.xml", info), ("t", server), ("r", reference))
    assert found.references["r"].refers == "ks"
    assert found.keystores["ks"].entries[0].chain[0].key_bits == 2048
    tls = found.target_servers["ts"].tls
    assert tls is not None
    assert (tls.enabled, tls.client_auth_enabled, tls.keystore) == (True, True, "ref://r")


@pytest.mark.parametrize(
    ("info", "enabled", "authenticates"),
    [
        ({"enabled": "true", "clientAuthEnabled": "true", "keyStore": "k"}, True, True),
        ({"enabled": True, "clientAuthEnabled": False}, True, False), ({"enabled": "true"}, True, None), ({}, None, None),
    ],
)  # fmt: skip
def test_target_servers(info: dict[str, object], enabled: bool | None, authenticates: bool | None) -> None:
    """Switches as words or as real ones; an empty SSLInfo is none."""
    tls = (
        environment(("t", {"name": "ts", "host": "h", "port": "443", "sSLInfo": info}))
        .target_servers["ts"]
        .tls
    )
    assert (tls.enabled if tls else None, tls.client_auth_enabled if tls else None) == (
        enabled,
        authenticates,
    )


def test_lists_by_path() -> None:
    """Names alone: the path tells of what."""
    found = environment(
        ("e/references.json", ["r"]), ("e/keystores.json", ["ks"]), ("e/keystores/ks/aliases.json", ["a"])
    )
    assert (found.listed_references, found.listed_keystores) == (True, True)
    assert [entry.alias for entry in found.keystores["ks"].entries] == ["a"]


@pytest.mark.parametrize(
    "data", [b"", b"not json", b"<html><body>login</body></html>", b'{"a":', b"<!DOCTYPE html><p>"]
)
def test_answers_that_are_none(data: bytes) -> None:
    """Said, not guessed."""
    with pytest.raises(ValueError, match=r"JSON|HTML|XML"):
        Answers().take(data, "x")


def test_settings_values() -> None:
    """References, flow variables and names."""
    assert kind_of_value("ref://a b") == (REFERENCE, "a b")
    assert kind_of_value("{request.ks}") == (VARIABLE, "request.ks")
    assert kind_of_value(" ks ") == (LITERAL, "ks")


TARGET = """<?xml version="1.0"?><!DOCTYPE TargetEndpoint><!-- hello -->
<TargetEndpoint xmlns="urn:x" name="{name}"><HTTPTargetConnection><!-- inner --><URL>https://h:8443/a</URL><SSLInfo>
<KeyAlias>a</KeyAlias><Protocols><Protocol>TLSv1.2</Protocol></Protocols><Enabled>true</Enabled><KeyStore>k</KeyStore>
</SSLInfo></HTTPTargetConnection></TargetEndpoint>"""


@pytest.mark.parametrize("packed", [True, False])
def test_bundles(packed: bool, tmp_path: Path) -> None:
    """A zip and a folder, elements in any order, several targets, policies that call out."""
    files = {
        "apiproxy/p.xml": '<APIProxy name="p" revision="7"/>',
        "apiproxy/targets/one.xml": TARGET.format(name="one"),
        "apiproxy/targets/two.xml": "<TargetEndpoint name='two'><HTTPTargetConnection><LoadBalancer><Server name='a'/>"
        "<Server name='b'/></LoadBalancer></HTTPTargetConnection></TargetEndpoint>",
        "apiproxy/policies/call.xml": "<ServiceCallout name='call'><HTTPTargetConnection><SSLInfo><Enabled>true</Enabled>"
        "</SSLInfo><URL>https://x</URL></HTTPTargetConnection></ServiceCallout>",
        "apiproxy/policies/other.xml": "<AssignMessage name='x'/>",
        "apiproxy/targets/broken.xml": "<TargetEndpoint",
    }
    if packed:
        with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        proxy = bundle.read_bundle_zip((tmp_path / "b.zip").read_bytes(), "b.zip")
    else:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        assert bundle.is_bundle_folder(str(tmp_path))
        proxy = bundle.read_bundle_folder(str(tmp_path))
    assert (proxy.name, proxy.revision) == ("p", "7")
    by_name = {target.name: target for target in proxy.targets}
    assert set(by_name) == {"one", "two", "call"}
    one = by_name["one"]
    assert (one.host, one.port, one.kind) == ("h", 8443, "target endpoint")
    assert one.tls is not None
    assert (one.tls.key_alias, one.tls.client_auth_enabled) == ("a", None)
    assert by_name["two"].servers == ("a", "b")
    assert by_name["call"].kind == "policy"
    assert any("broken.xml" in problem for problem in proxy.problems)


def test_no_bundle() -> None:
    """A zip of something else, and no zip."""
    with pytest.raises(InputError, match="zip"):
        bundle.read_bundle_zip(b"PK\x03\x04", "x")


@pytest.mark.parametrize(
    "data",
    [
        b'<DebugSession><Messages><Message><Data><Point id="x"><Properties><Property name="error.cause">Received fatal alert:'
        b' bad_certificate</Property></Properties><Headers><Header name="X-Apigee.Message-ID">m-1</Header></Headers></Point>'
        b'<VariableAccess><Get name="apiproxy.name" value="p"/></VariableAccess></Data></Message></Messages></DebugSession>',
        json.dumps(
            {"point": [{"id": "Error", "results": [
                {"ActionResult": "DebugInfo", "properties": {"property": [
                    {"name": "error.cause", "value": "Received fatal alert: bad_certificate"}]}},
                {"ActionResult": "RequestMessage", "headers": [{"name": "X-Apigee.Message-ID", "value": "m-1"}]},
                {"ActionResult": "VariableAccess", "accessList": [{"Get": {"name": "apiproxy.name", "value": "p"}}]}]}]}
        ).encode(),
    ],
)  # fmt: skip
def test_traces(data: bytes) -> None:
    """XML of the UI and JSON of the API, searched at any depth."""
    assert trace.is_trace(data)
    (message,) = trace.read_trace(data, "x")
    assert (message.cause, message.message_id, message.proxy) == (
        "Received fatal alert: bad_certificate",
        "m-1",
        "p",
    )


@needs(OPENSSL)
@pytest.mark.parametrize(
    "how", [["-legacy"], ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"], []]
)
def test_pkcs12_of_all_ages(how: list[str], tmp_path: Path) -> None:
    """40-bit RC2, triple DES, AES."""
    plain = tmp_path / "plain.pem"
    subprocess.run(
        ["openssl", "pkcs12", "-in", TLS / "pki/good.p12", "-passin", "pass:changeit", "-nodes", "-out", plain],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    made = subprocess.run(
        ["openssl", "pkcs12", "-export", "-in", plain, "-out", tmp_path / "x.p12", "-passout", "pass:geheim", "-name", "k", *how],
        capture_output=True, timeout=30,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("this OpenSSL does not write it")
    data = (tmp_path / "x.p12").read_bytes()
    (entry,) = keystores.read_keystore(data, "x", "x", ["no", "geheim"]).entries
    assert (entry.alias, entry.has_key, len(entry.chain)) == ("k", True, 2)
    with pytest.raises(WrongPasswordError):
        keystores.read_keystore(data, "x", "x", ["no"])
    # PEM: the key that belongs, one that does not, one that is locked.
    (entry,) = keystores.read_keystore(plain.read_bytes(), "x", "x").entries
    assert entry.has_key is True
    other = (TLS / "pki/other.pem").read_bytes() + plain.read_bytes()[
        : plain.read_bytes().index(b"-----END PRIVATE KEY")
    ]
    store = keystores.read_keystore(other + b"-----END PRIVATE KEY-----\n", "x", "x")
    assert store.entries[0].has_key is False
    assert store.notes[0].startswith("the private key does not belong to the certificate of CN=")


def test_s_client_outcome() -> None:
    """What came of the run: connection, cipher, the alert also in words, the first verification error."""
    run = s_client.read_s_client(text(HEADING + CA), "x")
    assert (run.connected, run.completed, run.protocol) == (True, True, "TLS 1.2")
    assert (run.cipher, run.alert) == ("ECDHE-RSA-AES256-GCM-SHA384", None)
    assert run.verify_error == "unable to get local issuer certificate"
    words = b"4395:error:1401E410:SSL routines:CONNECT_CR_FINISHED:sslv3 alert handshake failure:ssl_pkt.c:1200:\n"
    refused = text(HEADING + CA).replace(b"Cipher is ECDHE-RSA-AES256-GCM-SHA384", b"Cipher is (NONE)")
    run = s_client.read_s_client(words + refused, "x")
    assert (run.alert, run.completed, run.cipher) == ("handshake_failure", False, None)
    run = s_client.read_s_client(b"connect: Connection refused\nconnect:errno=111\n", "x")
    assert (run.connected, run.completed, run.verify_error) == (False, None, None)
