"""Answer one Web API request whose caller is known: find what its path names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from adapter.demo.simulated.dataverse import (
    actions,
    addresses,
    batches,
    metadata,
    metadata_changes,
    privileges,
)
from adapter.demo.simulated.dataverse.addresses import Segment
from adapter.demo.simulated.dataverse.database import Database
from adapter.demo.simulated.dataverse.messages import Answer, Request
from adapter.demo.simulated.dataverse.querying import Reader
from adapter.demo.simulated.dataverse.records import Records
from adapter.demo.simulated.dataverse.refusals import bad_url, no_such_segment, not_simulated
from adapter.demo.simulated.dataverse.schema import Table
from adapter.demo.simulated.dataverse.security import Caller
from adapter.demo.simulated.dataverse.writing import Writer

_REAL_BUT_ABSENT = frozenset(
    {
        "$metadata",
        "CreateEntities",
        "GlobalOptionSetDefinitions",
        "ManagedPropertyDefinitions",
        "RelationshipDefinitions",
        "RetrieveCurrentOrganization",
        "RetrieveMetadataChanges",
        "RetrievePrincipalAccess",
        "RetrieveTotalRecordCount",
        "RetrieveVersion",
        "searchquery",
    }
)


@dataclass(slots=True)
class WebApi:
    """The Web API of one environment."""

    database: Database
    organization: str
    clock: Callable[[], datetime]
    closed_rows_refuse: bool = field(default=True)

    def handle(self, request: Request, caller: Caller) -> Answer:
        """Answer a request. Raises a Refusal; a failed write leaves nothing behind."""
        steps = addresses.segments(request.path)
        if [step.name for step in steps] == ["$batch"]:
            if request.method != "POST":
                raise bad_url("A batch is sent by POST.")
            return batches.run(self.database, request, lambda inner: self._write(inner, caller))
        return self._write(request, caller)

    def _write(self, request: Request, caller: Caller) -> Answer:
        with self.database.transaction():
            return self._dispatch(request, caller, addresses.segments(request.path))

    def _dispatch(self, request: Request, caller: Caller, steps: list[Segment]) -> Answer:
        if not steps:
            raise not_simulated("The service document")
        described = self._description(steps, request)
        if described is not None:
            return described
        if steps[0].name in _REAL_BUT_ABSENT:
            raise not_simulated(f"{request.method} '{steps[0].name}'")
        records = Records(
            self.database,
            Reader(self.database, caller),
            Writer(self.database, caller, self.clock, self.closed_rows_refuse),
        )
        if privileges.is_asked(steps):
            return privileges.held(self.database.catalog, caller, steps, request)
        table = self.database.catalog.by_set(steps[0].name)
        if table is not None:
            return _rows(records, table, steps, request)
        return self._function(records, steps, request)

    def _description(self, steps: list[Segment], request: Request) -> Answer | None:
        """Answer what asks for metadata; None for what does not."""
        catalog = self.database.catalog
        if steps[0].name == "EntityDefinitions":
            return metadata.respond(catalog, steps, request)
        if len(steps) > 1 or request.method != "GET":
            return None
        match steps[0].name, steps[0].key:
            case "sdkmessagefilters", None:
                return actions.message_filters(catalog, request)
            case "RetrieveMetadataChanges", "Query=@p1":
                return metadata_changes.changes(catalog, request)
            case "RelationshipDefinitions", None:
                return metadata_changes.definitions(catalog, request)
            case _:
                return None

    def _function(self, records: Records, steps: list[Segment], request: Request) -> Answer:
        name = steps[0].name.removeprefix(actions.PREFIX)
        if len(steps) == 1 and not steps[0].key:
            if name == "WhoAmI" and request.method == "GET":
                return actions.who_am_i(records, request, self.organization)
            if name == "RetrieveAvailableLanguages" and request.method == "GET":
                return actions.languages(request)
            if name == "BulkDelete" and request.method == "POST":
                return actions.bulk_delete(records, request)
        raise no_such_segment(steps[0].name)


def _rows(records: Records, table: Table, steps: list[Segment], request: Request) -> Answer:
    key = steps[0].key
    if key is not None:
        if len(steps) == 1:
            return records.record(table, key, request)
        return records.below(table, key, steps[1:], request)
    if len(steps) == 1:
        return records.collection(table, request)
    if steps[1].name == "$count" and request.method == "GET":
        return records.count(table, request)
    if steps[1].name.startswith(actions.PREFIX) and request.method == "POST":
        return actions.bound(records, table, steps[1].name, request)
    raise no_such_segment(steps[1].name)
