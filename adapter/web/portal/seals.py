"""Sign what the browser keeps for us between two pages, so that only its own session made it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode


def token(session: bytes, purpose: str) -> str:
    """Give the token of a session for a purpose; `session` is the digest that the server keeps."""
    return hmac.new(session, purpose.encode(), hashlib.sha256).hexdigest()


def is_token(session: bytes, purpose: str, given: str) -> bool:
    """Whether a token is of this session and purpose, in constant time."""
    return hmac.compare_digest(token(session, purpose).encode(), given.encode())


def seal(session: bytes, purpose: str, content: bytes) -> str:
    """Give a cookie's value that carries `content`, readable and signed."""
    written = urlsafe_b64encode(content).decode()
    return f"{written}.{token(session, purpose + written)}"


def unseal(session: bytes, purpose: str, value: str) -> bytes | None:
    """Give the content of a sealed value; None where another session or a stranger made it."""
    written, _, signature = value.partition(".")
    if not signature.isascii() or not is_token(session, purpose + written, signature):
        return None
    try:
        return urlsafe_b64decode(written)
    except ValueError:
        return None
