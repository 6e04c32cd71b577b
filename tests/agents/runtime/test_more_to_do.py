"""A lane whose processor has something to do already does it without being woken by anybody."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from agents.runtime.contract import Effects, Job, Lane, Plain
from agents.runtime.lanes import LaneWork
from agents.runtime.stores import MemoryStore

LANE = Lane("user-events", 3)


class Producer:
    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def commit(self, changelog: tuple[str, int], rows: Any, sends: Any, end: int) -> dict[tuple[str, int], int]:
        return {changelog: 1}


@pytest.mark.parametrize("more", [True, False])
async def test_who_has_more_to_do_resumes_after_the_commit(more: bool) -> None:
    job = Job("job", (LANE.topic,), "table", lambda lane, rows: None, idle_seconds=None)  # type: ignore[arg-type,return-value]
    observer = SimpleNamespace(committed=lambda *_: None)
    around = SimpleNamespace(batch_records=10, changelog=lambda table: table, observer=observer)
    work = LaneWork(LANE, job, around, position=10, read_to=10)  # type: ignore[arg-type]
    await work._done(Effects(more=more), Producer(), MemoryStore())  # type: ignore[arg-type]
    assert work._waiting.nudged() == more


class Holder(Plain):
    """Notes when it is asked what it can do with what it holds."""

    def __init__(self) -> None:
        self.resumed = asyncio.Event()

    def resume(self) -> None:
        self.resumed.set()


async def test_a_lane_that_opens_looks_once_what_time_has_made_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows may be older than the clock, and time may stand still: a history that is played to its end."""

    async def restored(work: LaneWork) -> MemoryStore:
        return MemoryStore()

    async def positioned(work: LaneWork, store: MemoryStore) -> None:
        work.position = work.read_to = 0

    monkeypatch.setattr(LaneWork, "_restored", restored)
    monkeypatch.setattr(LaneWork, "_positioned", positioned)
    holder = Holder()
    job = Job("job", (LANE.topic,), "table", lambda lane, rows: holder, idle_seconds=None)  # type: ignore[arg-type,return-value]

    async def caught_up() -> None: ...

    around = SimpleNamespace(batch_records=10, connect=lambda lane: Producer(), caught_up=caught_up)
    running = asyncio.create_task(LaneWork(LANE, job, around).run())  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await holder.resumed.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert holder.resumed.is_set()
