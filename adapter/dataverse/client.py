"""Send requests to one account's environment, obeying its limits, and name what went wrong."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from adapter.accounts import IntegrationAccount
from adapter.dataverse import batches, errors, queries, requests, transport
from adapter.dataverse.answers import DataverseResponse
from adapter.dataverse.errors import (
    DataverseError,
    ForbiddenAddress,
    HostUnknown,
    LostAnswer,
    NotSent,
    Throttled,
    TokenRefused,
    UnexpectedAnswer,
    UserMissing,
)
from adapter.dataverse.limiter import AT_ONCE, Limiter
from adapter.dataverse.requests import DataverseRequest, Priority
from adapter.dataverse.tokens import TokenSource

CONNECT = 5.0
TOTAL = 60.0
"""Seconds that one answer may take (Dataverse itself ends a request after two minutes)."""
PATIENCE = 30.0
"""Seconds that a request waits for its turn before it is handed back as `Throttled`."""
LONGEST_BODY = 64 * 1024 * 1024
WITHOUT_RETRY_AFTER = 5.0
"""Seconds of silence after a 429 that names none."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_UNSAFE = frozenset("\\#\x7f") | frozenset(map(chr, range(33)))


class _Broken(LostAnswer):
    """The connection broke; a read may simply be sent again."""


class DataverseClient:
    """One account's environment. Close it when it is replaced; calls in flight end first."""

    def __init__(
        self,
        account: IntegrationAccount,
        tokens: TokenSource,
        *,
        tls: ssl.SSLContext,
        limiter: Limiter | None = None,
        total: float = TOTAL,
    ) -> None:
        self.account = account
        self.tokens = tokens
        self.limiter = limiter or Limiter()
        self._total = total
        self._base = urlsplit(account.api_url)
        self._trial = asyncio.Lock()
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._http = httpx.AsyncClient(
            verify=tls,
            timeout=httpx.Timeout(total, connect=CONNECT),
            limits=httpx.Limits(
                max_connections=AT_ONCE, max_keepalive_connections=20, keepalive_expiry=30.0
            ),
            follow_redirects=False,
            trust_env=transport.uses_proxy(account.environment_url),
            headers={"User-Agent": transport.USER_AGENT},
        )

    async def send(
        self,
        request: DataverseRequest,
        *,
        priority: Priority = Priority.STEP,
        patience: float = PATIENCE,
    ) -> DataverseResponse:
        """Send one request and give its answer.

        A refused token is renewed once, and nothing that begins meanwhile is sent with it; a read
        whose connection broke is sent once more. After a refusal of the account one request goes
        first, and after a second one nothing is sent for a while. Whatever else may be repeated is
        the caller's to repeat (`error.retriable`, `error.retry_after`).

        Raises:
            DataverseError: with status, code, whether it may have happened, and what to do.
        """
        url = self._url(request)
        with self.held():
            try:
                return await self._in_turn(request, url, priority, patience)
            except TokenRefused:
                return await self._in_turn(request, url, priority, patience)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep `close` waiting over several calls that belong together."""
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def create(
        self,
        table: str,
        values: Mapping[str, Any],
        *,
        caller: str | None = None,
        priority: Priority = Priority.STEP,
    ) -> str | None:
        """Create a record and give its id."""
        request = requests.create(table, values, caller=caller)
        return (await self.send(request, priority=priority)).record_id

    async def read(
        self,
        path: str,
        query: str = "",
        *,
        formatted: bool = False,
        priority: Priority = Priority.STEP,
        patience: float = PATIENCE,
    ) -> dict[str, Any]:
        """Read a record (or whatever is at `path`)."""
        request = requests.read(path, query, formatted=formatted)
        return (await self.send(request, priority=priority, patience=patience)).json()

    async def update(
        self, path: str, values: Mapping[str, Any], *, etag: str | None = None
    ) -> DataverseResponse:
        """Change a record that exists."""
        return await self.send(requests.update(path, values, etag=etag))

    async def upsert(self, path: str, values: Mapping[str, Any]) -> DataverseResponse:
        """Create a record at an id or alternate key, or change it."""
        return await self.send(requests.upsert(path, values))

    async def delete(self, path: str) -> DataverseResponse:
        """Delete a record."""
        return await self.send(requests.delete(path))

    async def rows(
        self,
        table: str,
        query: str = "",
        *,
        page_size: int | None = None,
        formatted: bool = False,
        priority: Priority = Priority.STEP,
    ) -> AsyncIterator[dict[str, Any]]:
        """Give the rows of a query, page after page."""
        request = requests.read(
            queries.entity_set(table), query, page_size=page_size, formatted=formatted
        )
        with self.held():
            while True:
                page = (await self.send(request, priority=priority)).json()
                for row in page.get("value", ()):
                    yield row
                link = page.get("@odata.nextLink")
                if not link:
                    return
                request = self._next(request, str(link))

    async def who_am_i(self) -> dict[str, Any]:
        """Give `UserId`, `BusinessUnitId` and `OrganizationId`."""
        return (await self.send(requests.who_am_i())).json()

    async def batch(
        self,
        wanted: Sequence[DataverseRequest],
        *,
        atomic: bool = False,
        priority: Priority = Priority.STEP,
        patience: float = PATIENCE,
    ) -> list[DataverseResponse | DataverseError]:
        """Send several requests in one round trip; with `atomic` all take effect or none."""
        for each in wanted:
            self._url(each)
        request = batches.encode(
            wanted, base_path=self._base.path, boundary=secrets.token_hex(16), atomic=atomic
        )
        answer = await self.send(request, priority=priority, patience=patience)
        return batches.decode(answer, len(wanted))

    async def read_together(
        self,
        wanted: Sequence[tuple[str, str]],
        *,
        priority: Priority = Priority.STEP,
        patience: float = PATIENCE,
    ) -> list[dict[str, Any]]:
        """Read what is at several paths, each with its query, in one round trip.

        Raises:
            DataverseError: the first of what could not be read.
        """
        reads = [requests.read(path, query) for path, query in wanted]
        try:
            answers = await self.batch(reads, priority=priority, patience=patience)
        except _Broken:
            answers = await self.batch(reads, priority=priority, patience=patience)
        found: list[dict[str, Any]] = []
        for answer in answers:
            if isinstance(answer, DataverseError):
                raise answer
            found.append(answer.json())
        return found

    async def close(self, *, within: float = TOTAL) -> None:
        """Close the connections when the calls in flight have ended, or after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while self._running:  # one may have begun since the last ended
                    await self._idle.wait()
        except TimeoutError:
            pass
        await self._http.aclose()

    async def _in_turn(
        self, request: DataverseRequest, url: httpx.URL, priority: Priority, patience: float
    ) -> DataverseResponse:
        while True:
            await self.tokens.token()  # who has nothing to send with takes no turn
            async with (
                self._one_on_trial(patience) as goes_first,
                self.limiter.turn(priority, patience=patience),
            ):
                token = self.tokens.in_hand
                # Refused or ended while we waited: what is known to be refused is not sent.
                if token is not None and (goes_first or not self.tokens.is_on_trial()):
                    return await self._with_token(request, url, token)

    @asynccontextmanager
    async def _one_on_trial(self, patience: float) -> AsyncIterator[bool]:
        """Let one request go first while the account is on trial; the others hear what it heard.

        Raises:
            Throttled: nobody has heard anything after `patience` seconds.
        """
        if not self.tokens.is_on_trial():
            yield False
            return
        try:
            async with asyncio.timeout(patience):
                await self._trial.acquire()
        except TimeoutError:
            text = f"another request has been trying the account for {patience:.0f} s"
            raise Throttled(text, retry_after=1.0) from None
        try:
            if self.tokens.is_on_trial():
                yield True
                return
        finally:
            self._trial.release()
        yield False

    async def _with_token(
        self, request: DataverseRequest, url: httpx.URL, token: str
    ) -> DataverseResponse:
        made = self._http.build_request(
            request.method,
            url,
            headers={**requests.headers(request), "Authorization": f"Bearer {token}"},
            content=request.body,
        )
        try:
            answer = await self._exchange(made)
        except _Broken:
            if request.method != "GET":
                raise
            answer = await self._exchange(made)  # a kept connection had gone stale
        if _is_success(answer):
            _require_dataverse(answer)
            self.tokens.accepted(token)
            return answer
        error = errors.of_answer(answer.status, answer.headers, answer.body)
        if isinstance(error, TokenRefused | UserMissing):
            # Before the turn ends: whoever has the next one must know. Where a request names a
            # caller, it may be that one who is missing, which says nothing of the account.
            if request.caller is None or isinstance(error, TokenRefused):
                self.tokens.refused(token, error)
            raise error
        self.tokens.accepted(token)
        if isinstance(error, Throttled):
            error.retry_after = error.retry_after or WITHOUT_RETRY_AFTER
            self.limiter.silence(error.retry_after)
        raise error

    async def _exchange(self, made: httpx.Request) -> DataverseResponse:
        host = self._base.netloc
        perhaps = "" if made.method == "GET" else "; it may have done the work"
        if self._http.is_closed:
            # Whoever took this client before the account changed asks for the new one next time.
            raise NotSent("the account's settings were replaced meanwhile")
        try:
            async with asyncio.timeout(self._total):
                response = await self._http.send(made, stream=True)
                try:
                    body = await _body(response)
                finally:
                    await response.aclose()
        except _NOT_SENT as error:
            kind = HostUnknown if transport.is_unknown_host(error) else NotSent
            raise kind(transport.explain(error, host)) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise LostAnswer(f"{host} did not answer in time{perhaps}") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _Broken(f"{host} broke the connection{perhaps}") from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return DataverseResponse(status=response.status_code, headers=headers, body=body)

    def _url(self, request: DataverseRequest) -> httpx.URL:
        """Give the address of a request, which cannot leave the account's Web API."""
        target = request.target
        if _UNSAFE.intersection(target) or "//" in f"/{request.path}" or not request.path:
            raise ForbiddenAddress(f"{request.path!r} is no address below {self.account.api_url}")
        try:
            url = httpx.URL(f"{self.account.api_url}/{target}")
        except httpx.InvalidURL as error:
            raise ForbiddenAddress(f"{request.path!r}: {error}") from error
        prefix = f"{self._base.path}/".encode()
        same = transport.origin(str(url)) == transport.origin(self.account.api_url)
        climbs = any(unquote(part) in {".", ".."} for part in request.path.split("/"))
        if not same or not url.raw_path.startswith(prefix) or climbs:
            raise ForbiddenAddress(f"{request.path!r} is not below {self.account.api_url}")
        return url

    def _next(self, request: DataverseRequest, link: str) -> DataverseRequest:
        """Follow a paging link verbatim, with the same preferences, and to nowhere else."""
        prefix = f"{self.account.api_url}/"
        if not link.lower().startswith(prefix.lower()):
            raise ForbiddenAddress("a paging link leads outside of the account's Web API")
        path, _, query = link[len(prefix) :].partition("?")
        return DataverseRequest(method="GET", path=path, query=query, headers=request.headers)


async def _body(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > LONGEST_BODY:
            raise UnexpectedAnswer(f"an answer has more than {LONGEST_BODY} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _require_dataverse(answer: DataverseResponse) -> None:
    """Refuse a sign-in page or the like that says 200."""
    kind = answer.headers.get("content-type", "").lower()
    if answer.body and not kind.startswith(
        ("application/json", "multipart/mixed", "application/xml")
    ):
        raise UnexpectedAnswer(
            f"HTTP {answer.status} with {kind or 'no content type'}: this is no Dataverse Web API",
            status=answer.status,
        )


def _is_success(answer: DataverseResponse) -> bool:
    """Whether it is one; so is a batch whose parts say what failed, though its status is 400."""
    if answer.status == 400:  # noqa: PLR2004
        return answer.headers.get("content-type", "").lower().startswith("multipart/")
    return answer.status == 304 or 200 <= answer.status < 300  # noqa: PLR2004
