"""`touchline views rebuild`: makes Redis equal to `profile-views`, beside a live sink or without one.

Reads the topic from its beginning to where it ended at the start, writes every document that Redis has not or has
otherwise, then removes what the topic does not have.  A live sink may be ahead: what it wrote stays.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import Progress

from agents.committed import NoTopicError, ends, read_until, reader
from agents.settings import Settings
from agents.sinks.redis.documents import Entry, latest, pieces
from agents.sinks.redis.keys import address
from agents.sinks.redis.store import Gap, ReadModel, connect
from streams.topics import PROFILE_VIEWS

KEY = re.compile(r"^.*?:\{p(?P<partition>\d+)\}:(?P<kind>profile|members):(?P<name>.*)$", re.DOTALL)


@dataclass(slots=True)
class Counts:
    """What a rebuild did."""

    records: int = 0
    written: int = 0
    """Documents written or deleted; the rest were newer in Redis."""
    removed: int = 0
    """Documents and entries of lists that Redis had and the topic has not."""
    unreadable: int = 0
    living: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By partition, the persons that have a document: about 100 bytes each."""

    @property
    def documents(self) -> int:
        """Documents that the topic has."""
        return sum(map(len, self.living.values()))


def rebuild(settings: Settings) -> int:
    """Rebuild, show the progress, print the counts; 0, or 1 and a line that says what failed and what to do."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        counts = asyncio.run(_rebuild(settings, console))
    except NoTopicError as error:
        console.print(f"Kafka has no topic {error}: run `touchline topics create`.")
    except (RedisError, ValueError) as error:
        console.print(
            f"No answer from Redis at {address(settings.redis_url)} ({type(error).__name__}):"
            " is it up, and TOUCHLINE_REDIS_URL right?"
        )
    except (KafkaError, OSError, TimeoutError) as error:
        console.print(
            f"No answer from Kafka at {settings.kafka_bootstrap} ({type(error).__name__}):"
            " is it up, and TOUCHLINE_KAFKA_BOOTSTRAP right?"
        )
    except Gap:
        console.print("Redis was emptied meanwhile: run `touchline views rebuild` again.")
    else:
        Console(highlight=False, soft_wrap=True).print(
            f"{counts.documents} documents from {counts.records} records: {counts.written} written,"
            f" {counts.removed} removed that the topic does not have, {counts.unreadable} records were no documents."
        )
        return 0
    return 1


async def _rebuild(settings: Settings, console: Console) -> Counts:
    model = ReadModel(connect(settings.redis_url), settings.app_id)
    counts = Counts()
    try:
        async with reader(settings, PROFILE_VIEWS.name) as consumer:
            until = await _until(consumer, model)
            with Progress(console=console, transient=True) as progress:
                task = progress.add_task(PROFILE_VIEWS.name, total=sum(until.values()))
                async for at in _write(consumer, model, until, counts):
                    progress.update(task, completed=at)
        await _sweep(model, {at.partition: end for at, end in until.items()}, counts)
    finally:
        await model.close()
    return counts


async def _until(consumer: AIOKafkaConsumer, model: ReadModel) -> dict[TopicPartition, int]:
    """Where to read to; documents of an older topic of the same name, whose log was longer, are forgotten first."""
    stored = await model.offsets(sorted(at.partition for at in consumer.assignment()))
    until = await ends(consumer)
    for at, end in until.items():
        if stored[at.partition] >= end:
            await model.forget(at.partition)
    return until


async def _write(
    consumer: AIOKafkaConsumer, model: ReadModel, until: dict[TopicPartition, int], counts: Counts
) -> AsyncIterator[int]:
    """Write all records below `until`; yield how far it is, in offsets of all partitions together."""
    after = dict.fromkeys(until, -1)
    async for fetched in read_until(consumer, until):
        for at, records in fetched.items():
            if records:
                after[at] = await _write_batch(model, at.partition, records, after[at], counts)
        yield sum(offset + 1 for offset in after.values())


async def _write_batch(model: ReadModel, partition: int, records: list[Any], after: int, counts: Counts) -> int:
    entries, unreadable = latest(records)
    counts.records += len(records)
    counts.unreadable += unreadable
    _note(counts.living[partition], entries)
    for piece, last in pieces(entries, records[-1].offset):
        done = await model.apply(partition, piece, after=after, last=last, repair=True)
        counts.written += done.changed
        after = last
    return after


def _note(living: set[str], entries: list[Entry]) -> None:
    for entry in entries:
        if entry.doc:
            living.add(entry.person)
        else:
            living.discard(entry.person)


async def _sweep(model: ReadModel, ends_of: dict[int, int], counts: Counts) -> None:
    """Remove what the topic does not have; what a live sink wrote after the end that we read to stays."""
    async for page in model.pages():
        for (partition, kind), names in _sorted_out(page).items():
            if partition not in ends_of:
                await model.forget(partition)  # from a time of more partitions
                counts.removed += len(names)
            elif kind == "profile":
                strangers = [name for name in names if name not in counts.living[partition]]
                counts.removed += await model.remove(partition, strangers, ceiling=ends_of[partition] - 1)
            else:
                counts.removed += await _prune(model, partition, names)


async def _prune(model: ReadModel, partition: int, segments: list[str]) -> int:
    pruned = 0
    for segment in segments:
        async for persons in model.members(partition, segment):
            pruned += await model.prune(partition, segment, persons)
    return pruned


def _sorted_out(keys: list[str]) -> dict[tuple[int, str], list[str]]:
    """Persons and segments by partition and kind of key; others, such as offsets, are left out."""
    named: dict[tuple[int, str], list[str]] = defaultdict(list)
    for key in keys:
        found = KEY.match(key)
        if found:
            named[int(found["partition"]), found["kind"]].append(found["name"])
    return named
