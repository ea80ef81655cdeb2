"""Make the rows of the journal that one commit appends, each with a message or without."""

from __future__ import annotations

import msgspec

from adapter.hub import Outgoing
from adapter.store import journal
from adapter.store.journal import Report, Row
from adapter.store.journal.tail import Newest
from adapter.tenants import Tenant

_NO_LINKS = journal.pack_links([])


class Staged(Outgoing):
    """A row in the making, with its message."""

    position: int = 0
    report: bytes | None = None
    """The packed `journal.Report` of the row."""
    event_key: int | None = None
    """Of the event that it came from."""
    newest: Newest | None = None
    """This row as the newest of its contact, if it belongs to one."""
    previous: int = 0
    """Position of the contact's row before it; 0 for its first."""
    state: bytes | None = None
    """The contact's whole state, in the rows that hold it."""

    def row(self, micros: int, links: journal.Links) -> Row:
        """Give the row as it is written; `micros`: its time, in microseconds since 1970."""
        message, report = self.message, self.report
        if report is None and self.newest is not None:
            report = journal.pack_report_of(None, message.time, None, self.previous, self.newest)
        return (
            self.position,
            micros,
            message.type,
            message.subject,
            journal.pack_links(links),
            message.data,
            message.pop,
            report,
            self.state,
        )

    def empty(self) -> None:
        """Keep its place and nothing else: its contact is erased."""
        self.message = journal.emptied(self.message)
        self.report = self.newest = self.state = self.pop = None


class Silent(msgspec.Struct):
    """A row in the making that has no message."""

    tenant: Tenant
    position: int
    contact: str | None
    report: Report | None
    event_key: int
    newest: Newest | None
    """As in `Staged`."""

    def row(self, micros: int) -> Row:
        """Give the row as it is written."""
        packed = None if self.report is None else journal.pack_report(self.report)
        return (self.position, micros, None, self.contact, _NO_LINKS, None, None, packed, None)

    def empty(self) -> None:
        """Keep its place and nothing else: its contact is erased."""
        self.report = self.newest = self.contact = None
