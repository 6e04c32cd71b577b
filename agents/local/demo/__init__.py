"""`touchline demo`: a simulated company goes through the whole of Touchline on this machine, and the screen shows it.

First its history, with the log's clock; then its live days, through the official Segment library and the collector.
Parts: backlog, children, scene, screen, feed.  Here: the course of events.
"""

import asyncio
import secrets
import shutil
import signal
import time
from collections.abc import Coroutine
from itertools import chain
from typing import Any

from aiokafka.errors import KafkaError
from pydantic import SecretStr

from agents import admin, rules_file, verify
from agents.local.company import live
from agents.local.demo.backlog import Backlog, BehindError, backlog
from agents.local.demo.children import ChildError, child
from agents.local.demo.feed import RefusedError, go_live, past, play
from agents.local.demo.scene import Scene, settled, tail
from agents.local.demo.screen import Screen
from agents.local.processes import LocalError, free_port
from agents.local.stack import Stack
from agents.settings import Clock, Settings
from agents.sources.replay.lines import Line
from agents.sources.replay.publish import AwayError

PARTITIONS = 4
LIVE_SECONDS = 15.0
"""How long `--once` is live."""
HISTORY_SECONDS = 600.0
CATCH_UP_SECONDS = 60.0
MEASURE_SECONDS = 0.5
FAILURES = (
    *(LocalError, ChildError, BehindError, RefusedError, AwayError),
    *(admin.AdminError, KafkaError, OSError, TimeoutError),
)


def run(settings: Settings, *, once: bool, days: int = 90, seed: int = 7) -> int:
    """Play `days` days of history up to now, then go live; return the exit code.

    With `once` it ends by itself after a quarter of a minute and returns 0 only if `touchline verify` finds nothing
    and there was a trigger.  Otherwise it stays until Ctrl-C and returns 0.  Whatever fails ends it with 1 and the
    last lines of whoever failed.  Everything it writes lies in `data_dir`/demo; what an earlier demo left is wiped.
    """
    rules_file.load(settings.rules)
    own = _own(settings)
    screen = Screen(Scene())
    course = _Course(own, Stack(own, cache=settings.data_dir), screen, once=once, days=days, seed=seed)
    with screen:
        try:
            return asyncio.run(course.run())
        except FAILURES as error:
            screen.say(f"The demo failed: {str(error) or type(error).__name__}")
            return 1


def _own(settings: Settings) -> Settings:
    """Give the demo a stack of its own, with free ports and a folder, so that nothing that runs is disturbed."""
    kafka, redis, http, metrics = (free_port() for _ in range(4))
    changes: dict[str, object] = {
        "app_id": "demo-v1",
        "kafka_bootstrap": f"127.0.0.1:{kafka}",
        "redis_url": SecretStr(f"redis://127.0.0.1:{redis}/0"),
        "rules": settings.rules.resolve(),
        "partitions": PARTITIONS,
        "replication": 1,
        "data_dir": settings.data_dir.resolve() / "demo",
        "metrics_port": metrics,
        "http_port": http,
        "http_host": "127.0.0.1",
        "write_keys": (SecretStr(secrets.token_urlsafe(24)),),
        "write_keys_file": None,
        "instance_id": "",
        "local_kafka_port": kafka,
        "local_redis_port": redis,
    }
    return settings.model_copy(update=changes)


class _Course:
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
        history = await inventing
        async with backlog(self._own) as left:
            shown = tail(self._own, self._scene, self._screen.refresh)
            await _guarded(self._scenes(left, history), shown, self._measure(left))
        return await self._verdict() if self._once else 0

    def _fresh_stack(self) -> None:
        """Start an empty stack; one that an earlier demo left behind is taken down and wiped."""
        self._stack.down()
        shutil.rmtree(self._own.data_dir, ignore_errors=True)
        self._stack.up(self._screen.say)

    async def _scenes(self, left: Backlog, history: list[Line]) -> None:
        await self._history(left, history)
        await self._live(left)
        await settled(self._scene)

    async def _history(self, left: Backlog, history: list[Line]) -> None:
        """Play the past with the log's clock, and wait until all of it is processed."""
        self._screen.say(f"Playing {len(history):,} events of {self._days} days (log clock).")
        settings = self._own.model_copy(update={"clock": Clock.log})
        async with child("worker", settings, "worker", self._own.data_dir / "worker-history.log") as worker:
            await _guarded(self._play(left, history), worker.ended())
        self._screen.say(
            f"The history is processed: {self._scene.triggers:,} triggers. The worker stopped in good order."
        )

    async def _play(self, left: Backlog, history: list[Line]) -> None:
        await play(self._own, history, self._scene, self._screen.refresh)
        await left.until_processed(HISTORY_SECONDS)

    async def _live(self, left: Backlog) -> None:
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
            await _guarded(self._click(left, collector_url), worker.ended(), collector.ended())

    async def _click(self, left: Backlog, collector_url: str) -> None:
        until = "" if self._once else " Ctrl-C ends it."
        self._screen.say(f"Live: the company clicks through Segment's library, by {collector_url}.{until}")
        self._scene.live_since_ms = time.time_ns() // 1_000_000
        key = self._own.write_keys[0].get_secret_value()
        calls = live(self._seed, self._days)
        await go_live(collector_url, key, calls, self._scene, LIVE_SECONDS if self._once else None)
        await left.until_processed(CATCH_UP_SECONDS)

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

    async def _verdict(self) -> int:
        """Say what happened, and let `verify` judge."""
        self._screen.say("Everything is processed; verify recomputes it from the topics.")
        self._screen.freeze()
        code = await asyncio.to_thread(verify.run, self._own, as_json=False)
        self._screen.say_figures()
        if self._scene.triggers == 0:
            self._screen.say("The demo failed: there was no trigger.")
            return 1
        self._screen.say("verify: clean." if code == 0 else f"The demo failed: verify found differences ({code}).")
        return code


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
