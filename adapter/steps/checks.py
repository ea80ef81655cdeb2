"""Check steps when they are saved: what can be known then is told then."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping

from adapter.errors import Place
from adapter.placeholders import JsonTemplate, Reference, TemplateFault, UrlTemplate, hints
from adapter.steps import pages, templates
from adapter.steps.definitions import PopStep, RequestStep, Step, Steps
from adapter.steps.facts import FREE_PREFIXES, KNOWN
from adapter.steps.tables import Metadata

Found = Iterator[Place]


def check(
    steps: Steps,
    places: Mapping[int, str],
    *,
    metadata: Metadata | None = None,
    attributes: Collection[str] = (),
    accounts: Collection[str] | None = None,
) -> tuple[list[Place], list[Place]]:
    """Give the faults and the hints; `places` has the JSON pointer of each step by its number.

    May be called again when the environment's metadata or the accounts have changed.
    """
    faults: list[Place] = []
    found: list[Place] = []
    known = {*KNOWN, *attributes}
    for step in steps.steps:
        at = places.get(step.number, f"/steps/{step.number}")
        if accounts is not None and step.account is not None and step.account not in accounts:
            faults.append(Place(f"{at}/account", f"there is no account {step.account!r}"))
        broken = list(_broken(step, at))
        faults += broken
        if broken:
            continue
        for where, reference in _references(step, at):
            faults += _response(steps, step, reference, where)
            found += _unknown(reference, known, where)
        found += _bare(step, known, at)
        if isinstance(step, RequestStep):
            faults += _request(step, at)
            faults += _rules(steps, step, at)
            found += _advice(step, at)
            faults += _columns(step, metadata, at)
        else:
            faults += pages.faults(step, f"{at}/query_string")
    return faults, found


def _broken(step: Step, at: str) -> Found:
    if isinstance(step, PopStep):
        yield from _parsed(JsonTemplate.parse, step.query_string, f"{at}/query_string")
        return
    yield from _parsed(UrlTemplate.parse, step.query_string, f"{at}/query_string")
    if step.method == "GET":
        if step.body.strip():
            yield Place(f"{at}/body", "a GET has none")
    elif not step.body.strip():
        yield Place(f"{at}/body", "is missing")
    else:
        yield from _parsed(JsonTemplate.parse, step.body, f"{at}/body")


def _parsed(parse: Callable[[str], object], text: str, at: str) -> Found:
    try:
        parse(text)
    except TemplateFault as fault:
        for place in fault.places:
            if place.at.startswith("/"):
                yield Place(at + place.at, place.detail)
            else:
                yield Place(at, f"{place.at}: {place.detail}" if place.at else place.detail)


def _references(step: Step, at: str) -> Iterator[tuple[str, Reference]]:
    if isinstance(step, PopStep):
        for where, reference in JsonTemplate.parse(step.query_string).references():
            yield f"{at}/query_string{where}", reference
        return
    for reference in templates.query(step).references():
        yield f"{at}/query_string", reference
    body = templates.body(step)
    if body is not None:
        for where, reference in body.references():
            yield f"{at}/body{where}", reference


def _response(steps: Steps, step: Step, reference: Reference, at: str) -> Found:
    if reference.step is None:
        return
    earlier = steps.request(reference.step)
    if any(each.number == reference.step for each in steps.steps) and earlier is None:
        yield Place(at, f"step {reference.step} opens a record and has no response")
    elif earlier is None:
        yield Place(at, f"there is no step {reference.step}")
    elif templates.first_rank(earlier) >= templates.first_rank(step):
        yield Place(at, f"step {reference.step} comes later than step {step.number}")
    elif step.enabled and not earlier.enabled:
        yield Place(at, f"step {reference.step} is disabled and will have no response")


def _unknown(reference: Reference, known: Collection[str], at: str) -> Found:
    name = reference.field
    folded = {each.lower() for each in known}
    if reference.step is not None or name.lower() in folded:
        return
    if name.lower().startswith(FREE_PREFIXES):
        return
    near = difflib.get_close_matches(name, list(known), n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    yield Place(at, f"no contact has had the attribute {name} so far{meant}")


def _bare(step: Step, known: Collection[str], at: str) -> Found:
    if isinstance(step, PopStep):
        texts = JsonTemplate.parse(step.query_string).texts()
        member = "query_string"
    else:
        body = templates.body(step)
        texts = iter(()) if body is None else body.texts()
        member = "body"
    for where, text in texts:
        yield from hints(text, known, f"{at}/{member}{where}")


def _request(step: RequestStep, at: str) -> Found:
    query = templates.query(step)
    if step.method == "PATCH" and not query.has_key:
        example = "(STEP2-Response.activityid)"
        yield Place(f"{at}/query_string", f"the record to update is missing: {example}")
    if step.method == "POST" and query.text:
        yield Place(f"{at}/query_string", "a POST creates a record: it has no query string")
    body = templates.body(step)
    if body is None:
        return
    if step.method == "POST" and "statecode" in body.members:
        yield Place(
            f"{at}/body/statecode",
            "Dynamics creates every row open: set it by a PATCH in a later step",
        )
    elif "statecode" in body.members and "statuscode" not in body.members:
        yield Place(f"{at}/body/statecode", "needs a matching statuscode beside it")


def _rules(steps: Steps, step: RequestStep, at: str) -> Found:
    if steps.completed == "reopen" and templates.completes(step) and step.table.open is None:
        yield Place("/completed", f"how {step.table.entity_set} are reopened is not known")
    if steps.abandoned == "cancel" and step.number in _cancelling(steps):  # noqa: SIM102
        if step.table.canceled is None:
            yield Place("/abandoned", f"how {step.table.entity_set} are canceled is not known")
    if templates.takes_files(step) and len(step.stages) > 1 and step.method == "GET":
        yield Place(f"{at}/method", "a GET that waits for a file has nowhere to keep it")


def _cancelling(steps: Steps) -> tuple[int, ...]:
    return tuple(
        step.number
        for step in steps.requests
        if step.method == "PATCH" and "ended" in step.stages and step.enabled
    )


def _advice(step: RequestStep, at: str) -> Found:
    body = templates.body(step)
    names = () if body is None else body.members
    if step.method == "POST" and step.table.name == "phonecall" and "directioncode" not in names:
        yield Place(
            f"{at}/body",
            "Dynamics takes a call without directioncode for an outgoing one: "
            'add "directioncode": {{IsOutbound}} (without quotes)',
        )
    if "statuscode" in names and "statecode" not in names and step.method == "PATCH":
        yield Place(f"{at}/body/statuscode", "alone it changes the reason, not the state")
    if step.method == "GET" and not step.query_string:
        yield Place(f"{at}/query_string", "without a filter this reads the first rows of the table")


def _columns(step: RequestStep, metadata: Metadata | None, at: str) -> Found:
    if metadata is None:
        return
    table = metadata.find(step.table.entity_set)
    if table is None:
        if metadata.complete:
            shown = step.table.entity_set
            yield Place(f"{at}/table", f"{shown} is no table of this environment")
        return
    body = templates.body(step)
    for name, value in {} if body is None else body.members.items():
        # Lookups (`…@odata.bind`) and lists of rows are navigation properties, not columns.
        plain = "@" not in name and not isinstance(value, dict | list)
        if plain and table.columns is not None and name not in table.columns:
            near = difflib.get_close_matches(name.lower(), list(table.columns), n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            yield Place(f"{at}/body/{name}", f"{table.name} has no such column{meant}")
