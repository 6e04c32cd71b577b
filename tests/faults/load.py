"""Load: a simulated company's events with the log's clock, some of them broken, written in received order."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.local.company import simulate
from agents.partitions import partition_of
from agents.sources.replay.lines import Line
from agents.sources.replay.timeline import Event, Mark, stamped, with_marks
from streams import topics

END_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
DAYS = 40
BROKEN_EVERY = 25
"""Of so many events one cannot be used: a kill shall find dead letters at work, too."""
WRITE_SECONDS = 10.0
AWAY_SECONDS = 180.0
"""How long a broker may be away before the load gives up."""
STEP_SECONDS = 0.2

Items: TypeAlias = list[Event | Mark]
Place: TypeAlias = Callable[[bytes, int], int]
"""Says which of so many partitions a key belongs to."""


def company(seed: int, people: int) -> Items:
    """Forty days of a company, about 70 events a person, and a time mark every six hours."""
    return list(with_marks(stamped(_lines(seed, people), END_MS), every_ms=6 * 3_600_000))


def _lines(seed: int, people: int) -> Iterator[Line]:
    for number, event in enumerate(simulate(seed, DAYS, END_MS, people)):
        raw = event if isinstance(event, bytes) else json.dumps(event).encode()
        yield Line("company", number, raw)
        if number % BROKEN_EVERY == 0:
            yield Line("company", number, b'{"type": "track", "broken": %d' % number)


async def write(
    bootstrap: str, items: Sequence[Event | Mark], *, partitions: int, seconds: float = 0.0, place: Place = partition_of
) -> None:
    """Write items to `web-events`, evenly over `seconds`; return when Kafka has them all.

    What Kafka does not acknowledge is written again, to another producer's name: that is a repetition like any other.
    """
    steps = max(1, int(seconds / STEP_SECONDS))
    size = -(-len(items) // steps)
    began, deadline = monotonic(), monotonic() + seconds + AWAY_SECONDS
    for number in range(steps):
        await asyncio.sleep(max(0.0, began + number * STEP_SECONDS - monotonic()))
        part = items[number * size : (number + 1) * size]
        while not await _written(bootstrap, part, partitions, place):
            if monotonic() > deadline:
                msg = f"Kafka took no events for {AWAY_SECONDS:.0f} s"
                raise TimeoutError(msg)
            await asyncio.sleep(1.0)


async def _written(bootstrap: str, items: Sequence[Event | Mark], partitions: int, place: Place) -> bool:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await producer.start()
            for partition, some in _by_partition(items, partitions, place).items():
                await _send(producer, partition, some)
            await producer.flush()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await _stopped(producer)
    return True


async def _send(producer: AIOKafkaProducer, partition: int, items: Sequence[Event | Mark]) -> None:
    batch, deliveries = producer.create_batch(), []
    for item in items:
        key, value, headers = _message(item)
        if batch.append(key=key, value=value, timestamp=item.at, headers=headers) is None:
            deliveries.append(await producer.send_batch(batch, topics.WEB_EVENTS.name, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=item.at, headers=headers)
    deliveries.append(await producer.send_batch(batch, topics.WEB_EVENTS.name, partition=partition))
    for delivery in deliveries:
        await delivery


def _message(item: Event | Mark) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    if isinstance(item, Mark):
        return None, None, [(topics.TIME_MARK_HEADER, str(item.at).encode())]
    return item.key, item.value, []


def _by_partition(items: Sequence[Event | Mark], partitions: int, place: Place) -> dict[int, Items]:
    found: dict[int, Items] = defaultdict(list)
    for number, item in enumerate(items):
        if isinstance(item, Mark):
            for partition in range(partitions):
                found[partition].append(item)
        else:
            found[number % partitions if item.key is None else place(item.key, partitions)].append(item)
    return found


async def _stopped(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await producer.stop()
    except (KafkaError, TimeoutError):
        return
