"""Drive the simulated phone system from the command line, through its own HTTP doors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from adapter.demo.dialing import dialled
from adapter.errors import (
    Conflict,
    Forbidden,
    MalformedInput,
    NotFound,
    ScreenpopError,
    Unavailable,
)

if TYPE_CHECKING:
    import httpx

PHONE_URL = "http://phone.localhost:8000"
PATIENCE = 60.0
"""Seconds that one action may take: the phone system tries an event again for a while."""

ACTIONS = ("answer", "transfer", "hangup", "recording")

_FAILURES: Mapping[int, type[ScreenpopError]] = {
    400: MalformedInput,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
}


async def drive(
    phone_url: str,
    action: str,
    body: Mapping[str, object] | None = None,
    *,
    call: str | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> dict[str, Any]:
    """Ask the phone system at `phone_url` for one action, and give its answer.

    `action` is `ring`, `answer`, `transfer`, `hangup`, `recording` (the last four with `call`),
    `list`, `busy` or `stop`; `body` is as the phone system's API has it.
    Raises the ScreenpopError that the answer's status stands for, with the reason in words.
    """
    import httpx  # noqa: PLC0415  # takes time to import, and `--help` needs none of it

    method, path = _door(action, call)
    url, headers = dialled(phone_url.rstrip("/") + path)
    async with httpx.AsyncClient(transport=transport, timeout=PATIENCE, trust_env=False) as client:
        try:
            response = await client.request(
                method, url, headers=headers, json=dict(body) if body else None
            )
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"no phone system answers at {phone_url}: {reason}") from error
    if "json" not in response.headers.get("content-type", ""):
        raise Unavailable(f"{phone_url} is no simulated phone system: {response.status_code}")
    answer: dict[str, Any] = response.json()
    if response.is_error:
        failure = _FAILURES.get(response.status_code, Unavailable)
        raise failure(str(answer.get("title", response.reason_phrase)))
    return answer


def _door(action: str, call: str | None) -> tuple[str, str]:
    doors = {
        "ring": ("POST", "/calls"),
        "list": ("GET", "/calls"),
        "busy": ("POST", "/busy"),
        "stop": ("DELETE", "/busy"),
    }
    return doors.get(action) or ("POST", f"/calls/{call}/{action}")


async def play(
    phone_url: str,
    call: Mapping[str, object],
    *,
    answer_after: float | None,
    transfer_to: str | None,
    hangup_after: float | None,
    recording: bool,
    transport: httpx.AsyncBaseTransport | None = None,
) -> dict[str, Any]:
    """Play one call from its first ring as far as asked; waits are seconds. Gives the call."""
    made = await drive(phone_url, "ring", call, transport=transport)
    call_id = made["call"]["id"]
    if answer_after is not None:
        await asyncio.sleep(answer_after)
        made = await drive(phone_url, "answer", call=call_id, transport=transport)
    if transfer_to is not None:
        made = await drive(
            phone_url, "transfer", {"agent": transfer_to}, call=call_id, transport=transport
        )
        if answer_after is not None:
            await asyncio.sleep(answer_after)
            made = await drive(phone_url, "answer", call=call_id, transport=transport)
    if hangup_after is not None:
        await asyncio.sleep(hangup_after)
        made = await drive(phone_url, "hangup", call=call_id, transport=transport)
        if recording:
            made = await drive(phone_url, "recording", call=call_id, transport=transport)
    result: dict[str, Any] = made["call"]
    return result


_Url = Annotated[str, typer.Option(help="Address of the simulated phone system.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


def call(
    *,
    agent: Annotated[str, typer.Option(help="Agent whom the call is for.")],
    caller: Annotated[
        str, typer.Option("--from", help="A number, or the GUID of a sample contact.")
    ],
    channel: Annotated[str, typer.Option(help="voice or chat.")] = "voice",
    direction: Annotated[str, typer.Option(help="inbound or outbound.")] = "inbound",
    answer_after: Annotated[
        float | None, typer.Option(min=0, help="Answer after so many seconds.")
    ] = None,
    transfer_to: Annotated[
        str | None, typer.Option(help="Then pass the call on to this agent.")
    ] = None,
    hangup_after: Annotated[
        float | None, typer.Option(min=0, help="Hang up after so many seconds more.")
    ] = None,
    recording: Annotated[bool, typer.Option(help="Then report a recording.")] = False,
    url: _Url = PHONE_URL,
    json: _Json = False,
) -> None:
    """Make a simulated call ring, and play it as far as asked."""
    body: dict[str, object] = {
        "agent": agent,
        "from": caller,
        "channel": channel,
        "direction": direction,
    }
    playing = play(
        url,
        body,
        answer_after=answer_after,
        transfer_to=transfer_to,
        hangup_after=hangup_after,
        recording=recording,
    )
    result = asyncio.run(playing)
    if json:
        typer.echo(msgspec.json.encode(result))
        return
    who = result["customer"].get("name") or result["customer"]["phone"]
    typer.echo(f"{result['id']}: {who}, {result['state']} at {result['agent']}")


def act(
    *,
    action: Annotated[str, typer.Argument(help="answer, transfer, hangup or recording.")],
    call_id: Annotated[str, typer.Argument(help="The call, as `call` and `calls` print it.")],
    agent: Annotated[str | None, typer.Option(help="To whom `transfer` passes it.")] = None,
    url: _Url = PHONE_URL,
) -> None:
    """Do one thing to a call that is there."""
    if action not in ACTIONS:
        raise MalformedInput(f"{action!r} is no action: use one of {', '.join(ACTIONS)}")
    body = None if agent is None else {"agent": agent}
    result = asyncio.run(drive(url, action, body, call=call_id))["call"]
    typer.echo(f"{result['id']}: {result['state']} at {result['agent']}")


def calls(url: _Url = PHONE_URL, json: _Json = False) -> None:
    """List the simulated calls, newest first."""
    result = asyncio.run(drive(url, "list"))
    if json:
        typer.echo(msgspec.json.encode(result))
        return
    for one in result["calls"]:
        who = one["customer"].get("name") or one["customer"]["phone"]
        typer.echo(f"{one['id']}  {one['state']:<8}{one['agent']:<8}{one['channel']:<6}{who}")


def busy(
    *,
    rate: Annotated[float, typer.Option(min=0.1, help="Events a minute.")] = 60,
    seconds: Annotated[float, typer.Option(min=0.1, help="For how long.")] = 60,
    stop: Annotated[bool, typer.Option("--stop", help="End the one under way.")] = False,
    url: _Url = PHONE_URL,
) -> None:
    """Start a busy hour at this rate (or stop it); it goes on without this command."""
    doing = drive(url, "stop") if stop else drive(url, "busy", {"rate": rate, "seconds": seconds})
    plan = asyncio.run(doing)["busy"]
    what = "stopping" if stop else f"{plan['rate']:g} events a minute for {plan['seconds']:g} s"
    typer.echo(f"busy hour: {what}")


def simulate_commands() -> typer.Typer:
    """Make the sub-commands of `screenpop simulate` that drive the simulated phone system."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Simulated calls on a running `screenpop demo`, and a simulated Dynamics.",
    )
    for command in (call, act, calls, busy):
        group.command()(command)
    return group
