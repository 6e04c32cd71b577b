"""Verify, people.  Walk: the decisions about one person, instant by instant (semantics, parts 5, 6, 8).

At each received time that concerns the person everything that was received then is taken in first, then each rule is
looked at; between two of them a rule can only cease to hold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agents.verify.people.outcome import (
    EVER,
    FORGOTTEN,
    Asked,
    Change,
    Decision,
    Era,
    Membership,
    Portrait,
    Standing,
    Withdrawal,
)
from agents.verify.people.truth import Activity
from agents.verify.rules import Ask, Rules, Segment

EMAIL = "email"


@dataclass(slots=True)
class Walk:
    """One person with a userId."""

    person: str
    eras: Sequence[Era]
    """By `since`, rising."""
    activity: Activity
    portrait: Callable[[], Portrait]
    """What the person is known by, of what has been taken in."""
    known: Standing = field(default_factory=Standing)
    """Where decisions by unknown rules left the person."""
    now: int = EVER
    """Up to which it is decided."""
    era: int = -1
    """Which one it is; -1: none yet."""
    segments: dict[str, Membership] = field(default_factory=dict)
    asks: dict[str, Asked] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    forgotten_at: int | None = None

    @property
    def rules(self) -> Rules | None:
        """The rules of the present era; None: there are none yet, or they are not known."""
        return self.eras[self.era].rules if self.era >= 0 else None

    def pass_time(self, until: int) -> None:
        """Let time pass up to, and not with, an instant at which something may be taken in."""
        while self.forgotten_at is None and self.era + 1 < len(self.eras) and self.eras[self.era + 1].since < until:
            since = self.eras[self.era + 1].since
            self._cease(since)
            self.look(since)
        if self.forgotten_at is None:
            self._cease(until)

    def look(self, r: int, taken: str | None = None) -> None:
        """Look at each rule at `r`, when all of that instant is taken in.

        `taken` says why a part was taken from the person then; None: none was.
        """
        self._turn(r)
        self.now = r
        if (rules := self.rules) is None:
            return
        self.activity.expire(r - rules.horizon_ms)
        for name in sorted(self.segments.keys() - {one.name for one in rules.segments}):
            self._leave(name, r, (), taken)
        for segment in rules.segments:
            holds, member = self.activity.holds(segment, r), self._of(segment.name).member
            if member and not holds:
                self._leave(segment.name, r, self.activity.counts(segment, r), taken)
            elif holds and not member:
                self._enter(segment, r)

    def forget(self, r: int) -> None:
        """Let the person leave everything at `r`, and take the last trigger of each ask back."""
        self._turn(r)
        self.now = self.forgotten_at = r
        if (rules := self.rules) is None:
            return
        by_name = {one.name: one for one in rules.segments}
        for name in sorted(self.segments):
            self._leave(name, r, self.activity.counts(by_name[name], r) if name in by_name else (), None)
        for ask in sorted(self.asks):
            self._withdraw(ask, r, FORGOTTEN)

    def _turn(self, r: int) -> None:
        """Change the rules where another version decides from `r` on."""
        while self.era + 1 < len(self.eras) and self.eras[self.era + 1].since <= r:
            unknown = self.era >= 0 and self.rules is None
            self.era += 1
            if unknown and self.rules is not None:
                self.segments, self.asks = self.known.segments, self.known.asks

    def _cease(self, until: int) -> None:
        """Let the person leave at each instant before `until` at which a rule ceases to hold."""
        for at, segment in sorted(self._ends(until), key=lambda one: one[0]):
            self.now = max(self.now, at)
            self._leave(segment.name, at, self.activity.counts(segment, at), None)

    def _ends(self, until: int) -> list[tuple[int, Segment]]:
        segments = () if self.rules is None else self.rules.segments
        inside = [one for one in segments if self._of(one.name).member]
        ends = [(self.activity.ends(one, self.now), one) for one in inside]
        return [(at, one) for at, one in ends if at is not None and at < until]

    def _of(self, segment: str) -> Membership:
        return self.segments.setdefault(segment, Membership())

    def _enter(self, segment: Segment, r: int) -> None:
        state = self._of(segment.name)
        at = self.activity.began(segment, r, state.left_at)
        state.member, state.entered_at = True, at
        counts = self.activity.counts(segment, r)
        change = Change(self.person, segment.name, True, at, r, at, self._version, counts)
        self.changes.append(change)
        for ask in self.rules.asks if self.rules else ():
            if ask.segment == segment.name:
                self._decide(ask, change)

    def _leave(self, name: str, at: int, counts: tuple[int, ...], taken: str | None) -> None:
        state = self._of(name)
        if not state.member:
            return
        state.member, state.left_at = False, at
        self.changes.append(Change(self.person, name, False, at, at, state.entered_at, self._version, counts))
        if taken is None:
            return
        for ask, last in sorted(self.asks.items()):
            if (last.segment, last.entered_at) == (name, state.entered_at):
                self._withdraw(ask, at, taken)

    def _decide(self, ask: Ask, entered: Change) -> None:
        """Let an ask pass the gates."""
        r, portrait, last = entered.announced_at, self.portrait(), self.asks.get(ask.name)
        address = [("address", portrait.email is not None)] if ask.channel == EMAIL else []
        cooled = last is None or r - last.decided_at >= ask.cooldown_ms
        decision = Decision(
            self.person, ask.name, ask.segment, entered.entered_at, r, self._version, entered.counts,
            (("in_segment", True), *address, ("cooldown", cooled)), portrait,
        )  # fmt: skip
        self.decisions.append(decision)
        if decision.asked:
            self.asks[ask.name] = Asked(ask.segment, entered.entered_at, r, self._version)

    def _withdraw(self, ask: str, at: int, reason: str) -> None:
        last = self.asks[ask]
        if last.withdrawn_at is None:
            last.withdrawn_at = at
            self.withdrawals.append(Withdrawal(self.person, ask, last.entered_at, last.version, at, reason))

    @property
    def _version(self) -> int:
        return self.rules.version if self.rules else 0
