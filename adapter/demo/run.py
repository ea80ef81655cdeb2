"""Run the demo: the real server on embedded defaults, with a simulated Dynamics and phone system.

One port, several hosts, told apart by the Host header (`hosts.py`). The simulated phone system
posts to the adapter over real HTTP with a real key; nothing in the adapter knows of it.
"""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import typer

from adapter import app as apps, logs, office, server, settings
from adapter.demo import hosts, samples
from adapter.demo.dynamics import dynamics_app
from adapter.demo.phone import phone_app
from adapter.settings import Settings

INGEST_KEY = ("demo-ingest", "sp_demo-ingest_not-a-secret-everybody-knows-it")
FEED_KEY = ("demo-feed", "sp_demo-feed_not-a-secret-everybody-knows-it")
ADMIN_KEY = ("demo-admin", "sp_demo-admin_not-a-secret-everybody-knows-it")
"""Fixed, so that the README's commands work as they are printed; the demo listens on loopback."""


def run(host: str, port: int) -> None:
    """Serve the demo until a signal.

    Raises:
        PortTaken: another program listens there; says how to take another port.
    """
    with _ending_at_signals(), tempfile.TemporaryDirectory(prefix="screenpop-demo-") as folder:
        chosen = settings.load(
            host=host,
            port=port,
            data_dir=Path(folder),
            database=f"sqlite:///{folder}/screenpop.db",
            allow_loopback=True,
            log_level="warning",
        )
        logs.configure(chosen.log_level, chosen.log_format)
        _prepare(chosen)
        services = apps.create_services(chosen, demo=True)
        adapter = apps.create_app(services)
        local = f"http://127.0.0.1:{port}"
        everything = hosts.Hosts(
            adapter,
            {
                hosts.DYNAMICS: dynamics_app(
                    adapter_url=f"http://{hosts.ADAPTER}:{port}",
                    framed_by=(f"http://{hosts.ADAPTER}:{port}",),
                ),
                hosts.PHONE: phone_app(
                    events_url=f"{local}/v1/events",
                    ingest_key=INGEST_KEY[1],
                    public_url=f"http://{hosts.PHONE}:{port}",
                ),
            },
            named=_names(chosen),
        )
        try:
            server.run(services, everything, chosen, started=lambda _: _greet(chosen, host, port))
        except server.PortTaken as error:
            other = server.next_port(port)
            raise server.PortTaken(
                f"port {port} is taken; try: make demo ARGS='--port {other}' "
                f"(or: screenpop demo --port {other})"
            ) from error


@contextlib.contextmanager
def _ending_at_signals() -> Iterator[None]:
    """End in good order at a signal that comes before the server listens, or after it has ended.

    By its default action it would leave the folder behind.
    """

    def end(_number: int, _frame: object) -> None:
        raise SystemExit(0)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [
        number
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN  # `nohup`
    ]
    before = {number: signal.signal(number, end) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _names(chosen: Settings) -> set[str]:
    """Give the names at which the demo may be asked for besides this machine's own."""
    public = urlsplit(chosen.public_url or "").hostname
    return {name for name in (chosen.host, public) if name}


def _prepare(chosen: Settings) -> None:
    dashboard = f"http://{hosts.DYNAMICS}:{chosen.port}"
    policy = {
        "organisation": dashboard,
        "appid": samples.APP_ID,
        "table": "contact",
        "attribute": "crmContactId",
        "stages": ["answered", "made"],
        "target": "host",
    }
    with office.opened(chosen) as here:
        here.set_domains("default", dashboard + "\n")
        here.set_pop_policy("default", json.dumps(policy))
        for scope, (key_id, secret) in (
            ("ingest", INGEST_KEY),
            ("feed", FEED_KEY),
            ("admin", ADMIN_KEY),
        ):
            here.add_key("default", scope, "demo", key_id, secret)


def _greet(chosen: Settings, host: str, port: int) -> None:
    with office.opened(chosen) as here:
        (link,) = here.first_admin_links()
    first_admin = link(f"http://{hosts.ADAPTER}:{port}")
    typer.echo(
        "\n".join(
            (
                "Screenpop demo. Open both, side by side:",
                "",
                f"  1. the Dynamics dashboard   http://{hosts.DYNAMICS}:{port}/",
                "     sign in as alice in the panel at the right",
                f"  2. the phone system         http://{hosts.PHONE}:{port}/",
                "     ring alice, then answer: the caller's record opens in the dashboard",
                "",
                f"  The panel alone: http://{hosts.ADAPTER}:{port}/",
                f"  first admin: {first_admin}",
                f"  Keys of this demo: ingest {INGEST_KEY[1]}",
                f"                     feed   {FEED_KEY[1]}",
                f"                     admin  {ADMIN_KEY[1]}",
                "  Stop with Ctrl-C; everything it stored goes with it.",
            )
        )
    )
    if host not in ("127.0.0.1", "::1", "localhost"):
        typer.echo("  WARNING: the demo's keys are public, and it listens on every network.")
