"""Verify, people.  Truth: when the rule of a segment holds, from sorted instants by name (semantics, part 5)."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from agents.verify.people.outcome import EVER
from agents.verify.rules import Condition, Segment


@dataclass(slots=True)
class Activity:
    """Instants of what one person did; none is ahead of the instant up to which it is known."""

    names: Collection[str]
    """That a rule counts; others are left out."""
    instants: dict[str, list[int]] = field(default_factory=dict)
    """Sorted."""

    def put(self, name: str, at: int) -> None:
        """Add an event."""
        if name in self.names:
            insort(self.instants.setdefault(name, []), at)

    def take(self, name: str, at: int) -> None:
        """Take an event away, unless it has expired."""
        instants = self.instants.get(name, [])
        place = bisect_left(instants, at)
        if place < len(instants) and instants[place] == at:
            del instants[place]

    def expire(self, until: int) -> None:
        """Leave out what is so old, or older: it counts nowhere any more."""
        for instants in self.instants.values():
            if instants and instants[0] <= until:
                del instants[: bisect_right(instants, until)]

    def counts(self, segment: Segment, at: int) -> tuple[int, ...]:
        """Count each condition's events in `(at - within, at]`."""
        return tuple(self._count(one, at) for one in segment.conditions)

    def holds(self, segment: Segment, at: int) -> bool:
        """Say whether the segment's rule holds."""
        return segment.holds(list(self.counts(segment, at)))

    def ends(self, segment: Segment, after: int) -> int | None:
        """Give the first instant after `after`, at which it holds, at which it does so no more; None: there is none.

        A condition ends when the n-th latest event is as old as its window.
        """
        ends = [self._ends(one) for one in segment.conditions if self._count(one, after) >= one.required]
        known = [one for one in ends if one is not None]
        if segment.every:
            return min(known, default=None)
        return max(known) if len(known) == len(ends) else None

    def _ends(self, one: Condition) -> int | None:
        return self.instants[one.event][-one.required] + one.within_ms if one.required > 0 else None

    def began(self, segment: Segment, at: int, not_before: int) -> int:
        """Give the beginning of the unbroken stretch of truth that contains `at`, or `not_before` if that is later."""
        found = at
        for turn in sorted(self._turns(segment, not_before, at), reverse=True):
            if not self.holds(segment, turn):
                return found
            found = turn
        # Before the first turn nothing changes back to `not_before`.
        return not_before if not_before > EVER and self.holds(segment, not_before) else found

    def _turns(self, segment: Segment, after: int, until: int) -> set[int]:
        """Give the instants in `(after, until]` at which a count changes."""
        return {at + shift for one in segment.conditions for shift, at in self._shifted(one, after, until)}

    def _shifted(self, one: Condition, after: int, until: int) -> Iterator[tuple[int, int]]:
        instants = self.instants.get(one.event, [])
        for shift in (0, one.within_ms):
            first, last = bisect_right(instants, after - shift), bisect_right(instants, until - shift)
            yield from ((shift, at) for at in instants[first:last])

    def _count(self, one: Condition, at: int) -> int:
        instants = self.instants.get(one.event, [])
        return bisect_right(instants, at) - bisect_right(instants, at - one.within_ms)
