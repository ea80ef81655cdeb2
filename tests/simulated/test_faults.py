from __future__ import annotations

import asyncio
import ssl
import time

import httpx
import pytest

from tests.simulated.conftest import Api, refusal, token


def calls(api: Api) -> int:
    return int(api.client.get(f"{api.simulation.url}/_control/").json()["rows"]["phonecall"])


def test_a_planned_status_meets_the_next_requests_and_no_more(api: Api) -> None:
    api.control("POST", "faults", {"kind": "status", "status": 429, "retry_after": 7, "count": 2})
    for _ in range(2):
        response = api("GET", "contacts")
        assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
        assert response.json()["error"]["code"] == "0x80072322"
    assert api("GET", "contacts").status_code == 200


def test_a_fault_waits_for_its_method_and_path(api: Api) -> None:
    fault = {"kind": "status", "status": 503, "method": "POST", "path": "phonecalls", "skip": 1}
    api.control("POST", "faults", fault)
    assert api("GET", "phonecalls").status_code == 200
    assert api("POST", "phonecalls", {"subject": "first"}).status_code == 204
    assert api("POST", "phonecalls", {"subject": "second"}).status_code == 503
    assert calls(api) == 5


@pytest.mark.parametrize(("kind", "made"), [("drop_before", 4), ("drop_after", 5)])
def test_a_dropped_connection_brings_no_answer(api: Api, kind: str, made: int) -> None:
    api.control("POST", "faults", {"kind": kind})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api("POST", "phonecalls", {"subject": "x"})
    assert calls(api) == made


@pytest.mark.parametrize(("kind", "made"), [("hang", 4), ("slow_answer", 5)])
def test_a_time_out_comes_before_or_after_the_effect(api: Api, kind: str, made: int) -> None:
    api.control("POST", "faults", {"kind": kind, "seconds": 0.5})
    url = f"{api.simulation.api_url}/phonecalls"
    with pytest.raises(httpx.ReadTimeout):
        api.client.post(url, json={"subject": "x"}, timeout=0.1)
    assert calls(api) == made


def test_a_slow_answer_is_a_good_one(api: Api) -> None:
    api.control("POST", "faults", {"kind": "slow", "seconds": 0.2})
    began = time.monotonic()
    assert api("GET", "WhoAmI").status_code == 200
    assert time.monotonic() - began >= 0.2


def test_token_requests_fail_on_demand_too(api: Api) -> None:
    api.control("POST", "faults", {"kind": "status", "status": 503, "where": "token"})
    api.control("POST", "faults", {"kind": "deny", "where": "token", "code": "AADSTS700082"})
    assert token(api.client, api.simulation).status_code == 503
    assert token(api.client, api.simulation).json()["error_codes"] == [700082]
    assert token(api.client, api.simulation).status_code == 200


@pytest.mark.parametrize("code", ["AADSTS53003", "50105", "AADSTS50079", "AADSTS700024"])
def test_a_denial_has_the_code_that_was_asked_for(api: Api, code: str) -> None:
    api.control("POST", "faults", {"kind": "deny", "where": "token", "code": code})
    answer = token(api.client, api.simulation).json()
    assert answer["error_codes"] == [int(code.removeprefix("AADSTS"))]


def test_chaos_is_repeatable(api: Api) -> None:
    def run() -> list[int]:
        api.control("DELETE", "faults", {"seed": 4})
        api.control("POST", "faults", {"kind": "status", "count": -1, "probability": 0.5})
        return [api("GET", "WhoAmI").status_code for _ in range(12)]

    first = run()
    assert set(first) == {200, 503}
    assert run() == first


def test_a_fault_that_makes_no_sense_is_refused(api: Api) -> None:
    url = f"{api.simulation.url}/_control/faults"
    for body, says in (
        ({"kind": "nosuch"}, "kind: one of status, slow, hang"),
        ({"kind": "slow", "secnds": 1}, "secnds: a fault has no such property, only kind, count"),
        ({"kind": "slow", "path": "("}, "path: "),
        ({"kind": "slow", "seconds": "1"}, "seconds: a number is expected"),
        ({"kind": "status", "count": True}, "count: a whole number is expected"),
        ({"kind": "deny", "where": "token", "code": "AADSTS1"}, "code: one of AADSTS7000215, "),
        ({"kind": "deny", "code": "AADSTS7000222"}, 'where: a denial needs "token"'),
    ):
        answer = api.client.post(url, json=body)
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(says), answer.text
    assert api.simulation.world.faults.listed() == []


def test_the_control_door_says_what_is_wrong_without_names_of_programming(api: Api) -> None:
    clock = f"{api.simulation.url}/_control/clock"
    assert api.client.post(clock, json={}).json() == {"detail": "advance: is missing"}
    broken = api.client.post(clock, content=b"{")
    assert broken.status_code == 400
    assert broken.json()["detail"].startswith("the body is no JSON: ")


def test_more_requests_than_the_limit_are_told_to_wait(api: Api) -> None:
    api.control("POST", "limits", {"requests": 3})
    for left in ("2", "1", "0"):
        response = api("GET", "WhoAmI")
        assert response.headers["x-ms-ratelimit-burst-remaining-xrm-requests"] == left
    response = api("GET", "WhoAmI")
    assert refusal(response) == (429, "0x80072322")
    wait = int(response.headers["Retry-After"])
    assert 290 <= wait <= 302
    # Microsoft: who keeps sending waits longer.
    assert int(api("GET", "WhoAmI").headers["Retry-After"]) > wait
    api.control("POST", "clock", {"advance": 301})
    assert api("GET", "WhoAmI").status_code == 200


async def test_too_many_at_once_are_refused_and_the_most_is_counted(api: Api) -> None:
    api.control("POST", "limits", {"concurrent": 3})
    api.control("POST", "behaviour", {"latency": 0.3})
    context = ssl.create_default_context(cafile=str(api.simulation.ca_file))
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=10) as client:
        url = f"{api.simulation.api_url}/WhoAmI"
        headers = {"Authorization": api.client.headers["Authorization"]}
        answers = await asyncio.gather(*(client.get(url, headers=headers) for _ in range(6)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.json()["error"]["code"] for answer in refused} == {"0x80072326"}
    assert api.client.get(f"{api.simulation.url}/_control/").json()["most_at_once"] == 3


def test_the_control_door_lists_rows_and_requests_and_resets(api: Api) -> None:
    api.create("phonecalls", {"subject": "x"})
    assert len(api.control("GET", "rows/phonecalls")) == 5
    posted = [line for line in api.control("GET", "requests") if line["method"] == "POST"]
    assert posted[-1]["body"] == {"subject": "x"}
    assert "authorization" not in posted[-1]["headers"]
    api.control("POST", "reset")
    assert len(api.control("GET", "rows/phonecall")) == 4


def test_an_administrator_adds_columns_and_keys_while_it_runs(api: Api) -> None:
    api.control("POST", "columns", {"table": "task", "name": "new_ref", "length": 5})
    api.control("POST", "keys", {"table": "task", "name": "new_refkey", "columns": ["new_ref"]})
    assert api("PATCH", "tasks(new_ref='a')", {"subject": "x"}).status_code == 204
    assert api("POST", "tasks", {"new_ref": "a"}).status_code == 412
    assert api("POST", "tasks", {"new_ref": "abcdef"}).status_code == 400
