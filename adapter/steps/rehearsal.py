"""Replay a recorded contact's events through the steps without sending anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from adapter import contacts
from adapter.contacts import Contact
from adapter.events import ContactEvent
from adapter.placeholders import Unrenderable
from adapter.steps import openings, planning, rendering
from adapter.steps.definitions import Steps
from adapter.steps.planning import Progress
from adapter.steps.rendering import Environment, Link, Sofar


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
    environment: Environment,
    *,
    tenant: str = "default",
    answers: Mapping[int, Any] | None = None,
    link: Link | None = None,
) -> list[Rehearsed]:
    """Give what the events of one contact, in the order in which they came, would have caused.

    A create is answered with the row that it makes; `answers` has the responses of GET steps.
    """
    run = _Run(steps, environment, tenant, dict(answers or {}), link or (lambda file: file.url))
    for event in events:
        run.take(event)
    return run.found


class _Run:
    def __init__(
        self,
        steps: Steps,
        environment: Environment,
        tenant: str,
        responses: dict[int, Any],
        link: Link,
    ) -> None:
        self._steps = steps
        self._environment = environment
        self._tenant = tenant
        self._answers = responses
        self._link = link
        self._contact: Contact | None = None
        self._history: dict[str, Progress] = {}
        self._sofar = Sofar()
        self._opened: set[str] = set()
        self.found: list[Rehearsed] = []

    def take(self, event: ContactEvent) -> None:
        self._contact = contacts.advance(self._contact, event)
        agent = self._contact.agent
        view = contacts.view(self._contact, agent=None if agent is None else agent.casefold())
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
            request = rendering.render(each, view, self._environment, self._sofar, link=self._link)
        except Unrenderable as fault:
            self._history[each.key] = "failed"
            self._sofar.failures[number] = str(fault)
            self.found.append(Rehearsed(event=name, key=each.key, fault=str(fault)))
            return
        text = request.shown(self._environment)
        self.found.append(Rehearsed(event=name, key=each.key, text=text, delay=each.delay))
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
        found = openings.opening(self._steps, view, self._environment, self._sofar)
        if found is not None:
            self._opened.add(view["agent"])
            fault = None if found.kind == "open" else found.reason
            self.found.append(Rehearsed(event=name, key="pop", text=found.url or "", fault=fault))
