"""What integration tests do with Kafka: write records, and read committed ones until there are enough."""

import asyncio
from collections.abc import Iterable
from time import monotonic

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.settings import Settings


async def write(
    settings: Settings,
    topic: str,
    records: Iterable[tuple[bytes | None, bytes | None]],
    *,
    partition: int | None = None,
    transactional: bool = False,
) -> None:
    """Write records in order and wait until Kafka has them.  A null key and value need a partition."""
    async with asyncio.timeout(30):
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap,
            max_request_size=2 << 20,
            transactional_id=f"writer-{settings.app_id}" if transactional else None,
        )
        await producer.start()
        if transactional:
            await producer.begin_transaction()
        try:
            for key, value in records:
                if key is None and value is None:
                    batch = producer.create_batch()
                    batch.append(key=None, value=None, timestamp=None)
                    await (await producer.send_batch(batch, topic, partition=partition or 0))
                else:
                    await producer.send_and_wait(topic, key=key, value=value, partition=partition)
            if transactional:
                await producer.commit_transaction()
        finally:
            await producer.stop()


async def widened(settings: Settings, topic: str, partitions: int) -> None:
    """Give one topic more partitions than the others, as somebody at the broker could."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(30):
            await admin.create_partitions({topic: NewPartitions(partitions)})
            while len((await admin.describe_topics([topic]))[0]["partitions"]) < partitions:
                pass  # each look is a request
    finally:
        await admin.close()


async def read_all(settings: Settings, topic: str, *, until: int, within_seconds: float) -> list[ConsumerRecord]:
    """Read committed records from the beginning until there are `until`; fail when the time is over."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, partition) for partition in range(settings.partitions)])
        found: list[ConsumerRecord] = []
        deadline = monotonic() + within_seconds
        while len(found) < until:
            assert monotonic() < deadline, f"{topic}: {len(found)} of {until} records within {within_seconds} s"
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found.extend(records)
        return found
    finally:
        await consumer.stop()


async def read_whole(settings: Settings, topic: str) -> list[ConsumerRecord]:
    """Read the committed records that there are now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    async with asyncio.timeout(30):
        await consumer.start()
        try:
            partitions = [TopicPartition(topic, partition) for partition in range(settings.partitions)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[ConsumerRecord] = []
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found.extend(records)
            return found
        finally:
            await consumer.stop()
