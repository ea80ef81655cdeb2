"""Set our server up as a tenant has it: keys checked, events validated, journal on the disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench import places


def environment(folder: Path, durability: str) -> dict[str, str]:
    """Give the settings; the database lies in `folder`."""
    return {
        "SCREENPOP_DATA_DIR": str(folder),
        "SCREENPOP_DURABILITY": durability,
        "SCREENPOP_LOG_LEVEL": "warning",
        "SCREENPOP_LOG_FORMAT": "json",
        # One key stands for a whole platform here, and its limit is not what is measured.
        "SCREENPOP_RATE_LIMIT": "1000000",
        "PYTHONPATH": str(places.REPOSITORY),
    }


def key(env: Mapping[str, str], scope: str) -> str:
    """Make a service key."""
    secret: str = json.loads(command(env, "keys", "create", "--scope", scope, "--json"))["secret"]
    return secret


def signing_secret(env: Mapping[str, str]) -> str:
    """Make a secret that signs by Standard Webhooks."""
    secret: str = json.loads(command(env, "keys", "create", "--signing", "--json"))["secret"]
    return secret


def set_domains(env: Mapping[str, str], count: int) -> None:
    """Give the tenant that many domain rules."""
    rules = "".join(f"c{number}.example.com\n" for number in range(count))
    command(env, "domains", "set", "-", said=rules)


def command(env: Mapping[str, str], *words: str, said: str = "") -> str:
    """Run one command of ours and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "adapter", *words],
        check=False,
        env={**os.environ, **env},
        cwd=places.REPOSITORY,
        input=said,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"screenpop {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def panels(feed_key: str, ingest_key: str) -> list[str]:
    """Give the generator's options for panels, one an agent."""
    return [
        *("--ws-path", "/v1/feed?agent={agent}&panel={agent}{after}"),
        *_feed(feed_key, "screenpop.v1"),
        *_ingest(ingest_key),
    ]


def wallboards(feed_key: str, ingest_key: str) -> list[str]:
    """Give the generator's options for wallboards, which get every message."""
    return [
        *("--ws-path", "/v1/feed?agent=*", "--wallboard", "1"),
        *_feed(feed_key, "cloudevents.json"),
        *_ingest(ingest_key),
    ]


def _feed(secret: str, protocol: str) -> list[str]:
    return [
        *("--ws-header", f"Authorization: Bearer {secret}"),
        *("--ws-header", f"Sec-WebSocket-Protocol: {protocol}"),
        *("--ready", "snapshot"),
    ]


def _ingest(secret: str) -> list[str]:
    return [
        *("--post-path", "/v1/events", "--all-path", "/v1/events"),
        *("--post-header", f"Authorization: Bearer {secret}"),
        *("--post-header", "Content-Type: application/cloudevents+json"),
    ]
