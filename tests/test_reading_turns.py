"""What waits to be read goes on, a piece in each turn, whatever happens to who waits beside it."""

from __future__ import annotations

import asyncio

from adapter.reading_turns import PIECE, ReadingTurns


async def test_a_fault_of_one_who_reads_does_not_stop_the_others() -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told))
    turns, read = ReadingTurns(), []

    def reads_a_piece() -> int:
        read.append("a piece")
        return PIECE

    def is_broken() -> int:
        raise RuntimeError("a fault of ours")

    for each in (is_broken, reads_a_piece, reads_a_piece):
        turns.wait(each)
    for _ in range(5):
        await asyncio.sleep(0)
    assert read == ["a piece"] * 2
    assert len(faults) == 1
    turns.wait(reads_a_piece)
    await asyncio.sleep(0)
    assert len(read) == 3
