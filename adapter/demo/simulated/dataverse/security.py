"""Decide who calls and what they may do: application users, roles, privileges, impersonation."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adapter.demo.simulated.dataverse.database import Database
from adapter.demo.simulated.dataverse.refusals import (
    MAY_NOT_ACT_FOR_OTHERS,
    NOT_A_MEMBER,
    PRIVILEGE_MISSING,
    USER_DISABLED,
    Refusal,
    no_such_record,
)
from adapter.demo.simulated.dataverse.schema import Table

ACT_FOR_OTHERS = "prvActOnBehalfOfAnotherUser"
RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign")
_PRIVILEGES = uuid.UUID("9d0a1f22-0000-5000-8000-000d3a000000")


@dataclass(frozen=True, slots=True)
class Caller:
    """The user as whom a request runs; `delegate` is who sent it where that is another."""

    user: str
    privileges: frozenset[str]
    delegate: str | None = None
    business_unit: str = ""
    role_count: int = 0

    def require(self, right: str, table: Table) -> None:
        """Raise a 403 that names the privilege if the caller lacks it. `right` is of RIGHTS."""
        name = f"prv{right}{table.rights}"
        if name not in self.privileges:
            raise Refusal(403, PRIVILEGE_MISSING, self._denied(name, table))

    def _denied(self, name: str, table: Table) -> str:
        privilege = uuid.uuid5(_PRIVILEGES, name)
        return (
            f"Principal user (Id={self.user}, type=8, roleCount={self.role_count}, "
            f"privilegeCount={len(self.privileges)}, accessMode='4 Non-interactive', "
            f"businessUnitId={self.business_unit}), is missing {name} privilege (Id={privilege}) "
            f"on OTC={table.type_code} for entity '{table.name}' (LocalizedName='{table.label}'). "
            f"context.Caller={self.user}. Consider adding missed privilege to one of the "
            "principal (user/team) roles."
        )


@dataclass(slots=True)
class Security:
    """Which user has which privileges. Roles are flat here: a user has a set of privileges."""

    business_unit: str
    privileges: dict[str, set[str]] = field(default_factory=dict)

    def grant(self, user: str, names: Iterable[str]) -> None:
        """Give a user privileges, as a security role would."""
        self.privileges.setdefault(user, set()).update(names)

    def revoke(self, user: str, names: Iterable[str]) -> None:
        """Take privileges from a user."""
        self.privileges.setdefault(user, set()).difference_update(names)

    def caller(
        self, database: Database, identity: Mapping[str, object], headers: Mapping[str, str]
    ) -> Caller:
        """Find the caller of a request by its token's claims and its impersonation headers.

        Raises a 403 where the token's principal is no user of the environment.
        """
        sender = self._sender(database, identity)
        wanted = self._impersonated(database, headers)
        own = frozenset(self.privileges.get(sender, ()))
        if wanted is None or wanted == sender:
            return Caller(sender, own, None, self.business_unit, int(bool(own)))
        if ACT_FOR_OTHERS not in own:
            raise Refusal(
                403,
                MAY_NOT_ACT_FOR_OTHERS,
                "User does not have the privilege to act on behalf another user.",
            )
        # Microsoft: what both users may do, no more.
        both = own & frozenset(self.privileges.get(wanted, ()))
        return Caller(wanted, both, sender, self.business_unit, int(bool(both)))

    def _sender(self, database: Database, identity: Mapping[str, object]) -> str:
        application, person = identity.get("appid"), identity.get("oid")
        delegated = "scp" in identity
        for user, row in database.rows("systemuser").items():
            by_person = row.get("azureactivedirectoryobjectid") == person
            by_application = not delegated and row.get("applicationid") == application
            if by_application or (delegated and by_person):
                if row.get("isdisabled"):
                    raise Refusal(403, USER_DISABLED, "The specified user is disabled.")
                return user
        raise Refusal(403, NOT_A_MEMBER, "The user is not a member of the organization.")

    def _impersonated(self, database: Database, headers: Mapping[str, str]) -> str | None:
        wanted = headers.get("callerobjectid", "").strip("{} ").lower()
        if wanted:
            for user, row in database.rows("systemuser").items():
                if row.get("azureactivedirectoryobjectid") == wanted:
                    return user
            raise Refusal(403, NOT_A_MEMBER, "The user is not a member of the organization.")
        user_id = headers.get("mscrmcallerid", "").strip("{} ").lower()
        if user_id and database.get("systemuser", user_id) is None:
            raise no_such_record("SystemUser", user_id)
        return user_id or None


def every_right(tables: Iterable[Table]) -> set[str]:
    """List the privileges that create, read, change and delete rows of these tables."""
    return {f"prv{right}{table.rights}" for table in tables for right in RIGHTS}
