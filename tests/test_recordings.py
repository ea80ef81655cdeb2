"""Where a link leads: signed, elsewhere, or nowhere, with the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, strategies as st

from adapter import recordings, settings
from adapter.errors import NotFound, Unavailable
from adapter.events import AgentSeen, ContactEvent, Decoded, Entry, Fact, Recording, Stage
from adapter.recordings import Access, ForeignBucket, Link
from adapter.s3 import Credentials
from adapter.tenants import Tenant

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SIGNING = Access(Credentials("AKID", "secret"))
LINK = Link(
    token="t" * 22,
    tenant=Tenant("default"),
    contact="c/1 ü",
    kind="recording",
    url="https://calls.s3.eu-central-1.amazonaws.com/connect/a%20b_20210804T17%3A29_UTC.wav",
    redacted=False,
    agents=frozenset({"alice"}),
    created=NOW,
)


def leads(access: Access = SIGNING, *buckets: str, now: datetime = NOW, **changes: str) -> str:
    link = msgspec.structs.replace(LINK, **changes)
    return recordings.destination(link, access, buckets, now)


def test_each_time_the_address_is_signed_afresh() -> None:
    first = leads()
    assert first.startswith(LINK.url + "?X-Amz-Algorithm=")
    assert "X-Amz-Expires=300&" in first
    year_later = leads(now=NOW + timedelta(days=365))
    assert "X-Amz-Date=20271122T000000Z" in year_later


def test_only_the_buckets_that_accounts_name_are_signed_for() -> None:
    assert leads(SIGNING, "other", "calls") == leads()
    with pytest.raises(ForeignBucket, match="the bucket calls"):
        leads(SIGNING, "other", "call", "calls2")
    assert leads(SIGNING, "other", url="https://pbx.example/1.wav") == "https://pbx.example/1.wav"


def test_without_credentials_the_administrator_is_told_what_to_set() -> None:
    with pytest.raises(Unavailable, match="SCREENPOP_S3_ACCESS_KEY_ID"):
        leads(Access())


def test_a_configured_location_stands_for_the_bucket() -> None:
    access = Access(location="https://files.example/{bucket}/{key}?of={contact}&{bucket}")
    assert leads(access) == (
        "https://files.example/calls/connect/a%20b_20210804T17%3A29_UTC.wav?of=c%2F1%20%C3%BC&calls"
    )
    # Braces of a value are no placeholders.
    assert "%7Bkey%7D" in leads(access, contact="{key}")


@given(st.text())
def test_whatever_a_source_says_a_header_can_carry_it_or_it_is_refused(url: str) -> None:
    for each in (url, f"https://{url}", f"https://pbx.example/{url}"):
        try:
            target = leads(url=each)
        except NotFound:
            continue
        assert target.startswith(("https://", "http://"))
        assert target.isascii()
        assert target.isprintable()
        assert " " not in target


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "https://", "//x/y"])
def test_what_is_no_web_address_leads_nowhere(url: str) -> None:
    with pytest.raises(NotFound):
        leads(url=url)


@pytest.mark.parametrize(
    "template",
    [
        "http://files.example/{key}",
        "files.example/{key}",
        "https://{bucket}.files.example/{key}",
        "https://files.example/{name}",
        "https://files.example/{key!r}",
        "https://files.example/{",
        "https://files.example/a b",
        "https://files.example/\r\nset-cookie: a",
        "",
    ],
)
def test_a_location_that_cannot_be_is_refused_at_once(template: str) -> None:
    with pytest.raises(ValueError, match=r"braces|https|host"):
        recordings.check_location(template)


def test_tokens_are_long_and_differ_and_fit_into_a_link() -> None:
    tokens = {recordings.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(map(recordings.is_token, tokens))
    assert not any(map(recordings.is_token, ("", "t" * 21, "t" * 23, "t" * 21 + "/", "ü" * 22)))
    assert recordings.address("https://screenpop.example", "t") == "https://screenpop.example/r/t"


def test_the_settings_say_how_files_are_reached_and_under_which_address_links_are() -> None:
    given = settings.load(s3_access_key_id="AKID", s3_secret_access_key="s", s3_session_token="t")
    assert given.recording_access == Access(Credentials("AKID", "s", "t"))
    assert settings.load().recording_access == Access()
    assert settings.load(port=8001).origin_of("x") == "http://127.0.0.1:8001"
    assert settings.load(public_url="https://a.example:1").origin_of("x") == "https://a.example:1"
    assert settings.load(environment_domain="b.example").origin_of("x") == "https://x.b.example"
    here = settings.load(environment_domain="dev.localhost", port=8001)
    assert here.origin_of("x") == "http://x.dev.localhost:8001"
    both = settings.load(public_url="https://b.example:1", environment_domain="b.example")
    assert both.origin_of("x") == "https://x.b.example:1"


def created(bucket: str, contact: str = "c-1", source: str = "aws.s3/123456789012") -> Fact:
    url = f"https://{bucket}.s3.eu-central-1.amazonaws.com/{contact}.wav"
    return ContactEvent(
        source=source,
        id=f"{bucket}-{contact}",
        contact=contact,
        time=NOW,
        stage=Stage.RECORDED,
        recording=Recording("recording", url),
    )


RINGING = ContactEvent(source="urn:pbx", id="1", contact="c-1", time=NOW, stage=Stage.OFFERED)
SEEN = AgentSeen(source="aws.connect", id="2", source_id="arn", agent="alice")


def test_files_of_foreign_buckets_are_taken_out_and_count_as_ignored() -> None:
    decoded = Decoded(
        (
            Entry(0, (created("calls"),)),
            Entry(1, (created("holiday-photos", "c-2"),)),
            Entry(2, (RINGING,)),
            Entry(3, (created("holiday-photos", "c-3"), SEEN)),
        ),
        ignored=2,
    )
    sifted, strays = recordings.sift(decoded, {"calls"})
    assert sifted.entries == (decoded.entries[0], decoded.entries[2], Entry(3, (SEEN,)))
    assert sifted.ignored == 3
    assert [each.contact for each in strays] == ["c-2", "c-3"]
    assert str(strays[0]) == (
        "recording in the bucket holiday-photos, which no integration account names"
    )


def test_any_bucket_will_do_while_no_account_names_one() -> None:
    decoded = Decoded((Entry(0, (created("anything"),)),))
    assert recordings.sift(decoded, frozenset()) == (decoded, ())


def test_what_a_platform_says_of_its_contact_is_taken_wherever_the_file_lies() -> None:
    decoded = Decoded((Entry(0, (created("elsewhere", source="aws.connect/1"),)),))
    assert recordings.sift(decoded, {"calls"}) == (decoded, ())


@given(
    st.lists(st.lists(st.sampled_from(["calls", "other", "", "pbx"]), max_size=3), max_size=6),
    st.sets(st.sampled_from(["calls", "other"])),
)
def test_nothing_but_foreign_files_is_lost(batches: list[list[str]], buckets: set[str]) -> None:
    facts = {"calls": created("calls"), "other": created("other"), "": RINGING, "pbx": SEEN}
    decoded = Decoded(
        tuple(Entry(n, tuple(facts[name] for name in names)) for n, names in enumerate(batches))
    )
    sifted, strays = recordings.sift(decoded, buckets)
    kept = [fact for entry in sifted.entries for fact in entry.facts]
    lost = [
        fact
        for entry in decoded.entries
        for fact in entry.facts
        if isinstance(fact, ContactEvent)
        and fact.recording is not None
        and buckets
        and fact.id.partition("-")[0] not in buckets
    ]
    assert len(strays) == len(lost)
    assert [f for entry in decoded.entries for f in entry.facts if f not in lost] == kept
    if not strays:
        assert sifted is decoded
    else:
        assert sifted.ignored + len(sifted.entries) == len(decoded.entries)
