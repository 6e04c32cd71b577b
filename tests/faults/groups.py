"""The group: workers come, go, fall asleep, and start all at once."""

import asyncio
import signal
from time import monotonic

from tests.faults import load
from tests.faults.run import Run
from tests.faults.worker import Worker

FENCED = 71
SLEEP_SECONDS = 14.0
"""Longer than the session time-out of 10 s."""
PEOPLE = 100


async def asleep(run: Run) -> None:
    """Stop a worker (SIGSTOP) past its session time-out, at work, and let it go on: it has to find itself fenced."""
    sleeper, other = run.worker(), run.worker()
    async with run.publishing(load.company(run.number, PEOPLE), seconds=30):
        await sleeper.start()
        await other.start()
        await asyncio.gather(sleeper.ready(), other.ready())
        await asyncio.sleep(run.chance.uniform(1, 3))
        sleeper.send(signal.SIGSTOP)
        await asyncio.sleep(SLEEP_SECONDS)
        await other.ready()
        sleeper.send(signal.SIGCONT)
        if (code := await sleeper.died()) != FENCED:
            raise sleeper.error(f"ended with {code}, not as fenced ({FENCED})")
        await sleeper.ready()


async def one_three_one(run: Run) -> None:
    """One worker, then three, then one, under load."""
    first, *others = [run.worker() for _ in range(3)]
    async with run.publishing(load.company(run.number, PEOPLE), seconds=25):
        await first.start()
        await first.ready()
        since = monotonic()
        for other in others:
            await other.start()
        await run.recovered(since, first, *others)
        await asyncio.sleep(run.chance.uniform(0, 2))
        since = monotonic()
        for other in others:
            await other.stop()
        await run.recovered(since, first)


async def storm(run: Run) -> None:
    """Three workers start at the same moment, with much to do."""
    items = load.company(run.number, PEOPLE)
    await run.publish(items[: len(items) // 2])
    workers = [run.worker() for _ in range(3)]
    async with run.publishing(items[len(items) // 2 :], seconds=10):
        since = monotonic()
        await asyncio.gather(*(worker.start() for worker in workers))
        await run.recovered(since, *workers)


async def rolling(run: Run) -> None:
    """Stop three workers, one after the other (SIGTERM), and start each again, under load."""
    workers = [run.worker() for _ in range(3)]
    async with run.publishing(load.company(run.number, PEOPLE), seconds=35):
        await asyncio.gather(*(worker.start() for worker in workers))
        await _all_ready(workers)
        for worker in workers:
            await worker.stop()
            since = monotonic()
            await worker.start()
            await run.recovered(since, *workers)
    run.most_in_vain = len(workers) * run.settings.batch_records


async def _all_ready(workers: list[Worker]) -> None:
    await asyncio.gather(*(worker.ready() for worker in workers))
