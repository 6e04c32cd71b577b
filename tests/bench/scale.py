"""What many people cost: `python -m tests.bench.scale`.  Throughput, memory, disk and restarts, by population.

Each person has one event; then the worker is stopped, a backlog is published, and the worker is started again on the
state that it left: first with a backlog of sessions, as people make it, then with one of people drawn evenly.  Then its
disk is emptied, and it restores everything.
"""

import argparse
import asyncio
import random
import shutil
import sys
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.topics import ACCOUNT_EVENTS, SALESFORCE_CHANGES, USER_EVENTS, WEB_EVENTS
from tests.bench.broker import Broker
from tests.bench.events import DAY_MS, Line, Maker, Person, evenly, finishers, in_sessions, triggering
from tests.bench.load import publish
from tests.bench.points import LOCAL, PARTITIONS, RUNS, measure
from tests.bench.processes import Program
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
    events_per_second: float = 0.0
    """Of a backlog in sessions; of one drawn evenly below."""
    events_per_cpu_second: float = 0.0
    even_events_per_second: float = 0.0
    even_events_per_cpu_second: float = 0.0
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
        await self._applied((self._now - 9 * DAY_MS + number, number) for number in range(self._people))
        sizes = self._broker.sizes()
        changelog = sum(size for topic, size in sizes.items() if self._subject.is_changelog(topic))
        self.point.changelog_bytes_per_person = changelog / self._people
        chance, point = random.Random(self._people), self.point
        point.events_per_second, point.events_per_cpu_second = await self._applied(
            in_sessions(self._people, self._events, self._now - 5 * DAY_MS, chance)
        )
        point.even_events_per_second, point.even_events_per_cpu_second = await self._applied(
            evenly(self._people, self._events, self._now - DAY_MS // 2, chance)
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

    async def _applied(self, happened: Iterable[tuple[int, int]]) -> tuple[float, float]:
        """Publish events (at, person), start, wait until all is applied, stop; return events a second and a CPU-second.

        The read model lags behind a backlog: what it still had to do would be work of the next round.  Of the other
        figures the last round's count.
        """
        lines = (self._line(number, at) for at, number in happened)
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
                rates = published / (monotonic() - began), published / (program.cpu_seconds() - cpu)
                point.peak_megabytes = program.peak_bytes() / 1e6
                point.restart_seconds = self._subject.all_open_at(program.log, LANES) - started_at
                await self._read_model_is_current(program)
            finally:
                program.stop()
        return rates

    async def _read_model_is_current(self, program: Program) -> None:
        deadline = monotonic() + LIMIT_SECONDS
        while self._subject.read_model_lag() > 0:
            program.check()
            if monotonic() > deadline:
                raise program.error(f"had not written its read model within {LIMIT_SECONDS:.0f} s")
            await asyncio.sleep(0.2)

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
    parser.add_argument("--events", type=int, default=200_000, help="events of a backlog")
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
        "drawn evenly",
        "per CPU-second",
        "restart s",
        "restore s",
        "memory MB",
        "disk MB",
        "log B/person",
    ):
        table.add_column(title, justify="right")
    first = points[0]
    for point in points:
        table.add_row(
            f"{point.people:,}",
            point.store,
            _rate(point.events_per_second, first.events_per_second),
            _rate(point.events_per_cpu_second, first.events_per_cpu_second),
            _rate(point.even_events_per_second, first.even_events_per_second),
            _rate(point.even_events_per_cpu_second, first.even_events_per_cpu_second),
            f"{point.restart_seconds:.1f}",
            f"{point.restore_seconds:.1f}",
            f"{point.peak_megabytes:,.0f}",
            f"{point.disk_megabytes:,.0f}",
            f"{point.changelog_bytes_per_person:,.0f}",
        )
    console.print(table)


def _rate(rate: float, first: float) -> str:
    return f"{rate:,.0f} ({rate / first:.2f})"


if __name__ == "__main__":
    sys.exit(main())
