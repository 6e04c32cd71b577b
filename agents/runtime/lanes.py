"""Lanes: the life of one partition in this process - fence, barrier, restore, then batch by batch."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced
from aiokafka.structs import ConsumerRecord

from agents.runtime.contract import Effects, Job, Lane, Processor
from agents.runtime.delivery import Batch
from agents.runtime.faults import point
from agents.runtime.restore import restore, write_barrier
from agents.runtime.stores import Store
from agents.runtime.transactions import LaneProducer
from agents.runtime.waiting import Waiting

log = structlog.get_logger(__name__)
REST = 1.0
MOST_REST_SECONDS = 0.3
"""After a transaction a lane rests so many times as long as that took, unless half a batch waits by then.

Each transaction costs the broker and this process some milliseconds, however little it brings.  Where that is much for
the machine, transactions take long, lanes rest longer and bring more at once; where it is nothing nobody waits.
"""
LOOK_SECONDS = 1.0
"""Between two looks whether Faust has dropped a fetch: what was fetched may take a moment to come here."""
HELD_UP_SECONDS = 1.0
"""How long a lane that is ahead of others waits at most before it looks again."""
FENCED = (ProducerFenced, InvalidProducerEpoch)


class LaneFencedError(Exception):
    """Another worker owns the lane: nothing that this process does to it counts any more."""


class Delivery(Protocol):
    """What a lane asks of the consumer."""

    async def committed(self, lane: Lane) -> int:
        """Return the group's committed offset; 0: none."""

    async def nothing_waits(self, lane: Lane, epoch: int, number: int) -> bool:
        """Say whether the partition is read to its end, and fetch `number` of `epoch` is still to come."""

    async def fetched(self, lane: Lane) -> tuple[int, int]:
        """Return the present epoch, and how many fetches it has had."""

    async def restart_at(self, lane: Lane, offset: int) -> int:
        """Fetch again from an offset; return the epoch of the batches that come from there."""

    def pause(self, lane: Lane) -> None:
        """Fetch nothing more of the lane until `go_on`; what is on its way still comes."""

    def go_on(self, lane: Lane) -> None:
        """Fetch on."""


class Observer(Protocol):
    """Hears what a lane does: metrics, in production."""

    def assigned(self, lanes: Collection[Lane]) -> None:
        """After a rebalance these lanes, and no others, are this worker's."""

    def taken(self, lane: Lane) -> None:
        """Another worker has a lane of ours; the process leaves."""

    def restored(self, lane: Lane, rows: int, seconds: float) -> None:
        """Hear that the lane's rows are up to date."""

    def committed(self, lane: Lane, agent: str, records: int, seconds: float, transaction_seconds: float) -> None:
        """Hear that a batch is committed and applied."""

    def behind(self, lane: Lane, messages: int, seconds: float) -> None:
        """So far is the lane behind its partition's end."""

    def repaired(self, lane: Lane) -> None:
        """Faust had dropped a fetch; it is fetched again."""


@dataclass(slots=True)
class Surroundings:
    """What all lanes of a process share."""

    connect: Callable[[Lane], LaneProducer]
    """Makes a lane's producer, not yet started."""
    changelog_consumer: Callable[[], AIOKafkaConsumer]
    """Makes a reader of committed rows, not yet started."""
    plain: AIOKafkaProducer
    """Writes barriers."""
    delivery: Delivery
    observer: Observer
    open_store: Callable[[Job, Lane], Store]
    changelog: Callable[[str], str]
    barriers: Callable[[Lane], Awaitable[Mapping[int, int]]]
    """Writes a barrier to each partition for which lanes of people may wait; returns the offsets after them."""
    caught_up: Callable[[], Awaitable[None]]
    """Waits until this process knows what all lanes have said of their progress so far."""
    batch_records: int
    """Most records in one transaction; a single fetch may bring more."""


@dataclass(slots=True)
class LaneWork:
    """One lane at work."""

    lane: Lane
    job: Job
    around: Surroundings
    position: int = -1
    """Offset up to which everything is committed; -1 while the lane opens."""
    read_to: int = -1
    """Offset of the next record to read: a processor may hold back what it has read."""
    progressed_at: float = field(default_factory=monotonic)
    highwater: int = 0
    _epoch: int = -1
    _number: int = 0
    _awaited: tuple[int, int] = (-1, 0)
    """Fetches that there had been at the last look, as nothing came."""
    _looks_at: float = 0.0
    """Monotonic seconds."""
    _rests_until: float = 0.0
    """Monotonic seconds."""
    _resting: asyncio.Event = field(default_factory=asyncio.Event)
    _held_up: bool = False
    """Whether it waits for others, well ahead of them."""
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: Waiting = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = Waiting(self.around.batch_records)

    @property
    def is_open(self) -> bool:
        """Whether the lane takes batches."""
        return self.position >= 0

    async def put(self, batch: Batch) -> None:
        """Take a batch.  While the lane opens it is dropped: opening ends with a seek."""
        self.highwater = batch.highwater
        if self.is_open and not self._resting.is_set():
            await self._waiting.put(batch)

    async def rest(self) -> None:
        """Finish the batch at work and drop those that wait: a rebalance, or the end."""
        self._resting.set()
        self._waiting.drain()
        async with self._busy:
            self._waiting.drain()

    def nudge(self) -> None:
        """Other lanes have come on: what is held back may be due."""
        if self.is_open:
            self._waiting.nudge()

    def resume(self) -> None:
        """Go on after a rebalance that left the lane here."""
        self._resting.clear()
        self._progressed()

    async def run(self) -> None:
        """Open, then work until cancelled.  Whatever goes wrong leaves the outcome in doubt and is raised."""
        producer = self.around.connect(self.lane)
        store: Store | None = None
        try:
            await producer.start()
            store = await self._restored()
            await self.around.caught_up()
            processor = self.job.make(self.lane, store)
            processor.opened(await self.around.barriers(self.lane) if processor.has_sent() else {})
            await self._positioned(store)
            self._waiting.nudge()  # time may have come on since the rows were written, and may stand still now
            await self._work(producer, store, processor)
        except asyncio.CancelledError:
            with suppress(Exception):  # the lane is given up: whoever takes it ends what is left open
                await producer.stop()
            raise
        except FENCED as error:
            raise LaneFencedError(str(self.lane)) from error
        finally:
            # After a failure the producer is not stopped: that waits for what it still has to send, in vain, and hides
            # why the lane failed.
            if store is not None:
                store.close()

    async def _restored(self) -> Store:
        point("after-fence")
        started = monotonic()
        changelog = self.around.changelog(self.job.table)
        barrier = await write_barrier(self.around.plain, changelog, self.lane.partition)
        store = self.around.open_store(self.job, self.lane)
        rows = await restore(
            store,
            self.around.changelog_consumer(),
            changelog=changelog,
            partition=self.lane.partition,
            barrier=barrier,
            progress=self._progressed,
        )
        self.around.observer.restored(self.lane, rows, monotonic() - started)
        return store

    async def _positioned(self, store: Store) -> None:
        """Take the position from the rows, it was committed with them; the group's offset may show a moment later."""
        committed = await self.around.delivery.committed(self.lane)
        position = int.from_bytes(store.get(self._position_key) or b"", "big")
        if committed > position:
            msg = f"{self.lane}: the group is at {committed}, the rows at {position}: rows were lost; use a new app id"
            raise RuntimeError(msg)
        self._epoch = await self.around.delivery.restart_at(self.lane, position)
        self._number = 0
        self.position = self.read_to = position
        self._progressed()
        log.info("lane open", lane=str(self.lane), position=position)

    async def _work(self, producer: LaneProducer, store: Store, processor: Processor) -> None:
        while True:
            await self._waiting.gather(self._rests_until - monotonic())
            batches = await self._next(processor)
            if self._resting.is_set():
                await asyncio.sleep(0.01)
                continue
            async with self._busy:
                if batches:
                    await self._apply(batches, producer, store, processor)
                elif self._waiting.nudged():
                    await self._done(processor.resume(), producer, store)
                elif not self._held_up and not self._waiting:
                    await self._quiet(producer, store, processor)
                self._progressed()

    async def _next(self, processor: Processor) -> list[Batch]:
        """Wait for batches, or until others have come on; a lane that is ahead of these lets them catch up."""
        self._hold_up(yes=not processor.may_fold())
        if not self._held_up:
            return await self._waiting.take(self.job.idle_seconds or 1.0)
        await self._waiting.until_nudged(HELD_UP_SECONDS)
        return []

    def _hold_up(self, *, yes: bool) -> None:
        """Fetch nothing more for a while, or go on.

        What is on its way is let in: the lanes of a topic get their batches one after the other, and those that this
        one waits for may be behind it.
        """
        if yes != self._held_up:
            self._held_up = yes
            self._waiting.let_all_in(yes=yes)
            (self.around.delivery.pause if yes else self.around.delivery.go_on)(self.lane)

    async def _apply(self, batches: list[Batch], producer: LaneProducer, store: Store, processor: Processor) -> None:
        """Fold all that waits as one, and commit what it comes to."""
        point("after-fetch")
        fit = await self._contiguous(batches)
        records = self._unread(fit)
        if not records:
            return
        started = monotonic()
        effects = processor.fold(records, _told_until(fit[-1]), fit[-1].fetched_at)
        point("after-fold")
        await self._done(effects, producer, store, records=len(records), started=started)
        self._report(fit[-1], records[-1].timestamp)

    async def _done(
        self,
        effects: Effects | None,
        producer: LaneProducer,
        store: Store,
        *,
        records: int = 0,
        started: float | None = None,
    ) -> None:
        """Commit what something came to, if it came to anything, and rest."""
        if effects is None:
            return
        transaction_started = monotonic()
        await self._commit(effects, producer, store)
        if effects.more:
            self._waiting.nudge()
        now = monotonic()
        taken = now - (started if started is not None else transaction_started)
        self._rests_until = now + min(REST * taken, MOST_REST_SECONDS)
        done = records if effects.records is None else effects.records
        self.around.observer.committed(self.lane, self.job.name, done, taken, now - transaction_started)

    def _report(self, batch: Batch, newest: int) -> None:
        waiting = max(0, batch.highwater - self.position)
        seconds = max(0.0, batch.fetched_at - newest) / 1000 if waiting else 0.0
        self.around.observer.behind(self.lane, waiting, seconds)

    async def _quiet(self, producer: LaneProducer, store: Store, processor: Processor) -> None:
        """Nothing came for a while: fetch again if something should have, else let time pass."""
        now = monotonic()
        if now >= self._looks_at + LOOK_SECONDS:
            self._looks_at = now
            fetched, awaited = await self.around.delivery.fetched(self.lane), self._awaited
            self._awaited = fetched
            if fetched > (self._epoch, self._number) and fetched == awaited:
                await self._fetch_again()
                return
        if self.job.idle_seconds is not None:
            await self._idle(producer, store, processor)

    async def _idle(self, producer: LaneProducer, store: Store, processor: Processor) -> None:
        """Let time pass, if really nothing waits: the fetcher may only be busy with other lanes."""
        now = int(time() * 1000)
        if not processor.wants_time(now):
            return
        if not await self.around.delivery.nothing_waits(self.lane, self._epoch, self._number):
            return
        effects = processor.idle(now)
        if effects is not None:
            await self._commit(effects, producer, store)

    async def _contiguous(self, batches: list[Batch]) -> list[Batch]:
        """Return the batches up to the first that is not the next fetch of this epoch; then fetch again.

        A batch of a former epoch was on its way when the lane sought: it is left out.
        Offsets alone can't tell: transaction markers and compaction leave holes of their own.
        """
        fit: list[Batch] = []
        for batch in batches:
            if batch.epoch != self._epoch:
                continue
            if batch.number != self._number:
                await self._fetch_again()
                break
            self._number += 1
            fit.append(batch)
        return fit

    def _unread(self, batches: list[Batch]) -> list[ConsumerRecord]:
        """Return the records that were not read before.  A seek of Faust's own may bring some a second time."""
        unread: list[ConsumerRecord] = []
        for batch in batches:
            fresh = [record for record in batch.records if record.offset >= self.read_to]
            if fresh:
                self.read_to = fresh[-1].offset + 1
                unread += fresh
        return unread

    async def _fetch_again(self) -> None:
        log.warning("fetch again", lane=str(self.lane), position=self.read_to)
        self.around.observer.repaired(self.lane)
        self._epoch = await self.around.delivery.restart_at(self.lane, self.read_to)
        self._number = 0

    async def _commit(self, effects: Effects, producer: LaneProducer, store: Store) -> None:
        end = self.read_to if effects.position is None else effects.position
        rows = effects.rows | {self._position_key: end.to_bytes(8, "big")}
        changelog = (self.around.changelog(self.job.table), self.lane.partition)
        ends = await producer.commit(changelog, rows, effects.sends, end)
        point("after-commit")
        store.write(rows, ends[changelog])
        self.position = end
        point("after-apply")
        if effects.committed is not None:
            effects.committed(ends)

    def _progressed(self) -> None:
        self.progressed_at = monotonic()

    @property
    def _position_key(self) -> bytes:
        return b"@position/" + self.lane.topic.encode()


def _told_until(batch: Batch) -> int:
    """Up to when (ms) a partition has told what it knows: all of it, or as far as its last record goes.

    Never beyond the fetch: a sender's clock may run ahead.
    """
    newest = batch.records[-1]
    return batch.fetched_at if newest.offset + 1 >= batch.highwater else min(newest.timestamp, batch.fetched_at)
