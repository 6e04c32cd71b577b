"""Topics that are not as one would like them: compacted, grown, written by a strange producer, full rows."""

import asyncio
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from time import monotonic

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.sources.replay.lines import Line
from agents.sources.replay.timeline import stamped, with_marks
from streams import topics
from tests.faults import load
from tests.faults.load import PARTITIONS
from tests.faults.run import Run, committed
from tests.faults.worker import UnexpectedError

MISCONFIGURED = 78
PEOPLE = 80
COMPACTING = {"min.compaction.lag.ms": "0", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "300"} | {
    "delete.retention.ms": "0",
    "cleanup.policy": "compact",
}
COMPACTED_SECONDS = 60.0
NAMES, EACH = 40, 600


async def crc32_producer(run: Run) -> None:
    """Let a producer choose partitions by CRC32, as librdkafka's do by default."""
    await run.publish(load.company(run.number, PEOPLE), place=lambda key, count: zlib.crc32(key) % count)
    worker = run.worker()
    await worker.start()
    await worker.ready()


async def row_full(run: Run) -> None:
    """Let one person do more than a row may hold: later events are refused with `row-full`, neighbours are not."""
    worker = run.worker()
    await worker.start()
    busy = list(with_marks(stamped(_busy_person(), load.END_MS)))
    await run.publish(sorted([*load.company(run.number, PEOPLE), *busy], key=lambda item: item.at or 0))
    await worker.ready()
    await run.verify()
    letters = await committed(run.settings.kafka_bootstrap, [topics.REJECTED_EVENTS.name])
    if not any(("reason", b"row-full") in one.headers for records in letters.values() for one in records):
        raise UnexpectedError("no event was refused with row-full: the row was not full")


def _busy_person() -> Iterator[Line]:
    begin = load.END_MS - 10 * 86_400_000
    for number in range(NAMES * EACH):
        at = datetime.fromtimestamp((begin + number * 20_000) / 1000, UTC).isoformat(timespec="milliseconds")
        event = {"type": "track", "userId": "busy", "event": f"Action {number % NAMES}", "messageId": f"busy-{number}"}
        yield Line("busy", number, orjson.dumps(event | {"timestamp": at, "sentAt": at, "receivedAt": at}))


async def partitions_grown(run: Run) -> None:
    """Give `web-events` more partitions under two workers: both have to leave, and say why."""
    workers = [run.worker(), run.worker()]
    for worker in workers:
        await worker.start()
    await run.publish(load.company(run.number, PEOPLE))
    await asyncio.gather(*(worker.ready() for worker in workers))
    await run.verify()
    admin = AIOKafkaAdminClient(bootstrap_servers=run.settings.kafka_bootstrap)
    async with asyncio.timeout(30):
        await admin.start()
        await admin.create_partitions({topics.WEB_EVENTS.name: NewPartitions(PARTITIONS + 2)})
        await admin.close()
    since = monotonic()
    for worker in workers:
        if (code := await worker.died(60)) != MISCONFIGURED:
            raise worker.error(f"ended with {code}, not as misconfigured ({MISCONFIGURED})")
    run.outcome.recoveries.append(monotonic() - since)
    for worker in workers:
        if f"must have {PARTITIONS} partitions" not in worker.output():
            raise worker.error("did not say what is wrong")
        await worker.kill_for_good()
    run.verifies = False  # it refuses topics with another number of partitions


async def compacted(run: Run) -> None:
    """Compact the changelogs, with tombstones and transaction markers at their ends, and recover from what is left."""
    changelogs = [topics.changelog(run.settings.app_id, table).name for table in topics.TABLES]
    await _set(run, changelogs, COMPACTING)
    first, second = load.in_halves(load.company(run.number, PEOPLE))
    worker = run.worker()
    await worker.start()
    await worker.ready()
    await run.publish(first, seconds=4)
    await run.verify()
    await worker.kill_for_good()
    await _tombstones(run, changelogs)
    await _compacted(run, changelogs)
    since = monotonic()
    await worker.start()
    await run.recovered(since, worker)
    await run.publish(second)
    run.replays = False  # the steps are compacted away


async def _compacted(run: Run, changelogs: list[str]) -> None:
    """Keep the segments rolling until of four records ever written at most one is left."""
    deadline = monotonic() + COMPACTED_SECONDS
    while await _share_left(run, changelogs) > 0.25:
        if monotonic() > deadline:
            raise UnexpectedError(f"Kafka compacted little within {COMPACTED_SECONDS:.0f} s")
        await asyncio.sleep(0.5)
        await _tombstones(run, changelogs)


async def _tombstones(run: Run, changelogs: list[str]) -> None:
    """Write rows of nobody and delete them, in a transaction: tombstones and its marker are the last records."""
    producer = AIOKafkaProducer(bootstrap_servers=run.settings.kafka_bootstrap, transactional_id="tombstones")
    async with asyncio.timeout(30):
        await producer.start()
        async with producer.transaction():
            for changelog in changelogs:
                for partition in range(PARTITIONS):
                    await producer.send(changelog, key=b"nobody", value=None, partition=partition)
        await producer.stop()


async def _share_left(run: Run, changelogs: list[str]) -> float:
    """Records that can be read, of all offsets that were ever given."""
    found = await committed(run.settings.kafka_bootstrap, changelogs)
    rows = [len(records) for records in found.values() if records]
    return sum(rows) / sum(records[-1].offset + 1 for records in found.values() if records)


async def _set(run: Run, names: list[str], configs: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=run.settings.kafka_bootstrap)
    async with asyncio.timeout(30):
        await admin.start()
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs) for name in names])
        await admin.close()
