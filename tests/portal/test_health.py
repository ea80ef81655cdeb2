"""Health shows what `doctor` says, how pops went, and what waits; the figures add up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given, strategies as st

from adapter import workers
from adapter.checkups import machine
from adapter.i18n import Texts
from adapter.store.figures import PopFigure
from adapter.web.portal import health_figures
from adapter.web.portal.formats import Formats
from adapter.web.portal.health_sentences import PHRASES
from adapter.web.portal.health_workers import WORKERS
from tests import principals
from tests.portal.visitor import Visitor
from tests.server import PANEL, Server, eventually

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server of their own, since these tests count."""
    made = Server(tmp_path_factory.mktemp("health"))
    made.make_keys()
    made.set_policy()
    with made as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Visitor]:
    with Visitor(server, principals.sign_in_as_admin(server)) as visitor:
        yield visitor


@pytest.mark.parametrize(
    ("language", "count", "written"),
    [
        ("en", 138, "138 bytes"),
        ("en", 1, "1 byte"),
        ("en", 2048, "2 kB"),
        ("ja", 138, "138 バイト"),
    ],
)
def test_sizes_are_written_as_people_write_them(language: str, count: int, written: str) -> None:
    assert Formats(Locale(language), UTC, "UTC").size(count) == written


@pytest.mark.parametrize(
    ("language", "text", "written"),
    [
        ("en_GB", "it says 2026-11-22 02:51:17+00:00", "it says 22 Nov 2026, 03:51:17"),
        ("ja", "時刻は 2026-11-22 02:51:17+00:00 です", "時刻は 2026/11/22 3:51:17 です"),
        ("ja", "期限切れ (2027-05-31)", "期限切れ (2027/05/31)"),
        ("ja", "この `https://x.example` は", "この https://x.example は"),
        ("ja", "id 2027-05-31-7 と 9999-99-99", "id 2027-05-31-7 と 9999-99-99"),
        ("ja", "<b>2027-05-31</b>", "&lt;b&gt;2027/05/31&lt;/b&gt;"),
    ],
)
def test_times_in_a_sentence_are_written_by_locale(language: str, text: str, written: str) -> None:
    formats = Formats(Locale.parse(language), ZoneInfo("Europe/Berlin"), "Europe/Berlin")
    shown = re.sub(r"</?(?:time|code)[^>]*>", "", formats.told(text))
    assert " ".join(shown.split()) == written


def test_the_clock_is_shown_as_every_other_time(admin: Visitor) -> None:
    html = admin.get("/admin/health", accept_language="ja").html
    clock = html[html.index(">時計<") :].partition("</tr>")[0]
    assert re.search(r'<time datetime="[^"]+"[^>]*>\d{4}/\d\d/\d\d \d+:\d\d:\d\d</time>', clock)
    assert "+00:00" not in re.sub("<[^>]*>", "", clock)


def test_the_checks_of_doctor_are_shown_with_the_page_that_mends_them(admin: Visitor) -> None:
    page = admin.get("/admin/health")
    assert "no rules: no page may show the panel" in page
    assert page.links.count("/admin/domains") > 1  # the menu's, and the check's
    assert "screenpop domains set" not in page


def test_pops_are_counted_with_the_time_that_they_took(server: Server, admin: Visitor) -> None:
    assert "No pop in this time." in admin.get("/admin/health")
    panel = server.connect("alice", panel="p-1", protocol=PANEL)
    for contact in ("c-1", "c-2", "c-3"):
        server.answer("alice", contact)
        pop = panel.until("screenpop.pop")["data"]["pop"]
        panel.outcome(pop, "blocked" if contact == "c-3" else "opened", rung="tab")
    eventually(lambda: "Opened 2 66.7%" in admin.get("/admin/health"), "the pops are counted")
    page = admin.get("/admin/health")
    assert "Blocked by the browser 1 33.3%" in page
    assert "record open" in page
    assert "1 agent" not in page
    assert "Panels 1" in page


def test_the_state_of_the_server_is_shown(admin: Visitor) -> None:
    page = admin.get("/admin/health")
    assert "Events waiting to be stored 0" in page
    assert "Obeys what the command line or another process has changed runs" in page
    assert "Kept for 30 days" in page


def test_health_is_said_in_japanese(server: Server) -> None:
    with Visitor(
        server, principals.sign_in_as_admin(server), **{"accept-language": "ja"}
    ) as visitor:
        page = visitor.get("/admin/health")
    assert "ルールがないため、どのページもパネルを表示できません" in page
    assert "no rules" not in page
    for words in ("settings watch", "key uses", "recollect", "1 ingest", "1 admin"):
        assert words not in page, words


def test_each_worker_is_known_by_what_it_does() -> None:
    assert set(WORKERS) == set(workers.WORKERS)


@pytest.mark.parametrize(
    "sentence",
    [
        "12 rules, a header of 400 bytes; may not be meant: line 1, 2",
        "account in use, whatever: more than the 8000 that proxies carry",
        "step 3 does not run: The account has not been applied yet.",
        "steps 2, 3 and 4 do not run: The account has not been applied yet.",
        "1 step",
        "1 step; 2 switched off",
        "https://contoso.crm4.dynamics.com, tested 2026-11-22 02:51:17+00:00",
        "3, the latest: Dynamics refused",
        "75.6 GB free, write-ahead log 0.0 MB",
        "account main",
    ],
)
def test_what_checks_say_is_known_to_the_catalogues(sentence: str) -> None:
    assert PHRASES.recognised(sentence) is not None


def test_what_is_said_of_a_database_with_two_names_is_known_to_the_catalogues(
    tmp_path: Path,
) -> None:
    database = tmp_path / "c.db"
    database.touch(0o600)
    (tmp_path / "another").hardlink_to(database)
    found = machine.check_database_file(database)
    assert "another name" in found.detail
    for sentence in (found.detail, found.do):
        told = PHRASES.tell(Texts("ja"), sentence)
        assert not told.english
        assert told.text != sentence


def figure(ms: int, outcome: str | None = "opened", minutes: int = 0) -> PopFigure:
    made = NOON + timedelta(minutes=minutes)
    return PopFigure(made, outcome, made, made + timedelta(milliseconds=ms))


def test_figures_count_pops_since_a_moment_only() -> None:
    pops = [figure(10), figure(30, minutes=5), figure(20, None, minutes=5)]
    found = health_figures.figures(pops, NOON + timedelta(minutes=1))
    assert found.pops == 2
    assert found.outcomes == (("opened", 1), ("unfinished", 1))
    assert found.opened == health_figures.Percentiles(1, 30, 30, 30)


def test_what_was_not_opened_has_no_time_to_the_open_record() -> None:
    found = health_figures.figures([figure(10, "blocked")], NOON)
    assert found.opened is None
    assert found.decided is not None


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_percentiles_are_measured_values_in_order(values: list[float]) -> None:
    found = health_figures.percentiles(values)
    assert found is not None
    assert found.p50 <= found.p95 <= found.p99 <= max(values)
    assert {found.p50, found.p95, found.p99} <= set(values)
    assert sum(value <= found.p95 for value in values) >= 0.95 * len(values)
