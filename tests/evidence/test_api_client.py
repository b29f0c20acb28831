"""The management API, live: a real HTTP server that speaks it, with everything that can go wrong."""

from __future__ import annotations

import base64
import http.server
import io
import json
import ssl
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logscan._evidence.api_answers import Answers
from logscan._evidence.api_client import Management
from logscan._evidence.fetcher import Fetcher
from logscan._evidence.keystores.pem import pem_certificates
from logscan.errors import InputError
from logscan.values import Counters
from support.authorities import authority
from support.command import ROOT, logscan

TLS = ROOT / "tests/data/tls"
BASE = "/v1/organizations/org-name"
ENV = f"{BASE}/environments/env-name"
BUNDLE = f"{BASE}/apis/apiproxy-name/revisions/1?format=bundle"


class Edge:
    """A management server: resources by path; every request is written down."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.once: dict[str, list[tuple[int, bytes, dict[str, str]]]] = {}
        """Answers given first, one a request."""
        self.requests: list[tuple[str, str, str | None]] = []
        edge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _serve(self) -> None:
                edge.requests.append((self.command, self.path, self.headers.get("Authorization")))
                queue = edge.once.get(self.path)
                status, body, headers = (
                    queue.pop(0) if queue else edge.answers.get(self.path, (404, b'{"code":"x"}', {}))
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

            def log_message(self, *args: Any) -> None:
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def put(self, path: str, value: object, status: int = 200, **headers: str) -> None:
        """Serve a resource."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.answers[path] = (status, body, {name.replace("_", "-"): text for name, text in headers.items()})


@pytest.fixture
def edge() -> Iterator[Edge]:
    """A running management server with a proxy whose keystore is good."""
    made = Edge()
    proxy(made)
    keystore(made)
    yield made
    made.server.shutdown()
    made.server.server_close()
    assert {method for method, _, _ in made.requests} <= {"GET"}


def proxy(edge: Edge, **changes: str | None) -> None:
    """Serve the bundle and the reference."""
    settings = {
        "Enabled": "true", "ClientAuthEnabled": "true", "KeyStore": "ref://myRef", "KeyAlias": "myKey",
    } | changes  # fmt: skip
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in settings.items() if value is not None)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("apiproxy/apiproxy-name.xml", '<APIProxy name="apiproxy-name" revision="1"/>')
        archive.writestr(
            "apiproxy/targets/default.xml",
            f"<TargetEndpoint name='default'><HTTPTargetConnection><SSLInfo>{inner}</SSLInfo>"
            "<URL>https://backend.example</URL></HTTPTargetConnection></TargetEndpoint>",
        )
    edge.put(BUNDLE, file.getvalue())
    edge.put(f"{ENV}/references/myRef", {"name": "myRef", "refers": "my store", "resourceType": "KeyStore"})


def keystore(edge: Edge, alias: str = "myKey", key: str | None = "myKey", store: str = "good") -> None:
    """Serve the keystore with one alias."""
    path = f"{ENV}/keystores/my%20store"
    row = {"aliasName": alias, "cert": f"{alias}-cert"} | ({"key": key} if key else {})
    keys = [key] if key else []
    edge.put(path, {"name": "my store", "certs": [f"{alias}-cert"], "keys": keys, "aliases": [row]})
    info = json.loads((TLS / f"edge_json/{store}.json").read_text())
    edge.put(f"{path}/aliases/{alias}", {"alias": alias, "certsInfo": info, "keyName": key})
    edge.put(f"{path}/aliases/{alias}/certificate", (TLS / f"pki/{store}.pem").read_bytes())


def log(folder: Path, name: str = "ca_mismatch") -> None:
    """A failure of the proxy, and its capture."""
    text = (TLS / f"jsse17/{name}_v1.2.client.log").read_text()
    (folder / "system.log").write_text(text)
    (folder / "capture.pcap").write_bytes((TLS / f"jsse17/{name}_v1.2.pcap").read_bytes())


def diagnose(edge: Edge, folder: Path, *args: str, **env: str) -> tuple[dict[str, Any], str, int]:
    """What the command says, its messages, and its status."""
    secrets = {"LOGSCAN_MGMT_USER": "joe", "LOGSCAN_MGMT_PASSWORD": "geheim"} | env
    done = logscan(
        "diagnose", "system.log", "capture.pcap", "--tz", "UTC", "--mgmt", edge.url, "--format", "json", *args,
        stdin=b"", cwd=folder, **secrets,
    )  # fmt: skip
    assert b"geheim" not in done.stdout + done.stderr
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr.decode(), done.returncode


def causes(found: dict[str, Any]) -> set[str]:
    """Their names."""
    return {
        cause["cause"]
        for verdict in found["verdicts"]
        for cause in verdict["causes"]
        if cause["state"] == verdict["causes"][0]["state"]
    }


def test_the_whole_join(edge: Edge, tmp_path: Path) -> None:
    """From the log's entry to the issuer, over bundle, reference, keystore and alias."""
    log(tmp_path)
    found, errors, status = diagnose(edge, tmp_path)
    assert (status, errors) == (0, "")
    assert causes(found) == {"ca_mismatch"}
    (verdict,) = found["verdicts"]
    assert (verdict["keystore"], verdict["alias"]) == ("my store", "myKey")
    assert verdict["keystore_chain"][0]["extended_key_usages"] == ["clientAuth"]
    sources = " ".join(quote["source"] for quote in verdict["evidence"])
    assert "references/myRef" in sources
    assert "my%20store" in sources
    assert edge.requests[0][2] == "Basic " + base64.b64encode(b"joe:geheim").decode()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("no reference", "reference_broken"), ("no keystore", "reference_broken"), ("empty", "keystore_empty"),
        ("other alias", "alias_not_found"), ("no key", "certificate_without_key"), ("off", "client_auth_disabled"),
        ("no KeyStore", "no_keystore_configured"),
    ],
)  # fmt: skip
def test_what_is_configured(change: str, expected: str, edge: Edge, tmp_path: Path) -> None:
    """Each break of the chain is its own cause."""
    log(tmp_path, "empty_keystore")
    text = (tmp_path / "system.log").read_text()
    if change in ("no reference", "no keystore", "no KeyStore"):
        (tmp_path / "system.log").write_text(
            "\n".join(line for line in text.splitlines() if "SSLInfo" not in line) + "\n"
        )
    if change == "no reference":
        del edge.answers[f"{ENV}/references/myRef"]
    elif change == "no keystore":
        del edge.answers[f"{ENV}/keystores/my%20store"]
    elif change == "empty":
        edge.put(f"{ENV}/keystores/my%20store", {"certs": [], "keys": [], "name": "my store"})
    elif change == "other alias":
        keystore(edge, "other")
    elif change == "no key":
        keystore(edge, key=None)
    elif change == "off":
        proxy(edge, ClientAuthEnabled="false")
    else:
        proxy(edge, KeyStore=None, KeyAlias=None)
    found, errors, status = diagnose(edge, tmp_path)
    assert (status, errors, causes(found)) == (0, "", {expected})


def test_old_releases(edge: Edge, tmp_path: Path) -> None:
    """Before 4.18.01 there are certificates, and no aliases."""
    log(tmp_path)
    path = f"{ENV}/keystores/my%20store"
    info = json.loads((TLS / "edge_json/good.json").read_text()) | {"certName": "myKey-cert"}
    for name in [name for name in edge.answers if "/aliases/" in name]:
        del edge.answers[name]
    edge.put(path, {"certs": ["myKey-cert"], "keys": ["myKey"], "name": "my store"})
    edge.put(f"{path}/certs/myKey-cert", info)
    found, _, status = diagnose(edge, tmp_path)
    assert (status, causes(found)) == (0, {"ca_mismatch"})


def test_without_a_log(edge: Edge, tmp_path: Path) -> None:
    """With organization and environment everything there is fetched."""
    log(tmp_path)
    (tmp_path / "system.log").write_text("")
    edge.put(f"{ENV}/references", ["myRef"])
    edge.put(f"{ENV}/keystores", ["my store"])
    found, _, status = diagnose(edge, tmp_path, "--org", "org-name", "--env", "env-name")
    assert (status, causes(found)) == (0, {"ca_mismatch"})


HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "headers", "told"),
    [
        (401, b"", {}, ("not accepted (401)", "LOGSCAN_MGMT_USER")),
        (403, b"{}", {}, ("may not read it (403)", "read-only role")),
        (200, HTML, {}, ("HTML page", "login page")),
        (302, b"", {"Location": "https://login.example/"}, ("https://login.example/", "leads to")),
        (400, b"{}", {}, ("status 400", "organization")),
    ],
)  # fmt: skip
def test_refusals(
    status: int, body: bytes, headers: dict[str, str], told: tuple[str, str], edge: Edge, tmp_path: Path
) -> None:
    """A clear message with a remedy; the rest of the diagnosis goes on."""
    log(tmp_path)
    edge.answers[BUNDLE] = (status, body, headers)
    found, errors, code = diagnose(edge, tmp_path)
    assert code == 2
    assert all(words in errors for words in told), errors
    assert "ca_mismatch" in causes(found)


def test_not_reached(edge: Edge, tmp_path: Path) -> None:
    """Nobody there; not an address; credentials where they do not belong."""
    log(tmp_path)
    args = ("diagnose", "system.log", "--mgmt")
    for address, words in (
        ("ftp://x", b"not an address"),
        ("http://joe:geheim@x", b"no credentials in the address"),
    ):
        done = logscan(*args, address, cwd=tmp_path)
        assert (done.returncode, words in done.stderr, b"geheim" in done.stderr) == (2, True, False)
    done = logscan(*args, edge.url, cwd=tmp_path, LOGSCAN_MGMT_USER="joe")
    assert (done.returncode, b"belong together" in done.stderr) == (2, True)


def test_token_and_netrc(edge: Edge, tmp_path: Path) -> None:
    """A token, or the file that curl reads."""
    log(tmp_path)
    diagnose(edge, tmp_path, LOGSCAN_MGMT_TOKEN="t0ken")
    assert edge.requests[-1][2] == "Bearer t0ken"
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password geheim\n")
    (tmp_path / "netrc").chmod(0o600)
    diagnose(edge, tmp_path, NETRC=str(tmp_path / "netrc"), LOGSCAN_MGMT_USER="", LOGSCAN_MGMT_PASSWORD="")
    assert edge.requests[-1][2] == "Basic " + base64.b64encode(b"ann:geheim").decode()


def test_retries(edge: Edge) -> None:
    """429 waits as asked, 500 as long as it helps; then it is told."""
    waited: list[float] = []
    management = Management(edge.url, None, sleep=waited.append)
    path = "/organizations/org-name/environments/env-name/references/myRef"
    edge.once["/v1" + path] = [
        (429, b"", {"Retry-After": "7"}),
        (503, b"", {}),
        (429, b"", {"Retry-After": "999"}),
    ]
    answer = management.get(path)
    assert answer is not None
    assert waited == [7.0, 2.0, 30.0]
    edge.put("/v1" + path, b"", status=500)
    with pytest.raises(InputError, match="failed \\(500\\)"):
        management.get(path)
    assert management.get("/nothing/here") is None
    management.close()


def test_slow_and_gone() -> None:
    """No answer in time, and nobody at the port."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        management = Management(f"http://127.0.0.1:{port}", None, timeout=0.2, sleep=lambda _: None)
        with pytest.raises(InputError, match="no whole answer within"):
            management.get("/x")
        management.close()
    management = Management(f"http://127.0.0.1:{port}", None, timeout=1, sleep=lambda _: None)
    with pytest.raises(InputError, match="refused"):
        management.get("/x")
    assert management.requests == 4
    management.close()


def test_pages(edge: Edge) -> None:
    """A long list comes in pages."""
    names = [f"store{number:04}" for number in range(1_400)]
    path = f"{ENV}/keystores"
    edge.put(path, names[:1000])
    edge.put(f"{path}?count=1000&startKey=store0999", names[999:])
    management = Management(edge.url, None)
    found = Fetcher(management, Answers(), Counters()).names(path.removeprefix("/v1"))
    management.close()
    assert found == names[:1000]  # more than are fetched anyway


def test_tls_is_verified(edge: Edge, tmp_path: Path) -> None:
    """An unknown authority is refused, and taken with --mgmt-ca."""
    authority(tmp_path)
    assert len(list(pem_certificates((tmp_path / "ca.pem").read_bytes(), "x"))) == 1
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    edge.server.socket = context.wrap_socket(edge.server.socket, server_side=True)
    edge.url = edge.url.replace("http:", "https:")
    log(tmp_path)
    _, errors, status = diagnose(edge, tmp_path)
    assert (status, "--mgmt-ca" in errors) == (2, True)
    found, errors, status = diagnose(edge, tmp_path, "--mgmt-ca", "ca.pem")
    assert (status, errors, causes(found)) == (0, "", {"ca_mismatch"})
