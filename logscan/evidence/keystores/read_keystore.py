"""Keystores: PEM, DER, PKCS#12 and JKS or JCEKS files become entries with their chains.

Private keys are never kept, shown or written: an entry only says whether it has one. PKCS#12 files are
walked bag by bag (RFC 7292), because common readers give one key of a file that may hold several; JKS
files need no password for what is asked here.
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import new as new_hash
from hashlib import pbkdf2_hmac, sha1
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from logscan.errors import InputError
from logscan.evidence.capture.tls import Reader
from logscan.evidence.certificates import Certificate, certificate_from_der, ordered, public_key_of

MAX_BYTES = 32 << 20
"""Bytes of a keystore file; a larger one is none."""
MAX_ITERATIONS = 5_000_000
"""Rounds of key derivation that are done for a file: seconds. More is an attack."""
MAX_CHAIN = 1_000
"""Certificates of one entry."""
DEFAULT_PASSWORDS = ("changeit", "")
"""Tried when none was given: Java's own, and none."""

PEM, DER, PKCS12, JKS = "PEM", "DER", "PKCS#12", "JKS"


@dataclass(frozen=True, slots=True)
class KeystoreEntry:
    """One alias."""

    alias: str
    has_key: bool | None
    """``None``: not known."""
    chain: tuple[Certificate, ...]
    """Leaf first."""


@dataclass(frozen=True, slots=True)
class Keystore:
    """A keystore, whether a file or the management API tells of it."""

    name: str
    kind: str
    entries: tuple[KeystoreEntry, ...]
    source: str
    complete: bool = True
    """Whether every alias with its certificates is known."""
    notes: tuple[str, ...] = ()
    """What a person should know of how it was read."""
    extra: tuple[Certificate, ...] = field(default=())
    """Certificates that belong to no key's chain."""

    def entry(self, alias: str) -> KeystoreEntry | None:
        """The entry of an alias. Java's keystores do not tell capital letters apart; old releases of Edge
        keep an alias's certificate under its name with ``-cert`` behind."""
        folded = alias.casefold()
        for name in (alias, folded, f"{folded}-cert"):
            for entry in self.entries:
                if name in (entry.alias, entry.alias.casefold()):
                    return entry
        return None


class WrongPasswordError(InputError):
    """None of the passwords opens the keystore."""


def kind_of(head: bytes) -> str | None:
    """What kind of keystore or certificate file begins like this."""
    if head[:4] in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
        return JKS
    if re.search(rb"-----BEGIN (?:[A-Z0-9]+ )*(?:CERTIFICATE|PRIVATE KEY)-----", head):
        return PEM
    if head[:1] == b"\x30" and len(head) > 32:
        return PKCS12 if b"\x02\x01\x03\x30" in head[:16] or b"\x02\x01\x03\x30\x80" in head[:16] else DER
    return None


def read_keystore(data: bytes, name: str, source: str, passwords: Sequence[str] = ()) -> Keystore:
    """A keystore from the bytes of its file.

    Args:
        data: the file.
        name: what it is called.
        source: where it stands, for a person.
        passwords: tried one after the other, before :data:`DEFAULT_PASSWORDS`.

    Raises:
        WrongPasswordError: it is locked, and no password opens it.
        InputError: it cannot be read.
    """
    kind = kind_of(data[:65_536])
    tried = tuple(dict.fromkeys((*passwords, *DEFAULT_PASSWORDS)))
    try:
        if kind == PEM:
            return _pem(data, name, source, tried)
        if kind == JKS:
            return _jks(data, name, source, passwords)
        if kind == PKCS12:
            return _pkcs12(data, name, source, tried)
        if kind == DER:
            chain = (certificate_from_der(data, source),)
            return Keystore(name, DER, (KeystoreEntry(name, None, chain),), source)
    except (ValueError, TypeError, KeyError, struct.error, RecursionError, OverflowError) as error:
        raise InputError(
            f"{source}: the {kind} file cannot be read: {error}", "is it whole? compare its size and checksum"
        ) from error
    raise InputError(f"{source}: no keystore (PEM, DER, PKCS#12, JKS or JCEKS)", "give another file")


_PEM_PART = re.compile(
    rb"-----BEGIN ((?:[A-Z0-9]+ )*(?:CERTIFICATE|PRIVATE KEY))-----\s*(.*?)-----END \1-----", re.DOTALL
)


def pem_certificates(data: bytes, source: str) -> Iterator[Certificate]:
    """The certificates in a text, wherever they stand in it; what cannot be read is left out."""
    for number, found in enumerate(_PEM_PART.finditer(data), start=1):
        if found[1].endswith(b"CERTIFICATE"):
            try:
                yield certificate_from_der(_from_base64(found[2]), f"{source}, part {number}")
            except ValueError:
                continue


def _from_base64(text: bytes) -> bytes:
    from base64 import b64decode

    return b64decode(re.sub(rb"[^A-Za-z0-9+/=]", b"", text), validate=True)


def _pem(data: bytes, name: str, source: str, passwords: Sequence[str]) -> Keystore:
    certificates: list[Certificate] = []
    keys: list[Any] = []
    notes: list[str] = []
    for number, found in enumerate(_PEM_PART.finditer(data), start=1):
        if found[1].endswith(b"CERTIFICATE"):
            certificates.append(certificate_from_der(_from_base64(found[2]), f"{source}, part {number}"))
        else:
            keys.append(_private_key(found[0], passwords, notes))
    if not keys:
        return Keystore(name, PEM, (KeystoreEntry(name, None, ordered(certificates)),), source)
    chain = ordered(certificates)
    known = [key for key in keys if key is not None]
    if chain and known and not any(_belongs(key, chain[0]) for key in known):
        notes.append(f"the private key does not belong to the certificate of {chain[0].subject}")
        return Keystore(name, PEM, (KeystoreEntry(name, False, chain),), source, notes=tuple(notes))
    return Keystore(name, PEM, (KeystoreEntry(name, True, chain),), source, notes=tuple(notes))


def _private_key(part: bytes, passwords: Sequence[str], notes: list[str]) -> Any:
    """A private key, only to compare its public half; ``None`` where it stays locked."""
    for password in (None, *passwords):
        try:
            return serialization.load_pem_private_key(part, password.encode() if password else None)
        except TypeError:
            continue
        except ValueError:
            continue
    notes.append(
        "the private key is locked or of an unusual kind: whether it belongs to the certificate is open"
    )
    return None


def _belongs(key: Any, certificate: Certificate) -> bool:
    from cryptography import x509

    assert certificate.der is not None
    public = x509.load_der_x509_certificate(certificate.der).public_key()
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(*form) == public_key_of(key)


def _jks(data: bytes, name: str, source: str, passwords: Sequence[str]) -> Keystore:
    """Java's own format: aliases, chains, encrypted keys, and a digest over all with the password."""
    reader = Reader(data)
    reader.take(4)
    version, count = reader.number(4), reader.number(4)
    entries: list[KeystoreEntry] = []
    notes: list[str] = []

    def certificate() -> Certificate:
        if version == 2:
            reader.vector(2)  # its type
        return certificate_from_der(reader.vector(4), source)

    complete = True
    for _ in range(count):
        tag = reader.number(4)
        if tag == 3:
            notes.append(
                "it holds a secret key, behind which this format cannot be read on: later aliases are missing"
            )
            complete = False
            break
        if tag not in (1, 2):
            raise ValueError(f"an entry of an unknown kind ({tag})")
        alias = reader.vector(2).decode("utf-8", "replace")
        reader.take(8)  # when it was made
        length = 1
        if tag == 1:
            reader.vector(4)  # the key, which is never looked at
            length = reader.number(4)
        if length > MAX_CHAIN:
            raise ValueError(f"a chain of {length:,} certificates")
        entries.append(KeystoreEntry(alias, tag == 1, tuple(certificate() for _ in range(length))))
    if complete and passwords:
        at = len(data) - reader.left
        digests = (_jks_digest(data[:at], password) for password in passwords)
        if not any(compare_digest(data[at : at + 20], digest) for digest in digests):
            notes.append(
                "the password given is not this keystore's; its certificates can be read without one"
            )
    return Keystore(name, JKS, tuple(entries), source, complete, tuple(notes))


def _jks_digest(data: bytes, password: str) -> bytes:
    return sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + data).digest()  # noqa: S324 (its format)


def _pkcs12(data: bytes, name: str, source: str, passwords: Sequence[str]) -> Keystore:
    from asn1crypto import pkcs12

    pfx = pkcs12.Pfx.load(data)
    mac = pfx["mac_data"]
    if mac.native:
        fitting = [password for password in passwords if _mac_fits(pfx, mac, password)]
        known = mac["mac"]["digest_algorithm"]["algorithm"].native in _MACS
        if known and not fitting:
            raise WrongPasswordError(
                f"{source}: the password does not open this PKCS#12 keystore",
                "set LOGSCAN_KEYSTORE_PASSWORD, or run on a terminal to be asked",
            )
        passwords = fitting or passwords
    for password in passwords:
        try:
            bags = list(_bags(pfx, password))
        except _LockedError:
            continue
        except _WeakError:
            return _by_library(data, password, name, source)
        return _of_bags(bags, name, source)
    raise WrongPasswordError(
        f"{source}: the password does not open this PKCS#12 keystore",
        "set LOGSCAN_KEYSTORE_PASSWORD, or run on a terminal to be asked",
    )


class _WeakError(Exception):
    """Encrypted with 40-bit RC2."""


class _LockedError(Exception):
    """This password does not open it."""


_MACS = ("sha1", "sha224", "sha256", "sha384", "sha512")


def _mac_fits(pfx: Any, mac: Any, password: str) -> bool:
    algorithm = mac["mac"]["digest_algorithm"]["algorithm"].native
    if algorithm not in _MACS:
        return True
    rounds = mac["iterations"].native
    _check(rounds)
    content = pfx["auth_safe"]["content"].native
    size = new_hash(algorithm).digest_size
    for secret in _forms(password):
        key = _derive(algorithm, secret, mac["mac_salt"].native, rounds, 3, size)
        if compare_digest(hmac_digest(key, content, algorithm), mac["mac"]["digest"].native):
            return True
    return False


def _check(rounds: int) -> None:
    if not 0 < rounds <= MAX_ITERATIONS:
        raise ValueError(f"{rounds:,} rounds of key derivation")


def _forms(password: str) -> tuple[bytes, ...]:
    """A password as PKCS#12 derives from it; none at all is written in two ways."""
    secret = password.encode("utf-16-be") + b"\0\0"
    return (secret, b"") if not password else (secret,)


def _derive(algorithm: str, secret: bytes, salt: bytes, rounds: int, purpose: int, size: int) -> bytes:
    """The key derivation of PKCS#12 (RFC 7292 appendix B.2)."""
    block = 128 if algorithm in ("sha384", "sha512") else 64

    def filled(part: bytes) -> bytes:
        length = -(-len(part) // block) * block
        return (part * (length // len(part) + 1))[:length] if part else b""

    text = filled(salt) + filled(secret)
    made = b""
    while len(made) < size:
        digest = bytes([purpose]) * block + text
        for _ in range(rounds):
            digest = new_hash(algorithm, digest).digest()
        made += digest
        spread = int.from_bytes((digest * (block // len(digest) + 1))[:block], "big") + 1
        mask = (1 << block * 8) - 1
        text = b"".join(
            ((int.from_bytes(text[at : at + block], "big") + spread) & mask).to_bytes(block, "big")
            for at in range(0, len(text), block)
        )
    return made[:size]


def _decrypt(algorithm: Any, data: bytes, password: str) -> bytes:
    """What a password-based algorithm of PKCS#12 encrypted.

    Raises:
        _LockedError: the password is another.
        ValueError: the algorithm is not known.
    """
    from cryptography.hazmat.decrepit.ciphers.algorithms import RC2, TripleDES

    rounds = algorithm.kdf_iterations
    _check(rounds)
    cipher, size = algorithm.encryption_cipher, algorithm.key_length
    for secret in _forms(password):
        if algorithm.kdf == "pbkdf2":
            key = pbkdf2_hmac(algorithm.kdf_hmac, password.encode(), algorithm.kdf_salt, rounds, size)
            vector = algorithm.encryption_iv
        elif algorithm.kdf == "pkcs12_kdf":
            key = _derive(algorithm.kdf_hmac, secret, algorithm.kdf_salt, rounds, 1, size)
            vector = _derive(
                algorithm.kdf_hmac, secret, algorithm.kdf_salt, rounds, 2, algorithm.encryption_block_size
            )
        else:
            raise ValueError(f"key derivation {algorithm.kdf} is not read")
        made: Any
        if cipher == "aes":
            made = algorithms.AES(key)
        elif cipher == "tripledes":
            made = TripleDES(key)
        elif cipher == "rc2":
            if size != 16:
                raise _WeakError
            made = RC2(key)
        else:
            raise ValueError(f"encryption {cipher} is not read")
        worker = Cipher(made, modes.CBC(vector)).decryptor()
        plain = worker.update(data) + worker.finalize()
        padding = plain[-1] if plain else 0
        if 0 < padding <= len(vector) and plain.endswith(bytes([padding]) * padding) and plain[:1] == b"\x30":
            return plain[:-padding]
    raise _LockedError


def _by_library(data: bytes, password: str, name: str, source: str) -> Keystore:
    """40-bit RC2, as OpenSSL 1 and Java before 8u301 encrypt certificates: the library reads one key's entry,
    all certificates, and no further key."""
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = load_pkcs12(data, password.encode())
    except ValueError as error:
        raise InputError(
            f"{source}: this PKCS#12 file is encrypted with 40-bit RC2 and cannot be read: {error}",
            "write it anew: keytool -importkeystore -srckeystore FILE -destkeystore NEW -deststoretype"
            " PKCS12",
        ) from error
    certificates: list[tuple[str | None, bytes | None, Certificate]] = []
    held = [*([loaded.cert] if loaded.cert else []), *loaded.additional_certs]
    for item in held:
        der = item.certificate.public_bytes(serialization.Encoding.DER)
        label = item.friendly_name.decode("utf-8", "replace") if item.friendly_name else None
        certificates.append((label, b"" if item is loaded.cert else None, certificate_from_der(der, source)))
    label = certificates[0][0] if loaded.cert else None
    keys: list[tuple[str | None, bytes | None]] = [(label, b"")] if loaded.key else []
    return _joined(keys, certificates, name, source)


def _bags(pfx: Any, password: str) -> Iterator[Any]:
    """Every bag, those inside other bags as well."""
    from asn1crypto import pkcs12

    for part in pfx.authenticated_safe:
        kind = part["content_type"].native
        if kind == "data":
            content = part["content"].native
        elif kind == "encrypted_data":
            info = part["content"]["encrypted_content_info"]
            content = _decrypt(
                info["content_encryption_algorithm"], info["encrypted_content"].native, password
            )
        else:
            raise ValueError(f"content of kind {kind} is not read")
        yield from _inner(pkcs12.SafeContents.load(content), 0)


def _inner(bags: Any, depth: int) -> Iterator[Any]:
    for bag in bags:
        if bag["bag_id"].native == "safe_contents" and depth < 4:
            yield from _inner(bag["bag_value"], depth + 1)
        else:
            yield bag


def _of_bags(bags: list[Any], name: str, source: str) -> Keystore:
    """Keys and certificates joined: by the key's id, by the name, or because there is one of each."""
    keys: list[tuple[str | None, bytes | None]] = []
    certificates: list[tuple[str | None, bytes | None, Certificate]] = []
    for bag in bags:
        label, key_id = _attributes(bag)
        kind = bag["bag_id"].native
        if kind in ("key_bag", "pkcs8_shrouded_key_bag"):
            keys.append((label, key_id))
        elif kind == "cert_bag" and bag["bag_value"]["cert_id"].native == "x509":
            der = bag["bag_value"]["cert_value"].native
            raw = der if isinstance(der, bytes) else bag["bag_value"]["cert_value"].parsed.dump()
            certificates.append((label, key_id, certificate_from_der(raw, source)))
    return _joined(keys, certificates, name, source)


def _joined(
    keys: list[tuple[str | None, bytes | None]],
    certificates: list[tuple[str | None, bytes | None, Certificate]],
    name: str,
    source: str,
) -> Keystore:
    entries: list[KeystoreEntry] = []
    used: set[int] = set()
    for number, (label, key_id) in enumerate(keys, start=1):
        leaf = _leaf_of(label, key_id, certificates, alone=len(keys) == 1)
        chain: tuple[Certificate, ...] = ()
        if leaf is not None:
            chain = _chain_from(leaf, [item[2] for item in certificates])
        used |= {id(item) for item in chain}
        entries.append(KeystoreEntry(label or str(number), True, chain))
    for label, _, certificate in certificates:
        if id(certificate) not in used:
            entries.append(KeystoreEntry(label or str(certificate.subject), False, (certificate,)))
    return Keystore(name, PKCS12, tuple(entries), source)


def _attributes(bag: Any) -> tuple[str | None, bytes | None]:
    label = key_id = None
    for attribute in bag["bag_attributes"] or ():
        kind = attribute["type"].native
        values = attribute["values"].native
        if kind == "friendly_name" and values:
            label = str(values[0])
        elif kind == "local_key_id" and values:
            key_id = values[0] if isinstance(values[0], bytes) else None
    return label, key_id


def _leaf_of(
    label: str | None,
    key_id: bytes | None,
    certificates: list[tuple[str | None, bytes | None, Certificate]],
    alone: bool,
) -> Certificate | None:
    for _, other, certificate in certificates:
        if key_id is not None and other == key_id:
            return certificate
    for other_label, _, certificate in certificates:
        if label is not None and other_label == label:
            return certificate
    if alone and certificates:
        return ordered([item[2] for item in certificates])[0]
    return None


def _chain_from(leaf: Certificate, among: list[Certificate]) -> tuple[Certificate, ...]:
    """The leaf, its issuer, and so on, as far as they are there: as Java builds it."""
    chain = [leaf]
    while not chain[-1].self_issued and len(chain) < 32:
        issuer = next(
            (item for item in among if item.subject.same(chain[-1].issuer) and item not in chain), None
        )
        if issuer is None:
            break
        chain.append(issuer)
    return tuple(chain)
