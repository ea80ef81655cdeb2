"""Read how a tenant's people read by default: their language and time zone."""

from __future__ import annotations

import zoneinfo
from datetime import tzinfo

import msgspec

from adapter import i18n
from adapter.errors import InvalidSettings, Place


class Preferences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What pages do for whoever has chosen nothing; an empty text leaves it to the browser."""

    locale: str = ""
    """One of `i18n.LOCALES`."""
    zone: str = ""
    """A time zone by its name in the IANA database (`Europe/Berlin`)."""


def parse(text: str) -> Preferences:
    """Read preferences as JSON.

    Raises:
        InvalidSettings: naming `locale` or `zone` where it is none that is known.
    """
    try:
        read = msgspec.json.decode(text, type=Preferences)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"preferences: {error}") from error
    faults = []
    if read.locale and read.locale not in i18n.LOCALES:
        faults.append(Place("locale", f"use {' or '.join(i18n.LOCALES)}"))
    if read.zone and zone(read.zone) is None:
        faults.append(Place("zone", "this is no time zone of the IANA database"))
    if faults:
        told = "; ".join(f"{each.at}: {each.detail}" for each in faults)
        raise InvalidSettings(f"preferences: {told}", faults)
    return read


def dump(preferences: Preferences) -> str:
    """Write preferences as they are stored."""
    return msgspec.json.encode(preferences).decode()


def zone(name: str) -> tzinfo | None:
    """Give the time zone of that name in the IANA database; None where there is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return None  # OSError: the name of a folder


def zones() -> list[str]:
    """List the names of time zones that a person would choose: places, and UTC."""
    places = {each for each in zoneinfo.available_timezones() if "/" in each}
    return ["UTC", *sorted(each for each in places if not each.startswith(("Etc/", "SystemV/")))]
