"""Verify, people.  Parts: what one alias did, wherever it belongs (semantics, part 2: late, duplicate)."""

from bisect import bisect_right, insort
from collections import Counter
from dataclasses import dataclass, field

from agents.verify.people.inputs import Event
from agents.verify.people.outcome import Touch

EXACTLY = 1024
"""Stored events of one name up to which a part is exact (semantics, part 3)."""

Rank = tuple[int, bytes]
"""Instant and order key."""


@dataclass(slots=True)
class Part:
    """The events of one alias.  None ever leaves but for an earlier copy: who counts them looks at their age."""

    events: list[Event] = field(default_factory=list)
    """Stored ones, as they came: neither late nor repeated."""
    latest: dict[bytes, Event] = field(default_factory=dict)
    """The one of each order key that was stored last."""
    first: Touch | None = None
    email: tuple[Rank, str] | None = None
    name: tuple[Rank, str] | None = None
    earliest: dict[str, Rank] = field(default_factory=dict)
    """By name, over all events."""
    copies: Counter[str] = field(default_factory=Counter)
    """By name: how many events came, repeated ones too."""

    def take(self, event: Event, horizon_ms: int) -> tuple[bool, Event | None]:
        """Take an event in; say whether it is stored, and which one it replaces.

        Events come in order of received time, those of one instant by (at, name): then the earlier copy is there first.
        """
        self._note(event)
        expired = event.received_at - horizon_ms
        if event.at <= expired or not (event.name or event.visit):
            return False, None
        held = self.latest.get(event.key)
        if held is not None and held.at <= expired:
            held = None
        if held is not None and held.at <= event.at:
            return False, None
        if held is not None:
            self.events.remove(held)
        self.events.append(event)
        self.latest[event.key] = event
        return True, held

    def _note(self, event: Event) -> None:
        """Keep what late and repeated events say, too.  Of equal ones the first received says it."""
        rank = (event.at, event.key)
        if event.email and (self.email is None or rank > self.email[0]):
            self.email = rank, event.email
        if event.full_name and (self.name is None or rank > self.name[0]):
            self.name = rank, event.full_name
        if event.visit and event.source is not None and (self.first is None or rank < (self.first.at, self.first.key)):
            self.first = Touch(event.at, event.key, event.source)
        if event.name and rank < self.earliest.get(event.name, (event.at + 1, b"")):
            self.earliest[event.name] = rank
        self.copies[event.name] += 1

    def crowded(self, horizon_ms: int) -> list[str]:
        """Name what it ever had too many of at once to be exact."""
        many = [name for name, copies in self.copies.items() if name and copies > EXACTLY]
        return [name for name in many if self._is_crowded(name, horizon_ms)]

    def _is_crowded(self, name: str, horizon_ms: int) -> bool:
        stored: list[int] = []
        for event in (one for one in self.events if one.name == name):
            del stored[: bisect_right(stored, event.received_at - horizon_ms)]
            insort(stored, event.at)
            if len(stored) > EXACTLY:
                return True
        return False
