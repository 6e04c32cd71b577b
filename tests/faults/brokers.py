"""What workers lean on goes away: the broker, a node of a cluster, Redis, the network between."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from streams import topics
from tests.faults import load
from tests.faults.run import Run
from tests.faults.site import OneNode, ThreeNodes
from tests.faults.worker import UnexpectedError, Worker

PEOPLE = 80
AWAY_SECONDS = 60.0
SLOW_SECONDS = 0.25
"""Each way: 500 ms from a question to its answer."""
CUT_SECONDS = 30.0


def broker_gone(how: str, away_seconds: float) -> Callable[[Run], Awaitable[None]]:
    """Stop (or kill) the only broker under load, start it again after so long."""

    async def fault(run: Run) -> None:
        site = run.site
        assert isinstance(site, OneNode)
        worker = await _at_work(run)
        async with run.publishing(load.company(run.number, PEOPLE), seconds=15):
            await asyncio.sleep(run.chance.uniform(2, 6))
            await (site.kill_kafka() if how == "kill" else site.stop_kafka())
            await asyncio.sleep(away_seconds)
            await site.start_kafka()
            since = monotonic()
            await worker.ready()
            await run.goes_on(since)

    return fault


async def leader_lost(run: Run) -> None:
    """Kill the node that leads a partition of `user-events`; start it again when the others have gone on."""
    await _node_lost(run, lambda site, worker: site.leader(topics.USER_EVENTS.name, 0))


async def coordinator_lost(run: Run) -> None:
    """Kill the node that coordinates the transactions of a lane."""
    lane = f"{run.settings.app_id}-{topics.USER_EVENTS.name}-0"
    await _node_lost(run, lambda site, worker: site.coordinator(lane))


async def redis_gone(run: Run) -> None:
    """Stop Redis for 15 s: the worker has to go on, and not be restarted."""
    site = run.site
    assert isinstance(site, OneNode)
    worker = await _at_work(run)
    async with run.publishing(load.company(run.number, PEOPLE), seconds=20):
        await asyncio.sleep(2)
        await site.stop_redis()
        await asyncio.sleep(15)
        await site.start_redis()
    if worker.exits:
        raise UnexpectedError(f"the worker ended without Redis: {worker.exits}")


async def slow_network(run: Run) -> None:
    """Let each answer of the broker take 500 ms, for a worker that has much to do."""
    site = run.site
    assert isinstance(site, OneNode)
    site.proxy.delay_seconds = SLOW_SECONDS
    try:
        since = monotonic()
        worker = await _at_work(run, kafka_bootstrap=site.proxied, batch_records=2000)
        run.outcome.recoveries.append(monotonic() - since)
        await run.publish(load.company(run.number, PEOPLE), seconds=10)
        await run.verify()
        if worker.exits:
            raise UnexpectedError(f"the worker ended on a slow network: {worker.exits}")
    finally:
        site.proxy.delay_seconds = 0.0


async def cut_network(run: Run) -> None:
    """Cut the network between a worker and the broker for 30 s, under load; the senders' is whole."""
    site = run.site
    assert isinstance(site, OneNode)
    worker = await _at_work(run, kafka_bootstrap=site.proxied)
    async with run.publishing(load.company(run.number, PEOPLE), seconds=40):
        await asyncio.sleep(run.chance.uniform(2, 5))
        site.proxy.cut()
        await asyncio.sleep(CUT_SECONDS)
        site.proxy.mend()
        since = monotonic()
        await worker.ready()
        await run.goes_on(since)


async def _node_lost(run: Run, which: Callable[[ThreeNodes, Worker], Awaitable[int]]) -> None:
    site = run.site
    assert isinstance(site, ThreeNodes)
    worker = await _at_work(run)
    async with run.publishing(load.company(run.number, PEOPLE), seconds=25):
        await asyncio.sleep(run.chance.uniform(2, 5))
        lost = await which(site, worker)
        await site.kill(lost)
        since = monotonic()
        await worker.ready()
        await run.goes_on(since)
        await site.start(lost)


async def _at_work(run: Run, **overrides: object) -> Worker:
    worker = run.worker(**overrides)
    await worker.start()
    await worker.ready()
    return worker
