"""Make keys, read them from headers, compare them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, strategies as st

from adapter import credentials
from adapter.credentials import Key
from adapter.errors import Unauthenticated
from adapter.tenants import Tenant


def test_a_new_key_carries_its_id_and_matches_only_itself() -> None:
    key_id, secret = credentials.new_key()
    key = Key(key_id, Tenant("t"), "ingest", credentials.digest(secret))
    assert credentials.key_id(secret) == key_id
    assert credentials.matches(key, secret)
    assert not credentials.matches(key, secret + "x")
    assert secret.encode() not in key.digest


def test_two_keys_are_never_the_same() -> None:
    assert len({credentials.new_key() for _ in range(100)}) == 100
    assert len({credentials.new_bearer() for _ in range(100)}) == 100


def test_an_underscore_in_the_secret_part_does_not_confuse_the_id() -> None:
    assert credentials.key_id("sp_ab12_x_y_z") == "ab12"


@pytest.mark.parametrize("text", ["", "sp", "sp_", "sp_ab12", "whsec_ab_cd", "x_sp_a_b"])
def test_what_is_no_key_has_no_id(text: str) -> None:
    assert credentials.key_id(text) is None


def test_the_authorization_header_goes_before_the_others() -> None:
    assert credentials.presented("Bearer a", "b", "c") == "a"
    assert credentials.presented(None, "b", "c") == "b"
    assert credentials.presented(None, None, "c") == "c"
    assert credentials.presented("", "", "") is None
    assert credentials.presented(None, None) is None


def test_of_a_basic_credential_the_password_is_the_key() -> None:
    written = base64.b64encode(b"any user:sp_a_b:c").decode()
    assert credentials.presented(f"Basic {written}", None) == "sp_a_b:c"


@pytest.mark.parametrize("written", ["\xff", "\xe9\xe9\xe9=", "YQ=\xff", "a", "/w==", "€"])
def test_a_basic_credential_that_cannot_be_read_is_refused(written: str) -> None:
    with pytest.raises(Unauthenticated):
        credentials.presented(f"Basic {written}", None)


@given(st.one_of(st.text(), st.text().map("Basic {}".format)), st.text())
def test_no_header_does_more_than_be_refused(authorization: str, key: str) -> None:
    try:
        found = credentials.presented(authorization, key)
    except Unauthenticated:
        return
    assert found is None or isinstance(found, str)
    if found is not None:
        assert len(credentials.digest(found)) == 32
        credentials.key_id(found)
