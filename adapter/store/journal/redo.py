"""Keep what was accepted in a file that takes one write, until the database has it.

A commit of SQLite costs ten times what an append does, and the page of a half-filled leaf is
written again for each. So a group that does nothing but append rows to the journal is durable
here first, and many groups go into the database together a moment later
(docs/decisions/0016-redo-log.md). After a crash the rows are read back.

The file holds records: length and CRC-32 of what follows (two little-endian 32-bit numbers), then
the rows as MessagePack. What is torn at its end was acknowledged to nobody.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import msgspec

from adapter.store.journal.rows import Row

_HEAD = struct.Struct("<II")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Row]).decode


class RedoLog:
    """The file beside one database, written by the one process that writes the journal.

    Raises:
        BlockingIOError: another has it open.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        # Customers' names and numbers are in it: nobody else may read it.
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Who takes its rows into the database while its owner lives would make them twice.
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.descriptor)
            raise
        self.rows: list[Row] = []
        """What the database lacks."""
        self._end = 0
        """Where the next record begins."""

    def read(self) -> list[Row]:
        """Give the rows of all whole records."""
        text = memoryview(os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0))
        found: list[Row] = []
        at = 0
        while at + _HEAD.size <= len(text):
            length, checksum = _HEAD.unpack_from(text, at)
            packed = text[at + _HEAD.size : at + _HEAD.size + length]
            if len(packed) < length or zlib.crc32(packed) != checksum:
                break
            found += _unpack(packed)
            at += _HEAD.size + length
        return found

    def append(self, rows: list[Row]) -> None:
        """Keep rows, all or none; raises `OSError` where the disk refuses."""
        packed = _pack(rows)
        record = _HEAD.pack(len(packed), zlib.crc32(packed)) + packed
        refused: OSError | None = None
        try:
            if os.pwrite(self.descriptor, record, self._end) < len(record):
                # The next write would tell why: there is no room.
                refused = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            refused = error
        if refused is not None:
            with suppress(OSError):  # what is left of it is torn, and read by nobody
                os.ftruncate(self.descriptor, self._end)
            raise refused
        self._end += len(record)
        self.rows += rows

    def clear(self) -> None:
        """Forget what the database has by now; raises `OSError`."""
        os.ftruncate(self.descriptor, 0)
        self._end = 0

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)
