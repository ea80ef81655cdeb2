"""The panel speaks the agent's language, else the tenant's, else the browser's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from adapter import i18n, preferences
from adapter.preferences import Preferences
from adapter.store import settings
from adapter.tenants import DEFAULT
from adapter.web import languages
from tests.server import Server, eventually


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("languages")) as running:
        yield running


def spoken(server: Server, wishes: str = "en", query: str = "", cookie: str = "") -> str:
    head = {"accept-language": wishes}
    if cookie:
        head["cookie"] = f"{languages.COOKIE}={cookie}"
    answer = server.request("GET", f"/{query}", headers=head)
    found = re.search(r'<html lang="(\w+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


def test_the_agents_choice_counts_before_the_browsers_wish(server: Server) -> None:
    assert spoken(server, "en") == "en"
    assert spoken(server, "ja") == "ja"
    assert spoken(server, "ja", cookie="en") == "en"
    assert spoken(server, "ja", query="?lang=en") == "en"
    assert spoken(server, "en", query="?lang=en", cookie="ja") == "en"


@pytest.mark.parametrize("nonsense", ["de", "", "JA", "ja%3B%20x=1", "<script>"])
def test_a_choice_that_is_none_counts_for_nothing(server: Server, nonsense: str) -> None:
    answer = server.request("GET", f"/?lang={nonsense}", headers={"accept-language": "ja"})
    assert '<html lang="ja"' in answer.text
    assert "set-cookie" not in answer.headers
    assert spoken(server, "ja", cookie=nonsense.replace("%3B%20", "")) == "ja"


def test_a_choice_is_kept_in_the_panels_own_partition(server: Server) -> None:
    answer = server.request("GET", "/?lang=ja")
    assert answer.headers["set-cookie"].startswith(f"{languages.COOKIE}=ja; Path=/; Max-Age=")
    assert answer.headers["set-cookie"].endswith("; Secure; SameSite=None; Partitioned")
    assert "set-cookie" not in server.request("GET", "/").headers


def test_the_tenants_default_counts_between(server: Server) -> None:
    set_default(server, "ja")
    eventually(lambda: spoken(server, "en") == "ja", "the tenant's language")
    assert spoken(server, "en", cookie="en") == "en"
    set_default(server, "")
    eventually(lambda: spoken(server, "en") == "en", "the browser's language again")


def set_default(server: Server, locale: str) -> None:
    text = preferences.dump(Preferences(locale=locale))
    with server.office() as office:
        settings.put_setting(
            office.database, DEFAULT, settings.PREFERENCES, text, datetime.now(UTC), who="test"
        )


def test_every_language_is_offered_in_its_own_words() -> None:
    assert languages.NAMES.keys() == set(i18n.LOCALES)
    assert languages.others("en") == [("ja", "日本語")]
