"""Replay, room 2.  Timeline: lines become what is to be published, in the order of received time.  Pure.

In: lines of NDJSON.  Out: `Event`s and, with the file's clock, `Mark`s that say how far time has come.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

import msgspec
import orjson

from agents.sources.replay.lines import Line
from streams.instants import DAY_MS, iso

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MARK_EVERY_MS = 3_600_000
"""Longest stretch of file time without a mark: what ticks are to the live clock."""
MOST_MARKS_IN_GAP = 2_400
"""Marks for a stretch without events; over 100 days they stand farther apart, so that one stray line of long ago
does not cost millions of marks."""
MOST_SORTED = 2_000_000
"""Lines that are sorted in memory; more must come in received order."""
EARLIEST_MS = 946_684_800_000
"""The year 2000.  Received times before it, or after now, are not believed."""


class DisorderError(Exception):
    """Lines that are not in received order and too many to be sorted; the text says where."""


class Event(NamedTuple):
    """One message for `web-events`."""

    at: int | None
    """Received time, milliseconds; None: the line does not say."""
    key: bytes | None
    """userId, else anonymousId; None: neither can be read."""
    value: bytes
    """Empty: too long to be published."""
    line: Line


class Mark(NamedTuple):
    """For every partition: no event with a received time up to `at` comes after this."""

    at: int


class _Head(msgspec.Struct):
    """What replay reads of an event; the rest is skipped unread."""

    user_id: str | None = msgspec.field(name="userId", default=None)
    anonymous_id: str | None = msgspec.field(name="anonymousId", default=None)
    received_at: str | msgspec.UnsetType | None = msgspec.field(name="receivedAt", default=msgspec.UNSET)
    sent_at: str | None = msgspec.field(name="sentAt", default=None)
    timestamp: str | None = None
    original_timestamp: str | None = msgspec.field(name="originalTimestamp", default=None)


_decode_head = msgspec.json.Decoder(_Head).decode


def as_received(lines: Iterable[Line], now_ms: int) -> Iterator[Event]:
    """Events as they stand in the lines: nothing is stamped, broken lines stay as they are."""
    for line in lines:
        head = _head(line.value)
        yield Event(_received(head, now_ms)[0], _key(head), line.value, line)


def stamped(lines: Iterable[Line], now_ms: int) -> Iterator[Event]:
    """Events with the file's received time: `receivedAt`, else `sentAt`, else the client's time; stamped where absent.

    A line without a time that can be believed stays as it is and takes the time of the line before it; at the
    beginning, that of the first line that has one.
    """
    known: int | None = None
    untimed: list[Event] = []
    for line in lines:
        head = _head(line.value)
        at, is_stamped = _received(head, now_ms)
        value = line.value if at is None or is_stamped else _stamp(line.value, at, head)
        event = Event(known if at is None else at, _key(head), value, line)
        if event.at is None:
            untimed.append(event)
            continue
        yield from (early._replace(at=event.at) for early in untimed)
        untimed.clear()
        known = event.at
        yield event
    yield from (early._replace(at=now_ms) for early in untimed)


def disorder(events: Iterable[Event]) -> tuple[int, Line | None]:
    """Count the events, and name the first line that was received before the one above it (None: all in order)."""
    count, latest, found = 0, 0, None
    for event in events:
        count += 1
        if found is None and (event.at or 0) < latest:
            found = event.line
        latest = event.at or latest
    return count, found


def in_order(events: Iterable[Event], count: int, found: Line | None) -> Iterable[Event]:
    """Sort by received time if `disorder` found any; raise `DisorderError` over `MOST_SORTED` lines."""
    if found is None:
        return events
    if count > MOST_SORTED:
        msg = (
            f"{found.file}:{found.number}: received before the line above it; "
            f"{count:,} lines are more than the {MOST_SORTED:,} that are sorted here: sort them by receivedAt first"
        )
        raise DisorderError(msg)
    return sorted(events, key=lambda event: event.at or 0)


def with_marks(events: Iterable[Event], every_ms: int = MARK_EVERY_MS) -> Iterator[Event | Mark]:
    """Put a mark at each multiple of `every_ms` between events in received order, and one at the last event's time."""
    stream = iter(events)
    first = next(stream, None)
    if first is None:
        return
    latest = first.at or 0
    for event in chain([first], stream):
        at = event.at or latest
        if at > latest:
            yield from map(Mark, _between(latest, at, every_ms))
            latest = at
        yield event
    yield Mark(latest)


def _between(start: int, end: int, every_ms: int) -> range:
    """Instants for marks in `[start, end)`: none may reach an event that is still to come."""
    step = max(every_ms, every_ms * -(-(end - start) // (every_ms * MOST_MARKS_IN_GAP)))
    return range(-(-start // step) * step, end, step)


def _head(value: bytes) -> _Head | None:
    try:
        return _decode_head(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _key(head: _Head | None) -> bytes | None:
    if head is None:
        return None
    found = (head.user_id or "").strip() or (head.anonymous_id or "").strip()
    return found.encode("utf-8", "surrogatepass") or None


def _received(head: _Head | None, now_ms: int) -> tuple[int | None, bool]:
    """Received time in milliseconds, and whether the event itself already says it."""
    if head is None:
        return None, False
    own = head.received_at
    if isinstance(own, str):
        return _believed(own, now_ms), True
    for text in (head.sent_at, head.original_timestamp, head.timestamp):
        if text is not None:
            return _believed(text, now_ms), False
    return None, False


def _believed(text: str, now_ms: int) -> int | None:
    """Read an instant, floored to the millisecond; None where it is none, has no time zone, or cannot be."""
    try:
        since = datetime.fromisoformat(text) - EPOCH
    except (ValueError, TypeError):
        return None
    at = since.days * DAY_MS + since.seconds * 1_000 + since.microseconds // 1_000
    return at if EARLIEST_MS <= at <= now_ms else None


def _stamp(value: bytes, at: int, head: _Head | None) -> bytes:
    """Add `receivedAt` as the last member; the other bytes stay, unless a null one has to be replaced."""
    if head is not None and head.received_at is None:
        return orjson.dumps(orjson.loads(value) | {"receivedAt": iso(at)})
    return value.rstrip()[:-1] + b',"receivedAt":"' + iso(at).encode() + b'"}'
