"""Serve the demo's hosts on a real port, with a small panel in the place of the adapter."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from adapter.demo.dynamics import dynamics_app
from adapter.demo.hosts import ADAPTER, DYNAMICS, PHONE, Hosts
from adapter.demo.phone import phone_app
from tests.demo.receiver import Receiver

PANEL = """<!doctype html><title>Panel</title><input id="notes"><script>
window.heard = [];
addEventListener("message", ({data, source, origin}) => {
  heard.push({...data, origin});
  if (data.type !== "screenpop.connect" || location.search === "?mute") return;
  source.postMessage({type: "screenpop.connected", protocol: 1}, origin);
});
window.ask = (url) => parent.postMessage({type: "screenpop.open", request: "r1", pop: "p1", url,
  record: null}, heard[0].origin);
</script>"""


@contextmanager
def serving(receiver: Receiver) -> Iterator[int]:
    """Serve adapter, Dynamics and phone system; give the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(_hosts(receiver, port), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def _hosts(receiver: Receiver, port: int) -> Hosts:
    async def panel(request: Request) -> HTMLResponse:
        del request
        only = f"frame-ancestors http://{DYNAMICS}:{port}"
        return HTMLResponse(PANEL, headers={"Content-Security-Policy": only})

    adapter = Starlette(routes=[Route("/", panel), Mount("/", receiver.app)])
    home = f"http://{ADAPTER}:{port}"
    phone = phone_app(
        events_url=f"{home}/v1/events",
        ingest_key="sk_demo",
        public_url=f"http://{PHONE}:{port}",
    )
    return Hosts(adapter, {DYNAMICS: dynamics_app(adapter_url=home), PHONE: phone})
