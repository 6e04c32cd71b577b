"""Instants as people and messages read them: ISO 8601, UTC, milliseconds."""

from datetime import UTC, datetime
from functools import lru_cache

from streams.events import Millis

DAY_MS = 86_400_000


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def iso(at: Millis) -> str:
    """Write an instant as `2026-11-22T10:00:00.000Z`."""
    day, ms = divmod(at, DAY_MS)
    minute, ms = divmod(ms, 60_000)
    hour, minute = divmod(minute, 60)
    return f"{_date(day)}T{hour:02}:{minute:02}:{ms // 1000:02}.{ms % 1000:03}Z"
