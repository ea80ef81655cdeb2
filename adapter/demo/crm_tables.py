"""Describe the tables of the simulated Dynamics: columns, forms and views.

Names, types and choices follow Microsoft's table reference for contact, account, incident and
phonecall; only the columns that the sample forms show are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds, as far as a value in an address is judged by it."""

    TEXT = "text"
    MEMO = "memo"
    PHONE = "phone"
    EMAIL = "email"
    URL = "url"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    CHOICE = "choice"
    LOOKUP = "lookup"
    CUSTOMER = "customer"
    REGARDING = "regarding"
    PARTYLIST = "partylist"
    COMPUTED = "computed"
    """Written by the system alone."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `options` holds a choice's labels by their numbers, `length` a text's limit."""

    name: str
    label: str
    kind: Kind = Kind.TEXT
    options: Mapping[str, str] = field(default_factory=dict)
    length: int = 100


@dataclass(frozen=True, slots=True)
class View:
    """A list of a table. `personal` ones are a `userquery` (viewtype 4230), else `savedquery`."""

    id: str
    title: str
    columns: tuple[str, ...]
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `plural` is the entity set name of the Web API, a common mistake in `etn`."""

    name: str
    plural: str
    label: str
    labels: str
    title: str
    form: str
    sections: Mapping[str, tuple[Column, ...]]
    views: tuple[View, ...]

    @property
    def columns(self) -> Mapping[str, Column]:
        """Give every column of the form by its logical name."""
        return {column.name: column for part in self.sections.values() for column in part}


_PRIORITY = {"1": "High", "2": "Normal", "3": "Low"}
_ORIGIN = {"1": "Phone", "2": "Email", "3": "Web"}
_STATUS = {"1": "In Progress", "2": "On Hold", "3": "Waiting for Details", "4": "Researching"}
_METHOD = {"1": "Any", "2": "Email", "3": "Phone", "4": "Fax", "5": "Mail"}
_YES_NO = {"0": "Allow", "1": "Do Not Allow"}
_DIRECTION = {"0": "Incoming", "1": "Outgoing"}

ACCOUNT = Table(
    name="account",
    plural="accounts",
    label="Account",
    labels="Accounts",
    title="name",
    form="8448b78f-8f42-454e-8e2a-f8196b0419af",
    sections={
        "Account information": (
            Column("name", "Account Name", length=160),
            Column("telephone1", "Main Phone", Kind.PHONE, length=50),
            Column("telephone2", "Other Phone", Kind.PHONE, length=50),
            Column("websiteurl", "Website", Kind.URL, length=200),
        ),
        "Address": (
            Column("address1_city", "City", length=80),
            Column("description", "Description", Kind.MEMO, length=2000),
            Column("primarycontactid", "Primary Contact", Kind.LOOKUP),
        ),
    },
    views=(
        View(
            "00000000-0000-0000-00aa-000010001002",
            "Active Accounts",
            ("name", "telephone1", "address1_city"),
        ),
        View(
            "b2c81f46-7d90-ed11-9db1-000d3a1b2c3d",
            "My German accounts",
            ("name", "telephone1"),
            personal=True,
        ),
    ),
)

CONTACT = Table(
    name="contact",
    plural="contacts",
    label="Contact",
    labels="Contacts",
    title="fullname",
    form="1fed44d1-ae68-4a41-bd2b-f13acac4acfa",
    sections={
        "Contact information": (
            Column("firstname", "First Name", length=50),
            Column("lastname", "Last Name", length=50),
            Column("jobtitle", "Job Title"),
            Column("parentcustomerid", "Company Name", Kind.CUSTOMER),
            Column("emailaddress1", "Email", Kind.EMAIL),
            Column("telephone1", "Business Phone", Kind.PHONE, length=50),
            Column("mobilephone", "Mobile Phone", Kind.PHONE, length=50),
        ),
        "Details": (
            Column("address1_city", "City", length=80),
            Column("preferredcontactmethodcode", "Preferred Method", Kind.CHOICE, _METHOD),
            Column("donotphone", "Phone", Kind.BOOLEAN, _YES_NO),
            Column("birthdate", "Birthday", Kind.DATETIME),
            Column("description", "Description", Kind.MEMO, length=2000),
            Column("fullname", "Full Name", Kind.COMPUTED),
        ),
    },
    views=(
        View(
            "00000000-0000-0000-00aa-000010001004",
            "Active Contacts",
            ("fullname", "parentcustomerid", "telephone1", "address1_city"),
        ),
    ),
)

INCIDENT = Table(
    name="incident",
    plural="incidents",
    label="Case",
    labels="Cases",
    title="title",
    form="4a63c8f9-6c1e-48ec-9db4-3e6c7155334c",
    sections={
        "Case details": (
            Column("title", "Case Title", length=200),
            Column("ticketnumber", "Case Number", Kind.COMPUTED),
            Column("customerid", "Customer", Kind.CUSTOMER),
            Column("description", "Description", Kind.MEMO, length=2000),
        ),
        "Handling": (
            Column("prioritycode", "Priority", Kind.CHOICE, _PRIORITY),
            Column("caseorigincode", "Origin", Kind.CHOICE, _ORIGIN),
            Column("statuscode", "Status Reason", Kind.CHOICE, _STATUS),
            Column("primarycontactid", "Contact", Kind.LOOKUP),
        ),
    },
    views=(
        View(
            "00000000-0000-0000-00aa-000010001028",
            "Active Cases",
            ("title", "ticketnumber", "customerid", "prioritycode", "statuscode"),
        ),
    ),
)

PHONECALL = Table(
    name="phonecall",
    plural="phonecalls",
    label="Phone Call",
    labels="Phone Calls",
    title="subject",
    form="0c0aa1b3-bbb8-4f57-9fdd-7ef9e3a4ae73",
    sections={
        "Phone call": (
            Column("subject", "Subject", length=200),
            Column("phonenumber", "Phone Number", Kind.PHONE, length=200),
            Column("directioncode", "Direction", Kind.BOOLEAN, _DIRECTION),
            Column("description", "Description", Kind.MEMO, length=2000),
        ),
        "Parties": (
            Column("from", "Call From", Kind.PARTYLIST),
            Column("to", "Call To", Kind.PARTYLIST),
            Column("regardingobjectid", "Regarding", Kind.REGARDING),
            Column(
                "prioritycode", "Priority", Kind.CHOICE, {"0": "Low", "1": "Normal", "2": "High"}
            ),
            Column("scheduledend", "Due", Kind.DATETIME),
        ),
    },
    views=(
        View(
            "00000000-0000-0000-00aa-000010001903",
            "My Phone Calls",
            ("subject", "phonenumber", "directioncode", "regardingobjectid"),
        ),
    ),
)

TABLES: Mapping[str, Table] = {
    table.name: table for table in (ACCOUNT, CONTACT, INCIDENT, PHONECALL)
}
