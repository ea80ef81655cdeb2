from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from websockets.sync.server import ServerConnection

from adapter.cli import feed
from adapter.close_codes import CLOSE_CODES
from adapter.errors import ScreenpopError
from tests.cli import servers
from tests.cli.conftest import Run


def message(sequence: int, kind: str = "screenpop.contact.offered") -> str:
    number = f"{sequence:012}"
    return json.dumps(
        {"specversion": "1.0", "type": kind, "id": number, "sequence": number, "data": {"é": "\n"}}
    )


def sends(*texts: str, code: int = 1000, reason: str = "") -> Callable[[ServerConnection], None]:
    def turn(socket: ServerConnection) -> None:
        for text in texts:
            socket.send(text)
        socket.close(code, reason)

    return turn


def numbers(stdout: str) -> list[int]:
    return [int(json.loads(line)["sequence"]) for line in stdout.splitlines()]


def test_messages_are_printed_one_json_a_line(screenpop: Run) -> None:
    with servers.feed(sends(message(1), message(2), "no json")) as door:
        done = screenpop(
            "listen", "--url", door.url, "--key", "k-1", "--agent", "a&b", "--count", "3"
        )
    assert done.returncode == 0
    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["id"], second["id"], third) == ("000000000001", "000000000002", "no json")
    assert first["data"] == {"é": "\n"}
    assert door.paths == ["/v1/feed?agent=a%26b"]
    assert door.headers[0]["authorization"] == "Bearer k-1"
    assert door.headers[0]["sec-websocket-protocol"] == "cloudevents.json"
    assert "origin" not in door.headers[0]


def test_after_a_cut_it_resumes_behind_the_last_message(screenpop: Run) -> None:
    with servers.feed(
        sends(message(6), message(7), code=1011),
        sends(code=4429, reason="too slow"),
        sends(message(8)),
    ) as door:
        done = screenpop("listen", "--url", door.url, "--all", "--after", "5", "--count", "3")
    assert numbers(done.stdout) == [6, 7, 8]
    assert door.paths == [f"/v1/feed?agent=%2A&after={after}" for after in (5, 7, 7)]
    assert "too slow (4429); connecting again in" in done.stderr


def snapshot(sequence: int, **data: str) -> str:
    text = json.loads(message(sequence, "screenpop.snapshot"))
    return json.dumps({**text, "id": f"snapshot-{sequence}", "data": data})


def places(door: servers.Feed) -> list[str]:
    return [path.removeprefix("/v1/feed?agent=%2A") for path in door.paths]


def test_a_snapshot_gives_the_place_to_resume_at_even_where_it_is_before_the_last_message(
    screenpop: Run,
) -> None:
    with servers.feed(
        sends(snapshot(7, epoch="old"), message(9), code=1011),
        sends(code=1011),  # before the snapshot the place is still of the old epoch
        sends(snapshot(3, epoch="n&w"), code=1011),
        sends(message(4), code=1011),
        sends(message(5)),
        epoch="n&w",
    ) as door:
        done = screenpop("listen", "--url", door.url, "--all", "--count", "5")
    assert numbers(done.stdout) == [7, 9, 3, 4, 5]
    seen = "&after=9&epoch=old"
    assert places(door) == ["", seen, seen, "&after=3&epoch=n%26w", "&after=4&epoch=n%26w"]
    assert "--epoch" not in done.stderr


def test_a_place_without_an_epoch_gets_that_of_the_server_and_says_so(screenpop: Run) -> None:
    with servers.feed(sends(message(6), code=1011), sends(message(7)), epoch="e-1") as door:
        done = screenpop("listen", "--url", door.url, "--all", "--after", "5", "--count", "2")
    assert places(door) == ["&after=5", "&after=6&epoch=e-1"]
    assert done.stderr.count("beside --after give --epoch e-1 from now on") == 1


def test_the_epoch_of_a_place_is_sent_with_it(screenpop: Run) -> None:
    with servers.feed(sends(message(6)), epoch="e-2") as door:
        done = screenpop(
            *("listen", "--url", door.url, "--all", "--after", "5", "--epoch", "e-1"),
            *("--count", "1"),
        )
    assert (places(door), done.stderr) == (["&after=5&epoch=e-1"], "")


def test_a_server_that_is_not_there_yet_is_waited_for(
    screenpop: Run, clean_environment: dict[str, str]
) -> None:
    with servers.feed(sends()) as door:
        port = door.port
    command = [sys.executable, "-m", "adapter", "listen", "--all", "--count", "1"]
    with subprocess.Popen(
        [*command, "--url", f"http://x.localhost:{port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment,
    ) as process:
        assert process.stderr is not None
        assert "connecting again" in process.stderr.readline()
        with servers.feed(sends(message(1)), port=port) as door:
            stdout, _ = process.communicate(timeout=30)
    assert numbers(stdout) == [1]
    assert door.headers[0]["host"] == f"x.localhost:{port}"


@pytest.mark.parametrize(("close", "code"), [(4400, 2), (4401, 3), (4403, 3), (4404, 4), (1009, 1)])
def test_a_final_close_code_stops_with_one_line(screenpop: Run, close: int, code: int) -> None:
    with servers.feed(sends(message(1), code=close, reason="because\x1b")) as door:
        done = screenpop("listen", "--url", door.url, "--all")
    assert (done.returncode, len(door.paths)) == (code, 1)
    assert done.stderr == f"screenpop: because\\x1b ({close})\n"
    assert numbers(done.stdout) == [1]


def test_without_reconnecting_a_cut_is_the_end(screenpop: Run) -> None:
    with servers.feed(sends(code=1012)) as door:
        done = screenpop("listen", "--url", door.url, "--all", "--no-reconnect")
    assert (done.returncode, len(door.paths)) == (5, 1)


@pytest.mark.parametrize(("status", "code"), [(401, 3), (403, 3), (404, 4)])
def test_a_refused_handshake_stops(screenpop: Run, status: int, code: int) -> None:
    with servers.feed(sends(), refuse=status) as door:
        done = screenpop("listen", "--url", door.url, "--all")
    assert done.returncode == code
    assert done.stderr == f"screenpop: the feed answered HTTP {status}\n"


def test_as_a_panel_it_says_hello_first(screenpop: Run) -> None:
    heard: list[dict[str, object]] = []

    def turn(socket: ServerConnection) -> None:
        heard.append(json.loads(socket.recv(timeout=5)))
        socket.send('{"type": "welcome", "agent": "alice"}')

    with servers.feed(turn) as door:
        done = screenpop(
            *("listen", "--url", door.url, "--agent", "alice", "--count", "1"),
            *("--subprotocol", "screenpop.v1", "--panel", "p-1"),
        )
    assert json.loads(done.stdout)["type"] == "welcome"
    assert (heard[0]["type"], heard[0]["panel"], heard[0]["visible"]) == ("hello", "p-1", True)
    assert "panel=p-1" in door.paths[0]  # with a key this is where the server takes it from


def test_as_a_panel_it_keeps_its_id_over_reconnects(screenpop: Run) -> None:
    def turn(socket: ServerConnection) -> None:
        socket.recv(timeout=5)
        socket.send('{"type": "welcome", "agent": "alice"}')

    with servers.feed(turn) as door:
        screenpop(
            *("listen", "--url", door.url, "--agent", "alice", "--count", "2"),
            *("--subprotocol", "screenpop.v1"),
        )
    assert len(door.paths) == 2
    assert len({re.findall("panel=([0-9a-f-]{36})", path)[0] for path in door.paths}) == 1


def test_pretty_is_for_the_eye(screenpop: Run) -> None:
    with servers.feed(sends(message(1))) as door:
        done = screenpop("listen", "--url", door.url, "--all", "--count", "1", "--pretty")
    assert done.stdout.startswith('{\n  "specversion": "1.0",\n')


def test_stopped_by_hand_it_ends_quietly(clean_environment: dict[str, str]) -> None:
    def turn(socket: ServerConnection) -> None:
        socket.send(message(1))
        for _ in socket:
            pass

    with (
        servers.feed(turn) as door,
        subprocess.Popen(
            [sys.executable, "-m", "adapter", "listen", "--all", "--url", door.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--agent", "a", "--all"),
        ("--all", "--subprotocol", "other"),
        ("--all", "--url", "nonsense"),
        ("--all", "--key", "a b"),
        ("--all", "--after", "-1"),
        ("--all", "--epoch", "e"),
    ],
    ids=lambda arguments: " ".join(arguments) or "none",
)
def test_a_malformed_command_connects_nowhere(screenpop: Run, arguments: tuple[str, ...]) -> None:
    assert screenpop("listen", "--url", "ws://127.0.0.1:9", *arguments).returncode == 2


def test_a_restart_is_spread_over_two_seconds_and_overload_over_ten() -> None:
    assert feed.after_close(1012, "").spread == (0.0, 2.0)
    assert feed.after_close(4503, "").spread == (5.0, 15.0)
    assert feed.after_close(1006, "").spread is None


def test_each_close_code_of_the_table_is_obeyed() -> None:
    for known in CLOSE_CODES:
        if known.advice == "reconnect":
            assert feed.after_close(known.code, "").reason == f"{known.reason} ({known.code})"
        else:
            with pytest.raises(ScreenpopError, match=str(known.code)):
                feed.after_close(known.code, "")
