"""Take requests to Dataverse: token, caller, limits and faults before the Web API sees them."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from adapter.demo.simulated.dataverse.messages import Answer, Request, refused
from adapter.demo.simulated.dataverse.refusals import Refusal, no_such_segment
from adapter.demo.simulated.faults import Fault
from adapter.demo.simulated.world import World

API = re.compile(r"/api/data/(v9\.[0-2](?:\.\d+)?)(?:/(.*))?", re.IGNORECASE | re.DOTALL)
_STATUS_TEXTS = {
    429: (
        "0x80072322",
        "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
    ),
    500: ("0x80040216", "An unexpected error occurred."),
    502: ("", "Bad Gateway"),
    503: ("", "Service Unavailable"),
    504: ("", "Gateway Timeout"),
}


@dataclass(frozen=True, slots=True)
class Unauthorized(Exception):
    """A request without a good token; `reason` is said in the challenge."""

    reason: str | None


@dataclass(slots=True)
class Ticket:
    """A request that was let in: whose it is, when it began, and what headers to answer with."""

    claims: Mapping[str, object]
    user: str
    began: float
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The front of one environment's Web API."""

    world: World

    def admit(self, headers: Mapping[str, str]) -> Ticket:
        """Check the token and count the request. Raises Unauthorized, or a 429 Refusal."""
        claims = self._claims(headers.get("authorization", ""))
        user = str(claims.get("oid", ""))
        began = self.world.seconds()
        return Ticket(claims, user, began, self.world.limits.enter(user, began))

    def release(self, ticket: Ticket) -> None:
        """Count the request's end."""
        self.world.limits.leave(ticket.user, ticket.began, self.world.seconds())

    def respond(self, ticket: Ticket, request: Request) -> Answer:
        """Answer a request that was let in."""
        try:
            caller = self.world.security.caller(self.world.database, ticket.claims, request.headers)
            self.world.api.closed_rows_refuse = self.world.behaviour.closed_rows_refuse
            answer = self.world.api.handle(request, caller)
        except Refusal as refusal:
            answer = refused(refusal)
        answer.headers.update(ticket.headers)
        return answer

    def challenge(self, base: str, reason: str | None) -> Answer:
        """Answer 401 with the challenge from which clients discover the directory."""
        resource = self.world.urls[0]
        parts = [f"authorization_uri={base}/{self.world.directory.id}/oauth2/authorize"]
        parts.append(f"resource_id={resource}/")
        if reason is not None:
            parts[:0] = ["error=invalid_token", f"error_description={reason}"]
        body = b"HTTP Error 401 - Unauthorized: Access is denied"
        headers = {"WWW-Authenticate": "Bearer " + ", ".join(parts), "Content-Type": "text/html"}
        return Answer(401, body, headers)

    def _claims(self, authorization: str) -> Mapping[str, object]:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized(None)
        claims = self.world.directory.key.read(token.strip())
        now = self.world.now().timestamp()
        if claims is None or claims.get("tid") != self.world.directory.id:
            raise Unauthorized("Error during token validation!")
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= now:
            raise Unauthorized("The token is expired")
        if not self.world.directory.knows_resource(str(claims.get("aud", ""))):
            raise Unauthorized("The audience is invalid")
        return claims


def request_from(
    match: re.Match[str],
    *,
    method: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    origin: str,
) -> Request:
    """Make the Web API's request of a raw path that matched `API`."""
    return Request(
        method=method,
        path=match[2] or "",
        query=query,
        headers=headers,
        body=body,
        base=f"{origin}/api/data/{match[1]}",
    )


def wrong_version(path: str) -> Answer:
    """Answer a path that begins like the Web API and names no version of it."""
    return refused(no_such_segment(path.strip("/").split("/")[-1]))


def broken(fault: Fault) -> Answer:
    """Answer as a fault of kind `status` says."""
    code, message = _STATUS_TEXTS.get(fault.status, ("", "Error"))
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return refused(Refusal(fault.status, fault.code or code, fault.message or message, headers))


def decorated(answer: Answer) -> Answer:
    """Add the headers that every answer of the Web API has."""
    answer.headers.setdefault("OData-Version", "4.0")
    answer.headers.setdefault("x-ms-service-request-id", str(uuid.uuid4()))
    answer.headers.setdefault("REQ_ID", str(uuid.uuid4()))
    answer.headers.setdefault("Cache-Control", "no-cache")
    return answer


def entry(world: World, where: str, method: str, path: str, query: str) -> dict[str, object]:
    """Begin a line of the request log."""
    line: dict[str, object] = {
        "where": where,
        "method": method,
        "path": path,
        "query": query,
        "at": world.now().isoformat(timespec="milliseconds"),
        "started": time.monotonic(),
    }
    world.log.append(line)
    return line


def loggable(body: bytes) -> object:
    """Give a body for the log: JSON parsed, other text as it is."""
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
