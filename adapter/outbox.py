"""Send what contacts are due in Dynamics: in order within a contact, in parallel across contacts.

Each request was stored with the event that made it due. It is sent at least once and takes effect
once: creates carry a row id that we chose, updates and reads may be repeated. A request that must
wait holds back the later ones of its own contact and nobody else's.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from adapter import contacts, lifecycle, steps
from adapter.batch import Batch
from adapter.committer import Committer
from adapter.connections import AccountNotReady, Clients
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.errors import DataverseError, RecordReadOnly, TokenRefused, UserMissing
from adapter.dataverse.sign_in import SignInFailed
from adapter.environments import environment_of
from adapter.errors import Unavailable
from adapter.exchanges import Sent
from adapter.fitting import Fitting
from adapter.metrics import Metrics
from adapter.placeholders import Unrenderable
from adapter.registry import Registry
from adapter.steps import Environment, File, RenderedRequest, planning
from adapter.store import journal, outbox
from adapter.store.database import Database
from adapter.store.outbox import DueRequest
from adapter.tenants import ContactKey, Tenant
from adapter.turns import Turns

log = structlog.get_logger()

AT_ONCE = 200
"""Contacts of a tenant worked on at once; each account has its own limit besides."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
"""Seconds between tries, doubled each time, with jitter."""
DOUBLINGS = 9
TOLD = 10
"""Tries that a contact's story tells one by one: those after them come every five minutes."""

GIVE_UP_AFTER = timedelta(hours=24)
"""Age at which a request that cannot be sent becomes a dead letter."""

HOLD_FOR = timedelta(minutes=5)
"""How long a request waits for a value that late events may still bring."""
HOLD_STEP = 10.0

ACCOUNT_WAIT = 30.0
"""Seconds between looks whether an account can be used again; a change of it is seen at once."""

MOST_FAULTS = 5
"""Tries after which a request that our own code cannot handle becomes a dead letter."""

OF_ANOTHER = "step {0} failed. Replay step {0}'s dead letter: this one goes with it."
OF_A_VALUE = (
    "Correct the step, or give the placeholder something to fall back on ({{Name|unknown}}); then "
    "replay this."
)
"""What an admin does about a request that could not be filled in."""

OF_THE_ACCOUNT = (SignInFailed, TokenRefused, UserMissing)
"""What an admin mends once for all contacts: a new secret must not leave dead letters behind."""


class Link(Protocol):
    """Gives our own address for a contact's file."""

    def __call__(self, tenant: Tenant, contact: str, file: File, /) -> str:
        """Give it."""


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
        fitting: Fitting,
    ) -> None:
        self._database = database
        self._committer = committer
        self._registry = registry
        self._clients = clients
        self._metrics = metrics
        self._link = link
        self._fitting = fitting
        self._turns = Turns(self._contact, at_once=AT_ONCE)
        self._hopeful: set[int] = set()
        """Positions that wait for a value: tried at any news of the contact, ahead of time."""
        self._for_account: dict[int, ContactKey] = {}
        """Those that wait for an account: tried when one has changed."""
        self.wake = self._turns.wake
        committer.step_queue.environment = self.environment
        committer.step_queue.why_not = clients.why_not
        committer.step_queue.wake = self.wake
        clients.changed = self._accounts_changed

    def environment(self, tenant: Tenant, account: str | None) -> Environment | None:
        """Give where an account leads; None while it may not be used."""
        try:
            settings = self._clients.client(tenant, account).account
        except AccountNotReady:
            return None
        return environment_of(settings)

    async def run(self) -> None:
        """Work for good: first on what a crash or a restart left."""
        with self._database.reading_tables():
            self.wake(outbox.contacts_waiting(self._database.raw.cursor()))
        await self._turns.run()

    def _accounts_changed(self) -> None:
        self._hopeful.update(self._for_account)
        self.wake(set(self._for_account.values()))
        self._for_account.clear()

    async def _contact(self, key: ContactKey) -> float | None:
        try:
            return await self._send_all(key)
        except Unavailable as error:
            log.warning("steps wait for the journal", error=str(error))
            return FIRST_WAIT
        except Exception:
            # One poisoned contact must not stop the others.
            log.exception("steps of a contact failed", tenant=key.tenant)
            return LONGEST_WAIT

    async def _send_all(self, key: ContactKey) -> float | None:
        """Send what is due; give the seconds until the next is, None where nothing waits."""
        news = True
        while True:
            with self._database.reading_tables():
                waiting = outbox.waiting(self._database.raw.cursor(), key)
            now = datetime.now(UTC)
            # A planned delay (a completion that waits for a recording) holds back nobody; a
            # request that is tried again holds back the later ones.
            held = next((each for each in waiting if each.due <= now or each.attempts), None)
            if held is None:
                return min(((each.due - now).total_seconds() for each in waiting), default=None)
            if held.due > now and not (news and held.position in self._hopeful):
                return (held.due - now).total_seconds()
            self._hopeful.discard(held.position)
            self._for_account.pop(held.position, None)
            self._committer.step_queue.in_flight.add(held.position)
            try:
                await self._one(held)
            finally:
                self._committer.step_queue.in_flight.discard(held.position)
            news = self._turns.has_news(key)

    async def _one(self, due: DueRequest) -> None:
        try:
            client = self._clients.client(due.contact.tenant, due.planned.step.account)
        except AccountNotReady as error:
            cause = f"step {due.planned.step.number}: {error}"
            await self._wait_for_account(due, cause, wait=error.retry_after)
            return
        try:
            await self._send(client, due)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("a step could not be handled", step=due.planned.step.number)
            cause = (
                f"step {due.planned.step.number}: a fault of the adapter "
                f"({type(error).__name__}); its log says more"
            )
            if due.attempts + 1 < MOST_FAULTS:
                await self._postpone(due, cause, wait=_backoff(due.attempts))
            else:
                await self._dead(due, cause)

    async def _send(self, client: DataverseClient, due: DueRequest) -> None:
        started = time.perf_counter()
        key = due.contact
        settings = self._registry[key.tenant]
        with self._database.reading():
            cursor = self._database.raw.cursor()
            state = journal.contact(cursor, key)
            sofar = lifecycle.so_far(outbox.of_contact(cursor, key))
        who = None if state is None or state.agent is None else settings.agent(state.agent).id
        view = {} if state is None else contacts.view(state, agent=who)
        try:
            rendered = steps.render(
                due.planned,
                view,
                environment_of(client.account),
                sofar,
                link=lambda file: self._link(key.tenant, key.id, file),
            )
        except Unrenderable as error:
            cause = f"step {due.planned.step.number}: {error}"
            # What a dead letter was to bring will not come by itself.
            failed = lifecycle.failed_before(due.planned.step, sofar)
            if failed is not None:
                await self._dead(
                    due, f"step {due.planned.step.number}: {OF_ANOTHER.format(failed)}"
                )
            elif _age(due) >= HOLD_FOR:
                await self._dead(due, _with_advice(cause, OF_A_VALUE))
            else:
                self._hopeful.add(due.position)
                await self._postpone(due, cause, wait=HOLD_STEP, told_once=True)
            return
        try:
            sent = await self._fitting.send(
                client,
                key.tenant,
                rendered,
                owner=due.planned.action == "owner",
                priority=lifecycle.priority(due.planned.step, settings, state),
            )
        except RecordReadOnly as error:
            await self._as_note(due, error)
        except DataverseError as error:
            cause = f"{_name(due, rendered)}: {lifecycle.without_personal(str(error), view)}"
            await self._refused(due, cause, error)
        else:
            await self._done(due, rendered, sent, time.perf_counter() - started)

    async def _done(
        self, due: DueRequest, rendered: RenderedRequest, sent: Sent, seconds: float
    ) -> None:
        told = "; ".join((f"{_name(due, rendered)}: done in {seconds * 1000:.0f} ms", *sent.notes))

        def job(batch: Batch) -> None:
            outbox.finish(batch.cursor, due.position, "done", batch.now, response=sent.response)
            self._tell(batch, due, "step", told)

        await self._committer.submit(job)
        self._metrics.steps.labels("done").inc()

    async def _refused(self, due: DueRequest, cause: str, error: DataverseError) -> None:
        if isinstance(error, OF_THE_ACCOUNT):
            wait = error.retry_after or ACCOUNT_WAIT
            await self._wait_for_account(due, _with_advice(cause, error.advice), wait=wait)
        elif not error.retriable or _age(due) >= GIVE_UP_AFTER:
            await self._dead(due, _with_advice(cause, error.advice))
        else:
            wait = _backoff(due.attempts) if error.retry_after is None else error.retry_after
            await self._postpone(due, cause, wait=wait)

    async def _wait_for_account(self, due: DueRequest, cause: str, *, wait: float) -> None:
        if _age(due) >= GIVE_UP_AFTER:
            await self._dead(due, cause)
            return
        self._for_account[due.position] = due.contact
        await self._postpone(due, cause, wait=wait, told_once=True)

    async def _as_note(self, due: DueRequest, error: RecordReadOnly) -> None:
        """Keep what a row that somebody has completed refuses as a note on it."""
        if due.planned.action != "send":
            cause = f"step {due.planned.step.number}: {error}"
            await self._dead(due, _with_advice(cause, error.advice))
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

    async def _postpone(
        self, due: DueRequest, cause: str, *, wait: float, told_once: bool = False
    ) -> None:
        """Try again later; `told_once`: nothing was sent, and the same reason is told one time."""

        def job(batch: Batch) -> None:
            outbox.postpone(
                batch.cursor,
                due.position,
                due=batch.later(wait),
                attempts=max(due.attempts, 1) if told_once else due.attempts + 1,
                cause=cause,
            )
            if cause != due.cause or (not told_once and is_told(due.attempts)):
                told = f"{cause} (tried again in {wait:.1f} s)"
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


def is_told(attempts: int) -> bool:
    """Whether a story tells that a request waits again after so many tries, for the same reason.

    The first ones, and later each time that they have become twice as many: where Dynamics is out
    for a day with fifty thousand contacts waiting, one line a try would be fourteen million.
    """
    return attempts < TOLD or attempts & (attempts - 1) == 0


def _name(due: DueRequest, rendered: RenderedRequest) -> str:
    """Name a request on a contact's story: without values, which may be a person's."""
    action = "" if due.planned.action == "send" else f" ({due.planned.action})"
    return f"step {due.planned.step.number}{action} {rendered.method} {rendered.entity_set}"


def _with_advice(cause: str, advice: str) -> str:
    """Put two sentences one behind the other; Dynamics ends its own with a full stop or without."""
    return f"{cause}{'' if cause.endswith(('.', '!', '?', ')')) else '.'} {advice}"


def _age(due: DueRequest) -> timedelta:
    """Give how long a request could have been sent; a planned delay does not age it."""
    return datetime.now(UTC) - due.created - timedelta(seconds=due.planned.delay)


def _backoff(attempts: int) -> float:
    whole = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, DOUBLINGS))
    return whole * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
