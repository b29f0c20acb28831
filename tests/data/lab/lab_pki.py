"""Keys, certificates and keystores of the lab: everything that its servers and clients need."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "api.backend.example"
"""What the clients call the backend."""
PASSWORD = b"changeit"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and the certificates above it that are sent with it."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()

    @property
    def chain(self) -> bytes:
        """PEM of all of it."""
        return b"".join(pem(one) for one in (self.certificate, *self.above))


def pem(certificate: x509.Certificate) -> bytes:
    """PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def pem_of_key(key: Key) -> bytes:
    """PEM text without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def name(common: str, organization: str = "Backend Co") -> x509.Name:
    """A name of two parts."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


RSA = rsa.generate_private_key(65537, 2048)
"""One key for all servers: what the cases are about lies in certificates."""
CLIENT = rsa.generate_private_key(65537, 2048)


def issue(
    subject: x509.Name,
    issuer: Issued | None = None,
    *,
    key: Key | None = None,
    host: str | None = None,
    authority: bool = False,
    begin: timedelta = -400 * DAY,
    end: timedelta = 7300 * DAY,
    client: bool = False,
    above: Sequence[x509.Certificate] = (),
) -> Issued:
    """A certificate, signed by itself where there is no issuer."""
    key = key or rsa.generate_private_key(65537, 2048)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begin)
        .not_valid_after(NOW + end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    if not authority:
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    signed = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Issued(signed, key, tuple(above))


class Pki:
    """All files: secrets of servers in a temporary folder, what is evidence in the lab's ``pki``."""

    def __init__(self, secret: Path, kept: Path) -> None:
        self.secret, self.kept = secret, kept
        kept.mkdir(exist_ok=True)
        self.root = issue(name("Backend Root CA"), authority=True)
        self.inter = issue(name("Backend Issuing CA 1"), self.root, authority=True)
        self.inspecting = issue(name("TLS Inspection CA", "Acme Corporation"), authority=True)
        self.unlisted = issue(name("Unlisted Root CA", "Another Company"), authority=True)
        self.clients = issue(name("Client CA of the Backend"), authority=True)
        self.others = issue(name("Partner Client CA", "Partner Inc"), authority=True)
        self._servers()
        self._clients()
        for what in ("root", "inter", "inspecting", "unlisted", "clients", "others"):
            issued: Issued = getattr(self, what)
            (kept / f"{what}.pem").write_bytes(pem(issued.certificate))
        (kept / "trust_both.pem").write_bytes(pem(self.root.certificate) + pem(self.inspecting.certificate))

    def server(self, what: str) -> tuple[str, str]:
        """Paths of a server's chain and its key."""
        return str(self.secret / f"{what}.pem"), str(self.secret / f"{what}.key")

    def put(self, what: str, issued: Issued) -> None:
        """Write a server's chain and key."""
        (self.secret / f"{what}.pem").write_bytes(issued.chain)
        (self.secret / f"{what}.key").write_bytes(pem_of_key(issued.key))
        if issued.above:
            (self.secret / f"{what}.above").write_bytes(b"".join(pem(one) for one in issued.above))

    def _servers(self) -> None:
        above = [self.inter.certificate]
        subject = name(HOST)
        for what, begin, end in (
            ("ok", -400, 7300),
            ("expired", -400, -3),
            ("notyet", 3, 7300),
            ("expiring", -400, 2),
        ):
            made = issue(
                subject, self.inter, key=RSA, host=HOST, above=above, begin=begin * DAY, end=end * DAY
            )
            self.put(what, made)
        self.put("leafonly", issue(subject, self.inter, key=RSA, host=HOST))
        self.put(
            "wildcard",
            issue(name("*.backend.example"), self.inter, key=RSA, host="*.backend.example", above=above),
        )
        self.put(
            "wronghost",
            issue(name("api.old.example"), self.inter, key=RSA, host="api.old.example", above=above),
        )
        self.put(
            "vhost",
            issue(name("www.default.example"), self.inter, key=RSA, host="www.default.example", above=above),
        )
        self.put("unlisted", issue(subject, self.unlisted, key=RSA, host=HOST))
        self.put("selfsigned", issue(subject, key=RSA, host=HOST))
        self.put("inspected", issue(subject, self.inspecting, key=RSA, host=HOST))
        curve = ec.generate_private_key(ec.SECP256R1())
        self.put("ecdsa", issue(subject, self.inter, key=curve, host=HOST, above=above))
        small = rsa.generate_private_key(65537, 1024)
        self.put("rsa1024", issue(subject, self.inter, key=small, host=HOST, above=above))
        self.put("md5", self._md5(HOST, self.inter, False))
        weak = self._md5("Backend Issuing CA 2", self.root, True)
        self.put("md5inter", issue(subject, weak, key=RSA, host=HOST, above=[weak.certificate]))
        many: list[x509.Certificate] = []
        issuer = self.root
        for number in range(12):
            issuer = issue(name(f"Backend Issuing CA level {number}"), issuer, authority=True, key=RSA)
            many.insert(0, issuer.certificate)
        self.put("deep", issue(subject, issuer, key=RSA, host=HOST, above=many))
        # As large as a chain of post-quantum certificates: comments in extensions make up for the signatures.
        self.put("large", self._large(38_000))
        self.put("sizable", self._large(12_000))

    def _large(self, size: int) -> Issued:
        built = (
            x509.CertificateBuilder()
            .subject_name(name(HOST))
            .issuer_name(self.inter.certificate.subject)
            .public_key(RSA.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + 7300 * DAY)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
            .add_extension(
                x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x04" * size),
                critical=False,
            )
        )
        return Issued(built.sign(self.inter.key, hashes.SHA256()), RSA, (self.inter.certificate,))

    def _md5(self, common: str, issuer: Issued, authority: bool) -> Issued:
        """The library signs with no MD5; openssl still does."""
        place = self.secret
        (place / "key").write_bytes(pem_of_key(RSA))
        (place / "issuer.pem").write_bytes(pem(issuer.certificate))
        (place / "issuer.key").write_bytes(pem_of_key(issuer.key))
        kind = "basicConstraints=critical,CA:TRUE" if authority else f"subjectAltName=DNS:{common}"
        (place / "extensions").write_text(kind + "\n")
        subprocess.run(
            ["openssl", "req", "-new", "-key", place / "key", "-subj", f"/O=Backend Co/CN={common}", "-out", place / "request"],
            check=True, capture_output=True,
        )  # fmt: skip
        made = subprocess.run(
            ["openssl", "x509", "-req", "-md5", "-days", "7300", "-in", place / "request", "-CA", place / "issuer.pem",
             "-CAkey", place / "issuer.key", "-CAcreateserial", "-extfile", place / "extensions"],
            check=True, capture_output=True,
        ).stdout  # fmt: skip
        return Issued(x509.load_pem_x509_certificate(made), RSA, () if authority else (issuer.certificate,))

    def _clients(self) -> None:
        subject = name("orders.acme.example", "Acme Corporation")
        made = {
            "good": issue(subject, self.clients, key=CLIENT, client=True),
            "expired": issue(subject, self.clients, key=CLIENT, client=True, end=-2 * DAY),
            "revoked": issue(subject, self.clients, key=CLIENT, client=True),
            "renewed": issue(subject, self.clients, key=CLIENT, client=True, begin=-DAY),
            "partner": issue(subject, self.others, key=CLIENT, client=True),
        }
        for what, one in made.items():
            issuer = self.others if what == "partner" else self.clients
            (self.kept / f"{what}.p12").write_bytes(
                pkcs12.serialize_key_and_certificates(
                    b"myKey",
                    one.key,
                    one.certificate,
                    [issuer.certificate],
                    BestAvailableEncryption(PASSWORD),
                )
            )
        revoked = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.clients.certificate.subject)
            .last_update(NOW - DAY)
            .next_update(NOW + 7300 * DAY)
            .add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(made["revoked"].certificate.serial_number)
                .revocation_date(NOW - DAY)
                .build()
            )
            .sign(self.clients.key, hashes.SHA256())
        )
        (self.kept / "clients.crl.pem").write_bytes(revoked.public_bytes(serialization.Encoding.PEM))

    def authorities(self, size: int) -> str:
        """A file with the clients' authority and so many others that their names have ``size`` bytes."""
        path = self.secret / f"authorities_{size}.pem"
        parts, length, number = [pem(self.clients.certificate)], 0, 0
        while length < size:
            number += 1
            subject = x509.Name(
                [
                    x509.NameAttribute(NameOID.COUNTRY_NAME, "AU"),
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Certification Authority of Partner {number:04} " + "x" * 20),
                    x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Trust Network of All Partners of the Backend Company"),
                    x509.NameAttribute(NameOID.COMMON_NAME, f"Partner {number:04} Root Certification Authority"),
                ]
            )  # fmt: skip
            length += len(subject.public_bytes()) + 2
            parts.append(pem(issue(subject, authority=True, key=RSA).certificate))
        path.write_bytes(b"".join(parts))
        return str(path)
