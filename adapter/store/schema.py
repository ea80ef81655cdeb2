"""Describe the tables (SQLAlchemy Core); `migrations/` brings a database to this shape.

Times are integers, microseconds since 1970 in UTC. Every row carries its tenant's name. The hot
tables have as few trees as they can: each one that an event touches costs a page of the log.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

tenants = Table(
    "tenants",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("created", BigInteger, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("type", Text),
    Column("subject", Text),
    Column("links", LargeBinary, nullable=False),
    Column("data", LargeBinary),
    Column("pop", Text),
    Column("report", LargeBinary),
    Column("state", LargeBinary),
)
"""What is kept of each event and each message; `adapter.store.journal` says how."""

journal_marks = Table(
    "journal_marks",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("sequence", BigInteger, nullable=False),
    Column("silent", BigInteger, nullable=False),
)

event_keys = Table(
    "event_keys",
    metadata,
    Column("key", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

contact_heads = Table(
    "contact_heads",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("contact", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("agent", Text),
    Column("ended", Boolean, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index("open_contacts", "tenant", "agent", "updated", sqlite_where=text("ended = 0")),
    sqlite_with_rowid=False,
)

agent_heads = Table(
    "agent_heads",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

pushes = Table(
    "pushes",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

contact_links = Table(
    "contact_links",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("contact", Text, primary_key=True),
    Column("linked", Text, primary_key=True),
)

pops = Table(
    "pops",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("contact", Text),
    Column("agent", Text, nullable=False),
    Column("stage", Text),
    Column("created", BigInteger, nullable=False),
    Column("stale_after", Integer, nullable=False),
    Column("target", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("record", Text),
    Column("reason", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("owner", Text),
    Column("sole", Boolean, nullable=False),
    Column("outcome", Text),
    Column("finished", BigInteger),
    UniqueConstraint("tenant", "contact", "agent", "stage", name="one_pop"),
    Index("unfinished_pops", "tenant", "agent", "created", sqlite_where=text("finished IS NULL")),
    Index("erased_pops", "tenant", sqlite_where=text("outcome = 'erased'")),
)

trace = Table(
    "trace",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("tenant", String(63), nullable=False),
    Column("contact", Text),
    Column("at", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("trace_of_contact", "tenant", "contact"),
)

agent_aliases = Table(
    "agent_aliases",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("scope", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary),
    Column("secret", LargeBinary),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Column("used", BigInteger),
)

tenant_settings = Table(
    "tenant_settings",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("directory", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("token_roles", Text, nullable=False),
    Column("given_roles", Text, nullable=False),
    Column("agent", Text),
    Column("proposed", Text),
    Column("revoked", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    UniqueConstraint("tenant", "directory", "subject", name="one_person"),
)

admin_links = Table(
    "admin_links",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("expires", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("chain", LargeBinary, nullable=False),
    Column("tenant", String(63), nullable=False),
    Column("kind", String(6), nullable=False),
    Column("person", String(16)),
    Column("agent", Text),
    Column("embedder", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("replaced", BigInteger),
    Index("session_chains", "chain"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("seen_by", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("rule", Text),
    Column("line", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("tenant", String(63), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Index("audit_of_tenant", "tenant"),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
)

installation = Table(
    "installation",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

integration_accounts = Table(
    "integration_accounts",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("id", String(16), nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("applied_version", Integer, nullable=False),
    Column("draft", Text),
    Column("draft_secrets", LargeBinary),
    Column("draft_report", Text),
    Column("applied", Text),
    Column("applied_secrets", LargeBinary),
    Column("applied_report", Text),
    Column("changed", BigInteger, nullable=False),
    Column("applied_passed", BigInteger),
)

environment_tables = Table(
    "environment_tables",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("api_url", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("read", BigInteger, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("account", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("flow", LargeBinary, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("tenant", String(63), nullable=False),
    Column("contact", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("planned", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("response", LargeBinary),
    Column("cause", Text),
    Column("finished", BigInteger),
    Column("dismissed", BigInteger),
    UniqueConstraint("tenant", "contact", "key", name="one_request"),
    Index("unfinished_requests", "state", sqlite_where=text("state <> 'done'")),
    Index(
        "dead_letters",
        "tenant",
        "finished",
        sqlite_where=text("state = 'failed' AND dismissed IS NULL"),
    ),
    sqlite_autoincrement=True,
)

recording_links = Table(
    "recording_links",
    metadata,
    Column("token", String(22), primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("contact", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("redacted", Boolean, nullable=False),
    Column("agents", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("tenant", "contact", "url", name="one_link"),
)

notes = Table(
    "notes",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("contact", Text, primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("saved", BigInteger, nullable=False),
    Column("replaced", Text, nullable=False),
    sqlite_with_rowid=False,
)
