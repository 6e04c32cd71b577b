"""Instants as people and messages read them: ISO 8601, UTC, milliseconds."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from streams.events import Millis

MINUTE_MS = 60_000
DAY_MS = 86_400_000
FIRST: Final = 946_684_800_000
"""2000-01-01: nothing that we are told of happened before."""
END: Final = 4_133_980_800_000
"""2101-01-01."""
MAX_SKEW_MS: Final = 5 * MINUTE_MS
"""How far a sender's clock may run ahead.  One event of next year would push every honest one out of the window."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = tuple(f"{second:02}." for second in range(60))
_MILLIS = tuple(f"{ms:03}Z" for ms in range(1000))


@lru_cache(maxsize=65_536)
def _minute(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:")


def iso(at: Millis) -> str:
    """Write an instant as `2026-11-22T10:00:00.000Z`."""
    minute, ms = divmod(at, MINUTE_MS)
    return _minute(minute) + _SECONDS[ms // 1000] + _MILLIS[ms % 1000]


def since_epoch(when: datetime) -> Millis:
    """Count the milliseconds up to `when`, floored; TypeError without a time zone."""
    since = when - _EPOCH
    return since.days * DAY_MS + since.seconds * 1_000 + since.microseconds // 1_000
