"""Write the AsyncAPI document of the feed: messages both ways, subprotocols, close codes."""

from __future__ import annotations

from typing import Any

import adapter
from adapter import messages
from adapter.web import feed_access, schemas
from adapter.web.schemas import Schema, listed, record, ref

_CONTACT_MESSAGE: Schema = {
    "allOf": [
        ref("Contact"),
        record(event=record("source id", source={"type": "string"}, id={"type": "string"})),
    ]
}
_DATA: dict[str, Schema] = {
    messages.POP: ref("PopView"),
    messages.POP_WITHDRAWN: record("pop contact agent reason"),
    messages.SETTINGS_CHANGED: record("what", what=listed({"type": "string"})),
    messages.SNAPSHOT: record(
        "contacts pops sequence epoch",
        contacts=listed(ref("Contact")),
        pops=listed(ref("PopView")),
        sequence={"type": "string"},
        epoch={"type": "string"},
        gap={"const": True},
    ),
}
"""The `data` of each type that is not about a contact's stage."""

CONTROL_FROM_SERVER: dict[str, Schema] = {
    "welcome": record("type agent panel tenant version epoch session expires"),
    "pong": record("type"),
    "outcome.stored": record("type pop", pop={"type": "string"}),
    "error": record("type detail", detail={"type": "string"}, pop={"type": "string"}),
}
CONTROL_FROM_PANEL = {
    "hello": "Hello",
    "presence": "Presence",
    "pop.outcome": "PopOutcome",
    "ping": "Ping",
}


def document() -> dict[str, Any]:
    """Give the AsyncAPI 3.0 document of `/v1/feed`."""
    sent = [_key(kind) for kind in (*messages.MESSAGE_TYPES, *CONTROL_FROM_SERVER)]
    taken = [_key(kind) for kind in CONTROL_FROM_PANEL]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Screenpop feed", "version": adapter.__version__},
        "channels": {"feed": _channel([*sent, *taken])},
        "operations": {
            "sendToClient": _operation("send", sent),
            "receiveFromPanel": _operation("receive", taken),
        },
        "components": {"schemas": schemas.components(), "messages": _messages()},
    }


def _channel(names: list[str]) -> dict[str, Any]:
    query = record(
        agent={"type": "string", "description": "an agent's id, or * for the whole tenant"},
        after={"type": "string", "description": "resume after this sequence"},
        epoch={
            "type": "string",
            "description": "the epoch that `after` is of, as a snapshot, `welcome` or the header "
            f"{messages.EPOCH_HEADER} of the handshake's answer told it",
        },
        panel={"type": "string", "description": "an id that the client keeps over reconnects"},
    )
    return {
        "address": feed_access.PATH,
        "description": "Subprotocol screenpop.v1 speaks both ways, cloudevents.json reads only.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
        "x-subprotocols": [feed_access.PANEL_PROTOCOL, feed_access.READ_PROTOCOL],
        "x-close-codes": schemas.close_codes(),
    }


def _operation(action: str, names: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/feed"},
        "messages": [{"$ref": f"#/channels/feed/messages/{name}"} for name in names],
    }


def _messages() -> dict[str, Any]:
    described: dict[str, Schema] = {
        kind: schemas.feed_event(kind, _DATA.get(kind, _CONTACT_MESSAGE))
        for kind in messages.MESSAGE_TYPES
    }
    described |= CONTROL_FROM_SERVER
    described |= {kind: ref(name) for kind, name in CONTROL_FROM_PANEL.items()}
    return {
        _key(kind): {"name": kind, "contentType": "application/json", "payload": schema}
        for kind, schema in described.items()
    }


def _key(kind: str) -> str:
    """Give a key that AsyncAPI allows everywhere: no dots."""
    return kind.replace(".", "-")
