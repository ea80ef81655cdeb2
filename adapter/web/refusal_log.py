"""Log what came that is no HTTP, but not as often as strangers please."""

from __future__ import annotations

from typing import Final

import structlog

from adapter.seldom import Seldom
from adapter.web.unreadable import Refusal

log = structlog.get_logger()

_seldom: Final = Seldom()


def note(refusal: Refusal, peer: str | None) -> None:
    """Log a refusal, or count it for the next line."""
    if (untold := _seldom.due()) is not None:
        log.warning(
            "a connection was refused",
            status=refusal.status,
            detail=refusal.detail,
            peer=peer,
            untold=untold,
        )
