"""Load: lines go to `web-events` (or another topic), as fast as Kafka takes them or at a steady rate."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from time import monotonic, time

from aiokafka import AIOKafkaProducer

from streams.topics import WEB_EVENTS
from tests.bench.events import Line, partition_of

BATCH_BYTES = 256 << 10
PENDING = 64
STEP_SECONDS = 0.004
DELIVERY_SECONDS = 60.0

remembered = lru_cache(maxsize=100_000)(partition_of)


async def publish(
    bootstrap: str,
    lines: Iterable[Line],
    partitions: int,
    told: Callable[[int], None] = lambda done: None,
    topic: str = WEB_EVENTS.name,
) -> int:
    """Publish lines in order, stamped with their received time; return how many there were."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES)
    await producer.start()
    done, pending = 0, deque[asyncio.Future[object]]()
    batches = [producer.create_batch() for _ in range(partitions)]

    async def send(partition: int) -> None:
        batch, batches[partition] = batches[partition], producer.create_batch()
        batch.close()
        pending.append(await producer.send_batch(batch, topic, partition=partition))
        while len(pending) > PENDING:
            await asyncio.wait_for(pending.popleft(), DELIVERY_SECONDS)

    try:
        for line in lines:
            partition = remembered(line.device, partitions)
            if batches[partition].append(timestamp=line.at, key=line.device, value=line.value) is None:
                await send(partition)
                batches[partition].append(timestamp=line.at, key=line.device, value=line.value)
                told(done)
            done += 1
        for partition in range(partitions):
            if batches[partition].record_count():
                await send(partition)
        for sent in pending:
            await asyncio.wait_for(sent, DELIVERY_SECONDS)
    finally:
        await producer.stop()
    return done


async def pace(
    bootstrap: str, make: Callable[[int, int], tuple[Line, str | None]], count: int, per_second: int
) -> dict[str, float]:
    """Publish `count` events at a steady rate; `make(number, now in ms)` gives each, and whom it asks.

    Returns {user id: instant at which its event was due}: a late sender must not hide a delay.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0)
    await producer.start()
    due: dict[str, float] = {}
    began, began_at, sent = monotonic(), time(), 0
    try:
        while sent < count:
            ready = min(count, int((monotonic() - began) * per_second))
            while sent < ready:
                line, asked = make(sent, int(time() * 1000))
                if asked is not None:
                    due[asked] = began_at + sent / per_second
                await producer.send(WEB_EVENTS.name, line.value, key=line.device, timestamp_ms=line.at)
                sent += 1
            await asyncio.sleep(STEP_SECONDS)
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), DELIVERY_SECONDS)
    return due
