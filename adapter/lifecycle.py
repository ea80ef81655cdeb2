"""Plan a contact's steps in the transaction of its event, and pop the record that a step made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapter import contacts, pop_claims, steps
from adapter.batch import Batch
from adapter.contacts import Contact
from adapter.dataverse.requests import Priority
from adapter.events import Stage
from adapter.pop_claims import NewPop
from adapter.registry import TenantSettings
from adapter.steps import Environment, Opening, Progress, RequestStep, Sofar, templates
from adapter.store import journal, outbox, pops as stored_pops
from adapter.store.outbox import DueRequest
from adapter.tenants import Agent, ContactKey

PROGRESS: Mapping[str, Progress] = {"waiting": "waiting", "done": "done", "failed": "failed"}

SHORTEST_PERSONAL = 3
"""Characters: shorter values stand in too many words to be anybody's."""

STEPS_OFF = "steps off"
SEE_TO_IT = "see to the account: once steps run, the contact's next event makes up for this"
"""What an admin can do: planning asks what should have been sent, not what just happened."""


def plan(
    batch: Batch,
    tenant: TenantSettings,
    stage: Stage | None,
    key: ContactKey,
    view: dict[str, Any],
    *,
    before: Contact | None,
) -> None:
    """Put into the outbox what the contact is due now, after an event of this stage.

    `view` is the contact after the event, `before` its state ahead of it. Of a contact for which no
    step is due any more nothing is looked up: what waits for a value then has it ten seconds later.
    """
    if steps.is_idle(tenant.steps, view):
        return
    if not _enabled(batch, tenant):
        _tell_of_standstill(batch, tenant, key, view, before)
        return
    requests = outbox.of_contact(batch.tables, key)
    # What is being sent right now must not be replaced: it counts as sent.
    history: dict[str, Progress] = {
        each.key: "done" if each.position in batch.step_queue.in_flight else PROGRESS[each.state]
        for each in requests
    }
    # A contact that has begun to leave records is finished, though the steps were saved again.
    since = None if requests else tenant.steps_since
    planned = steps.plan(tenant.steps, view, stage, history, tenant=tenant.tenant, since=since)
    for each in planned:
        outbox.put(batch.cursor, key, each, batch.later(each.delay), batch.now)
    # What waits for a value may have it now.
    if planned or any(each.state == "waiting" for each in requests):
        batch.due.append(key)


def so_far(requests: list[DueRequest]) -> Sofar:
    """Give what a contact's requests have brought: responses, dead letters, owners."""
    result = Sofar(responses={}, failures={}, owners={})
    for each in requests:
        number, action = each.planned.step.number, each.planned.action
        if each.state == "done" and action == "send":
            result.responses[number] = each.response
        elif each.state == "done" and action == "owner" and each.planned.owner is not None:
            result.owners[each.planned.owner] = each.response
        elif each.state == "failed" and action == "send" and number not in result.responses:
            result.failures[number] = each.cause or "it failed"
    return result


def failed_before(step: RequestStep, sofar: Sofar) -> int | None:
    """Give the number of a step that is a dead letter and whose response this one needs."""
    needed = {reference.step for reference in templates.references(step)}
    return min((number for number in sofar.failures if number in needed), default=None)


def priority(step: RequestStep, tenant: TenantSettings, contact: Contact | None) -> Priority:
    """Let what an agent waits for go first: the steps from which a record pops."""
    opens = tenant.steps.pop
    if opens is None or contact is None or contact.agent is None or contact.ended:
        return Priority.STEP
    needed = {reference.step for reference in templates.references(opens)}
    return Priority.POP if step.number in needed else Priority.STEP


def without_personal(text: str, view: Mapping[str, Any]) -> str:
    """Take out of Dynamics' words what it repeats of the contact's values."""
    customer, attributes = view.get("customer") or {}, view.get("attributes") or {}
    said = [str(value) for value in (*customer.values(), *attributes.values()) if value is not None]
    for value in sorted(said, key=len, reverse=True):
        if len(value) >= SHORTEST_PERSONAL:
            text = text.replace(value, "…")
    return text


def pop(
    batch: Batch,
    tenant: TenantSettings,
    stage: Stage,
    contact: Contact,
    who: Agent,
    *,
    since: datetime | None = None,
) -> str:
    """Pop the page of the answered step to an agent who has the contact; give the reason.

    `since` is when the agent began to wait for it; now, where it is None.
    """
    step = tenant.steps.pop
    if step is None or stage not in step.stages:
        return f"{stage.value} at {who.id}: no step opens a record at this stage"
    reason = _obstacle(batch, contact, who)
    where = batch.step_queue.environment(who.tenant, step.account)
    if where is None:
        reason = "the integration account may not be used yet"
    if reason is not None or where is None:
        return f"{stage.value} at {who.id}: {reason}"
    key = ContactKey(who.tenant, contact.id)
    view = contacts.view(contact, agent=who.id)
    found = steps.opening(tenant.steps, view, where, so_far(outbox.of_contact(batch.tables, key)))
    if found is None or found.url is None:
        return f"{stage.value} at {who.id}: {found.reason if found else 'nothing to open'}"
    new = _new_pop(found, stage, contact, who, since)
    made = pop_claims.make(batch, new)
    return f"{stage.value} at {who.id}: {found.reason} (pop {made})"


def pop_when_ready(batch: Batch, tenant: TenantSettings, key: ContactKey) -> str | None:
    """Pop what an agent waits for, now that a step has answered or failed; give the reason."""
    step = tenant.steps.pop
    state = batch.contact(key)
    if step is None or state is None or state.agent is None:
        return None
    who = batch.agent(key.tenant, state.agent)
    for stage in step.stages:
        if stage.value in state.stages and _obstacle(batch, state, who) is None:
            since = journal.first_report(batch.cursor, key, stage)
            return pop(batch, tenant, stage, state, who, since=since)
    return None


def _enabled(batch: Batch, tenant: TenantSettings) -> bool:
    """Tell if some step's account is in force and has passed its test."""
    return any(
        batch.step_queue.why_not(tenant.tenant, each.account) is None
        for each in tenant.steps.requests
        if each.enabled
    )


def _tell_of_standstill(
    batch: Batch,
    tenant: TenantSettings,
    key: ContactKey,
    view: dict[str, Any],
    before: Contact | None,
) -> None:
    """Say on the trace which steps this event would have planned: each once for a contact."""
    missed = _due(tenant, view)
    if missed and before is not None:
        missed -= _due(tenant, contacts.view(before, agent=before.agent))
    if not missed:
        return
    requests = outbox.of_contact(batch.tables, key)
    if not requests:  # as in `plan`
        missed &= _due(tenant, view, tenant.steps_since)
    missed -= {each.planned.step.number for each in requests}
    told = steps.standstill(
        (step for step in tenant.steps.requests if step.number in missed),
        lambda account: batch.step_queue.why_not(tenant.tenant, account),
    )
    if told:
        batch.trace(key.tenant, key.id, STEPS_OFF, f"{'; '.join(told)} ({SEE_TO_IT})")


def _due(tenant: TenantSettings, view: dict[str, Any], since: datetime | None = None) -> set[int]:
    """Give the steps that are due by a contact's state, by number."""
    planned = steps.plan(tenant.steps, view, None, {}, tenant=tenant.tenant, since=since)
    return {each.step.number for each in planned}


def _obstacle(batch: Batch, contact: Contact, who: Agent) -> str | None:
    if contact.ended:
        return "the contact has ended"
    if stored_pops.stages(batch.tables, who, contact.id):
        return "it has already popped to this agent"
    return None


def _new_pop(
    found: Opening, stage: Stage, contact: Contact, who: Agent, since: datetime | None
) -> NewPop:
    record = None
    if found.table is not None and found.record_id is not None:
        record = {"table": found.table, "id": found.record_id}
    return NewPop(
        agent=who,
        contact=contact.id,
        stage=stage.value,
        target=found.target,
        url=found.url or "",
        record=record,
        reason=found.reason,
        # A search is offered on a card; a record opens by itself while the agent still waits.
        stale_after=found.patience if found.kind == "open" else -1,
        since=since,
    )


def environment_of(url: str, api_url: str, app_id: str | None) -> Environment:
    """Give where an account leads, as rendering wants it."""
    return Environment(url=url, api_url=f"{api_url}/", app_id=app_id)
