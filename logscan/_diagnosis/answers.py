"""What each step of a path is for, and what its answers would mean: words for people."""

from __future__ import annotations

from logscan._diagnosis.commands import ENGINE_DEBUG, MP_PROPERTIES, Names
from logscan._diagnosis.facts import Facts

Meanings = tuple[tuple[str, str], ...]
"""What an answer may be, and what it means."""

_SERVER = "MANAGEMENT_SERVER is the host of the management server; curl takes user and password from ~/.netrc"
_ON_MP = "Run this on the Message Processor"
_WHAT = {
    "mgmt": "Read the target's settings and its keystore from the management API (GET requests only)."
    " MANAGEMENT_SERVER is the host of the management server",
    "s_client": f"Ask the backend which client certificates it accepts. {_ON_MP}",
    "capture": "Capture the failure on the Message Processor. Start it, send ONE failing request, stop it"
    " with Ctrl-C",
    "bundle": f"Fetch the proxy's revision: it has the target's SSLInfo. {_SERVER}",
    "reference": f"Fetch what the target's KeyStore reference names. {_SERVER}",
    "keystore": f"Fetch the list of the keystore's aliases, and the target's alias. {_SERVER}",
    "truststore": f"Fetch what the target's truststore holds. {_SERVER}",
    "certificate": f"Fetch the certificate itself: it has the usages. {_SERVER}",
    "intermediate": "Find the intermediate certificate above the chain: its address is after “CA Issuers”."
    " Save it as intermediate.pem",
    "key-log": "TLS 1.3 hides what was sent. For one test, set"
    " <Protocols><Protocol>TLSv1.2</Protocol></Protocols> in the target's SSLInfo, deploy, and capture again",
    "backend-ca": "Only the backend knows which authorities it trusts. Ask its operator for the file of"
    " client authorities, and give it",
    "runtime": "Ask each Message Processor which keystore it has loaded: it may be an old one",
    "debug-log": "Still not decided? Write more detail into system.log, without a restart. Start this on the"
    " Message Processor and send one failing request within a minute",
    "engine-debug": "Or let Java print what its TLS does: it says why it selects no certificate. Restart ONE"
    f" Message Processor. Before that, add to {MP_PROPERTIES} the line {ENGINE_DEBUG}."
    " Give edge-message-processor.log to logscan",
    "router-log": "Who was hurt, and with which status? Run this on each Router",
    "hosts": "Compare the logs of all Message Processors: do all of them fail?",
}
_EMPTY_SENT = "Java sends no certificate"
_SETTINGS = (
    "no KeyStore in SSLInfo, or ClientAuthEnabled is not true",
    f"{_EMPTY_SENT}: set both and deploy",
)


def what_of(kind: str, names: Names, facts: Facts) -> str | None:
    """What a step is for, without a full stop; ``None``: there are no words for it here."""
    what = _WHAT.get(kind)
    if kind == "s_client":
        if facts.received is False:
            what = f"See which certificate the backend sends. {_ON_MP}"
        elif not facts.client_certificate_matter:
            what = f"See whether the backend answers, with which TLS version and certificate. {_ON_MP}"
    if kind == "s_client" and names.server_name is None:
        return (
            f"{what}. Add -servername NAME: the host name in the target's URL (in the proxy's TargetEndpoint,"
            " or the Host of its target server). Without it, a backend may answer for another of its names"
        )
    if kind == "capture" and facts.wire and facts.incomplete:
        return f"{what}. The capture that was given does not show all of it: start before the request"
    if kind == "capture":
        return f"{what}. An open connection shows no handshake: if there is none, wait and try again"
    if kind == "backend-log":
        at = f"at {facts.begun:%Y-%m-%d %H:%M:%S} UTC" if facts.begun else "at the time of the failure"
        return f"Only the backend knows why it refused. Ask its operator for the backend's log {at}"
    return what


def meanings_of(kind: str, facts: Facts) -> Meanings:
    """What the answers of a step would mean."""
    entry = facts.entry
    issuer = f" ({entry.chain[-1].issuer})" if entry is not None and entry.chain else ""
    alias = f"the alias {facts.alias}" if facts.alias else "the alias"
    if kind == "mgmt":
        return (
            _SETTINGS,
            (
                f"the keystore is empty, or {alias} is missing or has no private key",
                f"{_EMPTY_SENT}: upload certificate, chain and key",
            ),
            ("the certificate has expired, or is not for clients", "Java sends it, the backend refuses it"),
            ("all is well", "probably the backend does not accept the issuer: do the next step"),
        )
    if kind == "s_client" and facts.received is False:
        return (
            ("“verify error”", "the chain, or the dates: the line says which"),
            ("another issuer than you know", "a proxy between may open TLS"),
            ("“Verification: OK”", "this host trusts it: compare with the target's truststore"),
        )
    if kind == "s_client" and not facts.client_certificate_matter:
        return (
            ("“CONNECTED”, then an error", "the backend, or something between, refuses this TLS"),
            ("no “CONNECTED”", "the network: host, port or firewall"),
            ("a certificate and “Cipher is”", "the backend is well: compare the target's settings"),
        )
    if kind == "s_client":
        return (
            (
                "“Acceptable client certificate CA names” with names",
                f"the backend asks. Is the issuer of your certificate{issuer} not among them?"
                f" Then {_EMPTY_SENT[0].upper()}{_EMPTY_SENT[1:]}",
            ),
            ("“No client certificate CA names sent”", "it asks for none, or it accepts every issuer"),
            ("an error before any certificate", "the network or TLS settings, not the client certificate"),
        )
    if kind in ("capture", "key-log") and facts.client_certificate_matter:
        return (
            ("“Certificate: EMPTY”", "Java sent none: look at settings, alias, key and issuer"),
            (
                "“Certificate: 1 in the chain” (or more)",
                "the backend refused it: dates, usages, issuer, chain",
            ),
            ("no CertificateRequest", "it is not the client certificate"),
        )
    return _ANSWERS.get(kind, ())


_ANSWERS: dict[str, Meanings] = {
    "bundle": (_SETTINGS, ("KeyStore and KeyAlias are set", "look at that keystore next")),
    "reference": (("error 404", f"the reference does not exist: {_EMPTY_SENT}"),),
    "keystore": (
        ("error 404, or no such alias", f"{_EMPTY_SENT}: correct KeyAlias, or upload it"),
        ("the alias is there", "compare its issuer with those that the backend accepts"),
    ),
    "runtime": (
        ("not what the management API has", "restart this Message Processor; use a reference from now on"),
        ("the same", "the keystore is not old"),
    ),
    "hosts": (
        ("one host fails, others do not", "that Message Processor has an old keystore: restart it"),
        ("all hosts fail", "the keystore or the backend is wrong, not one host"),
    ),
}
