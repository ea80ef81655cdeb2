"""The CloudFormation template: valid to cfn-lint, and its rules match what Amazon sends."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapter import aws_template
from adapter.errors import MalformedInput
from tests.conftest import ROOT

URL = "https://screenpop.example"
INSTANCE = "arn:aws:connect:eu-central-1:111122223333:instance/9f1c2d3e-0000-4000-8000-000000000001"
BUCKET = "amazon-connect-06b674617501"
RECORDED = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {
        "bucket": {"name": BUCKET},
        "object": {"key": "connect/contoso/CallRecordings/2021/08/04/x_20210804T17:29_UTC.wav"},
        "reason": "CompleteMultipartUpload",
    },
}

without_cfn_lint = pytest.mark.skipif(
    importlib.util.find_spec("cfnlint") is None, reason="cfn-lint is not installed"
)


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    regions = ["eu-central-1", "us-east-1", "ap-northeast-1"]
    command = ["--include-checks", "I", "--regions", *regions, "--template", str(path)]
    return subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), *command],
        capture_output=True,
        text=True,
        check=False,
    )


@without_cfn_lint
@pytest.mark.parametrize("written", [aws_template.as_yaml, aws_template.as_json])
def test_cfn_lint_finds_nothing(written: Any, tmp_path: Path) -> None:
    path = tmp_path / "screenpop.template"
    path.write_text(written(aws_template.template(URL)))
    done = lint(path)
    assert (done.returncode, done.stdout) == (0, "")


@without_cfn_lint
def test_cfn_lint_would_find_a_fault(tmp_path: Path) -> None:
    broken = aws_template.template(URL)
    del broken["Resources"]["Destination"]["Properties"]["HttpMethod"]
    path = tmp_path / "broken.json"
    path.write_text(aws_template.as_json(broken))
    assert "HttpMethod" in lint(path).stdout


@without_cfn_lint
def test_yaml_and_json_say_the_same() -> None:
    # Only where it is installed; it has no types.
    from cfnlint.decode import decode_str  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415

    made = aws_template.template(f"{URL}:8443")
    made["Awkward"] = ["yes", "No", "1", "- a", "a: b", "a:", "", "#", "ü", "'", '"', {}, [], None]
    assert json.loads(aws_template.as_json(made)) == made
    decoded, faults = decode_str(aws_template.as_yaml(made))
    assert faults == []
    assert decoded == made


def matches(pattern: Any, value: Any) -> bool:
    """Match as EventBridge does (lists are alternatives, `suffix`), references filled in."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            name in value and matches(inner, value[name]) for name, inner in pattern.items()
        )
    filled = {"InstanceArn": INSTANCE, "RecordingBucket": BUCKET}
    for each in pattern:
        if isinstance(each, dict) and "suffix" in each:
            if str(value).endswith(each["suffix"]):
                return True
        elif value == (filled[each["Ref"]] if isinstance(each, dict) else each):
            return True
    return False


def pattern(rule: str) -> Any:
    return aws_template.template(URL)["Resources"][rule]["Properties"]["EventPattern"]


@pytest.mark.parametrize("name", ["initiated", "queued", "connected", "disconnected"])
def test_contact_events_of_the_instance_are_sent_and_those_of_others_are_not(name: str) -> None:
    event = json.loads((ROOT / "tests/samples/amazon" / f"{name}.json").read_text())
    assert matches(pattern("ContactEvents"), event)
    assert not matches(pattern("Recordings"), event)
    event["detail"]["instanceArn"] = INSTANCE.replace("0001", "0002")
    assert not matches(pattern("ContactEvents"), event)


def test_files_of_the_bucket_are_sent_however_they_were_uploaded() -> None:
    assert matches(pattern("Recordings"), RECORDED)
    assert not matches(pattern("ContactEvents"), RECORDED)
    detail: Any = RECORDED["detail"]
    for wrong in (
        {**RECORDED, "detail-type": "Object Deleted"},
        {**RECORDED, "detail": {**detail, "bucket": {"name": "another"}}},
        {**RECORDED, "detail": {**detail, "object": {"key": "private/letter.pdf"}}},
    ):
        assert not matches(pattern("Recordings"), wrong)


SHARED = ROOT / ".." / "shared" / "events"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published samples are not here")
def test_published_samples_of_files_are_sent() -> None:
    samples = list(SHARED.glob("derived__s3_object_created__*.json"))
    assert samples
    for path in samples:
        event = json.loads(path.read_text())
        event["detail"]["bucket"]["name"] = BUCKET
        assert matches(pattern("Recordings"), event)


def test_events_go_to_the_door_that_takes_them_and_no_secret_is_written() -> None:
    made = aws_template.template(URL)
    door = made["Resources"]["Destination"]["Properties"]["InvocationEndpoint"]
    assert door == f"{URL}/v1/events/amazon-connect"
    connection = made["Resources"]["Connection"]["Properties"]["AuthParameters"]
    key = connection["ApiKeyAuthParameters"]
    assert key == {"ApiKeyName": "X-Api-Key", "ApiKeyValue": {"Ref": "IngestKey"}}
    assert made["Parameters"]["IngestKey"]["NoEcho"] is True


def test_every_rule_has_the_dead_letter_queue_and_may_write_to_it() -> None:
    resources = aws_template.template(URL)["Resources"]
    rules = [name for name, each in resources.items() if each["Type"] == "AWS::Events::Rule"]
    assert rules == ["ContactEvents", "Recordings"]
    policy = json.dumps(resources["DeadLettersPolicy"])
    for rule in rules:
        (target,) = resources[rule]["Properties"]["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
        assert f'["{rule}", "Arn"]' in policy


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://Screenpop.Example/", "https://screenpop.example/"),
        ("https://screenpop.example:443", "https://screenpop.example/"),
        ("https://a.b.example:8443", "https://a.b.example:8443/"),
    ],
)
def test_the_address_is_written_as_eventbridge_wants_it(url: str, endpoint: str) -> None:
    made = aws_template.template(url)
    assert made["Outputs"]["Endpoint"]["Value"] == f"{endpoint}v1/events/amazon-connect"


@pytest.mark.parametrize(
    "url",
    [
        "http://screenpop.example",
        "https://127.0.0.1:8000",
        "https://[::1]",
        "https://localhost",
        "https://screenpop.localhost",
        "https://user:secret@screenpop.example",
        "https://screenpop.example/path",
        "https://screenpop.example?a=b",
        "https://screenpop.example:99999",
        "https://scr een.example",
        "https://a'b.example",
        "screenpop.example",
        "",
    ],
)
def test_an_address_that_eventbridge_cannot_reach_is_refused(url: str) -> None:
    with pytest.raises(MalformedInput, match="--url"):
        aws_template.template(url)
