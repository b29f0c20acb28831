"""What is missing, and the command or API call that supplies it, with the names of the case filled in."""

from __future__ import annotations

import shlex
from urllib.parse import quote

from logscan._diagnosis.cases import Case
from logscan._diagnosis.facts import Facts, Need

_ORDER = (
    "capture", "key-log", "log", "bundle", "reference", "keystore", "certificate", "s_client", "intermediate",
    "backend-ca", "runtime", "backend-log",
)  # fmt: skip


def needs_of(kinds: set[str], facts: Facts, case: Case) -> tuple[Need, ...]:
    """The needs of these kinds, in the order in which they help most."""
    host, _, port = (facts.target or "HOST:PORT").rpartition(":")
    host, port = shlex.quote(host), shlex.quote(port)
    group = case.group
    keystore, alias = facts.keystore_name or "KEYSTORE", facts.alias or "ALIAS"
    if facts.keystore is not None and facts.keystore_name is None and not facts.keystore.name.startswith("("):
        keystore = facts.keystore.name
    org, env, proxy, revision, keystore, alias, reference = (
        # Names come from a log: they must do nothing in a shell or an address but name.
        quote(name, safe="")
        for name in (
            facts.org or "ORG", facts.env or "ENV", (group.proxy if group else None) or "PROXY",
            next(iter(group.revisions), "REV") if group else "REV", keystore, alias,
            facts.reference or "REFERENCE",
        )
    )  # fmt: skip
    message = shlex.quote(next(iter(sorted(group.messages)), "MESSAGE_ID") if group else "MESSAGE_ID")
    api = f"curl -n 'http://MANAGEMENT_SERVER:8080/v1/organizations/{org}"
    sni = f" -servername {shlex.quote(facts.sni)}" if facts.sni else ""
    made = {
        "capture": (
            "a packet capture of a failing request on the Message Processor or the backend",
            f"tcpdump -i any -s 0 host {host} and port {port} -w capture.pcap",
        ),
        "key-log": (
            "what TLS 1.3 hides: secrets of the connection, or a handshake in TLS 1.2",
            "capture again with <Protocol>TLSv1.2</Protocol> in the target's SSLInfo, or give a key log"
            " of the backend (SSLKEYLOGFILE) with --keylog",
        ),
        "log": (
            "the Message Processor's log of the failure, which names the alias",
            f"logscan search {message} /opt/apigee/var/log/edge-message-processor/logs",
        ),
        "bundle": (
            "the proxy's revision with the target's SSLInfo (and its target server, if it names one)",
            f"{api}/apis/{proxy}/revisions/{revision}?format=bundle' -o bundle.zip",
        ),
        "reference": (
            "what the target's KeyStore reference names",
            f"{api}/environments/{env}/references/{reference}' -o reference.json",
        ),
        "keystore": (
            "the keystore's aliases and certificates",
            f"{api}/environments/{env}/keystores/{keystore}' -o keystore.json;"
            f" {api}/environments/{env}/keystores/{keystore}/aliases/{alias}' -o alias.json",
        ),
        "certificate": (
            "the certificate itself, for its usages",
            f"{api}/environments/{env}/keystores/{keystore}/aliases/{alias}/certificate' -o client.pem",
        ),
        "s_client": (
            "the authorities that the backend accepts",
            f"openssl s_client -connect {host}:{port}{sni} </dev/null >s_client.txt 2>&1",
        ),
        "intermediate": (
            "the intermediate certificate above the chain, from the authority that issued it",
            "openssl x509 -in leaf.pem -noout -issuer -ext authorityInfoAccess   # then fetch the CA"
            " Issuers URI",
        ),
        "backend-ca": (
            "the backend's trusted client authorities",
            "ask the backend's operator for its client CA file and give it with --backend-ca FILE",
        ),
        "runtime": (
            "what the Message Processor has really loaded",
            f"curl http://MESSAGE_PROCESSOR:8082/v1/runtime/organizations/{org}/environments/{env}/keystores/{keystore}",
        ),
        "backend-log": (
            "the backend's own log of the refusal",
            f"ask the backend's operator for its log at {facts.begun:%Y-%m-%d %H:%M:%S} UTC" if facts.begun
            else "ask the backend's operator for its log at the time of the failure",
        ),
    }  # fmt: skip
    return tuple(Need(*made[kind], kind) for kind in _ORDER if kind in kinds)
