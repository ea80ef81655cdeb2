"""Say what each of the server's workers does (`adapter.workers`), for an admin."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from adapter.i18n import N_

WORKERS: Mapping[str, str] = MappingProxyType(
    {
        "settings watch": N_("Obeys what the command line or another process has changed"),
        "socket sweep": N_("Finds connections to panels that are dead, and ends them"),
        "checkpoint": N_("Moves what was committed from the log into the database"),
        "recollect": N_("Reads at a start which events and contacts are known"),
        "retention": N_("Deletes what is older than it is kept for"),
        "steps": N_("Sends the requests of steps to Dynamics"),
        "tokens": N_("Renews the tokens of accounts before they end"),
        "key uses": N_("Writes down when each key was last used"),
        "secrets": N_("Warns of secrets and certificates that end soon"),
        "sessions": N_("Keeps sessions of open panels, and ends those that are over"),
        "environments": N_("Remembers which tables and columns Dynamics has"),
    }
)
"""A worker's name to what it does."""
