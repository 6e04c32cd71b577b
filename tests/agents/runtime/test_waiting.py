"""What waits for a lane: in order, all at once, and bounded."""

import asyncio

from agents.runtime.contract import Lane
from agents.runtime.delivery import Batch
from agents.runtime.waiting import Waiting


def batch(records: int, number: int = 0) -> Batch:
    return Batch(Lane("web-events", 0), [None] * records, 0, number, 0, 0)  # type: ignore[list-item]


async def test_all_that_waits_is_taken_at_once_in_order() -> None:
    waiting = Waiting(10)
    batches = [batch(3, number) for number in range(3)]
    for one in batches:
        await waiting.put(one)
    assert await waiting.take(1.0) == batches
    assert len(waiting) == 0


async def test_nothing_comes_of_nothing() -> None:
    assert await Waiting(10).take(0.001) == []


async def test_who_waits_for_a_batch_gets_it_when_it_comes() -> None:
    waiting, one = Waiting(10), batch(1)
    taking = asyncio.create_task(waiting.take(5.0))
    await asyncio.sleep(0)
    await waiting.put(one)
    assert await taking == [one]


async def test_without_room_a_batch_waits_outside_until_the_others_are_taken() -> None:
    waiting = Waiting(10)
    await waiting.put(batch(6))
    putting = asyncio.create_task(waiting.put(batch(5, 1)))
    await asyncio.sleep(0)
    assert not putting.done()
    assert [one.number for one in await waiting.take(1.0)] == [0]
    await asyncio.wait_for(putting, 1.0)
    assert [one.number for one in await waiting.take(1.0)] == [1]


async def test_a_batch_that_is_larger_than_the_room_is_taken_alone() -> None:
    waiting = Waiting(10)
    await asyncio.wait_for(waiting.put(batch(50)), 1.0)
    assert len(await waiting.take(1.0)) == 1
