"""Do a command at a running server instead of in the database: `--url` and `--key`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from adapter.errors import InvalidSettings

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="SCREENPOP_URL", help="Ask this server instead of the database."),
]
Key = Annotated[
    str | None,
    typer.Option("--key", envvar="SCREENPOP_KEY", help="A service key of scope admin, for --url."),
]


def ask(
    url: str, key: str | None, method: str, path: str, body: str | dict[str, Any] | None = None
) -> dict[str, Any]:
    """Give what a server answers; `body` is JSON, as text or to be written.

    Raises:
        InvalidSettings: there is no key.
        ScreenpopError: what the server's refusal means.
    """
    from adapter.cli import posting  # noqa: PLC0415 - httpx takes time to import
    from adapter.cli.addresses import door  # noqa: PLC0415

    if key is None:
        raise InvalidSettings("--key: a service key of scope admin is needed with --url")
    text = msgspec.json.encode(body).decode() if isinstance(body, dict) else body
    return posting.ask(door(url, path), key, method, text)
