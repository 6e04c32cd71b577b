"""The worker's own machine: a full disk, a corrupt RocksDB, a dead fetcher, a blocked event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from time import monotonic

from agents.settings import Store
from tests.faults import load
from tests.faults.run import Run
from tests.faults.worker import Worker

IN_DOUBT, STALLED = 70, 75
PEOPLE = 100
STALL_SECONDS = 20


def stalled_by(sabotage: str) -> Callable[[Run], Awaitable[None]]:
    """Break a worker so that it lives without working: the watchdog has to end it."""

    async def fault(run: Run) -> None:
        worker = run.worker(stall_seconds=STALL_SECONDS)
        async with run.publishing(load.company(run.number, PEOPLE), seconds=20):
            await worker.start(program=("-m", "tests.faults.sabotage", sabotage))
            await _ended_with(worker, STALLED)
            await run.recovered(monotonic(), worker)

    return fault


async def disk_full(run: Run) -> None:
    """Let RocksDB's writes fail after some time; the next start has room again."""
    worker = run.worker(store=Store.rocksdb)
    await run.publish(load.company(run.number, PEOPLE))
    await worker.start(program=("-m", "tests.faults.sabotage", "full-disk"))
    await _ended_with(worker, IN_DOUBT)
    await run.recovered(monotonic(), worker)


async def rocksdb_corrupt(run: Run) -> None:
    """Kill a worker and damage its RocksDB; it has to notice, throw it away and restore from the changelog."""
    worker = run.worker(store=Store.rocksdb)
    first, second = load.in_halves(load.company(run.number, PEOPLE))
    await run.publish(first)
    await worker.start()
    await worker.ready()
    await run.verify()
    await worker.kill_for_good()
    damage(worker.settings.data_dir / "rocksdb", run.chance)
    since = monotonic()
    await worker.start()
    await run.recovered(since, worker)
    await run.publish(second)


def damage(folder: Path, chance: Random) -> None:
    """Overwrite bytes in the middle of every file of every database."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 64]
    assert files, "there is nothing to damage"
    for path in files:
        content = bytearray(path.read_bytes())
        at = chance.randrange(len(content) // 2)
        content[at : at + 48] = chance.randbytes(48)
        path.write_bytes(content)


async def _ended_with(worker: Worker, code: int) -> None:
    if (found := await worker.died(120.0)) != code:
        raise worker.error(f"ended with {found}, not {code}")
    await asyncio.sleep(0)
