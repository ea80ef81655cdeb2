"""Say in an admin's words why Entra gave no token: by error code, never by its English text.

Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes. Microsoft's
support asks for trace id, correlation id and time, so an error keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adapter.dataverse.causes import CAUSES
from adapter.dataverse.errors import DataverseError


class SignInFailed(DataverseError):
    """Entra refused. `cause` is one of `CAUSES`."""

    cause = "sign_in"
    advice = "Compare the account's fields with the application's page in the Azure portal."

    def __init__(
        self,
        detail: str,
        *,
        cause: str = "sign_in",
        advice: str | None = None,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        reference: str = "",
    ) -> None:
        super().__init__(detail, status=status, code=code, retry_after=retry_after)
        self.cause = cause
        self.advice = advice or CAUSES.get(cause, ("", SignInFailed.advice))[1]
        self.reference = reference
        """Trace id, correlation id and time, for Microsoft's support."""


class SignInUnavailable(SignInFailed):
    """Entra could not be asked, or asks us to wait: nothing is wrong with the account."""

    retriable = True


LONGEST_WORDS = 200

_BY_CODE = {
    90002: "wrong_directory",
    900021: "wrong_directory",
    900023: "wrong_directory",
    50059: "wrong_directory",
    700016: "unknown_application",
    700038: "unknown_application",
    500011: "wrong_environment",
    650057: "wrong_environment",
    28000: "scope_wrong",
    70011: "scope_wrong",
    1002012: "scope_wrong",
    7000215: "secret_wrong",
    7000222: "secret_expired",
    7000216: "secret_missing",
    7000218: "secret_missing",
    700027: "certificate_unknown",
    7000219: "certificate_unknown",
    700024: "clock",
    65001: "consent_missing",
    650056: "consent_missing",
    90094: "consent_missing",
    65004: "declined",
    70008: "sign_in_again",
    70043: "sign_in_again",
    700082: "sign_in_again",
    700084: "sign_in_again",
    50173: "sign_in_again",
    50078: "interaction_required",
    50074: "interaction_required",
    50076: "interaction_required",
    50079: "interaction_required",
    50158: "interaction_required",
    53003: "interaction_required",
    50105: "user_not_assigned",
    90033: "unavailable",
}
_BY_SUBERROR = {
    "consent_required": "consent_missing",
    "bad_token": "sign_in_again",
    "token_expired": "sign_in_again",
    "basic_action": "interaction_required",
    "message_only": "interaction_required",
}
_BY_ERROR = {
    "invalid_tenant": "wrong_directory",
    "unauthorized_client": "unknown_application",
    "invalid_resource": "wrong_environment",
    "invalid_target": "wrong_environment",
    "invalid_scope": "scope_wrong",
    "invalid_client": "secret_wrong",
    "invalid_grant": "sign_in_again",
    "interaction_required": "interaction_required",
    "login_required": "interaction_required",
    "consent_required": "consent_missing",
    "access_denied": "declined",
    "temporarily_unavailable": "unavailable",
    "server_error": "unavailable",
}
_OF_APPLICATIONS = {
    "sign_in_again": "sign_in",
    "token_missing": "sign_in",
    "interaction_required": "blocked_by_policy",
}
_NUMBER = re.compile(r"AADSTS([0-9]{4,9})\b")


def failed(cause: str, more: str = "") -> SignInFailed:
    """Make the error of a cause that we found ourselves."""
    text = CAUSES[cause][0]
    return SignInFailed(f"{text} {more}".strip(), cause=cause)


def unavailable(more: str, *, retry_after: float | None = None) -> SignInUnavailable:
    """Make the error of a sign-in host that did not answer, or not now."""
    text = CAUSES["unavailable"][0]
    return SignInUnavailable(f"{text} {more}".strip(), cause="unavailable", retry_after=retry_after)


def refused(
    answer: Mapping[str, Any],
    *,
    status: int | None = None,
    application: bool = False,
    certificate: bool = False,
) -> SignInFailed:
    """Make the error of an OAuth error body, or of the query that a redirect came back with.

    `application`: no person takes part, so none can sign in again. `certificate`: there is no
    client secret that could be wrong.
    """
    number = _number(answer)
    suberror, error = str(answer.get("suberror") or ""), str(answer.get("error") or "")
    cause = _BY_CODE.get(number) or _BY_SUBERROR.get(suberror) or _BY_ERROR.get(error) or "sign_in"
    if application:
        cause = _OF_APPLICATIONS.get(cause, cause)
    if certificate and cause == "secret_wrong":
        cause = "certificate_unknown"
    code = f"AADSTS{number}" if number else error or "no code"
    told = CAUSES.get(cause, ("Microsoft's sign-in refused.", ""))[0]
    words = "" if number in _BY_CODE and cause in CAUSES else _words(answer)
    found = {
        "trace": answer.get("trace_id"),
        "correlation": answer.get("correlation_id"),
        "time": answer.get("timestamp"),
    }
    reference = ", ".join(f"{name} {_short(value)}" for name, value in found.items() if value)
    kind = SignInUnavailable if cause == "unavailable" else SignInFailed
    return kind(
        f"{told} ({code}{': ' + words if words else ''}{'; ' + reference if reference else ''})",
        cause=cause,
        status=status,
        code=code,
        reference=reference,
    )


def _number(answer: Mapping[str, Any]) -> int:
    codes = answer.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return codes[0]
    # A redirect carries no `error_codes`: its code stands at the start of the description only.
    match = _NUMBER.match(str(answer.get("error_description") or ""))
    return int(match[1]) if match else 0


def _words(answer: Mapping[str, Any]) -> str:
    """Give Microsoft's own first sentence, where the code tells us nothing.

    The rest of a description repeats the ids that `reference` has.
    """
    told = _NUMBER.sub("", str(answer.get("error_description") or ""), count=1).lstrip(": ")
    first = re.split(r"[\r\n]|(?<=[.!?]) | Trace ID", told, maxsplit=1)[0]
    return first.rstrip(".")[:LONGEST_WORDS]


def _short(value: object) -> str:
    return re.sub(r"[^A-Za-z0-9:. +-]", "", str(value))[:64]
