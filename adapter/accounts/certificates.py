"""Read a certificate and its private key, as an admin pastes them (PEM)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_BLOCK = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----[^-]+-----END (?P=kind)-----\n?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate (the first of the chain) and its private key, both as PEM."""

    certificate: str
    key: str
    expires: date


def read(certificate: str, key: str | None, passphrase: str | None) -> Certificate:
    """Take certificate and key, together in one text or apart.

    Raises:
        ValueError: something is missing, does not fit, or cannot be opened by the passphrase.
    """
    text = certificate.replace("\r\n", "\n") + "\n" + (key or "").replace("\r\n", "\n")
    blocks = [(match["kind"], match[0]) for match in _BLOCK.finditer(text)]
    certificates = [block for kind, block in blocks if kind == "CERTIFICATE"]
    keys = [block for kind, block in blocks if kind.endswith("PRIVATE KEY")]
    if not certificates:
        raise ValueError("there is no -----BEGIN CERTIFICATE----- in it: give PEM")
    if len(keys) != 1:
        found = "no" if not keys else "more than one"
        raise ValueError(f"there is {found} private key with it: give the PEM of exactly one")
    leaf = _load_certificate(certificates[0])
    private = _load_key(keys[0], passphrase)
    if _public(leaf.public_key()) != _public(private.public_key()):
        raise ValueError("the private key belongs to another certificate")
    return Certificate(certificates[0], keys[0], leaf.not_valid_after_utc.date())


def _load_certificate(block: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(block.encode())
    except ValueError as error:
        raise ValueError("the certificate cannot be read") from error


def _load_key(block: str, passphrase: str | None) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(
            block.encode(), passphrase.encode() if passphrase else None
        )
    except TypeError as error:
        needed = "needs a passphrase" if not passphrase else "has no passphrase"
        raise ValueError(f"the private key {needed}") from error
    except ValueError as error:
        wrong = "; is the passphrase right?" if passphrase else ""
        raise ValueError(f"the private key cannot be read{wrong}") from error


def _public(key: object) -> bytes:
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("Entra takes RSA keys only")  # noqa: TRY004 - a fault of the text
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
