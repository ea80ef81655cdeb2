"""Post every published sample of our sources, where they lie beside the repository."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.ingest.doors import AMAZON, EVENTS, FIREHOSE, state, text
from tests.server import Server
from tests.telephony.samples import PUBLISHED, published

pytestmark = published

ENVELOPES = ("connect_contact_event__*", "derived__s3*", "s3_eventbridge*", "contact_lens__*rules*")
STREAMS = ("connect_agent_event_stream__*", "connect_ctr__*")
REQUESTS = ("firehose_http__request*",)
CLOUDEVENTS = ("cloudevents__json_format_example_*",)


def files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in PUBLISHED.glob(f"{pattern}.json"))


def is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("path", files(*ENVELOPES), ids=lambda path: path.stem)
def test_an_amazon_sample_is_answered(server: Server, path: Path) -> None:
    body = path.read_bytes()
    for again in (False, True):
        answer = server.request("POST", AMAZON, body, scope="ingest")
        if not is_json(path):  # the documentation's own text has faults
            assert answer.status_code == 400
            return
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert told["accepted"] + told["duplicates"] + told["ignored"] == 1
        assert not (again and told["accepted"])


@pytest.mark.parametrize("path", files(*STREAMS), ids=lambda path: path.stem)
def test_a_sample_of_a_stream_is_taken_from_firehose(server: Server, path: Path) -> None:
    record = {"data": base64.b64encode(path.read_bytes()).decode()}
    body = {"requestId": "r-1", "timestamp": 1, "records": [record]}
    answer = server.request("POST", FIREHOSE, body, scope="ingest")
    assert answer.status_code == (200 if is_json(path) else 400), answer.text
    assert answer.json()["requestId"] == "r-1"


@pytest.mark.parametrize("path", files(*REQUESTS), ids=lambda path: path.stem)
def test_a_sample_request_of_firehose_is_answered(server: Server, path: Path) -> None:
    answer = server.request("POST", FIREHOSE, path.read_bytes(), scope="ingest")
    assert answer.status_code in (200, 400)
    assert "requestId" in answer.json()
    if answer.status_code == 200:
        assert answer.json()["requestId"] == json.loads(path.read_text())["requestId"]


@pytest.mark.parametrize("path", files(*CLOUDEVENTS), ids=lambda path: path.stem)
def test_a_cloudevent_that_is_not_ours_is_ignored(server: Server, path: Path) -> None:
    event = json.loads(path.read_text())
    kind = "application/cloudevents" + ("-batch+json" if isinstance(event, list) else "+json")
    answer = server.request(
        "POST", EVENTS, text(event), scope="ingest", headers={"content-type": kind}
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 0


def test_a_sample_contact_is_read_back(server: Server) -> None:
    name = "connect_contact_event__CONNECTED_TO_AGENT__docs_current.handfixed.json"
    # Amazon prints two events of this contact under one id; whichever comes first is kept.
    event = {**json.loads((PUBLISHED / name).read_bytes()), "id": "read-back"}
    answer = server.request("POST", AMAZON, json.dumps(event), scope="ingest")
    assert answer.json()["accepted"] == 1, answer.text
    found = state(server, "11111111-1111-1111-1111-111111111111")
    assert found["channel"] == "voice"
    assert found["stages"]["answered"] == "2021-08-04T17:29:09Z"
