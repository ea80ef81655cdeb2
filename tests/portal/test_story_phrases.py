"""A contact's story is told in the reader's language, and Dynamics' words stay its own."""

from __future__ import annotations

import ast
import re

import pytest

from adapter import outbox
from adapter.i18n import Texts
from adapter.recordings import Stray
from adapter.web.portal import contact_words
from adapter.web.portal.story_phrases import Part, tell
from tests.spoken_texts import ADAPTER

ADVICE = "Correct the step's body or query string; Dynamics says what is wrong with it."
OURS = [
    f"step 4: {outbox.OF_ANOTHER.format(2)}",
    (
        "step 2: {{topic}} in body/subject: the contact has no such attribute."
        f" {outbox.OF_A_VALUE}"
    ),
    "offered (urn:test e-16)",
    "screenpop.contact.offered to alice, bob: 2 sockets",
    "screenpop.contact.offered to alice: 1 socket",
    "offered at alice: stage offered is not in the policy",
    "answered at alice: answered: attribute CrmId names a record of account (pop 82f0a3)",
    "answered at alice: answered: attribute CrmId names a record of account (popped before)",
    (
        "offered at alice: attribute CrmId is missing; answered at alice: it has already popped to"
        " this agent (answered and made)"
    ),
    "answered at alice: step 3 opens phonecall (pop 1)",
    "answered at alice: step 2 has not answered yet",
    "answered at alice: no pop policy is set",
    "made at alice: the direction is not known, and the policy has only inbound, outbound",
    "asked for at alice: asked for by a program (POST /v1/pops) (pop 12)",
    "pop 82f0a3 opened: host",
    "pop 82f0a3 blocked: tab The tab for records is not open.",
    "pop 82f0a3: the contact went to another agent",
    "step 2 POST phonecalls: done in 12 ms",
    (
        "step 2 (note) POST annotations: done in 12 ms; subject had 300 characters and was"
        " shortened to 200; not as alice but as the account: that user has no"
        " access to the environment"
    ),
    ("step 2 POST phonecalls: done in 12 ms; an earlier try had made the row, which was read back"),
    "step 4 PATCH phonecalls: done in 12 ms; an earlier try had completed the row; acted as alice",
    (
        "step 4 (owner) GET systemusers: done in 3 ms; the owner stays, as not exactly one user"
        " has the agent's id as user name or e-mail"
    ),
    (
        "step 2 POST phonecalls: done in 3 ms; not as alice but as the account: the account sees no"
        " user with this name, e-mail or id"
    ),
    (
        "step 2: {{CustomerEndpoint}} in body/phonenumber: the contact has no such attribute"
        " (tried again in 10.0 s)"
    ),
    "step 2: There is no integration account in force. (tried again in 30.0 s)",
    (
        "step 2 does not run: There is no integration account main in force.; steps 3, 4 and 5 do"
        " not run: The account has not been applied yet. (see to the account: once steps run, the"
        " contact's next event makes up for this)"
    ),
    "step 2: the row is completed; kept as a note on it",
    "step 2: tried again by an administrator",
    "step 2: given up by an administrator",
    (
        "step 2 POST phonecalls: contoso.crm4.dynamics.com did not answer in time; it may have done"
        " the work (tried again in 1.5 s)"
    ),
]


def written(parts: list[Part]) -> str:
    return "".join(part.text for part in parts)


@pytest.mark.parametrize("line", OURS)
def test_our_lines_are_the_same_in_english_and_others_in_japanese(line: str) -> None:
    assert written(tell(Texts("en"), line)) == line
    japanese = tell(Texts("ja"), line)
    assert not [part for part in japanese if part.english or part.quoted], japanese
    assert written(japanese) != line
    for words in (
        "earlier try",
        "owner stays",
        "sees no user",
        "such attribute",
        "in force",
        "run",
    ):
        assert words not in written(japanese)
    # What is left in Latin letters are names, which no translation may lose.
    for name in ("alice", "urn:test e-16", "82f0a3", "phonecall", "CrmId"):
        assert (name in written(japanese)) is (name in line)


def test_a_push_that_met_nobody_says_so() -> None:
    line = "screenpop.contact.offered to alice: 0 sockets"
    said = written(tell(Texts("en"), line))
    assert said == "screenpop.contact.offered to alice: no panel was connected"
    assert "接続中のパネルはありませんでした" in written(tell(Texts("ja"), line))


@pytest.mark.parametrize("again", ["", " (tried again in 4.0 s)"])
def test_dynamics_own_words_are_set_apart_from_our_advice(again: str) -> None:
    said = "A validation error occurred. The value 9 of 'statecode' is outside the valid range."
    line = f"step 4 PATCH phonecalls: {said} {ADVICE}{again}"
    parts = tell(Texts("ja"), line)
    assert [part.text for part in parts if part.quoted] == [said]
    rest = "".join(part.text for part in parts if not part.quoted)
    assert "phonecalls" in rest
    assert re.search(r"[ぁ-ん]", rest)
    assert not re.search(r"Correct|tried", rest)
    assert written(tell(Texts("en"), line)) == line


@pytest.mark.parametrize(
    "line",
    [
        "alice: recording",
        "alice: analysis",
        "Ada Admin <ada@contoso.example>: transcript (redacted)",
        "alice: recording, which was not theirs",
        "alice: recording (redacted), which was not theirs",
        str(Stray("c-1", "recording", "theirs")),
    ],
)
def test_what_became_of_a_file_is_said_in_japanese(line: str) -> None:
    told = tell(Texts("ja"), line)
    assert not [part for part in told if part.english]
    assert not re.search("recording|transcript|analysis|redacted|bucket", written(told))
    assert written(tell(Texts("en"), line)) == line


def test_every_kind_of_line_has_a_name() -> None:
    names = contact_words.whats(Texts("ja"))
    places = {"trace": 2, "trace_later": 3}
    calls = (
        node
        for path in ADAPTER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in places
    )
    said = {
        kind.value
        for call in calls
        for kind in call.args[places[getattr(call.func, "attr", "")] :][:1]
        if isinstance(kind, ast.Constant)
    }
    assert len(said) > 5
    assert said <= set(names)


def test_advice_follows_a_japanese_sentence_as_japanese_does() -> None:
    own = f"step 2: attribute CrmId is missing. {ADVICE}"
    told = written(tell(Texts("ja"), own))
    assert "。ステップ" in told or "。手順" in told, told
    assert ". " not in told
    assert "。 " not in told
    assert written(tell(Texts("en"), own)) == own


def test_a_line_that_nobody_listed_stays_english_and_is_marked_as_such() -> None:
    parts = tell(Texts("ja"), "something new happened")
    assert parts == [Part("something new happened", english=True)]
