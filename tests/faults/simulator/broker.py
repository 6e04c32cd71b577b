"""Broker: logs in memory with the promises that Kafka makes, and no others.

It may answer late, write a transaction's markers one by one long after it said "committed", show the group's offset
late, find nothing in a fetch, and compact at any time.  It must keep order, fence old epochs, and show committed
records only.  What it does not model: more than one partition or broker, the loss of acknowledged records, time-outs of
transactions, deletion by retention.
All values are replaced, never changed in place, so a copy costs nothing.
"""

import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka.errors import ConcurrentTransactions, ProducerFenced

NEIGHBOUR = b"@held/neighbour"
"""Key of the row that the other lane writes."""
OFFSETS = "@offsets"
"""Stands for the group's offsets among what a transaction touches."""


class Entry(NamedTuple):
    """A record in a log."""

    offset: int
    key: bytes
    value: bytes | None
    transaction: int
    """0: none."""


@dataclass(slots=True)
class Log:
    """One partition."""

    entries: tuple[Entry, ...] = ()
    end: int = 0
    open: dict[int, int] = field(default_factory=dict)
    """{transaction without a marker yet: its first offset}"""
    aborted: frozenset[int] = frozenset()

    def append(self, records: list[tuple[bytes, bytes | None]], transaction: int) -> int:
        """Append, return the first offset."""
        first = self.end
        added = (Entry(first + place, key, value, transaction) for place, (key, value) in enumerate(records))
        self.entries = (*self.entries, *added)
        self.end += len(records)
        if transaction and transaction not in self.open:
            self.open = self.open | {transaction: first}
        return first

    def mark(self, transaction: int, committed: bool) -> None:
        """End a transaction in this log."""
        self.open = {number: first for number, first in self.open.items() if number != transaction}
        self.end += 1
        if not committed:
            self.aborted |= {transaction}

    @property
    def stable(self) -> int:
        """The last stable offset: what comes before it is decided."""
        return min(self.open.values(), default=self.end)

    def committed(self, start: int) -> list[Entry]:
        """Return what a reader of committed records may see from an offset."""
        stable = self.stable
        return [e for e in self.entries if start <= e.offset < stable and e.transaction not in self.aborted]

    def compact(self) -> None:
        """Drop what is aborted, and decided records that have a later one of their key."""
        newest = {entry.key: entry.offset for entry in self.committed(0)}
        stable = self.stable
        self.entries = tuple(e for e in self.entries if e.offset >= stable or newest.get(e.key) == e.offset)


class Habits(NamedTuple):
    """What a broker does with its freedom.  All counted in requests that it has served."""

    marker_delay: int = 0
    """From "committed" to the first marker; each further marker takes a request more."""
    offset_delay: int = 0
    """From the marker to when the group's offset is shown."""
    offsets_first: bool = False
    """Whether the group's offsets get their marker before the logs do."""
    silent_every: int = 4
    """Each so many requests a fetch finds nothing."""
    compact_every: int = 1_000_000
    neighbour_every: int = 1_000_000
    """Each so many requests another lane begins a transaction in the same changelog, or ends it."""


@dataclass(slots=True)
class Broker:
    """One broker, one transactional id, one group with one partition."""

    habits: Habits
    logs: dict[str, Log]
    clock: int = 0
    epoch: int = 0
    transaction: int = 0
    """The newest one."""
    is_open: bool = False
    """Whether the newest transaction has markers to come."""
    outcome: bool | None = None
    """True: commit; None: undecided."""
    decided_at: int = 0
    touched: tuple[str, ...] = ()
    """What the newest transaction still has to mark."""
    offset: int | None = None
    """To become the group's with the transaction."""
    offsets: tuple[tuple[int, int], ...] = ((0, 0),)
    """(shown from this clock on, offset)"""
    neighbours: int = 0
    """How many transactions the other lane has begun; the last one may be open."""

    def copy(self) -> "Broker":
        """Copy: neither sees what becomes of the other."""
        twin = copy.copy(self)
        twin.logs = {name: copy.copy(log) for name, log in self.logs.items()}
        return twin

    # -- requests of producers

    def init(self) -> int:
        """InitProducerId: fence, abort what is open, and answer when everything before is marked."""
        self._tick()
        if self.is_open and self.outcome is None:
            self.epoch += 1
            self._decide(False)
        if self.is_open:
            raise ConcurrentTransactions
        self.epoch += 1
        return self.epoch

    def produce(self, epoch: int, topic: str, records: list[tuple[bytes, bytes | None]]) -> int:
        """Append to the transaction (begin it, if need be); return the first offset."""
        self._touch(epoch, topic)
        return self.logs[topic].append(records, self.transaction)

    def add_offset(self, epoch: int, offset: int) -> None:
        """Commit the group's offset with the transaction."""
        self._touch(epoch, OFFSETS)
        self.offset = offset

    def commit(self, epoch: int) -> None:
        """EndTxn: it is decided now, and seen when the markers are written."""
        self._tick()
        self._fence(epoch)
        assert self.is_open
        assert self.outcome is None
        self._decide(True)

    def append(self, topic: str, key: bytes, value: bytes) -> int:
        """Append outside any transaction."""
        self._tick()
        return self.logs[topic].append([(key, value)], 0)

    # -- requests of consumers

    def fetch(self, topic: str, start: int, most: int) -> list[Entry]:
        """Return some committed records from an offset, if it likes."""
        self._tick()
        return [] if self.clock % self.habits.silent_every == 0 else self.logs[topic].committed(start)[:most]

    def committed(self) -> int:
        """Return the group's offset, as far as it is shown."""
        self._tick()
        return next(offset for shown_from, offset in reversed(self.offsets) if shown_from <= self.clock)

    # -- its own work

    def settle(self) -> None:
        """Write all markers that are due at some time."""
        while self.is_open and self.outcome is not None:
            self._mark()
        if -self.neighbours in self.logs["changelog"].open:
            self._neighbour()

    def _tick(self) -> None:
        self.clock += 1
        if self.outcome is not None and self.clock > self.decided_at + self.habits.marker_delay:
            self._mark()
        if self.clock % self.habits.compact_every == 0:
            self.logs["changelog"].compact()
        if self.clock % self.habits.neighbour_every == 0:
            self._neighbour()

    def _neighbour(self) -> None:
        changelog = self.logs["changelog"]
        if -self.neighbours in changelog.open:
            changelog.mark(-self.neighbours, committed=self.neighbours % 2 == 0)
        else:
            self.neighbours += 1
            changelog.append([(NEIGHBOUR, b"%d" % self.neighbours)], -self.neighbours)

    def _touch(self, epoch: int, what: str) -> None:
        self._tick()
        self._fence(epoch)
        if self.is_open and self.outcome is not None:
            raise ConcurrentTransactions
        if not self.is_open:
            self.is_open, self.transaction, self.touched = True, self.transaction + 1, ()
        if what not in self.touched:
            self.touched = (*self.touched, what)

    def _fence(self, epoch: int) -> None:
        if epoch != self.epoch:
            raise ProducerFenced

    def _decide(self, outcome: bool) -> None:
        self.outcome, self.decided_at = outcome, self.clock
        if self.habits.offsets_first:
            self.touched = tuple(reversed(self.touched))

    def _mark(self) -> None:
        name, *rest = self.touched
        self.touched = tuple(rest)
        if name != OFFSETS:
            self.logs[name].mark(self.transaction, bool(self.outcome))
        elif self.outcome and self.offset is not None:
            self.offsets = (*self.offsets, (self.clock + self.habits.offset_delay, self.offset))
        if not rest:
            self.is_open, self.outcome, self.offset = False, None, None
