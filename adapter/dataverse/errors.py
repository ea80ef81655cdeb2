"""Name what Dataverse and Entra refuse, and say what each means: again, when, and what to do.

::

    DataverseError                  (adapter.errors.ScreenpopError)
    ├── ForbiddenAddress            not a host or path of this account; nothing was sent
    ├── NotSent                     no connection was made: nothing happened, try again
    ├── LostAnswer                  sent, no answer: it may have happened
    │   └── ServerFault             500, 502, 503, 504: it may have happened
    ├── Throttled                   429: nothing happened, wait `retry_after` seconds
    ├── SignInFailed                Entra gave no token (`adapter.dataverse.sign_in`)
    │   └── SignInUnavailable       it did not answer, or not just now: try again
    ├── TokenRefused                401 with a fresh token
    ├── UserMissing                 403: the application (or person) is no user there, or disabled
    ├── AccessDenied                403: `privilege` is missing, or the record is not shared
    ├── RecordNotFound              404
    ├── NoSuchResource              404: no such table, function or environment
    ├── DuplicateRecord             412: that id or key exists already
    ├── VersionConflict             412: somebody else changed the record
    ├── RecordReadOnly              the record is completed or cancelled
    ├── RequestRefused              400 and the rest: the same request fails again
    └── UnexpectedAnswer            no answer of Dataverse's: a redirect, a page, half of a body

Codes: https://learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes.
Microsoft says that a code may be empty and is not tied to the status, so the status counts first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from adapter.errors import ScreenpopError


class DataverseError(ScreenpopError):
    """Anything that came between us and the effect of a request."""

    cause: str = "dynamics"
    """A stable name for programs."""
    advice: str = "Look at Dynamics' own words and at the trace of this contact."
    """What an admin does about it."""
    retriable: bool = False
    """Whether the same request may succeed later."""
    outcome_unknown: bool = False
    """Whether it may have taken effect all the same."""

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        """Dataverse's own, as `0x80040237`."""
        self.retry_after = retry_after


class ForbiddenAddress(DataverseError):
    """An address that this account does not name; nothing was sent."""

    cause = "forbidden_address"
    advice = "Requests go to the account's own environment only: correct the step."


class NotSent(DataverseError):
    """No connection was made, so nothing happened."""

    cause = "unreachable"
    advice = "Check the environment's address, DNS, the firewall and Dynamics' service health."
    retriable = True


class HostUnknown(NotSent):
    """The environment's host name does not resolve."""

    cause = "wrong_environment"
    advice = "Check the API URL: no such environment is known under this name."


class LostAnswer(DataverseError):
    """The request left and no answer came: it may have happened."""

    cause = "lost_answer"
    advice = "It is tried again by itself; a repeated create makes one record."
    retriable = True
    outcome_unknown = True


class ServerFault(LostAnswer):
    """Dataverse (or a gateway before it) failed: 500, 502, 503, 504."""

    cause = "server_fault"
    advice = "It is tried again by itself; see Dynamics' service health if it stays."


class Throttled(DataverseError):
    """A service protection limit was reached: nothing happened."""

    cause = "throttled"
    advice = "It is sent again when Dynamics allows it; spread the work over several accounts."
    retriable = True


class TokenRefused(DataverseError):
    """Dataverse took no token of ours, not even a fresh one."""

    cause = "wrong_environment"
    advice = (
        "The token was made for another environment or directory: compare the API URL, the scope "
        "and the directory id with the Power Platform admin center."
    )


class UserMissing(DataverseError):
    """The token is good, but who it names is no (enabled) user of the environment."""

    cause = "application_user_missing"
    advice = (
        "Power Platform admin center > Environments > the environment > Settings > Users + "
        "permissions: add who signs in (an application at Application users > New app user, a "
        "person at Users) with a security role."
    )


class AccessDenied(DataverseError):
    """The user lacks a privilege (`privilege`, where Dynamics names it) or a record's share."""

    cause = "role_missing"
    advice = "Give the user's security role the missing privilege."

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        code: str | None = None,
        privilege: str | None = None,
    ) -> None:
        super().__init__(detail, status=status, code=code)
        self.privilege = privilege


class RecordNotFound(DataverseError):
    """There is no such record."""

    cause = "record_not_found"
    advice = "The record was deleted, or the step names another one."


class NoSuchResource(DataverseError):
    """There is no such table, column or function in this environment."""

    cause = "no_such_resource"
    advice = "Use the table's entity set name (plural, as phonecalls) and a version from v9.0 on."


class DuplicateRecord(DataverseError):
    """A record with this id or key exists already: for a repeated create that is success."""

    cause = "duplicate_record"
    advice = "A record with this id or key is there already."


class VersionConflict(DataverseError):
    """The record is at another version than the request said."""

    cause = "version_conflict"
    advice = "Somebody changed the record in between: read it again."


class RecordReadOnly(DataverseError):
    """A completed or cancelled record takes no changes."""

    cause = "record_read_only"
    advice = "Keep the information as a note on the record, or complete it later."


class RequestRefused(DataverseError):
    """Dataverse does not accept this request; sent again it fails again."""

    cause = "request_refused"
    advice = "Correct the step's body or query string; Dynamics says what is wrong with it."


class UnexpectedAnswer(DataverseError):
    """What answered is not Dataverse."""

    cause = "wrong_environment"
    advice = "Check the API URL: what answers there is no Dataverse Web API."


_PRIVILEGE = re.compile(r"\bprv[A-Za-z][A-Za-z0-9_]*")
_NO_ROLE = "0x80042f09"
_BY_CODE: dict[str | None, type[DataverseError]] = {
    "0x80072560": UserMissing,  # not a member of the organization
    "0x80040225": UserMissing,  # disabled
    "0x80040217": RecordNotFound,
    "0x80060891": RecordNotFound,  # by an alternate key
    "0x80040237": DuplicateRecord,
    "0x80060892": DuplicateRecord,  # an alternate key
    "0x80060882": VersionConflict,
    "0x8004022e": RecordReadOnly,
}
_READ_ONLY_WORDS = re.compile(
    r"read-?only|closed or cancell?ed|already (?:completed|closed)", re.IGNORECASE
)
_WRAPPING = re.compile(r"\A.*?InnerException\s*:\s*(?:Microsoft\.[\w.]+:\s*)*", re.DOTALL)
_WORDS = 600
"""Characters of Dynamics' own words that an error keeps: plug-in traces can be very long."""


def of_answer(status: int, headers: Mapping[str, str], body: bytes) -> DataverseError:
    """Give the error of an answer that is no success (`headers` in lower case)."""
    code, message = _read(body)
    told = message or f"HTTP {status} without an explanation"
    simple = _simple(status, code, told)
    if simple is not None:
        return simple(told, status=status, code=code)
    if status == 429 or (status == 503 and "retry-after" in headers):  # noqa: PLR2004
        wait = retry_after(headers.get("retry-after"), now())
        return Throttled(told, status=status, code=code, retry_after=wait)
    if status == 403:  # noqa: PLR2004
        found = _PRIVILEGE.search(told)
        return AccessDenied(told, status=status, code=code, privilege=found[0] if found else None)
    if status >= 500 and status != 501:  # noqa: PLR2004
        wait = retry_after(headers.get("retry-after"), now())
        return ServerFault(told, status=status, code=code, retry_after=wait)
    if status < 400 or (not code and not message):  # noqa: PLR2004
        return UnexpectedAnswer(f"HTTP {status} from something that is no Dataverse", status=status)
    return RequestRefused(told, status=status, code=code)


def _simple(status: int, code: str | None, told: str) -> type[DataverseError] | None:
    """Find the errors that status, code and words tell apart."""
    if status == 401:  # noqa: PLR2004
        return TokenRefused
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in (400, 403) and _READ_ONLY_WORDS.search(told):
        return RecordReadOnly
    return {404: NoSuchResource, 412: VersionConflict}.get(status)


def is_role_missing(error: AccessDenied) -> bool:
    """Whether the user has no role at all."""
    return error.code == _NO_ROLE


def hexadecimal(code: str | None) -> str | None:
    """Write a code as Microsoft lists it: `0x80040237`, also where `-2147220937` was sent."""
    if not code:
        return None
    text = code.strip().lower()
    if re.fullmatch(r"-?[0-9]{5,12}", text):
        return f"0x{int(text) & 0xFFFFFFFF:08x}"
    return text or None


def retry_after(value: str | None, at: datetime) -> float | None:
    """Read `Retry-After` (seconds or a date; RFC 9110, 10.2.3); None where there is none."""
    if value is None:
        return None
    if value.strip().isdecimal() and len(value) < 10:  # noqa: PLR2004
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - at).total_seconds())


def now() -> datetime:
    """Give the time, for a `Retry-After` that is a date."""
    return datetime.now(UTC)


def _read(body: bytes) -> tuple[str | None, str]:
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, ""
    error = decoded.get("error") if isinstance(decoded, dict) else None
    if not isinstance(error, dict):
        return None, ""
    code, message = error.get("code"), error.get("message")
    said = message if isinstance(message, str) else ""
    return hexadecimal(str(code) if code is not None else None), _plain(said)[:_WORDS]


def _plain(message: str) -> str:
    """Take what Dynamics says out of the wrappings that the Web API puts around it."""
    inner = _WRAPPING.sub("", message, count=1)
    return inner.partition(" ---> ")[0].strip() or message
