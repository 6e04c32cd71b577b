"""Times: when an event happened, and when we learned of it.  docs/semantics.md, part 1."""

from datetime import datetime
from typing import Final

import msgspec

from streams.events import Millis, Rejected
from streams.instants import END, FIRST, MAX_SKEW_MS, since_epoch
from streams.intake.wire import WebEvent

_OUTSIDE: Final = "outside the years 2000 to 2100"
_UNREADABLE: Final = "not ISO 8601 with a time zone, like 2026-01-31T12:00:00.000Z"


class Times(msgspec.Struct, frozen=True, gc=False):
    """The two instants of an event."""

    at: Millis
    """When it happened, skew of the sender's clock taken out; never after `received_at`."""
    received_at: Millis


def times_of(event: WebEvent, kafka_timestamp: Millis) -> Times | Rejected:
    """Work out both instants; `bad-timestamp` if one that is needed cannot be used, `future` if one lies ahead."""
    original = event.timestamp if event.original_timestamp is None else event.original_timestamp
    try:
        received_at = kafka_timestamp if event.received_at is None else _read(event.received_at)
        at = received_at if original is None else _read(original)
        if event.sent_at is not None:
            at = received_at - (_read(event.sent_at) - at)
    except (ValueError, TypeError):
        return _why_bad(event)
    if at < FIRST or not FIRST <= received_at < END:
        return Rejected("bad-timestamp", f"event time or received time: {_OUTSIDE}")
    if received_at > kafka_timestamp + MAX_SKEW_MS:
        return Rejected("future", "$.receivedAt: over 5 minutes after Kafka's timestamp of the message")
    if at <= received_at:
        return Times(at, received_at)
    if at <= received_at + MAX_SKEW_MS:
        return Times(received_at, received_at)
    return Rejected("future", "event time: over 5 minutes after it was received; check the sender's clock")


def _read(text: str) -> Millis:
    """Read an instant, floored; raise ValueError or, without a time zone, TypeError."""
    instant = since_epoch(datetime.fromisoformat(text))
    if FIRST <= instant < END:
        return instant
    raise ValueError(_OUTSIDE)


def _why_bad(event: WebEvent) -> Rejected:
    """Name the timestamp that cannot be read: the slow way, for the few that are bad."""
    used = "timestamp" if event.original_timestamp is None else "originalTimestamp"
    original = event.timestamp if event.original_timestamp is None else event.original_timestamp
    given = (("receivedAt", event.received_at), (used, original), ("sentAt", event.sent_at))
    field, what = next((field, what) for field, text in given if text is not None and (what := _problem(text)))
    return Rejected("bad-timestamp", f"$.{field}: {what}")


def _problem(text: str) -> str | None:
    try:
        _read(text)
    except (ValueError, TypeError) as error:
        return _OUTSIDE if str(error) == _OUTSIDE else _UNREADABLE
    return None
