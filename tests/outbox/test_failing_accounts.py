"""A later test that fails is shown everywhere and stops no steps: contacts are not lost."""

from __future__ import annotations

from typing import Any

from adapter.demo.simulated.faults import Kind
from adapter.demo.simulated.serving import Simulation
from tests.outbox.office import ACCOUNT, Call, break_down, connect, replay
from tests.server import Server, eventually


def ask(server: Server, method: str, path: str) -> Any:
    answer = server.request(method, path, scope="admin")
    assert answer.is_success, answer.text
    return answer.json()


def gauge(server: Server) -> str:
    text = server.request("GET", "/metrics").text
    return next(
        line.rpartition(" ")[2]
        for line in text.splitlines()
        if line.startswith("screenpop_accounts_failing{")
    )


def test_a_later_test_that_fails_marks_the_account_and_its_steps_go_on(
    fresh: Server, dynamics: Simulation
) -> None:
    assert ask(fresh, "GET", ACCOUNT)["failing"] is None
    dynamics.world.set_application_user(present=False)
    report = ask(fresh, "POST", f"{ACCOUNT}/test")
    assert not report["valid"]
    shown = ask(fresh, "GET", ACCOUNT)
    assert shown["ready"]
    assert report["message"] in shown["failing"]
    assert ask(fresh, "GET", "/v1/admin/steps")["disabled"] is None
    eventually(lambda: gauge(fresh) == "1.0", "the metric says so")
    call = Call(fresh, dynamics)
    call.created()
    call.until_told("step waits", "not a member of the organization")
    call.ended()
    dynamics.world.set_application_user(present=True)
    assert ask(fresh, "POST", f"{ACCOUNT}/test")["valid"]
    eventually(lambda: gauge(fresh) == "0.0", "the metric says that all is well")
    call.until("category", "voice")
    assert call.letters() == []


def test_what_dynamics_refuses_while_the_account_fails_is_a_dead_letter_with_the_cause(
    fresh: Server, dynamics: Simulation
) -> None:
    break_down(dynamics, Kind.STATUS, path="WhoAmI", status=403, message="no")
    assert not ask(fresh, "POST", f"{ACCOUNT}/test")["valid"]
    denied = "Principal user is missing prvCreateActivity privilege"
    break_down(dynamics, Kind.STATUS, method="POST", path="phonecalls", status=403, message=denied)
    call = Call(fresh, dynamics)
    call.created()
    (letter,) = call.until_letters()
    assert "prvCreateActivity" in letter["cause"]
    replay(fresh, letter["id"])
    call.row()


def test_settings_that_were_never_tested_wait_for_their_first_pass(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    saved = fresh.request("PUT", f"{ACCOUNT}?test=no", {**fields, "default": True}, scope="admin")
    assert saved.is_success, saved.text
    ask(fresh, "POST", f"{ACCOUNT}/apply")
    assert "has not been tested" in ask(fresh, "GET", "/v1/admin/steps")["disabled"]
    connect(fresh, fields)
