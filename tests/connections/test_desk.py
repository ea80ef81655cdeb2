"""Manage accounts: drafts, tests, consents, apply; secrets go in and never come out."""

from __future__ import annotations

import ssl
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from adapter.connections import AccountDesk, sealing
from adapter.demo.simulated.serving import Simulation
from adapter.errors import Conflict, InvalidSettings, NotFound
from adapter.secret_box import SecretBox
from adapter.store import accounts as stored, settings as stored_settings
from adapter.store.database import Database
from adapter.tenants import DEFAULT, Tenant
from tests.dataverse.consenting import press

CALLBACK = "https://localhost/v1/dynamics/oauth_callback"
BROWSER = "of-the-admin"
OTHER = Tenant("other")


def save(desk: AccountDesk, name: str, given: dict[str, Any], **more: Any) -> int:
    return desk.save(DEFAULT, name, given, who="test", **more).version


def apply(desk: AccountDesk, name: str = "main") -> None:
    desk.apply(DEFAULT, name, who="test")


async def test_an_account_is_ready_when_it_is_applied_and_its_test_has_passed(
    desk: AccountDesk, fields: dict[str, Any]
) -> None:
    save(desk, "main", fields)
    assert "not been applied" in (desk.shown(DEFAULT, "main").reason or "")
    apply(desk)
    assert "not been tested" in (desk.shown(DEFAULT, "main").reason or "")
    assert (await desk.test(DEFAULT, "main")).valid
    assert desk.shown(DEFAULT, "main").ready


async def test_nothing_takes_effect_before_apply(desk: AccountDesk, fields: dict[str, Any]) -> None:
    save(desk, "main", fields)
    await desk.test(DEFAULT, "main")
    apply(desk)
    save(desk, "main", {**fields, "client_secret": "wrong"})
    assert not (await desk.test(DEFAULT, "main")).valid
    view = desk.shown(DEFAULT, "main")
    assert view.ready
    assert view.applied is not None
    assert view.applied.report is not None
    assert view.applied.report.valid
    apply(desk)
    view = desk.shown(DEFAULT, "main")
    assert not view.ready
    assert "client secret is wrong" in (view.reason or "")


def test_no_view_and_no_audit_entry_holds_a_secret(
    desk: AccountDesk, database: Database, fields: dict[str, Any], box: SecretBox
) -> None:
    secret = fields["client_secret"]
    save(desk, "main", fields)
    apply(desk)
    shown = msgspec.json.encode(desk.listed(DEFAULT)).decode()
    logged = msgspec.json.encode(stored_settings.audit_log(database, DEFAULT)).decode()
    assert secret not in shown + logged
    assert "secrets changed" in logged
    assert "client_secret" in shown
    raw = database.path.read_bytes()
    wal = database.path.with_name(database.path.name + "-wal")
    raw += wal.read_bytes() if wal.exists() else b""
    assert secret.encode() not in raw
    account = stored.get(database, DEFAULT, "main")
    assert sealing.unseal(box, account, "applied").client_secret == secret


def test_a_secret_moved_to_another_account_does_not_open(
    desk: AccountDesk, database: Database, fields: dict[str, Any], box: SecretBox
) -> None:
    save(desk, "one", fields)
    save(desk, "two", {**fields, "client_secret": "another"})
    one, two = (stored.get(database, DEFAULT, name) for name in ("one", "two"))
    assert one.draft is not None
    stored.put_secrets(database, two, "draft", one.draft.secrets)
    assert sealing.try_unseal(box, stored.get(database, DEFAULT, "two"), "draft") is None
    assert sealing.unreadable(database, box) == ["default/two"]


def test_secrets_are_sealed_anew_with_the_newest_key(
    desk: AccountDesk, database: Database, fields: dict[str, Any], box: SecretBox
) -> None:
    save(desk, "main", fields)
    apply(desk)
    both, new = SecretBox([b"n" * 32, b"k" * 32]), SecretBox([b"n" * 32])
    assert sealing.unreadable(database, new) == ["default/main"]
    assert sealing.reseal(database, both) == 1
    assert sealing.unreadable(database, new) == []


def test_a_secret_that_is_not_named_stays(desk: AccountDesk, fields: dict[str, Any]) -> None:
    save(desk, "main", fields)
    rest = {name: value for name, value in fields.items() if name != "client_secret"}
    save(desk, "main", rest)
    apply(desk)
    view = desk.shown(DEFAULT, "main")
    assert view.applied is not None
    assert view.applied.secrets == ["client_secret"]


def test_a_stale_save_is_refused(desk: AccountDesk, fields: dict[str, Any]) -> None:
    assert save(desk, "main", fields, expected_version=0) == 1
    assert save(desk, "main", fields, expected_version=1) == 2
    with pytest.raises(Conflict):
        save(desk, "main", fields, expected_version=1)


def test_names_are_unique_and_case_does_not_tell_them_apart(
    desk: AccountDesk, fields: dict[str, Any]
) -> None:
    save(desk, "Main", fields)
    with pytest.raises(InvalidSettings, match="Main"):
        save(desk, "main", fields)
    assert desk.shown(DEFAULT, "MAIN").name == "Main"
    with pytest.raises(InvalidSettings, match="rename"):
        save(desk, "Main", {**fields, "name": "Other"})


def test_tenants_do_not_see_each_others_accounts(desk: AccountDesk, fields: dict[str, Any]) -> None:
    save(desk, "main", fields)
    assert desk.listed(OTHER) == []
    with pytest.raises(NotFound):
        desk.shown(OTHER, "main")
    with pytest.raises(NotFound):
        desk.remove(OTHER, "main", who="test")


def test_one_account_is_the_default(desk: AccountDesk, fields: dict[str, Any]) -> None:
    for name in ("one", "two"):
        save(desk, name, {**fields, "default": True})
        apply(desk, name)
    defaults = {
        view.name: view.applied.account.default
        for view in desk.listed(DEFAULT)
        if view.applied is not None
    }
    assert defaults == {"one": False, "two": True}


def test_a_change_of_one_field_leaves_the_rest(desk: AccountDesk, fields: dict[str, Any]) -> None:
    save(desk, "main", {**fields, "recording_bucket": "calls", "secret_expires": "2027-05-31"})
    save(desk, "main", {"api_version": "v9.1"}, merge=True)
    view = desk.shown(DEFAULT, "main")
    assert view.draft is not None
    assert view.draft.account.api_version == "v9.1"
    assert view.draft.account.recording_bucket == "calls"
    assert view.draft.account.secret_expires == date(2027, 5, 31)
    save(desk, "main", {"recording_bucket": None}, merge=True)
    view = desk.shown(DEFAULT, "main")
    assert view.draft is not None
    assert view.draft.account.recording_bucket is None


def test_apply_without_a_draft_is_refused(desk: AccountDesk, fields: dict[str, Any]) -> None:
    save(desk, "main", fields)
    apply(desk)
    with pytest.raises(Conflict):
        apply(desk)


def test_a_removed_account_is_gone(desk: AccountDesk, fields: dict[str, Any]) -> None:
    save(desk, "main", fields)
    desk.remove(DEFAULT, "main", who="test")
    with pytest.raises(NotFound):
        desk.shown(DEFAULT, "main")


def test_what_is_in_force_and_ends_soon_is_listed(
    desk: AccountDesk, fields: dict[str, Any]
) -> None:
    today = datetime.now(UTC).date()
    ends = (today + timedelta(days=6)).isoformat()
    save(desk, "main", {**fields, "secret_expires": ends})
    assert desk.expiry_warnings(today) == []
    apply(desk)
    [(tenant, warning)] = desk.expiry_warnings(today)
    assert (tenant, warning.account, warning.threshold) == (DEFAULT, "main", 7)


async def test_a_consent_goes_into_the_draft_and_is_tested(
    desk: AccountDesk, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    save(desk, "main", {**fields, "access": "delegated"})
    url = await desk.begin_consent(DEFAULT, "main", CALLBACK, browser=BROWSER)
    answer = press(dynamics, url)
    result = await desk.finish_consent(answer, browser=BROWSER)
    assert result.ok
    assert result.message == "Connection is valid."
    assert result.person.endswith("@contoso.onmicrosoft.com")
    view = desk.shown(DEFAULT, "main")
    assert view.applied is None
    assert view.draft is not None
    assert "refresh_token" in view.draft.secrets
    apply(desk)
    assert desk.shown(DEFAULT, "main").ready
    again = await desk.finish_consent(answer, browser=BROWSER)
    assert not again.ok
    assert "used already" in again.message


async def test_a_new_consent_of_what_is_in_force_waits_for_apply(
    desk: AccountDesk, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    save(desk, "main", {**fields, "access": "delegated"})
    apply(desk)
    await desk.finish_consent(
        press(dynamics, await desk.begin_consent(DEFAULT, "main", CALLBACK, browser=BROWSER)),
        browser=BROWSER,
    )
    view = desk.shown(DEFAULT, "main")
    assert view.draft is not None
    assert view.applied is not None
    assert view.applied.secrets == ["client_secret"]


async def test_a_declined_consent_says_so_in_words(
    desk: AccountDesk, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    save(desk, "main", {**fields, "access": "delegated"})
    url = await desk.begin_consent(DEFAULT, "main", CALLBACK, browser=BROWSER)
    result = await desk.finish_consent(press(dynamics, url, "decline"), browser=BROWSER)
    assert not result.ok
    assert "declined" in result.message
    assert "Request token" in result.advice


@pytest.mark.parametrize("answer", [{}, {"state": "guess", "code": "x"}, {"state": "x" * 10_000}])
async def test_an_answer_that_nobody_asked_for_changes_nothing(
    desk: AccountDesk, answer: dict[str, str]
) -> None:
    result = await desk.finish_consent(answer, browser=BROWSER)
    assert not result.ok
    assert result.tenant is None


async def test_an_account_that_changed_meanwhile_takes_no_consent(
    desk: AccountDesk, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    save(desk, "main", {**fields, "access": "delegated"})
    url = await desk.begin_consent(DEFAULT, "main", CALLBACK, browser=BROWSER)
    save(desk, "main", {**fields, "access": "delegated"})
    assert "changed" in (await desk.finish_consent(press(dynamics, url), browser=BROWSER)).message


async def test_an_application_needs_no_consent(desk: AccountDesk, fields: dict[str, Any]) -> None:
    save(desk, "main", fields)
    with pytest.raises(Conflict, match="delegated"):
        await desk.begin_consent(DEFAULT, "main", CALLBACK, browser=BROWSER)


async def test_a_lost_key_does_not_stop_an_admin_from_entering_the_secret_again(
    desk: AccountDesk, database: Database, tls: ssl.SSLContext, fields: dict[str, Any]
) -> None:
    save(desk, "main", fields)
    other = AccountDesk(database, SecretBox([b"x" * 32]), tls=tls, allow_loopback=True)
    view = other.shown(DEFAULT, "main")
    assert view.draft is not None
    assert any("SCREENPOP_SECRET_KEY" in text for text in view.draft.cautions)
    save(other, "main", fields)
    assert (await other.test(DEFAULT, "main")).valid
