"""Replay a recorded contact's events through the steps without sending anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from adapter import contacts
from adapter.contacts import Contact
from adapter.errors import MalformedInput
from adapter.events import ContactEvent
from adapter.steps import openings, planning, rendering
from adapter.steps.definitions import Steps
from adapter.steps.planning import Progress
from adapter.steps.rendering import Fit, Link, NoEnvironment, Sofar, Where


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an event would have caused."""

    event: str
    """The event's id, and its stage where it has one."""
    key: str
    """The planned request's key, or `pop`."""
    text: str = ""
    """The request as it would be sent, or the URL that would be opened."""
    delay: int = 0
    fault: str | None = None
    """Why it could not be sent."""


def dry_run(
    steps: Steps,
    events: Iterable[ContactEvent],
    where: Where,
    *,
    tenant: str = "default",
    answers: Mapping[int, Any] | None = None,
    link: Link | None = None,
    agent: Callable[[str], str] | None = None,
    fit: Fit = rendering.as_it_is,
) -> list[Rehearsed]:
    """Give what the events of one contact, in the order in which they came, would have caused.

    A create is answered with the row that it makes; `answers` has the responses of GET steps,
    `where` the environment of each step's account; `link` gives our link of a file, `agent` the
    agent behind an id of the source; `fit` knows the columns. Each agent is taken for a user.
    """
    run = _Run(
        steps,
        where,
        tenant=tenant,
        responses=dict(answers or {}),
        link=link or rendering.address,
        agent=agent or str.casefold,
        fit=fit,
    )
    for event in events:
        run.take(event)
    return run.found


class _Run:
    def __init__(
        self,
        steps: Steps,
        where: Where,
        *,
        tenant: str,
        responses: dict[int, Any],
        link: Link,
        agent: Callable[[str], str],
        fit: Fit,
    ) -> None:
        self._steps = steps
        self._where = where
        self._agent = agent
        self._tenant = tenant
        self._answers = responses
        self._link = link
        self._fit = fit
        self._contact: Contact | None = None
        self._history: dict[str, Progress] = {}
        self._sofar = Sofar()
        self._opened: set[str] = set()
        self.found: list[Rehearsed] = []

    def take(self, event: ContactEvent) -> None:
        self._contact = contacts.advance(self._contact, event)
        agent = self._contact.agent
        view = contacts.view(self._contact, agent=None if agent is None else self._agent(agent))
        name = event.id if event.stage is None else f"{event.id} ({event.stage.value})"
        planned = planning.plan(self._steps, view, event.stage, self._history, tenant=self._tenant)
        for each in planned:
            self._send(each, view, name)
        self._open(view, event, name)

    def _send(self, each: planning.PlannedRequest, view: Mapping[str, Any], name: str) -> None:
        # Replayed as if at once: what waits for hours is shown, and stays to be brought forward.
        self._history[each.key] = "waiting" if each.delay else "done"
        number = each.step.number
        try:
            environment = rendering.environment_of(self._where, each.step.account)
            rendered = rendering.render(each, view, environment, self._sofar, link=self._link)
            request = self._fit(rendered, environment)
        except MalformedInput as fault:
            self._history[each.key] = "failed"
            self._sofar.failures[number] = str(fault)
            self.found.append(Rehearsed(event=name, key=each.key, fault=str(fault)))
            return
        text = request.shown(environment)
        self.found.append(Rehearsed(event=name, key=each.key, text=text, delay=each.delay))
        if each.action == "owner" and each.owner is not None:
            self._sofar.owners[each.owner] = rendering.SAMPLE_OWNER
        if each.action == "send":
            made = msgspec.json.decode(request.body) if request.body else None
            answer = self._answers.get(number, made)
            self._sofar.responses[number] = rendering.response_of(request, answer)

    def _open(self, view: Mapping[str, Any], event: ContactEvent, name: str) -> None:
        step = self._steps.pop
        reached = {event.stage, *event.witnessed}
        if step is None or not view["agent"] or "ended" in view["stages"]:
            return
        if reached.isdisjoint(step.stages) or view["agent"] in self._opened:
            return
        try:
            environment = rendering.environment_of(self._where, step.account)
        except NoEnvironment as nowhere:
            self.found.append(Rehearsed(event=name, key="pop", fault=str(nowhere)))
            return
        found = openings.opening(self._steps, view, environment, self._sofar)
        if found is not None:
            self._opened.add(view["agent"])
            fault = None if found.kind == "open" else found.reason
            self.found.append(Rehearsed(event=name, key="pop", text=found.url or "", fault=fault))
