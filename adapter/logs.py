"""Set up logging: one line an occurrence, to standard error, without personal data."""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog


class _StandardError:
    """Standard error as it is when a line is written: who redirects it gets what comes after."""

    @staticmethod
    def write(text: str) -> int:
        return sys.stderr.write(text)

    @staticmethod
    def flush() -> None:
        sys.stderr.flush()


def configure(level: str, form: str) -> None:
    """Log in words for a person, or JSON for a machine (`form` is `console` or `json`).

    Phone numbers, names and payloads are never logged: log ids, counts and reasons.
    """
    number = getattr(logging, level.upper())
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        # Plain tracebacks: the pretty ones print local variables, which are other people's data,
        # and cost a tenth of a second of the event loop each.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    tail: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, render]
    structlog.configure(
        processors=[*shared, *(tail if form == "json" else tail[1:])],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_StandardError())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=render)
    )
    logging.basicConfig(level=number, handlers=[handler], force=True)
    # The libraries speak of single requests and sockets; what an operator needs we say ourselves.
    for name in ("httpx", "httpcore", "websockets", "alembic", "asyncio", "msal"):
        logging.getLogger(name).setLevel(logging.WARNING)
