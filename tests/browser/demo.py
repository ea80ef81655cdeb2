"""Run `screenpop demo` as a person does, drive its phone system, and sit at its dashboard."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import Any, Self

import httpx
from playwright.sync_api import Frame, Page

from adapter.demo.samples import Row
from tests.browser.panels import is_live
from tests.server import ROOT, eventually


class Demo:
    """The program on a free port, ready when it has said where things are."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.panel = f"http://screenpop.localhost:{self.port}"
        self.dashboard = f"http://contoso.localhost:{self.port}"
        self._phone = {"Host": f"phone.localhost:{self.port}"}
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)
        self._said: list[str] = []

    def __enter__(self) -> Self:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SCREENPOP_")}
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "adapter", "demo", "--port", str(self.port)],
            env={**kept, "PYTHONPATH": str(ROOT)},
            cwd=self._folder.name,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        eventually(self._started, "the demo has started", within=60)
        return self

    def _started(self) -> bool:
        said = "".join(self._said)
        assert self._process.poll() is None, said
        return "Stop with Ctrl-C" in said

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(10)
        self._folder.cleanup()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            self._said.extend(lines)

    def key(self, scope: str) -> str:
        """Give the key that the demo has printed for this scope."""
        found = re.search(rf"\b{scope} +(sp_\S+)", "".join(self._said))
        assert found is not None, self._said
        return found[1]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, path, json=body, headers=self._phone)
        assert answer.is_success, answer.text
        return answer.json()

    def ring(self, agent: str, caller: Row, channel: str = "voice") -> str:
        """Let a sample contact call an agent; gives the call's id, which is the contact's."""
        body = {"agent": agent, "from": caller.id, "channel": channel}
        return str(self._ask("POST", "/calls", body)["call"]["id"])

    def act(self, call: str, action: str, **body: str) -> None:
        """Answer, transfer or hang up a call."""
        self._ask("POST", f"/calls/{call}/{action}", body or None)

    def hang_up_everything(self) -> None:
        """End what a test left."""
        for call in self._ask("GET", "/calls")["calls"]:
            if call["state"] != "ended":
                self.act(call["id"], "hangup")

    def tells(self, call: str, what: str) -> bool:
        """Wait until a contact's story tells this."""
        head = {"Authorization": f"Bearer {self.key('admin')}"}
        return bool(
            eventually(
                lambda: what in self._http.get(f"/v1/contacts/{call}/trace", headers=head).text,
                f"{what!r} of {call}",
            )
        )


class Station:
    """An agent at the dashboard: the page, and the panel within it."""

    def __init__(self, demo: Demo, page: Page, agent: str) -> None:
        self.demo = demo
        self.page = page
        self.agent = agent

    @property
    def panel(self) -> Frame:
        """The panel: a frame in the connector's frame in the dashboard."""
        return next(each for each in self.page.frames if each.url.startswith(self.demo.panel))

    def load(self) -> None:
        """Open the dashboard, and wait for the panel in it."""
        self.page.goto(self.demo.dashboard)
        self.page.frame_locator("#side-pane iframe").frame_locator("iframe").locator(
            "#connection[data-state=signed-out], #connection[data-state=live]"
        ).wait_for()

    def sign_in(self) -> None:
        """Sign in by the form, where the browser does not know the agent already."""
        self.load()
        if self.panel.locator("#connection[data-state=live]").count():
            return
        self.panel.get_by_label("Agent").fill(self.agent)
        self.panel.get_by_role("button", name="Sign in").click()
        is_live(self.panel)
