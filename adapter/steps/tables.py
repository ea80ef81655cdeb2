"""Know the tables of a Dynamics environment: their entity sets, id columns and states.

A few standard tables are known without asking; the rest comes from the environment's metadata
(`EntityDefinitions`). State numbers are those of Microsoft's table reference.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

LOOKUPS = frozenset({"Lookup", "Customer", "Owner"})
"""Kinds of columns that name a row of another table."""


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One column, as far as the environment's metadata tells what it takes."""

    name: str
    kind: str = ""
    """Microsoft's `AttributeType`: `String`, `Picklist`, `Lookup`, …; empty where not known."""
    max_length: int | None = None
    """Of a text, in UTF-16 code units, as .NET and SQL Server count."""
    choices: tuple[int, ...] | None = None
    states: tuple[tuple[int, int], ...] = ()
    """Of `statuscode`: each value with the `statecode` that it belongs to."""
    creatable: bool = True
    updatable: bool = True


class Navigation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A navigation property: the name by which a row is bound to others (`…@odata.bind`)."""

    name: str
    table: str
    """Logical name of the table at the other end."""
    column: str = ""
    """The lookup column that it fills; empty for a list of rows."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table by its three names."""

    name: str
    """The logical name, `phonecall`, as `etn` and navigation properties have it."""
    entity_set: str
    """`phonecalls`, as the Web API's paths have it."""
    id_column: str
    columns: tuple[Column, ...] | None = None
    """None where only a metadata request could tell."""
    navigations: tuple[Navigation, ...] | None = None
    open: tuple[int, int] | None = None
    """`statecode` and `statuscode` of a row that can be changed."""
    canceled: tuple[int, int] | None = None

    def column(self, name: str) -> Column | None:
        """Give a column by its exact name; None where it is not there or not known."""
        return next((each for each in self.columns or () if each.name == name), None)

    @property
    def named(self) -> Table:
        """Give the table without what belongs to the environment, as a step keeps it."""
        return msgspec.structs.replace(self, columns=None, navigations=None)


class Metadata(msgspec.Struct, frozen=True):
    """What an environment has; `complete` False where a table that is not here may still exist."""

    tables: tuple[Table, ...]
    complete: bool = True

    def find(self, name: str) -> Table | None:
        """Find a table by its logical name or its entity set, in any case."""
        wanted = name.lower()
        for table in self.tables:
            if wanted in (table.name.lower(), table.entity_set.lower()):
                return table
        return None


Known = Metadata | Callable[[str | None], Metadata | None] | None
"""What is known of the environments: of all accounts alike, or by the account that a step names."""


def of_account(known: Known, account: str | None) -> Metadata | None:
    """Give what is known of the environment of an account (None: the default one)."""
    return known(account) if callable(known) else known


def _table(
    name: str,
    entity_set: str,
    id_column: str | None = None,
    opened: tuple[int, int] | None = None,
    canceled: tuple[int, int] | None = None,
) -> Table:
    return Table(
        name=name,
        entity_set=entity_set,
        id_column=id_column or f"{name}id",
        open=opened,
        canceled=canceled,
    )


STANDARD = Metadata(
    (
        _table("phonecall", "phonecalls", "activityid", (0, 1), (2, 3)),
        _table("task", "tasks", "activityid", (0, 2), (2, 6)),
        _table("appointment", "appointments", "activityid", (0, 1), (2, 4)),
        _table("email", "emails", "activityid", (0, 1), (2, 5)),
        _table("contact", "contacts", None, (0, 1)),
        _table("account", "accounts", None, (0, 1)),
        _table("lead", "leads", None, (0, 1)),
        _table("incident", "incidents", None, (0, 1), (2, 6)),
        _table("opportunity", "opportunities", None, (0, 1)),
        _table("annotation", "annotations"),
        _table("systemuser", "systemusers"),
    ),
    complete=False,
)


def known(name: str, metadata: Metadata | None) -> Table | None:
    """Find a table in the environment, else among the standard ones, with their states."""
    standard = STANDARD.find(name)
    found = metadata.find(name) if metadata is not None else None
    if found is None:
        return standard
    if standard is None:
        return found
    return msgspec.structs.replace(
        found, open=found.open or standard.open, canceled=found.canceled or standard.canceled
    )
