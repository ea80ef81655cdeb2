"""Check what a server stands on: settings, disk, clock, key file."""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapter import settings as all_settings
from adapter.checkups.findings import Finding, ok, problem, warning
from adapter.settings import Settings
from adapter.store import inspection, locking
from adapter.store.database import Database

FULL = 100 * 1024**2
TIGHT = 1024**3
"""Bytes of free disk below which the journal is about to stop, and below which to look soon."""

LONG_LOG = 256 * 1024**2
"""Bytes of a write-ahead log that nobody checkpoints any more; usual is below 10 MB."""

BUILT = datetime(2025, 1, 1, tzinfo=UTC)
"""No clock that is right says a time before this program was written."""

SKEW = timedelta(seconds=5)


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Look at settings that fit together badly."""
    unknown = all_settings.unknown_variables()
    if unknown:
        yield warning(
            "settings", f"no such setting: {', '.join(unknown)}", "see `screenpop settings`"
        )
    if settings.bus is not None:
        yield problem("settings", "SCREENPOP_BUS is not supported by this version", "unset it")
    if not _is_loopback(settings.host) and not _has_address(settings):
        yield warning(
            "settings",
            f"it listens on {settings.host}, and SCREENPOP_PUBLIC_URL is not set",
            "set it to the address that browsers use, as https://screenpop.example",
        )
    elif not unknown:
        yield ok("settings", f"from {all_settings.config_file() or 'the environment'}")


def check_database_file(path: Path) -> Finding:
    """Look at the database's file: customers' names and numbers are in it."""
    told = f"{path}, {_size(path.stat().st_size)}, up to date, takes writes"
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return warning("database", f"{told}; others can read it", f"chmod 600 {path}*")
    if locking.names(path) > 1:
        what = "it has another name (a hard link), and what opens it by that does not see its logs"
        return warning("database", f"{told}; {what}", "remove that name; copy it by a backup")
    return ok("database", told)


def check_disk(database: Database) -> Finding:
    """Look at the space that is left, and at the log that waits for a checkpoint."""
    free, log = inspection.free_bytes(database.path), inspection.log_bytes(database.path)
    told = f"{_size(free)} free, write-ahead log {_size(log)}"
    if free < FULL:
        return problem("disk", told, "free space now: without it no event can be acknowledged")
    if free < TIGHT:
        return warning("disk", told, "free space, or keep less: SCREENPOP_RETENTION_DAYS")
    if log > LONG_LOG:
        return warning(
            "disk", told, "end programs that hold the database open for long, then restart"
        )
    return ok("disk", told)


def check_clock(database: Database, now: datetime) -> Finding:
    """Compare the clock with the newest event: it must not have gone back."""
    told = now.isoformat(sep=" ", timespec="seconds")
    last = inspection.last_stored(database)
    do = "set the clock (timedatectl): tickets, signatures and sessions depend on it"
    if now < BUILT:
        return problem("clock", f"it says {told}", do)
    if last is not None and last > now + SKEW:
        ahead = last.isoformat(sep=" ", timespec="seconds")
        return problem("clock", f"it says {told}, but an event was stored at {ahead}", do)
    return ok("clock", told)


def check_key_file(settings: Settings) -> Finding:
    """Look at where the key of the stored secrets is kept."""
    path = settings.data_dir / "secret.key"
    if settings.secret_key is not None:
        return ok("secret key", "from SCREENPOP_SECRET_KEY: keep a copy of it")
    if not path.exists():
        return ok("secret key", "none yet: the first secret makes it")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return problem("secret key", f"others can read {path}", f"chmod 600 {path}")
    return warning(
        "secret key",
        f"it is the file {path}",
        "keep a copy elsewhere, or move its text to SCREENPOP_SECRET_KEY",
    )


def _has_address(settings: Settings) -> bool:
    return settings.public_url is not None or settings.environment_domain is not None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GB" if count >= 1024**3 else f"{count / 1024**2:.1f} MB"
