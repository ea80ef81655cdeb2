"""Tell which S3 objects are what a contact left: recordings, transcripts, analyses.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html,
notification-content-structure.html beside it, and for the keys
https://docs.aws.amazon.com/connect/latest/adminguide/about-recordings-locations.html. Amazon says
that the contact id in a file's name is nearly always, not always, the recorded contact's; the
contact record confirms it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, unquote_plus

from adapter.events import ContactEvent, Recording, Stage
from adapter.telephony import amazon_fields, identifiers
from adapter.telephony.json_limits import fault

_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FILE: Final = re.compile(
    # `<contact>_20210804T17:29_UTC.wav`, `<contact>_analysis_redacted_2021-….json`. An attachment
    # begins with its own id and has the contact's second: a second id is none of ours.
    rf"({_UUID})_(?!{_UUID})([^/]*)\.(wav|mp4|json)",
    re.IGNORECASE,
)
_TRANSCRIPT: Final = re.compile(r"\d{8}T\d\d:\d\d_UTC", re.IGNORECASE)
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_REGION: Final = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,16}){1,4}")


def created(envelope: Mapping[str, Any], received: datetime) -> ContactEvent | None:
    """Decode EventBridge's "Object Created"; None where the object is no contact's.

    The object's key stands raw in this form.
    """
    detail = amazon_fields.fold(envelope.get("detail"))
    held = amazon_fields.fold(detail.get("object"))
    key = _key(held.get("key"), "/detail/object/key")
    bucket = _bucket(detail.get("bucket"), "/detail/bucket/name")
    url = object_url(bucket, key, amazon_fields.text(envelope, "region"))
    if url is None:
        raise fault("/detail/bucket/name", "expected the name of a bucket")
    return _event(
        key,
        url,
        source=amazon_fields.origin("aws.s3", amazon_fields.text(envelope, "account"), None),
        identity=_identity(bucket, key, held, _envelope_id(envelope)),
        time=amazon_fields.moment(envelope, "time") or received,
    )


def notified(record: Mapping[str, Any], received: datetime) -> ContactEvent | None:
    """Decode one of the `Records` that S3 sends itself; None where it is no contact's object.

    The object's key is form-encoded in this form (`+`, `%3A`).
    """
    if not (amazon_fields.text(record, "eventname") or "").startswith("ObjectCreated:"):
        return None
    entity = amazon_fields.fold(record.get("s3"))
    held = amazon_fields.fold(entity.get("object"))
    key = unquote_plus(_key(held.get("key"), "/s3/object/key"))
    bucket = _bucket(entity.get("bucket"), "/s3/bucket/name")
    url = object_url(bucket, key, amazon_fields.text(record, "awsregion"))
    if url is None:
        raise fault("/s3/bucket/name", "expected the name of a bucket")
    return _event(
        key,
        url,
        source="aws.s3",
        identity=_identity(bucket, key, held, ""),
        time=amazon_fields.moment(record, "eventtime") or received,
    )


def recording(key: str, url: str) -> tuple[str, Recording] | None:
    """Name the contact of an object and what it is; None where the key is none of Connect's."""
    folders, _, name = key.rpartition("/")
    matched = _FILE.fullmatch(name)
    if not matched:
        return None
    contact, rest, extension = matched.groups()
    redacted = "redacted" in rest.lower() or "/redacted/" in f"/{folders.lower()}/"
    if extension.lower() != "json":
        kind = "recording"
    elif "analysis" in rest.lower():
        kind = "analysis"
    elif _TRANSCRIPT.match(rest) or "/chattranscripts/" in f"/{folders.lower()}/":
        kind = "transcript"
    else:
        return None
    return contact, Recording(kind, url, redacted=redacted)


def object_url(bucket: str, key: str, region: str | None) -> str | None:
    """Write the object's https URL; it is private unless the bucket says otherwise.

    None where the bucket's or the region's name would not be one (it lands in a host name).
    """
    if not _BUCKET.fullmatch(bucket):
        return None
    if region and not _REGION.fullmatch(region):
        region = None
    host = f"{bucket}.s3.{region}.amazonaws.com" if region else f"{bucket}.s3.amazonaws.com"
    if region and region.startswith("cn-"):
        host += ".cn"
    return f"https://{host}/{quote(key, safe='/-_.~')}"


def stage_of(kind: str) -> Stage:
    """Name the stage that a file of this kind proves."""
    return Stage.RECORDED if kind == "recording" else Stage.TRANSCRIBED


def _event(
    key: str, url: str, *, source: str, identity: str, time: datetime
) -> ContactEvent | None:
    found = recording(key, url)
    if found is None:
        return None
    contact, left = found
    return ContactEvent(
        source=source,
        id=identity,
        contact=contact,
        time=time,
        stage=stage_of(left.kind),
        attributes={"objectUrl": url},
        recording=left,
    )


def _key(value: Any, at: str) -> str:
    key = identifiers.text(value, at)
    if len(key.encode()) > identifiers.MAX_SOURCE:  # S3's own limit, 1,024 bytes
        raise fault(at, f"is longer than {identifiers.MAX_SOURCE} bytes")
    return key


def _bucket(value: Any, at: str) -> str:
    return identifiers.text(amazon_fields.fold(value).get("name"), at)


def _envelope_id(envelope: Mapping[str, Any]) -> str:
    if envelope.get("id") is None:
        return ""
    return identifiers.key(envelope["id"], identifiers.MAX_EVENT, "/id")


def _identity(bucket: str, key: str, held: Mapping[str, Any], otherwise: str) -> str:
    """Identify a creation by object and sequencer (which grows with each write to one key).

    Not by the envelope's id alone: S3 may tell one creation in two envelopes, and envelopes that
    people made by hand from one sample share their id.
    """
    version = amazon_fields.text(held, "sequencer", "version-id", "versionid") or otherwise
    version = version or amazon_fields.text(held, "etag") or ""
    return "s3-" + hashlib.sha256(f"{bucket}/{key}#{version}".encode()).hexdigest()
