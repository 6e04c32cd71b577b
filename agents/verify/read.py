"""Verify, room 1a.  Read: the topics from the beginning, to a moment at which outputs and offsets agree.

In: Kafka, committed records only.  Out: a `World`.  Kept: nothing; the consumer is in no group and commits nothing.
The worker must have consumed all that the senders wrote, all of `account-events` and all of `user-events`; until then
this waits, to a deadline.  How far decisions are is read before what was decided, so all of that is there.
"""

import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiokafka.errors
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from agents.settings import Settings
from agents.verify.world import (
    ACCOUNT_EVENTS,
    INPUTS,
    PROGRESS,
    REJECTED_EVENTS,
    SENDERS,
    SETTLED,
    TOPICS,
    USER_EVENTS,
    Message,
    World,
)  # fmt: skip

ANSWER_SECONDS = 30.0
"""Longest wait for any one answer of the broker, and longest pause between two batches of records."""
POLL_SECONDS = 0.25
QUIET_SECONDS = 0.15
"""A partition whose offsets stand still for so long has no transaction half shown."""

COORDINATOR_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
COORDINATOR_AWAY = (
    aiokafka.errors.GroupCoordinatorNotAvailableError,
    aiokafka.errors.GroupLoadInProgressError,
    aiokafka.errors.NotCoordinatorForGroupError,
)

RECEIVED = re.compile(rb'"received_at":(\d{1,18})\b')
OF_SENT = b"/sent"
LANES = f"{USER_EVENTS}/".encode()
PATIENCE_SECONDS = 5.0
"""How long decisions may be behind: with the wall clock some tenths of a second, with the log's as long as it likes."""


class CannotVerifyError(Exception):
    """The topics cannot be read, or the worker does not keep up; says what to do."""


Ends = dict[tuple[str, int], int]
"""Offsets by (topic, partition)."""

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Reader:
    """A consumer of all topics, and what it has read so far."""

    consumer: AIOKafkaConsumer
    admin: AIOKafkaAdminClient
    group: str
    partitions: int
    tell: Callable[[str], None]
    topics: dict[str, list[Message]] = field(default_factory=lambda: {topic: [] for topic in TOPICS})
    read_to: Ends = field(default_factory=dict)
    """Next offset to read."""

    async def committed(self) -> Ends:
        """Offsets of the worker's group in the inputs; 0 where it has none.

        A new Kafka has no coordinator for a second or two: the first question makes its topic.
        """
        asked = [TopicPartition(topic, p) for topic in INPUTS for p in range(self.partitions)]
        for wait_seconds in (*COORDINATOR_WAITS, None):
            try:
                offsets = self.admin.list_consumer_group_offsets(self.group, partitions=asked)
                found = await _within(offsets, "group offsets")
                return {(tp.topic, tp.partition): max(0, one.offset) for tp, one in found.items()}
            except COORDINATOR_AWAY:
                if wait_seconds is None:
                    raise
                await asyncio.sleep(wait_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        raise AssertionError

    async def ends(self, topics: Iterable[str]) -> Ends:
        """Last stable offsets."""
        asked = [TopicPartition(topic, p) for topic in topics for p in range(self.partitions)]
        found = await _within(self.consumer.end_offsets(asked), "end offsets")
        return {(tp.topic, tp.partition): offset for tp, offset in found.items()}

    async def read(self, ends: Ends) -> None:
        """Read on until these ends; records beyond them are left for the next time."""
        todo = {
            TopicPartition(topic, p): end for (topic, p), end in ends.items() if end > self.read_to.get((topic, p), 0)
        }
        if not todo:
            return
        self.consumer.assign(list(todo))
        for tp in todo:
            self.consumer.seek(tp, self.read_to.get((tp.topic, tp.partition), 0))
        await self._skip_deleted(todo)
        last = time.monotonic()
        while todo:
            batches = await self.consumer.getmany(*todo, timeout_ms=250, max_records=20_000)
            taken = sum(self._take(tp, records, todo[tp]) for tp, records in batches.items())
            last = time.monotonic() if taken or batches else last
            for tp in [tp for tp, end in todo.items() if await self._position(tp) >= end]:
                self.read_to[(tp.topic, tp.partition)] = todo.pop(tp)
            if time.monotonic() - last > ANSWER_SECONDS:
                raise CannotVerifyError(
                    f"Kafka gives nothing more of {', '.join(f'{tp.topic}/{tp.partition}' for tp in todo)}"
                )
            self.tell(f"reading: {sum(map(len, self.topics.values())):,} messages")

    def _take(self, tp: TopicPartition, records: list[aiokafka.ConsumerRecord], end: int) -> int:
        kept = [
            Message(tp.partition, one.offset, one.timestamp, one.key, one.value, tuple(one.headers))
            for one in records
            if one.offset < end
        ]
        self.topics[tp.topic].extend(kept)
        return len(kept)

    async def _position(self, tp: TopicPartition) -> int:
        return int(await _within(self.consumer.position(tp), "a position"))

    async def _skip_deleted(self, todo: Mapping[TopicPartition, int]) -> None:
        first = await _within(self.consumer.beginning_offsets(list(todo)), "first offsets")
        for tp, offset in first.items():
            if offset > self.read_to.get((tp.topic, tp.partition), 0):
                self.consumer.seek(tp, offset)

    def unconsumed(self, committed: Ends) -> int:
        """Count records of the inputs that were read here but not consumed by the group."""
        return sum(
            one.offset >= committed.get((topic, one.partition), 0) for topic in INPUTS for one in self.topics[topic]
        )

    def received_until(self) -> int:
        """Give the latest received time in `user-events`."""
        found = (RECEIVED.search(one.value or b"") for one in self.topics[USER_EVENTS])
        return max((int(one[1]) for one in found if one), default=0)

    def decided_until(self) -> int:
        """Give the instant up to which every partition is decided, as far as can be read."""
        said = (one for one in self.topics[PROGRESS] if (one.key or b"").startswith(LANES))
        latest = {one.key: one.value for one in said if not (one.key or b"").endswith(OF_SENT)}
        done = [_last(value) for value in latest.values()]
        return min(done) if len(done) >= self.partitions else 0


async def read_world(settings: Settings, *, deadline_seconds: float, tell: Callable[[str], None]) -> World:
    """Wait for the worker, then read everything.  Raise `CannotVerifyError` with what stands in the way."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
        fetch_max_bytes=64 << 20,
        fetch_max_wait_ms=50,  # other requests wait behind a fetch on the same connection
        request_timeout_ms=30_000,
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap, request_timeout_ms=30_000)
    try:
        await _within(consumer.start(), "the broker")
        await _within(admin.start(), "the broker")
        reader = Reader(consumer, admin, settings.app_id, await _partitions(admin), tell)
        return await _world(reader, time.monotonic() + deadline_seconds)
    except (aiokafka.errors.KafkaError, OSError) as error:
        raise CannotVerifyError(f"Kafka at {settings.kafka_bootstrap}: {type(error).__name__}: {error}") from error
    finally:
        await asyncio.wait([asyncio.create_task(consumer.stop()), asyncio.create_task(admin.close())], timeout=10)


async def _partitions(admin: AIOKafkaAdminClient) -> int:
    """Say how many partitions each topic has: as Kafka has it, whatever the settings of this shell are."""
    described = await _within(admin.describe_topics(list(TOPICS)), "the topics")
    counts = {one["topic"]: len(one["partitions"]) for one in described}
    missing = [topic for topic in TOPICS if not counts.get(topic)]
    if missing:
        raise CannotVerifyError(f"no topic {', '.join(missing)}: make them with `touchline topics create`")
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{topic} has {count}" for topic, count in sorted(counts.items()))
        raise CannotVerifyError(f"the topics differ in how many partitions they have: {listed}")
    return counts.popitem()[1]


async def _world(reader: Reader, deadline: float) -> World:
    await _consumed(reader, deadline)
    await _decided(reader, min(deadline, time.monotonic() + PATIENCE_SECONDS))
    committed, outputs = await _moment(reader, deadline)
    await reader.read(outputs)
    for topics in ((USER_EVENTS, REJECTED_EVENTS), (ACCOUNT_EVENTS,), SENDERS):
        await reader.read(await reader.ends(topics))
    return World(reader.partitions, reader.topics, committed, dict(reader.read_to))


async def _consumed(reader: Reader, deadline: float) -> None:
    """Wait until the group has consumed what the senders have written by now, and all that has come of it."""
    await reader.read(await reader.ends(SENDERS))
    while True:
        committed = await reader.committed()
        behind = reader.unconsumed(committed)
        for topic in (ACCOUNT_EVENTS, USER_EVENTS):
            if not behind:
                await reader.read(await reader.ends((topic,)))
                behind = reader.unconsumed(committed)
        if not behind:
            return
        if time.monotonic() > deadline:
            still = f"group {reader.group} has still to consume {behind:,} records"
            raise CannotVerifyError(f"{still}: is a worker running (`touchline worker`)?")
        reader.tell(f"waiting for the worker: {behind:,} records to consume")
        await asyncio.sleep(POLL_SECONDS)


async def _decided(reader: Reader, deadline: float) -> None:
    """Read how far decisions are; wait a little for those on what was received last."""
    received = reader.received_until()
    while True:
        await reader.read(await reader.ends((PROGRESS,)))
        if reader.decided_until() >= received or time.monotonic() > deadline:
            return
        reader.tell("waiting for decisions on what was received last")
        await asyncio.sleep(POLL_SECONDS)


def _last(value: bytes | None) -> int:
    try:
        return int(json.loads(value or b"")["done"][-1])
    except (ValueError, TypeError, KeyError, IndexError):
        return 0


async def _moment(reader: Reader, deadline: float) -> tuple[Ends, Ends]:
    """Take the offsets of each partition at a moment at which none of them moves.

    The outputs of that partition are then those of its committed offset.
    """
    committed: Ends = {}
    outputs: Ends = {}
    pending = set(range(reader.partitions))
    while pending:
        before = await reader.committed(), await reader.ends(SETTLED)
        await asyncio.sleep(QUIET_SECONDS)
        after = await reader.committed(), await reader.ends(SETTLED)
        still = {
            p for p in pending if all(_of(one, p) == _of(other, p) for one, other in zip(before, after, strict=True))
        }
        for p in still:
            committed |= _of(after[0], p)
            outputs |= _of(after[1], p)
        pending -= still
        if pending and time.monotonic() > deadline:
            raise CannotVerifyError(
                f"partitions {sorted(pending)} never stand still: verify once the senders have paused"
            )
    return committed, outputs


def _of(ends: Ends, partition: int) -> Ends:
    return {place: offset for place, offset in ends.items() if place[1] == partition}


async def _within(answer: Coroutine[Any, Any, Answer], what: str) -> Answer:
    try:
        return await asyncio.wait_for(answer, ANSWER_SECONDS)
    except TimeoutError as error:
        raise CannotVerifyError(f"no answer from Kafka within {ANSWER_SECONDS:.0f} s: {what}") from error
