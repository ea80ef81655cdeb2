"""Steps run only by an account in force that passed its test; a new secret takes over unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapter.demo.simulated.entra.directory import Secret
from adapter.demo.simulated.faults import Kind
from adapter.demo.simulated.serving import Simulation
from tests.outbox.office import (
    ACCOUNT,
    Call,
    break_down,
    connect,
    described,
    set_steps,
    trusting,
    writes,
)
from tests.server import Server, eventually


def test_nothing_is_sent_until_the_account_is_applied_and_its_test_has_passed(
    tmp_path: Path, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    def ask(method: str, path: str, body: Any = None) -> Any:
        answer = server.request(method, path, body, scope="admin")
        assert answer.is_success, answer.text
        return answer.json()

    def later_call() -> Call:
        begun = Call(server, dynamics)
        begun.created()
        begun.ended()
        return begun

    with Server(tmp_path, **trusting(dynamics)) as server:
        assert set_steps(server) == "There is no integration account in force."
        early = [later_call()]
        ask("PUT", f"{ACCOUNT}?test=no", described(fields))
        assert "no integration account" in ask("GET", "/v1/admin/steps")["disabled"]
        early.append(later_call())
        ask("POST", f"{ACCOUNT}/apply")
        assert "has not been tested" in ask("GET", "/v1/admin/steps")["disabled"]
        early.append(later_call())
        dynamics.world.set_application_user(present=False)
        assert not ask("POST", f"{ACCOUNT}/test")["valid"]
        assert "test of the connection failed" in ask("GET", "/v1/admin/steps")["disabled"]
        early.append(later_call())
        assert writes(dynamics) == []
        for call, why in zip(
            early,
            (
                "There is no integration account in force.",
                "There is no integration account in force.",
                "The connection has not been tested: use Test connection.",
                "The last test of the connection failed: ",
            ),
            strict=True,
        ):
            created, ended = call.told("steps off")
            assert f"step 2 does not run: {why}" in created
            assert f"step 4 does not run: {why}" in ended
            assert "the contact's next event makes up for this" in ended
        dynamics.world.set_application_user(present=True)
        ask("POST", f"{ACCOUNT}/test")
        assert ask("GET", "/v1/admin/steps")["disabled"] is None
        later = later_call()
        later.until("category", "voice")
        assert later.told("steps off") == []
        assert [each.rows() for each in early] == [[]] * 4


def test_a_contact_is_told_once_of_each_step_that_does_not_run_and_its_next_event_makes_up_for_it(
    tmp_path: Path, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    with Server(tmp_path, **trusting(dynamics)) as server:
        set_steps(server)
        call = Call(server, dynamics)
        call.created()
        call.created(queue="sales")
        call.answered()
        call.answered("another")
        (line,) = call.told("steps off")
        assert line.startswith("steps off: step 2 does not run: There is no integration account")
        connect(server, fields)
        assert call.rows() == []
        call.ended()
        call.until("category", "voice")
        assert len(call.told("steps off")) == 1


def test_nothing_is_told_of_steps_to_who_has_none_or_has_switched_them_off(
    tmp_path: Path, dynamics: Simulation
) -> None:
    with Server(tmp_path, **trusting(dynamics)) as server:
        without = Call(server, dynamics)
        without.created()
        off = {"enabled": False}
        set_steps(server, members={2: off, 3: off, 4: off, 5: off})
        assert server.request("GET", "/v1/admin/steps", scope="admin").json()["disabled"] is None
        switched_off = Call(server, dynamics)
        switched_off.created()
        for call in (without, switched_off):
            call.ended()
            assert call.told("steps off") == []


def test_a_step_that_does_not_run_is_named_while_the_others_run(
    fresh: Server, fields: dict[str, Any]
) -> None:
    def shown() -> Any:
        return fresh.request("GET", "/v1/admin/steps", scope="admin").json()

    assert (shown()["disabled"], shown()["steps_off"]) == (None, [])
    other = ACCOUNT.replace("main", "other")
    assert fresh.request("PUT", f"{other}?test=no", fields, scope="admin").is_success
    set_steps(fresh, members={2: {"account": "other"}})
    reason = "There is no integration account other in force."
    assert shown()["disabled"] is None
    assert shown()["steps_off"] == [f"step 2 does not run: {reason}"]
    set_steps(fresh, members={number: {"account": "other"} for number in (2, 4, 5)})
    assert shown()["disabled"] == reason
    assert shown()["steps_off"] == [f"steps 2, 4 and 5 do not run: {reason}"]


def test_applying_an_account_that_leaves_steps_without_a_default_says_so(
    fresh: Server, fields: dict[str, Any]
) -> None:
    for name in ("main", "other"):
        account = ACCOUNT.replace("main", name)
        draft = {**fields, "default": False}
        assert fresh.request("PUT", account, draft, scope="admin").is_success
        applied = fresh.request("POST", f"{account}/apply", scope="admin").json()
    several = "There are several integration accounts and none is the default: choose one."
    assert applied["steps_off"] == [f"steps 2, 3, 4 and 5 do not run: {several}"]


def test_a_new_secret_takes_over_with_calls_in_flight_and_no_failed_step(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    calls = [Call(fresh, dynamics) for _ in range(6)]
    slow = break_down(dynamics, Kind.SLOW, method="POST", path="phonecalls", seconds=1.5, count=6)
    for call in calls:
        call.created()
    eventually(lambda: slow.met == 6, "six requests are in flight")
    world = dynamics.world
    world.application.secrets.append(Secret("brand new", world.application.secrets[0].expires))
    connect(fresh, {**fields, "client_secret": "brand new"})
    world.application.secrets = world.application.secrets[1:]
    for call in calls:
        call.ended()
    for call in calls:
        call.until("category", "voice")
        assert len(call.rows()) == 1
        assert call.told("step waits") == []
        assert call.letters() == []
    made = [line["status"] for line in writes(dynamics, "POST")]
    assert made == [201] * 6, "the calls in flight ended as they began"


def test_steps_wait_for_a_new_secret_where_the_old_one_has_expired_and_then_go_on_at_once(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    world = dynamics.world
    world.expire_secrets(expired=True)
    fresh.restart()  # it has no token in hand
    call = Call(fresh, dynamics)
    call.created()
    call.ended()
    (line,) = call.until_told("step waits")[:1]
    assert "expired" in line
    world.application.secrets.append(Secret("brand new", world.application.secrets[0].expires))
    world.expire_secrets(expired=False)
    connect(fresh, {**fields, "client_secret": "brand new"})
    call.until("category", "voice")
    assert call.letters() == []


def test_what_waits_for_an_account_that_is_no_longer_ready_goes_on_when_it_is(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    call = Call(fresh, dynamics)
    break_down(dynamics, Kind.STATUS, method="POST", path="phonecalls", status=500)
    call.created()
    call.until_told("step waits")
    assert fresh.request("DELETE", ACCOUNT, scope="admin").is_success
    call.until_told("step waits", "no integration account in force")
    connect(fresh, fields)
    call.row()
