"""What accounts, steps and Dynamics say in English is said in the reader's language."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from adapter import accounts, i18n, main_aspx, steps
from adapter.accounts import AccountSecrets
from adapter.connections import AccountNotReady, choose
from adapter.dataverse import errors
from adapter.dataverse.causes import CAUSES
from adapter.dynamics.names import InvalidArgument
from adapter.errors import InvalidSettings
from adapter.i18n import Texts
from adapter.web.portal import dynamics_phrases
from adapter.web.portal.dynamics_sentences import SENTENCES
from tests.dataverse.simulation import simulation

__all__ = ["simulation"]

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
GOOD: dict[str, Any] = {
    "name": "main",
    "environment_url": "https://contoso.crm4.dynamics.com",
    "directory_id": "11111111-2222-3333-4444-555555555555",
    "client_id": "66666666-7777-8888-9999-000000000000",
}
CREATE = {"number": 2, "method": "POST", "table": "phonecalls", "body": '{"subject": "x"}'}


def said(sentence: str) -> str:
    return dynamics_phrases.say(Texts("ja"), sentence)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_sentence_is_recognised_and_translated(sentence: str) -> None:
    found = dynamics_phrases.recognised(sentence.replace("%%", "%"))
    assert found is not None
    if sentence not in ("%(argument)s: %(fault)s", "%(told)s (AADSTS%(code)s)"):
        assert JAPANESE.search(i18n.translations("ja").gettext(sentence)), sentence


@pytest.mark.parametrize(
    "sentence",
    [
        *(text for pair in CAUSES.values() for text in pair),
        *(
            kind.advice
            for kind in vars(errors).values()
            if isinstance(kind, type) and issubclass(kind, errors.DataverseError)
        ),
    ],
)
def test_every_cause_and_what_to_do_is_said(sentence: str) -> None:
    assert JAPANESE.search(said(sentence)), sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "x"},
        {"client_id": ""},
        {"environment_url": "https://evil.example"},
        {"environment_url": "http://contoso.crm4.dynamics.com"},
        {"environment_url": "https://contoso.crm4.dynamics.com/x"},
        {"environment_url": None},
        {"directory_id": "?"},
        {"directory_id": None},
        {"directory_id": "common"},
        {"directory_id": "consumers"},
        {"authorization_url": "https://evil.example/common/oauth2/authorize"},
        {"authorization_url": "http://login.microsoftonline.com/x"},
        {"authorization_url": "https://login.microsoftonline.com/"},
        {"token_url": "https://login.microsoftonline.us/contoso.com/oauth2/token"},
        {"scope": "https://other.crm4.dynamics.com/.default"},
        {"scope": "a b"},
        {"api_version": "v8"},
        {"secret_expires": "never"},
        {"secret_expires": "tomorrow"},
        {"recording_bucket": "No Bucket"},
        {"certificate_pem": "x"},
        {"certificate_pem": "x", "client_secret": "y"},
        {"app_id": "x"},
        {"access": "robot"},
    ],
    ids=str,
)
def test_every_fault_of_an_account_is_said(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings) as caught:
        accounts.parse({**GOOD, **changes})
    for place in caught.value.places:
        assert JAPANESE.search(said(place.detail)), place


@pytest.mark.parametrize(
    "document",
    [
        [{**CREATE, "body": "{"}],
        [{**CREATE, "body": "{'x': 1}"}],
        [{**CREATE, "body": '{"x": "{{}}"}'}],
        [{**CREATE, "body": '{"x": "{{A"}'}],
        [{**CREATE, "body": '{"statecode": 1}'}],
        [{**CREATE, "body": '{"x": "{{STEP4-Response.x}}"}'}],
        [{**CREATE, "body": '{"x": "{{STEP2-Response}}"}'}],
        [{**CREATE, "body": ""}],
        [{**CREATE, "query_string": "(x)"}],
        [{**CREATE, "table": "?"}],
        [{**CREATE, "table": "new_calls"}],
        [{**CREATE, "method": "DELETE"}],
        [{**CREATE, "account": "nobody"}],
        [{**CREATE, "number": 6}],
        [CREATE, CREATE],
        [{**CREATE, "method": "PATCH"}],
        [{**CREATE, "method": "PATCH", "query_string": "(11111111)"}],
        [{**CREATE, "method": "PATCH", "query_string": "{{Id}}"}],
        [{**CREATE, "method": "PATCH", "query_string": "({{Id}}"}],
        [{**CREATE, "method": "PATCH", "query_string": "x"}],
        [{"number": 3, "query_string": '{"etn": "phonecalls"}'}],
        [{"number": 3, "query_string": '{"etn": "phonecall", "x": 1}'}],
        [{"number": 3, "query_string": '{"etn": "phonecall", "pagetype": "x"}'}],
        [{"number": 3, "query_string": '{"etn": "phonecall", "id": "x"}'}],
        [{"number": 3, "query_string": "{}", "target": "window"}],
        [{"number": 3, "query_string": "{}", "patience": 9999}],
        {"steps": [], "wait_hours": 0},
        {"steps": [], "completed": "maybe"},
    ],
    ids=json.dumps,
)
def test_every_fault_of_a_step_is_said(document: Any) -> None:
    with pytest.raises(InvalidSettings) as caught:
        steps.parse_steps(document, accounts=["main"])
    for place in caught.value.places:
        assert JAPANESE.search(said(place.detail)), place


def test_every_hint_of_a_step_is_said() -> None:
    body = '{\\"phonenumber\\": \\"{{Customer}}\\", \\"subject\\": \\"of Username\\",}'
    _, hints = steps.parse_with_hints(
        [
            {**CREATE, "body": body},
            {"number": 6, "stages": "ended", "method": "GET", "table": "tasks"},
        ]
    )
    assert len(hints) > 3
    for place in hints:
        assert JAPANESE.search(said(place.detail)), place


@pytest.mark.parametrize(
    "address",
    ["", "x", "https://evil.example/main.aspx", "https://a.crm4.dynamics.com/", "a\u3042"]
    + [f"https://a.crm4.dynamics.com/main.aspx?{each}" for each in ("id=x", "etn=contacts", "a")],
)
def test_every_fault_of_an_address_is_said(address: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        main_aspx.parse(address)
    assert JAPANESE.search(said(str(caught.value))), str(caught.value)


@pytest.mark.parametrize("days", [-3, 0, 1, 6, 30])
def test_every_warning_before_a_secret_ends_is_said(days: int) -> None:
    today = date(2026, 11, 22)
    account = accounts.parse_account({**GOOD, "secret_expires": today + timedelta(days=days)})
    (warning,) = accounts.expiry_warnings(account, today)
    text = said(warning.text)
    assert text.startswith("クライアント シークレットは")
    assert "expire" not in text
    assert warning.expires.isoformat() in text


def test_every_caution_is_said() -> None:
    for access in ("application", "delegated"):
        account = accounts.parse_account({**GOOD, "access": access})
        for secrets in (
            AccountSecrets(),
            AccountSecrets(client_secret=GOOD["client_id"], refresh_token="x"),
        ):
            for text in accounts.cautions(account, secrets):
                assert JAPANESE.search(said(text)), text


def test_why_there_is_no_account_is_said() -> None:
    for name in (None, "other"):
        with pytest.raises(AccountNotReady) as caught:
            choose([], name)
        assert JAPANESE.search(said(str(caught.value)))


def test_what_a_sentence_is_about_stays_in_it() -> None:
    assert "'phonecal'" in said("'phonecal' is no table of this environment (did you mean calls?)")
    assert "calls" in said("'phonecal' is no table of this environment (did you mean calls?)")
    assert "Maria" in said("The user Maria lacks prvReadContact (read contacts).")


def test_english_stays_as_it_is() -> None:
    english = dynamics_phrases.speaker(Texts("en"))
    for text in ("Connection is valid.", "step 4 comes later than step 2", "a 100 % new sentence"):
        assert english(text) == text


@given(st.text(max_size=60))
def test_a_sentence_that_nobody_knows_is_never_lost(text: str) -> None:
    spoken = dynamics_phrases.say(Texts("en"), text)
    assert spoken == text
