"""Kafka, as the sync needs it: records, cursors and offsets in one transaction; compacted topics read to their end.

The transactional id is the app's, so a second sync fences the first: two would only repeat each other's work.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.committed import ends, positions, reader
from agents.runtime.transactions import TransactionalProducer
from agents.settings import Settings
from agents.sources.salesforce.errors import FencedError
from agents.sources.salesforce.metrics import SyncMetrics
from agents.sources.salesforce.records import Record
from streams.topics import SALESFORCE_CHANGES, SALESFORCE_CURSORS

STEP_SECONDS = 30.0
FETCH_MS = 500
FETCH_RECORDS = 500
REQUEST_BYTES = 2 << 20
MOST_BYTES = REQUEST_BYTES - 4096
"""Of a record's value."""
ROLE = "salesforce"
"""Names our readers to the broker."""
READ_SECONDS = 300.0
"""For a compacted topic, from its beginning to its end."""


@dataclass(slots=True)
class Batch:
    """What becomes visible together."""

    records: list[Record] = field(default_factory=list)
    cursors: dict[str, bytes] = field(default_factory=dict)
    """{key on `salesforce-cursors`: value}."""
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    """{partition of `salesforce-refetch`: offset that comes next}."""


class Publisher:
    """Writes batches, one transaction each.  Any error leaves the outcome in doubt: end, and begin anew."""

    def __init__(self, settings: Settings, metrics: SyncMetrics, *, role: str = "sync") -> None:
        self.group = f"{settings.app_id}-salesforce-refetch"
        self._metrics = metrics
        self._producer = TransactionalProducer(
            bootstrap_servers=settings.kafka_bootstrap,
            client_id=f"{settings.app_id}-salesforce-{role}",
            transactional_id=f"{settings.app_id}-salesforce-{role}",
            compression_type="snappy",
            max_request_size=REQUEST_BYTES,
            request_timeout_ms=int(STEP_SECONDS * 1000),
        )

    async def start(self) -> None:
        """Connect, fence whoever wrote before, and end what they left open."""
        async with asyncio.timeout(STEP_SECONDS):
            await self._producer.start()

    async def stop(self) -> None:
        """Disconnect."""
        async with asyncio.timeout(STEP_SECONDS):
            await self._producer.stop()

    async def publish(self, batch: Batch) -> None:
        """Write a batch; return when it is committed.  An empty one is none."""
        if not (batch.records or batch.cursors or batch.offsets):
            return
        try:
            await self._committed(batch)
        except KafkaError as error:
            if isinstance(self._producer.ended_by or error, ProducerFenced):
                raise FencedError from None
            raise
        for record in batch.records:
            self._metrics.records.labels(record.entity, record.why).inc()

    def _messages(self, batch: Batch) -> Iterator[tuple[str, str, bytes]]:
        """Yield (topic, key, value); what no message can hold is counted: it would end every round at one place."""
        for record in batch.records:
            value = record.value
            if len(value) <= MOST_BYTES:
                yield SALESFORCE_CHANGES.name, record.id, value
            else:
                self._metrics.too_large.inc()
        for key, value in batch.cursors.items():
            yield SALESFORCE_CURSORS.name, key, value

    async def _committed(self, batch: Batch) -> None:
        async with asyncio.timeout(STEP_SECONDS), self._producer.transaction():
            await self._written(batch)
            if batch.offsets:
                await self._producer.send_offsets_to_transaction(batch.offsets, self.group)

    async def _written(self, batch: Batch) -> None:
        sent = [
            await self._producer.send(topic, key=key.encode(), value=value)
            for topic, key, value in self._messages(batch)
        ]
        await asyncio.gather(*sent)


async def check_topic(settings: Settings, topic: str) -> None:
    """Raise `NoTopicError` if there is no such topic."""
    async with reader(settings, topic, role=ROLE):
        pass


async def latest(settings: Settings, topic: str) -> dict[str, bytes]:
    """Read a compacted topic to its end; return the latest value of each key, without those that were removed."""
    found: dict[str, bytes] = {}
    async with asyncio.timeout(READ_SECONDS), reader(settings, topic, role=ROLE) as consumer:
        until = await ends(consumer)
        while await behind(consumer, until):
            for records in (await consumer.getmany(timeout_ms=FETCH_MS)).values():
                for record in records:
                    _note(found, record)
    return found


async def behind(consumer: AIOKafkaConsumer, until: Mapping[TopicPartition, int]) -> bool:
    """Whether there are records before these offsets, of all partitions, that were not fetched yet."""
    now = await positions(consumer)
    return any(now[at] < end for at, end in until.items())


def _note(found: dict[str, bytes], record: ConsumerRecord) -> None:
    if record.key is None:
        return
    key = record.key.decode(errors="replace")
    if record.value is None:
        found.pop(key, None)
    else:
        found[key] = record.value


async def fetched(consumer: AIOKafkaConsumer, wait_seconds: float = 0.0) -> list[ConsumerRecord]:
    """Fetch what is there, at most `FETCH_RECORDS`; wait so long for the first."""
    found = await consumer.getmany(timeout_ms=int(wait_seconds * 1000), max_records=FETCH_RECORDS)
    return [record for records in found.values() for record in records]


def next_offsets(records: Iterable[ConsumerRecord]) -> dict[TopicPartition, int]:
    """Offsets to commit once these records are dealt with."""
    offsets: dict[TopicPartition, int] = {}
    for record in records:
        at = TopicPartition(record.topic, record.partition)
        offsets[at] = max(offsets.get(at, 0), record.offset + 1)
    return offsets
