"""Read what a command's argument names: a file, or standard input for `-`."""

from __future__ import annotations

import sys
from pathlib import Path

from adapter.errors import MalformedInput

STDIN = "-"


def read_bytes(name: str) -> bytes:
    """Read all of it; `MalformedInput` names the file that cannot be read, and why."""
    if name == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise MalformedInput(f"cannot read {name}: {error.strerror or error}") from error


def read_text(name: str) -> str:
    """Decode UTF-8 and leave line ends as they are: which ones count is the parser's business."""
    content = read_bytes(name)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MalformedInput(
            f"{name} is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start} "
            f"(line {line}): {error.reason}"
        ) from error
