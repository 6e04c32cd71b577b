"""Demo, part 2.  Scene: what the topics say so far, as figures.

In: records of the topics that Touchline publishes.  Out: people, members, triggers with their why, rejected, what is
known of Salesforce records.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from statistics import median
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from agents.query import triggers
from agents.settings import Settings
from streams.topics import (
    PROFILE_VIEWS,
    REFERRAL_TRIGGERS,
    REJECTED_EVENTS,
    SALESFORCE_RECORDS,
    SALESFORCE_REFETCH,
    SEGMENT_CHANGES,
    USER_TIMELINE,
)

SHOWN = (
    *(PROFILE_VIEWS, SEGMENT_CHANGES, REFERRAL_TRIGGERS, REJECTED_EVENTS),
    *(SALESFORCE_RECORDS, SALESFORCE_REFETCH, USER_TIMELINE),
)
LATEST = 8
"""Triggers that are shown."""
CONNECT_SECONDS = 20.0
SETTLE_SECONDS = 15.0
FETCH_MS = 200
FETCH_RECORDS = 2_000


class Known(NamedTuple):
    """What is known of a Salesforce record; of one that is not, nothing."""

    modified_at: int = 0
    deleted: bool = False
    dirty: bool = True


@dataclass(slots=True)
class Scene:
    """Everything that is shown.  The tail of the topics and the demo itself write it."""

    started: float = field(default_factory=time.monotonic)
    phase: str = ""
    published: int = 0
    """Events of the history that were handed to Kafka."""
    sent_live: int = 0
    """Events that were handed to the Segment library."""
    processed: int = 0
    """Records of `web-events` whose results are committed; time marks are among them."""
    per_second: float = 0.0
    """Processed records a second, now."""
    fastest: float = 0.0
    people: set[bytes] = field(default_factory=set)
    """Keys of all people, merged ones aside."""
    members: set[tuple[str, str]] = field(default_factory=set)
    """(segment, person) now."""
    entered: int = 0
    left: int = 0
    triggers: int = 0
    live_triggers: int = 0
    first_trigger_seconds: float | None = None
    latest: deque[str] = field(default_factory=lambda: deque(maxlen=LATEST))
    """Triggers in words."""
    latencies: list[float] = field(default_factory=list)
    """Seconds from the click that made somebody a power user to the trigger, live ones."""
    rejected: Counter[str] = field(default_factory=Counter)
    changes_sent: int = 0
    """Change events of Salesforce that were handed to Kafka."""
    records: dict[str, Known] = field(default_factory=dict)
    """{id of a Salesforce record: what we know of it}."""
    refetches: set[tuple[str, str]] = field(default_factory=set)
    """(record, why it was asked for again)."""
    told: int = 0
    """Lines on people's timelines."""
    live_since_ms: int | None = None
    fetches_begun: int = 0
    is_read: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a fetch that began after the latest `settled` brought nothing."""

    @property
    def seconds(self) -> float:
        """Since the demo began."""
        return time.monotonic() - self.started

    @property
    def users(self) -> int:
        """People of whom a userId is known."""
        return sum(key.startswith(b"user:") for key in self.people)

    @property
    def latency(self) -> float | None:
        """Median of the live triggers, seconds; None: there is none yet."""
        return median(self.latencies) if self.latencies else None

    def add(self, record: ConsumerRecord) -> None:
        """Take one record of the topics `SHOWN`."""
        match record.topic:
            case PROFILE_VIEWS.name:
                self._view(record)
            case SEGMENT_CHANGES.name:
                self._change(orjson.loads(record.value))
            case REFERRAL_TRIGGERS.name:
                self._trigger(record.value)
            case REJECTED_EVENTS.name:
                self.rejected[dict(record.headers).get("reason", b"?").decode()] += 1
            case SALESFORCE_RECORDS.name:
                found = orjson.loads(record.value)
                self.records[found["id"]] = Known(found["modified_at"] or 0, found["deleted"], found["dirty"])
            case SALESFORCE_REFETCH.name:
                request = orjson.loads(record.value)
                self.refetches.add((request["id"], request["why"]))
            case USER_TIMELINE.name:
                self.told += 1

    def _view(self, record: ConsumerRecord) -> None:
        if record.value is None or b'"merged_into"' in record.value[:600]:
            self.people.discard(record.key)
        else:
            self.people.add(record.key)

    def _change(self, change: dict[str, Any]) -> None:
        member = (change["segment"], change["person"])
        if change["change"] == "entered":
            self.entered += 1
            self.members.add(member)
        else:
            self.left += 1
            self.members.discard(member)

    def _trigger(self, value: bytes) -> None:
        self.triggers += 1
        self.first_trigger_seconds = self.first_trigger_seconds or self.seconds
        self.latest.append(triggers.line(value))
        entered_at = _millis(orjson.loads(value)["episode"]["entered_at"])
        if self.live_since_ms is not None and entered_at >= self.live_since_ms:
            self.live_triggers += 1
            self.latencies.append(time.time() - entered_at / 1000)


async def tail(settings: Settings, scene: Scene, changed: Callable[[], None]) -> None:
    """Read the topics into the scene, from their beginning and without end; call `changed` after each fetch."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await consumer.start()
        consumer.assign(
            [TopicPartition(topic.name, number) for topic in SHOWN for number in range(settings.partitions)]
        )
        while True:
            scene.fetches_begun += 1
            fetched = await consumer.getmany(timeout_ms=FETCH_MS, max_records=FETCH_RECORDS)
            for record in chain.from_iterable(fetched.values()):
                scene.add(record)
            if scene.fetches_begun and not fetched:
                scene.is_read.set()
            changed()
    finally:
        async with asyncio.timeout(CONNECT_SECONDS):
            await consumer.stop()


async def settled(scene: Scene) -> None:
    """Wait until the tail has read what lies in the topics now: a fetch that began after this call is empty."""
    scene.is_read.clear()
    scene.fetches_begun = 0
    await asyncio.wait_for(scene.is_read.wait(), SETTLE_SECONDS)


def _millis(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
