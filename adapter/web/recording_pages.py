"""Build the card for who follows a recording's link without being signed in, or in vain."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from markupsafe import Markup

from adapter.web.framing_pages import STYLE

Case = Literal["sign-in", "not-yours", "gone", "unavailable"]
Way = Literal["panel", "again"]
"""A link on the card: its text and its address, of which an empty one is the page itself."""

_WAYS: Mapping[Case, tuple[Way, ...]] = MappingProxyType(
    {"sign-in": ("panel", "again"), "unavailable": ("again",)}
)

_TEXTS: Mapping[str, Mapping[Case | Way, tuple[str, str]]] = MappingProxyType(
    {
        "en": {
            "sign-in": (
                "Sign in to listen",
                "Sign in to the agent panel in this browser, then follow the link again.",
            ),
            "not-yours": (
                "This recording is not yours",
                "Only an agent who had the contact, or an administrator, may open it.",
            ),
            "gone": (
                "There is no such recording",
                "The link may have been copied in part, or the contact was erased.",
            ),
            "unavailable": (
                "The recording cannot be opened just now",
                "The server cannot reach where recordings are kept. Ask your administrator.",
            ),
            "panel": ("Open the agent panel", "/"),
            "again": ("Try again", ""),
        },
        "ja": {
            "sign-in": (
                "サインインして再生",
                "エージェント パネルにサインインしてから、もう一度リンクを開いてください。",
            ),
            "not-yours": (
                "この録音を開く権限がありません",
                "コンタクトを担当したエージェントまたは管理者だけが開けます。",
            ),
            "gone": (
                "この録音はありません",
                "リンクの一部だけがコピーされたか、コンタクトが消去された可能性があります。",
            ),
            "unavailable": (
                "現在、録音を開けません",
                "録音の保存先に接続できません。管理者に連絡してください。",
            ),
            "panel": ("エージェント パネルを開く", "/"),
            "again": ("再試行", ""),
        },
    }
)
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
)
_PAGE = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{ways}
</main>
</body>
</html>
"""


def card(case: Case, locale: str) -> str:
    """Build the card: static, without script, with nothing of the contact or the link."""
    lang = "ja" if locale.lower().startswith("ja") else "en"
    texts = _TEXTS[lang]
    title, text = texts[case]
    link = Markup('<a href="{1}">{0}</a>')
    page = Markup(_PAGE).format(  # noqa: S704 - ours; what is filled in is escaped
        lang=lang,
        title=title,
        style=Markup(STYLE),  # noqa: S704 - ours, and the policy allows it by its hash alone
        text=text,
        ways=Markup("\n").join(link.format(*texts[way]) for way in _WAYS.get(case, ())),
    )
    return str(page)
