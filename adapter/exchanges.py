"""Send one request of a step so that it takes effect once, however often it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapter import steps
from adapter.dataverse.client import DataverseClient
from adapter.dataverse.errors import (
    DataverseError,
    DuplicateRecord,
    RecordNotFound,
    RecordReadOnly,
    UnexpectedAnswer,
)
from adapter.dataverse.requests import DataverseRequest, Priority
from adapter.steps import RenderedRequest


class DuplicateOfAnother(DataverseError):
    """A row with the id or key that this step gives exists, and it is none of ours."""

    cause = "duplicate"
    advice = "Leave the id out of the step's body, so that each contact gets a row of its own."


ROW_WAS_MADE = "an earlier try had made the row, which was read back"
ROW_WAS_COMPLETED = "an earlier try had completed the row"
"""What the contact's story says where a request was answered by what an earlier one had done."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request brought, and what its contact's story should say besides."""

    response: Any
    """What later steps see as its response; of an owner request the user who was found."""
    notes: tuple[str, ...] = ()


async def exchange(
    client: DataverseClient, rendered: RenderedRequest, *, owner: bool, priority: Priority
) -> Sent:
    """Send a request; `owner`: it looks for the agent's user.

    Raises:
        DataverseError: it had no effect, or nobody knows; the same request may be sent again.
    """
    # A replaced client is closed when its calls have ended: a read that follows belongs to them.
    with client.held():
        answer = await _answer(client, rendered, priority)
    body = answer.response
    response = steps.owner_of(body) if owner else steps.response_of(rendered, body)
    return Sent(response, answer.notes)


async def _answer(client: DataverseClient, rendered: RenderedRequest, priority: Priority) -> Sent:
    request = DataverseRequest(
        method=rendered.method,
        path=rendered.path,
        query=rendered.query,
        body=rendered.body,
        headers=rendered.headers,
        caller=rendered.caller,
    )
    try:
        answer = await client.send(request, priority=priority)
    except DuplicateRecord:
        if rendered.read_back is None:
            raise
        # Our own row: an earlier try made it, and its answer was lost.
        try:
            row = await client.read(rendered.read_back, priority=priority)
        except RecordNotFound as error:
            raise DuplicateOfAnother(str(error)) from error
        return Sent(row, (ROW_WAS_MADE,))
    except RecordReadOnly:
        if not await _says_already(client, rendered):
            raise
        # It was this very request that completed the row, and its answer was lost.
        return Sent(None, (ROW_WAS_COMPLETED,))
    try:
        return Sent(msgspec.json.decode(answer.body) if answer.body else None)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer("the answer is no JSON", status=answer.status) from error


async def _says_already(client: DataverseClient, rendered: RenderedRequest) -> bool:
    """Tell if a row has every value that an update gives it."""
    sent = msgspec.json.decode(rendered.body) if rendered.body else None
    if rendered.method != "PATCH" or not isinstance(sent, Mapping):
        return False
    columns = {name: value for name, value in sent.items() if "@" not in name}
    if not columns:
        return False
    row = await client.read(rendered.path, f"$select={','.join(columns)}")
    return all(_same(value, row.get(name)) for name, value in columns.items())


def _same(sent: object, found: object) -> bool:
    """Compare as Dataverse keeps values: numbers may come as text, times lose their fractions."""
    if sent is None or found is None:
        return sent is found
    times = _time(sent), _time(found)
    if times[0] is not None and times[1] is not None:
        return abs(times[0] - times[1]) < timedelta(seconds=1)
    return str(sent).casefold() == str(found).casefold()


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None
