"""The reference pages of pops say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from adapter import main_aspx, pops
from adapter.errors import InvalidSettings

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def blocks(page: str, language: str) -> list[str]:
    text = (REFERENCE / page).read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)\n```$", text, re.DOTALL | re.MULTILINE)
    return [block for named, block in fenced if named == language]


@pytest.mark.parametrize("url", blocks("screen-pop-urls.md", ""))
def test_every_url_on_the_page_is_the_one_that_is_written(url: str) -> None:
    assert main_aspx.parse(url).url() == url


def test_the_policy_on_the_page_is_one_and_its_settings_are_all_in_the_table() -> None:
    example, request = blocks("pop-policy.md", "json")
    policy = pops.parse_policy(example)
    assert json.loads(pops.dump(policy)) == json.loads(example)
    asked = pops.parse_pop_request(
        request, allowed=["https://contoso.crm4.dynamics.com"], policy=policy
    )
    assert asked.record_id
    table = set(re.findall(r"^\| `(\w+)` \|", page_text(), re.MULTILINE))
    assert table >= set(pops.PopPolicy.__dataclass_fields__)


def test_the_faults_on_the_page_are_the_ones_that_are_reported() -> None:
    (faults,) = (block for block in blocks("pop-policy.md", "") if block.startswith("/"))
    example = json.loads(blocks("pop-policy.md", "json")[0])
    wrong = example | {"stages": ["answered", "ended"], "table": "contacts"}
    with pytest.raises(InvalidSettings) as refused:
        pops.parse_policy(json.dumps(wrong))
    reported = {f"{place.at}: {place.detail}" for place in refused.value.places}
    assert reported == set(faults.splitlines())


def page_text() -> str:
    return (REFERENCE / "pop-policy.md").read_text(encoding="utf-8")
