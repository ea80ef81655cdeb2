"""Be the browser of an admin who consents: open the window, press a button, come back."""

from __future__ import annotations

import re
from html import unescape

import httpx

from adapter.dataverse import transport
from adapter.demo.simulated.serving import Simulation

_FIELD = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


def press(simulation: Simulation, url: str, decision: str = "accept") -> dict[str, str]:
    """Give what the consent window brings back to the redirect URI (form_post)."""
    with httpx.Client(verify=transport.tls(simulation.ca_file), trust_env=False) as browser:
        asked = browser.get(url)
        assert asked.status_code == 200, asked.text
        answered = browser.post(url, data={**_fields(asked.text), "decision": decision})
        assert answered.status_code == 200, answered.text
        return _fields(answered.text)


def _fields(page: str) -> dict[str, str]:
    return {unescape(name): unescape(value) for name, value in _FIELD.findall(page)}
