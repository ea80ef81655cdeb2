"""The replaced product's examples, pasted as its page prints them, leave the right record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from adapter.demo.simulated.serving import Simulation
from tests.outbox.office import APP_ID, Call, set_steps
from tests.server import Server

SEEDS = Path(__file__).parents[2] / ".." / "shared" / "seeds"


@pytest.fixture
def examples() -> list[str]:
    """Cut the examples out of the page: the paragraphs after each invitation to copy."""
    pages = sorted(SEEDS.glob("003_*.txt"))
    if not pages:
        pytest.skip("the page is not here")
    page = pages[0].read_text(encoding="utf-8")
    paragraph = r"(?:\{|Query String:|Request Body:).*?\n\n"
    found = re.findall(rf"can be copied from here:\n\n((?:{paragraph})+)", page, re.DOTALL)
    assert len(found) == 4
    return [str(each).strip() for each in found]


def of_step(example: str) -> dict[str, str]:
    """Give body and query string, each as it is printed, label included."""
    parts = example.split("\n\n")
    members = {}
    for part in parts:
        is_query = part.startswith("Query String")
        members["query_string" if is_query else "body"] = part
    return members


def pasted(examples: list[str], **more: Any) -> dict[str, Any]:
    created, answered, ended, recorded = map(of_step, examples)
    calls = {"table": "phonecalls"}
    return {
        "steps": [
            {"number": 2, "method": "POST", **calls, **created, "response_object": True},
            {"number": 3, "tab": False, **answered},
            {"number": 4, "method": "PATCH", **calls, **ended},
            {"number": 5, "method": "PATCH", **calls, **recorded},
        ],
        **more,
    }


def test_pasted_word_for_word_they_create_open_and_finish_the_call(
    server: Server, dynamics: Simulation, examples: list[str]
) -> None:
    try:
        answer = server.request("PUT", "/v1/admin/steps", pasted(examples), scope="admin")
        assert answer.is_success, answer.text
        assert answer.json()["unchecked"] == []
        notes = {(hint["at"], hint["detail"]) for hint in answer.json()["hints"]}
        assert ("/steps/0/body", "escaped quotes replaced") in notes
        assert any(at == "/steps/1/query_string" for at, _ in notes)
        call = Call(server, dynamics)
        panel = call.panel()
        call.created(attributes={"InitiationTimestamp": "2026-11-21T20:00:00Z"})
        row = call.row()
        assert row["subject"] == "Call between Username and CustomerEndpoint"
        assert row["actualstart"].startswith("2026-11-21T20:00:00")
        call.answered()
        url = panel.until("screenpop.pop")["data"]["url"]
        assert f"appid={APP_ID}" in url
        assert "pagetype=entityrecord" in url
        assert "etn=phonecall" in url
        assert f"id={row['activityid']}" in url
        call.ended()
        call.until("category", "voice")
        call.recorded()
        call.until("description", f"Your Recording URI is {call.recording}")
        assert call.letters() == []
    finally:
        set_steps(server)


@pytest.mark.parametrize("space", ["\r\n", " \n  ", "\u00a0"], ids=["windows", "indented", "web"])
def test_a_line_may_break_as_the_browser_that_they_are_copied_from_breaks_it(
    server: Server, examples: list[str], space: str
) -> None:
    copied = [re.sub(r"(?<!\n)\n(?!\n)", space, each) for each in examples]
    assert copied != examples
    answer = server.request("POST", "/v1/admin/steps/check", pasted(copied), scope="admin")
    assert answer.is_success, answer.text
    plain = server.request("POST", "/v1/admin/steps/check", pasted(examples), scope="admin")
    assert meant(answer.json()) == meant(plain.json())


def meant(answer: dict[str, Any]) -> list[Any]:
    """Give what the templates say, however they are laid out."""
    texts = [
        each.get(name, "").replace("\u00a0", " ")
        for each in answer["steps"]["steps"]
        for name in ("body", "query_string")
    ]
    return [json.loads(text) if text.startswith("{") else text for text in texts]
