"""Verify, room 6.  Person: what the walk through the log keeps of one person, and what it says."""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field

from agents.verify.rules import Condition, Rules, Segment

EVER = -(1 << 60)
"""Before every instant: a clock that is not known."""


@dataclass(frozen=True, slots=True)
class Change:
    """A person entered or left a segment."""

    p: int
    person: str
    position: int
    """Offset in `user-events` of the record, or of the tick, that made the decision."""
    segment: str
    entered: bool
    at: int
    announced_at: int
    entered_at: int
    counts: tuple[int, ...]
    """Of the segment's conditions: at `announced_at` where entered, at `at` where left."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one ask when its person entered."""

    change: Change
    ask: str
    in_segment: bool
    cooled: bool

    @property
    def asked(self) -> bool:
        """All gates passed: there has to be a trigger."""
        return self.in_segment and self.cooled


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The last trigger of an ask, taken back because its person was forgotten."""

    p: int
    person: str
    position: int
    """Offset in `user-events` of the record that forgot the person."""
    ask: str
    entered_at: int
    """Of the trigger's episode."""
    at: int


@dataclass(slots=True)
class Membership:
    """One person in one segment, now."""

    member: bool = False
    entered_at: int = EVER
    left_at: int = EVER


@dataclass(slots=True)
class Person:
    """What the walk keeps of one person."""

    p: int
    key: str
    rules: Rules
    instants: dict[str, list[int]] = field(default_factory=dict)
    """Sorted instants of the stored events by name, for the names that rules count."""
    stored: list[int] = field(default_factory=list)
    """Sorted instants of all stored events."""
    segments: dict[str, Membership] = field(default_factory=dict)
    asked_at: dict[str, int] = field(default_factory=dict)
    """Last trigger of each ask."""
    changes: list[Change] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    last_position: int = -1
    """Of the last record or transition: the latest view is from there or later."""

    def count(self, condition: Condition, at: int) -> int:
        """Count stored events of that name in `(at - within, at]`."""
        instants = self.instants.get(condition.event, [])
        return bisect_right(instants, at) - bisect_right(instants, at - condition.within_ms)

    def counts(self, segment: Segment, at: int) -> list[int]:
        """Count all conditions of a segment."""
        return [self.count(one, at) for one in segment.conditions]

    def holds(self, segment: Segment, at: int) -> bool:
        """Say whether the segment's rule holds at an instant."""
        return segment.holds(self.counts(segment, at))

    def turns(self, segment: Segment, after: int, until: int) -> list[int]:
        """Instants in `(after, until]` at which the truth of a segment can change, in order."""
        found: set[int] = set()
        for one in segment.conditions:
            instants = self.instants.get(one.event, [])
            for shift in (0, one.within_ms):
                first, last = bisect_right(instants, after - shift), bisect_right(instants, until - shift)
                found.update(at + shift for at in instants[first:last])
        return sorted(found)

    def put(self, at: int, name: str) -> None:
        """Store an event."""
        insort(self.stored, at)
        insort(self.instants.setdefault(name, []), at)

    def take(self, at: int, name: str) -> None:
        """Take an event away; one that has expired is not there any more."""
        for instants in (self.stored, self.instants.get(name, [])):
            place = bisect_left(instants, at)
            if place < len(instants) and instants[place] == at:
                del instants[place]

    def expire(self, until: int) -> None:
        """Forget what is late by now."""
        for instants in (self.stored, *self.instants.values()):
            if instants and instants[0] <= until:
                del instants[: bisect_right(instants, until)]


@dataclass(frozen=True, slots=True)
class Steps:
    """The clock of one partition: it is `clocks[i]` from the tick at `offsets[i]` on; both rise."""

    offsets: list[int]
    clocks: list[int]

    def at(self, position: int) -> int:
        """Clock after the record at that offset; `EVER` while it is not known."""
        place = bisect_right(self.offsets, position)
        return self.clocks[place - 1] if place else EVER

    def ticked(self, instant: int) -> bool:
        """Say whether the clock ever stood at an instant."""
        place = bisect_left(self.clocks, instant)
        return place < len(self.clocks) and self.clocks[place] == instant

    def reaches(self, instant: int) -> tuple[int, int]:
        """Offset of the tick that brings the clock to the instant or beyond, and the clock then."""
        place = bisect_left(self.clocks, instant)
        return self.offsets[place], self.clocks[place]
