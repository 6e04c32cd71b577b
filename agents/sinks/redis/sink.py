"""The sink: consumes the topics of `FEEDS`, keeps the read model in Redis equal to them.

Nothing waits for it and nothing breaks with it.  Its place in the log is in Redis, next to the documents: Redis away,
restarted, set back to a snapshot or emptied, it goes on from the offset that Redis has.  Kafka keeps none.
"""

import asyncio
import random
import time
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from redis.exceptions import RedisError

from agents.settings import Settings
from agents.sinks.redis.documents import FEEDS, latest, pieces
from agents.sinks.redis.keys import address
from agents.sinks.redis.store import Gap, OtherPartitionsError, ReadModel, connect

log = structlog.get_logger(__name__)

FETCH_MS = 500
"""Longest wait for records; also how soon `stop` is seen."""
FETCH_RECORDS = 1000
LOOK_SECONDS = 2.0
"""How often Redis is asked whether it still has what we wrote: an emptied one is filled again without any traffic."""
AHEAD_SECONDS = 10.0
"""How long Redis must be ahead of the log before we believe that the topic was made anew.

A new leader may for a moment not know how far the log was read.
"""
KAFKA_SECONDS = 30.0
GRACE_SECONDS = 3.0
LEAVE_SECONDS = 2.0
"""How long a consumer may take to say good-bye; the group notices without it too."""
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0


class SinkMetrics(Protocol):
    """What the sink tells about itself; topics are those of `FEEDS`."""

    def applied(self, topic: str, documents: int) -> None:
        """Count documents written or deleted."""

    def retried(self, error: str) -> None:
        """Count a failure of Redis or Kafka (name of the exception's class); another attempt follows."""

    def behind(self, topic: str, partition: int, records: int) -> None:
        """Tell how many offsets of the log Redis has yet to reach; 0: it has all."""

    def unreadable(self, topic: str, records: int) -> None:
        """Count records that are no documents and were passed over."""


class Silent:
    """No metrics."""

    def applied(self, topic: str, documents: int) -> None: ...  # noqa: D102
    def retried(self, error: str) -> None: ...  # noqa: D102
    def behind(self, topic: str, partition: int, records: int) -> None: ...  # noqa: D102
    def unreadable(self, topic: str, records: int) -> None: ...  # noqa: D102


class RedisSink:
    """Keeps up with the topics; several of one app share their partitions."""

    def __init__(self, settings: Settings, metrics: SinkMetrics | None = None) -> None:
        self._settings = settings
        self._metrics = metrics or Silent()
        self._model = ReadModel(connect(settings.redis_url), settings.app_id)
        self._applied: dict[TopicPartition, int] = {}
        """Offset that Redis had when last asked; a partition that is not here must be positioned first."""
        self._ahead_since: dict[TopicPartition, float] = {}
        self._looked_at = 0.0
        self._failures = 0
        self._problem = ""
        """What was said last of the outage; empty: that Redis or Kafka is away."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`, whatever fails meanwhile; then end within about `GRACE_SECONDS`, whoever does not answer.

        It may be cut off anywhere: what Redis has stays whole.
        """
        keeping_up = asyncio.create_task(self._keep_up(stop))
        try:
            await stop.wait()
            await asyncio.wait([keeping_up], timeout=GRACE_SECONDS)
        finally:
            keeping_up.cancel()
            await asyncio.wait([keeping_up], timeout=LEAVE_SECONDS)
            await self._model.close()

    async def _keep_up(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._follow(stop)
            except Exception as error:  # a sink never breaks the worker that it lives in
                await self._fail(error, stop)

    async def _follow(self, stop: asyncio.Event) -> None:
        """One consumer's life: until `stop`, or until Kafka fails."""
        consumer = _consumer(self._settings)
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                await consumer.start()
            consumer.subscribe(list(FEEDS), listener=_Forget(self._applied))
            while not stop.is_set():
                try:
                    await self._turn(consumer)
                    self._recovered()
                except Gap:
                    self._applied.clear()
                except (RedisError, OSError, OtherPartitionsError) as error:
                    self._applied.clear()
                    await self._fail(error, stop)
        finally:
            self._applied.clear()
            await _leave(consumer)

    async def _turn(self, consumer: AIOKafkaConsumer) -> None:
        await self._look(consumer)
        fetched = await consumer.getmany(timeout_ms=FETCH_MS, max_records=FETCH_RECORDS)
        for at, records in fetched.items():
            await self._apply(at, records)
        await self._measure(consumer)

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        """Position partitions that are new here, and those of which Redis has lost something."""
        assigned = consumer.assignment()
        due = time.monotonic() - self._looked_at >= LOOK_SECONDS
        asked = [at for at in assigned if due or at not in self._applied]
        if not asked:
            return
        # The worker has compared this number with the topics' before it started.
        await self._model.agree(self._settings.partitions)
        stored = await self._stored(asked)
        if due:
            self._looked_at = time.monotonic()
        for at, offset in stored.items():
            if at not in self._applied or offset < self._applied[at]:
                await self._position(consumer, at, offset)

    async def _stored(self, asked: list[TopicPartition]) -> dict[TopicPartition, int]:
        stored: dict[TopicPartition, int] = {}
        for topic, feed in FEEDS.items():
            of_topic = {at.partition: at for at in asked if at.topic == topic}
            offsets = await self._model.offsets(feed.kind, list(of_topic))
            stored |= {of_topic[partition]: offset for partition, offset in offsets.items()}
        return stored

    async def _position(self, consumer: AIOKafkaConsumer, at: TopicPartition, stored: int) -> None:
        self._applied.pop(at, None)
        async with asyncio.timeout(KAFKA_SECONDS):
            end = (await consumer.end_offsets([at]))[at]
        if stored < end:
            self._ahead_since.pop(at, None)
        elif time.monotonic() - self._ahead_since.setdefault(at, time.monotonic()) < AHEAD_SECONDS:
            return
        else:
            log.warning("read model is of an older topic; reading anew", topic=at.topic, partition=at.partition)
            await self._model.forget(FEEDS[at.topic].kind, at.partition)
            stored = -1
        if at in consumer.assignment():
            consumer.seek(at, stored + 1)
            self._applied[at] = stored

    async def _apply(self, at: TopicPartition, records: list[Any]) -> None:
        """Write one partition's records; those of a partition without position are passed over and read again later."""
        if not records or at not in self._applied:
            return
        after = self._applied[at]
        if records[-1].offset <= after:
            self._applied.pop(at)  # the log went back, or another sink is ahead: look again
            return
        feed = FEEDS[at.topic]
        entries, unreadable = latest(feed, records)
        for piece, last in pieces(entries, records[-1].offset, feed.piece_bytes):
            done = await self._model.apply(feed.kind, at.partition, piece, after=after, last=last)
            after = done.offset
            self._metrics.applied(at.topic, done.changed)
        if at in self._applied:  # else a rebalance came between
            self._applied[at] = after
        if unreadable:
            self._metrics.unreadable(at.topic, unreadable)
            log.warning("no documents, passed over", topic=at.topic, partition=at.partition, records=unreadable)

    async def _measure(self, consumer: AIOKafkaConsumer) -> None:
        for at in consumer.assignment() & self._applied.keys():
            end = consumer.last_stable_offset(at)
            if end is not None and end >= 0:
                async with asyncio.timeout(KAFKA_SECONDS):
                    self._metrics.behind(at.topic, at.partition, max(0, end - await consumer.position(at)))

    async def _fail(self, error: Exception, stop: asyncio.Event) -> None:
        """Say it once for each outage, then wait: longer each time, never all sinks together."""
        name = type(error).__name__
        self._metrics.retried(name)
        # Only our own words: those of others may hold what is in an address.
        problem = str(error) if isinstance(error, OtherPartitionsError) else ""
        if self._failures == 0 or problem != self._problem:
            ours = {"problem": problem} if problem else {}
            log.warning(
                "read model falls behind; retrying", error=name, redis=address(self._settings.redis_url), **ours
            )
        self._problem = problem
        delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** min(self._failures, 10))
        self._failures += 1
        try:
            await asyncio.wait_for(stop.wait(), delay * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, no secret
        except TimeoutError:
            return

    def _recovered(self) -> None:
        if self._failures:
            log.info("read model is kept up again", failures=self._failures)
            self._failures = 0


class _Forget(ConsumerRebalanceListener):
    """A new assignment: every partition is positioned afresh from Redis before any of its records count.

    Not done here but in the sink's own turn: a listener that waited for Redis would hold up the whole group.
    """

    def __init__(self, applied: dict[TopicPartition, int]) -> None:
        self._applied = applied

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._applied.clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._applied.clear()


def _consumer(settings: Settings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=f"{settings.app_id}-redis",
        group_id=f"{settings.app_id}-redis",
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.session_timeout_ms // 4,
    )


async def _leave(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            await consumer.stop()
    except Exception as error:  # Kafka may be away
        log.info("left the group without a word", error=type(error).__name__)
