"""Instants as people and messages read them: ISO 8601, UTC, milliseconds."""

from datetime import UTC, datetime
from functools import lru_cache

from streams.events import Millis

MINUTE_MS = 60_000
_SECONDS = tuple(f"{second:02}." for second in range(60))
_MILLIS = tuple(f"{ms:03}Z" for ms in range(1000))


@lru_cache(maxsize=65_536)
def _minute(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:")


def iso(at: Millis) -> str:
    """Write an instant as `2026-11-22T10:00:00.000Z`."""
    minute, ms = divmod(at, MINUTE_MS)
    return _minute(minute) + _SECONDS[ms // 1000] + _MILLIS[ms % 1000]
