"""Transactions: one fenced producer a lane; rows, sends and the source offset become visible together or not at all."""

import asyncio
from collections.abc import Iterable
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata, TopicPartition

from agents.runtime.contract import Lane, Send
from agents.runtime.faults import point

BATCH_BYTES = 1 << 20
REQUEST_BYTES = 2 << 20
STEP_SECONDS = 30.0
"""How long one step of a transaction may take; then the lane is in doubt, and the process leaves."""
TRANSACTION_MS = 60_000

Delivery: TypeAlias = "asyncio.Future[RecordMetadata]"


def transactional_producer(lane: Lane, *, bootstrap: str, app_id: str) -> AIOKafkaProducer:
    """Make the lane's producer, not yet started.  Its `transactional.id` is the lane's: that is what fences."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=f"{app_id}-{lane.topic}-{lane.partition}",
        transactional_id=f"{app_id}-{lane.topic}-{lane.partition}",
        transaction_timeout_ms=TRANSACTION_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=REQUEST_BYTES,
        request_timeout_ms=int(STEP_SECONDS * 1000),
        linger_ms=0,
    )


class LaneProducer:
    """Writes for one lane.  `start` fences whoever owned the lane before, and ends what they left open."""

    def __init__(self, lane: Lane, producer: AIOKafkaProducer, *, group: str) -> None:
        self.lane = lane
        self._producer = producer
        self._group = group

    async def start(self) -> None:
        """Connect and fence (InitProducerId)."""
        async with asyncio.timeout(STEP_SECONDS):
            await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; an open transaction is left to its time-out or to the next owner's fence."""
        async with asyncio.timeout(STEP_SECONDS):
            await self._producer.stop()

    async def commit(self, rows: Iterable[Send], sends: Iterable[Send], offset: int) -> int:
        """Write rows and sends and move the group's offset of the lane to `offset`, in one transaction.

        Returns the changelog offset after the rows.  Any exception leaves the outcome in doubt: the caller must not go
        on with this lane.
        """
        async with asyncio.timeout(STEP_SECONDS):
            await self._producer.begin_transaction()
            point("after-begin")
            rows_end = await self._written(rows, "inside-rows")
            point("after-rows")
            await self._written(sends, "inside-sends")
            point("after-sends")
            offsets = {TopicPartition(self.lane.topic, self.lane.partition): offset}
            await self._producer.send_offsets_to_transaction(offsets, self._group)
            point("after-offsets")
            await self._ended()
        return rows_end

    async def _written(self, sends: Iterable[Send], inside: str) -> int:
        """Send, wait for each delivery, return the highest offset after one (of the only partition, for rows)."""
        by_partition: dict[tuple[str, int], list[Send]] = {}
        for send in sends:
            by_partition.setdefault((send.topic, send.partition), []).append(send)
        pending = [
            delivery
            for (topic, partition), records in by_partition.items()
            for delivery in await self._batched(topic, partition, records)
        ]
        if pending:
            point(inside)
        ends = [(await delivery).offset + count for delivery, count in pending]
        return max(ends, default=0)

    async def _batched(self, topic: str, partition: int, records: list[Send]) -> list[tuple[Delivery, int]]:
        """Send whole batches: 0.3 microseconds a record where `send` takes 14."""
        deliveries = []
        builder = self._producer.create_batch()
        for send in records:
            if builder.append(key=send.key, value=send.value, timestamp=None, headers=list(send.headers)) is None:
                deliveries.append(await self._sent(builder, topic, partition))
                builder = self._producer.create_batch()
                builder.append(key=send.key, value=send.value, timestamp=None, headers=list(send.headers))
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
