"""Read the answers to batches in every shape that is documented."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, strategies as st

from adapter.dataverse import batches, requests
from adapter.dataverse.answers import DataverseResponse
from adapter.dataverse.errors import RequestRefused, UnexpectedAnswer
from adapter.errors import MalformedInput

RECORD = "11111111-2222-3333-4444-555555555555"
LINES = [
    "--batchresponse_1",
    "Content-Type: multipart/mixed; boundary=changesetresponse_2",
    "",
    "--changesetresponse_2",
    "Content-Type: application/http",
    "Content-Transfer-Encoding: binary",
    "Content-ID: 1",
    "",
    "HTTP/1.1 204 No Content",
    f"OData-EntityId: https://x/api/data/v9.2/phonecalls({RECORD})",
    "",
    "",
    "--changesetresponse_2--",
    "--batchresponse_1",
    "Content-Type: application/http",
    "",
    "HTTP/1.1 200 OK",
    "Content-Type: application/json; odata.metadata=minimal",
    "",
    '{"subject":"--changesetresponse_2 is no boundary here"}',
    "--batchresponse_1",
    "Content-Type: application/http",
    "",
    "HTTP/1.1 400 Bad Request",
    "",
    '{"error":{"code":"0x80048d19","message":"no"}}',
    "--batchresponse_1--",
    "",
]


def answered(
    lines: list[str], end: str = "\r\n", boundary: str = "batchresponse_1"
) -> DataverseResponse:
    kind = f"multipart/mixed; boundary={boundary}"
    return DataverseResponse(
        status=200, headers={"content-type": kind}, body=end.join(lines).encode()
    )


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("boundary", ["batchresponse_1", '"batchresponse_1"'])
def test_each_part_is_an_answer_or_an_error(end: str, boundary: str) -> None:
    created, found, refused = batches.decode(answered(LINES, end, boundary), 3)
    assert isinstance(created, DataverseResponse)
    assert created.record_id == RECORD
    assert isinstance(found, DataverseResponse)
    assert found.json()["subject"].startswith("--changeset")
    assert isinstance(refused, RequestRefused)
    assert refused.code == "0x80048d19"


def test_a_missing_part_is_told() -> None:
    with pytest.raises(UnexpectedAnswer, match="3 parts"):
        batches.decode(answered(LINES), 4)


@given(st.binary(max_size=300), st.integers(1, 3))
def test_any_bytes_are_answers_or_an_error(body: bytes, count: int) -> None:
    response = DataverseResponse(
        status=200, headers={"content-type": "multipart/mixed; boundary=b"}, body=b"--b" + body
    )
    with contextlib.suppress(UnexpectedAnswer):
        assert len(batches.decode(response, count)) == count


def test_a_change_set_holds_no_reads_and_a_batch_is_never_empty() -> None:
    for bad in ([], [requests.who_am_i()]):
        with pytest.raises(MalformedInput):
            batches.encode(bad, base_path="/api/data/v9.2", boundary="b", atomic=True)
