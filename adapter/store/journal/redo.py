"""Keep what was accepted in a file, with one write for each group, until the database has it.

A commit of SQLite costs ten times as much as an append, and writes the page of a half-filled leaf
again each time. So a group that only appends rows to the journal is made durable here first, and
many groups go into the database together a moment later (docs/decisions/0016-redo-log.md). After a
crash the rows are read back.

The file begins with a head: a magic number, how often it was wiped, and the number of the current
cycle. Records follow: length, CRC-32 and cycle, then the rows as MessagePack; all numbers are
little-endian. When the database has all rows, the head gets the number of the next cycle, and new
records overwrite the former ones from the beginning, because that costs the disk a third less than
cutting the file off and letting it grow again. So the first record of another cycle is a leftover,
and marks the end. A record that is torn at the end was acknowledged to nobody.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from adapter.store.journal.backlog import Row

_MAGIC = b"SPR2"
"""The former format began with a length; read as one, this would be more than there is memory
for."""

_FILE_HEAD = struct.Struct("<4sIQ")
_HEAD = struct.Struct("<IIQ")
_CYCLE = struct.Struct("<Q")
_FORMER_HEAD = struct.Struct("<II")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Row]).decode

LONG = 64 << 20
"""Bytes above which the next cycle must begin, even if everything has to wait for it: each group
then needs the database, and takes along what is left of the backlog. So this also bounds the
memory that the backlog takes."""

KEPT_SIZE = 4 << 20
"""Bytes. A file that has grown longer (the database was locked) is cut off with the next cycle."""


class Progress(NamedTuple):
    """How far the process that writes the file has come."""

    cycle: int
    """Changes as soon as the database has all that the file held."""
    wipes: int
    """Changes as soon as no former record is left in it."""
    holds: bool
    """Whether the database may lack something."""


class RedoLog:
    """The file beside one database, written by the one process that writes the journal.

    Raises:
        BlockingIOError: another has it open.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        # It holds customers' names and numbers: nobody else may read it.
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Rows that another process took into the database while the owner lives would be there
            # twice.
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.descriptor)
            raise
        self.is_used = True
        """Whether it holds anything that a restart would read."""
        self._is_ours = False
        """Whether a cycle has begun since it was opened: until then it must not be shortened."""
        self._cycle = secrets.randbits(62)
        self._wipes = secrets.randbits(31)
        self._seed = 0
        """The checksum of the cycle's number, from which a record's checksum continues."""
        self._end = _FILE_HEAD.size
        """Where the next record begins."""

    def read(self) -> list[Row]:
        """Give the rows of all complete records."""
        text = memoryview(os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0))
        if len(text) < _FILE_HEAD.size or text[:4] != _MAGIC:
            return _read_former(text)
        _, _, cycle = _FILE_HEAD.unpack_from(text)
        seed = zlib.crc32(_CYCLE.pack(cycle))
        found: list[Row] = []
        at = _FILE_HEAD.size
        while at + _HEAD.size <= len(text):
            length, checksum, its_cycle = _HEAD.unpack_from(text, at)
            packed = text[at + _HEAD.size : at + _HEAD.size + length]
            if its_cycle != cycle or len(packed) < length or zlib.crc32(packed, seed) != checksum:
                break
            found += _unpack(packed)
            at += _HEAD.size + length
        return found

    @property
    def is_long(self) -> bool:
        """Whether the next cycle is due, even at a price."""
        return self._end > LONG

    def append(self, rows: list[Row]) -> None:
        """Keep all of the rows or none; raises `OSError` if the disk refuses."""
        packed = _pack(rows)
        record = _HEAD.pack(len(packed), zlib.crc32(packed, self._seed), self._cycle) + packed
        refused: OSError | None = None
        try:
            written = os.pwrite(self.descriptor, record, self._end)
            while written < len(record):  # if the system refuses, the next write says why
                written += os.pwrite(self.descriptor, record[written:], self._end + written)
        except OSError as error:
            refused = error
        if refused is not None:
            with suppress(OSError):  # what is left of it is torn, and is never read
                os.ftruncate(self.descriptor, self._end)
            raise refused
        self._end += len(record)
        self.is_used = True

    def begin_cycle(self) -> None:
        """Begin the next cycle, once the database has all rows of this one; raises `OSError`.

        The old bytes stay until they are overwritten; `wipe` removes them.
        """
        if not self._is_ours or self._end > KEPT_SIZE:
            self.wipe()
        else:
            self._write_head()

    def wipe(self) -> None:
        """Begin the next cycle, and leave no byte of the former records; raises `OSError`."""
        self.is_used = True  # until it has a head again, for which a full disk may have no room
        os.ftruncate(self.descriptor, 0)
        self._wipes = (self._wipes + 1) & 0xFFFFFFFF
        self._write_head()

    def _write_head(self) -> None:
        self._cycle += 1
        head = _FILE_HEAD.pack(_MAGIC, self._wipes, self._cycle)
        if os.pwrite(self.descriptor, head, 0) < len(head):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._seed = zlib.crc32(_CYCLE.pack(self._cycle))
        self._end = _FILE_HEAD.size
        self._is_ours = True
        self.is_used = False

    def close(self) -> None:
        """Close the file, and leave it empty if the database has all of it."""
        if self._is_ours and not self.is_used:
            with suppress(OSError):
                os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def _read_former(text: memoryview) -> list[Row]:
    """Read a file of a version without cycles: length and CRC-32 before each record."""
    found: list[Row] = []
    at = 0
    while at + _FORMER_HEAD.size <= len(text):
        length, checksum = _FORMER_HEAD.unpack_from(text, at)
        packed = text[at + _FORMER_HEAD.size : at + _FORMER_HEAD.size + length]
        if not length or len(packed) < length or zlib.crc32(packed) != checksum:
            break  # no record is empty: these are zeros where the disk lost what was written
        found += _unpack(packed)
        at += _FORMER_HEAD.size + length
    return found


def progress(path: Path) -> Progress:
    """Read how far the process that writes the file has come; raises `OSError`."""
    try:
        with path.open("rb", buffering=0) as file:
            text = os.pread(file.fileno(), _FILE_HEAD.size + _HEAD.size, 0)
    except FileNotFoundError:
        text = b""
    if len(text) < _FILE_HEAD.size or text[:4] != _MAGIC:
        return Progress(0, 0, holds=False)
    _, wipes, cycle = _FILE_HEAD.unpack_from(text)
    record = text[_FILE_HEAD.size :]
    holds = len(record) == _HEAD.size and _HEAD.unpack(record)[2] == cycle
    return Progress(cycle, wipes, holds)
