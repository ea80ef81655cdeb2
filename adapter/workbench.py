"""Hold what every batch works with: made once, by what commits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from adapter.errors import StoreUnavailable
from adapter.hub import Hub
from adapter.registry import Registry
from adapter.step_queue import StepQueue
from adapter.store import journal
from adapter.store.database import Cursor, Database
from adapter.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Workbench:
    """What all batches of one database share."""

    database: Database
    registry: Registry
    hub: Hub
    step_queue: StepQueue
    begin: Callable[[int | None], Cursor]
    """Begins a transaction of the database for a batch that began without one. It is given the
    version at which the batch has read tables (`Database.data_version`; None: it has not)."""
    redo_refused: Callable[[StoreUnavailable], None]
    """Is told when the redo log refuses what a batch has staged."""
    last_sequences: dict[Tenant, int] = field(default_factory=dict)
    """The sequence of each tenant's last committed message, if it was ever asked for.
    Updated after each commit (`Batch.remember`)."""

    def last_sequence(self, tenant: Tenant) -> int:
        """Give the sequence of the tenant's last committed message; raises `StoreUnavailable`."""
        if tenant not in self.last_sequences:
            with self.database.reading_tables():
                found = journal.sequences(self.database.reader, tenant)
            self.last_sequences[tenant] = found[1]
        return self.last_sequences[tenant]
