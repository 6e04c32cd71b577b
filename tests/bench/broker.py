"""The broker of a run: a stack of its own with empty data, its topics, and what they weigh on disk."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from agents.local.processes import Progress, free_port
from agents.local.stack import Stack
from agents.settings import Settings

DEADLINE_SECONDS = 60.0
TOPIC = {"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": str(2 << 20)}


class Broker:
    """Kafka and Redis on free ports."""

    def __init__(self, folder: Path, cache: Path, partitions: int) -> None:
        self.folder = folder.resolve()
        self.partitions = partitions
        ports = {"local_kafka_port": free_port(), "local_redis_port": free_port()}
        settings = Settings(_env_file=None, data_dir=self.folder, **ports)  # type: ignore[arg-type]
        self.stack = Stack(settings, cache=cache)

    @property
    def bootstrap(self) -> str:
        """Where Kafka is."""
        return self.stack.bootstrap

    def up(self, progress: Progress) -> None:
        """Start with nothing in it; what a killed run left is stopped and thrown away."""
        self.stack.down()
        shutil.rmtree(self.folder, ignore_errors=True)
        # What was written stays where it can be weighed: no compaction during a run.
        self.stack.kafka.own["log.cleaner.backoff.ms"] = 7_200_000
        self.stack.up(progress)

    def down(self) -> None:
        """Stop, and free the disk."""
        self.stack.down()
        shutil.rmtree(self.folder / "kafka" / "data", ignore_errors=True)

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """{topic: bytes of its log segments}, of the topics whose names begin with `prefix`."""
        found: dict[str, int] = {}
        for folder in (self.folder / "kafka" / "data").glob(f"{prefix}*-*"):
            topic, _, partition = folder.name.rpartition("-")
            if partition.isdecimal():  # else it is being deleted
                found[topic] = found.get(topic, 0) + _bytes(folder)
        return found

    async def recreate(self, *topics: str) -> None:
        """Delete topics, if they are there, and make them anew, empty."""
        async with self._admin() as admin:
            await self._delete(admin, topics)
            await admin.create_topics([NewTopic(topic, self.partitions, 1, topic_configs=TOPIC) for topic in topics])
            while not await self._have_leaders(admin, topics):  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.05)

    async def drop(self, *topics: str) -> None:
        """Delete topics, if they are there."""
        async with self._admin() as admin:
            await self._delete(admin, topics)

    async def topics(self) -> list[str]:
        """List all topics."""
        async with self._admin() as admin:
            return list(await admin.list_topics())

    async def committed(self, group: str, topic: str) -> int:
        """Sum a group's committed offsets of a topic; 0: none yet."""
        async with self._admin() as admin:
            found = await admin.list_consumer_group_offsets(group)
        return sum(max(0, at.offset) for tp, at in found.items() if tp.topic == topic)

    async def _delete(self, admin: AIOKafkaAdminClient, topics: Iterable[str]) -> None:
        there = set(topics) & set(await admin.list_topics())
        if there:
            await admin.delete_topics(sorted(there))
        while there & set(await admin.list_topics()):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.05)

    async def _have_leaders(self, admin: AIOKafkaAdminClient, topics: Iterable[str]) -> bool:
        described = await admin.describe_topics(list(topics))
        return all(
            found["error_code"] == 0
            and len(found["partitions"]) == self.partitions
            and all(partition["leader"] >= 0 for partition in found["partitions"])
            for found in described
        )

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=20_000)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await admin.start()
            try:
                yield admin
            finally:
                await admin.close()


def partitions_of(topic: str, partitions: int) -> list[TopicPartition]:
    """List a topic's partitions."""
    return [TopicPartition(topic, partition) for partition in range(partitions)]


def _bytes(folder: Path) -> int:
    try:
        return sum(segment.stat().st_size for segment in folder.glob("*.log"))
    except FileNotFoundError:  # deleted meanwhile
        return 0
