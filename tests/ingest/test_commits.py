"""Share one commit among the posts that wait, as the metrics show."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.ingest.doors import crowd, metric, read_answer, whole
from tests.server import Server, eventually

POSTS = 60


def test_posts_that_wait_together_are_committed_together(server: Server) -> None:
    requests = [
        whole(server, server.event("created", f"together-{number}")) for number in range(POSTS)
    ]
    locking = closing(sqlite3.connect(server.database, isolation_level=None, timeout=5))
    with crowd(server, POSTS) as connections, locking as other:
        before = metric(server, "screenpop_commits_total")
        other.execute("BEGIN IMMEDIATE")  # for less than a sender is let to wait
        for connection, request in zip(connections, requests, strict=True):
            connection.sendall(request)
        eventually(lambda: metric(server, "screenpop_journal_queue") == POSTS, "all wait")
        other.execute("ROLLBACK")
        assert [read_answer(each).status for each in connections] == [202] * POSTS
        # All in one; the story's lines and the settings watch may add a few of their own.
        assert metric(server, "screenpop_commits_total") - before <= POSTS / 5
