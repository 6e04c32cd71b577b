"""One run: fresh topics, a load, workers, something that goes wrong, and in the end two oracles."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents import admin, rules_file
from agents.local.demo.children import environment
from agents.local.processes import free_port
from agents.metrics import WorkerMetrics
from agents.observer import ProcessorObserver
from agents.settings import Clock, Settings
from agents.topology import jobs
from streams import topics
from streams.policy import Policy
from tests.faults import load, oracle
from tests.faults.load import PARTITIONS
from tests.faults.oracle import Findings, Log
from tests.faults.site import Site
from tests.faults.worker import KILLED, UnexpectedError, Worker

CHECKOUT = Path(__file__).parents[2]
VERIFY_SECONDS = 150.0
VERIFY_EVENTS_A_SECOND = 300
"""Beside two other faults on two cores; alone it does several times as many."""
READ_SECONDS = 60.0
SOURCES = tuple(topic.name for topic in topics.ALL if topic.kind is topics.Kind.inbound)
OUTPUTS = tuple(topic.name for topic in topics.ALL if topic.name not in SOURCES and topic != topics.PROGRESS)
"""Written in transactions only."""


@dataclass
class Outcome:
    """What a run came to."""

    number: int
    events: int = 0
    recoveries: list[float] = field(default_factory=list)
    """Seconds from a death until all lanes are open again, or from the end of what had stopped everything until the
    events that waited then are applied."""
    lost: int = 0
    doubled: int = 0
    phantom: int = 0
    wrong_rows: int = 0
    steps: int = 0
    messages: int = 0
    """Transactions replayed and messages compared by the second oracle; 0: it could not be asked."""
    by_topic: dict[str, int] = field(default_factory=dict)
    """{topic: messages compared by the second oracle}"""
    in_vain: int = 0
    """Source records of transactions that were begun and not committed: they were worked on again."""
    verify_compared: int = 0
    """Things compared by `touchline verify`; 0: it could not be asked."""
    verify_differences: int = 0
    exits: dict[str, list[int]] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""
    """What was not as it had to be, besides the counts; empty: nothing."""
    first: list[str] = field(default_factory=list)
    """The first differences, in words."""

    @property
    def exact(self) -> bool:
        """Whether all was as it had to be."""
        counted = self.lost or self.doubled or self.phantom or self.wrong_rows or self.verify_differences
        return not (counted or self.problem)

    def as_json(self) -> dict[str, Any]:
        """Return all of it."""
        return asdict(self) | {"exact": self.exact}


@dataclass
class Run:
    """What a fault has to play with."""

    number: int
    folder: Path
    site: Site
    settings: Settings
    chance: Random
    outcome: Outcome
    workers: list[Worker] = field(default_factory=list)
    verifies: bool = True
    replays: bool = True
    """Which oracles can be asked; a fault that makes one of them blind says so."""
    most_in_vain: int | None = None
    """How much work may have been in vain; None: any amount, something died."""

    def worker(self, **overrides: object) -> Worker:
        """Make a worker with a name (static membership) and a data folder of its own; not started."""
        name = f"worker-{len(self.workers) + 1}"
        own = {"instance_id": name, "data_dir": self.folder / name, "metrics_port": free_port()}
        made = Worker(name, self.settings.model_copy(update=own | overrides), self.folder / f"{name}.log")
        self.workers.append(made)
        return made

    # -- load

    async def publish(self, items: load.Items, *, seconds: float = 0.0, place: load.Place | None = None) -> None:
        """Write events, evenly over so many seconds."""
        self.outcome.events += len(items)
        placed = {} if place is None else {"place": place}
        await load.write(self.settings.kafka_bootstrap, items, partitions=PARTITIONS, seconds=seconds, **placed)

    @asynccontextmanager
    async def publishing(self, items: load.Items, *, seconds: float) -> AsyncIterator["asyncio.Task[None]"]:
        """Write events meanwhile; leave when all are written."""
        task = asyncio.create_task(self.publish(items, seconds=seconds))
        try:
            yield task
            await task
        finally:
            task.cancel()

    # -- recovery

    async def killed(self, worker: Worker) -> None:
        """Wait until it was killed at its point."""
        code = await worker.died()
        if code != KILLED:
            raise worker.error(f"ended with {code}, not killed at its point")

    async def recovered(self, since: float, *workers: Worker) -> None:
        """Wait until workers have their lanes open again; note the seconds since then."""
        await asyncio.gather(*(worker.ready() for worker in workers))
        self.outcome.recoveries.append(monotonic() - since)

    async def goes_on(self, since: float) -> None:
        """Wait until the workers have applied what stands in the source topics now; note the seconds since then.

        For faults that workers live through: they need not notice, so their readiness says little.
        """
        ends = await source_ends(self.settings)
        deadline = monotonic() + READ_SECONDS
        while not await self._applied(ends):
            if monotonic() > deadline:
                raise UnexpectedError(f"what was sent was not applied within {READ_SECONDS:.0f} s")
            await asyncio.sleep(0.2)
        self.outcome.recoveries.append(monotonic() - since)

    async def _applied(self, ends: dict[TopicPartition, int]) -> bool:
        client = AIOKafkaAdminClient(bootstrap_servers=self.settings.kafka_bootstrap, request_timeout_ms=10_000)
        try:
            async with asyncio.timeout(15):
                await client.start()
                found = await client.list_consumer_group_offsets(self.settings.app_id, partitions=list(ends))
        except (KafkaError, TimeoutError):
            return False  # its coordinator is not there yet
        finally:
            await client.close()
        return all(tp in found and found[tp].offset >= end for tp, end in ends.items() if end)

    # -- judgement

    async def judge(self) -> None:
        """Ask both oracles, once all is consumed; then every worker has to stop in good order."""
        if self.verifies:
            await self.verify()
        await asyncio.gather(*(worker.stop() for worker in self.workers))
        if self.replays:
            await self._replay()

    async def verify(self) -> None:
        """Ask `touchline verify`, which waits until all is consumed."""
        await load.write(self.settings.kafka_bootstrap, load.ending(), partitions=PARTITIONS)
        report = await self._verified()
        self.outcome.verify_compared += sum(check["compared"] for check in report["checks"])
        differences = sum(check["differences"] for check in report["checks"])
        self.outcome.verify_differences += differences
        for check in report["checks"]:
            self.outcome.first += [
                f"verify, {check['check']}: {one['where']} {one['who']} {one['what']}" for one in check["first"][:5]
            ]

    async def _verified(self) -> dict[str, Any]:
        limit = VERIFY_SECONDS + self.outcome.events / VERIFY_EVENTS_A_SECOND
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents.cli", "verify", "--json"),
            env=environment(self.settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, errors = await asyncio.wait_for(process.communicate(), limit)
        except TimeoutError:
            process.kill()
            raise UnexpectedError(f"verify did not end within {limit:.0f} s") from None
        if process.returncode not in (0, 1):
            raise UnexpectedError(f"verify could not run: {errors.decode(errors='replace')[-400:]}")
        found: dict[str, Any] = json.loads(out)
        return found

    async def _replay(self) -> None:
        changelogs = {table: topics.changelog(self.settings.app_id, table).name for table in topics.TABLES}
        log = await committed(self.settings.kafka_bootstrap, [*SOURCES, *OUTPUTS, *changelogs.values()])
        policy = rules_file.load_with_personas(self.settings)
        found = await asyncio.to_thread(replayed, self.settings, policy, log, changelogs)
        mine = self.outcome
        mine.lost, mine.doubled, mine.phantom = found.lost, found.doubled, found.phantom
        mine.wrong_rows, mine.steps, mine.messages = found.wrong_rows, found.steps, found.messages
        mine.by_topic = dict(found.by_topic)
        mine.first += found.first
        begun = await committed(self.settings.kafka_bootstrap, list(changelogs.values()), aborted_too=True)
        mine.in_vain = sum(oracle.in_vain(begun[where], log[where]) for where in begun)
        if not found.messages:
            mine.problem = "nothing was applied: this run proves nothing"
        if self.most_in_vain is not None and mine.in_vain > self.most_in_vain:
            mine.problem = f"{mine.in_vain} records were worked on again; {self.most_in_vain} may be"


def replayed(settings: Settings, policy: Policy, log: Log, changelogs: dict[str, str]) -> Findings:
    """Ask the second oracle."""
    metrics = WorkerMetrics([segment.name for segment in policy.segments], [ask.name for ask in policy.asks])
    processors = partial(jobs, settings, policy, ProcessorObserver(metrics))
    return oracle.compare(log, processors, changelogs=changelogs, outputs=OUTPUTS, partitions=settings.partitions)


async def source_ends(settings: Settings) -> dict[TopicPartition, int]:
    """Return the ends of the source topics; their writers have no transactions, so a record stands before each."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap)
    async with asyncio.timeout(READ_SECONDS):
        await consumer.start()
        try:
            asked = [TopicPartition(topic, partition) for topic in SOURCES for partition in range(PARTITIONS)]
            return dict(await consumer.end_offsets(asked))
        finally:
            await consumer.stop()


async def committed(
    bootstrap: str, names: Sequence[str], *, aborted_too: bool = False
) -> dict[tuple[str, int], list[ConsumerRecord]]:
    """Read topics from beginning to end: committed records only, or those that were not committed as well."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_uncommitted" if aborted_too else "read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=8 << 20,
        fetch_max_wait_ms=50,
    )
    async with asyncio.timeout(READ_SECONDS):
        await consumer.start()
        try:
            asked = [TopicPartition(name, partition) for name in names for partition in range(PARTITIONS)]
            ends = {tp: end for tp, end in (await consumer.end_offsets(asked)).items() if end}
            found: dict[tuple[str, int], list[ConsumerRecord]] = {(tp.topic, tp.partition): [] for tp in asked}
            consumer.assign(list(ends))
            await consumer.seek_to_beginning(*ends)
            while ends:
                for tp, records in (await consumer.getmany(*ends, timeout_ms=200, max_records=20_000)).items():
                    found[tp.topic, tp.partition] += records
                ends = {tp: end for tp, end in ends.items() if await consumer.position(tp) < end}
            return found
        finally:
            await consumer.stop()


async def fresh_settings(base: Settings, number: int, folder: Path) -> Settings:
    """Make empty topics for a run of its own name."""
    settings = base.model_copy(update={"app_id": f"run-{number}", "data_dir": folder})
    await admin.delete_topics(settings)
    await admin.create_topics(settings)
    return settings


def base_settings(bootstrap: str, redis_url: str, *, replication: int = 1) -> Settings:
    """Production's settings, with the log's clock and small transactions, so that there are many."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        kafka_bootstrap=bootstrap,
        redis_url=redis_url,  # type: ignore[arg-type]
        rules=CHECKOUT / "rules.toml",
        partitions=PARTITIONS,
        replication=replication,
        clock=Clock.log,
        batch_records=100,
        session_timeout_ms=10_000,
    )
