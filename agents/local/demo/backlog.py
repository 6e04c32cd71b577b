"""Demo, part 1.  Backlog: how far the workers of an app id have come, and whether anything is left for them.

In: the group's committed offsets and the topics' ends.  Out: a number, and yes or no.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from agents.settings import Settings
from streams.topics import USER_EVENTS, WEB_EVENTS

REQUEST_SECONDS = 20.0
FETCH_MS = 150
PAUSE_SECONDS = 0.15
MOST_MARKERS = 1_000
"""A gap larger than this holds records for sure: no look at it is needed."""


class BehindError(Exception):
    """The workers did not come to the end in time; the text says where they are."""


class Backlog:
    """What is done and what is left in `web-events` and `user-events`."""

    def __init__(self, settings: Settings, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        self._group = settings.app_id
        self._admin = admin
        self._reader = reader
        self._sources = [TopicPartition(WEB_EVENTS.name, number) for number in range(settings.partitions)]
        self._internal = [TopicPartition(USER_EVENTS.name, number) for number in range(settings.partitions)]
        self._known = dict.fromkeys([*self._sources, *self._internal], 0)

    async def processed(self) -> int:
        """Count the records of `web-events` (marks too) whose results are committed."""
        committed = await self._committed()
        return sum(committed[partition] for partition in self._sources)

    async def until_processed(self, seconds: float) -> None:
        """Wait until all that lies in the topics now is processed, with all that it brings; later records don't count.

        Raise `BehindError` after `seconds`.
        """
        deadline = time.monotonic() + seconds
        # An event brings records to user-events; those may bring others there (forwarded ones), which bring none.
        for partitions in (self._sources, self._internal, self._internal):
            ends = await self._ends(partitions)
            while await self._holds_records(ends):
                if time.monotonic() > deadline:
                    msg = f"not processed within {seconds:.0f} s; {await self.processed():,} records of web-events are"
                    raise BehindError(msg)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _holds_records(self, ends: dict[TopicPartition, int]) -> bool:
        """Tell whether records lie between what is committed and `ends`; the markers of transactions are none."""
        committed = await self._committed()
        behind = [partition for partition, end in ends.items() if committed[partition] < end]
        if any(ends[partition] - committed[partition] > MOST_MARKERS for partition in behind):
            return True
        async with asyncio.timeout(REQUEST_SECONDS):
            return bool(behind) and await self._finds(behind, committed, ends)

    async def _finds(
        self, partitions: list[TopicPartition], since: dict[TopicPartition, int], ends: dict[TopicPartition, int]
    ) -> bool:
        self._reader.assign(partitions)
        for partition in partitions:
            self._reader.seek(partition, since[partition])
        while any([await self._reader.position(partition) < ends[partition] for partition in partitions]):
            fetched = await self._reader.getmany(timeout_ms=FETCH_MS)
            if any(record.offset < ends[partition] for partition, records in fetched.items() for record in records):
                return True
        return False

    async def _ends(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict(await asyncio.wait_for(self._reader.end_offsets(partitions), REQUEST_SECONDS))

    async def _committed(self) -> dict[TopicPartition, int]:
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


@asynccontextmanager
async def backlog(settings: Settings) -> AsyncIterator[Backlog]:
    """Connect, and lend a `Backlog` of `settings.app_id`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    reader = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, isolation_level="read_committed", enable_auto_commit=False
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
