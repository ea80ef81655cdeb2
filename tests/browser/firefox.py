"""Drive Debian's Firefox by WebDriver BiDi, as much of it as a test of ours needs.

https://w3c.github.io/webdriver-bidi/ : Firefox speaks it by itself, so no driver is needed.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.server import eventually

NAMES = ("firefox-esr", "firefox")
PREFERENCES = {
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "app.update.auto": False,
    "dom.disable_open_during_load": True,  # block windows without a click, as people have it
}
BLOCK_ALL = {"network.cookie.cookieBehavior": 1}
"""Every third-party cookie is refused, partitioned ones too."""


def find() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """One browser with one profile."""

    keeps_cookies = True
    """Whether its frames of other sites keep partitioned cookies."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._id = 0
        self.ask("session.new", capabilities={})

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and give its result; events are not looked at."""
        self._id += 1
        self._socket.send(json.dumps({"id": self._id, "method": method, "params": params}))
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv(timeout=30))
            if answer.get("id") == self._id:
                assert answer["type"] == "success", answer
                result: dict[str, Any] = answer["result"]
                return result

    def contexts(self) -> list[dict[str, Any]]:
        """List windows and their frames, flat."""
        found, todo = [], self.ask("browsingContext.getTree")["contexts"]
        while todo:
            each = todo.pop(0)
            found.append(each)
            todo += each.get("children") or []
        return found

    def context(self, address: str) -> str:
        """Wait for a window or frame whose address begins so; gives its id."""

        def look() -> str | None:
            return next(
                (c["context"] for c in self.contexts() if c["url"].startswith(address)), None
            )

        found: str = eventually(look, f"a page at {address}")
        return found

    def open(self, url: str) -> str:
        """Open a tab; gives its id."""
        context: str = self.ask("browsingContext.create", type="tab")["context"]
        self.ask("browsingContext.navigate", context=context, url=url, wait="complete")
        return context

    def evaluate(self, context: str, expression: str) -> Any:
        """Give what an expression is in a page (a text, a number, a truth or a node)."""
        answer = self.ask(
            "script.evaluate",
            expression=expression,
            target={"context": context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        result = answer["result"]
        return result if result["type"] == "node" else result.get("value")

    def until(self, context: str, expression: str) -> None:
        """Wait until an expression is true in a page."""
        eventually(lambda: self.evaluate(context, expression), expression)

    def click(self, context: str, selector: str) -> None:
        """Click as a hand does, so that the browser sees a user."""
        self.until(context, f"!!document.querySelector({selector!r})?.getClientRects().length")
        node = self.evaluate(context, f"document.querySelector({selector!r})")
        origin = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        actions = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        pointer = {"type": "pointer", "id": "mouse", "actions": actions}
        self.ask("input.performActions", context=context, actions=[pointer])


@contextlib.contextmanager
def running(folder: Path, **preferences: object) -> Iterator[Firefox]:
    """Run the browser with a new profile in `folder`."""
    program = find()
    assert program is not None
    wanted = {**PREFERENCES, **preferences}
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in wanted.items()]
    (folder / "user.js").write_text("\n".join(lines))
    process = subprocess.Popen(
        [program, "--headless", "--no-remote", "--profile", folder, "--remote-debugging-port=0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
    )
    assert process.stderr is not None
    try:
        found = None
        while found is None and (line := process.stderr.readline()):
            found = re.search(r"listening on (ws://\S+)", line)
        assert found is not None, "Firefox did not start"
        with connect(f"{found[1]}/session", proxy=None, max_size=None) as socket:
            yield Firefox(socket)
    finally:
        process.kill()
        process.wait(10)
        process.stderr.close()
