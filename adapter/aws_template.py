"""Write the CloudFormation template that leads Amazon Connect's events to this host.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html,
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Events.html. The limits
of the service: an endpoint has to be https with a public certificate, an event is tried for a day.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from adapter.errors import MalformedInput

DOOR = "/v1/events/amazon-connect"
RATE = 300
"""Events a second that EventBridge sends at most; AWS allows 300 without asking for more."""
RETRY_SECONDS = 24 * 3600
RETRIES = 185
"""The most that EventBridge takes for both."""
KEPT_SECONDS = 14 * 24 * 3600
"""The most that SQS keeps a message."""

FILES = (".wav", ".mp4", ".json")
"""Ends of the keys of what Amazon Connect leaves: recordings, screen recordings, transcripts."""

_HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}")
_INSTANCE = (
    r"^arn:aws[a-z-]*:connect:[a-z0-9-]+:\d{12}:instance/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
)
_BUCKET = r"^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.:/ -]*[A-Za-z0-9]|[A-Za-z]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_WITH_BUCKET = "HasRecordingBucket"

Node = dict[str, Any]


def template(url: str) -> Node:
    """Give the template for a host, `https://host[:port]`; the key is asked for when it is used.

    Raises:
        MalformedInput: EventBridge cannot send to this URL.
    """
    endpoint = _origin(url) + DOOR
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Sends the events of Amazon Connect to {endpoint}",
        "Parameters": _parameters(),
        "Conditions": {
            _WITH_BUCKET: {"Fn::Not": [{"Fn::Equals": [{"Ref": "RecordingBucket"}, ""]}]}
        },
        "Resources": {
            **_door(endpoint),
            **_dead_letters(),
            "ContactEvents": _rule("Contact events of the instance", _contact_pattern()),
            "Recordings": {
                **_rule("Recordings and transcripts in the bucket", _bucket_pattern()),
                "Condition": _WITH_BUCKET,
            },
        },
        "Outputs": {
            "DeadLetterQueue": {
                "Description": "Events that could not be delivered for a day; watch its length",
                "Value": {"Ref": "DeadLetters"},
            },
            "Endpoint": {"Description": "Where the events go", "Value": endpoint},
        },
    }


def as_json(node: Node) -> str:
    """Write a template as JSON."""
    return json.dumps(node, indent=2)


def as_yaml(node: Node) -> str:
    """Write a template as YAML (1.1 and 1.2 alike), quoting what could be no text."""
    return "\n".join(_mapping(node, "")) + "\n"


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise MalformedInput(f"--url {url}: {error}") from error
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or parts.username is not None or parts.query or parts.fragment:
        raise MalformedInput(f"--url {url}: EventBridge sends only to https://host[:port]")
    if parts.path not in ("", "/"):
        raise MalformedInput(f"--url {url}: give the address alone, without {parts.path}")
    if not _HOST.fullmatch(host) or host.endswith(".localhost"):
        raise MalformedInput(
            f"--url {url}: EventBridge needs a public host name with a certificate"
        )
    return f"https://{host}" + (f":{port}" if port not in (None, 443) else "")


def _parameters() -> Node:
    return {
        "InstanceArn": {
            "Type": "String",
            "Description": "ARN of the Amazon Connect instance",
            "AllowedPattern": _INSTANCE,
            "ConstraintDescription": "arn:aws:connect:REGION:ACCOUNT:instance/ID",
        },
        "RecordingBucket": {
            "Type": "String",
            "Default": "",
            "Description": "Bucket of the recordings, with EventBridge turned on; or nothing",
            "AllowedPattern": _BUCKET,
        },
        "IngestKey": {
            "Type": "String",
            "NoEcho": True,
            "MinLength": 16,
            "Description": "Service key: screenpop keys create --scope ingest",
        },
    }


def _door(endpoint: str) -> Node:
    return {
        "Connection": {
            "Type": "AWS::Events::Connection",
            "Properties": {
                "Description": "The ingest key",
                "AuthorizationType": "API_KEY",
                "AuthParameters": {
                    "ApiKeyAuthParameters": {
                        "ApiKeyName": "X-Api-Key",
                        "ApiKeyValue": {"Ref": "IngestKey"},
                    }
                },
            },
        },
        "Destination": {
            "Type": "AWS::Events::ApiDestination",
            "Properties": {
                "Description": "Screenpop",
                "ConnectionArn": _arn("Connection"),
                "HttpMethod": "POST",
                "InvocationEndpoint": endpoint,
                "InvocationRateLimitPerSecond": RATE,
            },
        },
        "Sender": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Description": "Lets the rules call the destination and nothing else",
                "AssumeRolePolicyDocument": _policy(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                        # A rule of another account must not borrow it (the confused deputy).
                        "Condition": {
                            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
                        },
                    }
                ),
                "Policies": [
                    {
                        "PolicyName": "call-the-destination",
                        "PolicyDocument": _policy(
                            {
                                "Effect": "Allow",
                                "Action": "events:InvokeApiDestination",
                                "Resource": _arn("Destination"),
                            }
                        ),
                    }
                ],
            },
        },
    }


def _dead_letters() -> Node:
    rules = [
        _arn("ContactEvents"),
        {"Fn::If": [_WITH_BUCKET, _arn("Recordings"), {"Ref": "AWS::NoValue"}]},
    ]
    return {
        "DeadLetters": {
            "Type": "AWS::SQS::Queue",
            # What waits there is calls that nobody has seen yet.
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "MessageRetentionPeriod": KEPT_SECONDS,
                "SqsManagedSseEnabled": True,
            },
        },
        "DeadLettersPolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "DeadLetters"}],
                "PolicyDocument": _policy(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": _arn("DeadLetters"),
                        "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
                    }
                ),
            },
        },
    }


def _contact_pattern() -> Node:
    return {
        "source": ["aws.connect"],
        "detail-type": ["Amazon Connect Contact Event"],
        "detail": {"instanceArn": [{"Ref": "InstanceArn"}]},
    }


def _bucket_pattern() -> Node:
    # Not by `reason`: large files come as multipart uploads.
    return {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": "RecordingBucket"}]},
            "object": {"key": [{"suffix": end} for end in FILES]},
        },
    }


def _rule(description: str, pattern: Node) -> Node:
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": description,
            "State": "ENABLED",
            "EventPattern": pattern,
            "Targets": [
                {
                    "Id": "screenpop",
                    "Arn": _arn("Destination"),
                    "RoleArn": _arn("Sender"),
                    "DeadLetterConfig": {"Arn": _arn("DeadLetters")},
                    "RetryPolicy": {
                        "MaximumEventAgeInSeconds": RETRY_SECONDS,
                        "MaximumRetryAttempts": RETRIES,
                    },
                }
            ],
        },
    }


def _policy(statement: Node) -> Node:
    return {"Version": "2012-10-17", "Statement": [statement]}


def _arn(resource: str) -> Node:
    return {"Fn::GetAtt": [resource, "Arn"]}


def _mapping(node: Node, indent: str) -> list[str]:
    lines: list[str] = []
    for name, value in node.items():
        lines += _under(f"{indent}{_scalar(name)}:", value, indent + "  ")
    return lines


def _sequence(items: list[Any], indent: str) -> list[str]:
    lines: list[str] = []
    for item in items:
        if isinstance(item, dict) and item:
            first, *more = _mapping(item, indent + "  ")
            lines += [f"{indent}- {first.lstrip()}", *more]
        else:
            lines += _under(f"{indent}-", item, indent + "  ")
    return lines


def _under(head: str, value: Any, indent: str) -> list[str]:
    match value:
        case dict() if value:
            return [head, *_mapping(value, indent)]
        case list() if value:
            return [head, *_sequence(value, indent)]
        case _:
            return [f"{head} {_scalar(value)}"]


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        # `: ` would begin a mapping.
        return value if ": " not in value and not value.endswith(":") else json.dumps(value)
    return json.dumps(value)
