"""Signed addresses of S3: Amazon's own example, and what must hold for every key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, strategies as st

from adapter import s3
from adapter.s3 import Credentials, S3Object
from adapter.telephony import amazon_objects

# https://docs.aws.amazon.com/AmazonS3/latest/developerguide/sigv4-query-string-auth.html
EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
DAY = datetime(2013, 5, 24, tzinfo=UTC)
KEY = "connect/contoso/CallRecordings/2021/08/04/11111111_20210804T17:29_UTC.wav"

buckets = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", fullmatch=True)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
regions = st.sampled_from(["eu-central-1", "us-gov-west-1", "ap-northeast-1", "cn-north-1"])


def sign(held: S3Object, **changes: object) -> str:
    given: dict[str, object] = {"now": DAY, **changes}
    return s3.presigned_get(held, EXAMPLE, **given)  # type: ignore[arg-type]


def test_amazons_documented_example_is_signed_as_documented() -> None:
    held = s3.parse("https://examplebucket.s3.amazonaws.com/test.txt")
    assert held == S3Object("examplebucket", "test.txt")
    assert sign(held, expires=timedelta(seconds=86400)) == (
        "https://examplebucket.s3.amazonaws.com/test.txt"
        "?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


OTHER_KEY = "a b+c/ü~*'()!$&,;=:@?#%25.wav"


@pytest.mark.parametrize(
    ("held", "token", "host", "path", "signature"),
    [
        (
            S3Object("amazon-connect-06b674617501", KEY, "eu-central-1"),
            None,
            "amazon-connect-06b674617501.s3.eu-central-1.amazonaws.com",
            "/connect/contoso/CallRecordings/2021/08/04/11111111_20210804T17%3A29_UTC.wav",
            "83956d4e1af965ed61cf2041f34c63261383530a8f9adb48b778a75315397f83",
        ),
        (
            S3Object("my.dotted.bucket", OTHER_KEY, "cn-north-1"),
            "Fwo+/=tok en",
            "s3.cn-north-1.amazonaws.com.cn",
            "/my.dotted.bucket/a%20b%2Bc/%C3%BC~%2A%27%28%29%21%24%26%2C%3B%3D%3A%40%3F%23%2525.wav",
            "ee7f0b2b85cc3916f93ce0e45cddeb05e764ea5a895c516f1675a36dd9b17e38",
        ),
    ],
    ids=["virtual-hosted", "dotted bucket in China with a session token"],
)
def test_botocore_signs_the_same(
    held: S3Object, token: str | None, host: str, path: str, signature: str
) -> None:
    """The expected values are of botocore 1.44.5."""
    credentials = Credentials("AKIDEXAMPLE", "s3cr3t/+", token)
    now = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
    signed = s3.presigned_get(held, credentials, now=now)
    assert signed.startswith(f"https://{host}{path}?")
    assert signed.endswith(f"&X-Amz-Signature={signature}")


@given(bucket=buckets, key=keys, region=regions)
def test_what_the_source_wrote_is_read_back_and_signed_for_that_very_object(
    bucket: str, key: str, region: str
) -> None:
    written = amazon_objects.object_url(bucket, key, region)
    assert written is not None
    assert s3.parse(written) == S3Object(bucket, key, region)
    signed = urlsplit(sign(S3Object(bucket, key, region)))
    assert signed.scheme == "https"
    assert f"s3.{region}.amazonaws.com" in signed.netloc
    assert s3.parse(signed._replace(query="").geturl()) == S3Object(bucket, key, region)
    assert signed.geturl().isascii()
    assert signed.geturl().isprintable()
    assert " " not in signed.geturl()


@given(first=keys, second=keys)
def test_a_signature_opens_no_other_object(first: str, second: str) -> None:
    one, other = (sign(S3Object("bucket", key, "eu-central-1")) for key in (first, second))
    same = one.rpartition("=")[2] == other.rpartition("=")[2]
    assert same is (first == second)


@pytest.mark.parametrize(
    ("url", "held"),
    [
        (
            "https://b-1.s3.eu-central-1.amazonaws.com/a/b%3Ac",
            S3Object("b-1", "a/b:c", "eu-central-1"),
        ),
        ("https://b.d.s3.eu-central-1.amazonaws.com:443/k", S3Object("b.d", "k", "eu-central-1")),
        ("https://s3.eu-central-1.amazonaws.com/b.d/a/b", S3Object("b.d", "a/b", "eu-central-1")),
        ("https://s3-eu-west-1.amazonaws.com/bkt/k", S3Object("bkt", "k", "eu-west-1")),
        ("https://bkt.s3.dualstack.eu-west-1.amazonaws.com/k", S3Object("bkt", "k", "eu-west-1")),
        ("https://bkt.s3.cn-north-1.amazonaws.com.cn/k", S3Object("bkt", "k", "cn-north-1")),
        ("s3://bkt/a/b c", S3Object("bkt", "a/b c")),
        ("s3://Old_Bucket/k", S3Object("Old_Bucket", "k")),
        ("https://bkt.s3.amazonaws.com/", None),
        ("https://s3.eu-central-1.amazonaws.com/bucket", None),
        ("http://bkt.s3.eu-central-1.amazonaws.com/k", None),
        ("https://bkt.s3.eu-central-1.amazonaws.com.evil.example/k", None),
        ("https://bkt.s3.eu-central-1.amazonaws.com:8443/k", None),
        ("https://user@evil.example/bkt.s3.amazonaws.com/k", None),
        ("https://recordings.pbx.example/42.wav", None),
        ("https://[/k", None),
        ("", None),
    ],
)
def test_only_addresses_of_objects_are_read_as_such(url: str, held: S3Object | None) -> None:
    assert s3.parse(url) == held


@given(st.text())
def test_reading_an_address_never_fails(text: str) -> None:
    s3.parse(text)
    s3.parse(f"https://{text}.s3.amazonaws.com/{text}")


def test_a_region_is_taken_from_the_settings_only_where_the_address_has_none() -> None:
    signed = urlsplit(sign(S3Object("bkt", "k"), region="eu-north-1"))
    assert signed.netloc == "bkt.s3.eu-north-1.amazonaws.com"
    assert "/eu-north-1/s3/" in unquote(signed.query)
    assert "eu-west-1" in sign(S3Object("bkt", "k", "eu-west-1"), region="eu-north-1")


def test_a_signed_address_lives_five_minutes_and_never_longer_than_s3_allows() -> None:
    held = S3Object("bkt", "k", "eu-west-1")
    assert "X-Amz-Expires=300&" in sign(held)
    assert "X-Amz-Expires=604800&" in sign(held, expires=timedelta(days=7))
    for wrong in (timedelta(days=7, seconds=1), timedelta(0), timedelta(seconds=-1)):
        with pytest.raises(ValueError, match="7 days"):
            sign(held, expires=wrong)


def test_secrets_are_in_no_representation() -> None:
    shown = repr(Credentials("AKID", "the-secret", "the-token"))
    assert "AKID" in shown
    assert "the-" not in shown


def test_the_secret_is_not_in_the_address_but_a_session_token_is_signed() -> None:
    held = S3Object("bkt", "k", "eu-west-1")
    plain = s3.presigned_get(held, Credentials("AKID", "the-secret"), now=DAY)
    other = s3.presigned_get(held, Credentials("AKID", "the-secret", "t/+"), now=DAY)
    assert "the-secret" not in plain + other
    assert "X-Amz-Security-Token=t%2F%2B&" in other
    assert plain.rpartition("=")[2] != other.rpartition("=")[2]
