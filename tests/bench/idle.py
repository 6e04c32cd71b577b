"""What it costs to wait: `python -m tests.bench.idle`.  A worker to which nothing comes, by number of partitions.

Sources without traffic tick, and every worker hears it: that is what there is to see.
"""

import argparse
import asyncio
import shutil
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer
from rich.console import Console
from rich.table import Table

from streams import topics
from tests.bench.broker import Broker, partitions_of
from tests.bench.points import LOCAL, RUNS, measure
from tests.bench.processes import Program
from tests.bench.programs import Ours

CONSUMED = (topics.WEB_EVENTS, topics.SALESFORCE_CHANGES, topics.ACCOUNT_EVENTS, topics.USER_EVENTS)
OPEN_SECONDS = 180.0
SETTLE_SECONDS = 10.0
"""From when all lanes are open until it is as quiet as it will be."""


@dataclass
class Point:
    """One number of partitions."""

    partitions: int
    seconds: float
    cpu_share: float = 0.0
    """Of one core."""
    messages_per_second: float = 0.0
    """To `progress`."""
    bytes_per_second: float = 0.0
    peak_megabytes: float = 0.0


async def idle(partitions: int, seconds: float, broker: Broker) -> Point:
    """Start a worker on empty topics, and look at it for so long once it has come to rest."""
    broker.partitions = partitions
    subject = Ours(broker, RUNS / f"idle-{partitions}", f"idle-{partitions}")
    shutil.rmtree(subject.state, ignore_errors=True)
    await broker.drop(topics.WEB_EVENTS.name)
    await subject.prepare()
    program = subject.start()
    try:
        await _opened(subject, program)
        return await _looked_at(broker, program, Point(partitions, seconds))
    finally:
        program.stop()


async def _opened(subject: Ours, program: Program) -> None:
    deadline = monotonic() + OPEN_SECONDS
    while not subject.all_open_at(program.log, len(CONSUMED) * subject.broker.partitions):
        program.check()
        if monotonic() > deadline:
            raise program.error(f"had not opened its lanes within {OPEN_SECONDS:.0f} s")
        await asyncio.sleep(0.2)
    await asyncio.sleep(SETTLE_SECONDS)


async def _looked_at(broker: Broker, program: Program, point: Point) -> Point:
    progress = topics.PROGRESS.name
    said, size, cpu = await _end(broker, progress), broker.sizes()[progress], program.cpu_seconds()
    await asyncio.sleep(point.seconds)
    program.check()
    point.cpu_share = (program.cpu_seconds() - cpu) / point.seconds
    point.messages_per_second = (await _end(broker, progress) - said) / point.seconds
    point.bytes_per_second = (broker.sizes()[progress] - size) / point.seconds
    point.peak_megabytes = program.peak_bytes() / 1e6
    return point


async def _end(broker: Broker, topic: str) -> int:
    """Sum up where the partitions of a topic end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    async with asyncio.timeout(OPEN_SECONDS):
        await consumer.start()
        try:
            return sum((await consumer.end_offsets(partitions_of(topic, broker.partitions))).values())
        finally:
            await consumer.stop()


def main() -> int:
    """Look at each number of partitions, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.idle", description=__doc__)
    parser.add_argument("--partitions", default="8,64", help="comma-separated")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each is looked at")
    parser.add_argument("--json", type=Path, default=LOCAL / "bench" / "idle.json", help="where the figures go")
    chosen = parser.parse_args()

    def point(partitions: int, broker: Broker) -> Coroutine[Any, Any, Point]:
        return idle(partitions, chosen.seconds, broker)

    numbers = map(int, chosen.partitions.split(","))
    measure([(f"{number} partitions", partial(point, number)) for number in numbers], _show, chosen.json)
    return 0


def _show(points: list[Point], console: Console) -> None:
    table = Table(title="A worker to which nothing comes")
    for title in ("partitions", "of one core", "progress messages/s", "bytes/s", "memory MB"):
        table.add_column(title, justify="right")
    for point in points:
        table.add_row(
            f"{point.partitions}",
            f"{point.cpu_share:.1%}",
            f"{point.messages_per_second:.1f}",
            f"{point.bytes_per_second:,.0f}",
            f"{point.peak_megabytes:,.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
