"""Erase a person: nothing of them is left, in the file or in memory, and all else is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapter import pipeline, sought
from adapter.batch import Batch
from adapter.events import ContactEvent, Decoded, Entry, Stage
from adapter.store import erasing, maintenance
from adapter.store.database import REDO_SUFFIX
from adapter.tenants import DEFAULT
from tests.feed.local import Local
from tests.server import PATIENCE, POLICY, ROOT, Server, eventually

PHONE = "+493023125101"
NAME = "Maria Erasa-Weberina"
BYTES = (PHONE[1:].encode(), NAME.encode(), b"Erasa-Weberina")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    started.make_keys()
    started.set_policy()
    with started:
        yield started


def ring(server: Server, contact: str, **customer: str) -> None:
    """Let a contact come in, be answered and pop, and leave a recording."""
    data: dict[str, Any] = {"customer": customer}
    server.report("offered", contact, agent="alice", **data)
    server.answer("alice", contact)
    server.report("updated", contact, attributes={"topic": f"of {customer.get('name')}"})
    digits = "".join(filter(str.isdecimal, customer["phone"]))
    url = f"https://files.example/{digits}.wav"
    server.report("recorded", contact, recording={"kind": "recording", "url": url})


def erase(server: Server, **body: Any) -> dict[str, Any]:
    answer = server.request("POST", "/v1/admin/erasures", body, scope="admin")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def status(server: Server, contact: str, more: str = "") -> int:
    return server.request("GET", f"/v1/contacts/{contact}{more}", scope="admin").status_code


def left(server: Server) -> list[str]:
    """Name the files in which a byte of the person stands."""
    return [
        path.name
        for path in sorted(server.folder.glob("screenpop.db*"))
        if any(each in path.read_bytes() for each in BYTES)
    ]


def test_nothing_of_a_person_is_left_and_everybody_elses_contacts_are(server: Server) -> None:
    panel = server.panel("alice")
    panel.until("screenpop.snapshot")
    ring(server, "c-1", phone=PHONE, name=NAME)
    ring(server, "c-2", phone="0049 30 231251-01", name=NAME)
    ring(server, "c-3", phone="+4930999999", name="Somebody Else")
    assert left(server)
    dry = erase(server, phone=PHONE, dry_run=True)
    assert (dry["contacts"], dry["rows"]) == (["c-1", "c-2"], {})
    assert status(server, "c-1") == 200
    found = erase(server, phone="tel:+49-30-23125101")
    assert found["contacts"] == ["c-1", "c-2"]
    assert found["rows"]["messages"] == 12  # of eight events and four pops
    assert [status(server, each) for each in ("c-1", "c-2", "c-3")] == [404, 404, 200]
    assert [status(server, each, "/trace") for each in ("c-1", "c-2", "c-3")] == [404, 404, 200]
    assert left(server) == []
    audit = server.request("GET", "/v1/admin/audit", scope="admin")
    assert not any(each in audit.content for each in BYTES)
    (entry,) = [each for each in audit.json()["audit"] if each["what"].startswith("erased")]
    assert entry["what"] == "erased 2 contacts of a phone number"
    assert entry["who"].startswith("key ")
    assert json.loads(entry["after"])["messages"] == 12
    assert erase(server, phone=PHONE)["contacts"] == []


def test_a_feed_that_resumes_misses_no_sequence(server: Server) -> None:
    ring(server, "c-1", phone=PHONE, name=NAME)
    ring(server, "c-2", phone="+4930999999", name="Somebody Else")
    erase(server, person=NAME.upper())
    feed = server.connect("*", after=0)
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1].get("type") != "screenpop.contact.recorded":
        seen.append(feed.next())
    sequences = [int(each["sequence"]) for each in seen if each["type"] != "screenpop.snapshot"]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert {each.get("subject") for each in seen} <= {None, "c-2"}
    assert not any(each.decode() in json.dumps(seen) for each in BYTES)


def test_an_unfinished_pop_is_taken_from_the_panel(server: Server) -> None:
    panel = server.panel("alice")
    panel.until("screenpop.snapshot")
    ring(server, "c-1", phone=PHONE, name=NAME)
    pop = panel.until("screenpop.pop")
    erase(server, contact="c-1")
    withdrawn = panel.until("screenpop.pop.withdrawn")
    assert withdrawn["data"]["pop"] == pop["data"]["pop"]
    assert status(server, "c-1") == 404
    assert left(server) == []
    again = server.panel("alice")
    snapshot = again.until("screenpop.snapshot")
    assert (snapshot["data"]["contacts"], snapshot["data"]["pops"]) == ([], [])


def test_what_comes_in_later_brings_nothing_back(server: Server) -> None:
    ring(server, "c-1", phone=PHONE, name=NAME)
    erase(server, contact="c-1")
    server.report("ended", "c-1")
    shown = server.request("GET", "/v1/contacts/c-1", scope="admin").json()
    assert list(shown["stages"]) == ["ended"]
    assert shown["customer"] == {}
    assert left(server) == []


def test_what_a_command_line_erases_a_running_server_forgets(
    server: Server, clean_environment: dict[str, str]
) -> None:
    ring(server, "c-1", phone=PHONE, name=NAME)
    ring(server, "c-2", phone="+4930999999", name="Somebody Else")
    environment = {**clean_environment, **server.environment, "PYTHONPATH": str(ROOT)}
    done = screenpop(environment, "--phone", PHONE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("c-1\n1 contact erased: ")
    assert status(server, "c-1") == 404
    assert left(server) == []

    def forgotten() -> bool:
        server.report("updated", "c-1", attributes={"late": "1"})
        shown = server.request("GET", "/v1/contacts/c-1", scope="admin").json()
        again = "phone" in shown["customer"]
        if again:
            screenpop(environment, "--id", "c-1")
        return not again

    eventually(forgotten, "the server remembers nothing of it")


@pytest.mark.parametrize("by_command", [True, False])
def test_nothing_of_a_person_stands_behind_the_end_of_the_redo_log(
    server: Server, clean_environment: dict[str, str], *, by_command: bool
) -> None:
    server.report("created", "c-0")  # the first of a tenant is no mere row
    person = {"phone": PHONE, "name": NAME}
    events = [server.event("updated", "c-1", customer=person, n=number) for number in range(5)]
    assert server.post(*events).status_code == 202
    redo = server.database.with_name(f"{server.database.name}{REDO_SUFFIX}")
    maintenance.await_catch_up(server.database)
    server.report("created", "c-2")  # written over the beginning of what was there
    assert NAME.encode() in redo.read_bytes()
    if by_command:
        environment = {**clean_environment, **server.environment, "PYTHONPATH": str(ROOT)}
        done = screenpop(environment, "--phone", PHONE)
        assert done.returncode == 0, done.stderr
    else:
        assert erase(server, phone=PHONE)["contacts"] == ["c-1"]
    assert left(server) == []


def test_what_a_server_was_committing_at_the_moment_is_erased_too(tmp_path: Path) -> None:
    with Local(tmp_path) as server, server.office() as office:
        services = server.services
        late = ContactEvent(
            source="urn:test", id="late", contact="c-1", time=datetime.now(UTC), stage=Stage.ENDED
        )
        begun, go_on = threading.Event(), threading.Event()

        def slow(batch: Batch) -> None:
            pipeline.accept(batch, DEFAULT, Decoded((Entry(0, (late,)),)), batch.now)
            begun.set()  # its message tells who it is, and nothing is written yet
            assert go_on.wait(PATIENCE)

        def is_quiet() -> bool:
            server.report("updated", "c-2")
            return services.database.files.is_quiet

        server.report("offered", "c-1", customer={"phone": PHONE, "name": NAME})
        eventually(is_quiet, "no commit looks at its end whether somebody has erased meanwhile")
        maintenance.await_catch_up(server.database)
        server.loop.call_soon_threadsafe(services.committer.submit, slow)
        assert begun.wait(PATIENCE)
        with ThreadPoolExecutor() as beside:
            done = beside.submit(office.erase, "default", sought.read(PHONE, None, None))
            wait([done], timeout=0.5)  # far longer than a commit takes, unless a server is stopped
            go_on.set()
            assert done.result().contacts == ["c-1"]
        erasing.empty_log(server.database)
        assert left(server) == []


def test_what_a_command_line_erases_is_taken_from_the_panel_within_a_second(
    server: Server, clean_environment: dict[str, str]
) -> None:
    panel = server.panel("alice", "desk")
    panel.until("screenpop.snapshot")
    ring(server, "c-1", phone=PHONE, name=NAME)
    ring(server, "c-2", phone="+4930999999", name="Somebody Else")
    pop, other = panel.until("screenpop.pop"), panel.until("screenpop.pop")
    environment = {**clean_environment, **server.environment, "PYTHONPATH": str(ROOT)}
    done = screenpop(environment, "--phone", PHONE)
    assert " 1 pop" in done.stdout, done.stderr
    withdrawn = panel.until("screenpop.pop.withdrawn", within=1.0)
    assert withdrawn["data"] == {
        "pop": pop["data"]["pop"],
        "contact": None,
        "agent": "alice",
        "reason": "the contact was erased",
    }
    panel.outcome(pop["data"]["pop"], "opened")  # said too late, of what is gone
    again = server.panel("alice", "desk")
    shown = again.until("screenpop.snapshot")["data"]["pops"]
    assert [each["pop"] for each in shown] == [other["data"]["pop"]]
    assert left(server) == []


def test_a_panel_hears_of_what_was_erased_while_the_server_was_off(
    server: Server, clean_environment: dict[str, str]
) -> None:
    panel = server.panel("alice", "desk")
    panel.until("screenpop.snapshot")
    ring(server, "c-1", phone=PHONE, name=NAME)
    pop = panel.until("screenpop.pop")
    seen = pop["sequence"]
    panel.close()
    assert server.stop() == 0
    environment = {**clean_environment, **server.environment, "PYTHONPATH": str(ROOT)}
    assert screenpop(environment, "--id", "c-1").returncode == 0
    assert left(server) == []
    server.start()
    again = server.panel("alice", "desk", after=seen)
    withdrawn = again.until("screenpop.pop.withdrawn")
    assert withdrawn["data"]["pop"] == pop["data"]["pop"]


def test_without_a_server_the_file_is_written_anew(
    server: Server, clean_environment: dict[str, str]
) -> None:
    ring(server, "c-1", phone=PHONE, name=NAME)
    environment = {**clean_environment, **server.environment, "PYTHONPATH": str(ROOT)}
    assert server.stop() == 0
    assert "nothing erased" in screenpop(environment, "--phone", PHONE, "--dry-run").stdout
    assert left(server)
    assert screenpop(environment, "--person", NAME).returncode == 0
    assert left(server) == []
    server.start()
    assert status(server, "c-1") == 404


def test_a_command_line_may_ask_the_server(
    server: Server, clean_environment: dict[str, str]
) -> None:
    ring(server, "c-1", phone=PHONE, name=NAME)
    url = ("--url", server.url, "--key", server.secret("admin"))
    done = screenpop(clean_environment, "--phone", PHONE, *url, "--json")
    assert json.loads(done.stdout)["contacts"] == ["c-1"], done.stderr
    assert left(server) == []


def test_another_tenants_contacts_stay(tmp_path: Path) -> None:
    with Server(tmp_path, SCREENPOP_ENVIRONMENT_DOMAIN="screenpop.example") as server:
        with server.office() as office:
            office.create_tenant("acme")
            office.set_pop_policy("acme", json.dumps(POLICY))
        host = {name: {"Host": f"{name}.screenpop.example"} for name in ("default", "acme")}
        for tenant, head in host.items():
            event = server.event("offered", "c-1", agent="alice", customer={"phone": PHONE})
            posted = server.post(event, tenant=tenant, headers=head)
            assert posted.status_code == 202, posted.text
        body = {"phone": PHONE}
        path = "/v1/admin/erasures"
        found = server.request("POST", path, body, scope="admin", headers=host["default"])
        assert found.json()["contacts"] == ["c-1"]
        asked = server.request(
            "GET", "/v1/contacts/c-1", scope="admin", tenant="acme", headers=host["acme"]
        )
        assert asked.json()["customer"] == {"phone": PHONE}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"phone": PHONE, "contact": "c-1"},
        {"phone": 49},
        {"phone": "alice"},
        {"person": "x"},
        {"contact": ""},
        {"contact": "c-1", "dry_run": "no"},
        {"contact": "c-1", "dryrun": True},
    ],
)
def test_a_question_that_is_not_clear_erases_nothing(shared: Server, body: dict[str, Any]) -> None:
    answer = shared.request("POST", "/v1/admin/erasures", body, scope="admin")
    assert answer.status_code == 400, answer.text
    assert shared.request("POST", "/v1/admin/erasures", body, scope="ingest").status_code == 403
    assert shared.request("POST", "/v1/admin/erasures", body).status_code == 401


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("erasure")) as started:
        yield started


def screenpop(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "adapter", "contacts", "erase", *arguments],
        env={**environment, "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
