"""The documentation names all that there is, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from adapter import close_codes, i18n, messages, settings
from adapter.cli.main import app
from adapter.demo import run as demo
from adapter.events import Stage
from adapter.metrics import Metrics
from adapter.settings import Settings
from adapter.telephony import cloudevents
from adapter.web import asyncapi, problems
from adapter.web.operations import OPERATIONS
from tests import documents
from tests.conftest import ROOT
from tests.documents import REFERENCE, first_cells, read, rows, section

Commands = dict[tuple[str, ...], Any]


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk(inner, (*path, name))


COMMANDS: Commands = dict(_walk(typer.main.get_command(app), ()))
LEAVES = {path: each for path, each in COMMANDS.items() if not hasattr(each, "commands")}


def options(command: Any) -> set[str]:
    found = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return {name for name in found if name.startswith("-")}


def test_every_setting_has_its_row() -> None:
    expected = [f"{settings.PREFIX}{name.upper()}" for name in Settings.model_fields]
    documented = [each for each in first_cells(read(REFERENCE / "settings.md")) if each.isupper()]
    assert sorted(documented) == sorted([*expected, *settings.OF_CLIENTS, settings.CONFIG])


def test_every_default_of_a_setting_is_the_real_one() -> None:
    told = {row[0].strip("`"): row[1].strip("`") for row in rows(read(REFERENCE / "settings.md"))}
    for name, field in Settings.model_fields.items():
        default, row = field.default, told[f"SCREENPOP_{name.upper()}"]
        if isinstance(default, bool):
            assert row == str(default).lower()
        elif isinstance(default, float):
            assert row == f"{default:g}"
        elif isinstance(default, int | str) and default:
            assert row == str(default)


def test_every_route_has_its_row() -> None:
    documented = {
        tuple(each.split()) for each in first_cells(read(REFERENCE / "http.md")) if " /" in each
    }
    assert documented == set(OPERATIONS) | {("GET", "/static/…")}


def test_every_message_of_the_feed_has_its_row() -> None:
    page = read(REFERENCE / "feed.md")
    events = [each for each in first_cells(page) if re.match(r"screenpop\.(?!v1)", each)]
    assert sorted(events) == sorted(messages.MESSAGE_TYPES)
    below = section(page, "## Control messages (`screenpop.v1`)")
    control = [*asyncapi.CONTROL_FROM_PANEL, *asyncapi.CONTROL_FROM_SERVER]
    assert sorted(first_cells(below)) == sorted(control)
    for word in (*messages.OUTCOMES, *messages.RUNGS):
        assert f"`{word}`" in below


def test_every_member_of_a_pop_has_its_row() -> None:
    table = section(read(REFERENCE / "feed.md"), "### Pops")
    named = {name for row in rows(table) for name in re.findall(r"`(\w+)`", row[0])}
    assert named == set(messages.PopView.__struct_fields__)


def test_the_table_of_close_codes_is_the_servers() -> None:
    told = [tuple(row[:3]) for row in rows(read(REFERENCE / "close-codes.md"))]
    assert told == sorted(
        (str(each.code), each.reason, each.advice) for each in close_codes.CLOSE_CODES
    )


def test_every_problem_type_has_its_row_with_its_status() -> None:
    web = "".join(read(path) for path in (ROOT / "adapter" / "web").glob("*.py"))
    plain = re.findall(r'plain\(\s*(\d{3}),\s*"([a-z-]+)"', web)
    names = {name: str(status) for status, name, _ in problems.STATUS.values()}
    names |= {name: status for status, name in plain}
    names |= {"method-not-allowed": "405", "refused": "other"}
    told = {row[0].strip("`"): row[1] for row in rows(read(REFERENCE / "errors.md"))}
    told = {name: status for name, status in told.items() if re.fullmatch("[a-z-]+", name)}
    assert told == names


def test_every_metric_has_its_row_with_its_labels() -> None:
    described = {
        row[0].strip("`"): (row[1], set(re.findall(r"`(\w+)`", row[2].partition(":")[0])))
        for row in rows(read(REFERENCE / "metrics.md"))
        if row[0].startswith("`screenpop_") and len(row) == 4
    }
    real = {}
    registry = Metrics().registry
    for family in registry.collect():
        collector = registry._names_to_collectors.get(family.name)  # noqa: SLF001 - no public way
        name = family.name + ("_total" if family.type == "counter" else "")
        # Our own tallies have samples from the start; the library's know their labels before.
        labels = family.samples[0].labels if collector is None else collector._labelnames  # type: ignore[attr-defined]  # noqa: SLF001
        real[name] = (family.type, set(labels) - {"le"})  # a histogram's own
    assert described == real


def test_every_command_has_its_section_and_every_option_its_row() -> None:
    page = read(REFERENCE / "command-line.md")
    headings = re.findall(r"^### `screenpop ([^`]+)`$", page, re.MULTILINE)
    documented = {_path(heading): heading for heading in headings}
    assert set(documented) == set(LEAVES)
    for path, heading in documented.items():
        table = section(page, f"### `screenpop {heading}`")
        named = {name for row in rows(table) for name in re.findall(r"`(--[a-z-]+)`", row[0])}
        assert named == options(LEAVES[path]), heading


def _path(heading: str) -> tuple[str, ...]:
    """Give the words of a heading before its arguments."""
    return tuple(word for word in heading.split() if re.fullmatch("[a-z-]+", word))


def test_every_stage_is_in_the_glossary() -> None:
    page = read(documents.DOCS / "glossary.md")
    for stage in Stage:
        assert f"`{stage.value}`" in page


def shown_commands(document: Path) -> Iterator[list[str]]:
    for block in documents.blocks(read(document), "sh"):
        yield from documents.commands(block)


def test_every_command_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    for words in (words for page in documents.pages() for words in shown_commands(page)):
        if words[0] == "make":
            assert words[1] in targets
        for start in (i for i, word in enumerate(words) if word.endswith("screenpop")):
            _check_command(words[start + 1 :])


def _check_command(words: list[str]) -> None:
    path: tuple[str, ...] = ()
    rest = list(words)
    while rest and (*path, rest[0]) in COMMANDS:
        path = (*path, rest.pop(0))
    if not path and rest and not rest[0].startswith("-"):
        return  # not the command: a user or a file of that name
    known = options(COMMANDS[path]) | {"-h", "--help", "--version", "--debug"}
    assert path in LEAVES or not rest, words
    given = {word.partition("=")[0] for word in rest if word.startswith("--")}
    assert given <= known, words


def test_inline_mentions_of_commands_exist() -> None:
    for page in documents.pages():
        for mention in re.findall(
            r"`screenpop ([a-z][^`]*)`", documents.without_blocks(read(page))
        ):
            _check_command([word.rstrip(",.;…") for word in mention.split()])


def test_the_readmes_curl_rings_the_demo() -> None:
    shown = shown_commands(ROOT / "README.md")
    ringing = next(words for words in shown if "http://127.0.0.1:8000/v1/events" in words)
    headers = {
        name.lower(): value.strip()
        for each in (ringing[i + 1] for i, word in enumerate(ringing) if word == "-H")
        for name, _, value in [each.partition(":")]
    }
    assert headers["authorization"] == f"Bearer {demo.INGEST_KEY[1]}"
    body = ringing[ringing.index("-d") + 1]
    decoded = cloudevents.decode(headers, body.encode(), received=datetime.now(UTC))
    (entry,) = decoded.entries
    (fact,) = entry.facts
    assert getattr(fact, "stage", None) is Stage.OFFERED
    assert json.loads(body)["data"]["agent"] == "alice"


def test_every_link_leads_somewhere() -> None:
    for page in documents.pages():
        for target in documents.links(read(page)):
            name, _, anchor = target.partition("#")
            path = (page.parent / name).resolve() if name else page
            assert path.exists(), f"{page.name}: {target}"
            if anchor:
                assert anchor in documents.anchors(read(path)), f"{page.name}: {target}"


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        inside = (target.partition("#")[0] for target in documents.links(read(page)))
        todo.extend((page.parent / each).resolve() for each in inside if each)
    unreached = {path for path in documents.pages() if path not in seen and path.parent != ROOT}
    assert not unreached


GUIDES = (
    *("portal", "sign-in", "connect-dynamics", "set-up-lifecycle-steps", "install-the-connector"),
    *("point-amazon-connect-at-it", "send-cloudevents", "embed-the-panel", "allow-a-dynamics-page"),
)
"""The setup guide, which is there in both languages: the portal's, and what it leads to."""


def _shape(page: Path) -> list[str]:
    """Give what a translation must not lose: headings, lists, tables, code, where links lead."""
    # The pages link to each other, and name headings in their own languages.
    text = re.sub(r"\.ja\.md(?=[#)])", ".md", read(page))
    for guide in GUIDES:
        text = re.sub(rf"\({guide}\.md(?:#[^)]*)?\)", f"({guide}.md)", text)
    lines = re.findall(r"^(#+(?= )|\||-(?= )|\d+\.(?= )|```)", text, re.MULTILINE)
    outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`[^`]+`", outside)
    said = sorted(" ".join(each.split()) for each in spans)
    return [*lines, *said, *sorted(documents.links(text))]


@pytest.mark.parametrize("guide", GUIDES)
def test_the_setup_guide_says_the_same_in_both_languages(guide: str) -> None:
    english, japanese = (ROOT / "docs/how-to" / f"{guide}{end}" for end in (".md", ".ja.md"))
    assert _shape(japanese) == _shape(english)


@pytest.mark.parametrize("guide", GUIDES)
def test_the_japanese_guide_says_where_it_leads_to_english(guide: str) -> None:
    text = read(ROOT / "docs/how-to" / f"{guide}.ja.md").replace("\n", " ")
    told = re.findall(r"\]\(([^)\s]+)\)( \(英語\))?", text)
    assert told
    for target, english in told:
        if re.match(r"[a-z]+:", target) or target == f"{guide}.md":
            continue
        path = target.partition("#")[0]
        assert path.endswith(".ja.md") or english, target
        assert not (path.endswith(".ja.md") and english), target
        assert path.endswith(".ja.md") or path.removesuffix(".md").rpartition("/")[2] not in GUIDES


@pytest.mark.parametrize("guide", ["portal"])  # others name what Entra shows as well
@pytest.mark.parametrize(
    ("end", "language", "named"),
    [(".md", "en", r"\*([^*\n]+)\*"), (".ja.md", "ja", r"\[([^\]\n]+)\](?!\()")],
)
def test_the_setup_guide_names_what_the_portal_shows(
    guide: str, end: str, language: str, named: str
) -> None:
    shown = {
        text
        for catalogue in i18n.catalogs(language).values()
        for message in catalogue
        for text in _words(message.id if language == "en" else message.string)
    }
    text = re.sub(r"\*\*[^*]+\*\*", "", read(ROOT / "docs/how-to" / f"{guide}{end}"))
    names = set(re.findall(named, text.replace("\n", " ")))
    assert names
    assert names <= shown, names - shown


def _words(said: object) -> tuple[str, ...]:
    return tuple(map(str, said)) if isinstance(said, tuple | list) else (str(said or ""),)
