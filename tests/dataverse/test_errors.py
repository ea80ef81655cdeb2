"""Tell apart what Dataverse and Entra refuse, and whether to try again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from adapter.dataverse import errors, sign_in
from adapter.dataverse.causes import CAUSES
from adapter.dataverse.errors import AccessDenied, DataverseError

DENIED = (
    "Principal user (Id=1, type=8, roleCount=1) is missing prvCreateActivity privilege (Id=2) "
    "on OTC=4210 for entity 'phonecall'."
)


def answer(status: int, code: str = "", message: str = "no", **headers: str) -> DataverseError:
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    return errors.of_answer(status, headers, body)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (401, "", "", errors.TokenRefused),
        (403, "0x80072560", "not a member", errors.UserMissing),
        (403, "0x80040225", "disabled", errors.UserMissing),
        (403, "0x80040220", DENIED, errors.AccessDenied),
        (403, "", "no", errors.AccessDenied),
        (404, "0x80040217", "Does Not Exist", errors.RecordNotFound),
        (404, "-2147220969", "Does Not Exist", errors.RecordNotFound),
        (404, "0x8006088a", "segment", errors.NoSuchResource),
        (404, "", "", errors.NoSuchResource),
        (412, "0x80040237", "duplicate", errors.DuplicateRecord),
        (412, "0x80060892", "key", errors.DuplicateRecord),
        (412, "0x80060882", "version", errors.VersionConflict),
        (412, "", "", errors.VersionConflict),
        (400, "0x8004022e", "read-only", errors.RecordReadOnly),
        (403, "", "Cannot Update a Read-Only Entity", errors.RecordReadOnly),
        (400, "0x80048d19", "payload", errors.RequestRefused),
        (413, "", "too large", errors.RequestRefused),
        (501, "", "not here", errors.RequestRefused),
        (429, "0x80072322", "many", errors.Throttled),
        (500, "", "oops", errors.ServerFault),
        (503, "", "", errors.ServerFault),
        (302, "", "", errors.UnexpectedAnswer),
    ],
)
def test_an_answer_is_the_error_that_it_means(
    status: int, code: str, message: str, kind: type[DataverseError]
) -> None:
    error = answer(status, code, message)
    assert type(error) is kind
    assert error.status == status
    assert error.code == errors.hexadecimal(code)
    assert error.advice


@pytest.mark.parametrize(
    ("status", "retriable", "unknown"),
    [
        (400, False, False),
        (403, False, False),
        (412, False, False),
        (429, True, False),
        (500, True, True),
        (502, True, True),
        (503, True, True),
    ],
)
def test_an_error_says_whether_to_try_again_and_whether_it_may_have_happened(
    status: int, retriable: bool, unknown: bool
) -> None:
    error = answer(status)
    assert (error.retriable, error.outcome_unknown) == (retriable, unknown)


def test_a_503_that_names_a_wait_is_a_limit() -> None:
    error = answer(503, **{"retry-after": "17"})
    assert isinstance(error, errors.Throttled)
    assert error.retry_after == 17


def test_a_missing_privilege_is_named() -> None:
    error = answer(403, "0x80040220", DENIED)
    assert isinstance(error, AccessDenied)
    assert error.privilege == "prvCreateActivity"


def test_dynamics_words_are_taken_out_of_their_wrapping() -> None:
    wrapped = (
        "Error identified in Payload provided by the user for Entity :'phonecalls', For more "
        "information on this error please follow this help link https://x  ---->  InnerException "
        ": Microsoft.Crm.CrmException: Invalid property 'zz' was found ---> System.Trace: at line 1"
    )
    assert str(answer(400, "", wrapped)) == "Invalid property 'zz' was found"


@given(st.integers(300, 599), st.binary(max_size=200), st.dictionaries(st.text(), st.text()))
def test_any_answer_is_some_error(status: int, body: bytes, headers: dict[str, str]) -> None:
    assert str(errors.of_answer(status, headers, body))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("Sat, 21 Nov 2026 20:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 19:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert errors.retry_after(value, datetime(2026, 11, 21, 20, 0, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ({"error": "invalid_client", "error_codes": [7000215]}, "secret_wrong"),
        ({"error": "invalid_client", "error_codes": [7000222]}, "secret_expired"),
        ({"error": "unauthorized_client", "error_codes": [700016]}, "unknown_application"),
        ({"error": "invalid_tenant", "error_codes": [90002]}, "wrong_directory"),
        ({"error": "invalid_resource", "error_codes": [500011]}, "wrong_environment"),
        ({"error": "invalid_grant", "error_codes": [65001]}, "consent_missing"),
        ({"error": "invalid_grant", "suberror": "consent_required"}, "consent_missing"),
        ({"error": "invalid_grant", "error_codes": [700082]}, "sign_in_again"),
        ({"error": "invalid_grant", "suberror": "bad_token"}, "sign_in_again"),
        ({"error": "invalid_grant"}, "sign_in_again"),
        ({"error": "interaction_required", "error_codes": [50076]}, "interaction_required"),
        ({"error": "invalid_client", "error_codes": [700027]}, "certificate_unknown"),
        ({"error": "access_denied", "error_description": "AADSTS65004: declined"}, "declined"),
        ({"error": "temporarily_unavailable"}, "unavailable"),
        # the number in a description counts only where it is the beginning of a redirect's
        ({"error": "invalid_client", "error_description": "see AADSTS65001"}, "secret_wrong"),
        ({}, "sign_in"),
    ],
)
def test_a_sign_in_error_is_told_by_its_code(body: dict[str, Any], cause: str) -> None:
    error = sign_in.refused(body)
    assert error.cause == cause
    assert error.advice
    assert error.retriable is (cause == "unavailable")


def test_a_sign_in_error_keeps_what_microsofts_support_asks_for() -> None:
    body = {
        "error": "invalid_client",
        "error_codes": [7000215],
        "trace_id": "t-1",
        "correlation_id": "c-1",
        "timestamp": "2026-11-21 20:00:00Z",
        "error_description": "AADSTS7000215: the secret for app <b>x</b> …",
    }
    error = sign_in.refused(body)
    assert error.reference == "trace t-1, correlation c-1, time 2026-11-21 20:00:00Z"
    assert "AADSTS7000215" in str(error)
    assert "<b>" not in str(error)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_reads_as_sentences(cause: str) -> None:
    for text in CAUSES[cause]:
        assert text[0].isupper() or text.startswith("<")
        assert text.endswith(".")


def test_where_no_person_takes_part_nobody_is_told_to_sign_in_again() -> None:
    for body, cause in (
        ({"error": "invalid_grant", "error_codes": [50196]}, "sign_in"),
        ({"error": "interaction_required", "error_codes": [53003]}, "blocked_by_policy"),
    ):
        error = sign_in.refused(body, application=True)
        assert error.cause == cause
        assert "Request token" not in str(error) + error.advice


def test_where_there_is_a_certificate_no_secret_is_wrong() -> None:
    error = sign_in.refused({"error": "invalid_client"}, certificate=True)
    assert error.cause == "certificate_unknown"


def test_what_no_code_tells_is_told_in_microsofts_words() -> None:
    told = (
        "AADSTS7000112: Application 'x' is disabled. Trace ID: 0000 Correlation ID: 0000\r\n"
        "Timestamp: 2026-11-21 20:00:00Z"
    )
    body = {"error": "unauthorized_client", "error_codes": [7000112], "error_description": told}
    assert "(AADSTS7000112: Application 'x' is disabled)" in str(sign_in.refused(body))
    known = {**body, "error_codes": [700016]}
    assert "(AADSTS700016)" in str(sign_in.refused(known))
