"""Obey what a command line writes, also when the journal cannot be written just then."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter import office, settings
from adapter.errors import Conflict
from adapter.office import Office
from adapter.registry import Changes, Registry
from adapter.secret_box import SecretBox
from adapter.store import settings as stored
from adapter.tenants import DEFAULT
from tests.server import Server, eventually


def test_a_change_that_nothing_need_be_written_for_is_told_whoever_holds_the_lock(
    tmp_path: Path,
) -> None:
    with Server(tmp_path) as server:
        server.report("created", "c")  # the tenant has its number
        feed = server.connect("*")
        feed.until("screenpop.snapshot")
        with closing(sqlite3.connect(server.database, isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout=5000")
            other.execute("BEGIN IMMEDIATE")
            other.execute(
                "INSERT INTO tenant_settings VALUES ('default', 'domains', 'a.test', 1, 0)"
            )
            other.execute("COMMIT")
            other.execute("BEGIN IMMEDIATE")
            assert feed.until("screenpop.settings.changed")["data"] == {"what": ["domains"]}
            other.execute("ROLLBACK")


def test_a_change_during_a_long_lock_is_told_when_the_lock_is_gone(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        feed = server.connect("*")  # first: who comes later is not told of what was before
        feed.until("screenpop.snapshot")
        with server.office() as here:
            here.set_domains("default", "a.test")
        feed.until("screenpop.settings.changed")
        with closing(sqlite3.connect(server.database, isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout=5000")
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE tenant_settings SET value='b.test', version=version+1")
            # What is open at an id goes to the agent behind it: that takes a transaction.
            other.execute(
                "INSERT INTO agent_aliases VALUES ('default', 'ext', 'alice', 'admin', 0)"
            )
            other.execute("COMMIT")
            other.execute("BEGIN IMMEDIATE")
            eventually(lambda: "worker failed" in server.log(), "the change could not be told")
            text = server.request("GET", "/v1/admin/domains", scope="admin").text
            assert text == "b.test"  # in force all the same
            other.execute("ROLLBACK")
        told = feed.until("screenpop.settings.changed")
        assert told["data"] == {"what": ["domains"]}
        assert feed.quiet(0.6)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Office]:
    with office.opened(settings.load(data_dir=tmp_path)) as opened:
        yield opened


def test_what_changed_waits_until_it_is_carried_out(here: Office) -> None:
    registry = Registry(
        here.database, SecretBox([b"k" * 32]), environment_domain=None, allow_loopback=False
    )
    registry.refresh()
    assert registry.pending == Changes()
    key = here.create_key("default", "feed", "x")
    registry.refresh()
    here.set_domains("default", "a.test")
    registry.refresh()
    here.revoke_key(key.id)
    here.alias("default", "alice", "arn:1")
    registry.refresh()
    registry.refresh()
    assert registry.pending == Changes(
        settings=((DEFAULT, "domains"),),
        revoked=frozenset({key.id}),
        aliases=((DEFAULT, "arn:1"),),
    )


def test_a_change_back_to_an_old_version_is_refused(here: Office) -> None:
    here.set_domains("default", "a.test")
    with pytest.raises(Conflict, match="version 1"):
        stored.put_setting(
            here.database,
            DEFAULT,
            "domains",
            "b.test",
            datetime.now(UTC),
            who="x",
            expected_version=0,
        )
    assert here.domains("default") == "a.test"
