from __future__ import annotations

from tests.simulated.conftest import Api, refusal


def test_tables_are_found_by_name_filter_and_metadata_id(api: Api) -> None:
    path = "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute"
    found = api.get(f"{path}&$filter=LogicalName eq 'phonecall'")["value"]
    assert [(one["EntitySetName"], one["PrimaryIdAttribute"]) for one in found] == [
        ("phonecalls", "activityid")
    ]
    by_id = api.get(f"EntityDefinitions({found[0]['MetadataId']})")
    assert by_id["LogicalName"] == "phonecall"
    assert api.get(f"{path}&$filter=LogicalName eq 'nosuch'")["value"] == []
    assert api("GET", "EntityDefinitions(LogicalName='nosuch')").status_code == 404


def test_columns_tell_their_type_length_choices_and_targets(api: Api) -> None:
    columns = {
        one["LogicalName"]: one
        for one in api.get(
            "EntityDefinitions(LogicalName='phonecall')/Attributes?$expand=OptionSet"
        )["value"]
    }
    assert columns["subject"]["MaxLength"] == 200
    assert columns["regardingobjectid"]["Targets"] == ["contact", "account", "lead", "incident"]
    choices = columns["prioritycode"]["OptionSet"]["Options"]
    assert [(one["Value"], one["Label"]["UserLocalizedLabel"]["Label"]) for one in choices] == [
        (0, "Low"),
        (1, "Normal"),
        (2, "High"),
    ]
    assert columns["statecode"]["IsValidForCreate"] is False
    assert columns["createdon"]["IsValidForUpdate"] is False


def test_a_cast_gives_columns_of_one_kind(api: Api) -> None:
    cast = "Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
    path = f"EntityDefinitions(LogicalName='contact')/Attributes/{cast}"
    found = api.get(f"{path}?$select=LogicalName&$expand=OptionSet($select=Options)")["value"]
    assert [one["LogicalName"] for one in found] == ["preferredcontactmethodcode"]
    assert len(found[0]["OptionSet"]["Options"]) == 5


def test_one_column_and_the_keys_are_read(api: Api) -> None:
    table = "EntityDefinitions(LogicalName='phonecall')"
    assert api.get(f"{table}/Attributes(LogicalName='phonenumber')")["MaxLength"] == 200
    assert api("GET", f"{table}/Attributes(LogicalName='nosuch')").status_code == 404
    keys = api.get(f"{table}/Keys")["value"]
    assert [key["KeyAttributes"] for key in keys] == [["screenpop_contactid"]]
    expanded = api.get(f"{table}?$select=LogicalName&$expand=Keys($select=KeyAttributes)")
    assert expanded["Keys"][0]["KeyAttributes"] == ["screenpop_contactid"]


def test_relationships_name_both_navigation_properties(api: Api) -> None:
    table = "EntityDefinitions(LogicalName='phonecall')"
    found = api.get(f"{table}/ManyToOneRelationships")["value"]
    names = {one["ReferencingEntityNavigationPropertyName"] for one in found}
    assert "regardingobjectid_contact_phonecall" in names
    parties = api.get(f"{table}/OneToManyRelationships")["value"]
    assert "phonecall_activity_parties" in {one["SchemaName"] for one in parties}


def test_making_tables_is_not_simulated_and_says_so(api: Api) -> None:
    for path in ("EntityDefinitions", "RelationshipDefinitions", "CreateEntities"):
        assert api("POST", path, {}).status_code == 501, path
    assert api("GET", "$metadata").status_code == 501


def test_metadata_that_is_not_there_is_refused(api: Api) -> None:
    assert refusal(api("GET", "EntityDefinitions?$select=NoSuch")) == (400, "0x80060888")
    assert api("GET", "EntityDefinitions(LogicalName='contact')/NoSuch").status_code == 404
