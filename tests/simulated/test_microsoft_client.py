"""Judge the simulated Dataverse by Microsoft's own Python client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from adapter.demo.simulated.serving import Simulation
from tests.simulated.conftest import ADATUM, MARIA, Api

dataverse: ModuleType = pytest.importorskip(
    "PowerPlatform.Dataverse.client", reason="PowerPlatform-Dataverse-Client is not installed"
)
errors: ModuleType = pytest.importorskip("PowerPlatform.Dataverse.core.errors")
upserts: ModuleType = pytest.importorskip("PowerPlatform.Dataverse.models.upsert")
credentials: ModuleType = pytest.importorskip("azure.core.credentials")


@dataclass(frozen=True, slots=True)
class Credential:
    """An azure-core credential that has a token already."""

    token: str
    scopes: list[str]

    def get_token(self, *scopes: str, **options: object) -> Any:
        del options
        self.scopes.extend(scopes)
        return credentials.AccessToken(self.token, 4_000_000_000)


@pytest.fixture
def client(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(api.simulation.ca_file))
    token = api.client.headers["Authorization"].removeprefix("Bearer ")
    scopes: list[str] = []
    with dataverse.DataverseClient(api.simulation.url, Credential(token, scopes)) as client:
        yield client
    assert set(scopes) <= {api.simulation.scope}


def test_a_row_is_created_read_changed_and_deleted(client: Any) -> None:
    record = client.records.create("phonecall", {"Subject": "Call", "prioritycode": "High"})
    row = client.records.retrieve("phonecall", record, select=["subject", "prioritycode"])
    assert (row["subject"], row["prioritycode"]) == ("Call", 2)
    client.records.update("phonecall", record, {"subject": "Changed"})
    assert client.records.retrieve("phonecall", record)["subject"] == "Changed"
    client.records.delete("phonecall", record)
    assert client.records.retrieve("phonecall", record) is None
    with pytest.raises(errors.HttpError) as caught:
        client.records.update("phonecall", record, {"subject": "x"})
    assert (caught.value.status_code, caught.value.details["service_error_code"]) == (
        404,
        "0x80040217",
    )


def test_many_rows_are_created_changed_and_deleted_at_once(client: Any, api: Api) -> None:
    records = client.records.create("task", [{"subject": "a"}, {"subject": "b"}])
    assert len(records) == 2
    client.records.update("task", records, {"description": "all"})
    client.records.update("task", records, [{"subject": "x"}, {"subject": "y"}])
    rows = client.records.list("task", select=["subject", "description"], orderby=["subject"])
    assert [(row["subject"], row["description"]) for row in rows] == [("x", "all"), ("y", "all")]
    assert client.records.delete("task", records)
    assert api.get("tasks")["value"] == []


def test_upserts_by_alternate_key_make_one_row(client: Any, api: Api) -> None:
    for subject in ("first", "second"):
        item = upserts.UpsertItem(
            alternate_key={"screenpop_contactid": "c'1"}, record={"subject": subject}
        )
        client.records.upsert("phonecall", [item])
    item = {"alternate_key": {"screenpop_contactid": "c'1"}, "record": {"subject": "third"}}
    other = {"alternate_key": {"screenpop_contactid": "c-2"}, "record": {"subject": "other"}}
    client.records.upsert("phonecall", [item, other])
    rows = api.get("phonecalls?$filter=screenpop_contactid ne null&$orderby=subject")["value"]
    assert [row["subject"] for row in rows] == ["other", "third"]


def test_queries_filter_order_expand_and_page(client: Any) -> None:
    rows = client.records.list(
        "contact",
        select=["fullname"],
        filter="contains(telephone1,'+49') and Microsoft.Dynamics.CRM.In("
        'PropertyName=\'statecode\',PropertyValues=["0","1"])',
        orderby=["fullname desc"],
        expand=["parentcustomerid_account($select=name)"],
    )
    assert [row["fullname"] for row in rows] == ["Maria Weber", "Jonas Krüger"]
    assert rows[0]["parentcustomerid_account"]["accountid"] == ADATUM
    pages = list(client.records.list_pages("contact", select=["fullname"], page_size=4))
    assert [len(list(page)) for page in pages] == [4, 4, 2]
    built = client.query.builder("contact").select("fullname").top(3).execute()
    assert len(list(built)) == 3


def test_formatted_values_are_asked_for_and_given(client: Any) -> None:
    row = client.records.retrieve(
        "contact", MARIA, select=["preferredcontactmethodcode"], include_annotations="*"
    )
    name = "preferredcontactmethodcode@OData.Community.Display.V1.FormattedValue"
    assert row[name] == "Email"


def test_a_batch_runs_reads_writes_and_a_changeset_with_references(client: Any, api: Api) -> None:
    batch = client.batch.new()
    with batch.changeset() as changes:
        contact = changes.records.create("contact", {"lastname": "Newcomer"})
        changes.records.update("contact", contact, {"jobtitle": "Boss"})
        changes.records.create(
            "phonecall", {"subject": "x", "regardingobjectid_contact@odata.bind": contact}
        )
    batch.records.retrieve("contact", MARIA, select=["fullname"])
    batch.records.list("contact", filter="lastname eq 'Newcomer'", select=["jobtitle"])
    batch.records.upsert(
        "phonecall",
        [{"alternate_key": {"screenpop_contactid": "c-1"}, "record": {"subject": "y"}}],
    )
    result = batch.execute()
    assert not result.has_errors
    assert [one.status_code for one in result.responses] == [204, 204, 204, 200, 200, 204]
    assert result.responses[3].data["fullname"] == "Maria Weber"
    assert result.responses[4].data["value"][0]["jobtitle"] == "Boss"
    assert len(api.get("phonecalls")["value"]) == 6


def test_a_batch_reports_its_failures(client: Any) -> None:
    batch = client.batch.new()
    batch.records.update("contact", "00000000-0000-0000-0000-000000000001", {"jobtitle": "x"})
    batch.records.create("task", {"subject": "still made"})
    result = batch.execute(continue_on_error=True)
    assert [one.status_code for one in result.responses] == [404, 204]
    assert result.responses[0].error_code == "0x80040217"


def test_metadata_is_read(client: Any, simulation: Simulation) -> None:
    info = client.tables.get("phonecall")
    assert (info["entity_set_name"], info["primary_id_attribute"]) == ("phonecalls", "activityid")
    assert client.tables.get("nosuch") is None
    assert len(client.tables.list(select=["LogicalName"])) == len(
        list(simulation.world.database.catalog)
    )
    columns = client.tables.list_columns("contact", select=["LogicalName", "AttributeType"])
    types = {column["LogicalName"]: column["AttributeType"] for column in columns}
    assert (types["telephone1"], types["parentcustomerid"]) == ("String", "Customer")
    typed = {one["LogicalName"]: one for one in client.tables.list_columns("contact", typed=True)}
    assert typed["jobtitle"]["MaxLength"] == 100
    assert client.tables.get_column("contact", "jobtitle")["LogicalName"] == "jobtitle"
    assert client.tables.list_relationships()
    assert client.tables.list_table_relationships("contact")


def test_alternate_keys_are_listed_added_and_removed(client: Any) -> None:
    keys = client.tables.get_alternate_keys("phonecall")
    assert [key.key_attributes for key in keys] == [["screenpop_contactid"]]
    made = client.tables.create_alternate_key("contact", "new_phonekey", ["telephone1"])
    assert made.metadata_id in {
        key.metadata_id for key in client.tables.get_alternate_keys("contact")
    }
    client.tables.delete_alternate_key("contact", made.metadata_id)
    assert len(client.tables.get_alternate_keys("contact")) == 1


def test_throttling_reaches_the_client_with_its_wait(client: Any, api: Api) -> None:
    client.tables.get("contact")
    fault = {"kind": "status", "status": 429, "retry_after": 9, "path": "contacts"}
    api.control("POST", "faults", fault)
    with pytest.raises(errors.HttpError) as caught:
        client.records.list("contact")
    assert caught.value.is_transient
    assert caught.value.details["retry_after"] == 9
