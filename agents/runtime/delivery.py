"""Delivery: Faust's consumer, changed so that an agent gets all records of a partition as one message.

Stock Faust hands over record by record, acknowledges by offset and commits by timer; each of the three loses or
doubles records (docs/decisions/0001).  Here offsets go with the lane's transaction, and every fetch is numbered: a lane
sees when Faust dropped one.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, time
from typing import Any, NamedTuple

from aiokafka.errors import IllegalStateError
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.serializers import codecs
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, Message

from agents.runtime.contract import Lane

FETCH_BYTES = 64 << 10
FETCH_WAIT_MS = 50
"""A fetch is answered when there is so much, or after so long: otherwise each few records are a fetch of their own."""


@dataclass(slots=True)
class Batch:
    """All records of one partition from one fetch."""

    lane: Lane
    records: list[ConsumerRecord]
    epoch: int
    """How often the lane had sought when this was fetched."""
    number: int
    """Fetches of this epoch so far: a missing number is a fetch that Faust dropped."""
    highwater: int
    """The partition's end when this was fetched."""
    fetched_at: int
    """Wall time (ms) of the fetch: what the partition did not have then came later."""


class AsIs(codecs.Codec):
    """A serializer that leaves a message alone: it is a `Batch` already."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, s: Any) -> Any:
        return s


codecs.register("as-is", AsIs())


class Fetched(NamedTuple):
    """What one fetch found in one partition, numbered before anything could drop it."""

    records: list[ConsumerRecord]
    epoch: int
    number: int


class CommittedThread(driver.AIOKafkaConsumerThread):
    """Reads committed records only, in fetches of some size (Faust has settings for neither), and numbers fetches.

    Seeks and numbers belong together: both happen on this thread's loop, so a fetch is of the epoch it was read in.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._epochs: dict[TP, int] = defaultdict(int)
        self._numbers: dict[TP, int] = defaultdict(int)

    async def restart_at(self, tp: TP, offset: int) -> int:
        """Fetch a partition again from `offset`; return the epoch that tells these fetches from those on their way.

        Of a partition that a rebalance has just taken nothing is fetched: its lane is about to hear of it.
        """
        return int(await self.call_thread(self._restart_at, tp, offset))

    async def _restart_at(self, tp: TP, offset: int) -> int:
        with suppress(IllegalStateError):
            self._ensure_consumer().seek(TopicPartition(tp.topic, tp.partition), offset)
        self._epochs[tp] += 1
        self._numbers[tp] = 0
        return self._epochs[tp]

    async def fetched(self, tp: TP) -> tuple[int, int]:
        """Return the present epoch, and how many fetches it has had."""
        epoch, number = await self.call_thread(self._fetched, tp)
        return int(epoch), int(number)

    async def _fetched(self, tp: TP) -> tuple[int, int]:
        return self._epochs[tp], self._numbers[tp]

    async def nothing_waits(self, tp: TP, epoch: int, number: int) -> bool:
        """Say whether the partition is read to its end, and fetch `number` of `epoch` is still to come.

        Not by the offset of the last record: a transactional producer leaves its marker behind it.  Of a partition
        that a rebalance has just taken nothing is known.
        """
        return bool(await self.call_thread(self._nothing_waits, tp, epoch, number))

    async def _nothing_waits(self, tp: TP, epoch: int, number: int) -> bool:
        consumer, partition = self._ensure_consumer(), TopicPartition(tp.topic, tp.partition)
        end = (await consumer.end_offsets([partition]))[partition]
        try:
            position = await consumer.position(partition)
        except IllegalStateError:
            return False
        return position >= end and (epoch, number) == (self._epochs[tp], self._numbers[tp])

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> dict[TP, Fetched]:
        found = await super()._fetch_records(*args, **kwargs)
        return {tp: self._numbered(tp, list(records)) for tp, records in found.items() if records}

    def _numbered(self, tp: TP, records: list[ConsumerRecord]) -> Fetched:
        number = self._numbers[tp]
        self._numbers[tp] += 1
        return Fetched(records, self._epochs[tp], number)

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = FETCH_BYTES, FETCH_WAIT_MS
        return consumer


class BatchConsumer(driver.Consumer):
    """Hands over one message a partition and fetch, with a `Batch` as its value."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.polled_at = monotonic()
        """When Faust's fetcher last asked for records: it can die without anybody noticing."""

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109  # Faust's name
        """Hand over what a fetch found.  What is dropped here, or later by Faust, leaves a gap in the numbers."""
        self.polled_at = monotonic()
        found, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if found is None or self.should_stop:
            return
        now = int(time() * 1000)
        if not self.flow_active:
            return
        for tp, fetched in found.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            # What was fetched before its lane paused is handed over: it would be missing.
            if active is None or tp in active or tp in self._paused_partitions:
                message = self._to_message(tp, fetched.records[-1])
                lane = Lane(tp.topic, tp.partition)
                batch = Batch(lane, fetched.records, fetched.epoch, fetched.number, self.highwater(tp) or 0, now)
                message.key, message.value, message.headers = b"", batch, None
                yield tp, message

    async def perform_seek(self) -> None:
        """Seek nothing after a rebalance: aiokafka goes on where the group is, and a lane seeks where it is itself.

        Faust's own seek asks the broker for each partition in turn, and the worker dies when the next rebalance takes
        one meanwhile (faust-streaming issues 54 and 94).
        """
        self._read_offset.clear()  # else Faust drops what is below its own mark

    async def restart_at(self, tp: TP, offset: int) -> int:
        """Fetch a partition again from `offset`; return the epoch of what comes from there."""
        self._read_offset[tp] = None  # else Faust drops what is below its own mark
        epoch = await self._thread.restart_at(tp, offset)
        self._read_offset[tp] = None
        return int(epoch)

    def ack(self, message: Message) -> bool:
        """Forget a delivered message; nothing is committed for it."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def commit(self, *args: Any, **kwargs: Any) -> bool:
        """Commit nothing: offsets go with the transaction."""
        return False

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Note nothing: gaps matter to Faust's commits only."""


class BatchTransport(driver.Transport):
    """Faust's Kafka transport with the consumer above."""

    Consumer = BatchConsumer
