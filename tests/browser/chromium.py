"""Start Debian's Chromium as people run it: popups blocked, storage partitioned, no free clicks."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, Frame, Page, Playwright

NAMES = ("chromium", "chromium-browser")

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    # The last one of this name counts: it takes the place of Playwright's, which would switch off
    # the partitions of third-party storage. Only upgrades of http:// pages to https stay off.
    "--disable-features="
    + ",".join(
        (
            "HttpsUpgrades",
            "HttpsFirstBalancedModeAutoEnable",
            "MediaRouter",
            "OptimizationHints",
            "NetworkTimeServiceQuerying",
            "PreconnectToSearch",
        )
    ),
)


def find() -> str:
    """Find the browser by its name; the set-up installs it."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise RuntimeError(f"no browser: install {' or '.join(NAMES)} (scripts/setup test does)")
    return found


@contextlib.contextmanager
def running(playwright: Playwright, resolver_rules: str) -> Iterator[Browser]:
    """Run the browser; every host is found where `resolver_rules` says.

    Playwright can be started once in a process: tests take pytest-playwright's own fixture.
    """
    browser = playwright.chromium.launch(
        executable_path=find(),
        args=[*SWITCHES, f"--host-resolver-rules={resolver_rules}"],
        ignore_default_args=["--disable-popup-blocking"],
    )
    yield browser
    browser.close()


def peek(page: Page, expression: str, frame: Frame | None = None) -> object:
    """Evaluate in a page without giving it a user's click, as Playwright's own questions do."""
    session = page.context.new_cdp_session(frame or page)
    answer = session.send(
        "Runtime.evaluate",
        {"expression": expression, "returnByValue": True, "userGesture": False},
    )
    session.detach()
    return answer["result"].get("value")
