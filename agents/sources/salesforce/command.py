"""The commands `touchline salesforce sync | reconcile | check`: they open Salesforce and Kafka, and say how it went.

Exit codes: 0 well; 1 Salesforce or Kafka did not do it, or (`sync --once`, `reconcile`, `check`) an object could not
be read.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from threading import Event
from typing import Any

from aiokafka.errors import KafkaError
from prometheus_client import start_http_server

from agents.committed import NoTopicError, reader
from agents.settings import Settings
from agents.sources.salesforce.budget import CallBudget
from agents.sources.salesforce.calls import CarefulSession
from agents.sources.salesforce.claim import Claim
from agents.sources.salesforce.client import Client
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import FencedError, RefusedError, StoppedError, TroubleError
from agents.sources.salesforce.kafka import ROLE, Publisher, check_topic, latest
from agents.sources.salesforce.metrics import SyncMetrics
from agents.sources.salesforce.reconcile import reconcile
from agents.sources.salesforce.report import Report, table
from agents.sources.salesforce.session import way
from agents.sources.salesforce.sync import Sync
from agents.sources.salesforce.writeback import WriteBack, WritebackFileError, load
from streams.topics import PROFILE_VIEWS, SALESFORCE_CHANGES, SALESFORCE_CURSORS, SALESFORCE_REFETCH

RECONNECT_SECONDS = 5.0
REPORT_SECONDS = 1.0
"""Between two lines about the same thing."""
Say = Callable[[str], None]


def run_sync(settings: Settings, *, once: bool = False, as_json: bool = False) -> int:
    """Keep `salesforce-changes` up to date until SIGTERM or Ctrl-C, or do one round."""
    say = _speaker(as_json)
    return _guarded(settings, say, _sync(settings, say, once=once))


def run_reconcile(settings: Settings, *, as_json: bool = False) -> int:
    """Compare every object once; print what was compared, what was left out and why, and what differed.

    1 also where an object could not be read.
    """
    say = _speaker(as_json)

    async def compare() -> int:
        metrics = SyncMetrics()
        with _session(settings, metrics, Event()) as session:
            async with _desk(settings, say, session, metrics, role="reconcile") as desk:
                await desk.ask(desk.client.limits)
                reports = await reconcile(desk, settings.salesforce_objects)
        _print_reports(reports, as_json=as_json)
        return 1 if any(report.refused for report in reports) else 0

    return _guarded(settings, say, compare())


def run_check(settings: Settings, *, as_json: bool = False) -> int:
    """Sign in, and print the limits and what can be read of each object."""
    say = _speaker(as_json)

    async def check() -> int:
        with _session(settings, SyncMetrics(), Event()) as session:
            return await asyncio.to_thread(_checked, Client(settings, session), settings, as_json)

    return _guarded(settings, say, check())


async def _sync(settings: Settings, say: Say, *, once: bool) -> int:
    stopped, metrics, claim = Event(), SyncMetrics(), Claim()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if not once:
        _serve_metrics(settings, metrics)
    with _session(settings, metrics, stopped) as session:
        while not stopped.is_set():
            try:
                await claim.check(settings)
                async with _desk(settings, say, session, metrics, stopped=stopped) as desk:
                    await claim.make(desk.publisher)
                    return await _synced(desk, once=once)
            except StoppedError:
                break
            except (KafkaError, OSError, TimeoutError) as error:
                if once:
                    raise
                say(f"{_at_kafka(error, settings)}; connecting again in {RECONNECT_SECONDS:g} s")
                await asyncio.to_thread(stopped.wait, RECONNECT_SECONDS)
    say("stopped")
    return 0


def _serve_metrics(settings: Settings, metrics: SyncMetrics) -> None:
    try:
        start_http_server(settings.salesforce_metrics_port, settings.http_host, metrics.registry)
    except OSError as error:
        where = f"{settings.http_host}:{settings.salesforce_metrics_port}"
        text = f"cannot listen at {where} ({error.strerror}): another sync? TOUCHLINE_SALESFORCE_METRICS_PORT"
        raise TroubleError(text) from None


async def _synced(desk: Desk, *, once: bool) -> int:
    settings = desk.settings
    async with AsyncExitStack() as opened:
        requests = await opened.enter_async_context(
            reader(settings, SALESFORCE_REFETCH.name, group=desk.publisher.group, role=ROLE)
        )
        sync = Sync(desk, requests)
        if settings.salesforce_writeback_file:
            mapped = load(settings.salesforce_writeback_file)
            group = f"{settings.app_id}-salesforce-writeback"
            views = await opened.enter_async_context(reader(settings, PROFILE_VIEWS.name, group=group, role=ROLE))
            sync.write_back = WriteBack(desk, mapped, views)
        if once:
            return 1 if await sync.once() else 0
        await sync.run()
    return 0


@asynccontextmanager
async def _desk(
    settings: Settings,
    say: Say,
    session: CarefulSession,
    metrics: SyncMetrics,
    *,
    stopped: Event | None = None,
    role: str = "sync",
) -> AsyncIterator[Desk]:
    """Open both sides.  Cursors are read once the publisher has fenced its predecessor: nobody moves them any more."""
    await check_topic(settings, SALESFORCE_CHANGES.name)
    publisher = Publisher(settings, metrics, role=role)
    try:
        await publisher.start()
        desk = Desk(settings, Client(settings, session), publisher, metrics, say, stopped or Event())
        desk.load(await latest(settings, SALESFORCE_CURSORS.name))
        yield desk
    finally:
        await publisher.stop()


@contextmanager
def _session(settings: Settings, metrics: SyncMetrics, stopped: Event) -> Iterator[CarefulSession]:
    budget = CallBudget(settings.salesforce_calls_a_day)
    with CarefulSession(
        budget,
        metrics,
        login_url=settings.salesforce_login_url,
        ca_file=settings.salesforce_ca_file,
        stopped=stopped,
    ) as session:
        yield session


def _guarded(settings: Settings, say: Say, work: Coroutine[Any, Any, int]) -> int:
    try:
        return asyncio.run(work)
    except (TroubleError, FencedError, WritebackFileError) as error:
        say(str(error))
    except NoTopicError as error:
        say(f"Kafka has no topic {error}: run `touchline topics create`")
    except (KafkaError, OSError, TimeoutError) as error:
        say(_at_kafka(error, settings))
    return 1


def _at_kafka(error: Exception, settings: Settings) -> str:
    return f"Kafka at {settings.kafka_bootstrap}: {type(error).__name__}; `touchline doctor` says what is wrong"


def _checked(client: Client, settings: Settings, as_json: bool) -> int:
    calls = client.limits().get("DailyApiRequests", {})
    objects = {entity: _readable(client, entity) for entity in settings.salesforce_objects}
    well = all(isinstance(found, int) for found in objects.values())
    if as_json:
        print(json.dumps({"ok": well, "way": way(settings), "calls": calls, "objects": objects}, indent=2))
        return 0 if well else 1
    print(f"Signed in at {settings.salesforce_login_url} by {way(settings)}.")
    print(f"API calls left today: {calls.get('Remaining', '?')} of {calls.get('Max', '?')}.")
    for entity, found in objects.items():
        print(f"{entity:24} {found:>12,}" if isinstance(found, int) else f"{entity:24} {found}")
    return 0 if well else 1


def _readable(client: Client, entity: str) -> int | str:
    try:
        return client.count(entity)
    except RefusedError as error:
        return f"not readable ({error.code}): give the user View All on it, or leave it out of the objects"


def _print_reports(reports: list[Report], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([report.as_dict() for report in reports], indent=2))
        return
    print("\n".join(table(reports)))


def _speaker(as_json: bool) -> Say:
    """Make what reports progress on stderr: at most one line a second about the same object."""
    told: dict[str, float] = {}

    def say(line: str) -> None:
        topic, now = line.partition(":")[0], time.monotonic()
        if "records of about" in line and now - told.get(topic, 0.0) < REPORT_SECONDS:
            return
        told[topic] = now
        text = json.dumps({"event": line}) if as_json else f"salesforce: {line}"
        print(text, file=sys.stderr, flush=True)

    return say
