"""Tell the names under which strangers can register, by the bundled Public Suffix List."""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_public_suffix(name: str) -> bool:
    """Tell whether the list (https://publicsuffix.org) has `name`, private section included.

    Names that are not on the list (`localhost`, a company's own `corp`) are none.
    """
    return _bundled().is_public(name, accept_unknown=False)


@cache  # a constant in 60 ms of reading: most processes never need it
def _bundled() -> PublicSuffixList:
    return PublicSuffixList()
