"""Name stages, channels, outcomes and the lines of a story in the language of the page."""

from __future__ import annotations

from adapter.i18n import Texts


def stages(_: Texts) -> dict[str, str]:
    """Name each stage."""
    return {
        "created": _("Created"),
        "offered": _("Ringing"),
        "made": _("Calling"),
        "answered": _("Answered"),
        "transferred": _("Transferred"),
        "ended": _("Ended"),
        "recorded": _("Recorded"),
        "transcribed": _("Transcribed"),
    }


def channels(_: Texts) -> dict[str, str]:
    """Name the channels and directions that platforms have in common."""
    return {
        "voice": _("Call"),
        "chat": _("Chat"),
        "email": _("E-mail"),
        "sms": _("Text message"),
        "task": _("Task"),
        "inbound": _("inbound"),
        "outbound": _("outbound"),
    }


def outcomes(_: Texts) -> dict[str, str]:
    """Name what became of a pop."""
    return {
        "": _("Waiting"),
        "opened": _("Opened"),
        "blocked": _("Blocked by the browser"),
        "failed": _("Failed"),
        "dismissed": _("Dismissed by the agent"),
        "unknown": _("Opened, perhaps"),
        "withdrawn": _("Withdrawn"),
    }


def states(_: Texts) -> dict[str, str]:
    """Name the states of a request to Dynamics."""
    return {
        "waiting": _("Waiting"),
        "done": _("Done"),
        "failed": _("Dead letter"),
        "dismissed": _("Given up"),
    }


def whats(_: Texts) -> dict[str, str]:
    """Name the kinds of lines in a contact's story; others are shown as they are."""
    return {
        "received": _("Received"),
        "stored": _("Stored"),
        "matched": _("Matched"),
        "failed": _("Failed"),
        "pushed": _("Pushed to the panel"),
        "step": _("Step done"),
        "step waits": _("Step waits"),
        "steps off": _("Steps do not run"),
        "step failed": _("Step failed"),
        "step replayed": _("Step tried again"),
        "step dismissed": _("Step given up"),
        "opened": _("Opened"),
        "blocked": _("Blocked by the browser"),
        "dismissed": _("Dismissed by the agent"),
        "unknown": _("Opened, perhaps"),
        "withdrawn": _("Withdrawn"),
        "listened": _("Recording listened to"),
        "refused": _("Recording refused"),
        "ignored": _("File not taken"),
    }


def files(_: Texts) -> dict[str, str]:
    """Name the kinds of files that belong to a contact."""
    return {
        "recording": _("Recording"),
        "transcript": _("Transcript"),
        "analysis": _("Analysis"),
    }


def actions(_: Texts) -> dict[str, str]:
    """Name what a request of a step is for."""
    return {
        "send": _("What the step says"),
        "note": _("A note in its place"),
        "open": _("Reopen the row"),
        "close": _("Close the row again"),
        "complete": _("Complete the row"),
        "owner": _("Look up the agent's user"),
    }
