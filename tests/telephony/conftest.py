"""Let property tests take their time: a busy machine is no fault of a decoder."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
