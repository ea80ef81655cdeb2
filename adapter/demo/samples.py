"""Hold the rows of the simulated Dynamics: made-up people, with numbers nobody can be called on.

Phone numbers come from ranges that are kept for fiction: +1 xxx 555 01xx (NANPA),
+49 30 23125 xxx (Bundesnetzagentur), +44 20 7946 0xxx (Ofcom), +33 1 99 00 xx xx (Arcep),
+61 2 5550 xxxx (ACMA). Japan keeps no such range; 03-5550 with six digits is no full number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

APP_ID = "4f6d1c2a-9b3e-ed11-9db1-000d3a1b2c3d"
APP_NAME = "screenpop_ServiceHub"
APP_TITLE = "Contoso Service Hub"
AGENTS: Mapping[str, str] = {
    "alice": "Alice Ahrens",
    "bob": "Bob Okafor",
    "carol": "Carol Lindqvist",
    "dave": "Dave Moreau",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """The value of a lookup column: which row of which table, and its name."""

    table: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `values` holds what a column shows; a missing column is empty."""

    table: str
    id: str
    name: str
    values: Mapping[str, str | Reference] = field(default_factory=dict)

    def text(self, column: str) -> str:
        """Read a column as text; a lookup gives its name, an empty column the empty string."""
        value = self.values.get(column, "")
        return value.name if isinstance(value, Reference) else value


def _guid(table: int, number: int) -> str:
    """Make the same GUID at every start, in the shape Dataverse gives (bare, lower case)."""
    return f"7a1c{number:04x}-53b2-ed11-83ff-000d3a{table:02x}{number:04x}"


_ACCOUNTS = (
    ("Adatum Freight GmbH", "+49 30 23125 100", "Berlin", "https://adatum.example"),
    ("Northwind Clinics", "+1 202-555-0110", "Washington, DC", "https://northwind.example"),
    ("Litware Tools Ltd", "+44 20 7946 0210", "London", "https://litware.example"),
    ("Minamoto Denki K.K.", "+81 3-5550-01", "Tokyo", "https://minamoto.example"),
    ("Wingtip Vacances", "+33 1 99 00 12 00", "Lyon", "https://wingtip.example"),
)

_CONTACTS = (
    # full name, job title, account, telephone1, mobilephone, city, preferred method (choice)
    ("Maria Weber", "Head of Dispatch", 1, "+49 30 23125 101", "", "Berlin", "2"),
    ("Jonas Krüger", "Warehouse Lead", 1, "+49 30 23125 102", "", "Potsdam", "3"),
    (
        "Denise Carter",
        "Practice Manager",
        2,
        "+1 202-555-0142",
        "+1 202-555-0143",
        "Arlington",
        "3",
    ),
    ("Samuel O'Brien", "Billing", 2, "+1 202-555-0157", "", "Washington", "1"),
    ("Priya Raman", "Buyer", 3, "+44 20 7946 0211", "", "London", "2"),
    ("Tom & Sue Ashworth", "Owners", 3, "+44 20 7946 0212", "", "Leeds", "1"),
    ("佐藤 美咲", "購買部", 4, "+81 3-5550-02", "", "東京", "3"),
    ("Kenji Mori", "Field Engineer", 4, "+81 3-5550-03", "", "Yokohama", "1"),
    ("Élodie Marchand", "Reservations", 5, "+33 1 99 00 12 34", "", "Lyon", "2"),
    ("Harriet Nguyen", "Travel Agent", 5, "+61 2 5550 0187", "", "Sydney", "3"),
)

_INCIDENTS = (
    # title, contact, priority (choice), origin (choice), status reason (choice)
    ("Pallet 4411 arrived damaged", 1, "1", "1", "1"),
    ("Invoice 20931 charged twice", 4, "1", "1", "1"),
    ("Appointment reminders stopped", 3, "2", "2", "1"),
    ("Torque wrench out of calibration", 5, "2", "3", "2"),
    ("基板の納期について", 7, "2", "2", "1"),
    ("Controller reboots every night", 8, "1", "1", "3"),
    ("Booking shows the wrong week", 9, "3", "3", "1"),
    ("Portal password reset", 10, "3", "3", "2"),
)

_PHONECALLS = (
    # what it is about, which contact, 1 where it was outgoing, what was said
    ("Call back about pallet 4411", 1, "1", "Promised a call before noon."),
    ("Invoice 20931", 4, "0", "Asked for a corrected invoice."),
    ("Delivery date", 7, "0", "Waiting for the carrier."),
    ("Renewal offer", 5, "1", "Sent the offer, follow up next week."),
)


def _accounts() -> Iterator[Row]:
    for number, (name, phone, city, site) in enumerate(_ACCOUNTS, 1):
        yield Row(
            "account",
            _guid(1, number),
            name,
            {"name": name, "telephone1": phone, "address1_city": city, "websiteurl": site},
        )


def _contacts(accounts: list[Row]) -> Iterator[Row]:
    for number, row in enumerate(_CONTACTS, 1):
        name, title, account, phone, mobile, city, method = row
        first, _, last = name.rpartition(" ")
        company = accounts[account - 1]
        host = company.text("websiteurl").removeprefix("https://")
        yield Row(
            "contact",
            _guid(2, number),
            name,
            {
                "fullname": name,
                "firstname": first,
                "lastname": last,
                "jobtitle": title,
                "parentcustomerid": Reference("account", company.id, company.name),
                "emailaddress1": f"contact{number}@{host}",
                "telephone1": phone,
                "mobilephone": mobile,
                "address1_city": city,
                "preferredcontactmethodcode": method,
                "donotphone": "0",
            },
        )


def _incidents(contacts: list[Row]) -> Iterator[Row]:
    for number, (title, contact, priority, origin, status) in enumerate(_INCIDENTS, 1):
        person = contacts[contact - 1]
        yield Row(
            "incident",
            _guid(3, number),
            title,
            {
                "title": title,
                "ticketnumber": f"CAS-{1000 + number:05d}",
                "customerid": Reference("contact", person.id, person.name),
                "prioritycode": priority,
                "caseorigincode": origin,
                "statuscode": status,
            },
        )


def _phonecalls(contacts: list[Row]) -> Iterator[Row]:
    for number, (subject, contact, direction, text) in enumerate(_PHONECALLS, 1):
        person = contacts[contact - 1]
        yield Row(
            "phonecall",
            _guid(4, number),
            subject,
            {
                "subject": subject,
                "phonenumber": person.text("telephone1"),
                "directioncode": direction,
                "description": text,
                "regardingobjectid": Reference("contact", person.id, person.name),
                "to": person.name,
                "prioritycode": "1",
            },
        )


ACCOUNTS = tuple(_accounts())
CONTACTS = tuple(_contacts(list(ACCOUNTS)))
INCIDENTS = tuple(_incidents(list(CONTACTS)))
PHONECALLS = tuple(_phonecalls(list(CONTACTS)))
ROWS: Mapping[tuple[str, str], Row] = {
    (row.table, row.id): row for row in (*ACCOUNTS, *CONTACTS, *INCIDENTS, *PHONECALLS)
}


def dialled(phone: str) -> str:
    """Write a number as a telephony platform sends it: `+` and digits, nothing else."""
    return "+" + re.sub(r"[^0-9]", "", phone)


def rows_of(table: str) -> tuple[Row, ...]:
    """List a table's rows in the order in which they were made."""
    return tuple(row for row in ROWS.values() if row.table == table)


def contact_by(key: str) -> Row | None:
    """Find the sample contact with this GUID, or with this number in any of its phone columns."""
    row = ROWS.get(("contact", key.strip().strip("{}").lower()))
    if row is not None:
        return row
    wanted = dialled(key)
    for contact in CONTACTS:
        numbers = (contact.text("telephone1"), contact.text("mobilephone"))
        if any(number and dialled(number) == wanted for number in numbers):
            return contact
    return None
