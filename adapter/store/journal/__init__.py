"""Write and read the journal: one row for each event with its message, and the index to find it.

A row is appended at `position`: the tenant's number above, the message's sequence below. It names
the row before it of the same contact and of each of its agents, so that a contact's story and an
agent's messages are chains that are followed backwards, and an event changes one page. Rows
without a message (an event that could not be handled, a source's word on an agent) have negative
positions. Everything here runs on the connection of one thread, inside `Database.transaction`
where it writes. See docs/decisions/0010-one-row-per-event.md.
"""

from adapter.store.journal.backlog import Row
from adapter.store.journal.erasing import emptied, empty_rows, everything, positions_of
from adapter.store.journal.index import (
    count,
    event_key,
    find_event,
    has_contact,
    is_taken,
    last_silent,
    last_to,
    loaded,
    mark,
    newest,
    next_key,
    number_for_writing,
    sequences,
)
from adapter.store.journal.oldest import Oldest, oldest, oldest_silent
from adapter.store.journal.replay import (
    Chains,
    Sent,
    messages_after,
    read,
    sent_to,
    sequences_to,
)
from adapter.store.journal.rows import (
    SEQUENCE_BITS,
    Links,
    Report,
    append,
    pack_links,
    pack_report,
    pack_report_of,
    position_of,
    sequence_of,
)
from adapter.store.journal.states import (
    STATE_EVERY,
    add_links,
    agents_contacts,
    backward,
    contact,
    contact_with_newest,
    forget_links,
    has_events,
    has_links,
    keep_state,
    links_of,
    newest_message,
    open_contacts,
    open_keys,
    recorded,
)
from adapter.store.journal.story import (
    StoredEvent,
    Traced,
    TraceLine,
    add_traces,
    events_of,
    first_report,
    pushes_of,
    trace_of,
)
from adapter.store.journal.writing import IndexWriting, write_index

__all__ = [
    "SEQUENCE_BITS",
    "STATE_EVERY",
    "Chains",
    "IndexWriting",
    "Links",
    "Oldest",
    "Report",
    "Row",
    "Sent",
    "StoredEvent",
    "TraceLine",
    "Traced",
    "add_links",
    "add_traces",
    "agents_contacts",
    "append",
    "backward",
    "contact",
    "contact_with_newest",
    "count",
    "emptied",
    "empty_rows",
    "event_key",
    "events_of",
    "everything",
    "find_event",
    "first_report",
    "forget_links",
    "has_contact",
    "has_events",
    "has_links",
    "is_taken",
    "keep_state",
    "last_silent",
    "last_to",
    "links_of",
    "loaded",
    "mark",
    "messages_after",
    "newest",
    "newest_message",
    "next_key",
    "number_for_writing",
    "oldest",
    "oldest_silent",
    "open_contacts",
    "open_keys",
    "pack_links",
    "pack_report",
    "pack_report_of",
    "position_of",
    "positions_of",
    "pushes_of",
    "read",
    "recorded",
    "sent_to",
    "sequence_of",
    "sequences",
    "sequences_to",
    "trace_of",
    "write_index",
]
