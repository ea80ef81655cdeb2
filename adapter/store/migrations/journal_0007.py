"""Turn the tables of events and messages into the journal of revision 0007.

The shapes are written out here and not imported: what the code calls so may change later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

_BITS = 40
_NOTHING = (0, -1, None, False)


def convert(connection: Connection) -> None:
    """Write a row for each message, with its event, and one for each event without a message.

    The index is left empty: the server reads the whole journal once and writes it.
    """
    tenants = _rows(
        connection, "SELECT tenant FROM messages UNION SELECT tenant FROM events ORDER BY tenant"
    )
    for number, (tenant,) in enumerate(tenants, start=1):
        connection.exec_driver_sql(
            "INSERT INTO journal_marks (tenant, number, sequence, silent) VALUES (?,?,0,0)",
            (tenant, number),
        )
        _Conversion(connection, tenant, number << _BITS).run()


class _Conversion:
    def __init__(self, connection: Connection, tenant: str, base: int) -> None:
        self._connection = connection
        self._tenant = tenant
        self._base = base
        self._heads: dict[str, tuple[int, int, str | None, bool]] = {}
        """Of each contact: its last position, depth, agent, and whether it has ended."""
        self._agents: dict[str, int] = {}

    def run(self) -> None:
        events = {
            (row[0], row[1]): row
            for row in _rows(
                self._connection,
                "SELECT source, event, contact, received, stored, body, matched, failure"
                " FROM events WHERE tenant=? ORDER BY position",
                self._tenant,
            )
        }
        for message in _rows(
            self._connection,
            "SELECT sequence, time, type, subject, data, pop FROM messages WHERE tenant=?"
            " ORDER BY sequence",
            self._tenant,
        ):
            self._message(message, events)
        for silent, event in enumerate(events.values(), start=1):
            self._event_alone(-(self._base | silent), event)

    def _message(self, message: Any, events: dict[tuple[str, str], Any]) -> None:
        sequence, time, kind, subject, data, pop = message
        position = self._base | sequence
        said = msgspec.json.decode(data)
        identity = said.get("event") if isinstance(said, dict) else None
        event = events.pop((identity["source"], identity["id"]), None) if identity else None
        report = None
        if event is not None or (kind == "screenpop.contact.updated" and identity is None):
            ended = "ended" in (said.get("stages") or {})
            report = self._report(position, subject, event, said.get("agent"), ended=ended)
        agents = _rows(
            self._connection,
            "SELECT agent FROM message_agents WHERE tenant=? AND sequence=?",
            self._tenant,
            sequence,
        )
        links = [(agent, self._agents.get(agent, 0)) for (agent,) in agents]
        self._agents.update((agent, sequence) for (agent,) in agents)
        self._insert(position, time, kind, subject, links, data, pop, report)

    def _event_alone(self, position: int, event: Any) -> None:
        contact, stored = event[2], event[4]
        _, _, agent, ended = self._heads.get(contact, _NOTHING)
        report = self._report(position, contact, event, agent, ended=ended)
        self._insert(position, stored, None, contact, [], None, None, report)

    def _report(
        self, position: int, contact: str | None, event: Any, agent: str | None, *, ended: bool
    ) -> list[Any]:
        fact = seen = matched = failure = None
        received = 0
        if event is not None:
            _, _, _, received, _, body, matched, failure = event
            fact = msgspec.json.decode(body)
        if contact is None:
            fact, seen = None, fact
            return [None, seen, _moment(received), matched, failure, 0, 0, None, False]
        previous, depth, _, _ = self._heads.get(contact, _NOTHING)
        self._heads[contact] = (position, depth + 1, agent, ended)
        moment = _moment(received)
        return [fact, None, moment, matched, failure, previous, depth + 1, agent, ended]

    def _insert(self, position: int, *values: Any) -> None:
        time, kind, subject, links, data, pop, report = values
        packed = None if report is None else msgspec.msgpack.encode(report)
        self._connection.exec_driver_sql(
            "INSERT INTO journal (position, time, type, subject, links, data, pop, report)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (position, time, kind, subject, msgspec.msgpack.encode(links), data, pop, packed),
        )


def _rows(connection: Connection, statement: str, *values: Any) -> list[Any]:
    return list(connection.exec_driver_sql(statement, values).fetchall())


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
