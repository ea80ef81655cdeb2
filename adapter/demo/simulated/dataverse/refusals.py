"""Refuse a request as the Dataverse Web API does: a status, a code and a message.

Codes are from Microsoft's "Web service error codes" page; the message texts follow answers that
people have published. Microsoft says that codes are frequently empty and not tied to the status,
so a client should branch on the status first.
"""

from __future__ import annotations

from collections.abc import Mapping

BAD_URL = "0x80060888"
BAD_PAYLOAD = "0x80048d19"
NO_SUCH_SEGMENT = "0x8006088a"
NO_SUCH_RECORD = "0x80040217"
NO_RECORD_WITH_KEY = "0x80060891"
DUPLICATE_RECORD = "0x80040237"
DUPLICATE_KEY = "0x80060892"
VERSION_MISMATCH = "0x80060882"
READ_ONLY = "0x8004022e"
INVALID_ARGUMENT = "0x80040203"
TOO_LONG = "0x80044331"
OUT_OF_RANGE = "0x8004432f"
NO_SUCH_CHOICE = "0x8004431a"
WRONG_STATUS = "0x80048408"
PRIVILEGE_MISSING = "0x80040220"
NOT_A_MEMBER = "0x80072560"
USER_DISABLED = "0x80040225"
MAY_NOT_ACT_FOR_OTHERS = "0x8004a110"
TOO_MANY_REQUESTS = "0x80072322"
TOO_MUCH_TIME = "0x80072321"
TOO_MANY_AT_ONCE = "0x80072326"

_HELP = "https://go.microsoft.com/fwlink/?linkid=2195293"


class Refusal(Exception):
    """A request that Dataverse answers with an error body."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """Give the error body: `{"error": {"code", "message"}}`."""
        return {"error": {"code": self.code, "message": self.message}}


def bad_url(message: str) -> Refusal:
    """Refuse a path or a query option that does not parse or names what is not there."""
    return Refusal(400, BAD_URL, message)


def bad_payload(entity_set: str, reason: str) -> Refusal:
    """Refuse a body, in the wrapping that the Web API puts around the reason."""
    return Refusal(
        400,
        BAD_PAYLOAD,
        f"Error identified in Payload provided by the user for Entity :'{entity_set}', For more "
        f"information on this error please follow this help link {_HELP}  ---->  "
        f"InnerException : {reason}",
    )


def no_such_segment(segment: str) -> Refusal:
    """Refuse an entity set, function or property that does not exist."""
    return Refusal(404, NO_SUCH_SEGMENT, f"Resource not found for the segment '{segment}'.")


def no_such_record(schema_name: str, record: str) -> Refusal:
    """Refuse an id that no row has."""
    return Refusal(404, NO_SUCH_RECORD, f"Entity '{schema_name}' With Id = {record} Does Not Exist")


def no_such_property(name: str, table: str) -> Refusal:
    """Refuse a column name in a query option."""
    return bad_url(
        f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'."
    )


def not_simulated(what: str) -> Refusal:
    """Say that Dataverse knows this and this program does not (so it is never a silent success)."""
    return Refusal(501, BAD_URL, f"{what} is not part of the simulated Dataverse.")
