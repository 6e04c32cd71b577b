"""Watchdog: a thread that ends the process when it lives without working.

A cancelled fetcher, a blocked event loop, a commit that never returns: Faust says that all is well in each of these.
"""

import os
import sys
import threading
from collections.abc import Callable
from time import monotonic

STALLED = 75
"""Exit code: no progress (EX_TEMPFAIL); a supervisor starts the worker again."""


class Watchdog:
    """Leaves the process with `STALLED` when `stalled` names a reason, or the event loop stops beating."""

    def __init__(self, stalled: Callable[[], str | None], *, seconds: float) -> None:
        self._stalled = stalled
        self._seconds = seconds
        self._beat_at = monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()

    def leave_within(self, seconds: float) -> None:
        """From now on watch only that the process ends in time: it may hang on a Kafka that is gone."""
        self._seconds = float("inf")
        ends_at = monotonic() + seconds
        self._stalled = lambda: f"not stopped within {seconds:.0f} s" if monotonic() > ends_at else None

    def beat(self) -> None:
        """Say that the event loop is alive."""
        self._beat_at = monotonic()

    def _watch(self) -> None:
        while not self._stopped.wait(1.0):
            silent = monotonic() - self._beat_at
            reason = f"event loop blocked for {silent:.0f} s" if silent > self._seconds else self._stalled()
            if reason is not None:
                sys.stderr.write(f"touchline worker: no progress, leaving: {reason}\n")
                sys.stderr.flush()
                os._exit(STALLED)
