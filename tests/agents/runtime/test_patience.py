"""Time-outs count the seconds that the process was awake."""

import asyncio
from time import sleep

import pytest

from agents.runtime.patience import Patience


async def test_what_ends_in_time_passes() -> None:
    async with Patience(5.0):
        done = await asyncio.sleep(0, "done")
    assert done == "done"


async def test_who_waits_too_long_is_timed_out() -> None:
    with pytest.raises(TimeoutError):
        async with Patience(0.05):
            await asyncio.Event().wait()


async def test_a_process_that_stood_still_has_still_time_to_read_its_answer() -> None:
    answered = asyncio.Event()
    async with Patience(1.2):
        sleep(1.5)  # noqa: ASYNC251  # as SIGSTOP does
        asyncio.get_running_loop().call_later(0.02, answered.set)
        await answered.wait()
    assert answered.is_set()


async def test_a_cancelled_wait_is_cancelled_and_not_timed_out() -> None:
    async def wait() -> None:
        async with Patience(5.0):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_that_ended_cancels_nobody_later() -> None:
    async with Patience(0.02):
        pass
    await asyncio.sleep(0.05)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
