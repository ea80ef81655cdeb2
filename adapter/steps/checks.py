"""Check steps when they are saved: what can be known then is told then."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from adapter.errors import Place
from adapter.placeholders import JsonTemplate, Reference, TemplateFault, UrlTemplate, hints
from adapter.steps import conformance, pages, tables, templates
from adapter.steps.definitions import PopStep, RequestStep, Step, Steps
from adapter.steps.facts import FREE_PREFIXES, KNOWN
from adapter.steps.spelling import meant
from adapter.steps.tables import Known

Found = Iterator[Place]


def check(
    steps: Steps,
    places: Mapping[int, str],
    *,
    metadata: Known = None,
    attributes: Collection[str] = (),
    accounts: Collection[str] | None = None,
) -> tuple[list[Place], list[Place]]:
    """Give the faults and the hints; `places` has the JSON pointer of each step by its number.

    May be called again when the environment's metadata or the accounts have changed.
    """
    faults: list[Place] = []
    found: list[Place] = []
    known = {*KNOWN, *attributes}
    names = None if accounts is None else {each.casefold() for each in accounts}
    for step in steps.steps:
        at = places.get(step.number, f"/steps/{step.number}")
        if names is not None and step.account is not None and step.account.casefold() not in names:
            near = meant(step.account, accounts or ())
            faults.append(Place(f"{at}/account", f"there is no account {step.account!r}{near}"))
        if any(_broken(step, at)):
            faults += alone(step, at)
            continue
        for where, reference in _references(step, at):
            broken = list(_response(steps, step, reference, where))
            faults += broken or conformance.answered(steps, reference, metadata, where)
            found += _unknown(reference, known, where)
        found += _bare(step, known, at)
        faults += alone(step, at)
        if isinstance(step, RequestStep):
            faults += _rules(steps, step, at)
            found += _advice(step, at)
            here = tables.of_account(metadata, step.account)
            for is_fault, place in conformance.of_step(step, here, at):
                (faults if is_fault else found).append(place)
    return faults, found


def alone(step: Step, at: str) -> list[Place]:
    """Give the faults of one step that do not depend on others, which may not be readable yet."""
    broken = list(_broken(step, at))
    if broken:
        return broken
    if isinstance(step, RequestStep):
        return list(_request(step, at))
    return list(pages.faults(step, f"{at}/query_string"))


def broken(steps: Steps) -> list[Place]:
    """Give the faults of templates alone: without them a step can be neither planned nor sent."""
    return [place for step in steps.steps for place in _broken(step, f"/steps/{step.number}")]


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
    yield Place(at, f"no contact has had the attribute {name} so far{meant(name, known)}")


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
            'add "directioncode": {{IsOutbound|false}} (without quotes)',
        )
    if "statuscode" in names and "statecode" not in names and step.method == "PATCH":
        yield Place(f"{at}/body/statuscode", "alone it changes the reason, not the state")
    if step.method == "GET" and not step.query_string:
        yield Place(f"{at}/query_string", "without a filter this reads the first rows of the table")
