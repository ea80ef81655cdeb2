"""Fill in a planned request: the exact method, path, headers and body that are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from adapter.dynamics import names
from adapter.errors import MalformedInput
from adapter.placeholders import UnfitValue, UrlTemplate, Values, encode
from adapter.steps import facts, pages, templates
from adapter.steps.definitions import PopStep, RequestStep, Step, Steps
from adapter.steps.facts import File
from adapter.steps.planning import PlannedRequest, next_owner, row_id, wanted_back
from adapter.steps.templates import State

HEADERS = (
    # Microsoft, "Compose HTTP requests and handle errors".
    ("Accept", "application/json"),
    ("OData-MaxVersion", "4.0"),
    ("OData-Version", "4.0"),
    ("If-None-Match", "null"),
)
_USER_QUERY = (
    "$select=systemuserid&$top=2&$filter=isdisabled%20eq%20false%20and%20"
    "(domainname%20eq%20'{}'%20or%20internalemailaddress%20eq%20'{}')"
)
_NOTE_SUBJECTS = {"recording": "Recording", "transcript": "Transcript", "analysis": "Analysis"}

Link = Callable[[File], str]
"""Gives the link that is written down for a file; ours, checked and signed on each click."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Where a step's account leads: of an integration account, what a request needs."""

    url: str
    """The organisation's origin, `https://contoso.crm4.dynamics.com`, where pages are."""
    api_url: str
    """`https://contoso.api.crm4.dynamics.com/api/data/v9.2/` or the like, with the slash."""
    app_id: str | None = None
    impersonate: bool = False
    """Whether requests act as the agent who has the contact, where a step says nothing else."""


class NoEnvironment(MalformedInput):
    """A step's account leads nowhere yet: there is none, or it is not in force."""


Where = Environment | Callable[[str | None], Environment]
"""One environment for all steps, or what gives that of the account that a step names.

It may raise `NoEnvironment`.
"""


def environment_of(where: Where, account: str | None) -> Environment:
    """Give where a step's account leads."""
    return where if isinstance(where, Environment) else where(account)


SAMPLE_OWNER = row_id("sample", "sample", "owner")
"""Stands for the user of an agent where nobody is asked."""


class Sofar(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests before have brought."""

    responses: dict[int, Any] = {}
    """By the step's number, as `response_of` gives them."""
    failures: dict[int, str] = {}
    """Why a step is a dead letter."""
    owners: dict[str, str | None] = {}
    """The `systemuserid` of an agent, as `owner_of` gives it; None where there is no such user."""


class RenderedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the Web API; `path` and `query` are percent-encoded."""

    method: str
    path: str
    """Below the API's URL, without a slash: `phonecalls(…)`."""
    query: str = ""
    headers: tuple[tuple[str, str], ...] = HEADERS
    body: bytes | None = None
    row_id: str | None = None
    """The id of the row that this creates. Refused as a duplicate, it was created before."""
    id_column: str = ""
    agent: str | None = None
    """The agent as whom it is to act, if that agent is a user of Dynamics."""
    caller: str | None = None
    """That user's Entra object id, once it is known: the header `CallerObjectId`."""

    @property
    def target(self) -> str:
        """Give the path with the query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def entity_set(self) -> str:
        """Give the table that this is about."""
        return self.path.partition("(")[0]

    @property
    def read_back(self) -> str | None:
        """Give the path at which a row that was created before is read."""
        return None if self.row_id is None else f"{self.path}({self.row_id})"

    def shown(self, environment: Environment) -> str:
        """Write the request as it goes over the wire, without the credential."""
        lines = [f"{self.method} {environment.api_url}{self.target}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.agent is not None:
            lines.append(f"CallerObjectId: {self.caller or f'(the user of {self.agent})'}")
        text = "\n".join(lines)
        return text if self.body is None else f"{text}\n\n{self.body.decode()}"


Fit = Callable[[RenderedRequest, Environment], RenderedRequest]
"""Shortens a request's texts to their columns, as far as those of the environment are known."""


def as_it_is(request: RenderedRequest, _environment: Environment) -> RenderedRequest:
    """Give a request for an environment of which nothing is known."""
    return request


def address(file: File) -> str:
    """Give a file's own address, where there is no link of ours."""
    return file.url


def render(
    planned: PlannedRequest,
    view: Mapping[str, Any],
    environment: Environment,
    sofar: Sofar | None = None,
    *,
    link: Link = address,
) -> RenderedRequest:
    """Fill in a planned request with the contact as it is now.

    Raises `MissingValue` or `UnfitValue`: hold the request for the events that may still come,
    then make it a dead letter.
    """
    if planned.action == "owner":
        return _user(planned.owner or "")
    rendered = _filled(planned, view, environment, sofar or Sofar(), link)
    step = planned.step
    acts = environment.impersonate if step.impersonate is None else step.impersonate
    return msgspec.structs.replace(rendered, agent=view.get("agent") if acts else None)


def _filled(
    planned: PlannedRequest,
    view: Mapping[str, Any],
    environment: Environment,
    sofar: Sofar,
    link: Link,
) -> RenderedRequest:
    values = _values(view, environment, sofar, planned.file, link)
    step = planned.step
    key, query = templates.query(step).render(values)
    path = step.table.entity_set + key
    match planned.action:
        case "open":
            return _patch(path, State(*(step.table.open or (0, 1))).columns())
        case "close" | "complete":
            return _patch(path, planned.state.columns() if planned.state else {})
        case "note":
            return _note(planned, path, values)
        case _:
            return _send(planned, path, query, values, sofar)


def response_of(request: RenderedRequest, body: Any = None) -> Any:
    """Give what later steps see as the response: the row with its id, though it was not sent back.

    `body` is the decoded answer, or None for 204.
    """
    if request.row_id is not None and (body is None or isinstance(body, Mapping)):
        return {request.id_column: request.row_id, **(body or {})}
    return {} if body is None else body


def owner_of(body: Any) -> str | None:
    """Give the id of the one user whom an owner request found; None for no user or several."""
    rows = body.get("value") if isinstance(body, Mapping) else None
    if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], Mapping):
        return None
    found = rows[0].get("systemuserid")
    return found.lower() if isinstance(found, str) and names.is_guid(found) else None


def preview(
    step: Step,
    view: Mapping[str, Any],
    environment: Environment,
    responses: Mapping[int, Any] | None = None,
    *,
    tenant: str = "default",
    link: Link = address,
    steps: Steps | None = None,
    fit: Fit = as_it_is,
) -> str:
    """Give the exact text of the request that a step would send, or the URL that it opens.

    `steps` are all of them, which the choice of a file, the owner and what is sent back follow.
    The owner's id is made up. Raises `MissingValue` or `UnfitValue` as sending would.
    """
    every = steps or Steps()
    sofar = Sofar(responses=dict(responses or {}))
    if isinstance(step, PopStep):
        values = _values(view, environment, sofar, None, link)
        return pages.url(step, values, environment.url).url
    files = facts.chosen(view, step.stages, every.redacted)
    owner = next_owner(every, step, view) if step.method == "PATCH" else None
    if owner is not None:
        sofar.owners[owner] = SAMPLE_OWNER
    key = str(step.number)
    planned = PlannedRequest(
        key=key,
        step=step,
        row_id=row_id(tenant, view["id"], key) if step.method == "POST" else None,
        file=files[0] if files and templates.takes_files(step) else None,
        owner=owner,
        represent=wanted_back(every, step),
    )
    rendered = render(planned, view, environment, sofar, link=link)
    return fit(rendered, environment).shown(environment)


def page(
    step: PopStep, view: Mapping[str, Any], environment: Environment, sofar: Sofar
) -> pages.Page:
    """Give the page that the answered step opens; raises `MissingValue` or `UnfitValue`."""
    return pages.url(step, _values(view, environment, sofar, None, address), environment.url)


def sample_responses(steps: Steps) -> dict[int, Any]:
    """Make up a response for each step, with every field that another step names."""
    samples: dict[int, Any] = {}
    for step in steps.requests:
        row = {step.table.id_column: row_id("sample", "sample", str(step.number))}
        for other in steps.steps:
            for reference in templates.references(other):
                if reference.step == step.number:
                    row.setdefault(reference.field, f"({reference.field} of step {step.number})")
        samples[step.number] = row
    return samples


def _values(
    view: Mapping[str, Any],
    environment: Environment,
    sofar: Sofar,
    file: File | None,
    link: Link,
) -> Values:
    return Values(
        attributes=facts.attributes(view, link(file) if file else None),
        responses=sofar.responses,
        failures=sofar.failures,
        app_id=environment.app_id,
    )


def _send(
    planned: PlannedRequest, path: str, query: str, values: Values, sofar: Sofar
) -> RenderedRequest:
    step = planned.step
    template = templates.body(step)
    if template is None:
        return RenderedRequest(method=step.method, path=path, query=query)
    body = template.render(values)
    created = _place_id(step, planned, body) if step.method == "POST" else None
    for column in planned.without:
        body.pop(column, None)
    if planned.state is not None:
        body |= planned.state.columns()
    owner = sofar.owners.get(planned.owner) if planned.owner else None
    if owner is not None:
        body["ownerid@odata.bind"] = f"/systemusers({owner})"
    return RenderedRequest(
        method=step.method,
        path=path,
        query=query,
        headers=_headers(step.method, represent=planned.represent),
        body=encode(body),
        row_id=created,
        id_column=step.table.id_column,
    )


def _place_id(step: RequestStep, planned: PlannedRequest, body: dict[str, Any]) -> str | None:
    """Put the row's id into the body; one that the admin's template has is left as it is."""
    column = step.table.id_column
    if column not in body and planned.row_id is not None:
        body[column] = planned.row_id
    try:
        return names.guid(column, body.get(column))
    except names.InvalidArgument as invalid:
        raise UnfitValue(column, f"body/{column}", invalid.fault) from invalid


def _patch(path: str, columns: dict[str, Any]) -> RenderedRequest:
    return RenderedRequest(
        method="PATCH", path=path, headers=_headers("PATCH"), body=encode(columns)
    )


def _note(planned: PlannedRequest, path: str, values: Values) -> RenderedRequest:
    """Write what the step would have sent as a note (annotation) on its row.

    Microsoft, annotation table: `objectid_<table>` is the row that a note belongs to.
    """
    template = templates.body(planned.step)
    body = {} if template is None else template.render(values)
    kept = {name: value for name, value in body.items() if name not in planned.without}
    plain = {name: value for name, value in kept.items() if "@" not in name}
    for column in templates.STATE_COLUMNS:
        plain.pop(column, None)
    if len(plain) == 1:
        text = "".join(str(value) for value in plain.values())
    else:
        text = "\n".join(f"{name}: {value}" for name, value in plain.items())
    note = {
        "annotationid": planned.row_id,
        "subject": _NOTE_SUBJECTS.get(planned.file.kind if planned.file else "", "Call"),
        "notetext": text,
        f"objectid_{planned.step.table.name}@odata.bind": f"/{path}",
    }
    return RenderedRequest(
        method="POST",
        path="annotations",
        headers=_headers("POST"),
        body=encode(note),
        row_id=planned.row_id,
        id_column="annotationid",
    )


def _user(agent: str) -> RenderedRequest:
    template = _USER_QUERY.format("{{Agent}}", "{{Agent}}")
    query = UrlTemplate.parse(f"?{template}")
    _, rendered = query.render(Values(attributes={"Agent": agent}))
    return RenderedRequest(method="GET", path="systemusers", query=rendered)


def _headers(method: str, *, represent: bool = False) -> tuple[tuple[str, str], ...]:
    headers = [*HEADERS, ("Content-Type", "application/json")]
    if method == "PATCH":
        # Without it a PATCH to a row that is gone creates a ghost.
        headers.append(("If-Match", "*"))
    if represent:
        headers.append(("Prefer", "return=representation"))
    return tuple(headers)
