from __future__ import annotations

import gc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter import app, settings
from adapter.recent_requests import KEPT, KEPT_OF_STRANGERS, RecentRequest
from adapter.web.intake import Answer
from adapter.web.short_ingest import Post
from tests.server import Server

FLOOD = 200


class Heard(Post, kw_only=True, eq=False):
    told: set[int]

    def answer(self, answer: Answer | None) -> None:
        assert answer is not None
        self.told.add(answer.status)


@pytest.mark.parametrize(
    ("statuses", "is_known", "rate"),
    [({401}, False, 1e6), ({400}, True, 1e6), ({400, 429}, True, 50.0)],
    ids=["from nobody", "no JSON", "too much that is no JSON"],
)
async def test_a_flood_of_refused_requests_leaves_the_collector_nothing(
    tmp_path: Path, statuses: set[int], is_known: bool, rate: float
) -> None:
    server = Server(tmp_path)
    lines = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    if is_known:
        lines.append((b"x-api-key", server.secret("ingest").encode()))
    server.make_keys()
    services = app.create_services(settings.load(data_dir=tmp_path, rate_limit=rate))
    told: set[int] = set()
    gc.collect()
    gc.disable()
    try:
        for _ in range(FLOOD):
            request = RecentRequest("cloudevents", datetime.now(UTC), lines)
            Heard(services=services, request=request, told=told).check(b"{")
        del request
        made = (each for each in gc.get_objects() if isinstance(each, RecentRequest))
        alive = sum(each.headers is lines for each in made)  # other tests keep theirs
    finally:
        gc.enable()
        services.database.close()
    assert told == statuses
    assert alive <= KEPT + KEPT_OF_STRANGERS + 1
