"""Create, change and delete rows by Dataverse's rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from adapter.demo.simulated.dataverse import payloads, states
from adapter.demo.simulated.dataverse.database import (
    Database,
    Reference,
    Row,
    Value,
    by_key,
    written,
)
from adapter.demo.simulated.dataverse.refusals import (
    DUPLICATE_KEY,
    DUPLICATE_RECORD,
    INVALID_ARGUMENT,
    Refusal,
    no_such_record,
)
from adapter.demo.simulated.dataverse.schema import REFERENCES, Kind, Table
from adapter.demo.simulated.dataverse.security import Caller

Clock = Callable[[], datetime]


@dataclass(slots=True)
class Writer:
    """Write rows as one caller."""

    database: Database
    caller: Caller
    clock: Clock
    closed_rows_refuse: bool = True

    def create(
        self,
        table: Table,
        body: Mapping[str, object],
        given: Mapping[str, Value | Reference] | None = None,
    ) -> str:
        """Make a row and the rows of its lists; `given` are values that the address carried.

        Gives the id. Raises 400, 403, 404, or 412 where the id or a key is taken.
        """
        self.caller.require("Create", table)
        payload = payloads.read(self.database, table, body)
        asked = {**(given or {}), **payload.columns}
        record = str(asked.get(table.id) or uuid.uuid4())
        if self.database.get(table.name, record) is not None:
            raise duplicate_record()
        row = self._defaults(table)
        row.update((name, value) for name, value in asked.items() if table.columns[name].creatable)
        row[table.id] = record
        row.update(states.on_create(table, row))
        self._check_lookups(table, payload.columns)
        self._store(table, record, row, made=True)
        for child, back, values in payload.children:
            self.create(child, values, {back.name: Reference(table.name, record)})
        return record

    def update(self, table: Table, record: str, body: Mapping[str, object]) -> None:
        """Change the columns that the body names, and no other."""
        self.caller.require("Write", table)
        row = self.existing(table, record)
        payload = payloads.read(self.database, table, body)
        changes = {
            name: value for name, value in payload.columns.items() if table.columns[name].updatable
        }
        changes.update(
            states.on_update(table, record, row, changes, strict=self.closed_rows_refuse)
        )
        self._check_lookups(table, payload.columns)
        if "ownerid" in changes:
            self.caller.require("Assign", table)
        self._store(table, record, {**row, **changes}, made=False)
        self._replace_children(table, record, payload)

    def delete(self, table: Table, record: str) -> None:
        """Remove a row, its party rows and its notes; lookups to it become empty."""
        self.caller.require("Delete", table)
        self.existing(table, record)
        self.database.remove(table.name, record)
        gone = Reference(table.name, record)
        for other in self.database.catalog:
            for column in other.columns.values():
                if column.kind in REFERENCES:
                    self._forget(other, column.name, gone)

    def existing(self, table: Table, record: str) -> Row:
        """Give a row that is there, or raise the 404."""
        row = self.database.get(table.name, record)
        if row is None:
            raise no_such_record(table.schema_name, record)
        return row

    def _defaults(self, table: Table) -> dict[str, Value | Reference]:
        row: dict[str, Value | Reference] = {
            name: column.default for name, column in table.columns.items()
        }
        for column in table.columns.values():
            if column.kind is Kind.BOOLEAN:
                row[column.name] = bool(column.default)
        if "ownerid" in table.columns:
            row["ownerid"] = Reference("systemuser", self.caller.user)
        if table.name == "incident":
            number = 1001 + len(self.database.rows("incident"))
            row["ticketnumber"] = f"CAS-{number:05d}"
        return row

    def _check_lookups(self, table: Table, asked: Mapping[str, Value | Reference]) -> None:
        """Filling a lookup needs Append here and AppendTo there."""
        for name, value in asked.items():
            if isinstance(value, Reference) and table.columns[name].kind is not Kind.OWNER:
                other = self.database.catalog.table(value.table)
                self.caller.require("Append", table)
                if other is not None:
                    self.caller.require("AppendTo", other)

    def _store(
        self, table: Table, record: str, row: Mapping[str, Value | Reference], *, made: bool
    ) -> None:
        full = dict(row)
        _compose_name(full)
        self._check_required(table, full)
        self._check_keys(table, record, full)
        now = written(self.clock())
        user = Reference("systemuser", self.caller.user)
        delegate = Reference("systemuser", self.caller.delegate) if self.caller.delegate else None
        if made:
            full.update(createdon=now, createdby=user, createdonbehalfby=delegate)
        full.update(modifiedon=now, modifiedby=user, modifiedonbehalfby=delegate)
        full["versionnumber"] = self.database.next_version()
        self.database.put(table.name, record, full)

    def _check_required(self, table: Table, row: Row) -> None:
        if table.name == "incident" and row.get("customerid") is None:
            raise Refusal(400, INVALID_ARGUMENT, "You should specify a parent contact or account.")

    def _check_keys(self, table: Table, record: str, row: Row) -> None:
        for key in table.keys:
            values = {name: row.get(name) for name in key.columns}
            if any(value is None for value in values.values()):
                continue
            if by_key(self.database, table, values) not in (None, record):
                names = ", ".join(table.columns[name].label for name in key.columns)
                raise Refusal(
                    412,
                    DUPLICATE_KEY,
                    f"A record that has the attribute values {names} already exists. The entity "
                    f"key {key.name} requires that this set of attributes contains unique "
                    "values. Select unique values and try again.",
                )

    def _replace_children(self, table: Table, record: str, payload: payloads.Payload) -> None:
        """A party list in an update replaces the parties that were there."""
        here = Reference(table.name, record)
        for child, back in {(child.name, back.name) for child, back, _ in payload.children}:
            for other, row in list(self.database.rows(child).items()):
                if row.get(back) == here:
                    self.database.remove(child, other)
        for child_table, back_column, values in payload.children:
            self.create(child_table, values, {back_column.name: here})

    def _forget(self, table: Table, column: str, gone: Reference) -> None:
        for record, row in list(self.database.rows(table.name).items()):
            if row.get(column) != gone:
                continue
            if (table.name, column) in {
                ("activityparty", "activityid"),
                ("annotation", "objectid"),
            }:
                self.database.remove(table.name, record)
            else:
                self.database.put(table.name, record, {**row, column: None})


def duplicate_record() -> Refusal:
    """Refuse a create whose id is taken, or `If-None-Match: *` on a row that is there."""
    return Refusal(412, DUPLICATE_RECORD, "A record with matching key values already exists.")


def _compose_name(row: dict[str, Value | Reference]) -> None:
    if "fullname" in row and "lastname" in row:
        parts = (row.get("firstname"), row.get("lastname"))
        row["fullname"] = " ".join(str(part) for part in parts if part) or row["fullname"]
