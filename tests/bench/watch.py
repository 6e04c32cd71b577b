"""Watch: who was asked and when that could be seen, by a consumer that reads committed records only."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic, time

from aiokafka import AIOKafkaConsumer

from tests.bench.broker import Broker, partitions_of


class Triggers:
    """What a topic of triggers has so far."""

    def __init__(self) -> None:
        self.seen_at: dict[str, float] = {}
        """{user id: wall time at which its first trigger was read}"""
        self.times: Counter[str] = Counter()

    @property
    def doubled(self) -> int:
        """Triggers beyond the first of a person."""
        return self.times.total() - len(self.times)

    def see(self, user_id: str) -> None:
        """Note a trigger."""
        self.seen_at.setdefault(user_id, time())
        self.times[user_id] += 1

    async def until(self, users: frozenset[str], limit_seconds: float, alive: Callable[[], None]) -> bool:
        """Wait until all these were asked; False: not in time.  `alive` raises when there is no more to wait for."""
        deadline = monotonic() + limit_seconds
        while not users <= self.seen_at.keys():
            alive()
            if monotonic() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True


@asynccontextmanager
async def watching(broker: Broker, topic: str) -> AsyncIterator[Triggers]:
    """Read a topic of triggers from the beginning while in the context."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    consumer.assign(partitions_of(topic, broker.partitions))
    triggers = Triggers()
    task = asyncio.create_task(_read(consumer, triggers))
    try:
        yield triggers
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, triggers: Triggers) -> None:
    async for record in consumer:
        triggers.see(record.key.decode().strip('"').removeprefix("user:"))


async def length(broker: Broker, *topics: str) -> int:
    """Sum the end offsets of topics; transaction markers count."""
    if not topics:
        return 0
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    try:
        tps = [tp for topic in topics for tp in partitions_of(topic, broker.partitions)]
        return sum((await consumer.end_offsets(tps)).values())
    finally:
        await consumer.stop()
