"""Write tables, columns, keys and relationships as Dataverse's metadata JSON."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from adapter.demo.simulated.dataverse import privileges
from adapter.demo.simulated.dataverse.schema import Catalog, Column, Key, Kind, Table

TYPE = "Microsoft.Dynamics.CRM."
_COLUMNS = uuid.UUID("7c11a0d4-0000-5000-8000-000d3a000000")
_ENGLISH = 1033
_TYPES = {
    Kind.BIGINT: "BigIntAttributeMetadata",
    Kind.GUID: "UniqueIdentifierAttributeMetadata",
    Kind.CUSTOMER: "LookupAttributeMetadata",
    Kind.OWNER: "LookupAttributeMetadata",
    Kind.DATETIME: "DateTimeAttributeMetadata",
}


def label(text: str) -> dict[str, Any]:
    """Give a label in its one language."""
    one = {"Label": text, "LanguageCode": _ENGLISH, "IsManaged": True}
    return {"LocalizedLabels": [one], "UserLocalizedLabel": one}


def table_json(table: Table) -> dict[str, Any]:
    """Give a table's `EntityMetadata`."""
    return {
        "MetadataId": table.metadata_id,
        "LogicalName": table.name,
        "SchemaName": table.schema_name,
        "EntitySetName": table.plural,
        "LogicalCollectionName": table.plural,
        "PrimaryIdAttribute": table.id,
        "PrimaryNameAttribute": table.title,
        "PrimaryImageAttribute": None,
        "ObjectTypeCode": table.type_code,
        "OwnershipType": "UserOwned" if "ownerid" in table.columns else "OrganizationOwned",
        "IsActivity": table.activity,
        "IsCustomEntity": False,
        "IsPrivate": False,
        "HasActivities": not table.activity,
        "HasNotes": True,
        "DisplayName": label(table.label),
        "DisplayCollectionName": label(table.labels),
        "Description": label(table.label),
        "Privileges": privileges.of_table(table),
    }


def column_json(table: Table, column: Column) -> dict[str, Any]:
    """Give a column's `AttributeMetadata`, with what its kind adds."""
    kind = _TYPES.get(column.kind, f"{column.kind.value}AttributeMetadata")
    required = "SystemRequired" if column.required else "None"
    result: dict[str, Any] = {
        "@odata.type": f"#{TYPE}{kind}",
        "MetadataId": str(uuid.uuid5(_COLUMNS, f"{table.name}/{column.name}")),
        "LogicalName": column.name,
        "SchemaName": column.name,
        "EntityLogicalName": table.name,
        "AttributeType": column.kind.value,
        "AttributeTypeName": {"Value": f"{column.kind.value}Type"},
        "AttributeOf": None,
        "DisplayName": label(column.label),
        "Description": label(column.label),
        "RequiredLevel": {"Value": required, "CanBeChanged": False},
        "IsPrimaryId": column.name == table.id,
        "IsPrimaryName": column.name == table.title,
        "IsCustomAttribute": column.name.startswith("screenpop_"),
        "IsValidForCreate": column.creatable,
        "IsValidForUpdate": column.updatable,
        "IsValidForRead": True,
        "IsValidODataAttribute": True,
    }
    result.update(_by_kind(table, column))
    return result


def _by_kind(table: Table, column: Column) -> dict[str, Any]:
    if column.kind in (Kind.STRING, Kind.MEMO):
        return {"MaxLength": column.length}
    if column.kind is Kind.INTEGER:
        return {"MinValue": column.minimum, "MaxValue": column.maximum}
    if column.targets:
        return {"Targets": [target.table for target in column.targets]}
    if column.kind is Kind.BOOLEAN:
        options = {int(key): text for key, text in column.options.items()}
        return {
            "DefaultValue": bool(column.default),
            "OptionSet": {
                "TrueOption": {"Value": 1, "Label": label(options.get(1, "Yes"))},
                "FalseOption": {"Value": 0, "Label": label(options.get(0, "No"))},
            },
        }
    if column.options:
        choices: list[dict[str, Any]] = [
            {"Value": number, "Label": label(text)} for number, text in column.options.items()
        ]
        if column.kind is Kind.STATUS:
            states = {
                reason: state for state, each in table.states.items() for reason in each.reasons
            }
            # A `StatusOptionMetadata` names the state that it belongs to.
            choices = [{**each, "State": states[each["Value"]]} for each in choices]
        return {"OptionSet": {"Options": choices}}
    return {}


def key_json(table: Table, key: Key) -> dict[str, Any]:
    """Give an alternate key's `EntityKeyMetadata`."""
    return {
        "MetadataId": key.metadata_id,
        "LogicalName": key.name.lower(),
        "SchemaName": key.name,
        "EntityLogicalName": table.name,
        "KeyAttributes": list(key.columns),
        "EntityKeyIndexStatus": "Active",
        "DisplayName": label(key.name),
    }


def relationships(catalog: Catalog, table: Table, direction: str) -> Iterator[dict[str, Any]]:
    """List the relationships at whose many side (or one side) a table is."""
    for other in catalog:
        for column, target in other.lookups():
            many_side = direction == "ManyToOneRelationships" and other is table
            one_side = direction == "OneToManyRelationships" and target.table == table.name
            referenced = catalog.table(target.table)
            if referenced is None or not (many_side or one_side):
                continue
            name = target.collection or f"{other.name}_{column.name}_{target.table}"
            yield {
                "MetadataId": str(uuid.uuid5(_COLUMNS, name)),
                "SchemaName": name,
                "RelationshipType": "OneToManyRelationship",
                "ReferencedEntity": target.table,
                "ReferencedAttribute": referenced.id,
                "ReferencedEntityNavigationPropertyName": name,
                "ReferencingEntity": other.name,
                "ReferencingAttribute": column.name,
                "ReferencingEntityNavigationPropertyName": target.navigations[0],
            }
