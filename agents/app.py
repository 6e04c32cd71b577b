"""App: the worker process - Faust with its agents, the engine under them, probes and the Redis sink beside them."""

import asyncio
import gc
import logging
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

import faust
import structlog

from agents import rules_file
from agents.admin import AdminError, check_topics
from agents.metrics import WorkerMetrics
from agents.observer import ProcessorObserver
from agents.probes import Health, Probes
from agents.runtime.engine import Engine, compiled_faust, leave
from agents.runtime.exchange import Exchange
from agents.settings import Settings, Store
from agents.sinks.redis import RedisSink
from agents.topology import KEEP_RECORDS, NORMALISE_CHANGES, NORMALISE_EVENTS, TRACK_PROFILES, exchange, jobs
from streams import topics
from streams.policy import Policy
from streams.progress import LAST

log = structlog.get_logger(__name__)
AWAY, MISCONFIGURED = 69, 78
"""Exit codes: Kafka does not answer (EX_UNAVAILABLE), start again; topics are missing or do not fit (EX_CONFIG),
starting again does not help."""
AWAY_SECONDS = 60.0
"""How long a starting worker waits for Kafka."""
ASK_SECONDS = 1.0
WATCH_SECONDS = 10.0
"""Between two looks at the topics: somebody may give one more partitions."""


def run_worker(settings: Settings) -> int:
    """Run a worker until SIGTERM or SIGINT; return its exit code.

    Refuses to start (78) when topics are missing or their partition counts differ, and when Faust's compiled
    extension is absent; leaves with 78, too, when they differ later.
    Leaves at once with 69 (no Kafka), 70 (in doubt), 71 (fenced) or 75 (stalled): start it again.
    """
    _prepare_process()
    policy = rules_file.load_with_personas(settings)
    try:
        problems = _problems(settings)
    except AdminError as error:
        log.error("cannot start", problem=str(error))
        return AWAY
    for problem in problems:
        log.error("cannot start", problem=problem)
    if problems:
        return MISCONFIGURED
    metrics = WorkerMetrics([segment.name for segment in policy.segments], [ask.name for ask in policy.asks])
    health = Health()
    probes = Probes(settings, metrics, health)
    probes.start()
    try:
        return _run(build_app(settings, policy, metrics, health))
    finally:
        probes.stop()


def _prepare_process() -> None:
    """Collect garbage less often: nearly all that is made lives for one batch, the rest as long as the worker.

    Not much less: with a million objects a worker took nearly twice the memory, and two of them were slower.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def _problems(settings: Settings) -> list[str]:
    if not compiled_faust():
        return ["Faust's compiled extension is missing. Install the wheel for this platform and unset NO_CYTHON."]
    return asyncio.run(_topic_problems(settings))


async def _topic_problems(settings: Settings) -> list[str]:
    """Ask Kafka, again and again for a while: it may be starting, too.  Raise AdminError where it stays away."""
    deadline = monotonic() + AWAY_SECONDS
    while True:
        try:
            return await check_topics(settings)
        except AdminError as error:
            if monotonic() > deadline:
                raise
            log.warning("waiting for Kafka", problem=str(error))
            await asyncio.sleep(ASK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter


def _run(app: faust.App) -> int:
    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True, loglevel=logging.WARNING)
    try:
        worker.execute_from_commandline()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    return 0


def build_app(settings: Settings, policy: Policy, metrics: WorkerMetrics, health: Health) -> faust.App:
    """Make the Faust app: agents are named, nothing is discovered, nothing listens."""
    faust_dir = settings.data_dir / "faust"
    faust_dir.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        settings.app_id,
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap.split(",")],
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        stream_wait_empty=False,
        stream_buffer_maxsize=64,
        broker_max_poll_records=settings.batch_records,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.session_timeout_ms / 5000,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=max(90.0, settings.session_timeout_ms / 1000 + 10),
        consumer_group_instance_id=settings.instance_id or None,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 << 20,
        table_standby_replicas=0,
        datadir=str(faust_dir),
    )
    shared = exchange(settings)
    engine = Engine(
        app,
        jobs(settings, policy, ProcessorObserver(metrics), shared),
        exchange=shared,
        partitions=settings.partitions,
        bootstrap=settings.kafka_bootstrap,
        app_id=settings.app_id,
        changelog=lambda table: topics.changelog(settings.app_id, table).name,
        observer=metrics,
        rocks_dir=settings.data_dir / "rocksdb" if settings.store is Store.rocksdb else None,
        batch_records=settings.batch_records,
        stall_seconds=settings.stall_seconds,
    )
    _add_agents(app, engine)
    _add_neighbours(app, engine, settings, metrics, health, shared)
    return app


def _add_agents(app: faust.App, engine: Engine) -> None:
    channel = partial(app.topic, key_serializer="raw", value_serializer="as-is")

    @app.agent(channel(topics.WEB_EVENTS.name), name=NORMALISE_EVENTS)
    async def normalise_events(batches: AsyncIterator[Any]) -> None:
        """Consume `web-events`; produce `user-events` and `rejected-events`."""
        await engine.take(batches)

    @app.agent(channel(topics.SALESFORCE_CHANGES.name), name=NORMALISE_CHANGES)
    async def normalise_changes(batches: AsyncIterator[Any]) -> None:
        """Consume `salesforce-changes`; produce `account-events`, `salesforce-refetch` and `rejected-events`."""
        await engine.take(batches)

    @app.agent(channel(topics.ACCOUNT_EVENTS.name), name=KEEP_RECORDS)
    async def keep_records(batches: AsyncIterator[Any]) -> None:
        """Consume `account-events`; keep records, accounts, domains; produce `account-events`, `user-events`, views."""
        await engine.take(batches)

    @app.agent(channel(topics.USER_EVENTS.name), name=TRACK_PROFILES)
    async def track_profiles(batches: AsyncIterator[Any]) -> None:
        """Consume `user-events`; keep profiles; produce `profile-views`, `segment-changes` and `referral-triggers`."""
        await engine.take(batches)


def _add_neighbours(
    app: faust.App, engine: Engine, settings: Settings, metrics: WorkerMetrics, health: Health, shared: Exchange
) -> None:
    stop = asyncio.Event()

    @app.task
    async def redis_sink() -> None:
        await RedisSink(settings, metrics=metrics.redis).run(stop)

    @app.task
    async def tell_health() -> None:
        while not app.should_stop:
            health.beat()
            health.ready = engine.ready
            health.waiting_for = "recovery" if engine.assigned.is_set() else "assignment"
            for lane, said in list(shared.progress.items()):
                topic, _, partition = lane.rpartition("/")
                if topic == topics.USER_EVENTS.name and said.done[LAST] > 0:
                    metrics.clock(int(partition), said.done[LAST])
            await asyncio.sleep(0.5)

    @app.task
    async def watch_topics() -> None:
        """With other partition counts the same person could have two rows: leave before one is written."""
        while not app.should_stop:
            await asyncio.sleep(WATCH_SECONDS)
            with suppress(AdminError):  # Kafka is away: lanes notice by themselves
                problems = await check_topics(settings)
                if problems:
                    leave(MISCONFIGURED, " ".join(problems))

    @app.on_before_shutdown.connect
    async def let_go(*args: Any, **kwargs: Any) -> None:
        health.ready = False
        stop.set()
        await engine.stop()
