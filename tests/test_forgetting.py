"""Run the worker that forgets what is old: no file keeps what the database has deleted."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from adapter import app, pipeline, settings, workers
from adapter.events import ContactEvent, Decoded, Entry, Stage
from adapter.services import Services
from adapter.store.database import REDO_SUFFIX
from adapter.tenants import DEFAULT
from tests.server import Server, eventually

SECRET = "Wilhelmina Quastenflosser"


def test_what_retention_deletes_is_not_left_in_the_redo_log(tmp_path: Path) -> None:
    Server(tmp_path).make_keys()
    services = app.create_services(settings.load(data_dir=tmp_path, retention_days=1))
    database = services.database
    redo = database.path.with_name(database.path.name + REDO_SUFFIX)
    with closing(database), asyncio.Runner() as runner:
        _report(services, "c-first", "Nobody")  # gives the tenant a number, by a transaction
        _report(services, "c-old", SECRET)
        _report(services, "c-new", "Nobody")  # a tenant's last message is never deleted
        with database.transaction() as cursor:
            cursor.execute("UPDATE journal SET time=1 WHERE subject<>'c-new'")
        assert SECRET.encode() in redo.read_bytes()  # though the database has it
        runner.get_loop().create_task(workers.forget(services))

        def is_wiped() -> bool:
            runner.run(asyncio.sleep(0.01))
            return SECRET.encode() not in redo.read_bytes()

        eventually(is_wiped, "the redo log is wiped")
        rows = database.raw.execute("SELECT subject FROM journal").fetchall()
        assert rows == [("c-new",)]


def _report(services: Services, contact: str, name: str) -> None:
    event = ContactEvent(
        source="urn:test",
        id=f"e-{contact}",
        contact=contact,
        time=datetime.now(UTC),
        stage=Stage.ENDED,
        customer={"name": name},
    )
    decoded = Decoded((Entry(0, (event,)),))
    receipt = services.committer.run_now(
        lambda batch: pipeline.accept(batch, DEFAULT, decoded, datetime.now(UTC))
    )
    assert receipt.accepted == 1
