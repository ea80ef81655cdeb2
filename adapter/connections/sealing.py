"""Seal the secrets of accounts, each to its place, and open them."""

from __future__ import annotations

import msgspec

from adapter.accounts import AccountSecrets
from adapter.errors import InvalidSettings
from adapter.secret_box import SecretBox
from adapter.store import accounts as stored
from adapter.store.accounts import Side, StoredAccount
from adapter.store.database import Database
from adapter.tenants import Tenant


def seal(
    box: SecretBox, secrets: AccountSecrets, tenant: Tenant, account_id: str, side: Side
) -> bytes:
    """Encrypt an account's secrets for one side."""
    place = stored.secrets_place(tenant, account_id, side)
    return box.seal(msgspec.json.encode(secrets), place=place)


def unseal(box: SecretBox, account: StoredAccount, side: Side) -> AccountSecrets:
    """Decrypt the secrets of one side; none where the side is not there.

    Raises:
        InvalidSettings: no key of ours fits.
    """
    held = account.draft if side == "draft" else account.applied
    if held is None:
        return AccountSecrets()
    place = stored.secrets_place(account.tenant, account.id, side)
    return msgspec.json.decode(box.open(held.secrets, place=place), type=AccountSecrets)


def try_unseal(box: SecretBox, account: StoredAccount, side: Side) -> AccountSecrets | None:
    """Decrypt, or give None where no key of ours fits."""
    try:
        return unseal(box, account, side)
    except InvalidSettings:
        return None


def unreadable(database: Database, box: SecretBox) -> list[str]:
    """Name the accounts whose secrets no key of ours opens (for `screenpop doctor`)."""
    return [
        f"{account.tenant}/{account.name}"
        for account in stored.listed(database)
        if any(try_unseal(box, account, side) is None for side in _SIDES)
    ]


def reseal(database: Database, box: SecretBox) -> int:
    """Encrypt every account's secrets with the newest key (rotation); give how many."""
    count = 0
    for account in stored.listed(database):
        for side in _SIDES:
            held = account.draft if side == "draft" else account.applied
            secrets = None if held is None else try_unseal(box, account, side)
            if secrets is not None:
                sealed = seal(box, secrets, account.tenant, account.id, side)
                stored.put_secrets(database, account, side, sealed)
                count += 1
    return count


_SIDES: tuple[Side, ...] = ("draft", "applied")
