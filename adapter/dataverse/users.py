"""Find the user of Dynamics who is an agent of ours, to act as that user.

Microsoft, "Impersonate another user using the Web API": `CallerObjectId` takes the user's Entra
object id, and the sender needs prvActOnBehalfOfAnotherUser.
"""

from __future__ import annotations

from uuid import UUID

from adapter.dataverse import queries
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.requests import Priority

_OBJECT_ID = "azureactivedirectoryobjectid"
_NAMES = ("domainname", "internalemailaddress")
"""What an agent's id may be: the user name (UPN) or the e-mail."""


async def object_id(client: DataverseClient, agent: str, *, priority: Priority) -> str | None:
    """Give the Entra object id of the one enabled user whose name, e-mail or id this is.

    None where there is no such user, or several.

    Raises:
        DataverseError: the environment did not answer.
    """
    query = queries.query(
        select=(_OBJECT_ID,),
        matching=queries.all_of(queries.equals("isdisabled", value=False), _named(agent)),
        top=2,
    )
    page = await client.read("systemusers", query, priority=priority)
    rows = page.get("value")
    if not isinstance(rows, list) or len(rows) != 1:
        return None
    found = rows[0].get(_OBJECT_ID)
    return queries.guid(found) if isinstance(found, str) and _guid(found) else None


def _named(agent: str) -> queries.Filter:
    by_id = _guid(agent)
    if by_id is not None:
        return queries.equals(_OBJECT_ID, by_id)
    return queries.any_of(*(queries.equals(name, agent) for name in _NAMES))


def _guid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
