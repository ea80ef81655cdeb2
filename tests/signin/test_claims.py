"""Decide who somebody is by a token's claims, and nobody by a wrong one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from adapter.identity import claims, tokens
from adapter.identity.claims import BadClaim
from adapter.identity.providers import SignInSettings

NOW = 1_800_000_000.0
TID = "11111111-aaaa-4bbb-8ccc-000000000001"
ISSUER = f"https://login.microsoftonline.com/{TID}/v2.0"
GOOD: dict[str, Any] = {
    "aud": "client",
    "iss": ISSUER,
    "exp": NOW + 3600,
    "nbf": NOW - 10,
    "iat": NOW - 10,
    "nonce": "n-1",
    "tid": TID,
    "oid": "o-1",
    "sub": "s-1",
    "name": "Alice",
    "preferred_username": "alice@contoso.example",
    "email": "ceo@contoso.example",
}
ENTRA = SignInSettings(
    provider="entra",
    issuer=ISSUER,
    client_id="client",
    roles={"agent": ("App.Agent",), "admin": ("group-1",)},
)
OTHER = SignInSettings(provider="oidc", issuer="https://id.example", client_id="client")


def check(told: dict[str, Any], *, issuer: str = ISSUER) -> None:
    claims.check(told, client_id="client", issuer=issuer, now=NOW, directories=(TID.upper(),))


def test_a_good_token_is_good() -> None:
    check(GOOD)
    check(GOOD, issuer="https://login.microsoftonline.com/{tenantid}/v2.0")
    claims.check_nonce(GOOD, "n-1")


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("aud", None),
        ("aud", "other"),
        ("aud", []),
        ("aud", ["client", "other"]),
        ("azp", "other"),
        ("azp", ""),
        ("iss", None),
        ("iss", ISSUER + "/"),
        ("iss", ISSUER.replace(TID, "common")),
        ("exp", None),
        ("exp", NOW - claims.SKEW),
        ("exp", str(NOW + 3600)),
        ("exp", True),
        ("exp", float("inf")),
        ("exp", float("nan")),
        ("iat", None),
        ("nbf", NOW + claims.SKEW + 1),
        ("nbf", "soon"),
        ("iat", NOW + claims.SKEW + 1),
        ("tid", None),
        ("tid", "22222222-aaaa-4bbb-8ccc-000000000002"),
        ("tid", [TID]),
    ],
    ids=str,
)
def test_one_wrong_claim_is_enough(claim: str, value: object) -> None:
    with pytest.raises(BadClaim):
        check({**GOOD, claim: value})


@pytest.mark.parametrize(
    ("claim", "value", "told"),
    [
        ("exp", None, "it does not say when it ends"),
        ("exp", NOW - claims.SKEW, "it has expired"),
        ("nbf", "soon", "it does not say from when on it is valid"),
        ("nbf", NOW + claims.SKEW + 1, "it is not valid yet"),
        ("iat", [], "it does not say when it was issued"),
        ("iat", NOW + claims.SKEW + 1, "it was issued in the future: compare the clocks"),
    ],
)
def test_a_time_that_is_missing_is_no_time_that_is_over(
    claim: str, value: object, told: str
) -> None:
    with pytest.raises(BadClaim, match=told):
        check({**GOOD, claim: value})


@pytest.mark.parametrize("claim", ["aud", "iss", "exp", "iat", "tid"])
def test_no_required_claim_may_be_left_out(claim: str) -> None:
    with pytest.raises(BadClaim):
        check({name: value for name, value in GOOD.items() if name != claim})


@pytest.mark.parametrize("nonce", [None, "", "n-2", 1, ["n-1"]])
def test_another_nonce_answers_another_request(nonce: object) -> None:
    with pytest.raises(BadClaim, match="another request"):
        claims.check_nonce({**GOOD, "nonce": nonce}, "n-1")


def test_several_audiences_need_us_as_the_party() -> None:
    check({**GOOD, "aud": ["client", "other"], "azp": "client"})


def test_clocks_may_differ_a_little() -> None:
    check({**GOOD, "exp": NOW - claims.SKEW + 1, "nbf": NOW + claims.SKEW - 1})


def test_a_place_for_the_directory_stands_for_a_real_one_only() -> None:
    placed = "https://login.microsoftonline.com/{tenantid}/v2.0"
    told = {**GOOD, "tid": None, "iss": "https://login.microsoftonline.com//v2.0"}
    with pytest.raises(BadClaim):
        claims.check(told, client_id="client", issuer=placed, now=NOW, directories=None)


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


@given(st.dictionaries(st.sampled_from([*GOOD, "azp", "roles", "groups", "upn"]), junk))
def test_whatever_a_token_says_it_is_refused_or_names_somebody(changes: dict[str, Any]) -> None:
    told = {**GOOD, **changes}
    try:
        check(told)
        claims.check_nonce(told, "n-1")
        found = tokens.read(told, ENTRA)
    except BadClaim:
        return
    assert found.directory == told["tid"]
    assert found.subject == told["oid"]
    assert found.name
    assert told["aud"] in ("client", ["client"]) or told["azp"] == "client"


def test_a_person_of_entra_is_tid_and_oid() -> None:
    found = tokens.read(GOOD, ENTRA)
    assert (found.directory, found.subject) == (TID, "o-1")
    assert (found.name, found.email) == ("Alice", "alice@contoso.example")


def test_a_person_of_another_provider_is_iss_and_sub() -> None:
    found = tokens.read({**GOOD, "iss": "https://id.example"}, OTHER)
    assert (found.directory, found.subject) == ("https://id.example", "s-1")


def test_entras_email_proposes_nobody() -> None:
    """Its owner can type anything into it."""
    assert tokens.read(GOOD, ENTRA).names == ("alice@contoso.example",)


def test_an_email_that_another_provider_does_not_vouch_for_is_not_sure() -> None:
    told = {"iss": "https://id.example", "sub": "s-1", "email": "ceo@contoso.example"}
    loose = tokens.read(told, OTHER)
    assert (loose.names, loose.is_sure) == (("ceo@contoso.example",), False)
    sure = tokens.read({**told, "email_verified": True}, OTHER)
    assert (sure.names, sure.is_sure) == (("ceo@contoso.example",), True)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"roles": ["App.Agent"]}, {"agent"}),
        ({"roles": ["app.agent"], "groups": ["GROUP-1"]}, {"agent", "admin"}),
        ({"roles": "App.Agent"}, {"agent"}),
        ({"roles": ["App.Other"]}, set()),
        ({"roles": {"App.Agent": 1}}, set()),
        ({"wids": ["App.Agent"]}, set()),
        ({}, set()),
    ],
)
def test_roles_come_from_the_claims_that_are_named(
    told: dict[str, Any], expected: set[str]
) -> None:
    assert tokens.read({**GOOD, **told}, ENTRA).roles == expected


@pytest.mark.parametrize("told", [{"hasgroups": True}, {"_claim_names": {"groups": "src1"}}])
def test_groups_that_were_left_out_are_noticed(told: dict[str, Any]) -> None:
    assert tokens.read({**GOOD, **told}, ENTRA).too_many_groups
    assert not tokens.read(GOOD, ENTRA).too_many_groups


@pytest.mark.parametrize(
    "told", [{"acct": 1}, {"idp": "https://sts.windows.net/other/"}, {"upn": "x_y#EXT#@z"}], ids=str
)
def test_a_guests_user_name_settles_nothing(told: dict[str, Any]) -> None:
    assert tokens.read(GOOD, ENTRA).is_sure
    assert not tokens.read({**GOOD, **told}, ENTRA).is_sure


def test_an_agent_is_looked_for_by_the_whole_name_and_the_short_one() -> None:
    names = ("alice@contoso.example", "a.smith@contoso.example")
    assert tokens.proposals(names) == (*names, "alice", "a.smith")
    assert tokens.proposals(("@contoso.example",)) == ("@contoso.example",)
