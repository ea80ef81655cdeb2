"""Drive the client against the simulated Dataverse over real HTTPS, faults included."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from adapter.accounts.parsing import Parsed
from adapter.dataverse import errors, metadata, queries, requests
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.entra import Entra
from adapter.dataverse.limiter import Limiter
from adapter.dataverse.requests import DataverseRequest, Priority
from adapter.dataverse.tokens import TokenSource
from adapter.demo.simulated.faults import FOREVER, Fault, Kind
from adapter.demo.simulated.serving import Simulation
from tests.dataverse.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(parsed: Parsed, tls: ssl.SSLContext) -> AsyncIterator[DataverseClient]:
    tokens = TokenSource(Entra(*parsed, tls=tls), account="main")
    made = DataverseClient(parsed.account, tokens, tls=tls, total=5.0)
    yield made
    await made.close(within=1.0)


def calls(simulation: Simulation) -> int:
    return len(simulation.world.database.rows("phonecall"))


async def test_a_record_is_created_read_changed_and_deleted(client: DataverseClient) -> None:
    made = await client.create("phonecalls", {"subject": "O'Hara + Sons 100%", "phonenumber": "+1"})
    assert made is not None
    path = queries.record("phonecalls", made)
    assert (await client.read(path))["subject"] == "O'Hara + Sons 100%"
    await client.update(path, {"category": "VOICE"})
    assert (await client.read(path, formatted=True))["category"] == "VOICE"
    await client.delete(path)
    with pytest.raises(errors.RecordNotFound):
        await client.read(path)


async def test_an_update_of_a_missing_record_makes_no_ghost(
    client: DataverseClient, dynamics: Simulation
) -> None:
    before = calls(dynamics)
    with pytest.raises(errors.RecordNotFound):
        await client.update(queries.record("phonecalls", uuid.uuid4()), {"subject": "ghost"})
    assert calls(dynamics) == before


async def test_a_create_with_our_id_makes_one_row_however_often_it_is_sent(
    client: DataverseClient, dynamics: Simulation
) -> None:
    before = calls(dynamics)
    values = {"activityid": str(uuid.uuid4()), "subject": "once"}
    dynamics.world.faults.plan(Fault(Kind.DROP_AFTER, method="POST"))
    with pytest.raises(errors.LostAnswer) as lost:
        await client.create("phonecalls", values)
    assert lost.value.outcome_unknown
    assert lost.value.retriable
    with pytest.raises(errors.DuplicateRecord):
        await client.create("phonecalls", values)
    assert calls(dynamics) == before + 1


async def test_a_read_whose_connection_broke_is_sent_once_more(
    client: DataverseClient, dynamics: Simulation
) -> None:
    dynamics.world.faults.plan(Fault(Kind.DROP_BEFORE, method="GET"))
    assert (await client.who_am_i())["UserId"]


async def test_a_filter_finds_numbers_and_names_that_hold_special_characters(
    client: DataverseClient,
) -> None:
    for name, number in (("O'Hara_1", "+4420+1"), ("OxHara11", "4420 1"), ("100%", "[7]")):
        await client.create("contacts", {"lastname": name, "mobilephone": number})
    for matching, expected in (
        (queries.equals("mobilephone", "+4420+1"), ["O'Hara_1"]),
        (queries.contains("mobilephone", "+44"), ["O'Hara_1"]),
        (queries.ends_with("lastname", "Hara_1"), ["O'Hara_1"]),
        (queries.starts_with("lastname", "100%"), ["100%"]),
        (queries.contains("mobilephone", "[7]"), ["100%"]),
    ):
        query = queries.query(select=["lastname"], matching=matching)
        found = [row["lastname"] async for row in client.rows("contacts", query)]
        assert found == expected, matching


async def test_rows_come_page_after_page(client: DataverseClient) -> None:
    await client.batch([requests.create("tasks", {"subject": str(n)}) for n in range(25)])
    query = queries.query(select=["subject"], order=[("subject", "asc")])
    rows = [row async for row in client.rows("tasks", query, page_size=10)]
    assert len(rows) >= 25
    assert len({row["activityid"] for row in rows}) == len(rows)


async def test_a_batch_gives_each_its_answer_or_its_error(client: DataverseClient) -> None:
    found = await client.batch(
        [
            requests.create("phonecalls", {"subject": "a"}),
            requests.create("phonecalls", {"nonsense": 1}),
            requests.who_am_i(),
        ]
    )
    assert [getattr(each, "status", None) for each in found] == [204, 400, 200]
    assert isinstance(found[1], errors.RequestRefused)


async def test_reads_that_belong_together_take_one_round_trip(
    client: DataverseClient, dynamics: Simulation
) -> None:
    dynamics.world.faults.plan(Fault(Kind.DROP_AFTER, method="POST", path="batch"))
    wanted = [("WhoAmI", ""), ("contacts", queries.query(select=["lastname"], top=1))]
    who, page = await client.read_together(wanted)
    assert who["UserId"]
    assert len(page["value"]) == 1
    with pytest.raises(errors.RequestRefused):
        await client.read_together([*wanted, ("contacts", queries.query(select=["nonsense"]))])
    asked = [str(line["path"]) for line in dynamics.world.log if line["where"] == "dataverse"]
    assert len(asked) == 3, "two for the answer that was lost, one for the refusal"
    assert all(path.endswith("$batch") for path in asked)


async def test_the_columns_of_a_table_take_one_round_trip(
    client: DataverseClient, dynamics: Simulation
) -> None:
    known = (await metadata.tables(client)).find("phonecalls")
    assert known is not None
    before = len(list(dynamics.world.log))
    read = await metadata.with_columns(client, known)
    assert read.columns is not None
    assert read.navigations
    assert len(list(dynamics.world.log)) == before + 1


async def test_an_atomic_batch_is_all_or_nothing(
    client: DataverseClient, dynamics: Simulation
) -> None:
    before = calls(dynamics)
    good = requests.create("phonecalls", {"subject": "a"})
    found = await client.batch([good, requests.create("phonecalls", {"no": 1})], atomic=True)
    assert all(isinstance(each, errors.RequestRefused) for each in found)
    assert calls(dynamics) == before
    await client.batch([good, good], atomic=True)
    assert calls(dynamics) == before + 2


async def test_an_agent_is_named_as_the_creator(
    client: DataverseClient, dynamics: Simulation
) -> None:
    users = dynamics.description()["users"]
    assert isinstance(users, dict)
    agent = next(iter(users.values()))
    made = await client.create("phonecalls", {"subject": "x"}, caller=agent)
    row = await client.read(queries.record("phonecalls", str(made)))
    assert row["_createdby_value"] != row["_createdonbehalfby_value"]


async def test_retry_after_silences_the_whole_account(
    client: DataverseClient, dynamics: Simulation
) -> None:
    await client.who_am_i()
    dynamics.world.faults.plan(Fault(Kind.STATUS, status=429, retry_after=1))
    with pytest.raises(errors.Throttled) as caught:
        await client.who_am_i()
    assert caught.value.retry_after == 1
    with pytest.raises(errors.Throttled):
        await client.send(requests.who_am_i(), patience=0.1)
    sent = len(dynamics.world.log)
    began = time.monotonic()
    await asyncio.gather(*(client.who_am_i() for _ in range(5)))
    assert time.monotonic() - began > 0.8
    assert len(dynamics.world.log) == sent + 5


async def test_no_more_requests_run_at_once_than_dataverse_allows(
    parsed: Parsed, tls: ssl.SSLContext, dynamics: Simulation
) -> None:
    dynamics.world.limits.bounds.concurrent = 6
    dynamics.world.behaviour.latency = 0.01
    tokens = TokenSource(Entra(*parsed, tls=tls), account="main")
    limited = DataverseClient(parsed.account, tokens, tls=tls, limiter=Limiter(at_once=6))
    values = [{"subject": str(number)} for number in range(40)]
    await asyncio.gather(*(limited.create("phonecalls", each) for each in values))
    await limited.close()


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_fault_may_have_happened_and_may_be_sent_again(
    client: DataverseClient, dynamics: Simulation, status: int
) -> None:
    dynamics.world.faults.plan(Fault(Kind.STATUS, status=status))
    with pytest.raises(errors.ServerFault) as caught:
        await client.create("phonecalls", {"subject": "x"})
    assert caught.value.status == status


async def test_a_silent_server_is_given_up(
    parsed: Parsed, tls: ssl.SSLContext, dynamics: Simulation
) -> None:
    tokens = TokenSource(Entra(*parsed, tls=tls), account="main")
    hasty = DataverseClient(parsed.account, tokens, tls=tls, total=0.3)
    dynamics.world.faults.plan(Fault(Kind.HANG, seconds=2.0))
    with pytest.raises(errors.LostAnswer, match="in time"):
        await hasty.create("phonecalls", {"subject": "x"})
    await hasty.close()


async def test_an_environment_that_is_not_there_is_told_apart_from_a_lost_answer(
    parsed: Parsed, tls: ssl.SSLContext
) -> None:
    tokens = TokenSource(Entra(*parsed, tls=tls), account="main")
    for environment in ("https://localhost:1", "https://no-such-host.invalid"):
        account = msgspec.structs.replace(parsed.account, environment_url=environment)
        lost = DataverseClient(account, tokens, tls=tls)
        with pytest.raises(errors.NotSent) as caught:
            await lost.who_am_i()
        assert not caught.value.outcome_unknown
        await lost.close()


async def test_a_revoked_token_is_replaced_without_a_failed_call(
    client: DataverseClient, dynamics: Simulation
) -> None:
    await client.who_am_i()
    dynamics.world.faults.plan(Fault(Kind.STATUS, status=401))
    assert await client.create("phonecalls", {"subject": "x"})


async def test_a_token_that_is_refused_again_is_told(
    client: DataverseClient, dynamics: Simulation
) -> None:
    dynamics.world.faults.plan(Fault(Kind.STATUS, status=401, count=2))
    with pytest.raises(errors.TokenRefused):
        await client.who_am_i()


def answered(simulation: Simulation, status: int) -> int:
    """Count the requests to Dataverse that were answered so."""
    lines = [line for line in simulation.world.log if line["where"] == "dataverse"]
    return sum(line.get("status") == status for line in lines)  # not there until it is answered


def fetches(simulation: Simulation) -> int:
    return sum(line["where"] == "token" for line in simulation.world.log)


@pytest.fixture
async def narrow(
    parsed: Parsed, tls: ssl.SSLContext, clock: Clock
) -> AsyncIterator[DataverseClient]:
    """Give a client that sends three requests at once, with a token in hand."""
    tokens = TokenSource(Entra(*parsed, tls=tls), account="main", clock=clock)
    limiter = Limiter(at_once=3, kept_for_pops=0)
    made = DataverseClient(parsed.account, tokens, tls=tls, limiter=limiter)
    await made.who_am_i()
    yield made
    await made.close(within=1.0)


async def test_a_refused_token_is_not_sent_again_by_those_who_wait_for_their_turn(
    narrow: DataverseClient, dynamics: Simulation
) -> None:
    dynamics.world.behaviour.ahead += timedelta(hours=5)
    dynamics.world.faults.plan(Fault(Kind.SLOW, where="token", seconds=0.3))
    values = [{"subject": str(number)} for number in range(30)]
    async with asyncio.TaskGroup() as group:
        for each in values:
            group.create_task(narrow.create("phonecalls", each))
        while not answered(dynamics, 401):  # noqa: ASYNC110 - it runs in a thread
            await asyncio.sleep(0.01)
        late = group.create_task(narrow.create("phonecalls", {"subject": "late"}))
    assert late.result()
    assert 1 <= answered(dynamics, 401) <= 3, "those alone that were on their way"
    assert answered(dynamics, 204) == len(values) + 1
    assert fetches(dynamics) == 2


async def test_where_a_fresh_token_is_refused_too_nothing_is_sent_for_a_while(
    narrow: DataverseClient, dynamics: Simulation, clock: Clock
) -> None:
    dynamics.world.faults.plan(Fault(Kind.STATUS, status=401, count=FOREVER))

    async def storm() -> tuple[int, int]:
        """Give how many requests were sent, and how many tokens were asked for."""
        before = answered(dynamics, 401), fetches(dynamics)
        asked = (narrow.who_am_i() for _ in range(30))
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(each) for each in results} == {errors.TokenRefused}
        return answered(dynamics, 401) - before[0], fetches(dynamics) - before[1]

    sent, asked = await storm()
    assert 2 <= sent <= 4, "those that were on their way, and one with the new token"
    assert asked == 1
    assert await storm() == (0, 0)
    clock.now += 1.5
    assert await storm() == (1, 1), "one tries, the others hear of it"
    clock.now += 1.5
    assert await storm() == (0, 0), "the pause grows"
    dynamics.world.faults.clear()
    clock.now += 1.0
    assert (await narrow.who_am_i())["UserId"]
    dynamics.world.faults.plan(Fault(Kind.STATUS, status=401))
    assert await narrow.create("phonecalls", {"subject": "a token that was taken is renewed"})


async def test_where_the_account_is_no_user_any_more_one_request_tries_for_all(
    narrow: DataverseClient, dynamics: Simulation, clock: Clock
) -> None:
    dynamics.world.set_application_user(present=False)

    async def storm() -> int:
        """Give how many of thirty requests were sent."""
        before = answered(dynamics, 403)
        asked = (narrow.who_am_i() for _ in range(30))
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(each) for each in results} == {errors.UserMissing}
        return answered(dynamics, 403) - before

    assert 2 <= await storm() <= 4, "those that were on their way, and one on trial"
    assert await storm() == 0
    with pytest.raises(errors.UserMissing) as told:
        await narrow.who_am_i()
    assert (told.value.status, told.value.retry_after) == (403, 1.0)
    clock.now += 1.5
    assert await storm() == 1
    clock.now += 1.5
    assert await storm() == 0, "the pause grows"
    dynamics.world.set_application_user(present=True)
    clock.now += 1.0
    values = [{"subject": str(number)} for number in range(30)]
    dynamics.world.behaviour.latency = 0.05
    began = time.monotonic()
    assert all(await asyncio.gather(*(narrow.create("phonecalls", each) for each in values)))
    assert time.monotonic() - began < 1.2, "once one was taken they go side by side again"


async def test_a_missing_agent_does_not_stop_the_account(
    narrow: DataverseClient, dynamics: Simulation
) -> None:
    nobody = str(uuid.uuid4())
    for _ in range(3):
        with pytest.raises(errors.UserMissing):
            await narrow.create("phonecalls", {"subject": "x"}, caller=nobody)
    assert await narrow.create("phonecalls", {"subject": "x"})
    assert fetches(dynamics) == 1


async def test_one_that_hangs_on_trial_is_not_waited_for_without_end(
    narrow: DataverseClient, dynamics: Simulation, clock: Clock
) -> None:
    dynamics.world.set_application_user(present=False)
    for _ in range(2):
        with pytest.raises(errors.UserMissing):
            await narrow.who_am_i()
    dynamics.world.set_application_user(present=True)
    clock.now += 1.5
    slow = Fault(Kind.SLOW, method="POST", seconds=1.5)
    dynamics.world.faults.plan(slow)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(narrow.create("phonecalls", {"subject": "x"}))
        while not slow.met:  # noqa: ASYNC110 - it runs in a thread
            await asyncio.sleep(0.01)
        with pytest.raises(errors.Throttled) as told:
            await narrow.send(requests.who_am_i(), patience=0.1)
        assert told.value.retry_after == 1.0
        patient = group.create_task(narrow.who_am_i())
    assert first.result()
    assert patient.result()["UserId"]


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example/x",
        "/api/data/v9.2/contacts",
        "../../../evil",
        "contacts/%2e%2e/%2e%2e/x",
        "contacts\r\nX: y",
        "contacts#x",
        "con tacts",
        "..\\x",
        "",
        "contacts/../../../../x",
    ],
)
async def test_no_path_leads_out_of_the_accounts_web_api(
    client: DataverseClient, dynamics: Simulation, path: str
) -> None:
    with pytest.raises(errors.ForbiddenAddress):
        await client.send(DataverseRequest(method="GET", path=path))
    assert not dynamics.world.log


async def test_a_slow_write_does_not_keep_a_pop_waiting(
    parsed: Parsed, tls: ssl.SSLContext, dynamics: Simulation
) -> None:
    tokens = TokenSource(Entra(*parsed, tls=tls), account="main")
    limiter = Limiter(at_once=3, kept_for_pops=1)
    busy = DataverseClient(parsed.account, tokens, tls=tls, limiter=limiter)
    await busy.who_am_i()
    dynamics.world.faults.plan(Fault(Kind.SLOW, method="POST", seconds=0.8, count=6))
    async with asyncio.TaskGroup() as group:
        writes = [
            group.create_task(busy.create("phonecalls", {"subject": str(number)}))
            for number in range(4)
        ]
        await asyncio.sleep(0.05)
        await busy.send(requests.who_am_i(), priority=Priority.POP)
        assert not any(write.done() for write in writes)
    await busy.close()


async def test_closing_lets_the_calls_in_flight_end(
    client: DataverseClient, dynamics: Simulation
) -> None:
    await client.who_am_i()
    dynamics.world.faults.plan(Fault(Kind.SLOW, method="POST", seconds=0.3))
    loop = asyncio.get_running_loop()
    call = loop.create_task(client.create("phonecalls", {"subject": "x"}))
    await asyncio.sleep(0.05)
    with contextlib.suppress(errors.NotSent):
        await client.close(within=5.0)
    assert await call
