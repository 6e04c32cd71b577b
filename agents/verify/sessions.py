"""Verify, room 5e.  Sessions: which visits begin one, for all the visits of a person (docs/semantics.md, part 4).

In: the tables `visit` and `sealed` of `rows`.  Out: chains of visits; each visit that begins a session is its touch, if
it has a source.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import duckdb

from agents.verify.parts import Row
from agents.verify.rules import Rules
from agents.verify.ties import FOREVER

VISITS = """SELECT p, row, '' AS alias, 0 AS epoch, o, until, ms, okey, source, source->>'$.campaign' AS campaign,
        NULL AS seen FROM visit
    UNION ALL SELECT p, row, alias, epoch, o, until, ms, okey, source, source->>'$.campaign', seen FROM sealed"""

FINAL = f"""FROM ({VISITS}) v ANTI JOIN gone USING (p, row)
    WHERE until = {FOREVER} AND NOT EXISTS (FROM tie WHERE tie.p = v.p AND tie.row = v.row AND tie.until = {FOREVER}
        AND tie.person IS NOT NULL)
    ORDER BY p, row, alias, epoch, ms, okey"""
"""Of people only: a row with an owner contributes nothing."""

EVER = f"""FROM ({VISITS}) SEMI JOIN named USING (p, row) ORDER BY p, row, o, alias, epoch, ms, okey"""


class Visit(NamedTuple):
    """A visit as the fold sees it; visits sort by instant and order key."""

    at: int
    key: str
    """Order key: 32 hex digits."""
    source: str
    """JSON; empty: it continues."""
    campaign: str
    """Of the source; empty: none."""
    o: int
    """From which record on the row has it."""
    seen: int
    """Latest clock by which anybody sealed it before it came to the row; 0: nobody did."""


class State(NamedTuple):
    """The session of a visit, right after it."""

    begun: int
    campaign: str
    begins: bool
    """The visit began it."""


Chain = tuple[str, int]
"""Whose visits are folded together: those of a row itself (empty, 0), or those which a part had sealed before (alias,
epoch)."""


@dataclass(slots=True)
class Visits:
    """One chain: visits in their order, and the session of each."""

    rules: Rules
    visits: list[Visit] = field(default_factory=list)
    states: list[State] = field(default_factory=list)

    def put(self, visit: Visit) -> None:
        """Take a visit in, wherever it belongs."""
        place = bisect_left(self.visits, visit)
        self.visits.insert(place, visit)
        self.states.insert(place, State(0, "", begins=False))
        self._fold(place, at_least=1)

    def take(self, visit: Visit) -> None:
        """Take a visit away."""
        place = bisect_left(self.visits, visit)
        del self.visits[place], self.states[place]
        self._fold(place, at_least=0)

    def begun(self) -> Iterator[Visit]:
        """Give the visits that begin a session."""
        return (visit for visit, state in zip(self.visits, self.states, strict=True) if state.begins)

    def _fold(self, place: int, at_least: int) -> None:
        """Work the sessions from a place on out anew, until nothing changes any more."""
        for i in range(place, len(self.visits)):
            state = self._after(i)
            if state == self.states[i] and i >= place + at_least:
                return
            self.states[i] = state

    def _after(self, i: int) -> State:
        visit, rules = self.visits[i], self.rules
        if i == 0:
            return State(visit.at, visit.campaign, begins=True)
        before, session = self.visits[i - 1], self.states[i - 1]
        begins = (
            visit.at - before.at >= rules.idle_ms
            or visit.at - session.begun >= rules.longest_ms
            or (rules.new_session_on_campaign and visit.campaign not in ("", session.campaign))
        )
        return State(visit.at, visit.campaign, begins=True) if begins else session._replace(begins=False)


@dataclass(slots=True)
class Sessions:
    """The sessions of one person."""

    rules: Rules
    chains: dict[Chain, Visits] = field(default_factory=dict)

    def put(self, chain: Chain, visit: Visit) -> None:
        """Take a visit in."""
        self.chains.setdefault(chain, Visits(self.rules)).put(visit)

    def take(self, chain: Chain, visit: Visit) -> None:
        """Take a visit away."""
        self.chains[chain].take(visit)

    def begun(self) -> Iterator[Visit]:
        """Give the visits that begin sessions, chain by chain."""
        return (visit for chain in self.chains.values() for visit in chain.begun())


class Stretch(NamedTuple):
    """A visit that a row has in `[visit.o, until)`."""

    chain: Chain
    visit: Visit
    until: int


def final(con: duckdb.DuckDBPyConnection, rules: Rules) -> dict[Row, Sessions]:
    """Give the sessions of each person that has some, at the end of the log."""
    found: dict[Row, Sessions] = {}
    for row, stretch in _read(con, FINAL):
        found.setdefault(row, Sessions(rules)).put(stretch.chain, stretch.visit)
    return found


def ever(con: duckdb.DuckDBPyConnection) -> dict[Row, list[Stretch]]:
    """Give all visits that the rows in table `named` (p, row) ever had."""
    found: dict[Row, list[Stretch]] = defaultdict(list)
    for row, stretch in _read(con, EVER):
        found[row].append(stretch)
    return found


def _read(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Row, Stretch]]:
    for p, row, alias, epoch, o, until, ms, okey, source, campaign, seen in con.execute(query).fetchall():
        yield (p, row), Stretch((alias, epoch), Visit(ms, okey, source or "", campaign or "", o, seen or 0), until)
