"""How far the workers of an app id have come, and whether anything is left for them.

In: the group's committed offsets and the topics' ends.  Out: a number, and yes or no.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from agents.settings import Settings
from streams.topics import ACCOUNT_EVENTS, SALESFORCE_CHANGES, USER_EVENTS, WEB_EVENTS, Topic

REQUEST_SECONDS = 20.0
FETCH_MS = 150
FETCH_WAIT_MS = 20
"""How long the broker keeps a fetch that finds nothing: the next look has to wait for it."""
PAUSE_SECONDS = 0.15
QUIET_LOOKS = 2
"""How often nothing was brought: the end of a transaction shows a moment later in one topic than in another."""
BARRIER = b'{"kind":"barrier"'
MOST_MARKERS = 1_000
"""A gap larger than this holds records for sure: no look at it is needed."""
MOST_ROUNDS = 32
"""Records bring records over some 8 rows there, and as many back; what still comes then is somebody else's."""

Offsets: TypeAlias = dict[TopicPartition, int]
"""{partition: offset that comes next}."""


class BehindError(Exception):
    """The workers did not come on; the text says where they are."""


class Backlog:
    """What is done and what is left in the topics that workers read."""

    def __init__(self, settings: Settings, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        self._group = settings.app_id
        self._admin = admin
        self._reader = reader
        self._web = _partitions(settings, WEB_EVENTS)
        self._internal = [*_partitions(settings, ACCOUNT_EVENTS), *_partitions(settings, USER_EVENTS)]
        salesforce = _partitions(settings, SALESFORCE_CHANGES)
        self._known = dict.fromkeys([*self._web, *salesforce, *self._internal], 0)

    async def processed(self) -> int:
        """Count the records of `web-events` (marks too) whose results are committed."""
        committed = await self._committed()
        return sum(committed[partition] for partition in self._web)

    async def until_processed(self, seconds: float) -> None:
        """Wait until all that lies in the topics is processed, with all that it brings.

        What others write meanwhile is waited for as well, for `MOST_ROUNDS` at most.  Raise `BehindError` after
        `seconds` without a step forward.
        """
        ends = await self._ends([*self._known])
        await self._until_committed(ends, seconds)
        # What was processed has brought records: changes of Salesforce, forwarded events; those may bring others.
        quiet = 0
        for _ in range(MOST_ROUNDS):
            since, ends = ends, await self._ends(self._internal)
            brought = await self._finds(since, ends, _matters)
            quiet = 0 if brought else quiet + 1
            if quiet == QUIET_LOOKS:
                return
            if brought:
                await self._until_committed(ends, seconds)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _until_committed(self, ends: Offsets, seconds: float) -> None:
        before, moved_at = -1, time.monotonic()
        while await self._holds_records(ends):
            now = sum(self._known.values())
            if now != before:
                before, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > seconds:
                msg = f"nothing was processed for {seconds:.0f} s; {await self.processed():,} records of web-events are"
                raise BehindError(msg)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _holds_records(self, ends: Offsets) -> bool:
        """Tell whether records lie between what is committed and `ends`; markers and barriers are none."""
        committed = await self._committed()
        if any(end - committed[partition] > MOST_MARKERS for partition, end in ends.items()):
            return True
        return await self._finds(committed, ends, _matters)

    async def _finds(self, since: Offsets, ends: Offsets, matters: Callable[[ConsumerRecord], bool]) -> bool:
        """Tell whether a record that matters lies between `since` and `ends`."""
        ends = {partition: end for partition, end in ends.items() if since[partition] < end}
        if not ends:
            return False  # and nothing is assigned: a reader stopped just after that does not stop (aiokafka 0.14)
        self._reader.assign(list(ends))
        async with asyncio.timeout(REQUEST_SECONDS):
            for partition in ends:
                self._reader.seek(partition, since[partition])
            while any([await self._reader.position(partition) < end for partition, end in ends.items()]):
                for partition, records in (await self._reader.getmany(timeout_ms=FETCH_MS)).items():
                    if any(record.offset < ends[partition] and matters(record) for record in records):
                        return True
        return False

    async def _ends(self, partitions: list[TopicPartition]) -> Offsets:
        return dict(await asyncio.wait_for(self._reader.end_offsets(partitions), REQUEST_SECONDS))

    async def _committed(self) -> Offsets:
        """Ask for the group's offsets; what was known before where the broker is not ready to tell."""
        asking = self._admin.list_consumer_group_offsets(self._group, partitions=list(self._known))
        try:
            found = await asyncio.wait_for(asking, REQUEST_SECONDS)
        except KafkaError as error:
            if not error.retriable:
                raise
        else:
            self._known |= {partition: max(offset.offset, 0) for partition, offset in found.items()}
        return self._known


def _matters(record: ConsumerRecord) -> bool:
    return not (record.value or b"").startswith(BARRIER)


def _partitions(settings: Settings, topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(settings.partitions)]


@asynccontextmanager
async def backlog(settings: Settings) -> AsyncIterator[Backlog]:
    """Connect, and lend a `Backlog` of `settings.app_id`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    reader = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        fetch_max_wait_ms=FETCH_WAIT_MS,
    )
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            await admin.start()
            await reader.start()
        yield Backlog(settings, admin, reader)
    finally:
        async with asyncio.timeout(REQUEST_SECONDS):
            await reader.stop()
            await admin.close()
