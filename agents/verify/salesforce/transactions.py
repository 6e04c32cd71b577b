"""Verify, Salesforce.  Transactions: what `salesforce-changes` had to become (docs/salesforce.md, parts 1 and 2).

Compared: `account-events`, requests of whole objects on `salesforce-refetch`, and `rejected-events`.  When time closed
a transaction does not stand in the log; its changes say so by the offset -1, and what follows from it is let pass.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from typing import Any

import duckdb

from agents.verify.report import Check
from agents.verify.salesforce import refusals
from agents.verify.salesforce.body import RefusedError
from agents.verify.salesforce.changes import changes
from agents.verify.salesforce.row import Change, change_of
from agents.verify.texts import canonical, parsed
from agents.verify.world import ACCOUNT_EVENTS, SALESFORCE_CHANGES, SALESFORCE_REFETCH, Message, World

BY_TIME = -1
MOST_HELD = 5000
SURELY_HELD = 1 << 20
"""Bytes of JSON up to which a transaction surely is held whole: how it is packed is the core's own affair."""

WRITTEN = f"""SELECT m.p, m.o, m.value, m.headers->>'source' FROM message m WHERE m.topic = '{ACCOUNT_EVENTS}'
    ORDER BY m.p, m.o"""  # noqa: S608 - constants of this package
ASKED = "SELECT p, o, key, value FROM message WHERE topic = ? ORDER BY p, o"


@dataclass(slots=True)
class Held:
    """One change of a transaction."""

    offset: int
    change: Change
    released_by: int | None = None
    """Offset of the message that releases it at the latest; None: none has come yet."""


@dataclass(slots=True)
class Run:
    """Changes of one transaction without another one between, or one change that has none."""

    p: int
    held: list[Held]

    @property
    def transaction(self) -> str:
        """Key of the transaction; empty: the change has none."""
        return self.held[0].change.transaction

    @property
    def whole(self) -> bool:
        """Whether it surely was not too large to be held."""
        return len(self.held) < MOST_HELD and sum(len(_text(one.change)) for one in self.held) < SURELY_HELD

    def release(self, offset: int) -> None:
        """Note that a message has come that releases what is held."""
        for one in self.held:
            if one.released_by is None:
                one.released_by = offset

    def instants(self) -> list[int]:
        """Instants that it may have: the smallest `at` of what was released first, which time may have cut short.

        First the one that it has if time did not.
        """
        first = [one.change.at for one in self.held if one.released_by == self.held[0].released_by]
        return list(dict.fromkeys(reversed(list(accumulate(first, min)))))


@dataclass(frozen=True, slots=True)
class Written:
    """A record of `account-events`, or a request for a whole object, which has no source."""

    where: str
    change: Change
    sp: int
    so: int


def _text(change: Change) -> str:
    return canonical(asdict(replace(change, at=0)))


def runs(messages: list[tuple[int, list[Change]]], p: int) -> Iterator[Run]:
    """Cut the changes of a partition into transactions; a change without one releases, but ends none."""
    run: Run | None = None
    for offset, change in ((offset, change) for offset, found in messages for change in found):
        if run is not None and change.transaction != run.transaction:
            run.release(offset)
        if not change.transaction:
            yield Run(p, [Held(offset, change, offset)])
        elif run is not None and change.transaction == run.transaction:
            run.held.append(Held(offset, change))
        else:
            yield from [run] if run is not None else []
            run = Run(p, [Held(offset, change)])
    if run is not None:
        yield run


def check(con: duckdb.DuckDBPyConnection, world: World) -> Check:
    """Normalise everything and compare."""
    found = Check("salesforce changes")
    said: dict[int, list[tuple[int, list[Change]]]] = defaultdict(list)
    refused: dict[tuple[int, int], tuple[str, Message]] = {}
    for one in world.messages(SALESFORCE_CHANGES):
        if one.offset >= world.committed.get((SALESFORCE_CHANGES, one.partition), 0):
            continue
        found.compared += 1
        try:
            said[one.partition].append((one.offset, changes(one.value, one.timestamp)))
        except RefusedError as error:
            refused[(one.partition, one.offset)] = (str(error), one)
    refusals.compare(con, refused, found, world)
    made = Made(con, found, world)
    for p, messages in said.items():
        for run in runs(messages, p):
            made.compare(run)
    made.left_over()
    return found


class Made:
    """What the worker made of changes, until it is found to be right."""

    def __init__(self, con: duckdb.DuckDBPyConnection, found: Check, world: World) -> None:
        self.found, self.world = found, world
        self.by_text: dict[tuple[int, str], list[Written]] = defaultdict(list)
        """Records by source partition and their text without the instant; requests by partition -1."""
        self._read(con)
        self._ask(con)

    def _read(self, con: duckdb.DuckDBPyConnection) -> None:
        last: dict[tuple[int, int], tuple[int, tuple[int, str]]] = {}
        for p, o, value, source in con.execute(WRITTEN).fetchall():
            where, document = f"{ACCOUNT_EVENTS}/{p}/{o}", parsed(value)
            if isinstance(document, dict) and document.get("kind") != "change":
                continue
            topic, _, place = (source or "").partition("/")
            try:
                sp, so = (int(number) for number in place.split("/"))
                change = change_of(document)
            except (TypeError, ValueError, AttributeError):
                self.found.differs(where, "", f"is no normalised change, or of no message: source {source}")
                continue
            if topic != SALESFORCE_CHANGES:
                self.found.differs(where, change.record, f"is made of {source}")
            if so >= self.world.committed.get((SALESFORCE_CHANGES, sp), 0):
                continue
            order = (so, (change.sequence, change.record)) if change.transaction else (so, (1 << 64, ""))
            if so != BY_TIME and last.get((p, sp), order) > order:
                self.found.differs(where, change.record, "stands after what had to be released after it")
            if so != BY_TIME:
                last[(p, sp)] = order
            self.by_text[(sp, _text(change))].append(Written(where, change, sp, so))

    def _ask(self, con: duckdb.DuckDBPyConnection) -> None:
        for p, o, _, value in con.execute(ASKED, [SALESFORCE_REFETCH]).fetchall():
            request: Any = parsed(value)
            if isinstance(request, dict) and request.get("id") is None:
                since = request.get("since")
                said = (str(request.get("object")), "", str(request.get("why")))
                asked = Change(*said, since if isinstance(since, int) else 0)
                self.by_text[(-1, _text(asked))].append(Written(f"{SALESFORCE_REFETCH}/{p}/{o}", asked, -1, BY_TIME))

    def compare(self, run: Run) -> None:
        """Find what a run had to give, at the instant of which most of it is there."""
        matches = [(at, self._matched(run, at)) for at in run.instants()]
        at, best = max(matches, key=lambda one: sum(match is not None for match in one[1]))
        if at != matches[0][0] and run.whole and all(match is None or match.so != BY_TIME for match in best):
            at, best = matches[0]
        for one, match in zip(run.held, best, strict=True):
            if match is not None:
                self.by_text[self._key(run, one.change)].remove(match)
            elif one.released_by is None:
                self.found.skip(1, "changes of a transaction that may still be held")
            else:
                where, change = f"{SALESFORCE_CHANGES}/{run.p}/{one.offset}", one.change
                text = f"{change.type} of {change.object} at {at}, sequence {change.sequence}, is missing"
                self.found.differs(where, change.record, text)

    def _key(self, run: Run, change: Change) -> tuple[int, str]:
        if change.record:
            return run.p, _text(change)
        return -1, _text(Change(change.object, "", change.type, 0))

    def _matched(self, run: Run, at: int) -> list[Written | None]:
        taken: set[str] = set()
        found: list[Written | None] = []
        for held in run.held:
            fits = (
                one
                for one in self.by_text[self._key(run, held.change)]
                if one.change.at == at and one.where not in taken and _released(run, held, one)
            )
            match = next(fits, None)
            if match is not None:
                taken.add(match.where)
            found.append(match)
        return found

    def left_over(self) -> None:
        """Tell what nothing made."""
        for one in (one for found in self.by_text.values() for one in found):
            if one.sp >= 0:
                self.found.differs(one.where, one.change.record, "no message makes this, or it is doubled or altered")
            elif all(self._may_be_newer(p) for p in range(self.world.partitions)):
                continue
            else:
                self.found.differs(one.where, "", "no message asks for this")

    def _may_be_newer(self, p: int) -> bool:
        """Say whether a source partition has more than was consumed: a request does not say where it is from."""
        return self.world.end(SALESFORCE_CHANGES, p) > self.world.committed.get((SALESFORCE_CHANGES, p), 0)


def _released(run: Run, held: Held, one: Written) -> bool:
    if one.so == BY_TIME:
        return bool(run.transaction) or one.sp < 0
    latest = held.released_by
    return one.so == latest or (not run.whole and held.offset <= one.so and (latest is None or one.so <= latest))
