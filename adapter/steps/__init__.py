"""Decide what a contact leaves in Dynamics: a tenant's lifecycle steps, as plain values.

Read `definitions` for what a step is, then `planning` for when it is due and `rendering` for what
is sent. Nothing here sends anything, waits, or knows the time.
"""

from __future__ import annotations

from adapter.steps.checks import check
from adapter.steps.definitions import PopStep, RequestStep, Step, Steps
from adapter.steps.facts import File, attributes
from adapter.steps.lengths import fitted
from adapter.steps.openings import Opening, opening
from adapter.steps.parsing import (
    accounts_named,
    parse_steps,
    parse_with_hints,
    read_steps,
    tables_named,
)
from adapter.steps.pasting import repair
from adapter.steps.planning import PlannedRequest, Progress, is_idle, plan
from adapter.steps.previews import SAMPLE, Previewed, previews
from adapter.steps.rehearsal import Rehearsed, dry_run
from adapter.steps.rendering import (
    Environment,
    Fit,
    Link,
    NoEnvironment,
    RenderedRequest,
    Sofar,
    Where,
    owner_of,
    preview,
    render,
    response_of,
    sample_responses,
)
from adapter.steps.standing import WhyNot, standstill
from adapter.steps.tables import Column, Known, Metadata, Navigation, Table
from adapter.steps.writing import default_steps, dump

__all__ = [
    "SAMPLE",
    "Column",
    "Environment",
    "File",
    "Fit",
    "Known",
    "Link",
    "Metadata",
    "Navigation",
    "NoEnvironment",
    "Opening",
    "PlannedRequest",
    "PopStep",
    "Previewed",
    "Progress",
    "Rehearsed",
    "RenderedRequest",
    "RequestStep",
    "Sofar",
    "Step",
    "Steps",
    "Table",
    "Where",
    "WhyNot",
    "accounts_named",
    "attributes",
    "check",
    "default_steps",
    "dry_run",
    "dump",
    "fitted",
    "is_idle",
    "opening",
    "owner_of",
    "parse_steps",
    "parse_with_hints",
    "plan",
    "preview",
    "previews",
    "read_steps",
    "render",
    "repair",
    "response_of",
    "sample_responses",
    "standstill",
    "tables_named",
]
