"""Read integration accounts: which Dynamics environment, which directory, which application.

An admin pastes what the Azure portal and Dynamics show; `parse` takes the documents' field names
and ours, derives what follows from the rest, and names every fault at its field.
"""

from __future__ import annotations

from adapter.accounts.authorities import Authority, authority_of
from adapter.accounts.expiry import ExpiryWarning, expiry_warnings
from adapter.accounts.parsing import Parsed, account_name, cautions, parse, parse_account
from adapter.accounts.values import (
    TYPE,
    AccountSecrets,
    IntegrationAccount,
)

__all__ = [
    "TYPE",
    "AccountSecrets",
    "Authority",
    "ExpiryWarning",
    "IntegrationAccount",
    "Parsed",
    "account_name",
    "authority_of",
    "cautions",
    "expiry_warnings",
    "parse",
    "parse_account",
]
