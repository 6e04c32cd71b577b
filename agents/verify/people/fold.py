"""Verify, people.  Fold: all inputs in the order of their received times, those of one instant as one step."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from agents.verify.people.identity import Move
from agents.verify.people.inputs import Event, Forget, Input, Link, Split
from agents.verify.people.outcome import Era, Outcome, Recount, Standing
from agents.verify.people.rows import Rows, Transfer
from agents.verify.people.truth import Activity
from agents.verify.people.walk import Walk
from agents.verify.rules import Rules

Eras = Callable[[str], Sequence[Era]]
"""By person, as its partition says it: which rules decide from when on."""
USER = "user:"


def recount(
    inputs: Iterable[Input],
    rules: Rules,
    until: int,
    *,
    eras: Eras | None = None,
    known: Mapping[str, Standing] | None = None,
    spared: Mapping[tuple[str, str], int] | None = None,
) -> Recount:
    """Work everybody out anew from what was received up to and with `until`, and decide up to and with it.

    `rules` say the horizon and what a session is, and decide from ever on, where no `eras` say otherwise.
    `known`: by person, where eras without rules left them.  `spared`: by alias and owner, until when the alias was not
    forgotten with the owner; for that is obeyed as it comes, and an earlier link may have been faster.
    """
    fold = Fold(rules, eras or (lambda _: [Era(rules)]), known or {}, spared or {}, Rows(rules))
    for r, received in groupby(sorted(inputs, key=lambda one: one.received_at), key=lambda one: one.received_at):
        if r > until:
            break
        fold.step(r, list(received))
    return fold.end(until)


@dataclass(slots=True)
class Fold:
    """Everybody, up to one instant."""

    rules: Rules
    eras: Eras
    known: Mapping[str, Standing]
    spared: Mapping[tuple[str, str], int]
    rows: Rows
    walks: dict[str, Walk] = field(default_factory=dict)
    """By user."""
    gone: dict[str, int] = field(default_factory=dict)
    """By alias: when it was forgotten."""
    received: dict[str, list[int]] = field(default_factory=dict)
    """By row: when records came to it."""
    signed_up: dict[str, tuple[tuple[int, bytes], int]] = field(default_factory=dict)
    """By row: (at, order key) of its earliest sign-up, and since when it is that."""

    def step(self, r: int, received: list[Input]) -> None:
        """Take in all that was received at `r`, then look at whom it concerns."""
        taken_in = [one for one in received if one.alias not in self.gone and not (isinstance(one, Event) and one.bot)]
        moves = self.rows.identity.learn([one for one in taken_in if isinstance(one, Link | Split)])
        users = set(self._users([one.alias for one in taken_in], [one.owner for one in moves if one.owner]))
        for user in users:
            self._walk(user).pass_time(r)
        self._touch(r, [one.alias for one in taken_in if not isinstance(one, Forget)])
        taken = self._move(moves, r)
        self._events([one for one in taken_in if isinstance(one, Event)])
        self._forget([one.alias for one in taken_in if isinstance(one, Forget)], moves, r)
        for user in sorted(users - self.gone.keys()):
            self.walks[user].look(r, taken.get(user))

    def _users(self, aliases: Iterable[str], owners: Iterable[str]) -> Iterator[str]:
        """Give the people with a userId, not forgotten, to whom these belong, before anything changes."""
        for alias in (*aliases, *owners):
            root = self.rows.identity.root(alias)
            if root.startswith(USER) and root not in self.gone:
                yield root

    def _walk(self, user: str) -> Walk:
        if user not in self.walks:
            eras = self.eras(user)
            segments = [segment for era in eras if era.rules for segment in era.rules.segments]
            activity = Activity({one.event for segment in segments for one in segment.conditions})
            known = self.known.get(user, Standing())
            self.walks[user] = Walk(user, eras, activity, lambda: self.rows.portrait(user), known)
        return self.walks[user]

    def _touch(self, r: int, rows: Iterable[str]) -> None:
        for row in rows:
            if row not in self.gone:
                instants = self.received.setdefault(row, [])
                if instants[-1:] != [r]:
                    instants.append(r)

    def _move(self, moves: list[Move], r: int) -> dict[str, str]:
        """Let owners change; say why a part was taken from somebody, by user."""
        for one in moves:
            self._touch(r, self.rows.identity.chain(one.alias))
        transfers, taken = self.rows.move(moves, r), dict[str, str]()
        for one in moves:
            self._touch(r, self.rows.identity.chain(one.alias))
        for transfer in transfers:
            if self.rules.sign_up in self.rows.parts[transfer.alias].earliest:
                self._sign_up(transfer.row, r)
            if transfer.row in self.walks:
                self._transfer(self.walks[transfer.row].activity, transfer)
                if not transfer.gained:
                    taken[transfer.row] = min(transfer.why, taken.get(transfer.row, transfer.why))
        return taken

    def _transfer(self, activity: Activity, one: Transfer) -> None:
        for event in self.rows.parts[one.alias].events:
            (activity.put if one.gained else activity.take)(event.name, event.at)

    def _events(self, events: list[Event]) -> None:
        for event in sorted(events, key=lambda one: (one.at, one.name)):
            self._touch(event.received_at, self.rows.identity.chain(event.alias))
            stored, replaced = self.rows.parts[event.alias].take(event, self.rules.horizon_ms)
            if event.name == self.rules.sign_up:
                for row in (event.alias, *self.rows.identity.chain(event.alias)):
                    self._sign_up(row, event.received_at)
            walk = self.walks.get(self.rows.identity.root(event.alias))
            if walk and replaced:
                walk.activity.take(replaced.name, replaced.at)
            if walk and stored:
                walk.activity.put(event.name, event.at)

    def _sign_up(self, row: str, r: int) -> None:
        """Note which is the earliest sign-up of a row now."""
        parts = (self.rows.parts[alias] for alias in self.rows.identity.members(row))
        earliest = min(
            (one.earliest[name] for one in parts if (name := self.rules.sign_up) in one.earliest), default=None
        )
        if earliest is None:
            self.signed_up.pop(row, None)
        elif row not in self.signed_up or self.signed_up[row][0] != earliest:
            self.signed_up[row] = earliest, r

    def _forget(self, aliases: Iterable[str], moves: list[Move], r: int) -> None:
        """Forget each alias with the person that it belongs to, and whoever comes to belong to somebody forgotten."""
        roots = [self.rows.identity.root(alias) for alias in aliases]
        roots += [one.alias for one in moves if one.owner in self.gone and not self._is_spared(one.alias, r)]
        rows = [row for root in roots for row in self._forgotten_with(root, r)]
        for row in rows:
            if row in self.walks and row not in self.gone:
                self.walks[row].forget(r)
            self.gone.setdefault(row, r)
        for row in rows:
            self.rows.identity.release(row)

    def _forgotten_with(self, row: str, r: int) -> Iterator[str]:
        """Give a row and all that belong to it, but for whoever was spared."""
        yield row
        for one in sorted(self.rows.identity.belongings.get(row, ())):
            if not self._is_spared(one, r):
                yield from self._forgotten_with(one, r)

    def _is_spared(self, alias: str, r: int) -> bool:
        return self.spared.get((alias, self.rows.identity.owner[alias]), r) > r

    def end(self, until: int) -> Recount:
        """Let time pass up to and with `until`, and say what has become of everybody."""
        for walk in self.walks.values():
            walk.pass_time(until + 1)
        rows = {row: instants for row, instants in self.received.items() if row not in self.gone}
        people = {row: self._outcome(row) for row in rows if row not in self.rows.identity.owner}
        for user in self.gone.keys() & self.walks.keys():
            people[user] = self._decided(Outcome(user), self.walks[user])
        links = self.rows.identity.links
        said = {alias: frozenset(others) for alias, others in links.items()}
        return Recount(people, self.rows.identity.owner, said, self.gone, rows)

    def _outcome(self, row: str) -> Outcome:
        aliases = sorted(self.rows.identity.members(row))
        found = Outcome(row, aliases, self.rows.portrait(row), self.rows.sessions(row))
        for part in (self.rows.parts[alias] for alias in aliases):
            for event in (one for one in part.events if one.name):
                found.instants.setdefault(event.name, []).append(event.at)
            found.crowded |= dict.fromkeys(part.crowded(self.rules.horizon_ms), 0)
        for name, instants in found.instants.items():
            instants.sort()
            if name in found.crowded:
                found.crowded[name] = sum(self.rows.parts[alias].copies[name] for alias in aliases)
        if row in self.signed_up:
            (at, _), since = self.signed_up[row]
            found.signed_up = at, since
        found.decided_at = self.received[row][-1]
        return self._decided(found, self.walks[row]) if row in self.walks else found

    @staticmethod
    def _decided(found: Outcome, walk: Walk) -> Outcome:
        found.changes, found.decisions, found.withdrawals = walk.changes, walk.decisions, walk.withdrawals
        found.segments, found.asks, found.forgotten_at = walk.segments, walk.asks, walk.forgotten_at
        found.decided_at = max([found.decided_at, *(one.announced_at for one in walk.changes)])
        return found
