"""Holding: records that a lane has read and may not take in yet, since earlier ones may still come.

In: records with their received times, in the order of the log.  Out: those that other lanes' progress allows, in the
order of their received times.  The lane's position stays before the first that is held; what was taken in beyond it is
noted, in a row, so that it is not taken in again after a restart.
"""

from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

from streams.events import NO_TIME, Barrier, Link, Millis, Record, Rejected, Split, row_of
from streams.progress import LAST, LEVELS, UNKNOWN, level_of

_KINDS: Final[dict[type, int]] = {Link: 0, Split: 1}
OTHERS: Final = 2


class Held(NamedTuple):
    """A record that waits, or is due.  Compared as tuples are: by received time, kind, then in the order of the log."""

    received_at: Millis
    """What has no received time is as of the latest record before it; nothing is as of what is committed already."""
    kind: int
    """Of one received time links come first, then splits: else what a part was taken for would hang on the log."""
    offset: int
    record: Record | Rejected
    source: ConsumerRecord
    newest: Millis
    """The latest received time before it."""


class HeldRow(msgspec.Struct, array_like=True):
    """How far a lane is, as it is kept in a row with what it takes in."""

    position: int = 0
    """Offset up to which everything is taken in."""
    read_to: int = 0
    """Offset after the last record read."""
    newest: Millis = UNKNOWN
    """The latest received time before the position."""
    done: tuple[Millis, ...] = (UNKNOWN,) * LEVELS
    """For each level: up to when everything is taken in."""
    beyond: list[int] = []
    """How far each record that was taken in lies behind the position."""


def read_row(packed: bytes | None) -> HeldRow:
    """Read what `Holding.pack` wrote; None: nothing was read yet."""
    return msgspec.msgpack.decode(packed, type=HeldRow) if packed is not None else HeldRow()


class Holding:
    """What one lane has read, and how far it has taken it in."""

    def __init__(self, packed: bytes | None) -> None:
        row = read_row(packed)
        self.done = row.done
        """For each level: up to when everything is taken in."""
        self.read_to = row.position
        """Offset after the last record read."""
        self._newest = row.newest
        self._committed = row.done
        self._waiting: list[list[Held]] = [[] for _ in range(LEVELS)]
        """For each level; in order, but for what was read since they were looked at."""
        self._unsorted = [False] * LEVELS
        self._beyond = {row.position + distance for distance in row.beyond}

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._waiting)

    def read(self, record: Record | Rejected, source: ConsumerRecord) -> None:
        """Take a record over from the log.  What tells rows nothing is only passed by."""
        self.read_to = source.offset + 1
        newest, own = self._newest, getattr(record, "received_at", NO_TIME)
        self._newest = max(own or UNKNOWN, newest)  # also by what was taken in before a restart
        if source.offset in self._beyond or isinstance(record, Barrier):
            return
        if isinstance(record, Rejected):
            level, received_at = LAST, UNKNOWN  # no row has to do with it: it is due at once
        else:
            # What rows have decided by then is not to be decided again.
            level = level_of(row_of(record))
            received_at = max(own or newest, self._committed[level])
        kind = _KINDS.get(type(record), OTHERS)
        self._waiting[level].append(Held(received_at, kind, source.offset, record, source, newest))
        self._unsorted[level] = True

    def waiting_for(self, levels: Sequence[Millis]) -> int:
        """Count the records that are due, some `levels` being reached."""
        return sum(_received_until(self._sorted(level), until) for level, until in enumerate(self._farther(levels)))

    def due(self, levels: Sequence[Millis], most: int) -> list[Held]:
        """Take out what may be taken in now, by received time, of one received time in the order of the log.

        `levels` says for each level up to when.  Some `most` records of each, but all of a received time; `done` says
        how far that is.
        """
        found: list[Held] = []
        levels = self._farther(levels)
        done = list(levels)
        for level in range(LEVELS):
            waiting = self._sorted(level)
            number = _received_until(waiting, levels[level])
            if number > most:
                done[level] = waiting[most - 1].received_at
                number = _received_until(waiting, done[level])
            found += waiting[:number]
            del waiting[:number]
        self.done = self._farther(done)
        self._beyond.update(held.offset for held in found)
        found.sort()
        return found

    @property
    def position(self) -> int:
        """Offset up to which everything is taken in."""
        first = self._first()
        return self.read_to if first is None else first.offset

    def _farther(self, levels: Sequence[Millis]) -> tuple[Millis, ...]:
        """Go at least as far as before."""
        return tuple(max(one, other) for one, other in zip(self.done, levels, strict=True))

    def _sorted(self, level: int) -> list[Held]:
        waiting = self._waiting[level]
        if self._unsorted[level]:
            waiting.sort()
            self._unsorted[level] = False
        return waiting

    def _first(self) -> Held | None:
        return min((held for waiting in self._waiting for held in waiting), key=_offset, default=None)

    def pack(self) -> bytes:
        """Write down how far the lane is: all that a restart needs."""
        first, position = self._first(), self.position
        newest = self._newest if first is None else first.newest
        self._beyond = {offset for offset in self._beyond if offset >= position}
        beyond = sorted(offset - position for offset in self._beyond)
        self._committed = self.done
        return msgspec.msgpack.encode(HeldRow(position, self.read_to, newest, self.done, beyond))


def _received_until(waiting: Sequence[Held], until: Millis) -> int:
    """Count those that were received up to and with `until`, of a sorted sequence."""
    return bisect_left(waiting, (until + 1,))


_offset = attrgetter("offset")
