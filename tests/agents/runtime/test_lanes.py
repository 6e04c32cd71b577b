"""A lane's guard: only the next fetch of the present epoch is worked on; what Faust dropped is fetched again."""

import asyncio
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import ProducerFenced
from aiokafka.structs import ConsumerRecord

from agents.runtime import lanes
from agents.runtime.contract import Job, Lane
from agents.runtime.delivery import Batch
from agents.runtime.lanes import LaneFencedError, LaneWork, _told_until

LANE = Lane("web-events", 3)
T0 = 1_760_000_000_000


def record(offset: int, timestamp: int = T0) -> ConsumerRecord:
    return ConsumerRecord(LANE.topic, LANE.partition, offset, timestamp, 0, None, b"{}", None, 0, 2, ())


def batch(*offsets: int, epoch: int = 1, number: int = 0, highwater: int = 100, fetched_at: int = T0) -> Batch:
    return Batch(LANE, [record(offset) for offset in offsets], epoch, number, highwater, fetched_at)


@dataclass
class Surroundings:
    """Notes where the lane wants to fetch again, and what it reports."""

    restarts: list[int] = field(default_factory=list)
    repairs: int = 0
    batch_records: int = 10
    fetches: tuple[int, int] = (1, 0)
    """Epoch and number of the next fetch."""

    async def restart_at(self, lane: Lane, offset: int) -> int:
        self.restarts.append(offset)
        return 1 + len(self.restarts)

    async def fetched(self, lane: Lane) -> tuple[int, int]:
        return self.fetches

    def repaired(self, lane: Lane) -> None:
        self.repairs += 1

    @property
    def delivery(self) -> "Surroundings":
        return self

    observer = delivery


class Fenced:
    """A producer whose lane another worker has taken, and which has something left to send."""

    async def start(self) -> None:
        raise ProducerFenced

    async def stop(self) -> None:
        raise TimeoutError("what is left to send is never taken")


class Stuck:
    """A producer that neither starts nor stops."""

    async def start(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        raise TimeoutError("what is left to send is never taken")


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@pytest.fixture
def work(around: Surroundings) -> LaneWork:
    job = Job("job", (LANE.topic,), "table", lambda lane, rows: None, idle_seconds=None)  # type: ignore[arg-type,return-value]
    return LaneWork(LANE, job, around, position=10, read_to=10, _epoch=1)  # type: ignore[arg-type]


async def test_fetches_in_order_pass(work: LaneWork, around: Surroundings) -> None:
    batches = [batch(10 + number, number=number) for number in range(3)]
    assert await work._contiguous(batches) == batches
    assert around.restarts == []


async def test_a_missing_fetch_is_fetched_again_from_where_the_lane_has_read_to(
    work: LaneWork, around: Surroundings
) -> None:
    before, after = batch(10, number=0), batch(30, number=2)
    assert await work._contiguous([before, after, batch(40, number=3)]) == [before]
    assert (around.restarts, around.repairs) == ([10], 1)
    again = batch(10, epoch=2, number=0)
    assert await work._contiguous([batch(50, number=4), again]) == [again]


def test_what_a_seek_of_fausts_own_brings_a_second_time_is_left_out(work: LaneWork) -> None:
    batches = [batch(9, 10, number=0), batch(10, 11, number=1), batch(10, number=2), batch(12, number=3)]
    assert [record.offset for record in work._unread(batches)] == [10, 11, 12]
    assert work._unread([batch(11, 12, number=4)]) == []
    assert work.read_to == 13


async def test_a_fetch_of_a_former_epoch_is_left_out(work: LaneWork, around: Surroundings) -> None:
    of_now = batch(10, epoch=1, number=0)
    assert await work._contiguous([batch(30, epoch=0, number=0), of_now]) == [of_now]
    assert around.restarts == []


async def test_a_hole_in_the_offsets_is_no_missing_fetch(work: LaneWork, around: Surroundings) -> None:
    batches = [batch(10, 11), batch(17, 19, number=1)]
    assert await work._contiguous(batches) == batches, "transaction markers and compaction leave holes"
    assert around.restarts == []


async def test_a_fetch_that_was_dropped_with_none_after_it_is_missed_at_the_second_look(
    work: LaneWork, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LOOK_SECONDS", 0.0)
    around.fetches = (1, 1)
    await work._quiet(None, None, None)  # type: ignore[arg-type]
    assert around.restarts == [], "it may be on its way"
    await work._quiet(None, None, None)  # type: ignore[arg-type]
    assert (around.restarts, around.repairs) == ([10], 1)


async def test_between_two_looks_a_fetch_has_a_moment_to_come(work: LaneWork, around: Surroundings) -> None:
    around.fetches = (1, 1)
    for _ in range(3):
        await work._quiet(None, None, None)  # type: ignore[arg-type]
    assert around.restarts == []


async def test_a_nudge_wakes_a_lane_that_waits_for_batches(work: LaneWork) -> None:
    waiting = asyncio.create_task(work._waiting.take(60.0))
    await asyncio.sleep(0)
    work.nudge()
    assert await waiting == []
    assert work._waiting.nudged()
    assert not work._waiting.nudged(), "one nudge is one look"


async def test_where_all_fetches_came_there_is_nothing_to_fetch_again(work: LaneWork, around: Surroundings) -> None:
    for _ in range(3):
        await work._quiet(None, None, None)  # type: ignore[arg-type]
    assert around.restarts == []


async def test_while_it_opens_a_lane_takes_nothing(around: Surroundings, work: LaneWork) -> None:
    work.position = -1
    await work.put(batch(10))
    assert not work._waiting


async def test_at_rest_a_lane_drops_what_waits_and_takes_nothing(work: LaneWork) -> None:
    await work.put(batch(10))
    await work.rest()
    await work.put(batch(11))
    assert not work._waiting
    work.resume()
    await work.put(batch(12))
    assert len(work._waiting) == 1


async def test_that_a_lane_is_fenced_is_not_hidden_by_what_its_producer_cannot_finish(work: LaneWork) -> None:
    work.around.connect = lambda lane: Fenced()  # type: ignore[assignment,return-value]
    with pytest.raises(LaneFencedError, match="web-events/3"):
        await work.run()


async def test_a_lane_that_is_given_up_is_given_up_whatever_its_producer_cannot_finish(work: LaneWork) -> None:
    work.around.connect = lambda lane: Stuck()  # type: ignore[assignment,return-value]
    task = asyncio.create_task(work.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_time_is_told_up_to_the_fetch_where_nothing_more_waits() -> None:
    assert _told_until(batch(98, 99, fetched_at=T0 + 5)) == T0 + 5


def test_time_is_told_up_to_the_last_record_while_more_waits() -> None:
    assert _told_until(batch(10, 11, fetched_at=T0 + 5)) == T0


def test_a_senders_clock_that_runs_ahead_tells_nothing_beyond_the_fetch() -> None:
    assert _told_until(batch(10, 11, fetched_at=T0 - 60_000)) == T0 - 60_000
