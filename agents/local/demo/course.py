"""Demo, part 8.  Course: the order in which everything happens, from an empty stack to the verdict.

In: settings of the demo's own, a screen.  Out: the exit code; who failed says so by an error of `FAILURES`.
"""

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson
from aiokafka.errors import KafkaError

from agents import admin, verify
from agents.backlog import Backlog, BehindError, backlog
from agents.local.company import live
from agents.local.company.sales import org_live
from agents.local.demo import reports
from agents.local.demo.children import Child, ChildError, child
from agents.local.demo.crm import ChangeFeed, change_feed, live_on, org_server, sync_settings, taken_in
from agents.local.demo.feed import Past, RefusedError, go_live, past, play
from agents.local.demo.scene import settled, tail
from agents.local.demo.screen import Screen
from agents.local.demo.stories import findings
from agents.local.org import OrgServer
from agents.local.processes import LocalError
from agents.local.stack import Stack
from agents.settings import Clock, Settings
from agents.sources.replay.publish import AwayError
from agents.sources.salesforce.kafka import latest
from streams.topics import PROFILE_VIEWS

LIVE_SECONDS = 12.0
"""How long `--once` is live."""
ORG_SECONDS = 8.0
"""How long its org is: so the sync has seen the last of it, and the last transaction has closed, by the end."""
HISTORY_SECONDS = 600.0
CATCH_UP_SECONDS = 60.0
MEASURE_SECONDS = 0.5
FAILURES = (
    *(LocalError, ChildError, BehindError, RefusedError, AwayError),
    *(admin.AdminError, KafkaError, OSError, TimeoutError),
)


@dataclass(frozen=True, slots=True)
class _Stage:
    """What the scenes are played with."""

    company: Past
    left: Backlog
    feed: ChangeFeed


class Course:
    """The course of events of one demo."""

    def __init__(self, own: Settings, stack: Stack, screen: Screen, *, once: bool, days: int, seed: int) -> None:
        self._own = own
        self._stack = stack
        self._screen = screen
        self._scene = screen.scene
        self._once = once
        self._days = days
        self._seed = seed

    async def run(self) -> int:
        """Go through it; the stack is taken down whatever happens, after Ctrl-C and SIGTERM too."""
        course = asyncio.ensure_future(self._acts())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, course.cancel)
        try:
            return await course
        except asyncio.CancelledError:
            return 1 if self._once else 0
        finally:
            self._screen.say("Taking the stack down.")
            await asyncio.to_thread(self._stack.down)

    async def _acts(self) -> int:
        self._screen.say(f"Starting Kafka and Redis; inventing {self._days} days of a company meanwhile.")
        inventing = asyncio.create_task(asyncio.to_thread(past, self._seed, self._days))
        await asyncio.to_thread(self._fresh_stack)
        await admin.create_topics(self._own)
        company = await inventing
        with org_server(company.books.org, self._own.data_dir / "org") as server:
            async with self._stage(company) as stage, self._sync(server) as sync:
                shown = tail(self._own, self._scene, self._screen.refresh)
                await _guarded(self._scenes(stage), shown, self._measure(stage.left), sync.ended())
        return await self._verdict(company) if self._once else 0

    def _fresh_stack(self) -> None:
        """Start an empty stack; one that an earlier demo left behind is taken down and wiped."""
        self._stack.down()
        shutil.rmtree(self._own.data_dir, ignore_errors=True)
        self._stack.up(self._screen.say)

    @asynccontextmanager
    async def _stage(self, company: Past) -> AsyncIterator[_Stage]:
        """Connect, and send what the org told in the history.

        That is before the sync begins: so the change that was lost is missed first, and then read again.
        """
        org, kafka = company.books.org, self._own.kafka_bootstrap
        async with backlog(self._own) as left, change_feed(kafka, org, company.begin_ms) as feed:
            self._scene.changes_sent += await feed.send()
            yield _Stage(company, left, feed)

    def _sync(self, server: OrgServer) -> AbstractAsyncContextManager[Child]:
        """Let a process of its own read the org."""
        self._screen.say(f"Salesforce: the company's org answers at {server.url}; a sync reads it, and polls.")
        log = self._own.data_dir / "salesforce-sync.log"
        return child("salesforce sync", sync_settings(self._own, server), "salesforce sync", log)

    async def _scenes(self, stage: _Stage) -> None:
        await self._history(stage)
        await self._reports()
        await self._live(stage)
        await settled(self._scene)

    async def _history(self, stage: _Stage) -> None:
        """Play the past with the log's clock, and wait until all of it is processed."""
        self._screen.say(
            f"Playing {len(stage.company.lines):,} events of {self._days} days (log clock); Salesforce told"
            f" {self._scene.changes_sent:,} changes of them."
        )
        settings = self._own.model_copy(update={"clock": Clock.log})
        async with child("worker", settings, "worker", self._own.data_dir / "worker-history.log") as worker:
            await _guarded(self._play(stage), worker.ended())
        self._screen.say(
            f"The history is processed: {self._scene.triggers:,} triggers, {len(self._scene.records):,} Salesforce"
            " records. The worker stopped in good order."
        )

    async def _play(self, stage: _Stage) -> None:
        await play(self._own, stage.company.lines, self._scene, self._screen.refresh)
        await stage.left.until_processed(HISTORY_SECONDS)
        await taken_in(stage.company.books.org, self._scene, HISTORY_SECONDS)
        await stage.left.until_processed(HISTORY_SECONDS)

    async def _reports(self) -> None:
        """Print the tables that a person would ask for."""
        for name in reports.SHOWN:
            text = await reports.report(self._own, name)
            self._screen.say(f"`touchline report {name}`:")
            self._screen.show(text)

    async def _live(self, stage: _Stage) -> None:
        """Let the company live on, with real time."""
        settings = self._own.model_copy(update={"clock": Clock.wall})
        folder = self._own.data_dir
        async with (
            child("worker", settings, "worker", folder / "worker-live.log") as worker,
            child("collector", settings, "serve", folder / "collector.log") as collector,
        ):
            await _guarded(
                worker.ready(f"http://127.0.0.1:{settings.metrics_port}/readyz"), worker.ended(), collector.ended()
            )
            collector_url = f"http://127.0.0.1:{settings.http_port}"
            await _guarded(collector.ready(f"{collector_url}/readyz"), worker.ended(), collector.ended())
            await _guarded(self._live_on(stage, collector_url), worker.ended(), collector.ended())

    async def _live_on(self, stage: _Stage, collector_url: str) -> None:
        until = "" if self._once else " Ctrl-C ends it."
        self._screen.say(f"Live: the company clicks through Segment's library, by {collector_url}.{until}")
        self._screen.say("Live: its sales people work in Salesforce, which sends changes.")
        self._scene.live_since_ms = time.time_ns() // 1_000_000
        key = self._own.write_keys[0].get_secret_value()
        calls, works = live(self._seed, self._days), org_live(self._seed, self._days, stage.company.books)
        seconds, org_seconds = (LIVE_SECONDS, ORG_SECONDS) if self._once else (None, None)
        await _guarded(
            go_live(collector_url, key, calls, self._scene, seconds),
            live_on(stage.company.books, works, stage.feed, self._scene, org_seconds),
        )
        await taken_in(stage.company.books.org, self._scene, CATCH_UP_SECONDS)
        await stage.left.until_processed(CATCH_UP_SECONDS)

    async def _measure(self, left: Backlog) -> None:
        """Keep the number of processed records and their speed up to date."""
        scene, before, at = self._scene, 0, time.monotonic()
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            scene.processed = await left.processed()
            now = time.monotonic()
            scene.per_second, before, at = (scene.processed - before) / (now - at), scene.processed, now
            scene.fastest = max(scene.fastest, scene.per_second)
            self._screen.refresh()

    async def _verdict(self, company: Past) -> int:
        """Say what happened, let `verify` judge, and look for the stories."""
        self._screen.say("Everything is processed; verify recomputes it from the topics.")
        self._screen.freeze()
        code = await asyncio.to_thread(verify.run, self._own, as_json=False)
        self._screen.say_figures()
        if self._scene.triggers == 0:
            self._screen.say("The demo failed: there was no trigger.")
            return 1
        if not await self._stories_are_told(company):
            self._screen.say("The demo failed: a story came out wrong.")
            return 1
        self._screen.say("verify: clean." if code == 0 else f"The demo failed: verify found differences ({code}).")
        return code

    async def _stories_are_told(self, company: Past) -> bool:
        views = await latest(self._own, PROFILE_VIEWS.name)
        documents = {person: orjson.loads(value) for person, value in views.items()}
        found = list(findings(documents, self._scene, company.books.stories, company.shared_devices))
        for finding in found:
            self._screen.say(str(finding))
        return not any(finding.wrong for finding in found)


async def _guarded(body: Coroutine[Any, Any, None], *guards: Coroutine[Any, Any, None]) -> None:
    """Run `body` to its end; a guard that fails before ends it with the guard's error."""
    main, *others = [asyncio.ensure_future(work) for work in (body, *guards)]
    try:
        await asyncio.wait([main, *others], return_when=asyncio.FIRST_COMPLETED)
        for task in chain(others, [main]):
            if task.done():
                task.result()
        await main
    finally:
        for task in (main, *others):
            task.cancel()
        await asyncio.gather(main, *others, return_exceptions=True)
