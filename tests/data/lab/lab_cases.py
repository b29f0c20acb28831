"""The situations of the lab: each with its truth, and with a control beside it that looks like it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from data.lab.lab_pki import HOST, Pki
from data.lab.lab_servers import (
    Beside,
    Between,
    Demanding,
    Network,
    OpenSsl,
    Plain,
    Server,
    apache,
    close_after_hello,
    close_at_once,
    haproxy,
    never_answers,
    nginx,
    reset_after_hello,
    reset_at_once,
    says,
)

BOTH = ("1.2", "1.3")
Options = dict[str, str]
ORDINARY = "org: env: Apigee-Main-7 INFO  KERNEL.DEPLOYMENT - ServiceDeployer.startService() : Service [ServerRegistrationService] started"
"""What a log says where nothing failed."""
OUT = (
    "Apigee-Timer-7 WARN  ADAPTORS.HTTP.FLOW - LBServer.incrementFailureCount() : Max failure count(3) reached for server :"
    " orders-target{Environment=acme__prod,Application=orders__12,Target=default}"
)


@dataclass(frozen=True)
class Case:
    """One recording and what is true of it."""

    name: str
    causes: tuple[str, ...]
    """Names of causes of which each is right; none: there is no fault."""
    tells: str
    """What really happened."""
    server: Server
    tls: str = "1.2"
    client: Options = field(default_factory=dict)
    near: tuple[str, ...] = ()
    """Causes that look like it and are not true."""
    beside: str | None = None
    """A control: the situation that it looks like."""
    evidence: dict[str, object] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    """Of the firewall; with them client and server stand in networks of their own."""
    networks: bool = False
    late: bool = False
    """The capture begins after the handshake."""
    java: tuple[str, ...] = ()
    """Options of the JVM."""
    home: str | None = None
    """Another JVM."""
    silent: str = "log and capture"
    """Which of log and capture show the fault at all."""
    before: tuple[tuple[str, Options], ...] = ()
    """Other Message Processors, or this one earlier: the name of the log, and options."""
    lines: tuple[tuple[str, str], ...] = ()
    """Written at the end, as documentation shows them: the name of the log, and the entry without its time."""
    also: str | None = None
    """A file of ``s_client`` taken where the network does nothing: the port's server without what is between."""


def mutual(pki: Pki, chain: str, *more: str) -> OpenSsl:
    """A server that demands a client certificate of the backend's client authority."""
    return OpenSsl(
        pki.server(chain),
        "-Verify",
        "3",
        "-verify_return_error",
        "-CAfile",
        str(pki.kept / "clients.pem"),
        *more,
    )


def keystore(name: str = "good", alias: str = "myKey") -> Options:
    """What the client presents."""
    return {"keystore": f"pki/{name}.p12", "alias": alias}


def known(name: str | None = None, alias: str = "myKey", *, clients: bool = True) -> dict[str, object]:
    """The evidence that belongs to it."""
    found: dict[str, object] = {"truststore": "pki/root.pem"}
    if name:
        found |= {"keystore": f"pki/{name}.p12", "alias": alias}
    if clients:
        found["backend_ca"] = ["pki/clients.pem"]
    return found


def cases(pki: Pki) -> Iterator[Case]:
    """All of them."""
    for part in (
        backend_certificates,
        protocols,
        names,
        not_tls,
        ends,
        silence,
        resets,
        firewalls,
        refusals,
        late,
        several,
        sizes,
        healthy,
    ):
        yield from part(pki)


def backend_certificates(pki: Pki) -> Iterator[Case]:
    """What the Message Processor refuses."""
    one_way = known(clients=False)
    table = (
        ("expired", "backend_certificate_expired", "The backend's certificate expired three days before.", ("expired",)),
        ("notyet", "backend_certificate_expired", "The backend's certificate begins to be valid three days later.", ()),
        ("unlisted", "backend_certificate_untrusted", "The issuer is not in the truststore.", ("tls_inspected", "backend_chain_incomplete")),
        ("selfsigned", "backend_certificate_untrusted", "The certificate is signed by itself.", ("tls_inspected",)),
        ("leafonly", "backend_chain_incomplete", "The server does not send its intermediate; the root is trusted.", ("backend_certificate_untrusted",)),
        ("wronghost", "backend_name_mismatch", "The certificate is of api.old.example.", ("wrong_sni",)),
        ("md5inter", "backend_certificate_weak", "The server's intermediate is signed with MD5.", ("backend_certificate_untrusted",)),
    )  # fmt: skip
    for chain, cause, tells, near in table:
        for tls in BOTH:
            options = ("-cipher", "DEFAULT@SECLEVEL=0") if chain == "md5inter" else ()
            yield Case(
                f"backend_{chain}_v{tls}", (cause,), tells, OpenSsl(pki.server(chain), *options), tls,
                near=near, evidence=one_way,
            )  # fmt: skip
    for tls in BOTH:
        yield Case(
            f"backend_md5_v{tls}", ("cipher_mismatch", "backend_certificate_weak"),
            "The server's certificate is signed with MD5; Java offers no such signature, so the server ends it itself.",
            OpenSsl(pki.server("md5"), "-cipher", "DEFAULT@SECLEVEL=0"), tls, evidence=one_way, near=("no_keystore_configured",),
        )  # fmt: skip
        yield Case(
            f"backend_rsa1024_v{tls}", ("backend_certificate_weak",),
            "A key of 1024 bits, where the JVM's jdk.certpath.disabledAlgorithms asks for 2048.",
            OpenSsl(pki.server("rsa1024"), "-cipher", "DEFAULT@SECLEVEL=0"), tls, evidence=one_way,
            near=("backend_certificate_untrusted",), java=("-Djava.security.properties=FOLDER/strict.security",),
        )  # fmt: skip
        yield Case(
            f"backend_rsa1024_allowed_v{tls}", (), "A key of 1024 bits, which this JVM allows.",
            OpenSsl(pki.server("rsa1024"), "-cipher", "DEFAULT@SECLEVEL=0"), tls, evidence=one_way,
            beside=f"backend_rsa1024_v{tls}",
        )  # fmt: skip
        yield Case(
            f"backend_expiring_v{tls}", (), "The certificate expires two days later: still good.",
            OpenSsl(pki.server("expiring")), tls, evidence=one_way, beside=f"backend_expired_v{tls}",
        )  # fmt: skip
        yield Case(
            f"backend_fullchain_v{tls}", (), "The intermediate is sent.", OpenSsl(pki.server("ok")), tls,
            evidence=one_way, beside=f"backend_leafonly_v{tls}",
        )  # fmt: skip
        yield Case(
            f"backend_wildcard_v{tls}", (), "The certificate is of *.backend.example.", OpenSsl(pki.server("wildcard")), tls,
            evidence=one_way, beside=f"backend_wronghost_v{tls}",
        )  # fmt: skip
        yield Case(
            f"backend_expired_mutual_v{tls}", ("backend_certificate_expired",),
            "The backend's certificate has expired, and the backend asks for a client certificate that is good.",
            mutual(pki, "expired"), tls, keystore(), near=("expired",), evidence=known("good"),
        )  # fmt: skip
        yield Case(
            f"backend_unlisted_java25_v{tls}", ("backend_certificate_untrusted",), "The issuer is not in the truststore; Java 25.",
            OpenSsl(pki.server("unlisted")), tls, evidence=one_way, near=("tls_inspected",), home="temurin-25-jdk-amd64",
        )  # fmt: skip
        yield Case(
            f"inspected_v{tls}", ("tls_inspected", "backend_certificate_untrusted"),
            "A proxy between opens TLS: its issuer is another than the backend's own, which s_client shows from elsewhere.",
            OpenSsl(pki.server("inspected")), tls, near=("backend_chain_incomplete",),
            evidence=one_way | {"more": [f"inspected_v{tls}.s_client.txt"]}, also="ok",
        )  # fmt: skip
        yield Case(
            f"inspected_trusted_v{tls}", (), "The same proxy, whose authority the truststore has: no failure.",
            OpenSsl(pki.server("inspected")), tls, {"trust": "pki/trust_both.pem"}, beside=f"inspected_v{tls}",
            evidence=one_way | {"truststore": "pki/trust_both.pem"},
        )  # fmt: skip


def protocols(pki: Pki) -> Iterator[Case]:
    """Versions, ciphers and groups that have nothing in common."""
    ok, near = pki.server("ok"), ("no_keystore_configured", "cut_by_network", "cipher_mismatch")
    yield Case(
        "protocol_server_1.3_only",
        ("protocol_mismatch",),
        "The server speaks TLS 1.3 only.",
        OpenSsl(ok, "-tls1_3"),
        near=near,
    )
    yield Case(
        "protocol_server_1.2_only", ("protocol_mismatch",), "The server speaks TLS 1.2 only, the client TLS 1.3 only.",
        OpenSsl(ok, "-tls1_2"), "1.3", near=near,
    )  # fmt: skip
    yield Case(
        "protocol_server_1.1_only", ("protocol_mismatch",),
        "The server speaks TLS 1.1 at most.",
        OpenSsl(ok, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), near=("backend_certificate_untrusted",),
    )  # fmt: skip
    # A ServerHello as old servers send it: TLS 1.1, no extensions.
    body = b"\x03\x02" + b"\x5a" * 32 + b"\x00" + b"\xc0\x13" + b"\x00"
    hello = b"\x02" + len(body).to_bytes(3, "big") + body
    yield Case(
        "protocol_server_old", ("protocol_mismatch",), "An old server chooses TLS 1.1, which Java refuses (the ServerHello is made by hand).",
        Plain(says(b"\x16\x03\x02" + len(hello).to_bytes(2, "big") + hello)), near=("backend_certificate_untrusted",),
    )  # fmt: skip
    yield Case(
        "protocol_disabled", ("protocol_mismatch",), "The target allows TLS 1.1 only, which the JVM has switched off: no ClientHello.",
        OpenSsl(ok), "1.2", {"protocols": "TLSv1.1"}, near=("cut_by_network",), silent="log",
    )  # fmt: skip
    yield Case(
        "protocol_both", (), "The client speaks both, the server TLS 1.2 only.", OpenSsl(ok, "-tls1_2"), "1.2",
        {"protocols": "TLSv1.2,TLSv1.3"}, beside="protocol_server_1.2_only",
    )  # fmt: skip
    near = ("no_keystore_configured", "protocol_mismatch", "cut_by_network")
    yield Case(
        "cipher_v1.2", ("cipher_mismatch",), "No cipher suite in common.", OpenSsl(ok, "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"),
        client={"ciphers": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}, near=near,
    )  # fmt: skip
    yield Case(
        "cipher_v1.3", ("cipher_mismatch",), "No cipher suite in common.", OpenSsl(ok, "-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),
        "1.3", {"ciphers": "TLS_AES_128_GCM_SHA256"}, near=near,
    )  # fmt: skip
    yield Case(
        "cipher_ecdsa_v1.2", ("cipher_mismatch",), "The server has an EC certificate, the client offers suites for RSA.",
        OpenSsl(pki.server("ecdsa")), client={"ciphers": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}, near=near,
    )  # fmt: skip
    yield Case(
        "cipher_mutual_v1.2", ("cipher_mismatch",), "No cipher suite in common, where a keystore with an expired certificate is configured.",
        mutual(pki, "ok", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"),
        client=keystore("expired") | {"ciphers": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}, near=(*near, "expired"), evidence=known("expired"),
    )  # fmt: skip
    for tls in BOTH:
        yield Case(
            f"groups_v{tls}", ("cipher_mismatch",), "No group for the key exchange in common.",
            OpenSsl(ok, "-groups", "P-521", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), tls, near=near,
            java=("-Djdk.tls.namedGroups=secp256r1",),
        )  # fmt: skip
        yield Case(
            f"groups_retry_v{tls}", (), "The server asks for another group, which the client has.", OpenSsl(ok, "-groups", "P-521"), tls,
            java=("-Djdk.tls.namedGroups=secp256r1,secp521r1",), beside=f"groups_v{tls}",
        )  # fmt: skip
        yield Case(
            f"cipher_common_v{tls}", (), "One suite in common.",
            OpenSsl(ok, "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-ciphersuites", "TLS_AES_128_GCM_SHA256"), tls, beside=f"cipher_v{tls}",
        )  # fmt: skip
        yield Case(
            f"empty_refused_v{tls}", ("keystore_empty", "alias_not_found"), "The keystore has no such alias, so the client sends no certificate.",
            mutual(pki, "ok"), tls, keystore(alias="nope"), near=("cipher_mismatch", "cut_by_network"), beside=f"cipher_v{tls}",
            evidence=known("good", "nope"),
        )  # fmt: skip
        yield Case(
            f"no_keystore_refused_v{tls}", ("no_keystore_configured",), "No keystore is configured, and the backend demands a certificate.",
            mutual(pki, "ok"), tls, near=("cipher_mismatch", "cut_by_network"), beside=f"cipher_v{tls}", evidence=known(),
        )  # fmt: skip


def names(pki: Pki) -> Iterator[Case]:
    """SNI."""
    vhost, ok = pki.server("vhost"), pki.server("ok")
    fatal = OpenSsl(vhost, "-servername_fatal", "-servername", HOST, "-cert2", ok[0], "-key2", ok[1])
    default = (
        f"server {{ listen PORT ssl default_server; ssl_certificate {vhost[0]}; ssl_certificate_key {vhost[1]};"
        " default_type text/plain; return 200 other; }"
    )
    virtual = nginx(ok, "return 200 ok;", before=default)
    near = ("backend_certificate_untrusted", "protocol_mismatch", "cipher_mismatch")
    for tls in BOTH:
        yield Case(
            f"sni_fatal_v{tls}", ("wrong_sni",), "The server knows no such name: fatal alert unrecognized_name.", fatal, tls,
            {"sni": "old.backend.example"}, near=near,
        )  # fmt: skip
        yield Case(
            f"sni_missing_fatal_v{tls}", ("wrong_sni",), "nginx answers clients without a known name by an alert (ssl_reject_handshake).",
            nginx(ok, "return 200 ok;", before="server { listen PORT ssl default_server; ssl_reject_handshake on; }"),
            tls, {"sni": ""}, near=near,
        )  # fmt: skip
        for what, sni, tells in (
            ("missing", "", "No SNI is sent"),
            ("other", "old.backend.example", "An old name in the SNI"),
        ):
            yield Case(
                f"sni_{what}_vhost_v{tls}", ("wrong_sni", "backend_name_mismatch"), f"{tells}: the server shows its default certificate.",
                virtual, tls, {"sni": sni}, near=("backend_certificate_untrusted",), evidence=known(clients=False),
            )  # fmt: skip
        yield Case(
            f"sni_right_v{tls}", (), "The right name.", virtual, tls, beside=f"sni_missing_vhost_v{tls}", evidence=known(clients=False),
        )  # fmt: skip
        yield Case(
            f"sni_missing_healthy_v{tls}", (), "No SNI is sent, and none is needed.", OpenSsl(ok), tls, {"sni": ""},
            beside=f"sni_missing_vhost_v{tls}",
        )  # fmt: skip
    yield Case(
        "sni_warning_v1.2", ("wrong_sni",), "The server knows no such name and warns (alert of level warning): Java ends it.",
        OpenSsl(vhost, "-servername", HOST, "-cert2", ok[0], "-key2", ok[1]), "1.2", {"sni": "old.backend.example"},
        near=("backend_name_mismatch",),
    )  # fmt: skip


def not_tls(pki: Pki) -> Iterator[Case]:
    """Something else listens."""
    near = ("cut_by_network", "protocol_mismatch", "backend_certificate_untrusted")
    page = b"<html><body>400 The plain HTTP request was sent to a TLS port, or so</body></html>"
    http = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
        len(page),
        page,
    )
    texts = {
        "http": (http, False),
        "ssh": (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n", True),
        "smtp": (b"220 mail.backend.example ESMTP Postfix\r\n", True),
        "mysql": (b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00" + b"abcdefgh\x00\xff\xf7\x2d\x02\x00\xff\xdf\x15" + b"\x00" * 10
                  + b"ijklmnopqrst\x00mysql_native_password\x00", True),
    }  # fmt: skip
    for what, (text, first) in texts.items():
        yield Case(
            f"not_tls_{what}_v1.2",
            ("not_tls",),
            f"{what.upper()} on the port.",
            Plain(says(text, first=first)),
            near=near,
        )
    yield Case("not_tls_http_v1.3", ("not_tls",), "HTTP on the port.", Plain(says(http)), "1.3", near=near)


def ends(pki: Pki) -> Iterator[Case]:
    """The connection ends before the server said anything."""
    near = ("no_keystore_configured", "backend_certificate_untrusted", "cipher_mismatch", "protocol_mismatch")
    for tls in BOTH:
        for what, handler, tells in (
            ("fin_after_hello", close_after_hello, "FIN as the answer to the ClientHello."),
            ("fin_at_once", close_at_once, "FIN before the ClientHello."),
            ("rst_after_hello", reset_after_hello, "RST as the answer to the ClientHello."),
            ("rst_at_once", reset_at_once, "RST as soon as the connection is open."),
        ):
            yield Case(f"{what}_v{tls}", ("cut_by_network",), tells, Plain(handler), tls, near=near)
    yield Case(
        "rst_after_hello_keystore_v1.2", ("cut_by_network",), "RST as the answer to the ClientHello; the keystore's certificate has expired.",
        Plain(reset_after_hello), client=keystore("expired"), near=(*near, "expired"), evidence=known("expired"),
    )  # fmt: skip


def silence(pki: Pki) -> Iterator[Case]:
    """No answer."""
    for tls in BOTH:
        yield Case(
            f"no_answer_hello_v{tls}", ("no_answer",), "The server reads the ClientHello and never answers.", Plain(never_answers), tls,
            near=("cut_by_network", "handshake_too_large"),
        )  # fmt: skip
        yield Case(
            f"no_answer_flight_v{tls}", ("no_answer",), "The client's second flight is read and never answered.",
            Between(OpenSsl(pki.server("ok")), "swallow"), tls, near=("no_keystore_configured", "no_client_certificate_asked"),
        )  # fmt: skip
        yield Case(
            f"no_answer_flight_mutual_v{tls}", ("no_answer",), "The client's second flight, with its certificate, is never answered.",
            Between(mutual(pki, "ok"), "swallow"), tls, keystore(), near=("unknown_ca", "revoked_or_not_registered"), evidence=known("good"),
        )  # fmt: skip
        yield Case(
            f"no_answer_part_v{tls}", ("no_answer", "handshake_too_large"), "The server's answer stops after its first 600 bytes.",
            Between(OpenSsl(pki.server("ok")), "pass", 600), tls, near=("cut_by_network",),
        )  # fmt: skip
        yield Case(
            f"slow_v{tls}",
            (),
            "Every answer of the server comes a second late.",
            Between(mutual(pki, "ok"), "slow"),
            tls,
            keystore(),
            beside=f"no_answer_hello_v{tls}",
            evidence=known("good"),
        )


def resets(pki: Pki) -> Iterator[Case]:
    """A device that stands between ends the connection at the client's second flight."""
    for tls in BOTH:
        for how, what in (("reset", "rst"), ("close", "fin")):
            yield Case(
                f"{what}_flight_v{tls}", ("cut_by_network",), f"A device between answers the second flight with {what.upper()}; no certificate is asked for.",
                Between(OpenSsl(pki.server("ok")), how), tls, near=("no_keystore_configured", "no_client_certificate_asked"),
            )  # fmt: skip
            yield Case(
                f"{what}_flight_mutual_v{tls}", ("cut_by_network",), f"A device between answers the second flight, with a good certificate, with {what.upper()}.",
                Between(mutual(pki, "ok"), how), tls, keystore(), near=("unknown_ca", "revoked_or_not_registered", "backend_failed"),
                evidence=known("good"),
            )  # fmt: skip
        yield Case(
            f"rst_refused_v{tls}", ("expired",),
            "The backend's load balancer refuses an expired certificate by RST, without an alert: on the wire no other than a cut.",
            Between(mutual(pki, "ok"), "refuse"), tls, keystore("expired"), near=("cut_by_network",), evidence=known("expired"),
            beside=f"rst_flight_mutual_v{tls}",
        )  # fmt: skip
        yield Case(
            f"rst_flight_no_keystore_v{tls}", ("cut_by_network",),
            "A device between resets the second flight; a certificate is asked for, none is configured: the server never saw that.",
            Between(mutual(pki, "ok"), "reset"), tls, near=("no_keystore_configured",), evidence=known(),
        )  # fmt: skip


def firewalls(pki: Pki) -> Iterator[Case]:
    """A router with rules between client and server: other TTLs, and packets that vanish."""
    to_server = f"ip daddr {Network.SERVER} tcp flags & (syn|fin|rst) == 0"
    # Behind 20 + 12 bytes of the TCP header: a record's kind, and the kind of its first message.
    hello, second = (
        "@th,256,8 0x16 @th,296,8 0x01",
        "ip length > 52 @th,256,8 { 0x14, 0x16, 0x17 } @th,296,8 != 0x01",
    )
    near = ("no_keystore_configured", "cipher_mismatch", "protocol_mismatch")
    for tls in BOTH:
        yield Case(
            f"firewall_rst_hello_v{tls}", ("cut_by_network",), "A firewall answers the ClientHello with RST in the server's name.",
            OpenSsl(pki.server("ok")), tls, rules=(f"{to_server} ip length > 52 {hello} reject with tcp reset",), near=near,
        )  # fmt: skip
        yield Case(
            f"firewall_rst_flight_v{tls}", ("cut_by_network",), "A firewall answers the second flight with RST: its TTL is 64, the server's 63.",
            OpenSsl(pki.server("ok")), tls, rules=(f"{to_server} {second} reject with tcp reset",), near=near,
        )  # fmt: skip
        yield Case(
            f"firewall_rst_flight_mutual_v{tls}", ("cut_by_network",), "A firewall answers the second flight, with a good certificate, with RST: its TTL is 64, the server's 63.",
            mutual(pki, "ok"), tls, keystore(), rules=(f"{to_server} {second} reject with tcp reset",),
            near=("unknown_ca", "revoked_or_not_registered"), evidence=known("good"),
        )  # fmt: skip
        yield Case(
            f"beside_rst_flight_v{tls}",
            ("cut_by_network",),
            "A device beside the line resets the second flight: the TTL is the server's, the MAC is not the router's.",
            Beside(mutual(pki, "ok"), 63),
            tls,
            keystore(),
            rules=(f"{to_server} {second} drop",),
            near=("unknown_ca", "revoked_or_not_registered"),
            evidence=known("good"),
        )
        yield Case(
            f"firewall_drops_hello_v{tls}", ("no_answer", "cut_by_network"), "A firewall drops the ClientHello: no ACK comes.",
            OpenSsl(pki.server("ok")), tls, rules=(f"{to_server} ip length > 52 drop",), near=("handshake_too_large",),
        )  # fmt: skip
        yield Case(
            f"firewall_drops_flight_v{tls}", ("no_answer", "cut_by_network"), "A firewall drops the second flight: no ACK comes.",
            mutual(pki, "ok"), tls, keystore(), rules=(f"{to_server} {second} drop",),
            near=("unknown_ca", "revoked_or_not_registered"), evidence=known("good"),
        )  # fmt: skip
        yield Case(
            f"large_lost_v{tls}", ("handshake_too_large", "no_answer"), "A large server chain, whose full packets the path drops (MTU); Java waits until the time is up.",
            OpenSsl(pki.server("sizable")), tls, rules=(f"ip saddr {Network.SERVER} ip length > 1400 drop",), near=("cut_by_network",),
        )  # fmt: skip
        yield Case(
            f"routed_large_v{tls}",
            (),
            "The large chain, and a path that carries it.",
            OpenSsl(pki.server("sizable")),
            tls,
            networks=True,
            beside=f"large_lost_v{tls}",
        )
        yield Case(
            f"routed_repeated_v{tls}",
            (),
            "The first packet of the second flight is lost; it is sent again, and all is well.",
            mutual(pki, "ok"),
            tls,
            keystore(),
            rules=(f"{to_server} {second} numgen inc mod 1000 == 0 drop",),
            beside=f"firewall_drops_flight_v{tls}",
            evidence=known("good"),
        )
        yield Case(
            f"routed_ok_v{tls}", (), "The same way without a rule.", mutual(pki, "ok"), tls, keystore(), networks=True,
            beside=f"firewall_rst_flight_mutual_v{tls}", evidence=known("good"),
        )  # fmt: skip
        yield Case(
            f"routed_refused_v{tls}", ("expired",), "The same way; the server itself refuses an expired certificate.",
            mutual(pki, "ok"), tls, keystore("expired"), networks=True, near=("cut_by_network",),
            beside=f"firewall_rst_flight_mutual_v{tls}", evidence=known("expired"),
        )  # fmt: skip


def refusals(pki: Pki) -> Iterator[Case]:
    """Client certificates that are refused, in TLS or above it."""
    clients = str(pki.kept / "clients.pem")
    for tls in BOTH:
        revoked = mutual(pki, "ok", "-crl_check", "-CRL", str(pki.kept / "clients.crl.pem"))
        yield Case(
            f"revoked_v{tls}", ("client_certificate_revoked", "revoked_or_not_registered"), "The client's certificate is in the backend's CRL.", revoked, tls, keystore("revoked"),
            near=("unknown_ca", "ca_same_name_other_key", "expired"), evidence=known("revoked"),
        )  # fmt: skip
        yield Case(
            f"not_revoked_v{tls}", (), "The same CRL, another certificate.", revoked, tls, keystore(), beside=f"revoked_v{tls}", evidence=known("good"),
        )  # fmt: skip
        demanding = nginx(
            pki.server("ok"),
            f"ssl_client_certificate {clients}; ssl_verify_client on; location / {{ return 200 ok; }}",
        )
        for what, cause, options, truth, tells in (
            ("empty", "no_keystore_configured", {}, "no keystore is configured", known()),
            ("expired", "expired", keystore("expired"), "the certificate has expired", known("expired")),
        ):
            yield Case(
                f"http400_{what}_v{tls}", ("refused_after_handshake", cause), f"nginx accepts the handshake and answers HTTP 400: {truth}.", demanding, tls,
                options, near=("no_client_certificate_asked", "cut_by_network"), evidence=tells, silent="capture",
            )  # fmt: skip
        yield Case(
            f"http400_application_v{tls}", (), "A good certificate; the application itself answers HTTP 400.",
            nginx(pki.server("ok"), f"ssl_client_certificate {clients}; ssl_verify_client on; location / {{ return 400 no; }}"), tls,
            keystore(), beside=f"http400_expired_v{tls}", evidence=known("good"),
        )  # fmt: skip
        yield Case(
            f"optional_empty_v{tls}", (), "The certificate is optional, and none is sent: HTTP 200.",
            nginx(pki.server("ok"), f"ssl_client_certificate {clients}; ssl_verify_client optional; location / {{ return 200 ok; }}"), tls,
            beside=f"http400_empty_v{tls}", evidence=known(),
        )  # fmt: skip
        demanding_later = Demanding(pki.server("ok"), clients)
        yield Case(
            f"closed_empty_v{tls}",
            ("refused_after_handshake", "no_keystore_configured"),
            "The server accepts the handshake, sees no client certificate, and closes in good order without an answer.",
            demanding_later,
            tls,
            near=("cut_by_network",),
            evidence=known(),
        )
        yield Case(
            f"closed_good_v{tls}",
            (),
            "The same server and a good certificate.",
            demanding_later,
            tls,
            keystore(),
            beside=f"closed_empty_v{tls}",
            evidence=known("good"),
        )
        yield Case(
            f"http403_haproxy_v{tls}", ("refused_after_handshake", "no_keystore_configured"), "HAProxy accepts the handshake and answers HTTP 403: no certificate.",
            haproxy(pki.server("ok"), f"ca-file {clients} verify optional", " http-request deny if !{ ssl_c_used }\n http-request return status 200"), tls,
            near=("no_client_certificate_asked",), evidence=known(), silent="capture",
        )  # fmt: skip
        yield Case(
            f"expired_java25_v{tls}",
            ("expired",),
            "The client's certificate has expired; Java 25.",
            mutual(pki, "ok"),
            tls,
            keystore("expired"),
            near=("unknown_ca", "cut_by_network"),
            evidence=known("expired"),
            home="temurin-25-jdk-amd64",
        )
        yield Case(
            f"ca_mismatch_v{tls}", ("ca_mismatch",), "The keystore's certificate is of another authority: none is sent.", mutual(pki, "ok"), tls,
            keystore("partner"), near=("cut_by_network", "chain_incomplete"), evidence=known("partner"),
        )  # fmt: skip


def late(pki: Pki) -> Iterator[Case]:
    """A certificate that is asked for after the handshake, and connections that were there before."""
    location = f"SSLCACertificateFile {pki.kept / 'clients.pem'}\n<Location /secure.html>\nSSLVerifyClient require\nSSLVerifyDepth 3\n</Location>"
    server = apache(pki.server("ok"), location)
    yield Case(
        "renegotiation_empty_v1.2", ("renegotiation_late", "no_keystore_configured"), "Apache asks in a second handshake, and refuses the empty certificate.",
        server, client={"path": "/secure.html"}, near=("cut_by_network",), evidence=known(),
    )  # fmt: skip
    yield Case(
        "renegotiation_ok_v1.2", (), "Apache asks in a second handshake, and gets a good certificate.", server,
        client=keystore() | {"path": "/secure.html"}, beside="renegotiation_empty_v1.2", evidence=known("good"),
    )  # fmt: skip
    yield Case(
        "renegotiation_expired_v1.2", ("renegotiation_late", "expired"), "Apache asks in a second handshake, and refuses an expired certificate.", server,
        client=keystore("expired") | {"path": "/secure.html"}, near=("cut_by_network",), evidence=known("expired"),
    )  # fmt: skip
    yield Case(
        "post_handshake_v1.3", ("renegotiation_late", "refused_after_handshake"),
        "Apache would ask after the handshake of TLS 1.3, which Java does not offer: HTTP 403.", server, "1.3",
        keystore() | {"path": "/secure.html"}, near=("no_client_certificate_asked",), evidence=known("good"), silent="capture",
    )  # fmt: skip
    for tls in BOTH:
        yield Case(
            f"keepalive_middle_v{tls}", (), "The capture begins after the handshake, in a connection that goes on and ends well.", mutual(pki, "ok"), tls,
            keystore() | {"idle": "3000"}, late=True, beside=f"empty_refused_v{tls}", evidence=known(),
        )  # fmt: skip
        yield Case(
            f"keepalive_whole_v{tls}", (), "Three requests over one connection.",
            nginx(pki.server("ok"), "location / { return 200 ok; }"), tls, {"requests": "3"}, beside=f"rst_flight_v{tls}",
        )  # fmt: skip
        yield Case(
            f"keepalive_idle_v{tls}", (), "The server closes a connection that was idle; the next request fails, TLS does not.",
            nginx(pki.server("ok"), "keepalive_timeout 1s; location / { return 200 ok; }"), tls, {"requests": "2", "pause": "2500"},
            beside=f"fin_flight_v{tls}",
        )  # fmt: skip


def several(pki: Pki) -> Iterator[Case]:
    """What only logs of some time, or of several Message Processors, show."""
    expired, alias = keystore("expired"), keystore(alias="nope")
    for tls in BOTH:
        yield Case(
            f"stale_keystore_v{tls}", ("stale_keystore", "expired"),
            "Two Message Processors fail with an expired certificate; the keystore gets a renewed one, and mp-1 still uses the old one.",
            mutual(pki, "ok"), tls, expired, near=("ca_mismatch",), evidence=known("renewed"),
            before=(("mp-1", expired), ("mp-2", expired), ("mp-1", expired), ("mp-2", expired),
                    ("mp-2", keystore("renewed")), ("mp-1", expired), ("mp-1", expired)),
            lines=(("mp-2", ORDINARY),),
        )  # fmt: skip
        yield Case(
            f"all_stale_v{tls}", ("expired",), "Two Message Processors fail with an expired certificate, and nobody changes it.",
            mutual(pki, "ok"), tls, expired, near=("stale_keystore",), evidence=known("expired"), beside=f"stale_keystore_v{tls}",
            before=(("mp-1", expired), ("mp-2", expired), ("mp-1", expired), ("mp-2", expired)), lines=(("mp-2", ORDINARY),),
        )  # fmt: skip
    yield Case(
        "out_of_rotation_v1.2", ("alias_not_found", "target_out_of_rotation"),
        "After three refused handshakes the Message Processor takes the target server out of rotation (the line is as documented).",
        mutual(pki, "ok"), "1.2", alias, evidence=known("good", "nope"), before=(("mp-1", alias), ("mp-1", alias)),
        lines=(("mp-1", OUT),),
    )  # fmt: skip
    yield Case(
        "in_rotation_v1.2", ("alias_not_found",), "The same refusals, without a health monitor.", mutual(pki, "ok"), "1.2", alias,
        evidence=known("good", "nope"), before=(("mp-1", alias), ("mp-1", alias)), near=("target_out_of_rotation",),
        beside="out_of_rotation_v1.2",
    )  # fmt: skip


def sizes(pki: Pki) -> Iterator[Case]:
    """Messages that are too large for Java."""
    for tls in BOTH:
        yield Case(
            f"ca_list_long_v{tls}", ("ca_list_too_long",), "The list of authorities has more than 32,768 bytes.",
            OpenSsl(pki.server("ok"), "-Verify", "3", "-CAfile", pki.authorities(34_000)), tls, keystore(),
            near=("ca_mismatch", "backend_certificate_untrusted", "handshake_too_large"), evidence=known("good"),
        )  # fmt: skip
        yield Case(
            f"ca_list_fits_v{tls}", (), "The list of authorities has 20,000 bytes.",
            OpenSsl(pki.server("ok"), "-Verify", "3", "-CAfile", pki.authorities(20_000)), tls, keystore(),
            beside=f"ca_list_long_v{tls}", evidence=known("good"),
        )  # fmt: skip
        yield Case(
            f"server_large_v{tls}", ("handshake_too_large",), "The server's chain has more than 32,768 bytes: Java refuses to read it.",
            OpenSsl(pki.server("large")), tls, near=("backend_certificate_untrusted", "ca_list_too_long"),
        )  # fmt: skip
        yield Case(
            f"server_large_fits_v{tls}", (), "The server's chain has 14,000 bytes.", OpenSsl(pki.server("sizable")), tls, beside=f"server_large_v{tls}",
        )  # fmt: skip
        yield Case(
            f"server_deep_v{tls}", ("handshake_too_large", "backend_certificate_faulty", "backend_certificate_untrusted"), "The server's chain has 13 certificates, Java reads 10.",
            OpenSsl(pki.server("deep")), tls, near=("backend_certificate_expired",),
        )  # fmt: skip


def healthy(pki: Pki) -> Iterator[Case]:
    """Nothing is wrong."""
    for tls in BOTH:
        yield Case(f"ok_v{tls}", (), "No client certificate is asked for.", OpenSsl(pki.server("ok")), tls)
        yield Case(
            f"ok_mutual_v{tls}",
            (),
            "A client certificate is asked for and accepted.",
            mutual(pki, "ok"),
            tls,
            keystore(),
            evidence=known("good"),
        )


def selected(pki: Pki, wanted: Sequence[str]) -> list[Case]:
    """Those whose name has one of the texts in it; all for none."""
    return [case for case in cases(pki) if not wanted or any(text in case.name for text in wanted)]
