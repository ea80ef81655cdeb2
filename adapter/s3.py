"""Sign the address of an S3 object for one short use: AWS Signature Version 4 in the query.

Source: https://docs.aws.amazon.com/AmazonS3/latest/developerguide/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote, urlsplit

EXPIRY: Final = timedelta(minutes=5)
"""Time to begin with the download; one that has begun goes on."""
LONGEST: Final = timedelta(days=7)
"""S3 takes no more."""
GLOBAL_REGION: Final = "us-east-1"
"""The region of an address that names none (`<bucket>.s3.amazonaws.com`)."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_REGION = r"[a-z]{2,8}(?:-[a-z0-9]{1,16}){1,4}"
_HOST = re.compile(
    # Virtual-hosted or path style; `s3-<region>` and `dualstack` are older ways to write it.
    rf"(?:(?P<bucket>.+)\.)?s3(?:(?:\.dualstack\.|[.-])(?P<region>{_REGION}))?"
    r"\.amazonaws\.com(?P<china>\.cn)?"
)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs: an access key of AWS, with a session token where it is a temporary one."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object of a bucket; `region` is None where its address names none."""

    bucket: str
    key: str
    """As it is, not encoded."""
    region: str | None = None


def parse(url: str) -> S3Object | None:
    """Read the address of an object (https in each of S3's styles, or `s3://`); None for others."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return None
    path = unquote(parts.path.removeprefix("/"), errors="surrogateescape")
    if parts.scheme == "s3":
        # `hostname` is folded; a bucket of the oldest kind may have capitals.
        return _object(parts.netloc, path, None)
    matched = _HOST.fullmatch(host)
    if parts.scheme != "https" or port not in (None, 443) or matched is None:
        return None
    bucket = matched["bucket"]
    if bucket is None:
        bucket, _, path = path.partition("/")
    return _object(bucket, path, matched["region"])


def is_region(text: str) -> bool:
    """Tell whether a text is made like a region's name: it lands in a host name."""
    return re.fullmatch(_REGION, text) is not None


def presigned_get(
    held: S3Object,
    credentials: Credentials,
    *,
    now: datetime,
    region: str | None = None,
    expires: timedelta = EXPIRY,
) -> str:
    """Give an https URL that reads the object until `now` + `expires`, and nothing else.

    `region` is for an object whose address names none. Raises `ValueError` for a time that S3 does
    not take.
    """
    if not timedelta(seconds=1) <= expires <= LONGEST:
        raise ValueError(f"a signed address lives 1 second to 7 days, not {expires}")
    where = held.region or region
    host, path = _address(held, where)
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{where or GLOBAL_REGION}/s3/aws4_request"
    query = _query(
        {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{credentials.access_key_id}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(int(expires.total_seconds())),
            "X-Amz-Security-Token": credentials.session_token,
            "X-Amz-SignedHeaders": "host",
        }
    )
    request = "\n".join(("GET", path, query, f"host:{host}", "", "host", "UNSIGNED-PAYLOAD"))
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = hmac.new(_key(credentials.secret_access_key, scope), text.encode(), hashlib.sha256)
    return f"https://{host}{path}?{query}&X-Amz-Signature={signature.hexdigest()}"


def _object(bucket: str, key: str, region: str | None) -> S3Object | None:
    if not key or not _BUCKET.fullmatch(bucket):
        return None
    return S3Object(bucket, key, region)


def _address(held: S3Object, region: str | None) -> tuple[str, str]:
    """Give host and encoded path; each byte but the unreserved and `/` is encoded, once."""
    suffix = "amazonaws.com.cn" if (region or "").startswith("cn-") else "amazonaws.com"
    host = f"s3.{region}.{suffix}" if region else f"s3.{suffix}"
    path = "/" + quote(held.key, safe="/", errors="surrogateescape")
    if held.bucket != held.bucket.lower() or not re.fullmatch(r"[a-z0-9-]{3,63}", held.bucket):
        # S3's certificate has one label before `s3`, and a host name has no capitals.
        return host, f"/{held.bucket}{path}"
    return f"{held.bucket}.{host}", path


def _query(values: dict[str, str | None]) -> str:
    """Write the query as it is signed: sorted by name, everything else encoded."""
    return "&".join(
        f"{name}={quote(value, safe='')}" for name, value in sorted(values.items()) if value
    )


def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
