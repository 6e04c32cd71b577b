"""Scheduler: an event loop without clock and sockets, one callback at a time, so that a test can stop anywhere.

Between two callbacks lies an await: whoever drops the loop there has killed the process at that await.
"""

import asyncio
import heapq
import itertools
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any


class Ready:
    """A callback that waits for its turn."""

    __slots__ = ("arguments", "callback")

    def __init__(self, callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self.callback, self.arguments = callback, arguments

    def cancel(self) -> None:
        self.callback, self.arguments = _nothing, ()


def _nothing() -> None:
    """Stands for a callback that was cancelled."""


class StepLoop(asyncio.AbstractEventLoop):
    """Runs callbacks in order; when none is ready, time jumps to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the loop began, in its own time."""
        self.dead = False
        """Set by `kill`: nothing that still unwinds reaches the world."""
        self._ready: deque[Ready] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()
        self._tasks: list[asyncio.Task[Any]] = []

    def step(self) -> None:
        """Take one callback.  There must be one, or a timer."""
        while not self._ready:
            self._pass_time()
        turn = self._ready.popleft()
        previous = events._get_running_loop()
        events._set_running_loop(self)
        try:
            turn.callback(*turn.arguments)
        finally:
            events._set_running_loop(previous)

    def kill(self) -> None:
        """End all tasks where they are; what they do while they unwind goes nowhere."""
        self.dead = True
        for task in self._tasks:
            task.cancel()
        while self._ready:
            self.step()

    def _pass_time(self) -> None:
        at, _, timer = heapq.heappop(self._timers)
        if not timer.cancelled():
            self.now = max(self.now, at)
            self._ready.append(Ready(timer._run, ()))

    # -- what asyncio asks of a loop

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Ready:  # type: ignore[override]
        turn = Ready(callback, args)
        self._ready.append(turn)
        return turn

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: it is skipped when its time comes."""

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], **kwargs: Any) -> "asyncio.Task[Any]":  # type: ignore[override]
        task = asyncio.Task(coro, loop=self)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Say nothing: whoever wants a task's error reads it there."""
