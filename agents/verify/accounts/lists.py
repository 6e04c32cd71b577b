"""Verify, accounts.  Lists: which touches a person has to tell which account when (docs/attribution.md).

In: all visits that a row ever had, its sign-ups, owners and accounts, record by record.  Compared: each list that it
told.  When a row seals is its own affair, and so how early it lets go of touches that are old enough; `since` says it.
"""

from base64 import b64decode
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import duckdb

from agents.verify.accounts.people import belongings
from agents.verify.accounts.persons import MOST_KEPT, Acquired, Kept, SignUp, sign_ups
from agents.verify.accounts.touches import Listed
from agents.verify.decide import clocks
from agents.verify.parts import Row
from agents.verify.person import Steps
from agents.verify.report import Check
from agents.verify.rules import Rules
from agents.verify.sessions import Sessions, Stretch, Visit, ever
from agents.verify.texts import canonical, parsed
from agents.verify.ties import FOREVER
from agents.verify.world import USER_EVENTS

NAMED = """CREATE OR REPLACE TABLE named AS WITH hears AS (SELECT DISTINCT alias FROM entry
        WHERE kind = 'account' AND NOT starts_with(account, 'domain:'))
    SELECT p, row FROM stay SEMI JOIN hears USING (alias)
    UNION SELECT p, row FROM entry SEMI JOIN hears USING (alias)"""
"""Rows that may have been of an account: whoever is not never tells anything."""

RECORDS = "SELECT p, row, o, kind FROM entry SEMI JOIN named USING (p, row) ORDER BY p, row, o"
OWNED = "SELECT p, row, o, until FROM tie SEMI JOIN named USING (p, row) WHERE person IS NOT NULL"
SEALS = """SELECT p, row, o FROM stay SEMI JOIN named USING (p, row) UNION SELECT p, row, until FROM stay
    SEMI JOIN named USING (p, row) UNION SELECT p, row, o FROM tie SEMI JOIN named USING (p, row) ORDER BY ALL"""
"""Records at which a row seals whatever is stored: parts come or go, or its owner is another."""
MOVES = ("account", "facts", "part", "detach", "link", "split")
"""Kinds of records by which a row may come to be of another account."""
CROWDED = f"lists of people with over {MOST_KEPT} touches: whether one is missing"

Told = tuple[int, str, str]
"""A touch, comparable: instant, order key as hex digits, source as canonical JSON."""


class Said(NamedTuple):
    """A list that stands in the log."""

    where: str
    account: str
    since: int
    touches: list[Told]


@dataclass(slots=True)
class Teller:
    """What a row has told so far."""

    account: str | None = None
    """Which knows of it; None: none does."""
    touches: list[Told] = field(default_factory=list)
    since: int = 0
    """Of all its lists the latest."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to tell, right after a record."""

    o: int
    account: str | None
    """None: none, or the row has an owner."""
    touches: list[tuple[Told, Visit]]
    """Of all sessions ever.  One is there twice if a part comes back with what stayed with the row when it left."""
    kept: frozenset[Visit]
    """Those that the row surely kept for the sign-up."""

    @property
    def whole(self) -> Counter[Told]:
        """Count each touch."""
        return Counter(touch for touch, _ in self.touches)


def compare(check: Check, con: duckdb.DuckDBPyConnection, rules: Rules, lists: Mapping[str, Sequence[Listed]]) -> None:
    """Compare the lists of each person, until it is forgotten; needs the tables of `rows.prepare`."""
    con.execute(NAMED)
    steps, visits, acquired, belonging = clocks(con), ever(con), sign_ups(con, rules), belongings(con)
    owned: dict[Row, list[tuple[int, int]]] = defaultdict(list)
    for p, row, o, until in con.execute(OWNED).fetchall():
        owned[(p, row)].append((o, until))
    records: dict[Row, list[tuple[int, str]]] = defaultdict(list)
    for p, row, o, kind in con.execute(RECORDS).fetchall():
        records[(p, row)].append((o, kind))
    seals: dict[Row, list[int]] = defaultdict(list)
    for p, row, o in con.execute(SEALS).fetchall():
        seals[(p, row)].append(o)
    told = {
        row: [(one.o, _said(one)) for one in sorted(found, key=lambda one: one.number) if not one.last]
        for row, found in lists.items()
    }
    for row, stands in records.items():

        def account(o: int, row: Row = row) -> str | None:
            found = None if any(a <= o < b for a, b in owned[row]) else belonging(row, o)
            return found.account if found is not None else None

        kept = Kept(rules, steps.get(row[0], Steps([], [])))
        walk = _Walk(check, row, rules, kept, account, acquired.get(row, []), seals[row])
        walk.go(stands, visits.get(row, []), told.pop(row[1], []))
    for person, found in told.items():
        for _, one in found:
            check.differs(one.where, person, "touches of somebody who never was of an account")


@dataclass(slots=True)
class _Walk:
    """One row, record by record."""

    check: Check
    row: Row
    rules: Rules
    kept: Kept
    account: Callable[[int], str | None]
    sign_ups: list[SignUp]
    seals: list[int]
    teller: Teller = field(default_factory=Teller)

    def go(self, records: list[tuple[int, str]], visits: list[Stretch], told: list[tuple[int, Said]]) -> None:
        """Follow the records, and look at each by which a list may be another, or is told."""
        said: dict[int, list[Said]] = defaultdict(list)
        for o, one in told:
            said[o].append(one)
        sessions, account = Sessions(self.rules), None
        edits = sorted(_edits(visits), key=lambda one: one[:2])
        place = 0
        for o, kind in records:
            before = place
            while place < len(edits) and edits[place][0] <= o:
                _, put, stretch = edits[place]
                (sessions.put if put else sessions.take)(stretch.chain, stretch.visit)
                place += 1
            former = account
            account = self.account(o) if kind in MOVES else account
            if said[o] or account != former or (account is not None and place > before):
                self._look(self._moment(o, account, sessions), said[o])

    def _moment(self, o: int, account: str | None, sessions: Sessions) -> Moment:
        touches = [(_touch(one), one) for one in sessions.begun() if one.source]
        acquired = Acquired.then(self.sign_ups, o)
        if acquired is None:
            return Moment(o, account, touches, frozenset())
        path, _ = self.kept.path(sessions, acquired)
        return Moment(o, account, touches, frozenset(one for one in path if self.kept.surely(one, acquired.since)))

    def _look(self, now: Moment, said: list[Said]) -> None:
        """Compare what was told with what had to be: a farewell to who is left, a list where it is another."""
        if self.teller.account not in (None, now.account):
            bare = next((one for one in said if one.account == self.teller.account), None)
            if bare is None:
                self._missing(now, f"does not tell {self.teller.account} that its touches are none")
            elif bare.touches or bare.since:
                self.check.differs(bare.where, self.row[1], "an account that the person left is told of touches")
            said = [one for one in said if one is not bare]
            self.teller.account, self.teller.touches = None, []
        mine = next((one for one in said if one.account == now.account), None)
        if mine is not None:
            self._compare(now, mine)
        elif now.account is not None and self._has_to_tell(now):
            self._missing(now, f"does not tell {now.account} its touches, which are others than before")
            self.teller.account, self.teller.touches = now.account, sorted(now.whole.elements())
        for one in said:
            if one is not mine:
                self.check.differs(
                    one.where, self.row[1], f"touches are not to be told to {one.account} by this record"
                )

    def _missing(self, now: Moment, what: str) -> None:
        self.check.differs(f"{USER_EVENTS}/{self.row[0]}/{now.o}", self.row[1], what)

    def _has_to_tell(self, now: Moment) -> bool:
        if self.teller.account != now.account:
            return True
        known = Counter(self.teller.touches)
        return bool(known - now.whole or self._lacks(now, known, self._floor(now.o)))

    def _compare(self, now: Moment, mine: Said) -> None:
        for what in self._wrong(now, mine):
            self.check.differs(mine.where, self.row[1], what)
        self.teller.account, self.teller.touches = now.account, mine.touches
        self.teller.since = max(self.teller.since, mine.since)

    def _wrong(self, now: Moment, mine: Said) -> Iterator[str]:
        known = Counter(mine.touches)
        if self.teller.account == now.account and self.teller.touches == mine.touches:
            yield "tells the same touches again"
        if [one[:2] for one in mine.touches] != sorted(one[:2] for one in mine.touches):
            yield "touches are not sorted by instant and order key"
        if not self._may_be_since(now.o, mine.since):
            yield f"since is {mine.since}, at which the row cannot have sealed last"
        for touch in sorted((known - now.whole).elements()):
            yield f"has a touch that is none, or too often: {touch}"
        if len(now.touches) > MOST_KEPT:
            self.check.skip(1, CROWDED)
            return
        for touch in self._lacks(now, known, mine.since):
            yield f"lacks a touch: {touch}"

    def _lacks(self, now: Moment, known: Counter[Told], since: int) -> list[Told]:
        """Give the touches after an instant, and those kept for the sign-up, which a list has not."""
        due = [touch for touch, one in now.touches if one in now.kept or one.at > max(since, self._gone(one))]
        return sorted((Counter(due) - known).elements())

    def _gone(self, visit: Visit) -> int:
        """Give the instant up to which touches were old enough to be let go of before this one came."""
        return visit.seen - self.rules.horizon_ms - self.rules.lookback_ms

    def _floor(self, o: int) -> int:
        return self.kept.steps.at(o) - self.rules.horizon_ms - self.rules.lookback_ms

    def _may_be_since(self, o: int, since: int) -> bool:
        place = bisect_right(self.seals, o)
        least = max(self.teller.since, self._floor(self.seals[place - 1]) if place else 0)
        kept_ms = self.rules.horizon_ms + self.rules.lookback_ms
        return least <= since <= max(0, self._floor(o)) and (not since or self.kept.steps.ticked(since + kept_ms))


def _edits(visits: list[Stretch]) -> Iterator[tuple[int, bool, Stretch]]:
    """Give what befalls the visits of a row: (offset, whether it comes, which); what goes goes first."""
    for one in visits:
        yield one.visit.o, True, one
        if one.until < FOREVER:
            yield one.until, False, one


def _said(listed: Listed) -> Said:
    touches = [(at, b64decode(key).hex(), canonical(source)) for at, key, source in listed.touches]
    return Said(listed.where, listed.account, listed.since, touches)


def _touch(visit: Visit) -> Told:
    return visit.at, visit.key, _canonical(visit.source)


@lru_cache(maxsize=1 << 14)
def _canonical(source: str) -> str:
    return canonical(parsed(source))
