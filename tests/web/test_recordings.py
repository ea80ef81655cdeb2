"""Follow the link of a recording: who may, where it leads, who was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adapter import credentials, settings
from adapter.accounts import IntegrationAccount
from adapter.app import create_services
from adapter.events import Recording
from adapter.office import Office
from adapter.steps import File
from adapter.store import accounts, recordings, retention, sessions
from adapter.store.sessions import StoredSession
from adapter.tenants import DEFAULT, ContactKey
from adapter.web import recordings as web
from tests.server import Server, eventually

URL = "https://calls.s3.eu-central-1.amazonaws.com/connect/c_20210804T17%3A29_UTC.wav"
FILE = Recording("recording", URL)
BROWSER = {"accept": "text/html,application/xhtml+xml", "sec-fetch-dest": "document"}
SIGNING = {"SCREENPOP_S3_ACCESS_KEY_ID": "AKIDEXAMPLE", "SCREENPOP_S3_SECRET_ACCESS_KEY": "s3cr3t"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("recordings"), **SIGNING) as server:
        yield server


@pytest.fixture
def contact(shared: Server, request: pytest.FixtureRequest) -> str:
    """Give a contact that rang at bob and that alice had."""
    name = f"c-{request.node.name}"
    shared.report("offered", name, agent="bob")
    shared.report("answered", name, agent="Alice")
    shared.report("recorded", name, recording={"url": URL})
    return name


def link(server: Server, contact: str, file: Recording = FILE) -> str:
    with server.office() as office, office.database.transaction() as cursor:
        key = ContactKey(DEFAULT, contact)
        return "/r/" + recordings.token(cursor, key, file, datetime.now(UTC))


def session(server: Server, agent: str, *, hours: float = 1) -> str:
    """Sign an agent in and give the bearer."""
    bearer, now = credentials.new_bearer(), datetime.now(UTC)
    made = StoredSession(
        digest=credentials.digest(bearer),
        tenant=DEFAULT,
        agent=agent,
        embedder="top",
        origin="demo",
        created=now,
        expires=now + timedelta(hours=hours),
    )
    with server.office() as office, office.database.transaction() as cursor:
        sessions.add(cursor, made)
    return bearer


def follow(server: Server, path: str, bearer: str | None = None, **headers: str) -> httpx.Response:
    head = {name.replace("_", "-"): value for name, value in headers.items()}
    if bearer is not None:
        head["authorization"] = f"Bearer {bearer}"
    return server.request("GET", path, headers=head)


def click(server: Server, path: str, bearer: str | None = None, **headers: str) -> httpx.Response:
    """Follow it as a browser does, with the cookie."""
    cookie = {} if bearer is None else {"cookie": f"__Host-screenpop={bearer}"}
    return server.request("GET", path, headers={**BROWSER, **cookie, **headers})


def story(server: Server, contact: str) -> list[dict[str, Any]]:
    answer = server.request("GET", f"/v1/contacts/{contact}/trace", scope="admin")
    told: list[dict[str, Any]] = answer.json()["trace"]
    return told


def test_the_agent_who_had_the_contact_is_led_to_a_fresh_address(
    shared: Server, contact: str
) -> None:
    path, alice = link(shared, contact), session(shared, "alice")
    answer = click(shared, path, alice)
    assert answer.status_code == 302
    target = urlsplit(answer.headers["location"])
    assert target._replace(query="").geturl() == URL
    said = parse_qs(target.query)
    assert said["X-Amz-Credential"][0].startswith("AKIDEXAMPLE/")
    assert said["X-Amz-Expires"] == ["300"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert follow(shared, path, alice).status_code == 302


def test_who_listened_is_in_the_contacts_story(shared: Server, contact: str) -> None:
    click(shared, link(shared, contact), session(shared, "alice"))
    follow(shared, link(shared, contact), shared.secret("admin"))
    told = [each["detail"] for each in story(shared, contact) if each["what"] == "listened"]
    key = credentials.key_id(shared.secret("admin"))
    assert told == ["alice: recording", f"key {key}: recording"]


def test_an_agent_at_whom_it_only_rang_is_refused_and_seen(shared: Server, contact: str) -> None:
    path, bob = link(shared, contact), session(shared, "bob")
    answer = follow(shared, path, bob)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:screenpop:problem:forbidden"
    card = click(shared, path, bob)
    assert card.status_code == 403
    assert "not yours" in card.text
    assert "location" not in {*answer.headers, *card.headers}

    def seen() -> bool:
        refused = [each["detail"] for each in story(shared, contact) if each["what"] == "refused"]
        return refused == ["bob: recording, which was not theirs"] * 2

    eventually(seen, "both attempts in the story")
    assert not [each for each in story(shared, contact) if each["what"] == "listened"]


def test_a_stranger_gets_a_card_and_a_program_a_problem(shared: Server, contact: str) -> None:
    path = link(shared, contact)
    card = click(shared, path)
    assert card.status_code == 401
    assert card.headers["content-type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in card.headers["content-security-policy"]
    assert 'href="/"' in card.text
    for secret in (contact, "alice", "calls", path):
        assert secret not in card.text
    japanese = click(shared, path, **{"accept-language": "ja"})
    assert '<html lang="ja">' in japanese.text
    chosen = click(shared, path, **{"accept-language": "en", "cookie": "screenpop-language=ja"})
    assert '<html lang="ja">' in chosen.text
    for answer in (follow(shared, path), follow(shared, path, "no-such-session")):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for program in ({"accept": "text/html;q=0, */*"}, {"sec-fetch-mode": "cors"}):
        problem = click(shared, path, **program)
        assert problem.headers["content-type"] == "application/problem+json"
    framed = click(shared, path, **{"sec-fetch-dest": "iframe"})
    assert "frame-ancestors *" in framed.headers["content-security-policy"]
    over = session(shared, "alice", hours=-1)
    assert click(shared, path, over).status_code == 401


@pytest.mark.parametrize("scope", ["feed", "ingest"])
def test_only_a_key_of_an_administrator_opens_it(shared: Server, contact: str, scope: str) -> None:
    assert follow(shared, link(shared, contact), shared.secret(scope)).status_code == 403


def test_a_token_that_is_none_is_answered_the_same_whatever_is_wrong(
    shared: Server, contact: str
) -> None:
    good = link(shared, contact)
    wrong = ("x" * 22, good[3:-1], good[3:] + "x", good[3:] + "/", "a/b/c", "%00", "..%2f", "")
    admin = shared.secret("admin")
    answers = [follow(shared, f"/r/{each}", admin) for each in wrong]
    answers += [follow(shared, f"/r/{wrong[0]}"), follow(shared, f"/r/{wrong[0]}", "nobody")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert click(shared, f"/r/{wrong[0]}").status_code == 404


def test_another_page_cannot_load_it_as_a_part_of_itself(shared: Server, contact: str) -> None:
    path, alice = link(shared, contact), session(shared, "alice")
    for dest in ("audio", "empty", "iframe", "image"):
        foreign = {"sec-fetch-dest": dest, "sec-fetch-site": "cross-site"}
        assert click(shared, path, alice, **foreign).status_code == 403
        own = {"sec-fetch-dest": dest, "sec-fetch-site": "same-origin"}
        assert click(shared, path, alice, **own).status_code == 302
    clicked = {"sec-fetch-site": "cross-site"}
    assert click(shared, path, alice, **clicked).status_code == 302


def test_an_alias_that_is_learnt_later_counts(shared: Server, contact: str) -> None:
    arn = f"arn:aws:connect:agent/{contact}"
    shared.report("answered", f"{contact}-2", agent=arn)
    path, dora = link(shared, f"{contact}-2"), session(shared, "dora")
    assert follow(shared, path, dora).status_code == 403
    with shared.office() as office:
        office.alias("default", "dora", arn)
    eventually(lambda: follow(shared, path, dora).status_code == 302, "the alias counts")


def test_a_file_elsewhere_is_found_where_the_source_said(shared: Server, contact: str) -> None:
    file = Recording("transcript", "https://pbx.example/files/42.json?a=b", redacted=True)
    answer = follow(shared, link(shared, contact, file), shared.secret("admin"))
    assert answer.headers["location"] == file.url
    assert story(shared, contact)[-1]["detail"].endswith(": transcript (redacted)")


def test_a_link_works_after_a_year_and_still_refuses_others(shared: Server, contact: str) -> None:
    path = link(shared, contact)
    shared.report("created", f"after-{contact}")  # a tenant's last message is never deleted
    later = datetime.now(UTC) + timedelta(days=365)
    with shared.office() as office, office.database.transaction() as cursor:
        while retention.forget_step(
            cursor, [DEFAULT], horizon=later, now=datetime.now(UTC), limit=1000
        ):
            pass
    missing = shared.request("GET", f"/v1/contacts/{contact}", scope="admin")
    assert missing.status_code == 404
    assert click(shared, path, session(shared, "alice")).status_code == 302
    assert click(shared, path, session(shared, "bob")).status_code == 403


def test_only_buckets_that_accounts_in_force_name_are_opened(tmp_path: Path) -> None:
    with Server(tmp_path, **SIGNING) as server:
        path, admin = link(server, "c-1"), server.secret("admin")
        assert follow(server, path, admin).status_code == 302
        with server.office() as office:
            name_bucket(office, "one", "other")
        refused = follow(server, path, admin)
        assert refused.status_code == 403
        assert "calls" in refused.json()["detail"]
        with server.office() as office:
            name_bucket(office, "two", "calls")
        assert follow(server, path, admin).status_code == 302


def name_bucket(office: Office, name: str, bucket: str) -> None:
    """Put an account in force that names a bucket."""
    account = IntegrationAccount(
        name=name,
        environment_url="https://contoso.crm4.dynamics.com",
        directory_id="contoso.example",
        authority="https://login.microsoftonline.com/contoso.example",
        client_id="11111111-2222-3333-4444-555555555555",
        scope="https://contoso.crm4.dynamics.com/.default",
        recording_bucket=bucket,
    )
    now = datetime.now(UTC)
    accounts.save_draft(
        office.database, DEFAULT, accounts.new_id(), account, sealed=b"-", now=now, who="test"
    )
    draft = accounts.get(office.database, DEFAULT, name)
    accounts.apply_draft(office.database, draft, b"-", now, who="test")


def test_a_server_without_credentials_says_so_and_a_location_needs_none(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        path, admin = link(server, "c-1"), server.secret("admin")
        answer = follow(server, path, admin)
        assert answer.status_code == 503
        assert "SCREENPOP_S3_ACCESS_KEY_ID" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
        server.environment["SCREENPOP_RECORDING_LOCATION"] = "https://files.example/{key}"
        server.restart()
        place = follow(server, path, admin).headers["location"]
        assert place == "https://files.example/connect/c_20210804T17%3A29_UTC.wav"


def test_a_link_is_nothing_at_another_tenants_host(tmp_path: Path) -> None:
    with Server(tmp_path, SCREENPOP_ENVIRONMENT_DOMAIN="crm.example", **SIGNING) as server:
        with server.office() as office:
            office.create_tenant("other")
        path = link(server, "c-1")
        for tenant, status in (("default", 302), ("other", 404)):
            key = server.secret("admin", tenant)
            host = {"host": f"{tenant}.crm.example", "authorization": f"Bearer {key}"}
            assert server.request("GET", path, headers=host).status_code == status
        stranger = {"host": "other.crm.example"}
        key = server.secret("admin", "default")
        wrong = {**stranger, "authorization": f"Bearer {key}"}
        assert server.request("GET", path, headers=wrong).status_code == 404
        elsewhere = server.request("GET", path, headers={"host": "nobody.example"})
        assert elsewhere.status_code == 421


def test_secrets_of_the_bucket_are_never_shown(shared: Server, contact: str) -> None:
    answer = follow(shared, link(shared, contact), shared.secret("admin"))
    document = shared.request("GET", "/openapi.json").json()
    shown = json.dumps([dict(answer.headers), document, shared.log(), story(shared, contact)])
    assert "s3cr3t" not in shown


async def test_what_a_step_writes_down_is_one_link_for_good(tmp_path: Path) -> None:
    chosen = settings.load(data_dir=tmp_path, public_url="https://screenpop.example")
    services = create_services(chosen)
    link = web.linker(services.database, services.committer, chosen)
    file = File("recording", URL)
    first = link(DEFAULT, "c-1", file)
    assert first.startswith("https://screenpop.example/r/")
    assert link(DEFAULT, "c-1", file) == first
    assert link(DEFAULT, "c-2", file) != first
    found = recordings.get(services.database.raw.cursor(), DEFAULT, first.rpartition("/")[2])
    assert found is not None
    assert (found.contact, found.url) == ("c-1", URL)
    services.database.close()
