"""Serve a simulated phone system: a page of calls and the JSON API behind it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypedDict, TypeVar

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from adapter.demo import samples
from adapter.demo.busy import HIGHEST_RATE, LONGEST, Busy, BusyHour
from adapter.demo.calls import Call
from adapter.demo.delivery import Delivery
from adapter.demo.phone_system import PhoneSystem
from adapter.demo.rendering import STATIC, TEMPLATES
from adapter.demo.tone import tone
from adapter.errors import (
    Conflict,
    Forbidden,
    MalformedInput,
    NotFound,
    Place,
    ScreenpopError,
    Unavailable,
)

SHOWN = 60
"""So many calls are listed, newest first."""
MAX_BODY = 10_000
_STATUS: Mapping[type[ScreenpopError], int] = {
    MalformedInput: 400,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    # The event is lost upstream, not here: a gateway's trouble.
    Unavailable: 502,
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}
_Form = TypeVar("_Form")


class NewCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /calls`. `from` is a sample contact's GUID or a number."""

    agent: str
    caller: str = msgspec.field(name="from")
    channel: str = "voice"
    direction: str = "inbound"


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /calls/{id}/transfer`."""

    agent: str


class NewBusy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /busy`: events a minute, and for how many seconds."""

    rate: float
    seconds: float = 60


class _State(TypedDict):
    phone: PhoneSystem
    tasks: asyncio.TaskGroup


def _utc() -> datetime:
    return datetime.now(UTC)


def phone_app(
    *,
    events_url: str | Callable[[], str],
    ingest_key: str | Callable[[], str],
    public_url: str | Callable[[], str] = "http://phone.localhost:8000",
    agents: Mapping[str, str] = samples.AGENTS,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], datetime] = _utc,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Starlette:
    """Build the simulated phone system.

    `events_url` is the adapter's `/v1/events`, `ingest_key` a service key for it, `public_url`
    the address of this app (recordings lie under it), `agents` their names by their ids. What is
    given as a function is asked at start. `transport` and `pause` are for tests.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[_State]:
        del app
        delivery = Delivery(_value(events_url), lambda: _value(ingest_key), transport, pause)
        phone = PhoneSystem(agents, delivery, now, _value(public_url))
        async with asyncio.TaskGroup() as tasks:
            yield {"phone": phone, "tasks": tasks}
            _routes.end()
        await delivery.close()

    _routes = _Routes()
    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", _routes.page),
            Route("/calls", _routes.calls),
            Route("/calls", _routes.ring, methods=["POST"]),
            Route("/calls/{id}/{action}", _routes.act, methods=["POST"]),
            Route("/busy", _routes.start_busy, methods=["POST"]),
            Route("/busy", _routes.stop_busy, methods=["DELETE"]),
            Route("/recordings/{name}.wav", _recording),
            Route("/recordings/{name}.txt", _transcript),
            Mount("/demo", StaticFiles(directory=STATIC / "demo")),
        ],
        exception_handlers={ScreenpopError: _problem, HTTPException: _problem},
    )


def _value(given: str | Callable[[], str]) -> str:
    return given if isinstance(given, str) else given()


class _Routes:
    """What the page and the command line can ask; keeps the one busy hour."""

    def __init__(self) -> None:
        self._busy: BusyHour | None = None
        self._task: asyncio.Task[None] | None = None

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def page(self, request: Request) -> Response:
        html = TEMPLATES.get_template("phone.html").render(
            agents=request.state.phone.agents,
            contacts=samples.CONTACTS,
            highest_rate=HIGHEST_RATE,
        )
        return Response(html, media_type="text/html", headers=_HEADERS)

    async def calls(self, request: Request) -> Response:
        phone: PhoneSystem = request.state.phone
        return _json(
            {
                "agents": phone.agents,
                "calls": phone.list()[:SHOWN],
                "busy": self._busy.plan if self._busy else None,
                "events": {
                    "delivered": phone.delivery.delivered,
                    "failed": phone.delivery.failed,
                    "last_error": phone.delivery.last_error,
                },
            }
        )

    async def ring(self, request: Request) -> Response:
        form = await _form(request, NewCall)
        phone: PhoneSystem = request.state.phone
        call = await phone.ring(form.agent, form.caller, form.channel, form.direction)
        return _json({"call": call}, 201)

    async def act(self, request: Request) -> Response:
        phone: PhoneSystem = request.state.phone
        _own_page(request)
        call_id, action = request.path_params["id"], request.path_params["action"]
        simple: Mapping[str, Callable[[str], Awaitable[Call]]] = {
            "answer": phone.answer,
            "hangup": phone.hang_up,
            "recording": phone.record,
        }
        if action == "transfer":
            form = await _form(request, Transfer)
            call = await phone.transfer(call_id, form.agent)
        elif action in simple:
            call = await simple[action](call_id)
        else:
            raise NotFound(f"{action!r} is not answer, transfer, hangup or recording")
        return _json({"call": call})

    async def start_busy(self, request: Request) -> Response:
        form = await _form(request, NewBusy)
        _within("rate", form.rate, HIGHEST_RATE)
        _within("seconds", form.seconds, LONGEST)
        if self._busy is not None:
            raise Conflict("a busy hour is under way: stop it first")
        plan = Busy(rate=form.rate, seconds=form.seconds)
        self._busy = BusyHour(request.state.phone, plan)
        tasks: asyncio.TaskGroup = request.state.tasks
        self._task = tasks.create_task(self._run(self._busy))
        return _json({"busy": plan}, 202)

    async def stop_busy(self, request: Request) -> Response:
        _own_page(request)
        if self._busy is None:
            raise NotFound("no busy hour is under way")
        self._busy.stop()
        return _json({"busy": self._busy.plan}, 202)

    async def _run(self, busy: BusyHour) -> None:
        try:
            await busy.run()
        finally:
            self._busy = None


async def _recording(request: Request) -> Response:
    del request
    return Response(tone(), media_type="audio/wav", headers=_HEADERS)


async def _transcript(request: Request) -> Response:
    name = request.path_params["name"]
    return PlainTextResponse(f"Transcript of {name} (simulated).\n", headers=_HEADERS)


async def _form(request: Request, kind: type[_Form]) -> _Form:
    """Read a JSON body. Raises MalformedInput, which names the place."""
    _own_page(request)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise MalformedInput(f"the body is longer than {MAX_BODY} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise MalformedInput(f"the body is not what is expected here: {error}") from error


def _own_page(request: Request) -> None:
    """Refuse what another site's page sends: it may not make our phones ring."""
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise Forbidden("only the phone system's own page, or a program, may do this")


def _within(name: str, value: float, most: float) -> None:
    if not (math.isfinite(value) and 0 < value <= most):
        detail = f"{name} is above 0 and at most {most}, not {value}"
        raise MalformedInput(detail, [Place(name, "out of range")])


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, _HEADERS, "application/json")


async def _problem(request: Request, error: Exception) -> Response:
    """Answer with a problem (RFC 9457)."""
    del request
    if isinstance(error, HTTPException):
        status, detail = error.status_code, error.detail
    else:
        status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
        detail = str(error)
    body = msgspec.json.encode({"status": status, "title": detail[:1].upper() + detail[1:]})
    return Response(body, status, _HEADERS, "application/problem+json")
