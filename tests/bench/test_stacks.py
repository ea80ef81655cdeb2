from __future__ import annotations

import pytest

from bench.stacks import module, shares

FOLDED = """\
run (uvicorn/server.py:75);data_received (adapter/web/http_connections.py:90) 6
run (uvicorn/server.py:75);_flush (adapter/committer.py:254);_commit (adapter/committer.py:330) 3
run (uvicorn/server.py:75);_flush (adapter/committer.py:254);__init__ (<string>:2) 1
Thread.run (threading.py:982);_worker (concurrent/futures/thread.py:81) 90
"""


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("_commit (adapter/committer.py:330)", "adapter.committer"),
        ("append (adapter/store/journal/__init__.py:12)", "adapter.store.journal"),
        ("_commit (/srv/screenpop/adapter/committer.py:330)", "adapter.committer"),
        ("run (uvicorn/server.py:75)", "uvicorn"),
        ("inner (typing_extensions.py:3)", "typing_extensions"),
        ("run (asyncio/runners.py:118)", "python"),
        ("wait (threading.py:320)", "python"),
        ("__init__ (<string>:2)", "python"),
        ("sqlite3_step", "python"),
    ],
)
def test_a_frame_belongs_to_the_module_of_its_path(frame: str, expected: str) -> None:
    assert module(frame) == expected


def test_a_stack_counts_once_for_each_module_in_it() -> None:
    found = {each.name: (each.own, each.inclusive) for each in shares(FOLDED)}
    assert found["adapter.committer"] == (0.3, 0.4)
    assert found["adapter.web.http_connections"] == (0.6, 0.6)
    assert found["uvicorn"] == (0.0, 1.0)
    assert found["python"] == (0.1, 0.1)


def test_a_thread_that_waits_for_work_counts_for_nothing() -> None:
    assert sum(each.own for each in shares(FOLDED)) == pytest.approx(1)


def test_a_recording_without_samples_gives_no_shares() -> None:
    assert shares("") == []
