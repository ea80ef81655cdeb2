"""Test a connection: sign in afresh, ask who we are there, and name what is missing."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from datetime import datetime

import msgspec

from adapter.accounts import AccountSecrets, IntegrationAccount
from adapter.dataverse import errors, privileges, queries
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.entra import Entra
from adapter.dataverse.errors import (
    AccessDenied,
    DataverseError,
    LostAnswer,
    NoSuchResource,
    Throttled,
)
from adapter.dataverse.privileges import ACTING, BASIC_NEEDS, Need, Permission
from adapter.dataverse.sign_in import SignInFailed, SignInUnavailable
from adapter.dataverse.tokens import Redeeming, Renewed, TokenSource

VALID = "Connection is valid."

NO_GRAPH = Permission("Microsoft Graph", "not_needed", "nothing: no Graph permission is used")
IMPERSONATION = "Dynamics CRM: user_impersonation (delegated)"


class ConnectionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a test of a connection found, in an admin's words."""

    valid: bool
    message: str
    """`Connection is valid.`, or what is wrong."""
    at: datetime
    environment_url: str
    cause: str | None = None
    """A stable name: wrong_directory, unknown_application, wrong_environment, secret_wrong,
    secret_expired, consent_missing, application_user_missing, role_missing, …"""
    advice: str | None = None
    organisation: str | None = None
    organisation_id: str | None = None
    user: str | None = None
    user_id: str | None = None
    permissions: tuple[Permission, ...] = ()
    reference: str = ""
    """What Microsoft's support asks for."""

    @property
    def missing(self) -> tuple[Permission, ...]:
        """Give the permissions that are missing."""
        return tuple(each for each in self.permissions if each.state == "missing")


async def try_connection(
    account: IntegrationAccount,
    secrets: AccountSecrets,
    *,
    tls: ssl.SSLContext,
    at: datetime,
    needs: Iterable[Need] = BASIC_NEEDS,
    on_refresh_token: Renewed | None = None,
    redeeming: Redeeming | None = None,
) -> ConnectionReport:
    """Test an account with new tokens and a new connection, so that no old answer is replayed.

    Never raises for what is wrong with the account: the report says it.
    """
    tokens = TokenSource(
        Entra(account, secrets, tls=tls),
        account=account.name,
        refresh_token=secrets.refresh_token,
        on_refresh_token=on_refresh_token,
        redeeming=redeeming,
    )
    client = DataverseClient(account, tokens, tls=tls, total=20.0)
    try:
        return await _examine(client, at, needs)
    except DataverseError as error:
        return _report(account, at, error)
    finally:
        await client.close(within=1.0)


async def _examine(
    client: DataverseClient, at: datetime, needs: Iterable[Need]
) -> ConnectionReport:
    account = client.account
    await client.tokens.token()  # a failed sign-in is told apart from Dataverse's refusals
    who = await client.who_am_i()
    wanted = {*needs, ACTING} if account.impersonate else set(needs)
    user_id, organisation_id = str(who.get("UserId")), str(who.get("OrganizationId"))
    found = [
        *_permissions_of_token(account, client.tokens.scopes),
        *await privileges.examine(client, user_id, wanted),
    ]
    user = await _name(client, "systemusers", user_id, "fullname")
    organisation = await _name(client, "organizations", organisation_id, "name")
    missing = [each for each in found if each.state == "missing"]
    told = ", ".join(f"{each.name} ({each.needed_for})" for each in missing)
    return ConnectionReport(
        valid=not missing,
        message=VALID if not missing else f"The user {user or user_id} lacks {told}.",
        cause="role_missing" if missing else None,
        advice=_ADD_ROLE if missing else None,
        at=at,
        environment_url=account.environment_url,
        organisation=organisation,
        organisation_id=organisation_id,
        user=user,
        user_id=user_id,
        permissions=tuple(found),
    )


_ADD_ROLE = (
    "Power Platform admin center > Environments > the environment > Settings > Users + "
    "permissions > Users (of an application: Application users): give this user a security role "
    "that has these privileges."
)


def _report(account: IntegrationAccount, at: datetime, error: DataverseError) -> ConnectionReport:
    text = str(error)
    if isinstance(error, AccessDenied):
        privilege = f": {error.privilege} is missing" if error.privilege else ""
        roles = "has no security role" if errors.is_role_missing(error) else "may not do this"
        text = f"The user {roles}{privilege}."
    elif isinstance(error, NoSuchResource):
        text = f"{account.api_url} knows no WhoAmI: {text}"
    elif not isinstance(error, SignInFailed):
        text = f"{_sentence(error)} ({text})"
    return ConnectionReport(
        valid=False,
        message=text,
        cause="wrong_environment" if isinstance(error, NoSuchResource) else error.cause,
        advice=_advice(error),
        at=at,
        environment_url=account.environment_url,
        permissions=tuple(_permissions_of_token(account, "", failed=error.cause)),
        reference=error.reference if isinstance(error, SignInFailed) else "",
    )


def _advice(error: DataverseError) -> str:
    """Say what to do about a test: unlike a step it is not tried again by itself."""
    if isinstance(error, NoSuchResource):
        return "Check the API URL; the Web API's version is v9.0, v9.1 or v9.2."
    if isinstance(error, Throttled):
        wait = round(error.retry_after or 60)
        return f"Test again in {wait} seconds: other work of this user has used up its limits."
    if isinstance(error, LostAnswer | SignInUnavailable):
        return "Test again in a minute; check the firewall and Microsoft's service health."
    return error.advice


_SENTENCES = {
    "application_user_missing": "The sign-in worked, but it is no user of this environment.",
    "wrong_environment": "The API URL leads to another environment, or to none.",
    "unreachable": "The environment cannot be reached.",
    "throttled": "The environment asks us to wait.",
    "lost_answer": "The environment did not answer.",
    "server_fault": "The environment answered with a fault of its own.",
}


def _sentence(error: DataverseError) -> str:
    return _SENTENCES.get(error.cause, "Dynamics did not answer as it should.")


def _permissions_of_token(
    account: IntegrationAccount, scopes: str, *, failed: str | None = None
) -> list[Permission]:
    """Say which API permissions the application has: delegated access alone needs one."""
    if account.access == "application":
        named = Permission(
            IMPERSONATION, "not_needed", "nothing: an application acts by its security role"
        )
    elif failed is not None:
        state: privileges.State = "missing" if failed == "consent_missing" else "unknown"
        named = Permission(IMPERSONATION, state, "acting as the person who consented")
    else:
        granted = "user_impersonation" in scopes or ".default" in scopes
        named = Permission(
            IMPERSONATION,
            "granted" if granted else "missing",
            "acting as the person who consented",
        )
    return [named, NO_GRAPH]


async def _name(client: DataverseClient, table: str, row: str, column: str) -> str | None:
    """Read a name that is good to show; a role may not allow it, which is no fault."""
    try:
        found = await client.read(queries.record(table, row), queries.query(select=[column]))
    except DataverseError as error:
        if error.retriable:
            raise
        return None
    value = found.get(column)
    return value if isinstance(value, str) else None
