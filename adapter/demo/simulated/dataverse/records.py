"""Answer requests for rows: `/contacts`, `/contacts(<key>)` and what stands below a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapter.demo.simulated.dataverse import addresses, payloads, writing
from adapter.demo.simulated.dataverse.addresses import Segment
from adapter.demo.simulated.dataverse.database import Database, Reference, Row, by_key, etag
from adapter.demo.simulated.dataverse.messages import Answer, Request, answer
from adapter.demo.simulated.dataverse.querying import Reader, arranged, checked
from adapter.demo.simulated.dataverse.refusals import (
    VERSION_MISMATCH,
    Refusal,
    bad_url,
    no_such_segment,
)
from adapter.demo.simulated.dataverse.schema import Table
from adapter.demo.simulated.dataverse.writing import Writer


@dataclass(frozen=True, slots=True)
class Records:
    """Serve rows to one caller."""

    database: Database
    reader: Reader
    writer: Writer

    def collection(self, table: Table, request: Request) -> Answer:
        """Answer `/contacts`: a query, or a create."""
        if request.method == "GET":
            self.reader.caller.require("Read", table)
            rows = self.database.rows(table.name).values()
            return answer(200, self.reader.many(table, rows, request))
        if request.method == "POST":
            return self._created(table, self.writer.create(table, _body(table, request)), request)
        raise _not_allowed(request)

    def count(self, table: Table, request: Request) -> Answer:
        """Answer `/contacts/$count` with the number as text, a BOM before it as Dataverse does."""
        self.reader.caller.require("Read", table)
        rows = self.database.rows(table.name).values()
        found = arranged(self.database, table, rows, checked(request.options))
        return Answer(200, f"\ufeff{len(found)}".encode(), {"Content-Type": "text/plain"})

    def record(self, table: Table, key: str, request: Request) -> Answer:
        """Answer `/contacts(<key>)`."""
        named = addresses.key_values(table, key)
        record = self.find(table, named)
        match request.method:
            case "GET":
                return self._read(table, named, record, request)
            case "PATCH":
                return self._upsert(table, named, record, request)
            case "DELETE":
                row = self._existing(table, named, record)
                _check_version(row, request)
                self.writer.delete(table, str(row[table.id]))
                return Answer(204)
            case _:
                raise _not_allowed(request)

    def find(self, table: Table, named: str | Mapping[str, str | int]) -> str | None:
        """Find the id of the row with this key; None where there is none."""
        if isinstance(named, str):
            return named if self.database.get(table.name, named) is not None else None
        return by_key(self.database, table, named)

    def existing(self, table: Table, key: str) -> str:
        """Find the id of the row with this key, or raise the 404."""
        named = addresses.key_values(table, key)
        return str(self._existing(table, named, self.find(table, named))[table.id])

    def _existing(
        self, table: Table, named: str | Mapping[str, str | int], record: str | None
    ) -> Row:
        if record is None:
            if isinstance(named, str):
                return self.writer.existing(table, named)
            raise payloads.no_such_key(table)
        return self.writer.existing(table, record)

    def _read(
        self,
        table: Table,
        named: str | Mapping[str, str | int],
        record: str | None,
        request: Request,
    ) -> Answer:
        self.reader.caller.require("Read", table)
        row = self._existing(table, named, record)
        if request.headers.get("if-none-match", "") == etag(row):
            return Answer(304, headers={"ETag": etag(row)})
        result = self.reader.one(table, row, request)
        return answer(200, result, {"ETag": etag(row), **_applied(request)})

    def _upsert(
        self,
        table: Table,
        named: str | Mapping[str, str | int],
        record: str | None,
        request: Request,
    ) -> Answer:
        """Change the row, or make it: `If-Match: *` forbids making, `If-None-Match: *` changing."""
        body = _body(table, request)
        if record is None:
            if request.headers.get("if-match", "").strip():
                self._existing(table, named, None)
            given = {table.id: named} if isinstance(named, str) else dict(named)
            return self._created(table, self.writer.create(table, body, given), request)
        if request.headers.get("if-none-match", "").strip() == "*":
            raise writing.duplicate_record()
        _check_version(self.writer.existing(table, record), request)
        self.writer.update(table, record, body)
        if _wants_row(request):
            result = self.reader.one(table, self.writer.existing(table, record), request)
            return answer(200, result, _applied(request))
        return Answer(204, headers=_entity_id(table, record, request))

    def _created(self, table: Table, record: str, request: Request) -> Answer:
        if _wants_row(request):
            result = self.reader.one(table, self.writer.existing(table, record), request)
            return answer(201, result, _applied(request))
        return Answer(204, headers=_entity_id(table, record, request))

    def below(self, table: Table, key: str, steps: list[Segment], request: Request) -> Answer:
        """Answer `/contacts(<key>)/<property or navigation>[/$ref|/$value]`."""
        record = self.existing(table, key)
        name, last = steps[0], steps[1].name if len(steps) > 1 else ""
        column = table.column(name.name)
        if column is not None and last in ("", "$value") and name.key is None:
            return self._property(table, record, name.name, request, raw=last == "$value")
        single = table.navigation(name.name)
        if single is not None:
            return self._single(table, record, name.name, request, reference=last == "$ref")
        many = self.database.catalog.collection(table, name.name)
        if many is None:
            raise no_such_segment(name.name)
        other, back = many
        here = Reference(table.name, record)
        if request.method == "GET":
            self.reader.caller.require("Read", other)
            rows = [
                row for row in self.database.rows(other.name).values() if row[back.name] == here
            ]
            return answer(200, self.reader.many(other, rows, request))
        raise _not_allowed(request)

    def _property(
        self, table: Table, record: str, name: str, request: Request, *, raw: bool
    ) -> Answer:
        row = self.writer.existing(table, record)
        column = table.column(name)
        if column is None:
            raise no_such_segment(name)
        if request.method == "GET":
            self.reader.caller.require("Read", table)
            value = row.get(column.name)
            shown = value.id if isinstance(value, Reference) else value
            if shown is None:
                return Answer(204)
            if raw:
                return Answer(200, str(shown).encode(), {"Content-Type": "text/plain"})
            where = f"{request.base}/$metadata#{table.plural}({record})/{name}"
            return answer(200, {"@odata.context": where, "value": shown})
        if request.method == "PUT":
            body = request.json(table.plural)
            self.writer.update(table, record, {name: body.get("value")})
            return Answer(204)
        if request.method == "DELETE":
            self.writer.update(table, record, {name: None})
            return Answer(204)
        raise _not_allowed(request)

    def _single(
        self, table: Table, record: str, name: str, request: Request, *, reference: bool
    ) -> Answer:
        found = table.navigation(name)
        if found is None:
            raise no_such_segment(name)
        if request.method == "GET":
            target = self.writer.existing(table, record).get(found[0].name)
            other = self.database.catalog.table(found[1].table)
            if not isinstance(target, Reference) or target.table != found[1].table or not other:
                return Answer(204)
            if reference:
                url = f"{request.base}/{other.plural}({target.id})"
                return answer(200, {"@odata.id": url})
            self.reader.caller.require("Read", other)
            row = self.writer.existing(other, target.id)
            return answer(200, self.reader.one(other, row, request))
        if request.method == "PUT" and reference:
            url = str(request.json(table.plural).get("@odata.id", ""))
            self.writer.update(table, record, {f"{name}@odata.bind": url})
            return Answer(204)
        if request.method == "DELETE" and reference:
            self.writer.update(table, record, {f"{name}@odata.bind": None})
            return Answer(204)
        raise _not_allowed(request)


def _check_version(row: Row, request: Request) -> None:
    wanted = request.headers.get("if-match", "*").strip() or "*"
    if wanted not in ("*", etag(row)):
        raise Refusal(
            412,
            VERSION_MISMATCH,
            "The version of the existing record doesn't match the RowVersion property provided.",
        )


def _body(table: Table, request: Request) -> dict[str, object]:
    return request.json(table.plural)


def _wants_row(request: Request) -> bool:
    return request.preferences.get("return") == "representation"


def _applied(request: Request) -> dict[str, str]:
    """Give `Preference-Applied` with what was asked for and done."""
    done = [
        f"{name}={value}" if name == "return" else f'{name}="{value}"'
        for name, value in request.preferences.items()
        if (name, value) == ("return", "representation") or name == "odata.include-annotations"
    ]
    return {"Preference-Applied": ",".join(done)} if done else {}


def _entity_id(table: Table, record: str, request: Request) -> dict[str, str]:
    return {"OData-EntityId": f"{request.base}/{table.plural}({record})"}


def _not_allowed(request: Request) -> Refusal:
    return Refusal(
        405,
        bad_url("").code,
        f"The requested resource does not support http method '{request.method}'.",
    )
