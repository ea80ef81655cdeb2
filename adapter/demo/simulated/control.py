"""Answer the control door `/_control/…`: what a test or a person may do to the simulation.

It is no part of Dataverse or Entra, and open to this machine alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from adapter.demo.simulated.dataverse import rendering, seeding
from adapter.demo.simulated.dataverse.messages import Answer
from adapter.demo.simulated.dataverse.refusals import Refusal
from adapter.demo.simulated.dataverse.schema import Column, Key, Kind, Table
from adapter.demo.simulated.entra.directory import Certificate, Secret
from adapter.demo.simulated.faults import fault_from
from adapter.demo.simulated.incoming import Incoming
from adapter.demo.simulated.world import World

Json = Mapping[str, Any]
Door = Callable[[World, Json], object]

_HERE = ("127.0.0.1", "::1")


def respond(world: World, client: object, incoming: Incoming) -> Answer:
    """Answer one request to the control door, in JSON."""
    if not isinstance(client, list | tuple) or client[0] not in _HERE:
        return _json(403, {"detail": "The control door is open to this machine alone."})
    path = incoming.path.removeprefix("/_control").strip("/")
    name, _, rest = path.partition("/")
    door = _DOORS.get((incoming.method, name))
    if door is None:
        doors = [f"{method} /_control/{path}" for method, path in _DOORS]
        return _json(404, {"detail": "There is no such control.", "doors": doors})
    try:
        result = door(world, {**_object(incoming.body), "_path": rest})
    except (ValueError, KeyError, TypeError, LookupError, Refusal) as error:
        return _json(400, {"detail": _said(error)})
    return _json(200, result if result is not None else {"done": True})


def _said(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"the body is no JSON: {error}"
    if isinstance(error, KeyError):
        return f"{error.args[0]}: is missing"
    return str(error)


def _object(body: bytes) -> Json:
    value = json.loads(body) if body else {}
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")  # noqa: TRY004 - malformed, not misused
    return value


def _json(status: int, value: object) -> Answer:
    body = json.dumps(value, ensure_ascii=False, default=str).encode()
    return Answer(status, body, {"Content-Type": "application/json"})


def _state(world: World, body: Json) -> object:
    del body
    return {
        "environment_urls": list(world.urls),
        "directory_id": world.directory.id,
        "client_id": world.application.client_id,
        "rows": {table.name: len(world.database.rows(table.name)) for table in _tables(world)},
        "faults": [asdict(fault) for fault in world.faults.listed()],
        "limits": asdict(world.limits.bounds),
        "most_at_once": world.limits.most_at_once(),
        "behaviour": asdict(world.behaviour),
        "requests": len(world.log),
    }


def _tables(world: World) -> list[Table]:
    return list(world.database.catalog)


def _reset(world: World, body: Json) -> None:
    del body
    world.reset()


def _rows(world: World, body: Json) -> object:
    """List a table's rows with everything in them; the path names the table."""
    table = _table(world, body["_path"])
    return [
        rendering.entity(
            world.database, table, row, select=None, annotations=rendering.Annotations("*")
        )
        for row in world.database.rows(table.name).values()
    ]


def _table(world: World, name: str) -> Table:
    table = world.database.catalog.table(name) or world.database.catalog.by_set(name)
    if table is None:
        raise LookupError(f"there is no table {name!r}")
    return table


def _requests(world: World, body: Json) -> object:
    del body
    return [
        {name: value for name, value in line.items() if name != "started"} for line in world.log
    ]


def _forget_requests(world: World, body: Json) -> None:
    del body
    world.log.clear()


def _plan(world: World, body: Json) -> object:
    fault = fault_from({name: value for name, value in body.items() if name != "_path"})
    world.faults.plan(fault)
    return asdict(fault)


def _forget_faults(world: World, body: Json) -> None:
    world.faults.clear(int(body.get("seed", 0)))


def _behave(world: World, body: Json) -> object:
    """Set token_seconds, latency, closed_rows_refuse."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "token_seconds": int,
        "latency": (int, float),
        "closed_rows_refuse": bool,
    }
    for name, value in body.items():
        if name == "_path":
            continue
        if name not in kinds or not isinstance(value, kinds[name]):
            raise ValueError(f"{name}: one of {sorted(kinds)} is expected, in its type")
        setattr(world.behaviour, name, value)
    return asdict(world.behaviour)


def _limit(world: World, body: Json) -> object:
    for name, value in body.items():
        if name == "_path":
            continue
        if not hasattr(world.limits.bounds, name) or not isinstance(value, int | float):
            raise ValueError(f"{name}: no such limit, or no number")
        setattr(world.limits.bounds, name, value)
    world.limits.clear()
    return asdict(world.limits.bounds)


def _clock(world: World, body: Json) -> object:
    world.behaviour.ahead += timedelta(seconds=float(body["advance"]))
    return {"now": world.now().isoformat()}


def _secret(world: World, body: Json) -> None:
    """`{"expired": bool}`, `{"add": value}` or `{"remove": value}`."""
    app = world.application
    if "add" in body:
        ends = world.now() + timedelta(days=730)
        app.secrets.append(Secret(str(body["add"]), ends))
    if "remove" in body:
        app.secrets = [one for one in app.secrets if one.value != body["remove"]]
    if "expired" in body:
        world.expire_secrets(expired=bool(body["expired"]))


def _certificate(world: World, body: Json) -> object:
    certificate = Certificate.from_pem(str(body["pem"]).encode())
    world.application.certificates.append(certificate)
    return {"x5t": certificate.sha1, "x5t#S256": certificate.sha256}


def _forget_certificates(world: World, body: Json) -> None:
    del body
    world.application.certificates.clear()


def _consent(world: World, body: Json) -> None:
    world.application.consented = bool(body["granted"])


def _refresh_tokens(world: World, body: Json) -> None:
    world.mark_refresh_tokens(
        expired=bool(body.get("expired", False)), revoked=bool(body.get("revoked", False))
    )


def _redirect(world: World, body: Json) -> None:
    world.application.redirect_uris.add(str(body["add"]))


def _application_user(world: World, body: Json) -> None:
    world.set_application_user(present=bool(body["present"]))


def _roles(world: World, body: Json) -> object:
    """`{"user": "application"|agent|GUID, "grant": [names], "revoke": [names]}`; `*` is all."""
    user = str(body.get("user", "application"))
    record = user if len(user) == len(seeding.user_id("x")) else seeding.user_id(user)
    held = world.security.privileges.get(record, set())
    revoked = list(held) if "*" in body.get("revoke", []) else body.get("revoke", [])
    world.security.revoke(record, revoked)
    world.security.grant(record, body.get("grant", []))
    return {"user": record, "privileges": sorted(world.security.privileges.get(record, ()))}


def _column(world: World, body: Json) -> None:
    """Add a text column: `{"table", "name", "length"}`."""
    table = _table(world, body["table"])
    column = Column(
        str(body["name"]), Kind.STRING, str(body["name"]), length=int(body.get("length", 100))
    )
    world.database.catalog.put(table.with_column(column))


def _key(world: World, body: Json) -> None:
    """Add an alternate key: `{"table", "name", "columns"}`."""
    table = _table(world, body["table"])
    columns = tuple(str(name) for name in body["columns"])
    for name in columns:
        if name not in table.columns:
            raise LookupError(f"{table.name} has no column {name!r}")
    key = Key(str(body["name"]), columns)
    world.database.catalog.put(table.with_keys((*table.keys, key)))


_DOORS: dict[tuple[str, str], Door] = {
    ("GET", ""): _state,
    ("POST", "reset"): _reset,
    ("GET", "rows"): _rows,
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _forget_requests,
    ("POST", "faults"): _plan,
    ("DELETE", "faults"): _forget_faults,
    ("POST", "behaviour"): _behave,
    ("POST", "limits"): _limit,
    ("POST", "clock"): _clock,
    ("POST", "secret"): _secret,
    ("POST", "certificates"): _certificate,
    ("DELETE", "certificates"): _forget_certificates,
    ("POST", "consent"): _consent,
    ("POST", "refresh-tokens"): _refresh_tokens,
    ("POST", "redirect-uris"): _redirect,
    ("POST", "application-user"): _application_user,
    ("POST", "roles"): _roles,
    ("POST", "columns"): _column,
    ("POST", "keys"): _key,
}
