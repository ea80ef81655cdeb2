"""What cannot be shown or taken is said on the page, in the language of the page."""

from __future__ import annotations

import re

import pytest

from tests import principals
from tests.portal.visitor import Visitor
from tests.server import Server

ENGLISH_LEFT = re.compile(r'<span lang="en">|<p lang="en">')


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/admin/contacts?stage=zzz", 400, "段階 zzz はありません"),
        ("/admin/contacts?q=" + "x" * 600, 400, "q: 512 文字以内にしてください"),
        ("/admin/contacts/story?id=nobody", 404, "コンタクト nobody は存在しません"),
        ("/admin/agents/people/nobody", 404, "ユーザー nobody は存在しません"),
        ("/admin/dynamics/accounts/nothing", 404, "統合アカウント nothing は存在しません"),
        ("/admin/keys/nothing/revoke", 404, "有効なキー nothing はありません"),
        ("/admin/nothing", 404, "アドレスを確認するか"),
    ],
)
def test_a_query_made_by_hand_is_answered_in_japanese(
    admin: Visitor, path: str, status: int, said: str
) -> None:
    page = admin.get(path, accept_language="ja")
    assert page.status == status
    assert said in page
    assert not ENGLISH_LEFT.search(page.html)


def test_a_fault_of_the_only_place_is_told_once(admin: Visitor) -> None:
    page = admin.get("/admin/contacts?stage=zzz")
    assert page.text.count("there is no stage zzz") == 1


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        (
            "/admin/agents/aliases",
            {"alias_agent": "bob", "source_id": "Bob"},
            "エージェントと同じ名前の別名は必要ありません",
        ),
        (
            "/admin/agents/aliases",
            {"alias_agent": "bo\u202eb", "source_id": "x"},
            "文字の向きを変える U+202E は使用できません",
        ),
        ("/admin/agents/aliases", {"alias_agent": "*", "source_id": "x"}, "* は全エージェント"),
    ],
)
def test_a_bad_name_of_an_agent_is_told_in_japanese(
    admin: Visitor, path: str, fields: dict[str, str], said: str
) -> None:
    page = admin.submit(path, fields, accept_language="ja")
    assert page.status == 422
    assert said in page


def test_a_bad_agent_of_a_person_is_told_in_japanese(server: Server, admin: Visitor) -> None:
    principals.sign_in(server, "agent", name="Otto Odd")
    with server.office() as office:
        person = next(each.id for each in office.people("default") if each.name == "Otto Odd")
    fields = {"do": "save", "agent": "*"}
    page = admin.submit(f"/admin/agents/people/{person}", fields, accept_language="ja")
    assert page.status == 422
    assert "* は全エージェントを意味します。" in page
    assert "agent:" not in page


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"sec-fetch-site": "cross-site"}, "このサーバーのページから送信してください"),
        ({"origin": "https://evil.example"}, "このサーバーのページから送信してください"),
        ({"origin": "", "sec-fetch-site": ""}, "別のセッションのものです"),
        ({"content-type": "text/plain"}, "application/x-www-form-urlencoded"),
    ],
)
def test_a_form_of_elsewhere_is_refused_in_japanese(
    admin: Visitor, headers: dict[str, str], said: str
) -> None:
    sent = {"accept-language": "ja", **headers}
    answer = admin.send("POST", "/admin/settings", {"locale": "ja"}, headers=sent)
    assert answer.status_code in {403, 415}
    assert said in answer.text
    assert not ENGLISH_LEFT.search(answer.text)


@pytest.mark.parametrize("do", ["save", "trial", "check"])
def test_rules_that_were_not_sent_are_no_empty_rules(admin: Visitor, do: str) -> None:
    page = admin.submit("/admin/domains", {"do": do, "confirmed": "1"}, accept_language="ja")
    assert page.status == 400
    assert "フォームに text がありません。" in page


def test_a_person_keeps_what_a_form_leaves_out(server: Server, admin: Visitor) -> None:
    principals.sign_in(server, "supervisor", name="Kay Kept")
    with server.office() as office:
        person = next(each for each in office.people("default") if each.name == "Kay Kept")
    for fields in ({"x": ""}, {"do": "save"}, {"role": "agent"}):
        assert admin.submit(f"/admin/agents/people/{person.id}", fields).status == 400
    with server.office() as office:
        assert person in office.people("default")


def test_a_request_that_was_refused_is_explained_in_japanese(
    server: Server, admin: Visitor
) -> None:
    server.request("POST", "/v1/events", {"specversion": "0.3"}, scope="ingest")
    page = admin.get("/admin/try-it", accept_language="ja")
    number = re.search(r"/admin/try-it/requests/\d+", page.html)
    assert number is not None
    page = admin.get(number[0], accept_language="ja")
    assert "1.0 が必要ですが、0.3 でした" in page
    assert not ENGLISH_LEFT.search(page.html)


def test_a_simulated_contact_that_no_decoder_takes_is_refused(admin: Visitor) -> None:
    fields = {"agent": "alice", "attributes": "long=" + "x" * 70_000}
    page = admin.submit("/admin/try-it", fields, accept_language="ja")
    assert page.status == 422
    assert "バイトを超えています" in page
