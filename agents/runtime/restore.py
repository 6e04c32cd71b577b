"""Restore: bring a lane's rows up to the end of its changelog.

Done after the fence, so nobody writes any more; the barrier record at the end tells when the end is read.  Faust's own
recovery is not used: it mixes partitions, never ends behind a transaction marker, and drops records around the seek
that follows (docs/decisions/0002).
"""

from collections.abc import Callable
from time import monotonic

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from agents.runtime.faults import point
from agents.runtime.patience import Patience
from agents.runtime.stores import Store

BARRIER_KEY = b"@barrier"
STEP_SECONDS = 30.0
"""How long the changelog may stay silent before its end has come."""


class RestoreError(Exception):
    """The changelog could not be read to its end."""


async def write_barrier(producer: AIOKafkaProducer, changelog: str, partition: int) -> int:
    """Append a plain record after all that the former owner wrote; return its offset."""
    async with Patience(STEP_SECONDS):
        written = await producer.send_and_wait(changelog, key=BARRIER_KEY, value=b"", partition=partition)
    return int(written.offset)


def changelog_consumer(bootstrap: str) -> AIOKafkaConsumer:
    """Make a reader of committed rows, not yet started."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
        fetch_max_wait_ms=100,
    )


async def restore(
    store: Store,
    consumer: AIOKafkaConsumer,
    *,
    changelog: str,
    partition: int,
    barrier: int,
    progress: Callable[[], None],
) -> int:
    """Read committed rows from where the store ends up to the barrier; return how many there were.

    Starts and stops the consumer.  `progress` is called after each fetch.
    """
    tp = TopicPartition(changelog, partition)
    async with Patience(STEP_SECONDS):
        await consumer.start()
    try:
        consumer.assign([tp])
        consumer.seek(tp, store.restored_to())
        return await _read(consumer, tp, store, barrier, progress)
    finally:
        await consumer.stop()


async def _read(
    consumer: AIOKafkaConsumer, tp: TopicPartition, store: Store, barrier: int, progress: Callable[[], None]
) -> int:
    restored, heard = 0, monotonic()
    while True:
        found = await consumer.getmany(tp, timeout_ms=500, max_records=20_000)
        records = found.get(tp, ())
        if records:
            heard = monotonic()
            rows = {record.key: record.value for record in records if record.key != BARRIER_KEY}
            store.write(rows, records[-1].offset + 1)
            restored += len(rows)
            progress()
            point("in-recovery")
            if records[-1].offset >= barrier:
                return restored
        elif monotonic() - heard > STEP_SECONDS:
            msg = (
                f"{tp.topic}/{tp.partition}: nothing came for {STEP_SECONDS:.0f} s before offset {barrier}. If this"
                " comes again, a transaction hangs: see docs/operations.md"
            )
            raise RestoreError(msg)
