"""Encrypt secrets at rest: AES-256-GCM, bound to the place where each is stored.

The form is `key id (4 bytes) + nonce (12 bytes) + ciphertext`. The place (table, row, column) is
the associated data, so a ciphertext that was moved to another row does not open.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapter.errors import InvalidSettings

_NONCE = 12
_KEY_ID = 4


class SecretBox:
    """Seal with the first key, open with any (rotation: put the new key first)."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = {_key_id(key): AESGCM(key) for key in keys}
        self._first = _key_id(keys[0])

    def seal(self, secret: bytes, *, place: str) -> bytes:
        """Encrypt `secret` for one place, as `keys/ab12/secret`."""
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self._first].encrypt(nonce, secret, place.encode())
        return self._first + nonce + sealed

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """Decrypt.

        Raises:
            InvalidSettings: no key of ours fits, or the text was changed or moved.
        """
        key = self._keys.get(sealed[:_KEY_ID])
        if key is None:
            raise InvalidSettings(
                f"{place} was encrypted with a key that is not in SCREENPOP_SECRET_KEY"
            )
        nonce = sealed[_KEY_ID : _KEY_ID + _NONCE]
        try:
            return key.decrypt(nonce, sealed[_KEY_ID + _NONCE :], place.encode())
        except InvalidTag as error:
            raise InvalidSettings(
                f"{place} was changed or moved: it cannot be decrypted"
            ) from error


def load(setting: str | None, key_file: Path) -> SecretBox:
    """Take the keys of `SCREENPOP_SECRET_KEY` (comma-separated, newest first) or the key file.

    Without a setting the file (mode 0600) is made at first use. A key is any text of 16 characters
    or more; SHA-256 makes the 32 bytes of it (the text is random, not a pass phrase).
    """
    if setting:
        texts = [part.strip() for part in setting.split(",") if part.strip()]
    else:
        texts = [_key_file(key_file)]
    if not texts or any(len(text) < 16 for text in texts):  # noqa: PLR2004
        where = "SCREENPOP_SECRET_KEY" if setting else str(key_file)
        raise InvalidSettings(f"{where}: each key needs 16 characters or more")
    return SecretBox([hashlib.sha256(text.encode()).digest() for text in texts])


def _key_file(path: Path) -> str:
    """Read the key file; made whole under another name first, so that no crash leaves half of it.

    `mkstemp` gives mode 0600, `link` never replaces the file that another process has just made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text().strip()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id" + key).digest()[:_KEY_ID]
