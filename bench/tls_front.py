"""Put nginx in front of a server, to end TLS as in a real installation."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench import places


def command(folder: Path, port: int, behind: int) -> list[str]:
    """Give the command that serves https on `port` for what speaks http on `behind`."""
    _make_certificate(folder)
    text = (places.PEERS / "tls_front.conf").read_text()
    for name, value in (("port", port), ("behind", behind), ("folder", folder)):
        text = text.replace(f"{{{name}}}", str(value))
    config = folder / "front.conf"
    config.write_text(text)
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config)]


def _make_certificate(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-keyout", str(folder / "front.key"), "-out", str(folder / "front.crt")),
        ],
        check=True,
        capture_output=True,
    )
