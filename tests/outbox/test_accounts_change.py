"""Change the account under the steps that use it: none of them fails for it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

from adapter import steps
from adapter.demo.simulated.entra.directory import Secret
from adapter.demo.simulated.faults import Kind
from adapter.demo.simulated.serving import Simulation
from tests.outbox.office import ACCOUNT, Call, break_down, described, letters
from tests.server import Server, eventually

FAR = datetime(2099, 1, 1, tzinfo=UTC)
CALLS = 40


def test_a_new_secret_takes_over_under_load_and_no_step_fails(
    fresh: Server, dynamics: Simulation, fields: dict[str, Any]
) -> None:
    old, new = fields["client_secret"], "new~secret"
    calls = [Call(fresh, dynamics) for _ in range(CALLS)]
    break_down(dynamics, Kind.SLOW, path="phonecalls", seconds=0.1, count=-1)

    def ring() -> None:
        for call in calls:
            call.created()
            call.ended()

    phone = threading.Thread(target=ring)
    phone.start()
    eventually(lambda: len(dynamics.world.database.rows("phonecall")) > 3, "calls are under way")
    dynamics.world.application.secrets = [Secret(old, FAR), Secret(new, FAR)]
    changed = {**described(fields), "client_secret": new}
    assert fresh.request("PUT", ACCOUNT, changed, scope="admin").is_success
    assert fresh.request("POST", f"{ACCOUNT}/apply", scope="admin").is_success
    dynamics.world.application.secrets = [Secret(new, FAR)]
    phone.join()
    dynamics.world.faults.clear()
    for call in calls:
        call.until("category", "voice")
        assert len(call.rows()) == 1
        assert not call.told("step waits")
    assert letters(fresh) == []
    asked = [line for line in list(dynamics.world.log) if line["where"] == "token"]
    assert all(line["status"] == 200 for line in asked)


def test_a_renamed_account_goes_on_serving_what_named_it(
    fresh: Server, dynamics: Simulation
) -> None:
    document = json.loads(steps.dump(steps.default_steps()))
    for step in document["steps"]:
        step["account"] = "MAIN"
    assert fresh.request("PUT", "/v1/admin/steps", document, scope="admin").is_success
    early, late = Call(fresh, dynamics), Call(fresh, dynamics)
    break_down(dynamics, Kind.STATUS, method="POST", path="phonecalls", status=503, count=-1)
    early.created()
    early.until_told("step waits")
    renamed = fresh.request("POST", f"{ACCOUNT}/rename", {"name": "sales"}, scope="admin")
    assert renamed.is_success, renamed.text
    dynamics.world.faults.clear()
    early.row()
    early.ended()
    early.until("category", "voice")
    late.created()
    late.row()
    shown = fresh.request("GET", "/v1/admin/steps", scope="admin").json()
    assert {step["account"] for step in shown["steps"]["steps"]} == {"sales"}
    assert shown["disabled"] is None
    assert letters(fresh) == []
