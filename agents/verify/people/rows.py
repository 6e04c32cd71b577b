"""Verify, people.  Rows: which parts each row holds since when, which visits are its own, who its person is."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from agents.verify.people.identity import Identity, Move
from agents.verify.people.inputs import Event
from agents.verify.people.outcome import Portrait, Session
from agents.verify.people.parts import Part
from agents.verify.people.sessions import last_touch, sessions
from agents.verify.rules import Rules


@dataclass(frozen=True, slots=True)
class Transfer:
    """A row gained or lost the part of an alias."""

    row: str
    alias: str
    gained: bool
    why: str
    """What it was lost by, `link` or `split`; empty where it was gained."""


@dataclass(slots=True)
class Rows:
    """All rows; only what cannot be said from parts and owners alone is kept."""

    rules: Rules
    identity: Identity = field(default_factory=Identity)
    parts: dict[str, Part] = field(default_factory=lambda: defaultdict(Part))
    since: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """By row and alias that belongs to it, directly or not: since when."""
    stayed: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    """By row: visits that it had sealed of parts that went."""
    brought: dict[str, list[Session]] = field(default_factory=dict)
    """By alias: what its row had sealed when it came to its present owner."""

    def move(self, moves: list[Move], r: int) -> list[Transfer]:
        """Let owners change at `r`; give what rows gained and lost, where they hold the part no other way."""
        concerned = {alias for one in moves for alias in self.identity.members(one.alias)}
        before = {alias: self.identity.chain(alias) for alias in sorted(concerned)}
        self.identity.apply(moves)
        after = {alias: self.identity.chain(alias) for alias in before}
        found = list(_transfers(before, after, {one.alias: one.why for one in moves}))
        for transfer in found:
            (self._attach if transfer.gained else self._detach)(transfer, r)
        for owned in (one.alias for one in moves if one.owner is not None):
            self.brought[owned] = [replace(one, sealed_at=r) for one in sessions(self.sealed(owned, r), self.rules)]
        return found

    def _attach(self, one: Transfer, r: int) -> None:
        self.since[one.row][one.alias] = r

    def _detach(self, one: Transfer, r: int) -> None:
        """Let a part go: what the row seals of it by then stays."""
        came, horizon_ms = self.since[one.row].pop(one.alias), self.rules.horizon_ms
        self.stayed[one.row] += [
            visit for visit in visits_of(self.parts[one.alias]) if came - horizon_ms < visit.at <= r - horizon_ms
        ]

    def visits(self, row: str) -> Iterator[Event]:
        """Give the visits that a row folds together."""
        yield from visits_of(self.parts[row])
        yield from self.stayed.get(row, ())
        for alias, came in self.since.get(row, {}).items():
            yield from (one for one in visits_of(self.parts[alias]) if one.at > came - self.rules.horizon_ms)

    def sealed(self, row: str, r: int) -> Iterator[Event]:
        """Give those which it seals at `r`."""
        return (one for one in self.visits(row) if one.at <= r - self.rules.horizon_ms)

    def sessions(self, row: str) -> list[Session]:
        """Give all sessions of a row: its own, and those which the parts that belong to it had sealed by themselves."""
        brought = (one for alias in self.since.get(row, ()) for one in self.brought[alias])
        return [*sessions(self.visits(row), self.rules), *brought]

    def portrait(self, row: str) -> Portrait:
        """Say what a row is known by."""
        parts = [self.parts[alias] for alias in self.identity.members(row)]
        emails, names = [one.email for one in parts if one.email], [one.name for one in parts if one.name]
        firsts, found = [one.first for one in parts if one.first], self.sessions(row)
        return Portrait(
            max(emails, key=lambda one: one[0])[1] if emails else None,
            max(names, key=lambda one: one[0])[1] if names else None,
            min(firsts, key=lambda one: (one.at, one.key), default=None),
            last_touch(found),
            last_touch(found, direct=False),
        )


def visits_of(part: Part) -> Iterable[Event]:
    """Give the stored visits of a part."""
    return (one for one in part.events if one.visit)


def _transfers(before: dict[str, list[str]], after: dict[str, list[str]], moved: dict[str, str]) -> Iterator[Transfer]:
    """Compare the ways up; what was lost is lost by the alias nearest to the row that moved."""
    for alias, rows in before.items():
        way = [alias, *rows]
        for nth, row in enumerate(rows, start=1):
            if row not in after[alias]:
                yield Transfer(row, alias, False, next(moved[one] for one in reversed(way[:nth]) if one in moved))
        yield from (Transfer(row, alias, True, "") for row in after[alias] if row not in rows)
