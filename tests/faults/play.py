"""Play a fault: a site of its own, run after run, each with topics, workers and chance of its own."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic

from tests.faults.catalogue import Fault
from tests.faults.run import Outcome, Run, base_settings, fresh_settings
from tests.faults.site import Site

Say = Callable[[str], None]


async def play(fault: Fault, runs: int, *, kafka_version: str, folder: Path, seed: int, say: Say) -> list[Outcome]:
    """Run a fault so often, one after the other, and return what each run came to.

    Logs of a run that was exact are thrown away, those of others stay in `folder`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    site = fault.site(folder / "site", kafka_version)
    outcomes: list[Outcome] = []
    try:
        await site.up()
        for number in range(1, runs + 1):
            chance = Random(f"{seed}/{fault.name}/{number}")
            outcome = await play_once(fault, site, number, folder / f"run-{number}", chance)
            outcomes.append(outcome)
            say(_told(fault, outcome, runs))
    finally:
        await site.down()
    if all(outcome.exact for outcome in outcomes):
        shutil.rmtree(folder, ignore_errors=True)
    return outcomes


async def play_once(fault: Fault, site: Site, number: int, folder: Path, chance: Random) -> Outcome:
    """Run a fault once on a site that is up; whatever goes wrong is in the outcome."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs yet
    outcome, began = Outcome(number), monotonic()
    run: Run | None = None
    try:
        async with asyncio.timeout(fault.limit_seconds):
            base = base_settings(site.bootstrap, site.redis_url, replication=site.replication)
            settings = await fresh_settings(base, number, folder)
            run = Run(number, folder, site, settings, chance, outcome)
            await fault.make_it(run)
            await run.judge()
    except Exception as error:  # whatever it is, the other runs go on
        outcome.problem = f"{type(error).__name__}: {error}"
    finally:
        for worker in run.workers if run is not None else ():
            outcome.exits[worker.name] = worker.exits
            await worker.kill_for_good()
    outcome.seconds = monotonic() - began
    return outcome


def _told(fault: Fault, outcome: Outcome, runs: int) -> str:
    verdict = "exact" if outcome.exact else f"NOT EXACT {outcome.problem[:300]} {outcome.first[:2]}"
    recovered = ", ".join(f"{seconds:.1f}" for seconds in outcome.recoveries[:4])
    times = f"recovered in {recovered or '-'} s; took {outcome.seconds:.0f} s"
    return f"{fault.name} {outcome.number}/{runs}: {verdict}; {times}"
