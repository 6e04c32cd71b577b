"""Load: a simulated company's events with the log's clock, some of them broken; its Salesforce org's changes; commands.

Commands forget some of the people while all goes on, and say what is known of companies.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.local.company import simulate
from agents.local.company.people import cast
from agents.partitions import partition_of
from agents.sources.replay.lines import Line
from agents.sources.replay.timeline import Event, Mark, stamped, with_marks
from streams import topics
from streams.instants import DAY_MS
from tests.faults.org import messages

PARTITIONS = 4
END_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
DAYS = 40
BROKEN_EVERY = 25
"""Of so many events one cannot be used: a kill shall find dead letters at work, too."""
FORGOTTEN_EVERY = 20
"""Of so many people who sign up one is forgotten."""
WRITE_SECONDS = 10.0
AWAY_SECONDS = 180.0
"""How long a broker may be away before the load gives up."""
STEP_SECONDS = 0.2

CHANGES = 0.1
"""Changes in Salesforce for one event of the company."""


class Change(NamedTuple):
    """One message for `salesforce-changes`."""

    at: int
    """Kafka's timestamp, milliseconds."""
    partition: int
    key: bytes | None
    value: bytes | None


class Command(NamedTuple):
    """One command for `web-events`."""

    at: int
    name: str
    value: bytes


Item: TypeAlias = Event | Mark | Change | Command
Items: TypeAlias = list[Item]
Place: TypeAlias = Callable[[bytes, int], int]
"""Says which of so many partitions a key belongs to."""


def company(seed: int, people: int) -> Items:
    """Forty days of a company, about 70 events a person, a time mark every six hours; changes and commands between."""
    items: Items = list(with_marks(stamped(_lines(seed, people), END_MS), every_ms=6 * 3_600_000))
    items = _among(items, _changes(seed, people, int(len(items) * CHANGES)))
    return _among(items, _commands(seed, people))


def in_halves(items: Items) -> tuple[Items, Items]:
    """Cut a load after a time mark: what was received after the last one waits for the next."""
    cut = 1 + next(number for number in range(len(items) // 2, 0, -1) if isinstance(items[number], Mark))
    return items[:cut], items[cut:]


def _among(items: Items, others: Sequence[Item]) -> Items:
    """Put others among items, evenly."""
    mixed: Items = []
    stretches = len(others) + 1
    for number in range(stretches):
        mixed += items[number * len(items) // stretches : (number + 1) * len(items) // stretches]
        mixed += others[number : number + 1]
    return mixed


def ending() -> Items:
    """List what ends the transactions that are held: snapshots, one a partition, of accounts that nobody has heard of.

    Without them a worker would release the last transactions after some seconds: while an oracle looks, or not at all.
    """
    record = {"kind": "record", "object": "Account", "at": END_MS, "fields": {"Name": "The last"}}
    ids = (f"00100000000{partition:04}AAA" for partition in range(PARTITIONS))
    values = (json.dumps(record | {"id": one}).encode() for one in ids)
    return [Change(END_MS, partition, b"k", value) for partition, value in enumerate(values)]


def _changes(seed: int, people: int, count: int) -> list[Change]:
    addresses = [person.email for person in cast(seed, DAYS, people) if person.signs_up is not None]
    found = messages(seed, PARTITIONS, addresses, count, END_MS - DAYS * DAY_MS, END_MS)
    return [Change(one.timestamp, one.partition, one.key, one.value) for one in found]


def _commands(seed: int, people: int) -> list[Command]:
    """What is known of each company, and then one of so many people to be forgotten."""
    known = [person for person in cast(seed, DAYS, people) if person.signs_up is not None]
    domains = sorted({person.email.partition("@")[2] for person in known})
    companies = [{"domain": domain, "name": domain, "employees": 40} for domain in domains]
    forgotten = [{"alias": f"email:{one.email}", "id": one.email} for one in known[::FORGOTTEN_EVERY]]
    return [
        Command(END_MS - DAYS * DAY_MS, name, json.dumps(value).encode())
        for name, values in (("company", companies), ("forget", forgotten))
        for value in values
    ]


def _lines(seed: int, people: int) -> Iterator[Line]:
    for number, event in enumerate(simulate(seed, DAYS, END_MS, people)):
        raw = event if isinstance(event, bytes) else json.dumps(event).encode()
        yield Line("company", number, raw)
        if number % BROKEN_EVERY == 0:
            yield Line("company", number, b'{"type": "track", "broken": %d' % number)


async def write(
    bootstrap: str, items: Sequence[Item], *, partitions: int, seconds: float = 0.0, place: Place = partition_of
) -> None:
    """Write items to their topics, evenly over `seconds`; return when Kafka has them all.

    What Kafka does not acknowledge is written again, to another producer's name: that is a repetition like any other.
    """
    steps = max(1, int(seconds / STEP_SECONDS))
    size = -(-len(items) // steps)
    began = monotonic()
    for number in range(steps):
        await asyncio.sleep(max(0.0, began + number * STEP_SECONDS - monotonic()))
        part, deadline = items[number * size : (number + 1) * size], monotonic() + AWAY_SECONDS
        while not await _written(bootstrap, part, partitions, place):
            if monotonic() > deadline:
                msg = f"Kafka took no events for {AWAY_SECONDS:.0f} s"
                raise TimeoutError(msg)
            await asyncio.sleep(1.0)


async def _written(bootstrap: str, items: Sequence[Item], partitions: int, place: Place) -> bool:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await producer.start()
            for (topic, partition), some in by_partition(items, partitions, place).items():
                await _send(producer, topic, partition, some)
            await producer.flush()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await _stopped(producer)
    return True


async def _send(producer: AIOKafkaProducer, topic: str, partition: int, items: Sequence[Item]) -> None:
    batch, deliveries = producer.create_batch(), []
    for item in items:
        key, value, headers = message(item)
        if batch.append(key=key, value=value, timestamp=item.at, headers=headers) is None:
            deliveries.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=item.at, headers=headers)
    deliveries.append(await producer.send_batch(batch, topic, partition=partition))
    for delivery in deliveries:
        await delivery


def message(item: Item) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    """Return key, value and headers of an item."""
    if isinstance(item, Mark):
        return None, None, [(topics.TIME_MARK_HEADER, str(item.at).encode())]
    if isinstance(item, Command):
        return None, item.value, [(topics.COMMAND_HEADER, item.name.encode())]
    return item.key, item.value, []


def by_partition(items: Sequence[Item], partitions: int, place: Place) -> dict[tuple[str, int], Items]:
    """Deal items out: {(topic, partition): items}."""
    found: dict[tuple[str, int], Items] = defaultdict(list)
    web = topics.WEB_EVENTS.name
    for number, item in enumerate(items):
        if isinstance(item, Mark):
            for partition in range(partitions):
                found[web, partition].append(item)
        elif isinstance(item, Change):
            found[topics.SALESFORCE_CHANGES.name, item.partition].append(item)
        elif isinstance(item, Command):
            found[web, 0].append(item)
        else:
            found[web, number % partitions if item.key is None else place(item.key, partitions)].append(item)
    return found


async def _stopped(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await producer.stop()
    except (KafkaError, TimeoutError):
        return
