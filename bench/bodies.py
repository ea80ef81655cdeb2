"""Write the event that is posted: one CloudEvent of about 700 bytes, the same for every peer.

The load generator fills the braces: `{mark}` tells events apart, and an agent's events walk
through offered, answered, updated and ended before the next contact begins.
"""

from __future__ import annotations

import json

_ATTRIBUTES = {
    "tariff": "comfort plus",
    "caseNumber": "CAS-01234-X5Y6Z7",
    "language": "en-GB",
    "segment": "premium",
    "lastInvoice": "2025-10-31",
    "policy": "H-2207-3391",
    "productLine": "household",
    "ivrPath": "main>claims>water>status",
    "sentiment": "neutral",
    "callbackWanted": "no",
    "waitSeconds": "73",
    "accountId": "8f14e45f-ceea-467f-a0e6-bb4a17e2a5d1",
}

_EVENT = {
    "specversion": "1.0",
    "id": "{run}-{mark}",
    "source": "/bench",
    "type": "screenpop.contact.{stage}",
    "subject": "{contact}",
    "time": "{time}",
    "datacontenttype": "application/json",
    "data": {
        "channel": "voice",
        "direction": "inbound",
        "agent": "{agent}",
        "customer": {"phone": "+15550100123", "name": "Wilhelmina Featherstonehaugh"},
        "queue": "Claims, second level",
        "attributes": _ATTRIBUTES,
    },
}

EVENT = json.dumps(_EVENT, separators=(",", ":"))
