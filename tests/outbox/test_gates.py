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
        dynamics.world.set_application_user(present=True)
        ask("POST", f"{ACCOUNT}/test")
        assert ask("GET", "/v1/admin/steps")["disabled"] is None
        later = later_call()
        later.until("category", "voice")
        assert [each.rows() for each in early] == [[]] * 4


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
