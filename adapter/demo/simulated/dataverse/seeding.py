"""Fill a database with the sample rows that the demo's dashboard shows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from adapter.demo import samples
from adapter.demo.simulated.dataverse import states
from adapter.demo.simulated.dataverse.database import Database, Reference, Value, written
from adapter.demo.simulated.dataverse.schema import NUMBERED, Column, Kind, Table

_IDS = uuid.UUID("2f1d9c54-0000-5000-8000-000d3a000000")
MADE = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_NUMBERS = NUMBERED | {Kind.INTEGER}


def user_id(name: str) -> str:
    """Give the systemuserid of a sample agent or of the application user."""
    return str(uuid.uuid5(_IDS, f"systemuser/{name}"))


def object_id(name: str) -> str:
    """Give the Entra object id of a sample agent or of the application's service principal."""
    return str(uuid.uuid5(_IDS, f"entra/{name}"))


def fill(database: Database, *, organization: str, client_id: str, domain: str) -> None:
    """Add the organization, the app, its users and the sample rows."""
    add(database, "organization", organization, {"name": "Contoso"})
    app = {"name": samples.APP_TITLE, "uniquename": samples.APP_NAME}
    add(database, "appmodule", samples.APP_ID, app)
    add_application_user(database, client_id)
    for agent, name in samples.AGENTS.items():
        first, _, last = name.rpartition(" ")
        values: dict[str, Value | Reference] = {
            "fullname": name,
            "firstname": first,
            "lastname": last,
            "domainname": f"{agent}@{domain}",
            "internalemailaddress": f"{agent}@{domain}",
            "azureactivedirectoryobjectid": object_id(agent),
        }
        add(database, "systemuser", user_id(agent), values)
    for row in samples.ROWS.values():
        table = database.catalog.table(row.table)
        if table is not None:
            add(database, row.table, row.id, _typed(table, row))


def add_application_user(database: Database, client_id: str) -> None:
    """Add the user that stands for the app registration in this environment."""
    values: dict[str, Value | Reference] = {
        "fullname": "# Screenpop",
        "applicationid": client_id,
        "azureactivedirectoryobjectid": object_id("application"),
    }
    add(database, "systemuser", user_id("application"), values)


def add(
    database: Database, table_name: str, record: str, values: Mapping[str, Value | Reference]
) -> None:
    """Put a row as it is, unchecked, with the platform's own columns filled."""
    table = database.catalog.table(table_name)
    if table is None:
        raise LookupError(table_name)
    row: dict[str, Value | Reference] = {
        name: bool(column.default) if column.kind is Kind.BOOLEAN else column.default
        for name, column in table.columns.items()
    }
    owner = Reference("systemuser", user_id("alice"))
    platform = {"createdby": owner, "modifiedby": owner, "ownerid": owner}
    row.update((name, value) for name, value in platform.items() if name in table.columns)
    row.update(createdon=written(MADE), modifiedon=written(MADE))
    row.update(values)
    row[table.id] = record
    row.update(states.on_create(table, row))
    row["versionnumber"] = database.next_version()
    database.put(table_name, record, row)


def _typed(table: Table, row: samples.Row) -> dict[str, Value | Reference]:
    """Turn a sample row's texts into what the columns hold; other columns are left out."""
    values: dict[str, Value | Reference] = {}
    for name, value in row.values.items():
        column = table.columns.get(name)
        if column is None or value == "":
            continue
        if isinstance(value, samples.Reference):
            values[name] = Reference(value.table, value.id)
        else:
            values[name] = _value(column, value)
    return values


def _value(column: Column, text: str) -> Value:
    if column.kind is Kind.BOOLEAN:
        return text == "1"
    return int(text) if column.kind in _NUMBERS else text
