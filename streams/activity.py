"""Room 3a.  Activity: what one alias did, event by event, packed so that it can be kept for everybody.

In: events of one alias, in any order, repeated or late.  Kept: a `Part`.  Out: counts, exact instants, visits.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from struct import Struct as Layout
from typing import Any

import msgspec

from streams.events import Alias, Millis, Source

STORED = 1_024
"""Events of one name that are kept with instant and id whatever their age; beyond, only those of the last day."""
STORED_AT_MOST = 8_192
"""Bound of a row's size: beyond so many of one name in a day the oldest become hour counts too."""
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
KEY_BYTES = 16
NO_VISIT, CONTINUES, FIRST_SOURCE = 0, 1, 2
"""Marks of a stored event; from `FIRST_SOURCE` on: a visit from `sources[mark - FIRST_SOURCE]`."""

_INSTANT = Layout("=q").pack
_MARK = Layout("=H").pack


class Touch(msgspec.Struct, frozen=True, array_like=True):
    """A visit with a source: when, and from where."""

    at: Millis
    key: bytes
    """Order key of its event: orders touches of one millisecond."""
    source: Source


class Series(msgspec.Struct, frozen=True, array_like=True):
    """The stored events of one name, by (at, order key), in three packed columns of equal length."""

    at: bytes = b""
    """8 bytes an event: the instant, in the machine's byte order."""
    keys: bytes = b""
    """16 bytes an event: the order key."""
    marks: bytes = b""
    """2 bytes an event: `NO_VISIT`, `CONTINUES`, or which source."""
    hours: dict[int, int] = {}
    """{hour since 1970: events} that are no longer stored one by one.  Empty for almost everybody."""

    def instants(self) -> memoryview:
        """Return the instants as a sorted sequence of integers, without a copy."""
        return memoryview(self.at).cast("q")

    def visits(self) -> memoryview:
        """Return the marks as a sequence of integers, without a copy."""
        return memoryview(self.marks).cast("H")

    def __len__(self) -> int:
        return len(self.at) >> 3

    def key(self, index: int) -> bytes:
        """Return the order key of the event at `index`."""
        return self.keys[index * KEY_BYTES : (index + 1) * KEY_BYTES]

    def find(self, key: bytes) -> int:
        """Return the index of the event with this order key, or -1."""
        found = self.keys.find(key)
        while found > 0 and found % KEY_BYTES:
            found = self.keys.find(key, found + 1)
        return found // KEY_BYTES if found >= 0 else -1

    def with_event(self, at: Millis, key: bytes, mark: int) -> "Series":
        """Add one event that is not stored yet, in its place."""
        instants = self.instants()
        if not instants or at > instants[-1]:
            return Series(self.at + _INSTANT(at), self.keys + key, self.marks + _MARK(mark), self.hours)
        if self.hours and at < instants[0]:
            return self._in_hours(at)
        index = bisect_left(instants, at)
        while index < len(instants) and instants[index] == at and self.key(index) < key:
            index += 1
        return Series(
            _spliced(self.at, index * 8, _INSTANT(at)),
            _spliced(self.keys, index * KEY_BYTES, key),
            _spliced(self.marks, index * 2, _MARK(mark)),
            self.hours,
        )

    def without(self, start: int, stop: int) -> "Series":
        """Drop the events at `start` up to before `stop`."""
        return Series(
            self.at[: start * 8] + self.at[stop * 8 :],
            self.keys[: start * KEY_BYTES] + self.keys[stop * KEY_BYTES :],
            self.marks[: start * 2] + self.marks[stop * 2 :],
            self.hours,
        )

    def surplus(self, clock: Millis | None) -> int:
        """Say how many of the oldest events have to become hour counts.

        What is ahead of the clock is no reason: rules are still to be looked at for the time up to there.
        """
        stored = len(self)
        if stored <= STORED:
            return 0
        instants = self.instants()
        now = min(instants[-1], clock) if clock is not None else 0
        old = min(bisect_right(instants, now - DAY_MS), bisect_right(instants, now) - STORED)
        return max(0, old, stored - STORED_AT_MOST)

    def thinned(self, surplus: int) -> "Series":
        """Turn the oldest `surplus` events into hour counts: their ids are forgotten, their number is not."""
        hours = dict(self.hours)
        for at in self.instants()[:surplus]:
            hours[at // HOUR_MS] = hours.get(at // HOUR_MS, 0) + 1
        return msgspec.structs.replace(self.without(0, surplus), hours=hours)

    def since(self, after: Millis) -> "Series":
        """Drop everything at `after` or before."""
        kept = self.without(0, bisect_right(self.instants(), after))
        if not self.hours:
            return kept
        hours = {hour: count for hour, count in self.hours.items() if (hour + 1) * HOUR_MS > after}
        return msgspec.structs.replace(kept, hours=hours)

    def count(self, after: Millis, until: Millis) -> int:
        """Count the events in `(after, until]`; an hour counts if its end is after `after`."""
        instants = self.instants()
        stored = bisect_right(instants, until) - bisect_right(instants, after)
        if not self.hours:
            return stored
        return stored + sum(count for hour, count in self.hours.items() if (hour + 1) * HOUR_MS > after)

    def is_rough(self, after: Millis) -> bool:
        """Say whether a count after `after` takes in whole hours."""
        return any((hour + 1) * HOUR_MS > after for hour in self.hours)

    def _in_hours(self, at: Millis) -> "Series":
        return msgspec.structs.replace(self, hours=self.hours | {at // HOUR_MS: self.hours.get(at // HOUR_MS, 0) + 1})


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What the latest event said of a trait."""

    value: str
    at: Millis
    key: bytes


class Part(msgspec.Struct, frozen=True, array_like=True):
    """All that one alias brings to its person.  Parts are kept apart, so that a link can be undone."""

    alias: Alias
    series: dict[str, Series] = {}
    """{event name: stored events}; `""` holds visits that are not counted."""
    sources: tuple[Source, ...] = ()
    first_touch: Touch | None = None
    """Of all visits ever, late ones too."""
    email: Known | None = None
    full_name: Known | None = None
    oldest: Millis = 1 << 62
    """No stored event is before it."""
    latest: Millis = 0
    """The latest stored instant; dropping what is old leaves it."""

    def locate(self, key: bytes) -> tuple[str, int] | None:
        """Find a stored event by its order key: its name and index."""
        for name, series in self.series.items():
            index = series.find(key)
            if index >= 0:
                return name, index
        return None

    def at(self, name: str, index: int) -> Millis:
        """Return the instant of a stored event, found with `locate`."""
        return int(self.series[name].instants()[index])

    def with_event(self, name: str, at: Millis, key: bytes, source: Source | None, *, visit: bool) -> "Part":
        """Store one event.  Unbounded: see `thinned`."""
        sources, mark = self._marked(source) if visit else (self.sources, NO_VISIT)
        series = dict(self.series)
        series[name] = series.get(name, Series()).with_event(at, key, mark)
        return Part(
            self.alias,
            series,
            sources,
            self.first_touch,
            self.email,
            self.full_name,
            min(self.oldest, at),
            max(self.latest, at),
        )

    def without_event(self, name: str, index: int) -> "Part":
        """Forget one stored event."""
        series = dict(self.series)
        series[name] = series[name].without(index, index + 1)
        latest = max((found.instants()[-1] for found in series.values() if found.at), default=0)
        return msgspec.structs.replace(self, series=series, latest=latest)

    def since(self, after: Millis) -> "Part":
        """Drop the stored events at `after` or before; first touch and traits stay."""
        kept = {name: series.since(after) for name, series in self.series.items()}
        kept = {name: series for name, series in kept.items() if series.at or series.hours}
        oldest = min((series.instants()[0] for series in kept.values() if series.at), default=1 << 62)
        return msgspec.structs.replace(self, series=kept, oldest=oldest)._without_unused_sources()

    def touched(self, touch: Touch) -> "Part":
        """Move the first touch back to `touch` if that is earlier."""
        first = self.first_touch
        if first is not None and (first.at, first.key) <= (touch.at, touch.key):
            return self
        return msgspec.structs.replace(self, first_touch=touch)

    def visits(self, after: Millis) -> Iterator[tuple[Millis, bytes, Source | None]]:
        """Yield the stored visits after `after`: instant, order key, source; unsorted."""
        for series in self.series.values():
            instants, marks = series.instants(), series.visits()
            for index in range(bisect_right(instants, after), len(instants)):
                mark = marks[index]
                if mark != NO_VISIT:
                    source = None if mark == CONTINUES else self.sources[mark - FIRST_SOURCE]
                    yield instants[index], series.key(index), source

    def _marked(self, source: Source | None) -> tuple[tuple[Source, ...], int]:
        if source is None:
            return self.sources, CONTINUES
        try:
            return self.sources, self.sources.index(source) + FIRST_SOURCE
        except ValueError:
            return (*self.sources, source), len(self.sources) + FIRST_SOURCE

    def _without_unused_sources(self) -> "Part":
        used = sorted({mark for series in self.series.values() for mark in series.visits() if mark >= FIRST_SOURCE})
        if len(used) == len(self.sources):
            return self
        moved: dict[Any, int] = {mark: FIRST_SOURCE + index for index, mark in enumerate(used)}
        series = {
            name: msgspec.structs.replace(
                found, marks=b"".join(_MARK(moved.get(mark, mark)) for mark in found.visits())
            )
            for name, found in self.series.items()
        }
        sources = tuple(self.sources[mark - FIRST_SOURCE] for mark in used)
        return msgspec.structs.replace(self, series=series, sources=sources)


def _spliced(column: bytes, offset: int, cell: bytes) -> bytes:
    return column[:offset] + cell + column[offset:]


def latest_known(one: Known | None, other: Known | None) -> Known | None:
    """Of two statements of a trait keep the later by (at, order key)."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda known: (known.at, known.key))
