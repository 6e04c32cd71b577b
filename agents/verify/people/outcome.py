"""Verify, people.  Outcome: what has become of each person, and what was decided on the way."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.verify.rules import DAY_MS, Rules

EVER = -(1 << 60)
"""Before every instant."""
FORGOTTEN = "forgotten"
"""Reason of a withdrawal."""


@dataclass(frozen=True, slots=True)
class Era:
    """From `since` on a partition decides by these rules; None: by a version of which only its decisions are known."""

    rules: Rules | None
    since: int = EVER


@dataclass(frozen=True, slots=True)
class Change:
    """A person entered or left a segment."""

    person: str
    segment: str
    entered: bool
    at: int
    announced_at: int
    entered_at: int
    version: int
    """Of the rules that decided it."""
    counts: tuple[int, ...]
    """Of the segment's conditions: at `announced_at` where entered, at `at` where left; none of a segment that the
    rules do not have any more."""


@dataclass(frozen=True, slots=True)
class Touch:
    """A visit that has a source."""

    at: int
    key: bytes
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """A session began; without a source it has no touch."""

    at: int
    key: bytes
    source: Mapping[str, Any] | None
    sealed_at: int = EVER
    """When a part had sealed it by itself, before it came; `EVER`: none had."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a person is known by at one instant."""

    email: str | None = None
    name: str | None = None
    first_touch: Touch | None = None
    last_touch: Touch | None = None
    last_non_direct_touch: Touch | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one ask when its person entered."""

    person: str
    ask: str
    segment: str
    entered_at: int
    decided_at: int
    version: int
    counts: tuple[int, ...]
    gates: tuple[tuple[str, bool], ...]
    """Every gate in order, and whether it let the ask pass."""
    portrait: Portrait
    """The person at `decided_at`."""

    @property
    def asked(self) -> bool:
        """All gates passed: there has to be a trigger."""
        return all(passed for _, passed in self.gates)

    @property
    def verdict(self) -> str:
        """`asked`, or the first gate that did not let the ask pass."""
        return next((gate for gate, passed in self.gates if not passed), "asked")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A trigger is taken back."""

    person: str
    ask: str
    entered_at: int
    """Of the trigger's stay."""
    version: int
    """Of the rules that made the trigger."""
    at: int
    reason: str
    """`forgotten`, or what took a part away: `link`, `split`."""


@dataclass(slots=True)
class Membership:
    """One person in one segment, now."""

    member: bool = False
    entered_at: int = EVER
    """Of the present or the last stay."""
    left_at: int = EVER
    """When the person last left."""


@dataclass(slots=True)
class Asked:
    """The last trigger of one ask."""

    segment: str
    entered_at: int
    decided_at: int
    version: int
    withdrawn_at: int | None = None


@dataclass(slots=True)
class Standing:
    """What is known of one person's decisions at the end of a version whose rules are not: where to go on from."""

    segments: dict[str, Membership] = field(default_factory=dict)
    asks: dict[str, Asked] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """One person, a row without an owner, at the end; of whoever is forgotten only the decisions."""

    person: str
    aliases: list[str] = field(default_factory=list)
    """Sorted; the person's own is one of them."""
    portrait: Portrait = Portrait()
    sessions: list[Session] = field(default_factory=list)
    """All that it has, those which parts had sealed before they came among them."""
    instants: dict[str, list[int]] = field(default_factory=dict)
    """Sorted instants of its stored events by name, those of long ago too."""
    crowded: dict[str, int] = field(default_factory=dict)
    """Names of which a part ever had too many stored to be exact: how many there may be at most."""
    signed_up: tuple[int, int] | None = None
    """When, by the earliest sign-up of all, late and repeated ones too; and when that became the person's."""
    changes: list[Change] = field(default_factory=list)
    """In the order in which they are announced."""
    decisions: list[Decision] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    segments: dict[str, Membership] = field(default_factory=dict)
    asks: dict[str, Asked] = field(default_factory=dict)
    decided_at: int = EVER
    """Received time of the last record that came to its row, or the last instant at which time did something."""
    forgotten_at: int | None = None

    def count(self, name: str, at: int, within_ms: int = 30 * DAY_MS) -> int:
        """Count stored events of that name in `(at - within, at]`."""
        instants = self.instants.get(name, [])
        return bisect_right(instants, at) - bisect_right(instants, at - within_ms)

    def counts(self, at: int) -> dict[str, int]:
        """Count every name; without those that are 0."""
        found = {name: self.count(name, at) for name in self.instants}
        return {name: count for name, count in found.items() if count}


@dataclass(slots=True)
class Recount:
    """Everybody, at the end."""

    people: dict[str, Outcome]
    """By person: every row without owner, and every user who was forgotten."""
    owner: dict[str, str]
    """By alias, of those that have one."""
    said: dict[str, frozenset[str]]
    """By alias: the others that it was said to be."""
    gone: dict[str, int]
    """By alias: when it was forgotten."""
    received: dict[str, list[int]]
    """By row: received times of the records that came to it.  A row that is absent does not exist."""
