"""Engine: Faust made exact.  Faust keeps the process, the group and the agents; lanes keep delivery, rows and commits.

Its promise: what a batch comes to - rows, sends, source offset - happens once or not at all, whatever dies.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import faust
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition
from faust import streams as faust_streams
from faust.types.tuples import TP

from agents.runtime.contract import Job, Lane
from agents.runtime.delivery import Batch, BatchConsumer, BatchTransport
from agents.runtime.exchange import Exchange
from agents.runtime.faults import point
from agents.runtime.gossip import Gossip
from agents.runtime.lanes import LaneFencedError, LaneWork, Observer, Surroundings
from agents.runtime.patience import Patience
from agents.runtime.restore import changelog_consumer
from agents.runtime.stores import MemoryStore, RocksStore, Store
from agents.runtime.transactions import LaneProducer, transactional_producer
from agents.runtime.watchdog import Watchdog

log = structlog.get_logger(__name__)
IN_DOUBT, FENCED = 70, 71
"""Exit codes: a transaction's outcome is unknown; another worker owns one of our lanes."""
REST_SECONDS = 20.0
"""How long a rebalance waits for batches at work; less than the group's rebalance time-out."""
CALL_SECONDS = 30.0
CANCEL_SECONDS = 0.5
"""How long a cancelled lane has to end before it is cancelled again."""
STOP_SECONDS = 9.5
"""How long a graceful stop may take: ten seconds are promised."""


class Engine:
    """Runs jobs on a Faust app."""

    def __init__(
        self,
        app: faust.App,
        jobs: Iterable[Job],
        *,
        exchange: Exchange,
        partitions: int,
        bootstrap: str,
        app_id: str,
        changelog: Callable[[str], str],
        observer: Observer,
        rocks_dir: Path | None,
        batch_records: int,
        stall_seconds: float,
    ) -> None:
        self.app = app
        self.jobs = {topic: job for job in jobs for topic in job.topics}
        self.lanes: dict[Lane, LaneWork] = {}
        self.assigned = asyncio.Event()
        self._tasks: dict[Lane, asyncio.Task[None]] = {}
        self._bootstrap, self._app_id, self._changelog = bootstrap, app_id, changelog
        self._observer, self._rocks_dir, self._batch_records = observer, rocks_dir, batch_records
        self._around: Surroundings | None = None
        self._exchange = exchange
        self._gossip = Gossip(exchange, bootstrap=bootstrap, partitions=partitions, nudge=self._nudge)
        self._gossiping: asyncio.Task[None] | None = None
        self._watchdog = Watchdog(self._stalled, seconds=stall_seconds)
        self._stall_seconds = stall_seconds
        app.transport = BatchTransport(app.conf.broker_consumer, app)
        app.on_partitions_revoked.connect(self._revoked)
        app.on_partitions_assigned.connect(self._assigned)

    @property
    def ready(self) -> bool:
        """Whether all lanes of this worker are open."""
        return self.assigned.is_set() and all(work.is_open for work in self.lanes.values())

    async def take(self, batches: Any) -> None:
        """Hand an agent's batches to their lanes; an agent's whole body."""
        async for batch in batches:
            await self._put(batch)

    async def stop(self) -> None:
        """Finish the batches at work and let go of all lanes; what hangs is left behind."""
        self._watchdog.leave_within(STOP_SECONDS)
        async with asyncio.timeout(REST_SECONDS):
            await self._close(set(self.lanes))
        if self._gossiping is not None:
            await _cancelled({self._gossiping})
            await self._gossip.stop()
        if self._around is not None:
            await self._around.plain.stop()

    # -- what lanes ask of the consumer (lanes.Delivery)

    async def committed(self, lane: Lane) -> int:
        """Return the group's committed offset; 0: none."""
        consumer = self._consumer._thread
        found = await _bounded(consumer.call_thread(consumer._consumer.committed, TopicPartition(*lane)))
        return found or 0

    async def nothing_waits(self, lane: Lane, epoch: int, number: int) -> bool:
        """Say whether the partition is read to its end, and fetch `number` of `epoch` is still to come."""
        return bool(await _bounded(self._consumer._thread.nothing_waits(TP(*lane), epoch, number)))

    async def fetched(self, lane: Lane) -> tuple[int, int]:
        """Return the present epoch, and how many fetches it has had."""
        epoch, number = await _bounded(self._consumer._thread.fetched(TP(*lane)))
        return epoch, number

    async def restart_at(self, lane: Lane, offset: int) -> int:
        """Fetch again from an offset."""
        return int(await _bounded(self._consumer.restart_at(TP(*lane), offset)))

    def pause(self, lane: Lane) -> None:
        """Fetch nothing more of a lane until `go_on`; what is on its way still comes."""
        self._consumer.pause_partitions({TP(*lane)})

    def go_on(self, lane: Lane) -> None:
        """Fetch on."""
        self._consumer.resume_partitions({TP(*lane)})

    # -- rebalances

    async def _revoked(self, app: Any, revoked: set[TP], **kwargs: Any) -> None:
        point("in-revoke")
        self.assigned.clear()
        async with asyncio.timeout(REST_SECONDS):
            await asyncio.gather(*(work.rest() for work in self.lanes.values()))

    async def _assigned(self, app: Any, assigned: set[TP], **kwargs: Any) -> None:
        around = await self._surroundings()
        wanted = {Lane(tp.topic, tp.partition) for tp in assigned if tp.topic in self.jobs}
        await self._close(set(self.lanes) - wanted)
        for lane in sorted(wanted):
            if lane in self.lanes:
                self.lanes[lane].resume()
            else:
                self._open(lane, around)
        self._observer.assigned(wanted)
        log.info("assigned", lanes=len(wanted))
        self.assigned.set()

    def _open(self, lane: Lane, around: Surroundings) -> None:
        work = self.lanes[lane] = LaneWork(lane, self.jobs[lane.topic], around)
        task = self._tasks[lane] = asyncio.create_task(work.run(), name=f"lane {lane}")
        task.add_done_callback(lambda done: self._ended(lane, done))

    async def _close(self, lanes: set[Lane]) -> None:
        await asyncio.gather(*(self.lanes.pop(lane).rest() for lane in lanes))
        await _cancelled({self._tasks.pop(lane) for lane in lanes})
        for lane in lanes:
            self._exchange.let_go(str(lane))

    def _ended(self, lane: Lane, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, LaneFencedError):
            self._observer.taken(lane)
            leave(FENCED, f"{lane} belongs to another worker now")
        log.error("lane failed", lane=str(lane), exc_info=error)
        leave(IN_DOUBT, f"{lane}: {error!r}")

    def _nudge(self) -> None:
        for work in self.lanes.values():
            work.nudge()

    def _gossip_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            log.error("progress of other lanes is not heard any more", exc_info=task.exception())
            leave(IN_DOUBT, f"gossip: {task.exception()!r}")

    async def _surroundings(self) -> Surroundings:
        if self._around is None:
            plain = AIOKafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=True)
            await _bounded(plain.start())
            await self._gossip.start()
            self._gossiping = asyncio.create_task(self._gossip.run(), name="gossip")
            self._gossiping.add_done_callback(self._gossip_ended)
            self._around = Surroundings(
                connect=self._connect,
                changelog_consumer=lambda: changelog_consumer(self._bootstrap),
                plain=plain,
                delivery=self,
                observer=self._observer,
                open_store=self._open_store,
                changelog=self._changelog,
                barriers=self._gossip.barriers,
                caught_up=self._gossip.caught_up,
                batch_records=self._batch_records,
            )
            self._watchdog.start()
            self.app.add_future(self._beat())
        return self._around

    def _connect(self, lane: Lane) -> LaneProducer:
        producer = transactional_producer(lane, bootstrap=self._bootstrap, app_id=self._app_id)
        return LaneProducer(lane, producer, group=self._app_id)

    def _open_store(self, job: Job, lane: Lane) -> Store:
        if self._rocks_dir is None:
            return MemoryStore()
        return RocksStore(self._rocks_dir / f"{self._app_id}-{job.table}-{lane.topic}-{lane.partition}")

    # -- progress

    async def _put(self, batch: Batch) -> None:
        work = self.lanes.get(batch.lane)
        if work is not None:
            await work.put(batch)

    async def _beat(self) -> None:
        while not self.app.should_stop:
            self._watchdog.beat()
            await asyncio.sleep(1.0)

    def _stalled(self) -> str | None:
        """Name a lane that has something to do and does nothing; called by the watchdog's thread."""
        now = monotonic()
        unpolled = now - self._consumer.polled_at
        if unpolled > self._stall_seconds:
            return f"nothing fetched for {unpolled:.0f} s"
        for lane, work in list(self.lanes.items()):
            silent = now - work.progressed_at
            if silent > self._stall_seconds:
                return f"{lane}: nothing done for {silent:.0f} s (position {work.position})"
        return None

    @property
    def _consumer(self) -> BatchConsumer:
        consumer = self.app.consumer
        assert isinstance(consumer, BatchConsumer)
        return consumer


def compiled_faust() -> bool:
    """Whether Faust's compiled extension is there: without it, messages of a former generation are acknowledged."""
    return faust_streams._CStreamIterator is not None


async def _cancelled(tasks: set["asyncio.Task[None]"]) -> None:
    """Cancel until they have ended: a client of Kafka that is just being closed keeps a cancellation for itself."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)


async def _bounded(call: Coroutine[Any, Any, Any]) -> Any:
    async with Patience(CALL_SECONDS):
        return await call


def leave(code: int, reason: str) -> NoReturn:
    """Leave at once: any further step could build on a state that never was."""
    sys.stderr.write(f"touchline worker: leaving with {code}: {reason}\n")
    sys.stderr.flush()
    os._exit(code)
