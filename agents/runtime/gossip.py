"""Gossip: joins the exchanges of all workers by the topic `progress`.

Plain messages, compacted by lane: what is said stays true, so that one message less or twice does no harm, and only the
latest is needed.  Nobody's transaction is in the way of reading them.
"""

import asyncio
from collections.abc import Callable, Collection

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord, TopicPartition
from msgspec import MsgspecError

from agents.runtime.contract import Lane
from agents.runtime.exchange import Exchange
from agents.runtime.patience import Patience
from streams.events import Barrier, encode_record
from streams.progress import Said, decode_said, encode_said
from streams.topics import PROGRESS, USER_EVENTS

log = structlog.get_logger(__name__)
CALL_SECONDS = 30.0
NUDGE_SECONDS = 0.005
"""So long news gathers before the lanes of this worker are nudged."""
TELL_SECONDS = 0.025
"""So long it gathers before other workers are told: each message costs them and the broker a request."""
REFRESH_SECONDS = 1.0
"""How often other workers, and `verify`, hear how far the lanes are for which nobody waits."""
FETCH_BYTES, FETCH_WAIT_MS = 1 << 20, 25
"""A fetch is answered after so long with what there is by then, not for each message."""
POLL_MS = 200


class Gossip:
    """Tells other workers what the lanes of this one say, and the lanes of this one what others say."""

    def __init__(self, exchange: Exchange, *, bootstrap: str, partitions: int, nudge: Callable[[], None]) -> None:
        self._exchange = exchange
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._nudge = nudge
        self._consumer: AIOKafkaConsumer | None = None
        self._producer: AIOKafkaProducer | None = None
        self._read_to: dict[TopicPartition, int] = {}
        self._moved = asyncio.Condition()

    async def start(self) -> None:
        """Connect; `run` does the rest."""
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_min_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=True, linger_ms=0)
        async with Patience(CALL_SECONDS):
            await self._consumer.start()
            await self._producer.start()
            self._consumer.assign([TopicPartition(PROGRESS.name, number) for number in range(self._partitions)])

    async def stop(self) -> None:
        """Disconnect."""
        async with Patience(CALL_SECONDS):
            if self._consumer is not None:
                await self._consumer.stop()
            if self._producer is not None:
                await self._producer.stop()

    async def run(self) -> None:
        """Hear and tell until cancelled; whatever goes wrong is raised."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(), name="hear progress")
            tasks.create_task(self._nudge_lanes(), name="nudge lanes")
            tasks.create_task(self._tell(), name="tell progress")
            tasks.create_task(self._refresh(), name="refresh progress")

    async def caught_up(self) -> None:
        """Wait until everything is heard that was said up to now."""
        consumer = self._consumer
        assert consumer is not None
        async with Patience(CALL_SECONDS):
            ends = await consumer.end_offsets(sorted(consumer.assignment()))
            async with self._moved:
                await self._moved.wait_for(lambda: all(self._read_to.get(tp, 0) >= end for tp, end in ends.items()))

    async def barriers(self, lane: Lane) -> dict[int, int]:
        """Write a barrier of `lane` to each partition of `user-events`; return the offsets after them."""
        producer = self._producer
        assert producer is not None
        value = encode_record(Barrier(str(lane)))
        async with Patience(CALL_SECONDS):
            sent = [
                await producer.send(USER_EVENTS.name, value=value, partition=partition)
                for partition in range(self._partitions)
            ]
            return {partition: (await one).offset + 1 for partition, one in enumerate(sent)}

    async def _hear(self) -> None:
        consumer = self._consumer
        assert consumer is not None
        while True:
            found = await consumer.getmany(timeout_ms=POLL_MS)
            for records in found.values():
                for record in records:
                    self._heard(record)
            async with self._moved:
                for tp in consumer.assignment():
                    self._read_to[tp] = await consumer.position(tp)
                self._moved.notify_all()

    def _heard(self, record: ConsumerRecord) -> None:
        try:
            said = decode_said(record.value or b"")
        except MsgspecError as error:
            log.warning("no progress", partition=record.partition, offset=record.offset, problem=str(error))
        else:
            self._exchange.hear(said)

    async def _nudge_lanes(self) -> None:
        board, before = self._exchange.board, None
        while True:
            await self._exchange.changed.wait()
            await asyncio.sleep(NUDGE_SECONDS)
            self._exchange.changed.clear()
            waited_for = min(board.decided, board.wanted)
            if (seen := (board.levels, board.wanted, waited_for, board.catches_up)) != before:
                before = seen
                self._nudge()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            unsent, self._exchange.unsent = self._exchange.unsent, {}
            await self._send(unsent.items())

    async def _refresh(self) -> None:
        told: dict[str, Said] = {}
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            news = {key: said for key, said in self._exchange.progress.items() if told.get(key) != said}
            told |= news
            for key, said in news.items():
                self._exchange.pass_on(said, key)

    async def _send(self, said: Collection[tuple[str, Said]]) -> None:
        producer = self._producer
        assert producer is not None
        async with Patience(CALL_SECONDS):
            sent = [
                await producer.send(
                    PROGRESS.name, key=key.encode(), value=encode_said(one), partition=_partition(one.lane)
                )
                for key, one in said
            ]
            for one in sent:
                await one
        for _, one in said:
            self._exchange.hear(one)


def _partition(lane: str) -> int:
    """Keep a lane's messages in order: all go to the partition of its number."""
    return int(lane.rpartition("/")[2])
