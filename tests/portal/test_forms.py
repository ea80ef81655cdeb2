"""Forms and messages come from our own pages: whatever strangers send is read or refused."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given, strategies as st

from adapter.errors import MalformedInput
from adapter.web.portal import flashes, forms, seals
from tests.portal.visitor import Visitor

LINES = st.text(alphabet="ab \r\n\t&=+%ü\u200b", max_size=30)


@given(st.lists(st.tuples(st.text(max_size=10), LINES), max_size=10))
def test_what_a_browser_sends_is_read_with_lf_line_ends(pairs: list[tuple[str, str]]) -> None:
    # A browser sends CRLF for each end of a line (HTML, 4.10.21.4).
    sent = [(name, value.replace("\r", "").replace("\n", "\r\n")) for name, value in pairs]
    form = forms.parse(urlencode(sent).encode())
    for name, _ in pairs:
        wanted = [value.replace("\r", "") for key, value in pairs if key == name]
        assert list(form.all(name)) == wanted
        assert form.raw(name) == wanted[-1]
        assert form.ticked(name)


@given(st.binary(max_size=60))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        form = forms.parse(body)
    except MalformedInput:
        return
    assert all(isinstance(value, str) for values in form.fields.values() for value in values)


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * 5001)], ids=len)
def test_what_is_no_form_of_ours_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        forms.parse(body)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        (" 12 ", 12),
        ("", None),
        ("-1", None),
        ("1e3", None),
        ("٣", None),
        ("9" * 10, None),
    ],
)
def test_a_number_is_ascii_digits(text: str, number: int | None) -> None:
    assert forms.Form({"n": (text,)}).number("n") == number


@given(st.binary(max_size=50), st.binary(min_size=1, max_size=32))
def test_what_was_sealed_opens_for_its_session_and_purpose_only(
    content: bytes, session: bytes
) -> None:
    sealed = seals.seal(session, "a", content)
    assert seals.unseal(session, "a", sealed) == content
    assert seals.unseal(session, "b", sealed) is None
    assert seals.unseal(session + b"x", "a", sealed) is None


@given(st.text(max_size=60))
def test_no_text_of_a_stranger_opens(value: str) -> None:
    assert seals.unseal(b"session", "a", value) is None


def test_a_message_that_we_did_not_write_is_not_shown(admin: Visitor) -> None:
    forged = '{"kind":"error","text":"Call 555 now"}'
    admin.cookies[flashes.COOKIE] = seals.seal(
        b"another session", "portal message", forged.encode()
    )
    page = admin.get("/admin")
    assert page.status == 200
    assert "Call 555 now" not in page
    admin.cookies.pop(flashes.COOKIE, None)


def test_a_message_is_shown_once(admin: Visitor) -> None:
    page = admin.submit("/admin/settings", {"locale": "", "zone": ""})
    assert "Saved." in page
    assert "Saved." not in admin.get("/admin/settings")
