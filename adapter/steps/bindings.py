"""Check how a step binds lookups: the navigation property's name and the address of the row."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from adapter.errors import Place
from adapter.placeholders.json_templates import JsonTemplate
from adapter.steps.definitions import RequestStep
from adapter.steps.findings import Found
from adapter.steps.spelling import meant
from adapter.steps.tables import Metadata, Navigation, Table

BIND = "odata.bind"

# OData 4.01 part 2, 4.3: an entity set and a key; Microsoft, "Associate rows on create".
_ADDRESS = re.compile(r"/?(?P<set>[A-Za-z_]\w*)(?P<key>\()?", re.ASCII)


def bound(table: Table | None, metadata: Metadata | None, name: str, value: Any, at: str) -> Found:
    """Check `name@odata.bind`, as far as the environment is known."""
    leads_to: frozenset[str] | None = None
    if table is not None and table.navigations is not None:
        found = navigations(table, name) or []
        if not found:
            singles = [each.name for each in table.navigations if each.column]
            detail = f"{table.name} has no navigation property {name}"
            yield True, Place(at, f"{detail}{_choice(table, name) or meant(name, singles)}")
            return
        leads_to = frozenset(each.table for each in found)
    for address in value if isinstance(value, list) else [value]:
        yield from _address(metadata, leads_to, address, at)


def targets(step: RequestStep) -> Iterator[tuple[str, str | None]]:
    """Give the navigation properties that a step binds, each with the entity set it leads to.

    None where a placeholder decides it, or a whole URL.
    """
    if not step.body:
        return
    for name, value in JsonTemplate.parse(step.body).members.items():
        navigation, at, annotation = name.partition("@")
        if not at or annotation != BIND:
            continue
        for address in value if isinstance(value, list) else [value]:
            text = _literal_start(address)
            found = _ADDRESS.match(text) if isinstance(text, str) else None
            yield navigation, found["set"] if found and found["key"] else None


def _literal_start(address: Any) -> Any:
    return address[0] if isinstance(address, tuple) and address else address


def _address(
    metadata: Metadata | None, leads_to: Collection[str] | None, address: Any, at: str
) -> Found:
    text = _literal_start(address)
    if not isinstance(text, str) or text.lower().startswith("https://"):
        return  # a placeholder alone, or null
    found = _ADDRESS.match(text)
    if found is None:
        yield True, Place(at, "must be the address of a row: /contacts(…)")
    elif not found["key"]:
        yield True, Place(at, f"a row's id stands in parentheses: /{found['set']}(…)")
    elif metadata is not None:
        yield from _target(metadata, leads_to, found["set"], at)


def _target(metadata: Metadata, leads_to: Collection[str] | None, written: str, at: str) -> Found:
    target = metadata.find(written)
    if target is None:
        if metadata.complete:
            sets = [each.entity_set for each in metadata.tables]
            detail = f"{written} is no table of this environment{meant(written, sets)}"
            yield True, Place(at, detail)
    elif target.entity_set != written:
        yield True, Place(at, f"write the entity set: /{target.entity_set}(…)")
    elif leads_to is not None and target.name not in leads_to:
        wanted = " or ".join(sorted(leads_to))
        yield True, Place(at, f"leads to a {wanted}, not to one of {written}")


def navigations(table: Table, name: str) -> list[Navigation] | None:
    """Give the navigation properties of this name; None where the table's are not known.

    Microsoft lists one name of each, and documents that of a lookup to several tables also as
    column and table: `regardingobjectid_contact`, `regardingobjectid_contact_phonecall`.
    """
    if table.navigations is None:
        return None
    exact = [each for each in table.navigations if each.name == name]
    if exact:
        return exact
    long = [
        each
        for each in table.navigations
        if each.column
        and name in (f"{each.column}_{each.table}", f"{each.column}_{each.table}_{table.name}")
    ]
    if long:
        return long
    owner = table.column(name)
    if owner is not None and owner.kind == "Owner":
        return [Navigation(name=name, table=each, column=name) for each in ("systemuser", "team")]
    return []


def how_to(table: Table, column: str) -> str:
    """Say how a lookup column is written."""
    known = sorted(each.name for each in table.navigations or () if each.column == column)
    navigation = known[0] if known else column
    return f': write "{navigation}@{BIND}": "/…(…)"'


def _choice(table: Table, name: str) -> str:
    """Say by which names a lookup column is bound; empty where it is none."""
    known = [each.name for each in table.navigations or () if each.column == name]
    return f": write {' or '.join(sorted(known))}" if known else ""
