"""List the tables of the simulated environment, as Microsoft's table reference has them.

Only columns that screen pops, call logging and the sample rows touch are here. The columns with
the prefix `screenpop_` are an administrator's: a key that lets a repeated create make one row.
"""

from __future__ import annotations

from collections.abc import Mapping

from adapter.demo.simulated.dataverse.schema import Catalog, Column, Key, Kind, State, Table, Target

_YES_NO = {0: "No", 1: "Yes"}
_ALLOW = {0: "Allow", 1: "Do Not Allow"}
_ACTIVE: Mapping[int, State] = {
    0: State("Active", {1: "Active"}),
    1: State("Inactive", {2: "Inactive"}),
}


def _text(name: str, label: str, length: int = 100) -> Column:
    return Column(name, Kind.STRING, label, length=length)


def _memo(name: str = "description", label: str = "Description", length: int = 2000) -> Column:
    return Column(name, Kind.MEMO, label, length=length)


def _choice(name: str, label: str, options: Mapping[int, str], default: int | None) -> Column:
    return Column(name, Kind.CHOICE, label, options=options, default=default)


def _flag(
    name: str, label: str, options: Mapping[int, str] = _YES_NO, *, default: bool = False
) -> Column:
    return Column(name, Kind.BOOLEAN, label, options=options, default=default)


def _time(name: str, label: str) -> Column:
    return Column(name, Kind.DATETIME, label)


def _user(name: str, label: str, table: str) -> Column:
    return Column(
        name,
        Kind.LOOKUP,
        label,
        creatable=False,
        updatable=False,
        targets=(Target("systemuser", (name,), f"lk_{table}_{name}"),),
    )


def _system(table: str, states: Mapping[int, State], *, owned: bool = True) -> list[Column]:
    """Give the columns that the platform keeps for every row."""
    labels = {number: state.label for number, state in states.items()}
    reasons = {
        number: label for state in states.values() for number, label in state.reasons.items()
    }
    columns = [
        Column("createdon", Kind.DATETIME, "Created On", creatable=False, updatable=False),
        Column("modifiedon", Kind.DATETIME, "Modified On", creatable=False, updatable=False),
        _user("createdby", "Created By", table),
        _user("modifiedby", "Modified By", table),
        _user("createdonbehalfby", "Created By (Delegate)", table),
        _user("modifiedonbehalfby", "Modified By (Delegate)", table),
        Column("versionnumber", Kind.BIGINT, "Version Number", creatable=False, updatable=False),
    ]
    if states:
        columns.append(
            Column("statecode", Kind.STATE, "Status", options=labels, default=0, creatable=False)
        )
        columns.append(Column("statuscode", Kind.STATUS, "Status Reason", options=reasons))
    if owned:
        targets = (Target("systemuser", ("ownerid", "owninguser"), f"{table}_owning_user"),)
        columns.append(Column("ownerid", Kind.OWNER, "Owner", targets=targets))
    return columns


def _table(
    name: str,
    plural: str,
    schema_name: str,
    labels: tuple[str, str],
    columns: list[Column],
    *,
    type_code: int,
    rights: str,
    title: str,
    id: str = "",  # noqa: A002 - the table reference's own word
    keys: tuple[Key, ...] = (),
    states: Mapping[int, State] = _ACTIVE,
    activity: bool = False,
    owned: bool = True,
) -> Table:
    key = id or f"{name}id"
    primary = Column(key, Kind.GUID, labels[0], required=True, updatable=False)
    every = [primary, *columns, *_system(name, states, owned=owned)]
    return Table(
        name=name,
        plural=plural,
        schema_name=schema_name,
        label=labels[0],
        labels=labels[1],
        id=key,
        title=title,
        rights=rights,
        type_code=type_code,
        columns={column.name: column for column in every},
        keys=keys,
        states=states,
        activity=activity,
    )


def _regarding(table: str, list_name: str) -> Column:
    """Give an activity's regarding lookup: both spellings of its navigation properties exist."""
    targets = tuple(
        Target(
            other,
            (f"regardingobjectid_{other}_{table}", f"regardingobjectid_{other}"),
            f"{schema}_{list_name}",
        )
        for other, schema in (
            ("contact", "Contact"),
            ("account", "Account"),
            ("lead", "Lead"),
            ("incident", "Incident"),
        )
    )
    return Column("regardingobjectid", Kind.LOOKUP, "Regarding", targets=targets)


def _customer(name: str, table: str, contact_list: str, account_list: str) -> Column:
    return Column(
        name,
        Kind.CUSTOMER,
        "Customer",
        required=name == "customerid",
        targets=(
            Target("contact", (f"{name}_contact",), contact_list),
            Target("account", (f"{name}_account",), account_list),
        ),
    )


_PRIORITY = {0: "Low", 1: "Normal", 2: "High"}
_METHOD = {1: "Any", 2: "Email", 3: "Phone", 4: "Fax", 5: "Mail"}
_CLOSING = {
    0: State("Open", {1: "Open"}),
    1: State("Completed", {2: "Made", 4: "Received"}, closed=True),
    2: State("Canceled", {3: "Canceled"}, closed=True),
}
_TASK_STATES = {
    0: State("Open", {2: "Not Started", 3: "In Progress", 4: "Waiting", 7: "Deferred"}),
    1: State("Completed", {5: "Completed"}, closed=True),
    2: State("Canceled", {6: "Canceled"}, closed=True),
}
_CASE_STATES = {
    0: State(
        "Active", {1: "In Progress", 2: "On Hold", 3: "Waiting for Details", 4: "Researching"}
    ),
    1: State("Resolved", {5: "Problem Solved", 1000: "Information Provided"}, closed=True),
    2: State("Canceled", {6: "Canceled", 2000: "Merged"}, closed=True),
}
_LEAD_STATES = {
    0: State("Open", {1: "New", 2: "Contacted"}),
    1: State("Qualified", {3: "Qualified"}),
    2: State("Disqualified", {4: "Lost", 5: "Cannot Contact", 6: "No Longer Interested"}),
}

CONTACT = _table(
    "contact",
    "contacts",
    "Contact",
    ("Contact", "Contacts"),
    [
        _text("firstname", "First Name", 50),
        _text("lastname", "Last Name", 50),
        Column("fullname", Kind.STRING, "Full Name", 160, creatable=False, updatable=False),
        _text("jobtitle", "Job Title"),
        _text("emailaddress1", "Email"),
        _text("telephone1", "Business Phone", 50),
        _text("telephone2", "Home Phone", 50),
        _text("telephone3", "Telephone 3", 50),
        _text("mobilephone", "Mobile Phone", 50),
        _text("address1_city", "Address 1: City", 80),
        _memo(),
        Column("birthdate", Kind.DATETIME, "Birthday"),
        Column(
            "numberofchildren", Kind.INTEGER, "No. of Children", minimum=0, maximum=1_000_000_000
        ),
        _choice("preferredcontactmethodcode", "Preferred Method of Contact", _METHOD, 1),
        _flag("donotphone", "Do not allow Phone Calls", _ALLOW),
        _customer(
            "parentcustomerid", "contact", "contact_customer_contacts", "contact_customer_accounts"
        ),
    ],
    type_code=2,
    rights="Contact",
    title="fullname",
    keys=(Key("screenpop_contact_email", ("emailaddress1",)),),
)

ACCOUNT = _table(
    "account",
    "accounts",
    "Account",
    ("Account", "Accounts"),
    [
        _text("name", "Account Name", 160),
        _text("accountnumber", "Account Number", 20),
        _text("telephone1", "Main Phone", 50),
        _text("telephone2", "Other Phone", 50),
        _text("emailaddress1", "Email"),
        _text("websiteurl", "Website", 200),
        _text("address1_city", "Address 1: City", 80),
        _memo(),
        Column("numberofemployees", Kind.INTEGER, "Employees", minimum=0, maximum=1_000_000_000),
        Column(
            "primarycontactid",
            Kind.LOOKUP,
            "Primary Contact",
            targets=(Target("contact", ("primarycontactid",), "account_primary_contact"),),
        ),
    ],
    type_code=1,
    rights="Account",
    title="name",
    keys=(Key("screenpop_account_number", ("accountnumber",)),),
)

LEAD = _table(
    "lead",
    "leads",
    "Lead",
    ("Lead", "Leads"),
    [
        _text("subject", "Topic", 300),
        _text("firstname", "First Name", 50),
        _text("lastname", "Last Name", 50),
        Column("fullname", Kind.STRING, "Name", 160, creatable=False, updatable=False),
        _text("companyname", "Company Name"),
        _text("emailaddress1", "Email"),
        _text("telephone1", "Business Phone", 50),
        _text("mobilephone", "Mobile Phone", 50),
        _memo(),
    ],
    type_code=4,
    rights="Lead",
    title="fullname",
    states=_LEAD_STATES,
)

INCIDENT = _table(
    "incident",
    "incidents",
    "Incident",
    ("Case", "Cases"),
    [
        _text("title", "Case Title", 200),
        Column("ticketnumber", Kind.STRING, "Case Number", 100, updatable=False),
        _memo(),
        _choice("prioritycode", "Priority", {1: "High", 2: "Normal", 3: "Low"}, 2),
        _choice("caseorigincode", "Origin", {1: "Phone", 2: "Email", 3: "Web"}, None),
        _customer(
            "customerid", "incident", "incident_customer_contacts", "incident_customer_accounts"
        ),
        Column(
            "primarycontactid",
            Kind.LOOKUP,
            "Contact",
            targets=(Target("contact", ("primarycontactid",), "contact_as_primary_contact"),),
        ),
    ],
    type_code=112,
    rights="Incident",
    title="title",
    states=_CASE_STATES,
)

PHONECALL = _table(
    "phonecall",
    "phonecalls",
    "PhoneCall",
    ("Phone Call", "Phone Calls"),
    [
        _text("subject", "Subject", 200),
        _text("phonenumber", "Phone Number", 200),
        _memo(),
        _text("category", "Category", 250),
        _text("subcategory", "Sub-Category", 250),
        _flag("directioncode", "Direction", {0: "Incoming", 1: "Outgoing"}, default=True),
        _flag("leftvoicemail", "Left Voice Mail"),
        _choice("prioritycode", "Priority", _PRIORITY, 1),
        _time("actualstart", "Actual Start"),
        _time("actualend", "Actual End"),
        _time("scheduledstart", "Start Date"),
        _time("scheduledend", "Due Date"),
        Column("actualdurationminutes", Kind.INTEGER, "Duration", minimum=0, maximum=2_147_483_647),
        _regarding("phonecall", "Phonecalls"),
        _text("screenpop_contactid", "Screenpop contact"),
        _text("screenpop_recordingurl", "Screenpop recording", 2000),
    ],
    type_code=4210,
    rights="Activity",
    title="subject",
    id="activityid",
    keys=(Key("screenpop_phonecall_contact", ("screenpop_contactid",)),),
    states=_CLOSING,
    activity=True,
)

TASK = _table(
    "task",
    "tasks",
    "Task",
    ("Task", "Tasks"),
    [
        _text("subject", "Subject", 200),
        _memo(),
        _choice("prioritycode", "Priority", _PRIORITY, 1),
        Column("percentcomplete", Kind.INTEGER, "Percent Complete", minimum=0, maximum=100),
        _time("scheduledstart", "Start Date"),
        _time("scheduledend", "Due Date"),
        _regarding("task", "Tasks"),
    ],
    type_code=4212,
    rights="Activity",
    title="subject",
    id="activityid",
    states=_TASK_STATES,
    activity=True,
)

ANNOTATION = _table(
    "annotation",
    "annotations",
    "Annotation",
    ("Note", "Notes"),
    [
        _text("subject", "Title", 500),
        _memo("notetext", "Description", 100_000),
        _text("filename", "File Name", 255),
        _text("mimetype", "Mime Type", 256),
        _memo("documentbody", "Document", 1_073_741_823),
        _flag("isdocument", "Is Document"),
        Column(
            "objectid",
            Kind.LOOKUP,
            "Regarding",
            targets=tuple(
                Target(other, (f"objectid_{other}",), f"{schema}_Annotation")
                for other, schema in (
                    ("phonecall", "PhoneCall"),
                    ("contact", "Contact"),
                    ("account", "Account"),
                    ("lead", "Lead"),
                    ("incident", "Incident"),
                    ("task", "Task"),
                )
            ),
        ),
    ],
    type_code=5,
    rights="Note",
    title="subject",
    states={},
)

ACTIVITY_PARTY = _table(
    "activityparty",
    "activityparties",
    "ActivityParty",
    ("Activity Party", "Activity Parties"),
    [
        _choice(
            "participationtypemask",
            "Participation Type",
            {1: "Sender", 2: "To Recipient", 3: "CC Recipient", 8: "Regarding", 9: "Owner"},
            None,
        ),
        _text("addressused", "Address", 320),
        Column(
            "activityid",
            Kind.LOOKUP,
            "Activity",
            targets=(
                Target("phonecall", ("activityid_phonecall",), "phonecall_activity_parties"),
                Target("task", ("activityid_task",), "task_activity_parties"),
            ),
        ),
        Column(
            "partyid",
            Kind.LOOKUP,
            "Party",
            targets=tuple(
                Target(other, (f"partyid_{other}",), f"{other}_activity_parties")
                for other in ("contact", "account", "lead", "systemuser")
            ),
        ),
    ],
    type_code=135,
    rights="Activity",
    title="addressused",
    states={},
    owned=False,
)

SYSTEM_USER = _table(
    "systemuser",
    "systemusers",
    "SystemUser",
    ("User", "Users"),
    [
        _text("fullname", "Full Name", 200),
        _text("firstname", "First Name", 256),
        _text("lastname", "Last Name", 256),
        _text("domainname", "User Name", 1024),
        _text("internalemailaddress", "Primary Email"),
        Column("azureactivedirectoryobjectid", Kind.GUID, "Entra object ID"),
        Column("applicationid", Kind.GUID, "Application ID"),
        _flag("isdisabled", "Status", {0: "Enabled", 1: "Disabled"}),
    ],
    type_code=8,
    rights="User",
    title="fullname",
    states={},
    owned=False,
)

ORGANIZATION = _table(
    "organization",
    "organizations",
    "Organization",
    ("Organization", "Organizations"),
    [
        _text("name", "Organization Name", 160),
        _flag("iscontentsecuritypolicyenabled", "Content security policy"),
        _memo("contentsecuritypolicyconfiguration", "CSP configuration", 1_048_576),
        Column("samesitemodeforsessioncookie", Kind.INTEGER, "SameSite", minimum=0, maximum=3),
    ],
    type_code=1019,
    rights="Organization",
    title="name",
    states={},
    owned=False,
)

APP_MODULE = _table(
    "appmodule",
    "appmodules",
    "AppModule",
    ("Model-driven App", "Model-driven Apps"),
    [
        _text("name", "Name"),
        _text("uniquename", "Unique Name"),
        _text("url", "URL"),
    ],
    type_code=9700,
    rights="AppModule",
    title="name",
    owned=False,
)

TABLES: tuple[Table, ...] = (
    CONTACT,
    ACCOUNT,
    LEAD,
    INCIDENT,
    PHONECALL,
    TASK,
    ANNOTATION,
    ACTIVITY_PARTY,
    SYSTEM_USER,
    ORGANIZATION,
    APP_MODULE,
)


def catalog() -> Catalog:
    """Give a fresh catalog of every table."""
    return Catalog({table.name: table for table in TABLES})
