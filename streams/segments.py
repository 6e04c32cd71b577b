"""Room 4.  Segments: who is in, since which instant, and why.

In: the parts of a person, a rule, the clock.  Kept: a `Standing` a segment.  Out: changes with their exact instants.
All rules here are monotone: one more event never takes anybody out, only time does.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from streams.activity import Part
from streams.events import Alias, Millis
from streams.policy import Condition, Segment


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a person stands in one segment: the stay that is open, or the last one."""

    member: bool
    entered_at: Millis
    left_at: Millis | None
    """None while the stay is open."""
    rule_version: int


class Counted(msgspec.Struct, frozen=True, gc=False):
    """One condition as it was at an instant: what a decision rested on."""

    condition: Condition
    count: int
    until: Millis


class Change(msgspec.Struct, frozen=True, gc=False):
    """A person entered or left a segment."""

    person: Alias
    segment: str
    entered: bool
    at: Millis
    announced_at: Millis
    entered_at: Millis
    rule_version: int
    why: tuple[Counted, ...]


Parts = Sequence[Part]


def stored_count(parts: Parts, event: str, after: Millis, until: Millis) -> int:
    """Count the stored events in `(after, until]`: exact for any number that a condition may require."""
    total = 0
    for part in parts:
        series = part.series.get(event)
        if series is not None:
            instants = series.instants()
            total += bisect_right(instants, until) - bisect_right(instants, after)
    return total


def holds(parts: Parts, segment: Segment, at: Millis, kept_after: Millis = -1) -> bool:
    """Say whether the rule is true at an instant; events at `kept_after` or before do not count."""
    for condition in segment.conditions:
        after = max(at - condition.within_ms, kept_after)
        if (stored_count(parts, condition.event, after, at) >= condition.required) is not segment.every:
            return not segment.every
    return segment.every


def attainable(parts: Parts, segment: Segment) -> bool:
    """Say whether enough is stored for the rule to be true at any instant at all.  Most people are far from it."""
    for condition in segment.conditions:
        stored = sum(len(part.series[condition.event]) for part in parts if condition.event in part.series)
        if (stored >= condition.required) is not segment.every:
            return not segment.every
    return segment.every


def counted(parts: Parts, segment: Segment, at: Millis) -> tuple[Counted, ...]:
    """Say what the rule's conditions counted at an instant; by the hour where a series is not stored whole."""
    return tuple(
        Counted(condition, shown_count(parts, condition.event, at - condition.within_ms, at), at)
        for condition in segment.conditions
    )


def true_since(parts: Parts, segment: Segment, now: Millis, kept_after: Millis) -> Millis:
    """Find the beginning of the unbroken stretch of truth that `now` lies in; `kept_after`: as `holds`."""
    since, before = now, False
    for point in _turning_points(parts, segment, now, kept_after):
        true = holds(parts, segment, point, kept_after)
        if true and not before:
            since = point
        before = true
    return since


def _turning_points(parts: Parts, segment: Segment, until: Millis, kept_after: Millis) -> list[Millis]:
    """List the instants up to `until` at which the rule's truth can change, sorted; `kept_after`: as `holds`."""
    points: set[Millis] = set()
    for condition in segment.conditions:
        for delay in (0, condition.within_ms):
            for part in parts:
                series = part.series.get(condition.event)
                if series is not None:
                    points.update(at + delay for at in _between(series.instants(), kept_after, until - delay))
    return sorted(points)


def leaves_at(parts: Parts, segment: Segment, now: Millis) -> Millis | None:
    """Foretell when the rule, true at `now`, ends if nothing more happens; None where it isn't true."""
    ends = [end for condition in segment.conditions if (end := _ends_at(parts, condition, now)) is not None]
    if len(ends) < (len(segment.conditions) if segment.every else 1):
        return None
    return min(ends) if segment.every else max(ends)


def shown_count(parts: Parts, event: str, after: Millis, until: Millis) -> int:
    """Count the events in `(after, until]`; by the hour where a series is not stored whole."""
    return sum(part.series[event].count(after, until) for part in parts if event in part.series)


def latest(parts: Parts, event: str, number: int, until: Millis) -> list[Millis]:
    """Return the latest `number` instants of an event up to `until`, in order; fewer where there are fewer."""
    if len(parts) == 1:
        return _latest(parts[0], event, number, until)
    return sorted(at for part in parts for at in _latest(part, event, number, until))[-number:]


def _latest(part: Part, event: str, number: int, until: Millis) -> list[Millis]:
    series = part.series.get(event)
    if series is None:
        return []
    instants = series.instants()
    stop = bisect_right(instants, until)
    return instants[max(0, stop - number) : stop].tolist()


def _ends_at(parts: Parts, condition: Condition, now: Millis) -> Millis | None:
    instants = latest(parts, condition.event, condition.required, now)
    if len(instants) < condition.required or instants[0] <= now - condition.within_ms:
        return None
    return instants[0] + condition.within_ms


def _between(instants: memoryview, after: Millis, until: Millis) -> Iterable[Millis]:
    return instants[bisect_right(instants, after) : bisect_right(instants, until)]
