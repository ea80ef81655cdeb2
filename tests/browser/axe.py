"""Let axe-core judge a page: WCAG 2.2 A and AA, and its best practices.

https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md lists what it looks for.
`scripts/setup test` installs it from npm, as `axe_core/package-lock.json` pins it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from playwright.sync_api import Frame, Page

_SCRIPT = Path(__file__).parent / "axe_core/node_modules/axe-core/axe.min.js"

_RUN = """async () => {
  const { violations } = await axe.run(document, { iframes: false, resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map(
    ({ target, failureSummary }) =>
      `${id}: ${target.join(" ")}: ${failureSummary.replace(/\\s+/g, " ")}`,
  ));
}"""


def violations(page: Page | Frame) -> list[str]:
    """Give what axe finds in the document as it stands, one line for each element."""
    page.evaluate(_source())
    found: list[str] = page.evaluate(_RUN)
    return found


def in_themes(page: Page) -> Iterator[str]:
    """Show the page light, then dark; gives the theme."""
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        yield theme


@cache
def _source() -> str:
    if not _SCRIPT.exists():
        raise RuntimeError("axe-core is not installed: run scripts/setup test")
    return _SCRIPT.read_text(encoding="utf-8")
