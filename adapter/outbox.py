"""Send what contacts are due in Dynamics: in order within a contact, in parallel across contacts.

Each request was stored with the event that made it due. It is sent at least once and takes effect
once: creates carry a row id that we chose, updates and reads may be repeated. A request that must
wait holds back the later ones of its own contact and nobody else's.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog

from adapter import contacts, lifecycle, steps
from adapter.batch import Batch
from adapter.committer import Committer
from adapter.connections import AccountNotReady, Clients
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.errors import (
    DataverseError,
    DuplicateRecord,
    RecordNotFound,
    RecordReadOnly,
)
from adapter.dataverse.requests import DataverseRequest
from adapter.errors import Unavailable
from adapter.metrics import Metrics
from adapter.placeholders import Unrenderable
from adapter.registry import Registry
from adapter.steps import Environment, File, RenderedRequest, planning
from adapter.store import journal, outbox
from adapter.store.database import Database
from adapter.store.outbox import DueRequest
from adapter.tenants import ContactKey, Tenant

log = structlog.get_logger()

AT_ONCE = 200
"""Contacts worked on at once over all accounts; each account has its own limit besides."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
"""Seconds between tries, doubled each time, with jitter."""

GIVE_UP_AFTER = timedelta(hours=24)
"""Age at which a request that cannot be sent becomes a dead letter."""

HOLD_FOR = timedelta(minutes=5)
"""How long a request waits for a value that late events may still bring."""
HOLD_STEP = 10.0

Link = Callable[[Tenant, str, File], str]
"""Gives our own address for a contact's file."""


class Outbox:
    """The sender of one server process."""

    def __init__(
        self,
        database: Database,
        committer: Committer,
        registry: Registry,
        clients: Clients,
        metrics: Metrics,
        *,
        link: Link,
    ) -> None:
        self._database = database
        self._committer = committer
        self._registry = registry
        self._clients = clients
        self._metrics = metrics
        self._link = link
        self._due: dict[ContactKey, None] = {}
        self._busy: set[ContactKey] = set()
        self._again: set[ContactKey] = set()
        self._wakeup = asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE)
        committer.queue.environment = self.environment
        committer.queue.wake = self.wake

    def environment(self, tenant: Tenant, account: str | None) -> Environment | None:
        """Give where an account leads; None while it may not be used."""
        try:
            settings = self._clients.client(tenant, account).account
        except AccountNotReady:
            return None
        return lifecycle.environment_of(settings.environment_url, settings.api_url, settings.app_id)

    def wake(self, keys: Iterable[ContactKey]) -> None:
        """Look at these contacts."""
        for key in keys:
            if key in self._busy:
                self._again.add(key)
            else:
                self._due[key] = None
        self._wakeup.set()

    async def run(self) -> None:
        """Work for good: first on what a crash or a restart left."""
        with self._database.reading():
            self.wake(outbox.contacts_waiting(self._database.raw.cursor()))
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wakeup.wait()
                self._wakeup.clear()
                while self._due:
                    await self._places.acquire()
                    key = next(iter(self._due))
                    del self._due[key]
                    self._busy.add(key)
                    tasks.create_task(self._contact(key), name="steps of a contact")

    async def _contact(self, key: ContactKey) -> None:
        try:
            wait = await self._send_all(key)
        except Unavailable as error:
            log.warning("steps wait for the journal", error=str(error))
            wait = FIRST_WAIT
        except Exception:
            # One poisoned contact must not stop the others.
            log.exception("steps of a contact failed", tenant=key.tenant)
            wait = LONGEST_WAIT
        finally:
            self._busy.discard(key)
            self._places.release()
        if key in self._again:
            self._again.discard(key)
            wait = 0.0
        if wait is not None:
            asyncio.get_running_loop().call_later(wait, self.wake, (key,))

    async def _send_all(self, key: ContactKey) -> float | None:
        """Send what is due; give the seconds until the next is, None where nothing waits."""
        while True:
            self._again.discard(key)
            with self._database.reading():
                waiting = outbox.waiting(self._database.raw.cursor(), key)
            now = datetime.now(UTC)
            # A planned delay (a completion that waits for a recording) holds back nobody; a
            # request that is tried again holds back the later ones.
            held = next((each for each in waiting if each.due <= now or each.attempts), None)
            if held is None:
                return min(((each.due - now).total_seconds() for each in waiting), default=None)
            if held.due > now:
                return (held.due - now).total_seconds()
            self._committer.queue.in_flight.add(held.position)
            try:
                await self._one(held)
            finally:
                self._committer.queue.in_flight.discard(held.position)

    async def _one(self, due: DueRequest) -> None:
        started = time.perf_counter()
        account = due.planned.step.account
        try:
            client = self._clients.client(due.contact.tenant, account)
        except AccountNotReady as error:
            await self._postpone(due, str(error), wait=error.retry_after, attempts=due.attempts + 1)
            return
        try:
            rendered = self._render(due, client)
        except Unrenderable as error:
            if datetime.now(UTC) - due.created < HOLD_FOR:
                await self._postpone(due, str(error), wait=HOLD_STEP, attempts=due.attempts + 1)
            else:
                await self._dead(due, str(error))
            return
        try:
            response = await self._exchange(client, due, rendered)
        except RecordReadOnly as error:
            await self._as_note(due, error)
        except DataverseError as error:
            await self._refused(due, rendered, error)
        else:
            await self._done(due, rendered, response, time.perf_counter() - started)

    def _render(self, due: DueRequest, client: DataverseClient) -> RenderedRequest:
        key = due.contact
        with self._database.reading():
            cursor = self._database.raw.cursor()
            state = journal.contact(cursor, key)
            requests = outbox.of_contact(cursor, key)
        settings = self._registry[key.tenant]
        agent = None
        if state is not None and state.agent is not None:
            agent = settings.agent(state.agent).id
        view = {} if state is None else contacts.view(state, agent=agent)
        account = client.account
        return steps.render(
            due.planned,
            view,
            lifecycle.environment_of(account.environment_url, account.api_url, account.app_id),
            lifecycle.so_far(requests),
            link=lambda file: self._link(key.tenant, key.id, file),
        )

    async def _exchange(
        self, client: DataverseClient, due: DueRequest, rendered: RenderedRequest
    ) -> Any:
        request = DataverseRequest(
            method=rendered.method,
            path=rendered.path,
            query=rendered.query,
            body=rendered.body,
            headers=rendered.headers,
        )
        try:
            answer = await client.send(request)
        except DuplicateRecord:
            if rendered.read_back is None:
                raise
            # Our own row: an earlier try made it, and its answer was lost.
            try:
                body: Any = await client.read(rendered.read_back)
            except RecordNotFound as error:
                raise DuplicateOfAnother(str(error)) from error
        else:
            body = msgspec.json.decode(answer.body) if answer.body else None
        if due.planned.action == "owner":
            return steps.owner_of(body)
        return steps.response_of(rendered, body)

    async def _done(
        self, due: DueRequest, rendered: RenderedRequest, response: Any, seconds: float
    ) -> None:
        told = f"{_name(due, rendered)}: done in {seconds * 1000:.0f} ms"

        def job(batch: Batch) -> None:
            outbox.finish(batch.cursor, due.position, "done", batch.now, response=response)
            self._tell(batch, due, "step", told)

        await self._committer.submit(job)
        self._metrics.steps.labels("done").inc()

    async def _refused(
        self, due: DueRequest, rendered: RenderedRequest, error: DataverseError
    ) -> None:
        cause = f"{_name(due, rendered)}: {error}"
        if not error.retriable or datetime.now(UTC) - due.created > GIVE_UP_AFTER:
            await self._dead(due, f"{cause} {error.advice}")
            return
        wait = error.retry_after
        if wait is None:
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2**due.attempts) * random.uniform(0.5, 1.0)  # noqa: S311
        await self._postpone(due, cause, wait=wait, attempts=due.attempts + 1)

    async def _as_note(self, due: DueRequest, error: RecordReadOnly) -> None:
        """Keep what a row that somebody has completed refuses as a note on it."""
        if due.planned.action != "send":
            await self._dead(due, f"step {due.planned.step.number}: {error} {error.advice}")
            return
        key = due.contact
        note = msgspec.structs.replace(
            due.planned, action="note", row_id=planning.row_id(key.tenant, key.id, due.key)
        )

        def job(batch: Batch) -> None:
            outbox.replace(batch.cursor, due.position, note)
            told = f"step {due.planned.step.number}: the row is completed; kept as a note on it"
            batch.trace(key.tenant, key.id, "step", told)

        await self._committer.submit(job)

    async def _postpone(self, due: DueRequest, cause: str, *, wait: float, attempts: int) -> None:
        def job(batch: Batch) -> None:
            outbox.postpone(
                batch.cursor, due.position, due=batch.later(wait), attempts=attempts, cause=cause
            )
            if cause != due.cause:
                told = f"{cause} (tried again in {wait:.0f} s)"
                batch.trace(due.contact.tenant, due.contact.id, "step waits", told)

        await self._committer.submit(job)
        self._metrics.steps.labels("retried").inc()

    async def _dead(self, due: DueRequest, cause: str) -> None:
        def job(batch: Batch) -> None:
            outbox.finish(batch.cursor, due.position, "failed", batch.now, cause=cause)
            self._tell(batch, due, "step failed", cause)

        await self._committer.submit(job)
        self._metrics.steps.labels("failed").inc()
        log.warning("dead letter", tenant=due.contact.tenant, step=due.planned.step.number)

    def _tell(self, batch: Batch, due: DueRequest, what: str, detail: str) -> None:
        key = due.contact
        batch.trace(key.tenant, key.id, what, detail)
        reason = lifecycle.pop_when_ready(batch, self._registry[key.tenant], key)
        if reason is not None:
            batch.trace(key.tenant, key.id, "matched", reason)


class DuplicateOfAnother(DataverseError):
    """A row with the id or key that this step gives exists, and it is none of ours."""

    cause = "duplicate"
    advice = "Leave the id out of the step's body, so that each contact gets a row of its own."


def _name(due: DueRequest, rendered: RenderedRequest) -> str:
    """Name a request on a contact's story: without values, which may be a person's."""
    table = rendered.path.partition("(")[0]
    action = "" if due.planned.action == "send" else f" ({due.planned.action})"
    return f"step {due.planned.step.number}{action} {rendered.method} {table}"
