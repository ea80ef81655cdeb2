"""Test connections as an admin does, and read what is told for each cause."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from adapter.accounts import AccountSecrets, IntegrationAccount
from adapter.accounts.parsing import Parsed
from adapter.dataverse import probe
from adapter.dataverse.privileges import BASIC_NEEDS, Need
from adapter.dataverse.probe import ConnectionReport
from adapter.demo.simulated.dataverse import seeding
from adapter.demo.simulated.faults import Fault, Kind
from adapter.demo.simulated.serving import Simulation

AT = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
USER = seeding.user_id("application")


class Attempt:
    """Try connections that differ in some field."""

    def __init__(self, parsed: Parsed, tls: ssl.SSLContext) -> None:
        self.account: IntegrationAccount = parsed.account
        self.secrets: AccountSecrets = parsed.secrets
        self.tls = tls

    def __call__(
        self, secret: str | None = None, needs: frozenset[Need] = BASIC_NEEDS, **fields: Any
    ) -> ConnectionReport:
        account = msgspec.structs.replace(self.account, **fields)
        secrets = AccountSecrets(client_secret=secret) if secret else self.secrets
        return asyncio.run(probe.try_connection(account, secrets, tls=self.tls, at=AT, needs=needs))


@pytest.fixture
def tested(parsed: Parsed, tls: ssl.SSLContext) -> Attempt:
    return Attempt(parsed, tls)


def states(report: ConnectionReport) -> dict[str, str]:
    return {each.name: each.state for each in report.permissions}


def test_a_good_connection_is_valid_and_says_who_we_are_there(tested: Attempt) -> None:
    report = tested()
    assert report.valid
    assert report.message == "Connection is valid."
    assert report.organisation == "Contoso"
    assert report.user == "# Screenpop"
    assert report.user_id == USER
    assert not report.missing
    assert states(report)["prvCreateActivity"] == "granted"


def test_no_graph_permission_is_needed_and_that_is_said(tested: Attempt) -> None:
    graph = next(each for each in tested().permissions if "Graph" in each.name)
    assert graph.state == "not_needed"
    assert "no Graph permission" in graph.needed_for


@pytest.mark.parametrize(
    ("privilege", "use"),
    [
        ("prvCreateActivity", "create phonecalls"),
        ("prvWriteActivity", "write phonecalls"),
        ("prvReadContact", "read contacts"),
    ],
)
def test_a_missing_privilege_is_named_with_what_needs_it(
    tested: Attempt, dynamics: Simulation, privilege: str, use: str
) -> None:
    dynamics.world.security.revoke(USER, [privilege])
    report = tested()
    assert not report.valid
    assert report.cause == "role_missing"
    assert privilege in report.message
    assert use in report.message
    assert "security role" in (report.advice or "")
    assert [each.name for each in report.missing] == [privilege]


def test_notes_need_the_privilege_that_dynamics_calls_note(
    tested: Attempt, dynamics: Simulation
) -> None:
    dynamics.world.security.revoke(USER, ["prvCreateNote"])
    report = tested(needs=frozenset({Need("annotations", "Create")}))
    assert [each.name for each in report.missing] == ["prvCreateNote"]


def test_acting_for_agents_needs_its_own_privilege(tested: Attempt, dynamics: Simulation) -> None:
    assert tested(impersonate=True).valid
    dynamics.world.security.revoke(USER, ["prvActOnBehalfOfAnotherUser"])
    assert tested().valid
    assert "prvActOnBehalfOfAnotherUser" in tested(impersonate=True).message


def test_a_table_that_the_environment_lacks_is_named(tested: Attempt) -> None:
    report = tested(needs=frozenset({Need("new_calls", "Create")}))
    assert not report.valid
    assert "new_calls" in report.message


def test_no_role_at_all_names_what_is_missing(tested: Attempt, dynamics: Simulation) -> None:
    dynamics.world.security.privileges[USER] = set()
    report = tested()
    assert report.cause == "role_missing"
    assert "prvReadActivity" in report.message


@pytest.mark.parametrize(
    ("changes", "secret", "cause", "word"),
    [
        ({}, "wrong", "secret_wrong", "client secret is wrong"),
        (
            {"client_id": "00000000-1111-2222-3333-444444444444"},
            None,
            "unknown_application",
            "does not know this application",
        ),
        (
            {"scope": "https://other.crm4.dynamics.com/.default"},
            None,
            "wrong_environment",
            "does not know this environment",
        ),
        ({"api_version": "v9.9"}, None, "wrong_environment", "v9.9"),
        ({"environment_url": "https://localhost:1"}, None, "unreachable", "cannot be reached"),
    ],
)
def test_each_cause_is_told_apart(
    tested: Attempt, changes: dict[str, Any], secret: str | None, cause: str, word: str
) -> None:
    report = tested(secret, **changes)
    assert not report.valid
    assert report.cause == cause
    assert word in report.message
    assert report.advice


def test_a_wrong_directory_and_an_expired_secret_are_told_apart(
    tested: Attempt, dynamics: Simulation
) -> None:
    other = f"{dynamics.url}/00000000-1111-2222-3333-444444444444"
    assert tested(authority=other).cause == "wrong_directory"
    dynamics.world.expire_secrets(expired=True)
    report = tested()
    assert report.cause == "secret_expired"
    assert "AADSTS7000222" in report.message
    assert "trace" in report.reference


def test_a_missing_application_user_says_where_to_add_it(
    tested: Attempt, dynamics: Simulation
) -> None:
    dynamics.world.set_application_user(present=False)
    report = tested()
    assert report.cause == "application_user_missing"
    assert "New app user" in (report.advice or "")
    dynamics.world.set_application_user(present=True)
    assert tested().valid


def test_what_is_put_right_is_seen_at_once(tested: Attempt, dynamics: Simulation) -> None:
    application = dynamics.world.application
    kept, application.secrets = application.secrets, []
    assert tested().cause == "secret_wrong"
    application.secrets = kept
    assert tested().valid


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        (
            Fault(Kind.STATUS, status=429, retry_after=30),
            "throttled",
            ("The environment asks us to wait.", "Test again in 30 seconds"),
        ),
        (
            Fault(Kind.DROP_BEFORE, count=9),
            "lost_answer",
            ("The environment did not answer.", "Test again in a minute"),
        ),
        (
            Fault(Kind.STATUS, status=503),
            "server_fault",
            ("The environment answered with a fault of its own.", "Test again in a minute"),
        ),
        (
            Fault(Kind.STATUS, status=404),
            "wrong_environment",
            ("knows no WhoAmI", "v9.0, v9.1 or v9.2"),
        ),
        (
            Fault(Kind.DROP_BEFORE, where="token", count=9),
            "unavailable",
            ("broke the connection", "Test again in a minute"),
        ),
    ],
    ids=["throttled", "cut", "fault", "no such API", "no sign-in"],
)
def test_what_passes_by_itself_is_told_as_what_to_do_about_a_test(
    tested: Attempt, dynamics: Simulation, fault: Fault, cause: str, words: tuple[str, str]
) -> None:
    dynamics.world.faults.plan(fault)
    report = tested()
    assert (report.valid, report.cause) == (False, cause)
    assert words[0] in report.message
    assert words[1] in (report.advice or "")
    assert "by itself" not in (report.advice or ""), "no test is tried again by itself"
    assert "it may have done the work" not in report.message
