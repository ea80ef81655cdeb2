"""A refresh token that was redeemed is never lost: who stops waiting, dies, or finds no room."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapter.connections import AccountDesk, sealing
from adapter.demo.simulated.faults import Fault, Kind
from adapter.demo.simulated.serving import Simulation
from adapter.errors import StoreUnavailable
from adapter.secret_box import SecretBox
from adapter.store import accounts as stored, turns
from adapter.store.accounts import Side
from adapter.store.database import Database
from adapter.tenants import DEFAULT
from tests.dataverse.consenting import press
from tests.server import ROOT

CALLBACK = "https://localhost/v1/dynamics/oauth_callback"

_HOLD = """
import asyncio, pathlib, sys
from adapter.store import turns
async def hold():
    async with turns.turn(pathlib.Path(sys.argv[1]), "t", within=5):
        print("held", flush=True)
        await asyncio.sleep(60)
asyncio.run(hold())
"""


async def consented(desk: AccountDesk, dynamics: Simulation, fields: dict[str, Any]) -> None:
    """Put a delegated account in force."""
    desk.save(DEFAULT, "main", {**fields, "access": "delegated"}, who="test")
    url = await desk.begin_consent(DEFAULT, "main", CALLBACK, browser="mine")
    await desk.finish_consent(press(dynamics, url), browser="mine")
    desk.apply(DEFAULT, "main", who="test")


def kept(database: Database, box: SecretBox, side: Side = "applied") -> str | None:
    account = stored.get(database, DEFAULT, "main")
    return sealing.unseal(box, account, side).refresh_token


def newest(dynamics: Simulation) -> str:
    return list(dynamics.world.directory.refresh_tokens)[-1]


async def test_what_comes_back_is_kept_though_nobody_waits_for_it(
    desk: AccountDesk, database: Database, box: SecretBox, dynamics: Simulation, fields: Any
) -> None:
    await consented(desk, dynamics, fields)
    before = newest(dynamics)
    dynamics.world.faults.plan(Fault(Kind.SLOW_ANSWER, seconds=0.5, where="token"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await desk.test(DEFAULT, "main", "applied")
    assert newest(dynamics) != before, "the directory has taken the old one"
    assert kept(database, box) == newest(dynamics)


async def test_a_busy_database_is_waited_for_within_the_turn(
    desk: AccountDesk, database: Database, box: SecretBox, dynamics: Simulation, fields: Any
) -> None:
    await consented(desk, dynamics, fields)
    before = newest(dynamics)
    database.raw.execute("PRAGMA busy_timeout=0")  # as in a server
    with closing(sqlite3.connect(database.path, check_same_thread=False)) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(1.0, other.execute, ["ROLLBACK"]).start()
        report = await desk.test(DEFAULT, "main", "applied")
    assert report.valid
    assert newest(dynamics) != before
    assert kept(database, box) == newest(dynamics)


async def test_a_desk_that_saved_before_a_renewal_is_told_to_read_again(
    desk: AccountDesk, database: Database, box: SecretBox, dynamics: Simulation, fields: Any
) -> None:
    await consented(desk, dynamics, fields)
    desk.save(DEFAULT, "main", {"impersonate": False}, who="test", merge=True)
    read = stored.get(database, DEFAULT, "main")
    assert (await desk.test(DEFAULT, "main", "applied")).valid
    assert kept(database, box, "draft") == newest(dynamics), "the draft goes on with it"
    assert read.draft is not None
    assert not stored.put_secrets(database, read, "draft", read.draft.secrets)
    desk.apply(DEFAULT, "main", who="test")
    assert kept(database, box) == newest(dynamics)


async def test_a_token_renewed_for_an_older_version_is_kept_for_the_newer(
    desk: AccountDesk, database: Database, box: SecretBox, dynamics: Simulation, fields: Any
) -> None:
    await consented(desk, dynamics, fields)
    older = stored.get(database, DEFAULT, "main")
    desk.save(DEFAULT, "main", {"recording_bucket": "calls"}, who="test", merge=True)
    desk.apply(DEFAULT, "main", who="test")
    async with desk.refresh_tokens.redeeming(older, "applied") as token:
        assert token == kept(database, box)
        desk.refresh_tokens.renewed(older, token, "the next")
    assert kept(database, box) == "the next"


async def test_a_consent_given_meanwhile_is_not_written_over(
    desk: AccountDesk, database: Database, box: SecretBox, dynamics: Simulation, fields: Any
) -> None:
    await consented(desk, dynamics, fields)
    older = stored.get(database, DEFAULT, "main")
    used = kept(database, box)
    url = await desk.begin_consent(DEFAULT, "main", CALLBACK, browser="mine")
    async with desk.refresh_tokens.redeeming(older, "applied"):
        desk.refresh_tokens.renewed(older, used, "the next")
    await desk.finish_consent(press(dynamics, url), browser="mine")
    assert kept(database, box, "draft") == newest(dynamics)
    assert kept(database, box) == "the next"


async def test_a_turn_ends_with_the_process_that_has_it(tmp_path: Path) -> None:
    path = tmp_path / "screenpop.db"
    holder = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs here
        [sys.executable, "-c", _HOLD, str(path)],
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreUnavailable, match="another process has held t"):
            async with turns.turn(path, "t", within=0.2):
                pass
        async with turns.turn(path, "another", within=0.2):
            pass
        began = time.monotonic()
        threading.Timer(0.3, holder.send_signal, [signal.SIGKILL]).start()
        async with turns.turn(path, "t", within=10):
            assert time.monotonic() - began < 5
    assert holder.wait(10) == -signal.SIGKILL
