"""Refuse as Microsoft Entra does: an AADSTS code, an OAuth error, ids that support asks for.

Texts follow Microsoft's list "Microsoft Entra authentication and authorization error codes" and
answers that people have published; clients must branch on `error_codes`, never on the text.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of refusal: its number, the OAuth error, the HTTP status and the suberror."""

    number: int
    error: str
    status: int = 400
    suberror: str | None = None


WRONG_SECRET = Cause(7000215, "invalid_client", 401)
EXPIRED_SECRET = Cause(7000222, "invalid_client", 401)
NO_CREDENTIAL = Cause(7000218, "invalid_client", 401)
UNKNOWN_CERTIFICATE = Cause(700027, "invalid_client", 401)
ASSERTION_EXPIRED = Cause(700024, "invalid_client", 401)
ASSERTION_AUDIENCE = Cause(700023, "invalid_client", 401)
UNKNOWN_APPLICATION = Cause(700016, "unauthorized_client")
UNKNOWN_TENANT = Cause(90002, "invalid_request")
UNKNOWN_TENANT_DOCUMENT = Cause(90002, "invalid_tenant")
NO_TENANT = Cause(50059, "invalid_request")
UNKNOWN_RESOURCE = Cause(500011, "invalid_resource")
MISSING_FIELD = Cause(90014, "invalid_request")
RESOURCE_ON_V2 = Cause(901002, "invalid_request")
SCOPE_NOT_DEFAULT = Cause(1002012, "invalid_scope")
TWO_RESOURCES = Cause(28000, "invalid_scope")
UNKNOWN_SCOPE = Cause(70011, "invalid_scope")
UNKNOWN_GRANT = Cause(70003, "unsupported_grant_type")
CONSENT_MISSING = Cause(65001, "invalid_grant", suberror="consent_required")
CODE_EXPIRED = Cause(70008, "invalid_grant")
CODE_REDEEMED = Cause(54005, "invalid_grant")
MALFORMED = Cause(9002313, "invalid_grant")
WRONG_VERIFIER = Cause(50148, "invalid_grant")
WRONG_REDIRECT = Cause(500112, "invalid_grant")
REFRESH_TOKEN_EXPIRED = Cause(700082, "invalid_grant")
REFRESH_TOKEN_REVOKED = Cause(50173, "invalid_grant", suberror="bad_token")
UNREGISTERED_REDIRECT = Cause(50011, "invalid_request")
DECLINED = Cause(65004, "access_denied")
SIGN_IN_NEEDED = Cause(50058, "login_required")
MFA_NEEDED = Cause(50076, "interaction_required", suberror="basic_action")
MFA_NOT_SET_UP = Cause(50079, "interaction_required", suberror="basic_action")
BLOCKED_BY_POLICY = Cause(53003, "invalid_grant", suberror="message_only")
NOT_ASSIGNED = Cause(50105, "invalid_grant")
THROTTLED = Cause(50196, "invalid_grant", suberror="bad_token")

NAMED: dict[str, Cause] = {
    str(cause.number): cause
    for cause in (
        WRONG_SECRET,
        EXPIRED_SECRET,
        NO_CREDENTIAL,
        UNKNOWN_CERTIFICATE,
        ASSERTION_EXPIRED,
        UNKNOWN_APPLICATION,
        UNKNOWN_TENANT,
        UNKNOWN_RESOURCE,
        CONSENT_MISSING,
        CODE_EXPIRED,
        REFRESH_TOKEN_EXPIRED,
        REFRESH_TOKEN_REVOKED,
        MFA_NEEDED,
        MFA_NOT_SET_UP,
        BLOCKED_BY_POLICY,
        NOT_ASSIGNED,
        THROTTLED,
    )
}
"""What a fault may answer with, by number."""


def named(code: str) -> Cause | None:
    """Give what a fault's code (`AADSTS7000222`, or the number) stands for."""
    return NAMED.get(code.strip().upper().removeprefix("AADSTS"))


class Denial(Exception):
    """A request that Entra refuses."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message

    def body(self, now: datetime, correlation: str | None = None) -> dict[str, object]:
        """Give the error body of the token endpoint."""
        trace, correlation = str(uuid.uuid4()), correlation or str(uuid.uuid4())
        stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
        body: dict[str, object] = {
            "error": self.cause.error,
            "error_description": (
                f"AADSTS{self.cause.number}: {self.message} Trace ID: {trace} "
                f"Correlation ID: {correlation} Timestamp: {stamp}"
            ),
            "error_codes": [self.cause.number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.cause.number}",
        }
        if self.cause.suberror is not None:
            body["suberror"] = self.cause.suberror
        return body
