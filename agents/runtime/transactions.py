"""Transactions: one fenced producer a lane; rows, sends and the source offset become visible together or not at all."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata, TopicPartition

from agents.runtime.contract import Ends, Lane, Message, Messages
from agents.runtime.faults import SENT_TO, point
from agents.runtime.patience import Patience

BATCH_BYTES = 1 << 20
REQUEST_BYTES = 2 << 20
COMPRESSION = "snappy"
"""JSON becomes a third for 0.3 microseconds a message, reading costs nothing more; lz4 and zstd cost ten times that."""
STEP_SECONDS = 30.0
"""How long one step of a transaction may take; then the lane is in doubt, and the process leaves."""
TRANSACTION_MS = 60_000
RETRY_MS = 10
"""Between two tries of a request.  Messages and offset travel side by side, and the broker checks each with the
transaction's coordinator: of two checks at once it refuses one ("not enough replicas"), and takes it the next time.
"""

Delivery: TypeAlias = "asyncio.Future[RecordMetadata]"


class TransactionalProducer(AIOKafkaProducer):
    """aiokafka's producer, which also says why it works no more."""

    @property
    def ended_by(self) -> BaseException | None:
        """What ended its background task; None: that goes on.

        The task may find the lane fenced while a batch waits for the metadata of its topic.  The batch is then refused
        because no transaction is open, and that alone would hide why.
        """
        task = self._sender.sender_task
        return task.exception() if task.done() and not task.cancelled() else None


def transactional_producer(lane: Lane, *, bootstrap: str, app_id: str) -> TransactionalProducer:
    """Make the lane's producer, not yet started.  Its `transactional.id` is the lane's: that is what fences."""
    return TransactionalProducer(
        bootstrap_servers=bootstrap,
        client_id=f"{app_id}-{lane.topic}-{lane.partition}",
        transactional_id=f"{app_id}-{lane.topic}-{lane.partition}",
        transaction_timeout_ms=TRANSACTION_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=REQUEST_BYTES,
        request_timeout_ms=int(STEP_SECONDS * 1000),
        linger_ms=0,
        retry_backoff_ms=RETRY_MS,
        compression_type=COMPRESSION,
    )


class HandedOver(NamedTuple):
    """A batch on its way."""

    to: tuple[str, int]
    delivery: Delivery
    messages: int


class LaneProducer:
    """Writes for one lane.  `start` fences whoever owned the lane before, and ends what they left open."""

    def __init__(self, lane: Lane, producer: TransactionalProducer, *, group: str) -> None:
        self.lane = lane
        self._producer = producer
        self._group = group

    async def start(self) -> None:
        """Connect and fence (InitProducerId)."""
        async with Patience(STEP_SECONDS):
            await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; an open transaction is left to its time-out or to the next owner's fence."""
        async with Patience(STEP_SECONDS):
            await self._producer.stop()

    async def commit(
        self, changelog: tuple[str, int], rows: Mapping[bytes, bytes | None], sends: Messages, offset: int
    ) -> Ends:
        """Write rows and sends and move the group's offset of the lane to `offset`, in one transaction.

        Returns the offsets after what was written, the rows in the changelog too.  Any exception leaves the outcome in
        doubt: the caller must not go on with this lane.
        """
        try:
            return await self._commit(changelog, rows, sends, offset)
        except Exception as error:
            raise self._producer.ended_by or error from error

    async def _commit(
        self, changelog: tuple[str, int], rows: Mapping[bytes, bytes | None], sends: Messages, offset: int
    ) -> Ends:
        ends: Ends = {}
        async with Patience(STEP_SECONDS):
            await self._producer.begin_transaction()
            point("after-begin")
            written = await self._appended({changelog: [(key, row, ()) for key, row in rows.items()]})
            point("inside-rows")
            sent = await self._appended(sends)
            if sent:
                point("inside-sends")
            moved = asyncio.ensure_future(self._offset_moved(offset))  # on its way while the messages are
            try:
                await _delivered(written, ends)
                point("after-rows")
                await _delivered(sent, ends)
                point("after-sends")
                await moved
            finally:
                moved.cancel()
            point("after-offsets")
            await self._ended()
        return ends

    async def _offset_moved(self, offset: int) -> None:
        offsets = {TopicPartition(self.lane.topic, self.lane.partition): offset}
        await self._producer.send_offsets_to_transaction(offsets, self._group)

    async def _appended(self, messages: Messages) -> list[HandedOver]:
        """Hand over batches; return what tells that they are written."""
        handed_over: list[HandedOver] = []
        for (topic, partition), some in messages.items():
            handed_over += [
                HandedOver((topic, partition), *sent) for sent in await self._batched(topic, partition, some)
            ]
            point(f"{SENT_TO}{topic}")
        return handed_over

    async def _batched(self, topic: str, partition: int, messages: list[Message]) -> list[tuple[Delivery, int]]:
        """Send whole batches: 0.3 microseconds a message where `send` takes 14."""
        deliveries = []
        builder = self._producer.create_batch()
        for key, value, headers in messages:
            if builder.append(key=key, value=value, timestamp=None, headers=list(headers)) is None:
                deliveries.append(await self._sent(builder, topic, partition))
                builder = self._producer.create_batch()
                builder.append(key=key, value=value, timestamp=None, headers=list(headers))
        deliveries.append(await self._sent(builder, topic, partition))
        return deliveries

    async def _sent(self, builder: BatchBuilder, topic: str, partition: int) -> tuple[Delivery, int]:
        count = builder.record_count()
        return await self._producer.send_batch(builder, topic, partition=partition), count

    async def _ended(self) -> None:
        ending = asyncio.ensure_future(self._producer.commit_transaction())
        await asyncio.sleep(0)
        point("commit-sent")
        await ending


async def _delivered(batches: Iterable[HandedOver], ends: Ends) -> None:
    """Wait until batches are written, and note where each partition's ended."""
    for to, delivery, messages in batches:
        ends[to] = max(ends.get(to, 0), int((await delivery).offset) + messages)
