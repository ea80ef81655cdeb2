"""Warn before a secret or certificate expires: at 30, 7 and 1 days, and when it has."""

from __future__ import annotations

from datetime import date

import msgspec

from adapter.accounts.values import IntegrationAccount

THRESHOLDS = (1, 7, 30)
"""Days before the end, nearest first."""


class ExpiryWarning(msgspec.Struct, frozen=True):
    """One secret that ends soon or has ended."""

    account: str
    what: str
    """`client secret` or `certificate`."""
    expires: date
    days_left: int
    """Negative when it is over."""
    threshold: int
    """30, 7 or 1; 0 when it has expired."""
    text: str


def expiry_warnings(account: IntegrationAccount, today: date) -> list[ExpiryWarning]:
    """List what ends within 30 days of `today`.

    A secret works until the end of its last day in UTC at the latest: on that day 0 days are left.
    """
    ends = {"client secret": account.secret_expires, "certificate": account.certificate_expires}
    return [
        _warning(account.name, what, expires, (expires - today).days)
        for what, expires in ends.items()
        if expires is not None and (expires - today).days <= THRESHOLDS[-1]
    ]


def _warning(account: str, what: str, expires: date, left: int) -> ExpiryWarning:
    threshold = 0 if left < 0 else next(days for days in THRESHOLDS if left <= days)
    if left < 0:
        when = f"expired on {expires.isoformat()}"
    elif left == 0:
        when = f"expires today ({expires.isoformat()})"
    else:
        when = f"expires in {left} {'day' if left == 1 else 'days'} ({expires.isoformat()})"
    do = (
        "create a new one in Azure portal > App registrations > Certificates & secrets, "
        "enter it here and apply"
    )
    return ExpiryWarning(account, what, expires, left, threshold, f"The {what} {when}: {do}.")
