"""The catalogue: every fault, how often it is run, and where."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil

from tests.faults import brokers, groups, inputs, kills, machines
from tests.faults.run import Run
from tests.faults.site import Make, OneNode, ThreeNodes

RANDOM_MINUTES = 15.0
"""Of killing one of three workers at random, in one run."""
SOAK_MINUTES = 120.0
OLDER_SHARE = 1 / 3
"""Of runs, and of minutes, that an older Kafka gets."""
SOAK_TIMES = 4
"""How many more runs of everything else a soak has."""
NEWEST, OLDER = "4.4.0", "3.9.1"
LOSES_MARKERS, KEEPS_MARKERS = frozenset({"4.3.0", "4.3.1", "4.4.0"}), "4.2.2"
"""Kafkas with KAFKA-20734, and the newest 4.x without: a single broker that comes back after a kill may forget to write
the end of transactions that it had promised.  Nobody reads behind such a one (docs/decisions/0005)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the table."""

    name: str
    runs: int
    """On the newest Kafka; an older one has its share of them."""
    make_it: Callable[[Run], Awaitable[None]]
    site: Make = OneNode
    is_kill: bool = False
    """Whether its recoveries are those of killed workers, which have a limit of their own."""
    kills_broker: bool = False
    """Whether the only broker dies: on a Kafka that may not survive that it is played on one that does."""
    places: int = 1
    """How many of the places for faults at the same time it takes: three busy workers want more of the machine."""
    seconds: float = 20.0
    """What a run takes, about: the longest faults are begun first."""
    limit_seconds: float = 300.0
    """What a run may take."""


def catalogue(random_minutes: float = RANDOM_MINUTES) -> list[Fault]:
    """List all faults; those that are killed at random live so many minutes."""
    return [
        *(Fault(f"kill {point}", 6, kills.killed_at(point), is_kill=True) for point in kills.BUSY),
        *(Fault(f"kill {point}", 6, kills.killed_at(point), is_kill=True, seconds=25) for point in kills.OPENING),
        Fault("kill in-revoke", 6, kills.killed_in_revoke, is_kill=True, seconds=30),
        Fault("kill twice", 20, kills.killed_twice, is_kill=True, seconds=22),
        Fault(
            "kill at random",
            1,
            kills.killed_at_random(random_minutes),
            is_kill=True,
            places=2,
            seconds=60 * random_minutes,
            limit_seconds=2 * 60 * random_minutes + 300,
        ),
        Fault("worker asleep", 10, groups.asleep, seconds=50),
        Fault("1-3-1 workers", 5, groups.one_three_one, seconds=50),
        Fault("start storm", 5, groups.storm, seconds=35),
        Fault("rolling SIGTERM", 5, groups.rolling, seconds=60),
        Fault("broker stopped", 3, brokers.broker_gone("stop", 5), kills_broker=True, seconds=60),
        Fault("broker killed", 3, brokers.broker_gone("kill", 5), kills_broker=True, seconds=60),
        Fault("broker away 60 s", 3, brokers.broker_gone("kill", brokers.AWAY_SECONDS), kills_broker=True, seconds=110),
        Fault("leader lost", 3, brokers.leader_lost, site=ThreeNodes, seconds=60),
        Fault("coordinator lost", 3, brokers.coordinator_lost, site=ThreeNodes, seconds=60),
        Fault("redis away", 3, brokers.redis_gone, seconds=40),
        Fault("network slow 500 ms", 3, brokers.slow_network, seconds=60),
        Fault("network cut 30 s", 3, brokers.cut_network, seconds=80),
        Fault("compacted changelogs", 3, inputs.compacted, seconds=60),
        Fault("partitions grown", 3, inputs.partitions_grown, seconds=50),
        Fault("crc32 producer", 3, inputs.crc32_producer),
        Fault("row full", 2, inputs.row_full, seconds=40),
        Fault("disk full", 3, machines.disk_full, seconds=40),
        Fault("rocksdb corrupt", 3, machines.rocksdb_corrupt, seconds=30),
        Fault("fetcher cancelled", 3, machines.stalled_by("cancel-fetcher"), seconds=50),
        Fault("event loop blocked", 3, machines.stalled_by("block-loop"), seconds=60),
    ]


def named(names: list[str], faults: list[Fault]) -> list[Fault]:
    """Find faults by the beginnings of their names; raise KeyError for one that begins none."""
    for name in names:
        if not any(fault.name.startswith(name) for fault in faults):
            raise KeyError(name)
    return [fault for fault in faults if any(fault.name.startswith(name) for name in names)]


def played_on(fault: Fault, kafka: str) -> str:
    """Name the Kafka on which a fault is played that was asked for on this one."""
    return KEEPS_MARKERS if fault.kills_broker and kafka in LOSES_MARKERS else kafka


def runs_of(fault: Fault, *, is_newest: bool, times: int = 1) -> int:
    """Say how often a fault is run on a Kafka."""
    return times * (fault.runs if is_newest else ceil(fault.runs * OLDER_SHARE))
