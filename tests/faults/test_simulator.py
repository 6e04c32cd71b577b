"""The commit protocol in memory: whoever dies at any await, and whoever is late, the log is worked on exactly once.

The real lanes, producer, barrier and restore run over a broker in memory (tests/faults/simulator): over 100,000
schedules, the same in every run.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.faults.simulator.broker import Habits
from tests.faults.simulator.mutations import Mutation, all_mutations
from tests.faults.simulator.schedules import (
    Defect,
    Schedules,
    double_deaths,
    first_defect,
    own_time,
    single_deaths,
    storms,
    zombies,
)
from tests.faults.simulator.world import World

WORLDS = (
    World("plain"),
    World("one disk", disks=1),
    World("two disks in turn", disks=2),
    World("holes in the source", holes=(0, 2, 3, 6)),
    World("single records", size=1),
    World("compaction", Habits(compact_every=7)),
    World("compaction, one disk", Habits(compact_every=7), disks=1),
    World("slow markers, offsets first", Habits(marker_delay=9, offsets_first=True), disks=1),
    World("offsets shown late", Habits(offset_delay=25)),
    World("ticks", ticks=True),
    World("a dropped fetch", fetches=".d"),
    World("a stray seek", fetches=".s.s"),
    World("rebalances", fetches=".b.l"),
    World("in rounds", keys="abaabbab", rounds=True),
    World("in rounds, dropped fetches, one disk", keys="abaabba", rounds=True, fetches=".d.s", disks=1, holes=(2,)),
    World("transactions of Salesforce", keys="aabaa", salesforce=True, disks=1),
    World("another lane in the changelog", Habits(neighbour_every=5), disks=1),
    World("another lane and compaction", Habits(neighbour_every=4, compact_every=7), salesforce=True),
    World("everything", Habits(7, 9, offsets_first=True, compact_every=11), disks=2, holes=(1, 4), fetches="dsbl"),
)
Explore = Callable[[World], Schedules]


def singles(world: World) -> Schedules:
    return single_deaths(world)


def doubles(world: World) -> Schedules:
    return double_deaths(world)


def sleepers(world: World) -> Schedules:
    return zombies(world, each=13)


def some_storms(world: World) -> Schedules:
    return storms(world, range(200))


def play(explore: Explore, world: World) -> tuple[int, Defect | None]:
    with own_time():
        return first_defect(iter([explore(world)]))


@pytest.fixture(scope="module")
def pool() -> "ProcessPoolExecutor":
    return ProcessPoolExecutor(2, mp_context=get_context("fork"))


def test_no_schedule_of_a_hundred_thousand_has_a_defect(
    pool: ProcessPoolExecutor, record_testsuite_property: Callable[[str, object], None]
) -> None:
    kinds: tuple[Explore, ...] = (doubles, sleepers, some_storms, singles)
    results = [pool.submit(play, explore, world) for explore in kinds for world in WORLDS]
    played = sum(result.result()[0] for result in results)
    record_testsuite_property("schedules", played)
    assert [defect for result in results if (defect := result.result()[1]) is not None] == []
    assert played >= 100_000


@pytest.mark.parametrize("mutation", list(all_mutations()), ids=lambda mutation: mutation.__name__)
def test_without_one_of_its_safeguards_the_protocol_fails(mutation: Mutation) -> None:
    explorations = (singles, some_storms, sleepers)
    with own_time(), mutation():
        _, defect = first_defect(explore(world) for explore in explorations for world in WORLDS)
    assert defect is not None, "the simulator does not need this safeguard: either it is none, or a schedule is missing"
