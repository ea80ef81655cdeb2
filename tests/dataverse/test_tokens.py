"""Fetch tokens from the simulated Entra: once, ahead of time, and with reasons for a refusal."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from adapter import accounts
from adapter.accounts import AccountSecrets, IntegrationAccount
from adapter.accounts.parsing import Parsed
from adapter.dataverse import entra, id_tokens
from adapter.dataverse.entra import Entra
from adapter.dataverse.errors import TokenRefused
from adapter.dataverse.sign_in import SignInFailed, SignInUnavailable
from adapter.dataverse.tokens import TokenSource
from adapter.demo.simulated.entra.directory import Certificate
from adapter.demo.simulated.faults import Fault, Kind
from adapter.demo.simulated.serving import Simulation
from tests.dataverse.clock import Clock
from tests.dataverse.consenting import press
from tests.test_accounts import certificate

CALLBACK = "https://localhost/v1/dynamics/oauth_callback"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(parsed: Parsed, tls: ssl.SSLContext, clock: Clock) -> TokenSource:
    return TokenSource(Entra(*parsed, tls=tls), account="main", clock=clock)


def fetches(simulation: Simulation) -> int:
    return sum(line["where"] == "token" for line in simulation.world.log)


async def test_one_fetch_serves_any_number_of_waiters(
    dynamics: Simulation, source: TokenSource
) -> None:
    dynamics.world.faults.plan(Fault(Kind.SLOW, where="token", seconds=0.2))
    tokens = await asyncio.gather(*(source.token() for _ in range(50)))
    assert len(set(tokens)) == 1
    assert fetches(dynamics) == 1


async def test_the_event_loop_runs_on_while_a_token_is_fetched(
    dynamics: Simulation, source: TokenSource
) -> None:
    dynamics.world.faults.plan(Fault(Kind.SLOW, where="token", seconds=0.5))
    waiting = asyncio.get_running_loop().create_task(source.token())
    turns = 0
    while not waiting.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10
    assert waiting.result()


async def test_a_token_is_renewed_ahead_of_its_end_and_nobody_waits(
    dynamics: Simulation, source: TokenSource, clock: Clock
) -> None:
    first = await source.token()
    await source.keep_fresh()
    assert fetches(dynamics) == 1
    clock.now += 3599 - 590
    await source.keep_fresh()
    assert fetches(dynamics) == 2
    second = await source.token()
    assert second != first
    assert fetches(dynamics) == 2


async def test_a_failed_renewal_leaves_the_good_token_in_use(
    dynamics: Simulation, source: TokenSource, clock: Clock
) -> None:
    first = await source.token()
    clock.now += 3100
    dynamics.world.faults.plan(Fault(Kind.STATUS, where="token", status=503))
    await source.keep_fresh()
    assert await source.token() == first


async def test_a_token_at_its_end_is_not_sent(
    dynamics: Simulation, source: TokenSource, clock: Clock
) -> None:
    await source.token()
    clock.now += 3599
    await source.token()
    assert fetches(dynamics) == 2


async def test_a_refusal_is_remembered_for_a_while_and_not_for_a_minute(
    dynamics: Simulation, source: TokenSource, clock: Clock
) -> None:
    dynamics.world.expire_secrets(expired=True)
    results = await asyncio.gather(*(source.token() for _ in range(9)), return_exceptions=True)
    assert {getattr(each, "cause", None) for each in results} == {"secret_expired"}
    assert fetches(dynamics) == 1
    dynamics.world.expire_secrets(expired=False)
    clock.now += 1.5
    assert await source.token()


async def test_a_busy_entra_is_asked_again_only_when_it_says(
    dynamics: Simulation, source: TokenSource, clock: Clock
) -> None:
    dynamics.world.faults.plan(Fault(Kind.STATUS, where="token", status=429, retry_after=30))
    with pytest.raises(SignInUnavailable) as caught:
        await source.token()
    assert caught.value.retry_after == 30
    clock.now += 29
    with pytest.raises(SignInUnavailable):
        await source.token()
    assert fetches(dynamics) == 1
    clock.now += 2
    assert await source.token()


async def test_a_token_that_dataverse_refused_is_replaced_once(
    dynamics: Simulation, source: TokenSource
) -> None:
    first = await source.token()

    async def refused() -> str:
        source.refused(first, TokenRefused("expired"))
        return await source.token()

    renewed = await asyncio.gather(*(refused() for _ in range(5)))
    assert len(set(renewed)) == 1
    assert renewed[0] != first
    assert fetches(dynamics) == 2


async def test_a_token_that_is_refused_while_it_is_renewed_is_given_to_nobody(
    dynamics: Simulation, source: TokenSource, clock: Clock
) -> None:
    first = await source.token()
    clock.now += 3599 - 590
    slow = Fault(Kind.SLOW, where="token", seconds=0.3)
    dynamics.world.faults.plan(slow)
    renewing = asyncio.get_running_loop().create_task(source.keep_fresh())
    while not slow.met:  # noqa: ASYNC110 - it runs in a thread
        await asyncio.sleep(0.01)
    assert await source.token() == first
    source.refused(first, TokenRefused("revoked"))
    assert source.in_hand is None
    assert await source.token() != first
    await renewing
    assert fetches(dynamics) == 2


def changed(account: IntegrationAccount, **fields: Any) -> IntegrationAccount:
    return msgspec.structs.replace(account, **fields)


@pytest.mark.parametrize(
    ("changes", "secret", "cause"),
    [
        ({}, "wrong", "secret_wrong"),
        ({}, None, "secret_missing"),
        ({"client_id": "00000000-1111-2222-3333-444444444444"}, "wrong", "unknown_application"),
        ({"scope": "https://other.crm4.dynamics.com/.default"}, "", "wrong_environment"),
    ],
)
def test_each_cause_of_a_refusal_is_told_apart(
    parsed: Parsed, tls: ssl.SSLContext, changes: dict[str, Any], secret: str | None, cause: str
) -> None:
    secrets = parsed.secrets if secret == "" else AccountSecrets(client_secret=secret)
    with pytest.raises(SignInFailed) as caught:
        Entra(changed(parsed.account, **changes), secrets, tls=tls).token()
    assert caught.value.cause == cause
    assert caught.value.advice


def test_a_wrong_directory_is_told_as_such(parsed: Parsed, tls: ssl.SSLContext) -> None:
    origin = parsed.account.environment_url
    account = changed(parsed.account, authority=f"{origin}/00000000-1111-2222-3333-444444444444")
    with pytest.raises(SignInFailed) as caught:
        Entra(account, parsed.secrets, tls=tls).token()
    assert caught.value.cause == "wrong_directory"


def test_a_certificate_that_needs_no_trust_is_told_and_nothing_is_sent(
    parsed: Parsed, dynamics: Simulation
) -> None:
    with pytest.raises(SignInUnavailable, match="SCREENPOP_CA_FILE"):
        Entra(*parsed, tls=ssl.create_default_context()).token()
    assert fetches(dynamics) == 0


@pytest.mark.parametrize("passphrase", [None, b"open sesame"])
def test_a_certificate_signs_in_without_a_secret(
    parsed: Parsed, dynamics: Simulation, tls: ssl.SSLContext, passphrase: bytes | None
) -> None:
    public, private = certificate(passphrase=passphrase)
    fields = {**msgspec.to_builtins(parsed.account), "certificate": public, "private_key": private}
    if passphrase:
        fields["passphrase"] = passphrase.decode()
    account, secrets = accounts.parse(fields, known=parsed.secrets, allow_loopback=True)
    assert not secrets.client_secret
    signer = Entra(account, secrets, tls=tls)
    with pytest.raises(SignInFailed) as caught:
        signer.token()
    assert caught.value.cause == "certificate_unknown"
    dynamics.world.application.certificates.append(Certificate.from_pem(public.encode()))
    assert signer.token().access_token


@pytest.fixture
def delegated(parsed: Parsed, tls: ssl.SSLContext) -> Entra:
    return Entra(changed(parsed.account, access="delegated"), parsed.secrets, tls=tls)


def test_a_consent_gives_a_refresh_token_that_goes_on_working(
    dynamics: Simulation, delegated: Entra
) -> None:
    consent = delegated.begin_consent(CALLBACK)
    assert "code_challenge_method=S256" in consent.url
    assert consent.flow["code_verifier"] not in consent.url
    kept = msgspec.json.decode(msgspec.json.encode(consent.flow))
    grant = delegated.finish_consent(kept, press(dynamics, consent.url))
    assert grant.person is not None
    assert grant.person.tid == dynamics.world.directory.id
    again = delegated.token(grant.refresh_token)
    assert again.access_token != grant.access_token
    assert "user_impersonation" in again.scopes
    dynamics.world.mark_refresh_tokens(expired=True)
    with pytest.raises(SignInFailed) as caught:
        delegated.token(grant.refresh_token)
    assert caught.value.cause == "sign_in_again"


def test_a_declined_or_replayed_or_foreign_answer_is_refused(
    dynamics: Simulation, delegated: Entra
) -> None:
    consent, other = delegated.begin_consent(CALLBACK), delegated.begin_consent(CALLBACK)
    declined = press(dynamics, consent.url, "decline")
    answer = press(dynamics, consent.url)
    for flow, given, cause in (
        (consent.flow, declined, "declined"),
        (other.flow, answer, "id_token"),
        ({**consent.flow, "code_verifier": "x" * 43}, answer, "sign_in_again"),
        (consent.flow, {"state": consent.state}, "id_token"),
    ):
        with pytest.raises(SignInFailed) as caught:
            delegated.finish_consent(flow, given)
        assert caught.value.cause == cause


async def test_a_renewed_refresh_token_is_handed_over_to_be_kept(
    dynamics: Simulation, delegated: Entra
) -> None:
    consent = delegated.begin_consent(CALLBACK)
    grant = delegated.finish_consent(consent.flow, press(dynamics, consent.url))
    kept: list[tuple[str | None, str]] = []
    source = TokenSource(
        delegated,
        account="m",
        refresh_token=grant.refresh_token,
        on_refresh_token=lambda old, new: kept.append((old, new)),
    )
    first = await source.token()
    source.refused(first, TokenRefused("expired"))
    await source.token()
    (of_first, one), (of_second, two) = kept
    assert (of_first, of_second) == (grant.refresh_token, one)
    assert len({grant.refresh_token, one, two}) == 3


def test_nobody_consented_is_told_without_asking(dynamics: Simulation, delegated: Entra) -> None:
    with pytest.raises(SignInFailed) as caught:
        delegated.token(None)
    assert caught.value.cause == "token_missing"
    assert fetches(dynamics) == 0


def test_tokens_and_verifiers_never_show_in_a_repr(delegated: Entra) -> None:
    grant = entra.Grant(access_token="s3cret", expires_in=1.0, refresh_token="s3cret")
    assert "s3cret" not in repr(grant)
    consent = delegated.begin_consent(CALLBACK)
    assert consent.flow["code_verifier"] not in repr(consent)


ISSUER = "https://login.microsoftonline.com/{tenantid}/v2.0"
TID = "aaaaaaaa-1111-2222-3333-444444444444"
CLAIMS: dict[str, Any] = {
    "aud": "client",
    "iss": ISSUER.replace("{tenantid}", TID),
    "exp": 2000,
    "iat": 1000,
    "nbf": 1000,
    "tid": TID,
    "oid": "person",
    "preferred_username": "alice@contoso.com",
}


def check(changes: Mapping[str, Any]) -> id_tokens.Person:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return id_tokens.check(claims, client_id="client", issuer=ISSUER, directory=TID, now=1500.0)


def test_a_good_id_token_names_the_person() -> None:
    assert check({}) == id_tokens.Person(TID, "person", "alice@contoso.com")
    assert check({"aud": ["client"]}).oid == "person"
    assert check({"aud": ["client", "other"], "azp": "client"}).oid == "person"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other"},
        {"aud": None},
        {"aud": ["client", "other"]},
        {"iss": "https://evil.example/v2.0"},
        {"iss": ISSUER},
        {"iss": None},
        {"exp": 1000},
        {"exp": None},
        {"exp": "2000"},
        {"exp": True},
        {"nbf": 1900},
        {"tid": "bbbbbbbb-1111-2222-3333-444444444444"},
        {"tid": None},
        {"oid": None},
        {"oid": ""},
        {"oid": ["person"]},
    ],
)
def test_an_id_token_for_others_from_others_or_of_another_time_is_refused(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(SignInFailed) as caught:
        check(changes)
    assert caught.value.cause == "id_token"


def test_a_person_of_another_directory_with_its_own_issuer_is_refused() -> None:
    other = "bbbbbbbb-1111-2222-3333-444444444444"
    with pytest.raises(SignInFailed, match="tid"):
        check({"tid": other, "iss": ISSUER.replace("{tenantid}", other)})
