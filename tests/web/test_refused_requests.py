from __future__ import annotations

import gc
from datetime import UTC, datetime
from pathlib import Path

from adapter import app, settings
from adapter.recent_requests import KEPT, KEPT_OF_STRANGERS, RecentRequest
from adapter.web.intake import Answer
from adapter.web.short_ingest import Post
from tests.server import Server


class Heard(Post):
    def answer(self, answer: Answer | None) -> None:
        assert answer is not None
        assert answer.status == 401


def test_a_flood_of_refused_requests_leaves_the_collector_nothing(tmp_path: Path) -> None:
    Server(tmp_path).make_keys()
    services = app.create_services(settings.load(data_dir=tmp_path))
    gc.collect()
    gc.disable()
    try:
        for _ in range(200):
            request = RecentRequest("cloudevents", datetime.now(UTC), [(b"host", b"localhost")])
            Heard(services=services, request=request).take(b"{}")
        alive = sum(isinstance(each, RecentRequest) for each in gc.get_objects())
    finally:
        gc.enable()
        services.database.close()
    assert alive <= KEPT + KEPT_OF_STRANGERS + 1
