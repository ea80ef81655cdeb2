"""Push the results of a commit: messages to sockets, work to the outbox, a line to the story."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from adapter import messages
from adapter.batch import Batch
from adapter.events import CONTACT_PREFIX, Stage
from adapter.hub import Hub
from adapter.staged import Staged
from adapter.step_queue import StepQueue
from adapter.store.database import Database
from adapter.store.journal.tail import Push
from adapter.tenants import Tenant

log = structlog.get_logger()

Trace = Callable[[Tenant, str | None, datetime, str, str], None]
"""Adds a line to a contact's story: tenant, contact, time, what, detail."""

TRACED_PUSHES: Final = frozenset(
    (
        messages.POP,
        *(CONTACT_PREFIX + stage.value for stage in (Stage.OFFERED, Stage.ANSWERED)),
        CONTACT_PREFIX + Stage.MADE.value,
    )
)
"""The pushes that go into a contact's story: when the panel rang, and when it popped."""


class Publisher:
    """Publishes committed batches; whoever misses a message resumes from the journal."""

    def __init__(self, database: Database, hub: Hub, queue: StepQueue, trace: Trace) -> None:
        self._database = database
        self._hub = hub
        self._queue = queue
        self._trace = trace

    def publish(self, batches: list[Batch]) -> None:
        """Push the messages of batches in their order, then do what else is due.

        Never raises: the journal has their sequences, which must be remembered after this.
        """
        if not batches:
            return
        for batch in batches:
            for outgoing in batch.outgoing:
                self._push(outgoing)
        for batch in batches:
            if batch.renamed or batch.due:
                self._see_to(batch)

    def _push(self, outgoing: Staged) -> None:
        message = outgoing.message
        try:
            count = self._hub.fan_out(outgoing)
            if message.type in TRACED_PUSHES and message.subject is not None:
                self._note_push(outgoing, count)
        except Exception:
            # It is committed: its sender must still get the receipt, and a feed that missed it can
            # resume.
            log.exception("a message was not pushed", sequence=message.sequence)

    def _see_to(self, batch: Batch) -> None:
        try:
            for agent in batch.renamed:
                self._hub.renamed(agent)
        except Exception:
            log.exception("the feeds of a renamed agent were not closed")
        try:
            if batch.due:
                self._queue.wake(batch.due)
        except Exception:
            log.exception("what is due in Dynamics waits for the next look")

    def _note_push(self, outgoing: Staged, count: int) -> None:
        if outgoing.pop is None:
            push = Push(outgoing.position, time.time_ns() // 1000, count)
            self._database.raw.tail.put_push(push)
            return
        message = outgoing.message
        sockets = "1 socket" if count == 1 else f"{count} sockets"
        told = f"{message.type} to {', '.join(message.agents)}: {sockets}"
        self._trace(outgoing.tenant, message.subject, datetime.now(UTC), "pushed", told)
