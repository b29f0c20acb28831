"""Certificates: from DER, and from what the management API says of one (``certInfo``).

Dates are UTC. What only DER has (usages, signatures) is ``None`` for a certificate of the API.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from logscan._evidence.distinguished_names import Name, from_der, parse, unreadable
from logscan.errors import first_line

if TYPE_CHECKING:
    from cryptography import x509

T = TypeVar("T")

CLIENT_AUTH = "clientAuth"
MAX_CHAIN = 1_000
_USAGES = {
    "1.3.6.1.5.5.7.3.1": "serverAuth", "1.3.6.1.5.5.7.3.2": CLIENT_AUTH,
    "1.3.6.1.5.5.7.3.3": "codeSigning", "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping", "1.3.6.1.5.5.7.3.9": "OCSPSigning", "2.5.29.37.0": "any",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate."""

    subject: Name
    issuer: Name
    not_before: datetime | None
    not_after: datetime | None
    serial: int | None
    key_algorithm: str | None
    """As Java calls it: ``RSA``, ``EC``, ``DSA``, ``RSASSA-PSS``, ``EdDSA``."""
    key_bits: int | None
    signature_algorithm: str | None
    """As Java calls it: ``SHA256withRSA``."""
    is_ca: bool | None
    key_usages: frozenset[str] | None
    """``None``: not known. Empty: the certificate limits nothing."""
    extended_key_usages: tuple[str, ...] | None
    """``None``: not known. Empty: the certificate limits nothing."""
    source: str
    """Where it stands, for a person."""
    der: bytes | None = None
    notes: tuple[str, ...] = ()
    """What of it cannot be read, for a person. The rest is what it says."""

    @property
    def self_issued(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.subject.same(self.issuer)

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of its DER, in hexadecimal."""
        if self.der is None:
            return None
        return sha256(self.der).hexdigest()


@lru_cache(maxsize=4096)
def certificate_from_der(der: bytes, source: str) -> Certificate:
    """A certificate from its DER. What cannot be read of it is ``None``, and named in its ``notes``.

    Raises:
        ValueError: it is none: it has not even the parts of one.
    """
    from asn1crypto import x509 as asn1
    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    with warnings.catch_warnings():
        # A serial number of zero or a negative one is an old authority's fault, and none of ours.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        parts = _Parts()
        strict = parts.read("form", lambda: x509.load_der_x509_certificate(der))
        if strict is None:
            # The library refuses it as a whole (a version it does not know, say): read part by part.
            try:
                loose = asn1.Certificate.load(der, strict=True)["tbs_certificate"]
                names = loose["subject"].dump(), loose["issuer"].dump()
            except Exception as error:  # whatever the parser raises on bytes from outside
                raise ValueError(f"not a certificate: {first_line(error)}") from error
            return _loosely(loose, names, parts, source, der)
        signed = parts.read("signature algorithm", lambda: strict.signature_algorithm_oid.dotted_string)
        key, bits = parts.read("key", lambda: _key(strict)) or (None, None)
        usages, extended, is_ca = parts.read("extensions", lambda: _usages(strict)) or (None, None, None)
        return Certificate(
            parts.read("subject", lambda: from_der(strict.subject.public_bytes())) or unreadable(b"s" + der),
            parts.read("issuer", lambda: from_der(strict.issuer.public_bytes())) or unreadable(b"i" + der),
            parts.read("begin of validity", lambda: strict.not_valid_before_utc),
            parts.read("end of validity", lambda: strict.not_valid_after_utc),
            parts.read("serial number", lambda: strict.serial_number),
            key, bits, _signature(signed) if signed else None, is_ca, usages, extended, source, der,
            tuple(parts.notes),
        )  # fmt: skip


def host_names(certificate: Certificate) -> tuple[str, ...] | None:
    """The host names and addresses that a certificate is for: its alternative names; its common name only
    where it has none (RFC 6125). ``None``: its DER is not known, or cannot be read."""
    if certificate.der is None:
        return None
    from cryptography import x509

    try:
        strict = x509.load_der_x509_certificate(certificate.der)
        try:
            found = strict.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            common = strict.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
            return tuple(str(part.value) for part in common)
        names = found.get_values_for_type(x509.DNSName)
        return (*names, *(str(address) for address in found.get_values_for_type(x509.IPAddress)))
    except Exception:  # noqa: BLE001 (whatever a parser raises on bytes from outside)
        return None


class _Parts:
    """Reads a certificate part by part: libraries look at most of them only when they are asked for."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def read(self, what: str, get: Callable[[], T]) -> T | None:
        """One part; ``None`` where it cannot be read, with a note."""
        try:
            return get()
        except Exception as error:  # noqa: BLE001 (whatever a parser raises on bytes from outside)
            self.notes.append(f"its {what} cannot be read: {first_line(error)[:120]}")
            return None


def _loosely(loose: Any, names: tuple[bytes, bytes], parts: _Parts, source: str, der: bytes) -> Certificate:
    """What can be read of a certificate that the library refuses."""
    validity = loose["validity"]
    signed = parts.read("signature algorithm", lambda: str(loose["signature"]["algorithm"].dotted))
    kind = parts.read("key", lambda: str(loose["subject_public_key_info"].algorithm))
    subject, issuer = (
        parts.read(what, lambda der=name: from_der(der)) or unreadable(what.encode() + name)  # type: ignore[misc]
        for what, name in zip(("subject", "issuer"), names, strict=True)
    )
    return Certificate(
        subject, issuer,
        parts.read("begin of validity", lambda: _utc(validity["not_before"].native)),
        parts.read("end of validity", lambda: _utc(validity["not_after"].native)),
        parts.read("serial number", lambda: int(loose["serial_number"].native)),
        kind.upper() if kind else None, None, _signature(signed) if signed else None, None, None, None,
        source, der, tuple(parts.notes),
    )  # fmt: skip


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _key(parsed: x509.Certificate) -> tuple[str | None, int | None]:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    if parsed.public_key_algorithm_oid.dotted_string == "1.2.840.113549.1.1.10":
        name: str | None = "RSASSA-PSS"
    else:
        name = None
    key = parsed.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return name or "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.key_size
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return "EdDSA", None
    return name, None


def _usages(parsed: x509.Certificate) -> tuple[frozenset[str], tuple[str, ...], bool]:
    from cryptography import x509
    from cryptography.x509.oid import ExtensionOID

    usages: set[str] = set()
    extended: tuple[str, ...] = ()
    is_ca = False
    for extension in parsed.extensions:
        value = extension.value
        if isinstance(value, x509.KeyUsage):
            names = (
                "digital_signature",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "key_cert_sign",
            )
            usages = {name for name in names if getattr(value, name)} or {"none"}
        elif extension.oid == ExtensionOID.EXTENDED_KEY_USAGE and isinstance(value, x509.ExtendedKeyUsage):
            extended = tuple(_USAGES.get(usage.dotted_string, usage.dotted_string) for usage in value)
        elif isinstance(value, x509.BasicConstraints):
            is_ca = value.ca
    return frozenset(usages), extended, is_ca


_SIGNED = {
    "1.2.840.113549.1.1.4": "MD5withRSA", "1.2.840.113549.1.1.2": "MD2withRSA",
    "1.2.840.113549.1.1.5": "SHA1withRSA", "1.2.840.113549.1.1.14": "SHA224withRSA",
    "1.2.840.113549.1.1.11": "SHA256withRSA", "1.2.840.113549.1.1.12": "SHA384withRSA",
    "1.2.840.113549.1.1.13": "SHA512withRSA", "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.10045.4.1": "SHA1withECDSA", "1.2.840.10045.4.3.1": "SHA224withECDSA",
    "1.2.840.10045.4.3.2": "SHA256withECDSA", "1.2.840.10045.4.3.3": "SHA384withECDSA",
    "1.2.840.10045.4.3.4": "SHA512withECDSA", "1.2.840.10040.4.3": "SHA1withDSA",
    "2.16.840.1.101.3.4.3.2": "SHA256withDSA", "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448",
}  # fmt: skip


def _signature(dotted: str) -> str:
    return _SIGNED.get(dotted, dotted)


def from_cert_info(info: Mapping[str, Any], source: str) -> Certificate:
    """A certificate as the management API describes it: an element of ``certInfo``. Numbers may be text.

    Raises:
        ValueError: it has no subject and issuer that can be read.
    """
    subject, issuer = info.get("subject"), info.get("issuer")
    if not isinstance(subject, str) or not isinstance(issuer, str):
        raise ValueError("a certificate without subject and issuer")  # noqa: TRY004 (of the input, not of ours)
    serial = None
    digits = re.sub(r"[:\s]", "", str(info.get("serialNumber") or ""))
    if re.fullmatch(r"[0-9a-fA-F]{1,64}", digits):
        serial = int(digits, 16)
    key, bits = None, None
    found = re.match(
        r"\s*(\S+?)\s+Public Key(?:,\s*([0-9]{1,6})\s*bits)?", str(info.get("publicKey") or ""), re.IGNORECASE
    )
    if found:
        key, bits = found[1].upper().replace("ECDSA", "EC"), int(found[2]) if found[2] else None
    constraints = str(info.get("basicConstraints") or "").upper()
    signed = info.get("sigAlgName")
    return Certificate(
        parse(subject), parse(issuer), _moment(info.get("validFrom")), _moment(info.get("expiryDate")),
        serial,
        key, bits, signed if isinstance(signed, str) else None,
        True if "CA:TRUE" in constraints else False if constraints else None, None, None, source,
    )  # fmt: skip


def _moment(value: object) -> datetime | None:
    """Milliseconds since 1970, a number or its text."""
    try:
        milliseconds = int(str(value).strip())
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError):
        return None


def signed_by(certificate: Certificate, issuer: Certificate) -> bool | None:
    """Whether the issuer's key made the certificate's signature; ``None``: not known."""
    if certificate.der is None or issuer.der is None:
        return None
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.utils import CryptographyDeprecationWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            child = x509.load_der_x509_certificate(certificate.der)
            parent = x509.load_der_x509_certificate(issuer.der)
            child.verify_directly_issued_by(parent)
    except InvalidSignature:
        return False
    except Exception:  # noqa: BLE001
        # The names differ byte for byte, though not by RFC 5280's rules; or the key or form is unusual.
        return None
    return True


def same_certificate(one: Certificate, other: Certificate) -> bool:
    """Whether both are the same: by their bytes, or by issuer and serial number (RFC 5280, 4.1.2.2)."""
    if one.der is not None and other.der is not None:
        return one.der == other.der
    return one.serial == other.serial and one.serial is not None and one.issuer.same(other.issuer)


def ordered(certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """A chain with the leaf first: who is nobody's issuer begins; each is followed by its issuer. More than
    :data:`MAX_CHAIN` certificates stay in their order."""
    left = list(certificates)
    if len(left) > MAX_CHAIN:  # a list of authorities, and no chain
        return tuple(left)
    issuers = [item.issuer for item in left if not item.self_issued]
    leaves = [item for item in left if not any(item.subject.same(name) for name in issuers)]
    chain = [(leaves or left)[0]] if left else []
    left = [item for item in left if not chain or item is not chain[0]]
    while left:
        following = next((item for item in left if item.subject.same(chain[-1].issuer)), left[0])
        chain.append(following)
        left.remove(following)
    return tuple(chain)


def public_key_of(private: Any) -> bytes:
    """The public half of a private key, as DER."""
    from cryptography.hazmat.primitives import serialization

    return bytes(
        private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
