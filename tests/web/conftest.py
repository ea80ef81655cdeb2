"""Give the tests of this folder the servers that they share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.short_ways import Ways


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """Give a module servers that know the same keys, one for each way of a POST."""
    made = Ways(tmp_path_factory.mktemp("ways"))
    yield made
    made.stop()
