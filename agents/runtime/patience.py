"""Patience: time-outs in seconds that the process was awake.

A process that was stopped (SIGSTOP, a frozen machine) has not waited: what was answered meanwhile has still to be read.
That its lanes are another worker's, for instance.
"""

import asyncio
from types import TracebackType

BEAT_SECONDS = 1.0


class Patience:
    """As `asyncio.timeout`, but a stretch in which the process stood still counts for a second at most."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._limit = asyncio.timeout(None)
        self._next: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()
        self._beat()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._next is not None:
            self._next.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        if self._left <= 0:
            self._limit.reschedule(loop.time())
            return
        beat = min(BEAT_SECONDS, self._left)
        self._left -= beat
        self._next = loop.call_later(beat, self._beat)
