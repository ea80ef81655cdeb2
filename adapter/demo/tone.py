"""Make a second of ringing tone, so that a recording's link plays."""

from __future__ import annotations

import functools
import io
import math
import wave

RATE = 8000
"""Samples a second, as on a telephone line."""
PITCH = 425
"""Hertz: the ringing tone of most European networks (ITU-T E.180)."""


@functools.cache
def tone() -> bytes:
    """Give a WAV file: mono, 8 bits, one second."""
    samples = bytes(round(128 + 60 * math.sin(2 * math.pi * PITCH * n / RATE)) for n in range(RATE))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(RATE)
        out.writeframes(samples)
    return file.getvalue()
