"""Kills: SIGKILL at each point of a worker's work, in the recovery from a kill, and at random among three workers."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from tests.faults import load
from tests.faults.run import Run
from tests.faults.worker import Worker

Fault = Callable[[Run], Awaitable[None]]
BUSY = (
    "after-fetch",
    "after-fold",
    "after-begin",
    "inside-rows",
    "after-rows",
    "inside-sends",
    "after-sends",
    "after-offsets",
    "commit-sent",
    "after-commit",
    "after-apply",
    "sent-to-rejected-events",
    "sent-to-account-events",
    "sent-to-salesforce-records",
    "sent-to-user-timeline",
)
"""Points that a worker at work comes to again and again."""
OPENING = ("after-fence", "in-recovery")
"""Points that it comes to once a lane, as it starts."""
DELAYS_MS = (0, 0, 1, 3, 8, 20)
"""From the point to the kill: later, requests are on their way."""
PEOPLE = 40
SECONDS = 5.0
"""For the half of the load that comes while something dies."""
PEOPLE_A_MINUTE = 180
"""Of random kills: some 210 events a second, so that there is work to die in."""


def killed_at(point: str) -> Fault:
    """Kill a worker at a point while there is much to do; it recovers and does the rest."""

    async def fault(run: Run) -> None:
        first, second = _halves(run)
        await run.publish(first)
        worker = run.worker()
        if point in OPENING:
            await _interrupted(run, worker)
        async with run.publishing(second, seconds=SECONDS):
            await worker.start(_countdown(run, point))
            await run.killed(worker)
            await run.recovered(monotonic(), worker)

    return fault


async def killed_twice(run: Run) -> None:
    """Kill a worker, and its successor while it recovers from that."""
    first, second = _halves(run)
    await run.publish(first)
    worker = run.worker()
    async with run.publishing(second, seconds=SECONDS):
        await worker.start(_countdown(run, run.chance.choice(BUSY)), _countdown(run, run.chance.choice(OPENING)))
        await run.killed(worker)
        await run.killed(worker)
        await run.recovered(monotonic(), worker)


async def killed_in_revoke(run: Run) -> None:
    """Kill a worker as a rebalance takes its partitions away, since another one has come."""
    items = load.company(run.number, PEOPLE)
    first, second = run.worker(), run.worker()
    async with run.publishing(items, seconds=10):
        await first.start(f"in-revoke:2+{run.chance.choice(DELAYS_MS)}")
        await first.ready()
        await second.start()
        await run.killed(first)
        await run.recovered(monotonic(), first, second)


def killed_at_random(minutes: float) -> Fault:
    """Kill one of three workers each 5-20 s, under load."""

    async def fault(run: Run) -> None:
        workers = [run.worker() for _ in range(3)]
        for worker in workers:
            await worker.start()
        await asyncio.gather(*(worker.ready() for worker in workers))
        ends = monotonic() + 60 * minutes
        async with run.publishing(load.company(run.number, int(PEOPLE_A_MINUTE * minutes)), seconds=60 * minutes):
            while monotonic() < ends:
                await asyncio.sleep(run.chance.uniform(5, 20))
                victim = run.chance.choice(workers)
                victim.kill()
                await run.killed(victim)
                await run.recovered(monotonic(), victim)

    return fault


def _halves(run: Run) -> tuple[load.Items, load.Items]:
    items = load.company(run.number, PEOPLE)
    return items[: len(items) // 2], items[len(items) // 2 :]


async def _interrupted(run: Run, worker: Worker) -> None:
    """Have rows that the next start restores."""
    await worker.start()
    await worker.ready()
    await asyncio.sleep(run.chance.uniform(0.5, 2.0))
    await worker.kill_for_good()


def _countdown(run: Run, point: str) -> str:
    return f"{point}:{run.chance.randint(1, 8)}+{run.chance.choice(DELAYS_MS)}"
