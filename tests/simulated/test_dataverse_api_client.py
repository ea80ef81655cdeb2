"""Judge the simulated Dataverse by the client `dataverse-api` (PyPI)."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import requests

from tests.simulated.conftest import Api

dataverse: ModuleType = pytest.importorskip(
    "dataverse_api", reason="dataverse-api is not installed"
)


@pytest.fixture
def phonecall(api: Api) -> Any:
    session = requests.Session()
    session.trust_env = False
    session.verify = str(api.simulation.ca_file)
    session.headers["Authorization"] = str(api.client.headers["Authorization"])
    client = dataverse.DataverseClient(session=session, environment_url=api.simulation.url)
    assert client.get_language_codes() == [1033]
    return client.entity(logical_name="phonecall")


def statuses(responses: list[requests.Response]) -> list[int]:
    return [response.status_code for response in responses]


def parts(response: requests.Response) -> list[int]:
    lines = response.text.splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith("HTTP/1.1")]


def test_the_schema_is_read_at_the_start(phonecall: Any) -> None:
    assert phonecall.entity_set_name == "phonecalls"
    assert phonecall.primary_id_attr == "activityid"
    assert phonecall.alternate_keys == {"screenpop_phonecall_contact": ["screenpop_contactid"]}
    assert phonecall.supports_create_multiple
    assert "regardingobjectid_contact_phonecall" in phonecall.relationships.single_valued


@pytest.mark.parametrize("mode", ["individual", "multiple", "batch"])
def test_rows_are_created(phonecall: Any, api: Api, mode: str) -> None:
    rows = [{"subject": "größer"}, {"subject": "it's"}]
    answers = phonecall.create(rows, mode=mode)
    if mode == "batch":
        assert parts(answers[0]) == [204, 204]
    else:
        assert set(statuses(answers)) <= {200, 204}
    made = api.get("phonecalls?$filter=subject eq 'größer' or subject eq 'it''s'")["value"]
    assert len(made) == 2


@pytest.mark.parametrize("mode", ["individual", "batch"])
def test_rows_are_upserted_by_their_key_and_deleted(phonecall: Any, api: Api, mode: str) -> None:
    for subject in ("first", "second"):
        rows = [{"screenpop_contactid": f"c/{n}", "subject": subject} for n in range(3)]
        phonecall.upsert(rows, mode=mode, altkey_name="screenpop_phonecall_contact")
    made = api.get("phonecalls?$filter=startswith(screenpop_contactid,'c/')")["value"]
    assert [row["subject"] for row in made] == ["second"] * 3
    phonecall.delete(ids=[row["activityid"] for row in made], mode=mode)
    assert len(api.get("phonecalls")["value"]) == 4


def test_reading_pages_through_everything(phonecall: Any) -> None:
    rows = phonecall.read(
        select=["subject", "directioncode"],
        filter="directioncode eq true or directioncode eq false",
        order_by="subject",
        page_size=3,
        return_formatted_values=True,
    )
    assert len(rows) == 4
    label = "directioncode@OData.Community.Display.V1.FormattedValue"
    assert {row[label] for row in rows} == {"Incoming", "Outgoing"}
