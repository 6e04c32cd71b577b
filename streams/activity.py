"""Room 3a.  Activity: what one alias did, event by event, packed so that it can be kept for everybody.

In: events of one alias, in any order, repeated or late.  Kept: a `Part`.  Out: counts, exact instants, visits.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from struct import Struct as Layout

import msgspec

from streams.events import Alias, Millis, Source
from streams.instants import DAY_MS
from streams.lazy import lazy

STORED = 1_024
"""Events of one name that are kept with instant and id whatever their age; beyond, only those of the last day."""
STORED_AT_MOST = 8_192
"""Bound of a row's size: beyond so many of one name in a day the oldest become hour counts too."""
THINNED = 256
"""So many events, or more, become hour counts at once: each time sealed sessions are folded, too."""
HOUR_MS = 3_600_000
HOUR_BYTES = 6
"""Of one hour and its count in MessagePack, at the least."""
KEY_BYTES = 16
FEW = 64
"""Stored events up to which no set of their keys is made."""
NO_VISIT, CONTINUES, FIRST_SOURCE = 0, 1, 2
"""Marks of a stored event; from `FIRST_SOURCE` on: a visit from `sources[mark - FIRST_SOURCE]`."""

_INSTANT = Layout("=q").pack
_READ_INSTANT = Layout("=q").unpack_from
_MARK = Layout("=H").pack
_KEYS = Layout(f"{KEY_BYTES}s").iter_unpack


class Touch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A visit with a source: when, and from where."""

    at: Millis
    key: bytes
    """Order key of its event: orders touches of one millisecond."""
    source: Source


class Series(msgspec.Struct, array_like=True, gc=False):
    """The stored events of one name, by (at, order key), in three packed columns of equal length.

    Changed in place: a busy person's columns are long, and nearly every event goes to their end.
    """

    at: bytearray = msgspec.field(default_factory=bytearray)
    """8 bytes an event: the instant, in the machine's byte order."""
    keys: bytearray = msgspec.field(default_factory=bytearray)
    """16 bytes an event: the order key."""
    marks: bytearray = msgspec.field(default_factory=bytearray)
    """2 bytes an event: `NO_VISIT`, `CONTINUES`, or which source."""
    hours: dict[int, int] = {}
    """{hour since 1970: events} that are no longer stored one by one.  Empty for almost everybody."""

    def instants(self) -> memoryview:
        """Return the instants as a sorted sequence of integers, without a copy.

        While somebody holds it the series can't change (BufferError): look, and let go.
        """
        return memoryview(self.at).cast("q")

    def visits(self) -> memoryview:
        """Return the marks as a sequence of integers, without a copy; as `instants`."""
        return memoryview(self.marks).cast("H")

    def __len__(self) -> int:
        return len(self.at) >> 3

    def key(self, index: int) -> bytes:
        """Return the order key of the event at `index`."""
        return bytes(self.keys[index * KEY_BYTES : (index + 1) * KEY_BYTES])

    def find(self, key: bytes) -> int:
        """Return the index of the event with this order key, or -1."""
        found = self.keys.find(key)
        while found > 0 and found % KEY_BYTES:
            found = self.keys.find(key, found + 1)
        return found // KEY_BYTES if found >= 0 else -1

    def add(self, at: Millis, key: bytes, mark: int) -> bool:
        """Add one event that is not stored yet, in its place; False: older than all stored ones, an hour counts it."""
        if not self.at or at > _newest(self.at):
            self.at += _INSTANT(at)
            self.keys += key
            self.marks += _MARK(mark)
        elif self.hours and at < self.instants()[0]:
            self.hours[at // HOUR_MS] = self.hours.get(at // HOUR_MS, 0) + 1
            return False
        else:
            index = self._place(at, key)
            self.at[index * 8 : index * 8] = _INSTANT(at)
            self.keys[index * KEY_BYTES : index * KEY_BYTES] = key
            self.marks[index * 2 : index * 2] = _MARK(mark)
        return True

    def _place(self, at: Millis, key: bytes) -> int:
        instants = self.instants()
        index = bisect_left(instants, at)
        while index < len(instants) and instants[index] == at and self.key(index) < key:
            index += 1
        return index

    def drop(self, start: int, stop: int) -> None:
        """Forget the events at `start` up to before `stop`."""
        del self.at[start * 8 : stop * 8]
        del self.keys[start * KEY_BYTES : stop * KEY_BYTES]
        del self.marks[start * 2 : stop * 2]

    def surplus(self) -> int:
        """Say how many of the oldest events have to become hour counts."""
        stored = len(self)
        if stored < STORED + THINNED:
            return 0
        instants = self.instants()
        old = min(bisect_right(instants, instants[-1] - DAY_MS), stored - STORED)
        if stored > STORED_AT_MOST:
            old = max(old, THINNED)
        return old if old >= THINNED else 0

    def thin(self, surplus: int) -> None:
        """Turn the oldest `surplus` events into hour counts: their ids are forgotten, their number is not."""
        for at in self.instants()[:surplus].tolist():
            self.hours[at // HOUR_MS] = self.hours.get(at // HOUR_MS, 0) + 1
        self.drop(0, surplus)

    def expire(self, until: Millis) -> None:
        """Forget everything at `until` or before."""
        self.drop(0, bisect_right(self.instants(), until))
        if self.hours and (min(self.hours) + 1) * HOUR_MS <= until:
            self.hours = {hour: count for hour, count in self.hours.items() if (hour + 1) * HOUR_MS > until}

    def stored_bytes(self) -> int:
        """Return what the events take when packed, and their hours at the least."""
        return len(self.at) + len(self.keys) + len(self.marks) + HOUR_BYTES * len(self.hours)

    def count(self, after: Millis, until: Millis) -> int:
        """Count the events in `(after, until]`; an hour counts if its end is after `after`."""
        stored = len(self.at) >> 3
        if stored and not (after < _READ_INSTANT(self.at)[0] and _newest(self.at) <= until):
            instants = self.instants()
            stored = bisect_right(instants, until) - bisect_right(instants, after)
        if not self.hours:
            return stored
        return stored + sum(count for hour, count in self.hours.items() if (hour + 1) * HOUR_MS > after)

    def is_rough(self, after: Millis) -> bool:
        """Say whether a count after `after` takes in whole hours."""
        return bool(self.hours) and any((hour + 1) * HOUR_MS > after for hour in self.hours)


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the latest event said of a trait."""

    value: str
    at: Millis
    key: bytes


class Current(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a Contact or Lead is now."""

    version: int
    object: str
    modified_at: Millis
    account: str | None
    fields: bytes
    """A JSON object; empty: the record is deleted."""


class AccountHeard(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account said last."""

    number: int
    state: bytes
    """A JSON object; empty: the alias does not belong to it."""


class Share(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account said last of its ARR that is this contact's."""

    number: int
    arr: int
    """Minor units of the corporate currency."""


class Part(msgspec.Struct, array_like=True, dict=True):
    """All that one alias brings to its person.  Parts are kept apart, so that a link can be undone.

    Changed in place.
    """

    alias: Alias
    series: dict[str, Series] = {}
    """{event name: stored events}; `""` holds visits that are not counted."""
    sources: tuple[Source, ...] = ()
    first_touch: Touch | None = None
    """Of all visits ever, late ones too."""
    email: Known | None = None
    full_name: Known | None = None
    record: Current | None = None
    """Of the alias of a Salesforce record."""
    oldest: Millis = 1 << 62
    """No stored event is before it."""
    latest: Millis = 0
    """The latest stored instant; dropping what is old leaves it."""
    accounts: dict[str, AccountHeard] = {}
    """{account: what it said last}, of those that the alias belongs to or has belonged to."""
    shares: dict[str, Share] = {}
    """{account: share of its ARR}; of the alias of a contact."""
    signed_up: tuple[Millis, bytes] | None = None
    """The earliest sign-up by (at, order key)."""

    @lazy
    def keys(self) -> set[bytes]:
        """Order keys of all stored events: kept up to date, not packed."""
        return {key for series in self.series.values() for (key,) in _KEYS(series.keys)}

    def has(self, key: bytes) -> bool:
        """Say whether an event with this order key is stored.

        Where few are, looking through their keys costs less than to make the set.
        """
        if "keys" in self.__dict__:
            return key in self.keys
        stored = 0
        for series in self.series.values():
            stored += len(series.at) >> 3
            if stored > FEW:
                return key in self.keys
            if series.find(key) >= 0:
                return True
        return False

    def locate(self, key: bytes) -> tuple[str, int]:
        """Find a stored event (KeyError: there is none) by its order key: its name and index."""
        for name, series in self.series.items():
            index = series.find(key)
            if index >= 0:
                return name, index
        raise KeyError(key)

    def at(self, name: str, index: int) -> Millis:
        """Return the instant of a stored event, found with `locate`."""
        return int(self.series[name].instants()[index])

    def add(self, name: str, at: Millis, key: bytes, source: Source | None, *, visit: bool) -> None:
        """Store one event.  Unbounded: see `thin`."""
        series = self.series.get(name)
        if series is None:
            series = self.series[name] = Series()
        if series.add(at, key, self._mark(source) if visit else NO_VISIT) and "keys" in self.__dict__:
            self.keys.add(key)
        if at > self.latest:
            self.latest = at
        if at < self.oldest:
            self.oldest = at

    def forget(self, name: str, index: int) -> None:
        """Forget one stored event."""
        if "keys" in self.__dict__:
            self.keys.discard(self.series[name].key(index))
        self.series[name].drop(index, index + 1)
        self.latest = max((_newest(found.at) for found in self.series.values() if found.at), default=0)

    def thin(self, name: str, surplus: int) -> None:
        """Keep the oldest `surplus` events of a name as hour counts."""
        self._forget_keys(self.series[name], surplus)
        self.series[name].thin(surplus)

    def expire(self, until: Millis) -> None:
        """Forget the stored events at `until` or before; first touch and traits stay."""
        sources_left = False
        for series in self.series.values():
            expired = bisect_right(series.instants(), until)
            sources_left = sources_left or any(mark >= FIRST_SOURCE for mark in series.visits()[:expired])
            self._forget_keys(series, expired)
            series.expire(until)
        self.series = {name: series for name, series in self.series.items() if series.at or series.hours}
        self.oldest = min((series.instants()[0] for series in self.series.values() if series.at), default=1 << 62)
        if sources_left:
            self._forget_unused_sources()

    def _forget_keys(self, series: Series, oldest: int) -> None:
        """Take the keys of the oldest so many events out of `keys`, where that was made: it is large for the busy."""
        if "keys" in self.__dict__:
            self.keys.difference_update(key for (key,) in _KEYS(series.keys[: oldest * KEY_BYTES]))

    def touch(self, touch: Touch) -> None:
        """Move the first touch back to `touch` if that is earlier."""
        first = self.first_touch
        if first is None or (touch.at, touch.key) < (first.at, first.key):
            self.first_touch = touch

    def visits(self, after: Millis, until: Millis = 1 << 62) -> Iterator[tuple[Millis, bytes, Source | None]]:
        """Yield the stored visits in `(after, until]`: instant, order key, source; unsorted."""
        for series in self.series.values():
            instants, marks = series.instants(), series.visits()
            for index in range(bisect_right(instants, after), bisect_right(instants, until)):
                mark = marks[index]
                if mark != NO_VISIT:
                    source = None if mark == CONTINUES else self.sources[mark - FIRST_SOURCE]
                    yield instants[index], series.key(index), source

    def _mark(self, source: Source | None) -> int:
        if source is None:
            return CONTINUES
        try:
            return self.sources.index(source) + FIRST_SOURCE
        except ValueError:
            self.sources = (*self.sources, source)
            return len(self.sources) - 1 + FIRST_SOURCE

    def _forget_unused_sources(self) -> None:
        used = sorted({mark for series in self.series.values() for mark in series.visits() if mark >= FIRST_SOURCE})
        if len(used) == len(self.sources):
            return
        moved: dict[int, int] = {mark: FIRST_SOURCE + index for index, mark in enumerate(used)}
        for series in self.series.values():
            series.marks = bytearray().join(_MARK(moved.get(mark, mark)) for mark in series.visits())
        self.sources = tuple(self.sources[mark - FIRST_SOURCE] for mark in used)


def latest_known(one: Known | None, other: Known | None) -> Known | None:
    """Of two statements of a trait keep the later by (at, order key)."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda known: (known.at, known.key))


def _newest(column: bytearray) -> Millis:
    newest: Millis = _READ_INSTANT(column, len(column) - 8)[0]
    return newest
