"""Choose among a tenant's integration accounts in force: the one named, else the default."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.errors import Unavailable
from adapter.store.accounts import StoredAccount

NOT_READY_AGAIN = 30
"""Seconds after which work that found no usable account may look again."""


class AccountNotReady(Unavailable):
    """There is no account that may be used; the reason is in an admin's words. Work waits."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, retry_after=NOT_READY_AGAIN)


def choose(accounts: Sequence[StoredAccount], name: str | None) -> StoredAccount:
    """Give the account of a name; without a name, the default (or the only) one.

    `accounts` are those of one tenant, each with an `applied` side.

    Raises:
        AccountNotReady: there is none, or several of which none is the default.
    """
    if name is not None:
        named = [each for each in accounts if each.name.casefold() == name.casefold()]
        if not named:
            raise AccountNotReady(f"There is no integration account {name} in force.")
        return named[0]
    if not accounts:
        raise AccountNotReady("There is no integration account in force.")
    default = [each for each in accounts if each.applied and each.applied.account.default]
    if len(accounts) > 1 and not default:
        raise AccountNotReady(
            "There are several integration accounts and none is the default: choose one."
        )
    return (default or list(accounts))[0]
