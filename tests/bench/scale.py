"""What many people cost: `python -m tests.bench.scale`.  Throughput, memory, disk and restarts, by population.

Each person has one event; then the worker is stopped, events of people drawn evenly are published (nobody is busier
than others: the worst there is for caches), and the worker is started again on the state that it left.  Then its disk
is emptied, and it restores everything.
"""

import argparse
import asyncio
import random
import shutil
import sys
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.topics import ACCOUNT_EVENTS, SALESFORCE_CHANGES, USER_EVENTS, WEB_EVENTS
from tests.bench.broker import Broker
from tests.bench.events import DAY_MS, Line, Maker, Person, finishers, triggering
from tests.bench.load import publish
from tests.bench.points import LOCAL, PARTITIONS, RUNS, measure
from tests.bench.programs import Ours, OursOnDisk
from tests.bench.watch import watching

CONSUMED = (WEB_EVENTS, SALESFORCE_CHANGES, ACCOUNT_EVENTS, USER_EVENTS)
LANES = len(CONSUMED) * PARTITIONS
ON_DISK_FROM = 1_000_000
"""People from whom on the rows are kept in RocksDB."""
LIMIT_SECONDS = 600.0


@dataclass
class Point:
    """One population."""

    people: int
    store: str
    events: int = 0
    events_per_second: float = 0.0
    events_per_cpu_second: float = 0.0
    restart_seconds: float = 0.0
    """From the process's start on its own state until all lanes are open."""
    restore_seconds: float = 0.0
    """The same on an empty disk; rows in memory always begin so."""
    peak_megabytes: float = 0.0
    disk_megabytes: float = 0.0
    changelog_bytes_per_person: float = 0.0


class Scale:
    """One population on one broker."""

    def __init__(self, broker: Broker, folder: Path, people: int, events: int, on_disk_from: int) -> None:
        kind = OursOnDisk if people >= on_disk_from else Ours
        self._subject = kind(broker, folder, f"scale-{people}")
        self._broker, self._people, self._events = broker, people, events
        self._maker, self._rounds = Maker(people), 0
        self._now = int(time() * 1000)
        self.point = Point(people, self._subject.store.value, events)

    async def measure(self) -> Point:
        """Populate, stop, publish, start, and see."""
        shutil.rmtree(self._subject.state, ignore_errors=True)
        await self._broker.recreate(WEB_EVENTS.name)
        await self._subject.prepare()
        everybody = (self._line(number, self._now - 9 * DAY_MS + number) for number in range(self._people))
        await self._applied(everybody)
        sizes = self._broker.sizes()
        changelog = sum(size for topic, size in sizes.items() if self._subject.is_changelog(topic))
        self.point.changelog_bytes_per_person = changelog / self._people
        chance = random.Random(self._people)
        await self._applied(
            self._line(chance.randrange(self._people), self._now - DAY_MS + number) for number in range(self._events)
        )
        self.point.disk_megabytes = sum(path.stat().st_size for path in _files(self._subject.state)) / 1e6
        await self._restore()
        return self.point

    async def _restore(self) -> None:
        shutil.rmtree(self._subject.state, ignore_errors=True)
        started_at, program = time(), self._subject.start()
        try:
            while not (opened_at := self._subject.all_open_at(program.log, LANES)):
                program.check()
                if time() > started_at + LIMIT_SECONDS:
                    raise program.error(f"had not restored within {LIMIT_SECONDS:.0f} s")
                await asyncio.sleep(0.2)
            self.point.restore_seconds = opened_at - started_at
        finally:
            program.stop()

    async def _applied(self, lines: Iterator[Line]) -> None:
        """Publish, start, wait until all is applied, note the figures, stop.  The last round's figures count."""
        published = await publish(self._broker.bootstrap, lines, PARTITIONS)
        users = await self._finish()
        before = self._broker.sizes(self._subject.rekeyed)
        async with watching(self._broker, self._subject.triggers) as triggers:
            started_at, program = time(), self._subject.start()
            try:
                while self._broker.sizes(self._subject.rekeyed) == before:
                    program.check()
                    await asyncio.sleep(0.02)
                began, cpu = monotonic(), program.cpu_seconds()
                if not await triggers.until(users, LIMIT_SECONDS, program.check):
                    raise program.error(f"was not done within {LIMIT_SECONDS:.0f} s")
                point = self.point
                point.events_per_second = published / (monotonic() - began)
                point.events_per_cpu_second = published / (program.cpu_seconds() - cpu)
                point.peak_megabytes = program.peak_bytes() / 1e6
                point.restart_seconds = self._subject.all_open_at(program.log, LANES) - started_at
            finally:
                program.stop()

    async def _finish(self) -> frozenset[str]:
        self._rounds += 1
        people = finishers(1000 * self._rounds + len(str(self._people)), PARTITIONS)
        await publish(self._broker.bootstrap, triggering(self._maker, people, self._now - 1_000), PARTITIONS)
        return frozenset(person.user_id for person in people)

    def _line(self, number: int, at: int) -> Line:
        return self._maker.line(Person.named(f"p-{number:07}"), "Filter Applied", at)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def main() -> int:
    """Measure each population and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--people", default="10000,100000,1000000", help="populations, comma-separated")
    parser.add_argument("--events", type=int, default=200_000, help="events that are measured at each")
    parser.add_argument(
        "--on-disk-from", type=int, default=ON_DISK_FROM, help="people from whom on rows are kept in RocksDB"
    )
    parser.add_argument("--json", type=Path, default=LOCAL / "bench" / "scale.json", help="where the figures go")
    chosen = parser.parse_args()

    def point(people: int, broker: Broker) -> Coroutine[Any, Any, Point]:
        return Scale(broker, RUNS / f"scale-{people}", people, chosen.events, chosen.on_disk_from).measure()

    populations = map(int, chosen.people.split(","))
    measure([(f"{people:,} people", partial(point, people)) for people in populations], _show, chosen.json)
    return 0


def _show(points: list[Point], console: Console) -> None:
    table = Table(title="What many people cost; in brackets: times the first")
    for title in (
        "people",
        "rows in",
        "events/s",
        "per CPU-second",
        "restart s",
        "restore s",
        "memory MB",
        "disk MB",
        "log B/person",
    ):
        table.add_column(title, justify="right")
    for point in points:
        table.add_row(
            f"{point.people:,}",
            point.store,
            f"{point.events_per_second:,.0f} ({point.events_per_second / points[0].events_per_second:.2f})",
            f"{point.events_per_cpu_second:,.0f} ({point.events_per_cpu_second / points[0].events_per_cpu_second:.2f})",
            f"{point.restart_seconds:.1f}",
            f"{point.restore_seconds:.1f}",
            f"{point.peak_megabytes:,.0f}",
            f"{point.disk_megabytes:,.0f}",
            f"{point.changelog_bytes_per_person:,.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
