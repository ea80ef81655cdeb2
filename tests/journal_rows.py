"""Write rows of the journal as a commit does, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from adapter import contacts
from adapter.batch import Batch
from adapter.events import CONTACT_PREFIX, ContactEvent
from adapter.messages import UPDATED
from adapter.step_queue import StepQueue
from adapter.store import journal
from adapter.store.database import Database
from adapter.store.times import micros
from adapter.tenants import ContactKey, Tenant
from adapter.workbench import Workbench

NOBODY = cast(Any, None)
"""Neither the registry nor the hub is asked by what these tests stage."""


@contextmanager
def batch(database: Database, now: datetime) -> Iterator[Batch]:
    """Open a transaction, commit it, and remember where everything stands."""
    with database.transaction() as cursor:
        made = Batch(_workbench(database))
        made.begin(cursor, micros(now))
        yield made
        made.finish()
    made.remember()


@contextmanager
def waiting_batch(database: Database, now: datetime) -> Iterator[Batch]:
    """Do what `batch` does, but leave the rows in the redo log."""
    made = Batch(_workbench(database))
    made.begin(None, micros(now))
    yield made
    made.finish()
    made.remember()


def _workbench(database: Database) -> Workbench:
    return Workbench(
        database, NOBODY, NOBODY, StepQueue(), lambda _: database.begin(), lambda _: None
    )


def keep(
    made: Batch, tenant: Tenant, event: ContactEvent, *, audience: tuple[str, ...] | None = None
) -> bool:
    """Stage an event and what follows from it; False where it was kept before."""
    key = ContactKey(tenant, event.contact)
    event_key = made.new_event_key(tenant, event)
    if event_key is None:
        return False
    known = made.known(key)
    state = contacts.advance(None if known is None else known[0], event)
    told = audience if audience is not None else (event.agent,) if event.agent else ()
    staged = made.put_contact(
        key,
        known,
        state,
        state.agent,
        kind=UPDATED if event.stage is None else CONTACT_PREFIX + event.stage.value,
        data=contacts.view(state, agent=state.agent),
        audience=told,
    )
    made.put_event(staged, event, event_key, made.now, None)
    return True


def write_index(database: Database) -> None:
    """Write into the index what it lacks."""
    with database.transaction() as cursor:
        journal.write_index(cursor)
    database.raw.tail.forget_written()


def write_slice(
    database: Database, writing: journal.IndexWriting | None
) -> journal.IndexWriting | None:
    """Write the least that a slice may be, and give what is left to do; None begins anew."""
    known = database.raw.tail
    if writing is None or writing.is_stale:
        writing = journal.IndexWriting(known)
    with database.transaction(promised=False) as cursor:
        writing.write_some(cursor, 0)
    writing.forget_written()
    return None if writing.is_done else writing
