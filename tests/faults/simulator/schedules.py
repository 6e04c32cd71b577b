"""Schedules: who dies when, who goes on although they are not the owner, and what is wrong in the end."""

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from unittest.mock import patch

import structlog

from agents.runtime import lanes
from agents.runtime.lanes import LaneFencedError
from tests.faults.simulator.broker import NEIGHBOUR
from tests.faults.simulator.jobs import HELD, OUTPUT, TICK
from tests.faults.simulator.world import POSITION, Owner, Remains, World, source_of


class Defect(NamedTuple):
    """What a schedule has shown to be wrong."""

    what: str
    world: str
    schedule: str
    detail: str


Schedules = Iterator[tuple[str, Defect | None]]
"""One entry for each schedule that was played: (its name, what was wrong)."""


@contextmanager
def own_time() -> Iterator[None]:
    """Let lanes live by the time of their loop, and write no log."""
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)(None, [], {})
    with patch.object(lanes, "monotonic", _time), patch.object(lanes, "log", quiet):
        yield


def _time() -> float:
    loop = asyncio._get_running_loop()
    return 0.0 if loop is None else loop.time()


# -- who dies when


def single_deaths(world: World) -> Schedules:
    """Let an owner die at each await, the next one finishes."""
    for at, left in enumerate(deaths(world, world.begin())):
        yield judged(world, left, f"dies at {at}")


def double_deaths(world: World) -> Schedules:
    """Let an owner die at each await, and the next one, too, for each of these."""
    for first, left in enumerate(deaths(world, world.begin())):
        for second, twice_left in enumerate(deaths(world, left)):
            yield judged(world, twice_left, f"dies at {first}, the next at {second}")


def deaths(world: World, remains: Remains) -> Iterator[Remains]:
    """Say what is left when an owner that starts here dies: before each of its steps, and when all is done."""
    live = remains.copy()
    owner = Owner(world, live)
    try:
        for _ in owner.steps():
            yield live.copy()
    finally:
        owner.loop.kill()
    yield live


def zombies(world: World, *, each: int) -> Schedules:
    """Stop an owner at each await, start another; go on with the first when that one has come to each of its own."""
    steps = sum(1 for _ in deaths(world, world.begin()))
    for asleep_at, awake_at in itertools.product(range(steps), range(0, steps, each)):
        remains = world.begin()
        sleeper = Owner(world, remains)
        sleeper.go(asleep_at)
        other = Owner(world, remains)
        other.go(awake_at)
        for owner in (sleeper, other):
            owner.go()
        yield judged(world, remains, f"asleep at {asleep_at} until the next is at {awake_at}", sleeper, other)


def storms(world: World, seeds: range) -> Schedules:
    """Let up to four owners run, sleep and die in an order that each seed decides."""
    for seed in seeds:
        chance = random.Random(seed)
        remains, owners = world.begin(), list[Owner]()
        for _ in range(chance.randint(2, 12)):
            if len(owners) < 4 and (not owners or chance.random() < 0.25):
                fetches = "".join(chance.choices(".dsbl", (6, 1, 1, 1, 1), k=5))
                owners.append(Owner(world, remains, fetches=fetches))
            owner = chance.choice(owners[-2:])
            if chance.random() < 0.12:
                owner.loop.kill()
                owners.remove(owner)
            else:
                owner.go(chance.randint(1, 40))
        yield judged(world, remains, f"storm {seed}", *owners)


# -- what is wrong in the end


def judged(world: World, remains: Remains, schedule: str, *others: Owner) -> tuple[str, Defect | None]:
    """Let a last owner drain the log while the others try to go on; then look at everything."""
    last = Owner(world, remains)
    last.go()
    for owner in others:
        owner.go(60)
    found = next(_wrong(world, remains, last, others), None)
    for owner in (last, *others):
        owner.loop.kill()
    return schedule, None if found is None else Defect(found[0], world.name, schedule, found[1])


def _wrong(world: World, remains: Remains, last: Owner, others: tuple[Owner, ...]) -> Iterator[tuple[str, str]]:
    if last.task.done():
        yield "the last owner left", repr(last.task.exception())
    elif not last.is_drained:
        yield "stuck", f"at {last.work.position}, step {last.loop.now:.0f} s"
    for owner in others:
        if owner.task.done() and not _may_leave(owner.task.exception()):
            yield "an owner failed", repr(owner.task.exception())
    remains.broker.settle()
    rows, triggers = world.recount()
    position = (source_of(world)[-1].offset + 1).to_bytes(8, "big")
    yield from _wrong_rows(rows | {POSITION: position}, _restored(remains), "the changelog")
    assert last.store is not None
    yield from _wrong_rows(rows | {POSITION: position}, dict(last.store.items()), "the store")
    yield from _wrong_triggers(triggers, remains)
    if remains.broker.offsets[-1][1] != int.from_bytes(position, "big"):
        yield "wrong offset", f"{remains.broker.offsets}"


def _may_leave(error: BaseException | None) -> bool:
    """Whether a process that has been overtaken may end so: it is fenced, or sees that the group is ahead of it."""
    return isinstance(error, LaneFencedError) or "the group is at" in str(error)


def _restored(remains: Remains) -> dict[bytes, bytes]:
    newest = {entry.key: entry.value for entry in remains.broker.logs["changelog"].committed(0)}
    return {key: row for key, row in newest.items() if row is not None}


def _wrong_rows(expected: dict[bytes, bytes], found: dict[bytes, bytes], where: str) -> Iterator[tuple[str, str]]:
    counted = {key: row for key, row in found.items() if key not in (TICK, HELD, NEIGHBOUR, b"@barrier")}
    if counted != expected:
        yield "wrong rows", f"{where}: {counted}, not {expected}"


def _wrong_triggers(expected: list[tuple[bytes, bytes]], remains: Remains) -> Iterator[tuple[str, str]]:
    sent = [(entry.key, entry.value or b"") for entry in remains.broker.logs[OUTPUT].committed(0)]
    counted = [(key, value) for key, value in sent if key != TICK]
    if len(counted) < len(expected):
        yield "lost", f"{counted}, not {expected}"
    if len(counted) > len(expected):
        yield "doubled", f"{counted}, not {expected}"
    if counted != expected:
        yield "wrong triggers", f"{counted}, not {expected}"
    ticks = [int(value) for key, value in sent if key == TICK]
    if ticks != list(range(1, int(_restored(remains).get(TICK) or b"0") + 1)):
        yield "wrong ticks", f"{ticks}"


def first_defect(schedules: Iterator[Schedules]) -> tuple[int, Defect | None]:
    """Play schedules until one fails; return how many were played."""
    played = 0
    for _, defect in itertools.chain.from_iterable(schedules):
        played += 1
        if defect is not None:
            return played, defect
    return played, None


Explore = Callable[[World], Schedules]
