from __future__ import annotations

import pytest
from starlette.applications import Starlette

from adapter.demo.dialing import dialled
from adapter.demo.drive import drive, play
from adapter.errors import Conflict, MalformedInput, NotFound, Unavailable
from tests import in_loop
from tests.demo.receiver import Receiver

URL = "http://phone.localhost:8000"


async def test_a_call_is_played_to_its_recording(phone_site: Starlette, receiver: Receiver) -> None:
    async with phone_site.router.lifespan_context(phone_site) as state:
        call = await play(
            URL,
            {"agent": "alice", "from": "+12025550142"},
            answer_after=0,
            transfer_to="bob",
            hangup_after=0,
            recording=True,
            transport=in_loop.transport(phone_site, dict(state or {})),
        )
    assert call["state"] == "ended"
    assert receiver.stages == [
        *("created", "offered", "answered", "transferred", "answered", "ended", "recorded")
    ]


async def test_each_refusal_is_the_error_that_it_stands_for(phone_site: Starlette) -> None:
    async with phone_site.router.lifespan_context(phone_site) as state:
        transport = in_loop.transport(phone_site, dict(state or {}))
        with pytest.raises(MalformedInput, match="mallory"):
            await drive(URL, "ring", {"agent": "mallory", "from": "+123"}, transport=transport)
        with pytest.raises(NotFound, match="none"):
            await drive(URL, "answer", call="none", transport=transport)
        made = await drive(URL, "ring", {"agent": "bob", "from": "+123"}, transport=transport)
        with pytest.raises(Conflict, match="ringing"):
            await drive(URL, "recording", call=made["call"]["id"], transport=transport)
        assert len((await drive(URL, "list", transport=transport))["calls"]) == 1


async def test_a_phone_system_that_is_not_there_is_named() -> None:
    with pytest.raises(Unavailable, match=r"no phone system answers at http://phone\.localhost:1"):
        await drive("http://phone.localhost:1", "list")


@pytest.mark.parametrize(
    ("url", "dial", "headers"),
    [
        ("http://phone.localhost:8000/a?b", "http://127.0.0.1:8000/a?b", "phone.localhost:8000"),
        ("http://phone.localhost/", "http://127.0.0.1/", "phone.localhost"),
        ("http://localhost:8000/", "http://localhost:8000/", None),
        ("https://acme.example/x", "https://acme.example/x", None),
    ],
)
def test_a_name_under_localhost_is_dialled_here(url: str, dial: str, headers: str | None) -> None:
    assert dialled(url) == (dial, {"Host": headers} if headers else {})
