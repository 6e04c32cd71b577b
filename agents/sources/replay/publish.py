"""Replay, room 3.  Publish: events and marks go to `web-events`, batch by batch, in order within each partition.

In: what the timeline yields.  Out: the same in Kafka, each record acknowledged by all replicas, or an `AwayError`.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from agents.partitions import partition_of
from agents.sources.replay.timeline import Event, Mark
from streams.topics import TIME_MARK_HEADER, WEB_EVENTS

BATCH_BYTES = 256 << 10
PENDING_BATCHES = 64
"""Batches on their way before the reader of the file waits: 16 MiB."""
CONNECT_SECONDS = 15
TOPIC_SECONDS = 5
DELIVERY_SECONDS = 60

Pace = float
"""File seconds a second; infinity: as fast as Kafka takes them."""


class AwayError(Exception):
    """Kafka cannot be reached, does not have the topic, or did not acknowledge in time; the text says which."""


@dataclass(slots=True)
class Progress:
    """What has been handed to Kafka so far."""

    events: int = 0
    marks: int = 0
    without_key: int = 0
    too_long: int = 0
    """Lines that no message can hold: they are left out."""
    at: int = 0
    """Received time of the latest event, milliseconds; 0: none known."""


async def publish(
    bootstrap: str,
    items: Iterable[Event | Mark],
    *,
    pace: Pace = float("inf"),
    stamp: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Publish all items; return when all are acknowledged.  `stamp` gives each record its event's received time.

    `report` is called after each full batch and before each pause.  Raise `AwayError` if Kafka fails us; what was sent
    by then stays in the topic: a second run repeats it, and the repetition is dropped by message id.
    """
    progress = Progress()
    try:
        async with _producer(bootstrap) as producer:
            partitions = await _partitions(producer, bootstrap)
            writer = _Writer(producer, partitions, stamp=stamp)
            await _write_all(writer, items, pace, progress, report)
    except (KafkaError, TimeoutError, OSError) as error:
        msg = f"Kafka at {bootstrap}: {str(error) or type(error).__name__} (after {progress.events:,} events)"
        raise AwayError(msg) from None
    return progress


async def _write_all(
    writer: "_Writer",
    items: Iterable[Event | Mark],
    pace: Pace,
    progress: Progress,
    report: Callable[[Progress], None],
) -> None:
    pacer = _Pacer(pace)
    for item in items:
        if item.at and pacer.ahead(item.at) > 0:
            await writer.flush()
            report(progress)
            await pacer.wait(item.at)
        if isinstance(item, Mark):
            await writer.mark(item.at)
            progress.marks += 1
            continue
        _count(progress, item)
        if item.value and await writer.event(item):
            report(progress)
    await writer.flush()
    await writer.settle(0)
    report(progress)


def _count(progress: Progress, event: Event) -> None:
    progress.at = event.at or progress.at
    if event.value:
        progress.events += 1
        progress.without_key += event.key is None
    else:
        progress.too_long += 1


class _Pacer:
    """Lets file time pass at `pace` times real time, from the first item on; the past is never waited for."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._begin: tuple[float, int] | None = None

    def ahead(self, at: int) -> float:
        """Seconds until an item of this instant is due; 0 or less: now."""
        if self._pace == float("inf"):
            return 0
        self._begin = self._begin or (time.monotonic(), at)
        started, first = self._begin
        return started + (at - first) / 1000 / self._pace - time.monotonic()

    async def wait(self, at: int) -> None:
        await asyncio.sleep(max(0.0, self.ahead(at)))


class _Writer:
    """One open batch a partition, and the batches that Kafka has not acknowledged yet."""

    def __init__(self, producer: AIOKafkaProducer, partitions: int, *, stamp: bool) -> None:
        self._producer = producer
        self._partitions = partitions
        self._stamp = stamp
        self._open: list[BatchBuilder] = [producer.create_batch() for _ in range(partitions)]
        self._pending: deque[asyncio.Future[object]] = deque()
        self._turn = count()

    async def event(self, event: Event) -> bool:
        """Append one event; True if a batch went out for it."""
        if event.key is None:
            partition = next(self._turn) % self._partitions
        else:
            partition = partition_of(event.key, self._partitions)
        at = event.at if self._stamp else None
        return await self._append(partition, event.value, key=event.key, at=at)

    async def mark(self, at: int) -> None:
        """Append a mark to every partition: a record without key and value, with a header."""
        headers = [(TIME_MARK_HEADER, str(at).encode())]
        for partition in range(self._partitions):
            await self._append(partition, None, key=None, at=at, headers=headers)

    async def flush(self) -> None:
        """Send every batch that has records."""
        for partition, batch in enumerate(self._open):
            if batch.record_count():
                await self._send(partition)

    async def settle(self, most: int) -> None:
        """Wait until at most `most` batches are unacknowledged, oldest first."""
        while len(self._pending) > most:
            await asyncio.wait_for(self._pending.popleft(), DELIVERY_SECONDS)

    async def _append(
        self,
        partition: int,
        value: bytes | None,
        *,
        key: bytes | None,
        at: int | None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> bool:
        if self._open[partition].append(timestamp=at, key=key, value=value, headers=headers or []) is not None:
            return False
        await self._send(partition)
        self._open[partition].append(timestamp=at, key=key, value=value, headers=headers or [])
        return True

    async def _send(self, partition: int) -> None:
        batch, self._open[partition] = self._open[partition], self._producer.create_batch()
        batch.close()
        sending = self._producer.send_batch(batch, WEB_EVENTS.name, partition=partition)
        self._pending.append(await asyncio.wait_for(sending, DELIVERY_SECONDS))
        await self.settle(PENDING_BATCHES)


@asynccontextmanager
async def _producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=DELIVERY_SECONDS * 1000,
    )
    try:
        await asyncio.wait_for(producer.start(), CONNECT_SECONDS)
        yield producer
    finally:
        await asyncio.wait_for(producer.stop(), DELIVERY_SECONDS)


async def _partitions(producer: AIOKafkaProducer, bootstrap: str) -> int:
    """Count the partitions of `web-events`; raise `AwayError` where the topic does not exist."""
    try:
        return len(await asyncio.wait_for(producer.partitions_for(WEB_EVENTS.name), TOPIC_SECONDS))
    except (KafkaError, TimeoutError):
        msg = f"Kafka at {bootstrap} has no topic {WEB_EVENTS.name}: `touchline topics create` makes it"
        raise AwayError(msg) from None
