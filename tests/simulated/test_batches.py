from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from adapter.demo.simulated.dataverse import multipart
from adapter.demo.simulated.dataverse.messages import Answer
from adapter.demo.simulated.dataverse.refusals import Refusal
from tests.simulated.conftest import MARIA, Api


def statuses(text: str) -> list[int]:
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith("HTTP/1.1 ")]


def send(api: Api, body: str, boundary: str = "batch_1", **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = api.client.post(
        f"{api.simulation.api_url}/$batch",
        content=body.encode(),
        headers={"Content-Type": f'multipart/mixed; boundary="{boundary}"', **named},
    )
    return response.status_code, response.text


def part(line: str, body: str = "", *, content_id: str = "", boundary: str = "batch_1") -> str:
    identity = f"Content-ID: {content_id}\n" if content_id else ""
    kind = "Content-Type: application/json\n" if body else ""
    return (
        f"--{boundary}\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n"
        f"{identity}\n{line} HTTP/1.1\n{kind}\n{body}\n"
    )


def changeset(*parts: str) -> str:
    inner = "".join(one.replace("--batch_1", "--set_1") for one in parts)
    return f"--batch_1\nContent-Type: multipart/mixed; boundary=set_1\n\n{inner}--set_1--\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "url", ["contacts({})", "/api/data/v9.2/contacts({})", "https://localhost/api/data/v9.2/contacts({})"]
)  # fmt: skip
def test_operations_are_answered_in_order_whatever_their_urls_and_line_ends(
    api: Api, newline: str, url: str
) -> None:
    body = part("GET " + url.format(MARIA)) + part("POST tasks", '{"subject": "x"}')
    status, text = send(api, (body + "--batch_1--\n").replace("\n", newline))
    assert (status, statuses(text)) == (200, [200, 204])
    assert "Maria Weber" in text
    assert "OData-EntityId: https://localhost" in text


def test_a_leading_blank_line_and_a_bare_boundary_are_read(api: Api) -> None:
    response = api.client.post(
        f"{api.simulation.api_url}/$batch",
        content=("\r\n" + part("GET WhoAmI()") + "--batch_1--").encode(),
        headers={"Content-Type": "multipart/mixed;boundary=batch_1"},
    )
    assert statuses(response.text) == [200]


def test_the_first_failure_ends_the_batch_unless_it_may_go_on(api: Api) -> None:
    body = part("GET nosuch") + part("GET WhoAmI") + "--batch_1--\n"
    status, text = send(api, body)
    assert (status, statuses(text)) == (404, [404])
    status, text = send(api, body, Prefer="odata.continue-on-error")
    assert (status, statuses(text)) == (200, [404, 200])


def test_a_changeset_is_made_whole_or_not_at_all(api: Api) -> None:
    good = part("POST tasks", '{"subject": "a"}', content_id="1")
    bad = part("POST tasks", '{"nosuch": "b"}', content_id="2")
    status, text = send(api, changeset(good, bad) + "--batch_1--\n")
    assert (status, statuses(text)) == (400, [400])
    assert "Content-ID: 2" in text
    assert api.get("tasks")["value"] == []
    status, text = send(api, changeset(good) + "--batch_1--\n")
    assert (status, statuses(text)) == (200, [204])
    assert len(api.get("tasks")["value"]) == 1


def test_later_operations_refer_to_what_a_changeset_made(api: Api) -> None:
    body = changeset(
        part("POST contacts", '{"lastname": "New"}', content_id="1"),
        part("PATCH $1", '{"jobtitle": "Boss"}', content_id="2"),
        part(
            "POST phonecalls",
            '{"subject": "x", "regardingobjectid_contact@odata.bind": "$1"}',
            content_id="3",
        ),
    )
    status, text = send(api, body + "--batch_1--\n")
    assert (status, statuses(text)) == (200, [204, 204, 204])
    row = api.get("contacts?$filter=lastname eq 'New'")["value"][0]
    assert row["jobtitle"] == "Boss"
    call = api.get(f"phonecalls?$filter=_regardingobjectid_value eq {row['contactid']}")
    assert len(call["value"]) == 1


def test_a_changeset_takes_no_reads_and_wants_content_ids(api: Api) -> None:
    for one in (part("GET WhoAmI", content_id="1"), part("POST tasks", "{}")):
        assert statuses(send(api, changeset(one) + "--batch_1--\n")[1]) == [400]


def test_a_batch_without_its_end_or_boundary_is_refused(api: Api) -> None:
    assert send(api, part("GET WhoAmI"))[0] == 400
    assert send(api, "")[0] == 400
    response = api.client.post(
        f"{api.simulation.api_url}/$batch",
        content=b"x",
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 400


def test_more_than_a_thousand_operations_are_refused(api: Api) -> None:
    status, text = send(api, part("GET WhoAmI") * 1001 + "--batch_1--\n")
    assert status == 400
    assert "1000" in text


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    try:
        multipart.read("multipart/mixed; boundary=b", b"--b\n" + body + b"\n--b--")
    except Refusal as refused:
        if refused.status != 400:
            raise


@given(st.lists(st.text(max_size=20), max_size=4))
def test_what_is_written_has_every_answer_in_order(texts: list[str]) -> None:
    written = multipart.write("b", [Answer(200, text.encode()) for text in texts])
    assert written.count(b"HTTP/1.1 200 OK\r\n") == len(texts)
    assert written.endswith(b"--b--\r\n")
