"""Take clients of what is in force, while accounts change under the calls."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adapter.connections import AccountDesk, AccountNotReady, Clients
from adapter.dataverse.errors import UserMissing
from adapter.demo.simulated.entra.directory import Secret
from adapter.demo.simulated.faults import Fault, Kind
from adapter.demo.simulated.serving import Simulation
from adapter.secret_box import SecretBox
from adapter.services import Tasks
from adapter.store.database import Database
from adapter.tenants import DEFAULT, Tenant
from tests.dataverse.consenting import press

CALLBACK = "https://localhost/v1/dynamics/oauth_callback"


@pytest.fixture
async def clients(
    database: Database, box: SecretBox, desk: AccountDesk, tls: ssl.SSLContext
) -> AsyncIterator[Clients]:
    tasks = Tasks()
    made = Clients(database, box, desk, tls=tls, spawn=tasks.spawn)
    yield made
    await made.close()
    await tasks.finish()


async def apply(desk: AccountDesk, name: str, fields: dict[str, Any]) -> None:
    desk.save(DEFAULT, name, fields, who="test")
    await desk.test(DEFAULT, name)
    desk.apply(DEFAULT, name, who="test")


async def test_a_client_is_given_for_what_is_in_force(
    clients: Clients, desk: AccountDesk, fields: dict[str, Any]
) -> None:
    with pytest.raises(AccountNotReady, match="no integration account"):
        clients.client(DEFAULT)
    await apply(desk, "main", fields)
    clients.refresh()
    assert (await clients.client(DEFAULT).who_am_i())["UserId"]
    assert clients.client(DEFAULT, "MAIN") is clients.client(DEFAULT)
    for tenant, name in ((Tenant("other"), None), (DEFAULT, "nobody")):
        with pytest.raises(AccountNotReady):
            clients.client(tenant, name)


async def test_steps_stay_off_until_the_test_has_passed(
    clients: Clients, desk: AccountDesk, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    dynamics.world.set_application_user(present=False)
    await apply(desk, "main", fields)
    clients.refresh()
    with pytest.raises(AccountNotReady, match="no user of this environment"):
        clients.client(DEFAULT)
    dynamics.world.set_application_user(present=True)
    await desk.test(DEFAULT, "main")
    clients.refresh()
    assert await clients.client(DEFAULT).who_am_i()


async def test_a_test_that_passes_ends_the_pause_after_a_refusal(
    clients: Clients, desk: AccountDesk, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    await apply(desk, "main", fields)
    clients.refresh()
    client = clients.client(DEFAULT)
    dynamics.world.set_application_user(present=False)
    for _ in range(4):
        with pytest.raises(UserMissing):
            await client.who_am_i()
    dynamics.world.set_application_user(present=True)
    with pytest.raises(UserMissing):
        await client.who_am_i()
    await desk.test(DEFAULT, "main")
    clients.refresh()
    assert clients.client(DEFAULT) is client
    assert await client.who_am_i()


async def test_of_several_accounts_the_default_is_meant(
    clients: Clients, desk: AccountDesk, fields: dict[str, Any]
) -> None:
    await apply(desk, "one", fields)
    await apply(desk, "two", fields)
    clients.refresh()
    with pytest.raises(AccountNotReady, match="none is the default"):
        clients.client(DEFAULT)
    await apply(desk, "two", {**fields, "default": True})
    clients.refresh()
    assert clients.client(DEFAULT).account.name == "two"
    assert clients.client(DEFAULT, "one").account.name == "one"


async def test_a_new_secret_takes_over_with_calls_in_flight_and_no_failed_call(
    clients: Clients, desk: AccountDesk, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    await apply(desk, "main", fields)
    clients.refresh()
    old = clients.client(DEFAULT)
    await old.who_am_i()
    dynamics.world.faults.plan(Fault(Kind.SLOW, method="POST", seconds=0.3, count=5))
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(old.create("phonecalls", {"subject": str(number)}))
            for number in range(5)
        ]
        await asyncio.sleep(0.05)
        far = datetime(2099, 1, 1, tzinfo=UTC)
        dynamics.world.application.secrets = [Secret("new~secret", far)]
        await apply(desk, "main", {**fields, "client_secret": "new~secret"})
        clients.refresh()
        new = clients.client(DEFAULT)
        assert new is not old
        calls.append(group.create_task(new.create("phonecalls", {"subject": "after"})))
    assert all(call.result() for call in calls)
    await clients.keep_fresh()
    asked = [line for line in dynamics.world.log if line["where"] == "token"]
    assert all(line["status"] == 200 for line in asked)


async def test_a_new_secret_is_not_waited_for_while_the_old_token_is_good(
    clients: Clients, desk: AccountDesk, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    await apply(desk, "main", fields)
    clients.refresh()
    await clients.client(DEFAULT).who_am_i()
    await apply(desk, "main", fields)
    dynamics.world.faults.plan(Fault(Kind.STATUS, where="token", status=503))
    clients.refresh()
    assert await clients.client(DEFAULT).who_am_i()
    other = {**fields, "scope": fields["environment_url"], "api_version": "v9.1"}
    await clients.keep_fresh()  # meets the 503 and leaves the token in use
    assert await clients.client(DEFAULT).who_am_i()
    await apply(desk, "main", other)
    clients.refresh()
    assert await clients.client(DEFAULT).who_am_i()


async def test_an_untouched_account_keeps_its_client(
    clients: Clients, desk: AccountDesk, fields: dict[str, Any]
) -> None:
    await apply(desk, "one", fields)
    clients.refresh()
    one = clients.client(DEFAULT)
    await apply(desk, "two", fields)
    clients.refresh()
    assert clients.client(DEFAULT, "one") is one
    desk.remove(DEFAULT, "one", who="test")
    clients.refresh()
    with pytest.raises(AccountNotReady):
        clients.client(DEFAULT, "one")


async def test_a_renewed_refresh_token_survives_a_restart(
    clients: Clients,
    desk: AccountDesk,
    dynamics: Simulation,
    fields: dict[str, Any],
) -> None:
    desk.save(DEFAULT, "main", {**fields, "access": "delegated"}, who="test")
    url = await desk.begin_consent(DEFAULT, "main", CALLBACK, browser="mine")
    await desk.finish_consent(press(dynamics, url), browser="mine")
    desk.apply(DEFAULT, "main", who="test")
    clients.refresh()
    client = clients.client(DEFAULT)
    await client.who_am_i()
    newest = list(dynamics.world.directory.refresh_tokens)[-1]
    for token, grant in dynamics.world.directory.refresh_tokens.items():
        grant.revoked = token != newest
    assert (await desk.test(DEFAULT, "main", "applied")).valid
    clients.refresh()
    assert clients.client(DEFAULT) is client


async def test_the_buckets_of_a_tenants_accounts_are_known(
    clients: Clients, desk: AccountDesk, fields: dict[str, Any]
) -> None:
    assert clients.buckets(DEFAULT) == frozenset()
    await apply(desk, "main", {**fields, "recording_bucket": "calls"})
    clients.refresh()
    assert clients.buckets(DEFAULT) == {"calls"}
    assert clients.buckets(Tenant("other")) == frozenset()
