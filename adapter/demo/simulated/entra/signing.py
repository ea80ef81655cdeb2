"""Sign and check JSON Web Tokens (RFC 7515, 7518) with keys made at start."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_BITS = 2048


class SigningKey:
    """The key with which the directory signs its tokens (RS256)."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
        digest = hashes.Hash(hashes.SHA256())
        digest.update(_number(self._key.public_key().public_numbers().n).encode())
        self.key_id = encode(digest.finalize())[:27]

    def sign(self, claims: Mapping[str, object]) -> str:
        """Make a token of these claims."""
        header = {"typ": "JWT", "alg": "RS256", "kid": self.key_id, "x5t": self.key_id}
        signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{encode(signature)}"

    def read(self, token: str) -> dict[str, Any] | None:
        """Give the claims of a token that this key signed; None for any other text."""
        parsed = split(token)
        if parsed is None or not verify(self._key.public_key(), token, parsed[0]):
            return None
        return parsed[1]

    def jwks(self) -> dict[str, Any]:
        """Give the public key as a JWK set (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "use": "sig",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        }
        return {"keys": [key]}


def split(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Give a token's header and claims, unchecked; None where it is no token."""
    try:
        header, claims, _ = (decode(part) for part in token.split("."))
        parsed = json.loads(header), json.loads(claims)
    except (ValueError, binascii.Error):
        return None
    if not all(isinstance(part, dict) for part in parsed):
        return None
    return parsed


def verify(key: rsa.RSAPublicKey, token: str, header: Mapping[str, object]) -> bool:
    """Check a token's signature: RS256 or PS256, as its header says."""
    signed, _, signature = token.rpartition(".")
    schemes: dict[object, padding.AsymmetricPadding] = {
        "RS256": padding.PKCS1v15(),
        "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
    }
    scheme = schemes.get(header.get("alg"))
    if scheme is None:
        return False
    try:
        key.verify(decode(signature), signed.encode(), scheme, hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def encode(raw: bytes) -> str:
    """Write base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read base64url without padding. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))
