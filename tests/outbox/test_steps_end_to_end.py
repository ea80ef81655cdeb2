from __future__ import annotations

from typing import Any

from adapter.demo.simulated.serving import Simulation
from tests.server import Server, eventually

PHONE = "+12025550142"
CUSTOMER = {"phone": PHONE, "name": "Denise Carter"}


def calls(dynamics: Simulation) -> list[dict[str, Any]]:
    rows = dynamics.world.database.rows("phonecall")
    return [
        {"activityid": record, **row}
        for record, row in rows.items()
        if row.get("phonenumber") == PHONE
    ]


def test_a_contact_leaves_one_phone_call_with_the_fields_of_every_step(
    server: Server, dynamics: Simulation
) -> None:
    panel = server.panel("alice")
    panel.next()
    server.report("created", "c-1", channel="voice", direction="inbound", customer=CUSTOMER)
    server.report("offered", "c-1", agent="alice")
    server.report("answered", "c-1", agent="alice")
    pop = panel.until("screenpop.pop")["data"]
    (row,) = eventually(lambda: calls(dynamics), "the phone call is made")
    assert pop["open"] is True
    assert pop["record"] == {"table": "phonecall", "id": row["activityid"]}
    server.report("ended", "c-1")
    url = "https://recordings.example/c-1.wav"
    server.report("recorded", "c-1", recording={"kind": "recording", "url": url})
    eventually(lambda: calls(dynamics)[0].get("category") == "voice", "the ended step")
    eventually(lambda: url in (calls(dynamics)[0].get("description") or ""), "the recording")
    assert len(calls(dynamics)) == 1
