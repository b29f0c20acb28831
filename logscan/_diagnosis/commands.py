"""Commands to paste: complete, with the names of the case, and safe whatever a log calls its things.

Names come from a log, and others write the log. In a shell each of them is quoted, in an address each is
percent-encoded: a name can only name. A word in capitals (``MANAGEMENT_SERVER``) stands for what the evidence
does not say; the text beside the command says what it is.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from urllib.parse import quote

from logscan._diagnosis.cases import Case
from logscan._diagnosis.facts import Facts
from logscan._evidence.collected import Evidence
from logscan._evidence.configuration import LITERAL, kind_of_value
from logscan._failures.addresses import is_address, split_target

MP_LOGS = "/opt/apigee/var/log/edge-message-processor/logs"
ROUTER_LOGS = "/opt/apigee/var/log/edge-router/nginx"
MP_PROPERTIES = "/opt/apigee/customer/application/message-processor.properties"
ENGINE_DEBUG = 'bin_setenv_ext_jvm_opts="-Djavax.net.debug=ssl,handshake"'
"""The line of the properties with which Java prints what its TLS does."""
CAPTURE = "/tmp/capture.pcap"  # noqa: S108 (on their host: tcpdump gives up its rights and can write there)
MAX_ADDRESSES = 8
"""Backends of one case that a capture filter names; with more of them it names the port alone."""
MAX_MESSAGES = 3
"""Message ids that a search names."""
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?")
TLS_1_2 = "TLS 1.2"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one case, as the evidence has them; ``None``: not known."""

    host: str | None = None
    port: int = 443
    addresses: tuple[str, ...] = ()
    """Every backend of the case: addresses and host names, without ports."""
    server_name: str | None = None
    """The host name for SNI."""
    version: str | None = None
    """Of TLS, as the Message Processor speaks it."""
    org: str | None = None
    env: str | None = None
    proxy: str | None = None
    revision: str | None = None
    keystore: str | None = None
    keystore_file: str | None = None
    """Where the keystore lies, if it is a file."""
    keystore_kind: str | None = None
    alias: str | None = None
    reference: str | None = None
    truststore: str | None = None
    messages: tuple[str, ...] = ()


def names_of(facts: Facts, case: Case, evidence: Evidence | None = None) -> Names:
    """The names that the evidence of a case has."""
    group, store = case.group, facts.keystore
    host, port = split_target(facts.target)
    servers = [connection.server[0] for connection in case.connections]
    targets = [split_target(failure.target)[0] for failure, _ in group.kept] if group else []
    addresses = tuple(dict.fromkeys(name for name in (host, *servers, *targets) if name))
    keystore = facts.keystore_name
    is_file = store is not None and not store.name.startswith("(") and not store.source.startswith("http")
    if keystore is None and store is not None and is_file:
        keystore = store.name
    return Names(
        host=host,
        port=port,
        addresses=addresses,
        server_name=facts.sni or _server_name(host, case, evidence),
        version=facts.version,
        org=facts.org,
        env=facts.env,
        proxy=group.proxy if group else None,
        revision=next((name for name, _ in group.revisions.most_common(1)), None) if group else None,
        keystore=keystore,
        keystore_file=store.source if store is not None and is_file else None,
        keystore_kind=store.kind if store is not None and is_file else None,
        alias=facts.alias,
        reference=facts.reference,
        truststore=_truststore(facts),
        messages=tuple(sorted(group.messages)[:MAX_MESSAGES]) if group else (),
    )


def _truststore(facts: Facts) -> str | None:
    """The truststore that the settings name directly; a reference has to be looked up first."""
    if facts.settings is None or not facts.settings.truststore:
        return None
    kind, name = kind_of_value(facts.settings.truststore)
    return name if kind == LITERAL else None


def _server_name(host: str | None, case: Case, evidence: Evidence | None) -> str | None:
    """The host name of the target: its own, else that of the bundle or trace, if there is only one."""
    if host is not None and not is_address(host):
        return host if _HOST.fullmatch(host) else None
    group = case.group
    if evidence is None or group is None:
        return None
    targets = [
        target
        for proxy in evidence.proxies
        if proxy.name in (None, group.proxy)
        for target in proxy.targets
        if target.tls is not None
    ]
    targets += evidence.environment.target_servers.values()
    names = {target.host for target in targets if target.host}
    names |= {t.target_host for t in evidence.traces if t.message_id in group.messages and t.target_host}
    hosts = {name for name in names if not is_address(name) and _HOST.fullmatch(name)}
    return hosts.pop() if len(hosts) == 1 else None


def endpoint(names: Names) -> str:
    """``host:port`` for a shell, an address of IPv6 in brackets."""
    host = names.host or "HOST"
    return shlex.quote(f"[{host}]:{names.port}" if ":" in host else f"{host}:{names.port}")


def s_client(names: Names, output: str | None = "s_client.txt", certificate: bool = False) -> str:
    """Ask the backend what it asks for. Standard input stays open for two seconds: in TLS 1.3 the alert comes
    after the handshake."""
    words = ["sleep 2 | timeout 20 openssl s_client -connect", endpoint(names)]
    if names.server_name:
        words += ["-servername", shlex.quote(names.server_name)]
    if names.version == TLS_1_2:
        words.append("-tls1_2")
    words.append("-showcerts")
    if certificate:
        words.append("-cert client.pem -key client.key")
    return " ".join(words) + (f" >{output} 2>&1" if output else "")


def capture_filter(names: Names) -> str:
    """A filter of libpcap for all backends of a case."""
    hosts = [name for name in names.addresses if is_address(name) or _HOST.fullmatch(name)]
    port = f"port {names.port}"
    if not hosts or len(hosts) > MAX_ADDRESSES:
        return port
    either = " or ".join(f"host {name.partition('%')[0]}" for name in hosts)
    return f"({either}) and {port}" if len(hosts) > 1 else f"{either} and {port}"


def tcpdump(names: Names) -> str:
    """Capture one failing request. The limits end a capture that somebody forgot."""
    limits = "-s 0 -c 50000 -G 600 -W 1"
    return f"sudo tcpdump -i any {limits} -w {CAPTURE} {shlex.quote(capture_filter(names))}"


def encoded(name: str | None, stand_in: str) -> str:
    """A name as one part of an address."""
    return stand_in if name is None else quote(name, safe="", errors="surrogateescape")


def api(path: str, output: str) -> str:
    """One request to the management API. An error leaves no file (``-f``)."""
    return f"curl -n -fsS 'http://MANAGEMENT_SERVER:8080/v1/organizations/{path}' -o {output}"


def bundle(names: Names) -> str:
    """Fetch the proxy's revision."""
    org, proxy = encoded(names.org, "ORG"), encoded(names.proxy, "PROXY")
    return api(f"{org}/apis/{proxy}/revisions/{encoded(names.revision, 'REV')}?format=bundle", "bundle.zip")


def _environment(names: Names) -> str:
    return f"{encoded(names.org, 'ORG')}/environments/{encoded(names.env, 'ENV')}"


def reference(names: Names) -> str:
    """Fetch what a reference names."""
    name = encoded(names.reference, "REFERENCE")
    return api(f"{_environment(names)}/references/{name}", "reference.json")


def keystore(names: Names) -> str:
    """Fetch the list of a keystore's aliases, and the alias of the case."""
    path = f"{_environment(names)}/keystores/{encoded(names.keystore, 'KEYSTORE')}"
    alias = encoded(names.alias, "ALIAS")
    return f"{api(path, 'keystore.json')}; {api(f'{path}/aliases/{alias}', 'alias.json')}"


def truststore(names: Names) -> str:
    """Fetch what the target's truststore holds."""
    path = f"{_environment(names)}/keystores/{encoded(names.truststore, 'TRUSTSTORE')}"
    return api(path, "truststore.json")


def certificate(names: Names) -> str:
    """Fetch the certificate of the alias."""
    path = f"{_environment(names)}/keystores/{encoded(names.keystore, 'KEYSTORE')}"
    return api(f"{path}/aliases/{encoded(names.alias, 'ALIAS')}/certificate", "client.pem")


def runtime(names: Names) -> str:
    """Ask a Message Processor which keystore it has loaded."""
    path = f"{_environment(names)}/keystores/{encoded(names.keystore, 'KEYSTORE')}"
    return f"curl -fsS 'http://localhost:8082/v1/runtime/organizations/{path}' -o runtime.json"


def look_at_keystore(names: Names) -> str:
    """Print what a keystore holds."""
    if names.keystore_kind == "PEM":
        return f"openssl x509 -in {_file(names.keystore_file or 'client.pem')} -noout -text"
    words = f"keytool -list -v -keystore {_file(names.keystore_file or 'client.p12')}"
    return words if names.keystore_kind == "JKS" else f"{words} -storetype PKCS12"


def build_keystore(names: Names) -> str:
    """Make a PKCS#12 file of key, certificate and intermediates."""
    alias = shlex.quote(names.alias or "ALIAS")
    return (
        "openssl pkcs12 -export -inkey client.key -in client.pem -certfile intermediates.pem"
        f" -name {alias} -out client.p12"
    )


def issuer_of_certificate(names: Names) -> str:
    """Fetch the certificate, and print who issued it and where its issuer's certificate is."""
    looked = "openssl x509 -in client.pem -noout -text | grep -e Issuer: -e 'CA Issuers'"
    return f"{certificate(names)} && {looked}"


def debug_log(_: Names) -> str:
    """Write more into ``system.log`` for a minute, without a restart."""
    address = "http://localhost:8082/v1/logsessions"
    return f'curl -X POST "{address}?session=debug"; sleep 60; curl -X DELETE "{address}/debug"'


def restart(_: Names) -> str:
    """Restart a Message Processor, after its properties were changed."""
    return "sudo /opt/apigee/apigee-service/bin/apigee-service edge-message-processor restart"


def router_log(names: Names) -> str:
    """Find the failing requests in the Router's access log."""
    wanted = " ".join(f"-e {shlex.quote(name)}" for name in names.messages or ("MESSAGE_ID",))
    where = shlex.quote(f"{names.org or 'ORG'}~{names.env or 'ENV'}").replace("/", "?")
    return f"grep -h -F {wanted} {ROUTER_LOGS}/{where}.*_access_log >router_access_log"


def search(names: Names) -> str:
    """All entries of a message."""
    wanted = shlex.quote(names.messages[0] if names.messages else "MESSAGE_ID")
    return f"logscan search {'-- ' if wanted.startswith('-') else ''}{wanted} {MP_LOGS}"


def _file(path: str) -> str:
    """A path for a shell that is never an option."""
    return shlex.quote(f"./{path}" if path.startswith("-") else path)
