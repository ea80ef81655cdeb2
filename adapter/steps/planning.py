"""Decide which requests a contact is due: a pure function of its state and of what was planned.

Asked after every event of the contact, in the transaction that stores the event; what it gives
goes into the outbox there. It asks what should have been sent, not what just happened, so that
events in any order, twice or hours late end in the same records:

- *Ended before answered* (the events came in the wrong order): steps are planned when their stage
  is reached, and run in the order of planning. A step of an earlier stage that comes late leaves
  alone the columns which a later step has written on the same row.
- *The created event is late or lost*: any stage proves that the contact was created.
- *Duplicates*, of recordings too: the key is known, nothing is planned.
- *Late news*: an update whose values have changed since (a transfer that is reported after the
  end) is planned again; the row ends with what is true.
- *Transfers*: with `owner` the row goes to the agent who has the contact at the end.
- *Abandoned* (ended, never answered nor made): as `Steps.abandoned` says.
- *Several files*: an update takes the best one, whichever comes first; a create makes one row each.
- *A row that a step has completed* is read-only: as `Steps.completed` says.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from adapter.events import Stage
from adapter.placeholders import MissingValue, Values
from adapter.steps import facts, templates
from adapter.steps.definitions import RequestStep, Steps
from adapter.steps.facts import File
from adapter.steps.templates import State

Progress = Literal["waiting", "done", "failed"]
"""What became of a planned request: not yet begun, sent (or just being sent), a dead letter."""

Action = Literal["send", "note", "open", "close", "complete", "owner"]
"""`send` is the step itself; the others are what the rules between steps add to it."""

NAMESPACE = uuid.UUID("7d2d7c0e-5a53-5f0c-9d64-1b6f6f0b6a41")
"""Of the row ids that are chosen here. Changing it would double every row that is being created."""

_HOUR = 3600
_CLOSES = "-closes"
"""Ends the key of an update that leaves its row read-only."""


class PlannedRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request for the outbox, filled in when it is sent (`rendering.render`)."""

    key: str
    """Within the contact. A request that waits under the same key is replaced, at the end."""
    step: RequestStep
    action: Action = "send"
    delay: int = 0
    """Seconds before it may be sent."""
    row_id: str | None = None
    """Of the row that is created: the same each time, so that a repeated create makes one row."""
    file: File | None = None
    """The file that `objectUrl` stands for."""
    without: tuple[str, ...] = ()
    """Columns of the step's body that are not sent."""
    state: State | None = None
    """The state that is sent, whatever the body says."""
    owner: str | None = None
    """The agent whose user becomes the owner, or is looked up."""
    represent: bool = False
    """Whether the row is wanted back."""


def plan(
    steps: Steps,
    view: Mapping[str, Any],
    event_stage: Stage | None,
    history: Mapping[str, Progress],
    *,
    tenant: str,
    since: datetime | None = None,
) -> list[PlannedRequest]:
    """Give what is due now and not in `history`, in the order in which it must be sent.

    `view` is the contact as `contacts.view` gives it after the event, `history` what was planned
    before, by key, in the order of planning. A contact that began before `since`, when the steps
    were put into effect, is left alone.
    """
    planning = _Planning(steps, view, event_stage, dict(history), tenant)
    due = _due(steps, view)
    if not due or (since is not None and _began_before(view, since)):
        return []
    for step in sorted(due, key=templates.first_rank):
        planning.take(step)
    return planning.found


def is_idle(steps: Steps, view: Mapping[str, Any]) -> bool:
    """Tell if no step is due by what the contact is: `plan` gives nothing, whatever was planned."""
    return not _due(steps, view)


def _due(steps: Steps, view: Mapping[str, Any]) -> list[RequestStep]:
    """Give the enabled steps whose stage or file the contact has come to, started or not."""
    here = facts.stages(view)
    skipped = steps.abandoned == "skip" and facts.abandoned(view)
    return [
        step
        for step in steps.requests
        if step.enabled
        and (
            _takes_one(steps, step, view)
            if templates.takes_files(step)
            else not here.isdisjoint(step.stages) and not (skipped and Stage.ENDED in step.stages)
        )
    ]


def _takes_one(steps: Steps, step: RequestStep, view: Mapping[str, Any]) -> bool:
    """Tell if there is a file that a step takes, or none at all and the stage of one was told.

    There may be files of a kind of copy that is not linked: of those it takes none.
    """
    if facts.files(view):
        return bool(facts.chosen(view, step.stages, steps.redacted))
    return facts.reached(view, step.stages)


def _began_before(view: Mapping[str, Any], since: datetime) -> bool:
    began = min((time for time in map(facts.moment, view["stages"].values()) if time), default=None)
    return began is not None and began < since


def row_id(tenant: str, contact: str, key: str) -> str:
    """Choose the id of the row that a contact's step creates (RFC 9562, version 5)."""
    return str(uuid.uuid5(NAMESPACE, json.dumps([tenant, contact, key])))


@dataclass(frozen=True, slots=True)
class _Update:
    """An update that is due."""

    step: RequestStep
    key: str
    file: File | None
    owner: str | None
    closing: State | None
    """The read-only state in which it leaves the row."""
    late: tuple[str, ...]
    """Columns that a later step has written already."""


class _Planning:
    """One pass over the steps; `history` grows with what is planned."""

    def __init__(
        self,
        steps: Steps,
        view: Mapping[str, Any],
        event_stage: Stage | None,
        history: dict[str, Progress],
        tenant: str,
    ) -> None:
        self._steps = steps
        self._view = view
        self._stage = event_stage
        self._history = history
        self._tenant = tenant
        self.found: list[PlannedRequest] = []

    def take(self, step: RequestStep) -> None:
        """Plan what is due of one step whose stage or file is there."""
        if step.method == "PATCH":
            self._update(step, self._file(step))
        elif step.method == "POST" and templates.takes_files(step):
            for file in self._files(step):
                self._create(step, file)
        elif step.method == "POST":
            self._create(step, None)
        elif not self._started(step):
            self._put(str(step.number), step, file=self._file(step))

    def _create(self, step: RequestStep, file: File | None) -> None:
        key = str(step.number) if file is None else f"{step.number}/{_digest(file.url)}"
        if key not in self._history:
            self._put(key, step, row_id=row_id(self._tenant, self._view["id"], key), file=file)

    def _update(self, step: RequestStep, file: File | None) -> None:
        update = self._due_update(step, file)
        if update is None:
            return
        if update.late and set(templates.columns(step)) <= set(update.late):
            return
        owner = update.owner
        if owner is not None and f"{step.number}:owner:{owner}" not in self._history:
            self._put(f"{step.number}:owner:{owner}", step, action="owner", owner=owner)
        closer = self._closer(step)
        if closer is None:
            self._update_open_row(update)
        elif closer is step or self._steps.completed == "reopen":
            self._reopen(update, self._closing(closer))
        else:
            note = row_id(self._tenant, self._view["id"], update.key)
            self._put(update.key, step, action="note", file=file, without=update.late, row_id=note)

    def _update_open_row(self, update: _Update) -> None:
        step = update.step
        complete = f"{step.number}:complete"
        waits = update.closing is not None and self._waits(step)
        apart = waits or complete in self._history
        self._put(
            update.key + (_CLOSES if update.closing and not apart else ""),
            step,
            file=update.file,
            owner=update.owner,
            without=(*update.late, *templates.STATE_COLUMNS) if apart else update.late,
            state=None if apart else update.closing,
        )
        if waits and complete not in self._history:
            delay = self._steps.wait_hours * _HOUR
            self._put(complete, step, action="complete", state=update.closing, delay=delay)
        self._complete_last(step)

    def _complete_last(self, step: RequestStep) -> None:
        """Move a completion that waits no longer behind what was just planned for its row."""
        for other in (step, *self._same_row(step)):
            complete = f"{other.number}:complete"
            if self._history.get(complete) == "waiting" and not self._waits(other):
                state = self._closing(other)
                if state is not None:
                    self._put(complete, other, action="complete", state=state)

    def _reopen(self, update: _Update, state: State | None) -> None:
        """Correct a row that is read-only; it stays open where nothing completes it any more."""
        key, step = update.key, update.step
        self._put(f"{key}:open", step, action="open")
        without = (*update.late, *templates.STATE_COLUMNS)
        self._put(key, step, file=update.file, owner=update.owner, without=without)
        if state is not None:
            self._put(f"{key}:close", step, action="close", state=state)

    def _due_update(self, step: RequestStep, file: File | None) -> _Update | None:
        """Give the update that is due, or None: the row says this already."""
        url = file.url if file else None
        values = Values(attributes=facts.attributes(self._view, url))
        used = []
        for reference in templates.references(step):
            if reference.step is None:
                try:
                    used.append([reference.name, values.find(reference, "")])
                except MissingValue:
                    used.append([reference.name, None])
        owner = next_owner(self._steps, step, self._view)
        closing = self._closing(step)
        cancels = closing != templates.completes(step)
        digest = _digest([used, url, owner, cancels])
        sent = self._keys(step)
        if sent and re.split(r"[/.-]", sent[-1])[1] == digest:
            return None
        timely = self._stage in step.stages or facts.ended(self._view)
        if sent and not timely:
            return None
        # The same values again after others: an agent who got the contact back.
        again = any(digest in key for key in sent)
        key = f"{step.number}/{digest}" + (f".{len(sent)}" if again else "")
        late = () if sent else self._written_later(step)
        return _Update(step, key, file, owner, closing, late)

    def _waits(self, step: RequestStep) -> bool:
        """Tell if a row is to be completed only when its recording is there."""
        if self._steps.completed != "wait" or facts.abandoned(self._view):
            return False
        return any(
            templates.takes_files(other) and other.enabled and not self._started(other)
            for other in self._same_row(step)
        )

    def _closer(self, step: RequestStep) -> RequestStep | None:
        """Find the step that has completed the row which this step updates."""
        for other in (step, *self._same_row(step)):
            closing = [key for key in self._keys(other) if key.endswith(_CLOSES)]
            if any(self._history[key] != "failed" for key in closing):
                return other
            if self._history.get(f"{other.number}:complete") == "done":
                return other
        return None

    def _closing(self, step: RequestStep) -> State | None:
        """Give the read-only state in which a step leaves its row for this contact."""
        cancels = self._steps.abandoned == "cancel" and facts.abandoned(self._view)
        if cancels and Stage.ENDED in step.stages and step.table.canceled:
            return State(*step.table.canceled)
        return templates.completes(step)

    def _written_later(self, step: RequestStep) -> tuple[str, ...]:
        rank = templates.first_rank(step)
        return tuple(
            column
            for other in self._same_row(step)
            if templates.first_rank(other) > rank and self._started(other)
            for column in templates.columns(other)
        )

    def _same_row(self, step: RequestStep) -> Iterator[RequestStep]:
        row = templates.target(step)
        for other in self._steps.requests:
            if other is not step and other.method == "PATCH" and templates.target(other) == row:
                yield other

    def _files(self, step: RequestStep) -> tuple[File, ...]:
        return facts.chosen(self._view, step.stages, self._steps.redacted)

    def _file(self, step: RequestStep) -> File | None:
        files = self._files(step) if templates.takes_files(step) else ()
        return files[0] if files else None

    def _keys(self, step: RequestStep) -> list[str]:
        number = str(step.number)
        return [key for key in self._history if ":" not in key and key.partition("/")[0] == number]

    def _started(self, step: RequestStep) -> bool:
        return bool(self._keys(step))

    def _put(self, key: str, step: RequestStep, **more: Any) -> None:
        represent = more.get("action", "send") == "send" and wanted_back(self._steps, step)
        self.found = [each for each in self.found if each.key != key]
        self.found.append(PlannedRequest(key=key, step=step, represent=represent, **more))
        self._history[key] = "waiting"


def next_owner(steps: Steps, step: RequestStep, view: Mapping[str, Any]) -> str | None:
    """Give the agent whose user an update makes the owner of its row."""
    if not steps.owner or Stage.ENDED not in step.stages:
        return None
    return str(view["agent"]) if view["agent"] else None


def wanted_back(steps: Steps, step: RequestStep) -> bool:
    """Tell if the row is needed back: asked for, or a later step names more than its id."""
    return step.want_response or any(
        reference.step == step.number and reference.field != step.table.id_column
        for other in steps.steps
        for reference in templates.references(other)
    )


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
