"""The definition, word for word, for worlds so small that it does not matter how slow it is.

Everything is asked anew of the list of inputs at every instant at which anything could change.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agents.verify.people import Event, Forget, Input, Link, Split, order_key
from agents.verify.rules import Rules, Segment

EVER = -(1 << 60)
STRONGEST_LAST = ("anon:", "email:", "user:")


class World:
    """What was taken in: of the inputs all but those of whoever was forgotten before."""

    def __init__(
        self, inputs: list[Input], rules: Rules, until: int, former: list[tuple[int, Rules]] | None = None
    ) -> None:
        """`former`: where rules changed, each version and since when; the last is `rules`."""
        self.rules, self.until, self.eras = rules, until, former or [(EVER, rules)]
        self.inputs: list[Any] = []
        self.gone: dict[str, int] = {}
        said = [one for one in inputs if one.received_at <= until and not getattr(one, "bot", False)]
        for r in sorted({one.received_at for one in said}):
            now = [one for one in said if one.received_at == r and one.alias not in self.gone]
            self.inputs += now
            self._forget(r, [one.alias for one in now if isinstance(one, Forget)])
        self.aliases = {one.alias for one in self.inputs} | {one.to for one in self.inputs if isinstance(one, Link)}

    def _forget(self, r: int, named: list[str]) -> None:
        aliases = {one.alias for one in self.inputs} | {one.to for one in self.inputs if isinstance(one, Link)}
        for alias in named:
            root = self.root(alias, r)
            self.gone |= {one: r for one in (*aliases, alias) if one not in self.gone and self.root(one, r) == root}
        for _ in range(3):
            for alias in aliases - self.gone.keys():
                if self.owner(alias, r) in self.gone:
                    self.gone[alias] = r

    def known(self, t: int, kind: type, alias: str) -> list[Any]:
        return [one for one in self.inputs if isinstance(one, kind) and one.alias == alias and one.received_at <= t]

    def owner(self, alias: str, t: int, *, splits_before: int | None = None) -> str | None:
        words = [
            (one.at, order_key(one.message_id), one.apart)
            for one in self.known(t if splits_before is None else splits_before, Split, alias)
        ]
        if words and max(words)[2]:
            return None
        links = [(one.at, order_key(one.message_id), one.to) for one in self.known(t, Link, alias)]
        return min(links)[2] if links else None

    def root(self, alias: str, t: int) -> str:
        owner = self.owner(alias, t)
        return alias if owner is None else self.root(owner, t)

    def parts(self, person: str, t: int) -> set[str]:
        return {one for one in self.aliases if self.root(one, t) == person and self.gone.get(one, t + 1) > t}

    def stored(self, alias: str, t: int) -> list[Event]:
        kept: list[Event] = []
        for event in sorted(self.known(t, Event, alias), key=lambda one: (one.received_at, one.at, one.name)):
            oldest = event.received_at - self.rules.horizon_ms
            if event.at <= oldest or not (event.name or event.visit):
                continue
            twins = [one for one in kept if one.key == event.key and one.at > oldest]
            if all(event.at < one.at for one in twins):
                kept = [one for one in kept if one not in twins] + [event]
        return kept

    def truth(self, person: str, segment: Segment, at: int, t: int) -> bool:
        """Whether the rule is true at an instant, of what is known at `t`."""
        events = [one for alias in self.parts(person, t) for one in self.stored(alias, t)]
        events = [one for one in events if one.at > t - self.rules.horizon_ms]
        counts = [
            sum(one.name == condition.event and at - condition.within_ms < one.at <= at for one in events)
            for condition in segment.conditions
        ]
        return segment.holds(counts)

    def turns(self) -> list[int]:
        """All instants at which anything could change."""
        found = {one.received_at for one in self.inputs}
        windows = {c.within_ms for _, rules in self.eras for one in rules.segments for c in one.conditions}
        for event in (one for one in self.inputs if isinstance(one, Event)):
            found |= {event.at, *(event.at + within_ms for within_ms in windows)}
        found |= {since for since, _ in self.eras if since > EVER}
        return sorted(one for one in found if one <= self.until)

    def segment(self, name: str, t: int) -> Segment | None:
        """Give the segment as the rules have it that decide at an instant; None: they have none, or there are none."""
        rules = [rules for since, rules in self.eras if since <= t]
        return next((one for one in rules[-1].segments if one.name == name), None) if rules else None

    def stays(self, person: str, name: str) -> Iterator[tuple[int, int, int | None]]:
        """Give (entered at, announced at, left at)."""
        turns = self.turns()
        inside: tuple[int, int] | None = None
        left = EVER
        for t in turns:
            segment = self.segment(name, t)
            holds = segment is not None and self.truth(person, segment, t, t) and self.gone.get(person, t + 1) > t
            if segment is not None and holds and inside is None:
                stretch = [t]
                for at in [one for one in reversed(turns) if one < t]:
                    if not self.truth(person, segment, at, t):
                        break
                    stretch.append(at)
                inside = max(left, min(stretch)), t
            elif inside is not None and not holds:
                yield *inside, t
                inside, left = None, t
        if inside is not None:
            yield *inside, None

    def taken(self, person: str, t: int) -> str | None:
        """Say why a part was taken from somebody at `t`."""
        why = set()
        for alias in self.parts(person, t - 1) - self.parts(person, t):
            moved: str | None = alias
            while moved is not None:
                if self.owner(moved, t) != self.owner(moved, t - 1):
                    by_link = self.owner(moved, t, splits_before=t - 1) != self.owner(moved, t - 1)
                    why.add("link" if by_link else "split")
                moved = self.owner(moved, t - 1)
        return min(why, default=None)

    def email(self, person: str, t: int) -> str | None:
        events = [one for alias in self.parts(person, t) for one in self.known(t, Event, alias) if one.email]
        return max(events, key=lambda one: (one.at, one.key)).email if events else None


@dataclass
class Row:
    """A row as it works: it seals, packs parts, forwards."""

    folded: list[Event] = field(default_factory=list)
    live: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    brought: dict[str, list[Event]] = field(default_factory=dict)


class Rows:
    """Rows that send each other parts, for the touches: one record after the other."""

    def __init__(self, world: World) -> None:
        self.world, self.rows = world, defaultdict(Row)
        self.horizon_ms = world.rules.horizon_ms
        self.owner: dict[str, str | None] = {}
        for r in sorted({one.received_at for one in world.inputs}):
            now = [one for one in world.inputs if one.received_at == r]
            tied = {one.alias for one in now if isinstance(one, Link | Split)}
            for alias in sorted(tied, key=lambda one: STRONGEST_LAST.index(one.partition(":")[0] + ":")):
                self.move(alias, self.owner.get(alias), world.owner(alias, r), r)
            for alias in {one.alias for one in now if isinstance(one, Event)}:
                row: str | None = alias
                while row is not None:
                    self.refresh(row, alias, r)
                    row = self.owner.get(row)

    def refresh(self, row: str, alias: str, r: int) -> None:
        """Take the event in: what is younger than the horizon is as the alias has it."""
        young = [one for one in self.world.stored(alias, r) if one.visit and one.at > r - self.horizon_ms]
        old = [one for one in self.rows[row].live[alias] if one.at <= r - self.horizon_ms]
        self.rows[row].live[alias] = old + young

    def seal(self, row: str, r: int) -> None:
        for alias, visits in self.rows[row].live.items():
            self.rows[row].folded += [one for one in visits if one.at <= r - self.horizon_ms]
            self.rows[row].live[alias] = [one for one in visits if one.at > r - self.horizon_ms]

    def move(self, alias: str, former: str | None, owner: str | None, r: int) -> None:
        if owner == former:
            return
        self.owner[alias] = owner
        self.seal(alias, r)
        row = self.rows[alias]
        parts = {alias: begun(row.folded, self.world.rules)} | row.brought
        for part, brought in parts.items():
            self.send(former, part, None, [], r)
            self.send(owner, part, row.live[part], brought, r)

    def send(self, to: str | None, part: str, live: list[Event] | None, brought: list[Event], r: int) -> None:
        """A part, or without visits a detach, and what the row makes of it."""
        if to is None:
            return
        self.seal(to, r)
        self.rows[to].live.pop(part, None)
        self.rows[to].brought.pop(part, None)
        if live is not None:
            self.rows[to].live[part], self.rows[to].brought[part] = list(live), brought
        self.send(self.owner.get(to), part, live, brought, r)

    def sessions(self, row: str) -> list[Event]:
        one = self.rows[row]
        own = begun([*one.folded, *(visit for visits in one.live.values() for visit in visits)], self.world.rules)
        return own + [session for brought in one.brought.values() for session in brought]


def begun(visits: list[Event], rules: Rules) -> list[Event]:
    """Visits that begin a session."""
    found: list[Event] = []
    visits = sorted(visits, key=lambda one: (one.at, one.key))
    for place, visit in enumerate(visits):
        if place:
            idle = visit.at - visits[place - 1].at >= rules.idle_ms
            campaign = rules.new_session_on_campaign and visit.campaign and visit.campaign != found[-1].campaign
            if not (idle or visit.at - found[-1].at >= rules.longest_ms or campaign):
                continue
        found.append(visit)
    return found
