"""Remember when each key was last used, in memory, until it is written down."""

from __future__ import annotations

from datetime import datetime


class KeyUses:
    """The last use of each key since the last `take`.

    Every request of a source passes here, so noting costs one assignment; the database hears of
    it once a minute (`workers.note_key_uses`).
    """

    def __init__(self) -> None:
        self._latest: dict[str, datetime] = {}

    def note(self, key: str, at: datetime) -> None:
        """Note a use. `key` is a key's id, or `signed/<tenant>` where a signature proved it."""
        self._latest[key] = at

    def latest(self, key: str) -> datetime | None:
        """Give the last use that is not written yet; None where there is none."""
        return self._latest.get(key)

    def take(self) -> dict[str, datetime]:
        """Give what is not written yet, and forget it."""
        taken, self._latest = self._latest, {}
        return taken

    def give_back(self, taken: dict[str, datetime]) -> None:
        """Take back what could not be written; later uses win."""
        self._latest = {**taken, **self._latest}
