"""World: a job on a broker in memory, processes that own its lane one after the other, and what must come of it.

`LaneWork`, `LaneProducer`, the barrier and the restore are the real ones.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from agents.runtime.contract import Job, Lane
from agents.runtime.lanes import LaneWork, Surroundings
from agents.runtime.stores import MemoryStore, Store
from agents.runtime.transactions import LaneProducer
from tests.faults.simulator.broker import Broker, Habits, Log
from tests.faults.simulator.clients import Consumer, Faust, Link, Producer, Sourced
from tests.faults.simulator.jobs import (
    OUTPUT,
    Counting,
    InRounds,
    Outcome,
    in_rounds,
    ordering,
    recounted,
    reordered,
    sourced,
)
from tests.faults.simulator.scheduler import StepLoop

LANE = Lane("source", 0)
POSITION = b"@position/source"
BATCH_RECORDS = 4
"""Most records in one transaction."""
MOST_STEPS = 1_500
"""An owner that has not drained the log by then never will: the longest needs some 400."""


# -- the world


class World(NamedTuple):
    """One setting in which everything that can die dies at every place."""

    name: str
    habits: Habits = Habits()
    keys: str = "abaab"
    """Keys of the source's records; those side by side are one transaction of Salesforce."""
    holes: tuple[int, ...] = ()
    """Offsets of the source that hold no record: markers, or what compaction took."""
    size: int = 2
    """Records in a fetch of the source, and of the changelog."""
    fetches: str = ""
    """What becomes of each process's fetches: see `clients.Faust`."""
    disks: int = 0
    """0: rows in memory; else owners use so many disks in turn."""
    ticks: bool = False
    salesforce: bool = False
    """Whether the job is the real one that puts transactions of Salesforce in order; else it counts."""
    rounds: bool = False
    """Whether the job holds records back, and counts them by received time: the reverse of their order."""

    @property
    def job(self) -> Job:
        make = ordering if self.salesforce else InRounds if self.rounds else Counting
        return Job("job", ("source",), "rows", make, idle_seconds=1.0 if self.ticks or self.rounds else None)

    def recount(self) -> Outcome:
        """Say what the source comes to."""
        if self.rounds:
            return recounted(in_rounds(source_of(self)))
        return reordered(source_of(self)) if self.salesforce else recounted(source_of(self))

    def begin(self) -> "Remains":
        """Say what there is before the first owner."""
        broker = Broker(self.habits, {"changelog": Log(), OUTPUT: Log()})
        return Remains(broker, tuple(Disk() for _ in range(self.disks)), 0)


@lru_cache
def source_of(world: World) -> tuple[Sourced, ...]:
    """Return the records of the source."""
    free = (offset for offset in range(100) if offset not in world.holes)
    return tuple(sourced(key, offset) for key, offset in zip(world.keys, free, strict=False))


class Disk(NamedTuple):
    """What a store on disk holds."""

    rows: Mapping[bytes, bytes] = {}
    restored_to: int = 0


@dataclass(slots=True)
class Remains:
    """What outlives all processes."""

    broker: Broker
    disks: tuple[Disk, ...]
    owners: int
    """How many there have been."""

    def copy(self) -> "Remains":
        return Remains(self.broker.copy(), self.disks, self.owners)


class DiskStore(MemoryStore):
    """As RocksStore: rows and offset are written at once, and outlive the process."""

    def __init__(self, remains: Remains, number: int, loop: StepLoop) -> None:
        super().__init__()
        self._remains, self._number, self._loop = remains, number, loop
        self._rows.update(remains.disks[number].rows)
        self._restored_to = remains.disks[number].restored_to

    def restored_to(self) -> int:
        return self._restored_to

    def write(self, rows: Mapping[bytes, bytes | None], restored_to: int) -> None:
        super().write(rows, restored_to)
        self._restored_to = restored_to
        if not self._loop.dead:
            disks = list(self._remains.disks)
            disks[self._number] = Disk(dict(self._rows), restored_to)
            self._remains.disks = tuple(disks)


class Deaf:
    """An observer that hears nothing."""

    def assigned(self, lanes: Collection[Lane]) -> None: ...
    def taken(self, lane: Lane) -> None: ...
    def restored(self, lane: Lane, rows: int, seconds: float) -> None: ...
    def committed(self, lane: Lane, agent: str, records: int, seconds: float, transaction_seconds: float) -> None: ...
    def behind(self, lane: Lane, messages: int, seconds: float) -> None: ...
    def repaired(self, lane: Lane) -> None: ...


class Owner:
    """A process that takes the lane."""

    def __init__(self, world: World, remains: Remains, *, fetches: str | None = None) -> None:
        self.loop = StepLoop()
        source = source_of(world)
        self._drained_at = source[-1].offset + 1
        self._remains = remains
        self._number = remains.owners
        remains.owners += 1
        link = Link(self.loop, remains.broker)
        fates = world.fetches if fetches is None else fetches
        faust = Faust(link, source, self._drained_at, world.size, fates)
        producers: Callable[[Lane], Any] = lambda lane: LaneProducer(lane, _any(Producer(link)), group="group")  # noqa: E731
        self.around = Surroundings(
            connect=producers,
            changelog_consumer=lambda: _any(Consumer(link, world.size)),
            plain=_any(Producer(link)),
            delivery=faust,
            observer=Deaf(),
            open_store=self._open_store,
            changelog=lambda table: "changelog",
            barriers=_nobody_waits,
            caught_up=_nothing_to_hear,
            batch_records=BATCH_RECORDS,
        )
        self.store: Store | None = None
        self.work = LaneWork(LANE, world.job, self.around)
        self.task = self.loop.create_task(self.work.run())
        self.loop.create_task(faust.feed(self.work))

    @property
    def is_drained(self) -> bool:
        return self.work.position >= self._drained_at

    def steps(self, most: int = MOST_STEPS) -> Iterator[int]:
        """Go on step by step until the log is drained or the owner has left."""
        for step in range(most):
            if self.is_drained or self.task.done():
                return
            self.loop.step()
            yield step

    def go(self, most: int = MOST_STEPS) -> None:
        """Go so many steps, or until there is nothing more to do."""
        for _ in self.steps(most):
            pass

    def _open_store(self, job: Job, lane: Lane) -> Store:
        disks = len(self._remains.disks)
        self.store = DiskStore(self._remains, self._number % disks, self.loop) if disks else MemoryStore()
        return self.store


async def _nobody_waits(lane: Lane) -> dict[int, int]:
    return {}


async def _nothing_to_hear() -> None: ...


def _any(client: Any) -> Any:
    """Pass for aiokafka's class: it has no protocol to be checked against."""
    return client
