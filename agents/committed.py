"""A topic read by one reader, committed records only: from its beginning, or from where a group left off."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.settings import Settings

FETCH_MS = 500
FETCH_RECORDS = 2000
KAFKA_SECONDS = 30.0
QUIET_SECONDS = 90.0
"""Without a step forward for so long the end is out of reach: a transaction hangs, or Kafka is gone."""


class NoTopicError(Exception):
    """The topic does not exist; its name is the message."""


class UnequalError(Exception):
    """Topics that must have the same number of partitions have not; the message lists them."""


@asynccontextmanager
async def reader(
    settings: Settings, topic: str, *, group: str | None = None, role: str = "reader"
) -> AsyncIterator[AIOKafkaConsumer]:
    """Consumer of all partitions of `topic`, at their beginnings, or at the offsets of a group that has some.

    Partitions are assigned by hand: a group has one member, and only keeps its place.  `role` names the client.

    Raises `NoTopicError`, or Kafka's error, or TimeoutError after `KAFKA_SECONDS`.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=f"{settings.app_id}-{role}",
        group_id=group,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        async with asyncio.timeout(KAFKA_SECONDS):
            await consumer.start()
            consumer.assign(await _partitions(consumer, topic))
            if group is None:
                await consumer.seek_to_beginning()
        yield consumer
    finally:
        async with asyncio.timeout(KAFKA_SECONDS):
            await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """All partitions of the topic.

    Found among those of all topics: a broker that makes topics by itself would make the one that is asked for by name,
    with the wrong number of partitions.  (The consumer's own `topics()` asks the same and keeps only the names.)
    """
    cluster = await consumer._client.fetch_all_metadata()
    found = [TopicPartition(topic, partition) for partition in sorted(cluster.partitions_for_topic(topic) or ())]
    if not found:
        raise NoTopicError(topic)
    return found


async def partition_count(settings: Settings, topics: Iterable[str]) -> int:
    """Ask Kafka how many partitions each of these topics has.

    Raises `NoTopicError`, `UnequalError`, or Kafka's error, or TimeoutError after `KAFKA_SECONDS`.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap, client_id=f"{settings.app_id}-reader")
    try:
        async with asyncio.timeout(KAFKA_SECONDS):
            await consumer.start()
            counts = {topic: len(await _partitions(consumer, topic)) for topic in sorted(topics)}
    finally:
        async with asyncio.timeout(KAFKA_SECONDS):
            await consumer.stop()
    if len(set(counts.values())) != 1:
        raise UnequalError(", ".join(f"{topic} has {count}" for topic, count in counts.items()))
    return counts.popitem()[1]


async def ends(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """Where the committed log of each partition ends now: the offset that comes next."""
    async with asyncio.timeout(KAFKA_SECONDS):
        return dict(await consumer.end_offsets(list(consumer.assignment())))


async def positions(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """How far each partition is read."""
    async with asyncio.timeout(KAFKA_SECONDS):
        return {at: await consumer.position(at) for at in consumer.assignment()}


async def read(consumer: AIOKafkaConsumer) -> AsyncIterator[dict[TopicPartition, list[Any]]]:
    """Yield records for ever; an empty dictionary every `FETCH_MS` without any."""
    while True:
        yield await consumer.getmany(timeout_ms=FETCH_MS, max_records=FETCH_RECORDS)


async def read_until(
    consumer: AIOKafkaConsumer, until: dict[TopicPartition, int]
) -> AsyncIterator[dict[TopicPartition, list[Any]]]:
    """Yield records below the offsets `until`, empty dictionaries too, and end there.

    What was fetched beyond is dropped: read on with a consumer of your own.

    Raises TimeoutError after `QUIET_SECONDS` without a step forward.
    """
    before: dict[TopicPartition, int] = {}
    moved_at = time.monotonic()
    while (now := await positions(consumer)) and any(now[at] < until[at] for at in until):
        if now != before:
            before, moved_at = now, time.monotonic()
        elif time.monotonic() - moved_at > QUIET_SECONDS:
            raise TimeoutError
        fetched = await consumer.getmany(timeout_ms=FETCH_MS, max_records=FETCH_RECORDS)
        yield {at: [record for record in records if record.offset < until[at]] for at, records in fetched.items()}
