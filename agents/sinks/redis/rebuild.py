"""`touchline views rebuild`: makes Redis equal to the topics of `FEEDS`, beside a live sink or without one.

Reads each from its beginning to where it ended at the start, writes every document that Redis has not or has
otherwise, then removes what the topic does not have, and mends totals.  A live sink may be ahead: what it wrote stays.
How many partitions there are it takes from the topics; a Redis that has another number is emptied first.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import Progress

from agents.committed import NoTopicError, UnequalError, ends, partition_count, read_until, reader
from agents.settings import Settings
from agents.sinks.redis.documents import FEEDS, Entry, Feed, latest, pieces
from agents.sinks.redis.keys import Kind, address
from agents.sinks.redis.store import Gap, OtherPartitionsError, ReadModel, connect
from agents.sinks.redis.totals import mend_totals

MEMBERS = "members"
KEY = re.compile(rf"^.*?:\{{p(?P<partition>\d+)\}}:(?P<kind>{'|'.join((*Kind, MEMBERS))}):(?P<name>.*)$", re.DOTALL)
Ends: TypeAlias = dict[tuple[Kind, int], int]
"""{(kind, partition): the offset that comes next in the kind's topic}."""


@dataclass(slots=True)
class Counts:
    """What a rebuild did."""

    partitions: int = 0
    """Of each topic."""
    before: str = ""
    """What Redis had for that; empty: the same, or nothing."""
    records: int = 0
    written: int = 0
    """Documents written or deleted; the rest were newer in Redis."""
    removed: int = 0
    """Documents and entries of lists that Redis had and the topics have not."""
    unreadable: int = 0
    mended: int = 0
    """Totals that were not the sum of their contributions."""
    restless: list[int] = field(default_factory=list)
    """Partitions whose totals changed too fast to be compared."""
    living: dict[tuple[Kind, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    """By kind and partition, the names that have a document: about 100 bytes each."""

    @property
    def documents(self) -> int:
        """Documents that the topics have."""
        return sum(map(len, self.living.values()))


def rebuild(settings: Settings) -> int:
    """Rebuild, show the progress, print the counts; 0, or 1 and a line that says what failed and what to do."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        counts = asyncio.run(_rebuild(settings, console))
    except NoTopicError as error:
        console.print(f"Kafka has no topic {error}: run `touchline topics create`.")
    except UnequalError as error:
        console.print(
            f"The topics must have the same number of partitions: {error}. `touchline topics check` says more."
        )
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
        Console(highlight=False, soft_wrap=True).print(_told(counts))
        return 0
    return 1


def _told(counts: Counts) -> str:
    lines = [
        f"{counts.documents} documents from {counts.records} records: {counts.written} written,"
        f" {counts.removed} removed that the topics do not have, {counts.unreadable} records were no documents."
    ]
    if counts.before:
        lines.append(
            f"Redis was of {counts.before} partitions, the topics have {counts.partitions}: all of it was made anew."
        )
    if counts.mended:
        lines.append(f"{counts.mended} totals were not the sum of their contributions, and are now.")
    if counts.restless:
        lines.append(
            f"Totals of partitions {', '.join(map(str, counts.restless))} changed too fast to be compared:"
            " run it again when less happens."
        )
    return "\n".join(lines)


async def _rebuild(settings: Settings, console: Console) -> Counts:
    model = ReadModel(connect(settings.redis_url), settings.app_id)
    counts = Counts()
    ends_of: Ends = {}
    try:
        counts.partitions = await partition_count(settings, FEEDS)
        await _agree(model, counts)
        for feed in FEEDS.values():
            ends_of |= await _read(settings, model, feed, console, counts)
        await _sweep(model, ends_of, counts)
        for partition in {partition for _, partition in ends_of}:
            await _mend(model, partition, counts)
    finally:
        await model.close()
    return counts


async def _agree(model: ReadModel, counts: Counts) -> None:
    """Have Redis say the topics' number of partitions; what it has of another one no offset of today's topics fits."""
    try:
        await model.agree(counts.partitions)
    except OtherPartitionsError as error:
        counts.before = error.recorded
        await model.begin_anew(counts.partitions)


async def _read(settings: Settings, model: ReadModel, feed: Feed, console: Console, counts: Counts) -> Ends:
    async with reader(settings, feed.topic) as consumer:
        until = await _until(consumer, model, feed.kind)
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(feed.topic, total=sum(until.values()))
            async for at in _write(consumer, model, feed, until, counts):
                progress.update(task, completed=at)
    return {(feed.kind, at.partition): end for at, end in until.items()}


async def _until(consumer: AIOKafkaConsumer, model: ReadModel, kind: Kind) -> dict[TopicPartition, int]:
    """Where to read to; documents of an older topic of the same name, whose log was longer, are forgotten first."""
    stored = await model.offsets(kind, sorted(at.partition for at in consumer.assignment()))
    until = await ends(consumer)
    for at, end in until.items():
        if stored[at.partition] >= end:
            await model.forget(kind, at.partition)
    return until


async def _write(
    consumer: AIOKafkaConsumer, model: ReadModel, feed: Feed, until: dict[TopicPartition, int], counts: Counts
) -> AsyncIterator[int]:
    """Write all records below `until`; yield how far it is, in offsets of all partitions together."""
    after = dict.fromkeys(until, -1)
    async for fetched in read_until(consumer, until):
        for at, records in fetched.items():
            if records:
                after[at] = await _write_batch(model, feed, at.partition, records, after[at], counts)
        yield sum(offset + 1 for offset in after.values())


async def _write_batch(
    model: ReadModel, feed: Feed, partition: int, records: list[Any], after: int, counts: Counts
) -> int:
    entries, unreadable = latest(feed, records)
    counts.records += len(records)
    counts.unreadable += unreadable
    _note(counts.living[feed.kind, partition], entries)
    for piece, last in pieces(entries, records[-1].offset, feed.piece_bytes):
        done = await model.apply(feed.kind, partition, piece, after=after, last=last, repair=True)
        counts.written += done.changed
        after = last
    return after


def _note(living: set[str], entries: list[Entry]) -> None:
    for entry in entries:
        if entry.doc:
            living.add(entry.name)
        else:
            living.discard(entry.name)


async def _sweep(model: ReadModel, ends_of: Ends, counts: Counts) -> None:
    """Remove what the topics do not have; what a live sink wrote after the end that we read to stays."""
    async for page in model.pages():
        for (partition, kind), names in _sorted_out(page).items():
            if kind == MEMBERS:
                counts.removed += await _prune(model, partition, names)
                continue
            kind = Kind(kind)
            if (kind, partition) not in ends_of:  # from a time of more partitions
                await model.forget(kind, partition)
                counts.removed += len(names)
            else:
                strangers = [name for name in names if name not in counts.living[kind, partition]]
                ceiling = ends_of[kind, partition] - 1
                counts.removed += await model.remove(kind, partition, strangers, ceiling=ceiling)


async def _mend(model: ReadModel, partition: int, counts: Counts) -> None:
    mended = await mend_totals(model, partition)
    if mended is None:
        counts.restless.append(partition)
    else:
        counts.mended += mended


async def _prune(model: ReadModel, partition: int, segments: list[str]) -> int:
    pruned = 0
    for segment in segments:
        async for persons in model.members(partition, segment):
            pruned += await model.prune(partition, segment, persons)
    return pruned


def _sorted_out(keys: list[str]) -> dict[tuple[int, str], list[str]]:
    """Names of documents and segments by partition and kind of key; others, such as offsets, are left out."""
    named: dict[tuple[int, str], list[str]] = defaultdict(list)
    for key in keys:
        found = KEY.match(key)
        if found:
            named[int(found["partition"]), found["kind"]].append(found["name"])
    return named
