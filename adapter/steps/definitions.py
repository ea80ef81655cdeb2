"""Say what a tenant configured to happen at the stages of a contact: values only."""

from __future__ import annotations

from typing import Literal

import msgspec

from adapter.events import Stage
from adapter.pops import Target
from adapter.steps.tables import Table

Method = Literal["GET", "POST", "PATCH"]
METHODS: tuple[Method, ...] = ("GET", "POST", "PATCH")
OPEN = "OPEN"
"""The method of a step that opens a record for the agent, in a document."""

Completed = Literal["note", "wait", "reopen"]
"""What becomes of an update to a row that a step has completed, which Dynamics refuses.

`note`: it is kept as a note (annotation) on the row. `wait`: the row is completed only when the
recording is on it, or after `wait_hours`. `reopen`: the row is opened, updated and completed again.
"""
Abandoned = Literal["same", "cancel", "skip"]
"""What the ended step does where no agent ever had the contact.

`same`: what it always does. `cancel`: it also sets the row to Canceled. `skip`: nothing.
"""
Redacted = Literal["last", "first", "only", "never"]
"""When `objectUrl` is a redacted copy: where there is no other, rather, or only, or never."""

STAGES: dict[int, tuple[Stage, ...]] = {
    2: (Stage.CREATED,),
    3: (Stage.ANSWERED, Stage.MADE),
    4: (Stage.ENDED,),
    5: (Stage.RECORDED, Stage.TRANSCRIBED),
}
"""The stages of the seed product's steps. Step 1 is the environment: the integration account."""

ENVIRONMENT = 1
OPENING = 3
"""The step that opens a record where its method is left out."""
LAST = 99

DEFAULT_PATIENCE = 20
"""Seconds for which an answered agent's card opens by itself once the record exists."""
DEFAULT_WAIT_HOURS = 24


class RequestStep(msgspec.Struct, frozen=True, kw_only=True, tag="request"):
    """A request to Dataverse. The templates' texts are what an admin sees and edits."""

    number: int
    stages: tuple[Stage, ...]
    """At the first of them the step is due; for a file, those whose files it takes."""
    method: Method
    table: Table
    """Without columns: they belong to the environment, not to the step."""
    query_string: str = ""
    body: str = ""
    want_response: bool = False
    impersonate: bool | None = None
    """Whether it acts as the agent who has the contact; None leaves it to the account."""
    account: str | None = None
    """The integration account's name; None is the tenant's default."""
    enabled: bool = True


class PopStep(msgspec.Struct, frozen=True, kw_only=True, tag="pop"):
    """Opening a page of Dynamics for the agent who has the contact."""

    number: int
    stages: tuple[Stage, ...]
    query_string: str
    """A JSON object: the parameters of `main.aspx`."""
    target: Target = "host"
    patience: int = DEFAULT_PATIENCE
    account: str | None = None
    enabled: bool = True


Step = RequestStep | PopStep


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """All steps of a tenant in the order of their numbers, and the rules between them."""

    steps: tuple[Step, ...] = ()
    completed: Completed = "note"
    wait_hours: int = DEFAULT_WAIT_HOURS
    abandoned: Abandoned = "same"
    redacted: Redacted = "last"
    owner: bool = False
    """True makes the last agent the owner of the row that the ended step updates."""

    def request(self, number: int) -> RequestStep | None:
        """Give the request step of this number."""
        for step in self.requests:
            if step.number == number:
                return step
        return None

    @property
    def requests(self) -> tuple[RequestStep, ...]:
        """Give the steps that send something, disabled ones too."""
        return tuple(step for step in self.steps if isinstance(step, RequestStep))

    @property
    def pop(self) -> PopStep | None:
        """Give the step that opens a record, if it is enabled."""
        for step in self.steps:
            if isinstance(step, PopStep) and step.enabled:
                return step
        return None
