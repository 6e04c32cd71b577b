"""Verify, Salesforce, last room.  People: facts at the rows of people, and the timeline (docs/semantics.md, part 2).

In: tables of `log`, `ties`, `facts`.  Out: the records of every person, and a check of `user-timeline`.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from agents.verify.forgetting import gone
from agents.verify.parts import Parts, Place, Row, stays
from agents.verify.report import Check
from agents.verify.texts import canonical, iso, parsed
from agents.verify.ties import FOREVER, TOO_FAR
from agents.verify.world import USER_TIMELINE

RECORDS = """SELECT p, row, alias, o, version, object, modified_at, account, fields FROM entry
    WHERE kind = 'facts' ORDER BY o"""
TOLD = f"""SELECT e.p, e.o, e.row, e.change, e.once FROM entry e ASOF LEFT JOIN tie ON tie.p = e.p AND tie.row = e.row
    AND tie.o <= e.o WHERE e.kind = 'told'
        AND (tie.person IS NULL OR e.person IS NOT DISTINCT FROM e.alias OR {TOO_FAR})
    ORDER BY e.p, e.o"""  # noqa: S608 - constants of this package
REMEMBERED = 64
"""What was told with `once` and published, of which a row knows that it was."""
TIMELINE = (
    "SELECT p, o, key, CASE WHEN digest IS NOT NULL THEN coalesce(value, '') END FROM message WHERE topic = ?"
    " ORDER BY p, o"
)
FORGOTTEN = "nothing more, as the person is forgotten"
"""Stands for a message without a value."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One version of what is known of a record."""

    version: int
    alias: str
    object: str
    modified_at: int
    account: str | None
    fields: str | None
    """JSON; None: the record is deleted."""

    def document(self) -> dict[str, Any]:
        """Make the record's entry in a person's document."""
        return {
            "id": self.alias.removeprefix("sf:"),
            "object": self.object,
            "account": self.account,
            "modified_at": iso(self.modified_at),
            "fields": parsed(self.fields),
        }


def held(con: duckdb.DuckDBPyConnection) -> dict[Row, list[Facts]]:
    """Give the records of each row that has one, as its document lists them."""
    parts = told(con)
    found = {row: listed(parts, places, FOREVER - 1) for row, places in parts.by_row().items()}
    return {row: facts for row, facts in found.items() if facts}


def told(con: duckdb.DuckDBPyConnection) -> Parts[Facts]:
    """Read all facts."""
    parts: Parts[Facts] = Parts(stays(con))
    for p, row, alias, o, version, name, modified_at, account, fields in con.execute(RECORDS).fetchall():
        parts.told[(p, row, alias)].append((o, Facts(version, alias, name, modified_at, account, fields)))
    return parts


def listed(parts: Parts[Facts], places: Iterable[Place], o: int) -> list[Facts]:
    """List the records of a row, of which these are the parts, right after the record at that offset."""
    latest = (max(parts.at(place, o), key=lambda one: one.version, default=None) for place in places)
    return sorted((one for one in latest if one is not None and one.fields is not None), key=_rank)


def _rank(one: Facts) -> tuple[bool, int, str]:
    return one.object != "Contact", -one.modified_at, one.alias


def check_timeline(con: duckdb.DuckDBPyConnection) -> Check:
    """Compare `user-timeline`: one message for each `told` that reached a row without owner, in its order.

    Of those with `once` only the first.  A row that was forgotten ends with a message without a value.
    """
    check = Check("timeline")
    wanted: dict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
    published: dict[tuple[int, str], deque[str]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
    for p, o, row, change, once in con.execute(TOLD).fetchall():
        if once is not None and once in published[(p, row)]:
            continue
        if once is not None:
            published[(p, row)].append(once)
        wanted[(p, row)].append((_message(row, parsed(change)), f"user-events/{p}/{o}"))
    for (p, row), o in gone(con).items():
        wanted[(p, row)].append((FORGOTTEN, f"user-events/{p}/{o}"))
    found: dict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
    for p, o, key, value in con.execute(TIMELINE, [USER_TIMELINE]).fetchall():
        text = FORGOTTEN if value is None else canonical(parsed(value), ordered=True)
        found[(p, key or "")].append((text, f"{USER_TIMELINE}/{p}/{o}"))
    for person in sorted({*wanted, *found}):
        _compare(check, person[1], wanted[person], found[person])
    return check


def _message(row: str, change: Any) -> str:
    user_id = row.removeprefix("user:") if row.startswith("user:") else None
    return canonical({"person": row, "user_id": user_id, **(change if isinstance(change, dict) else {})}, ordered=True)


def _compare(check: Check, who: str, wanted: list[tuple[str, str]], shown: list[tuple[str, str]]) -> None:
    """Each once; then the order."""
    check.compared += max(len(wanted), len(shown))
    missing = Counter(text for text, _ in wanted) - Counter(text for text, _ in shown)
    extra = Counter(text for text, _ in shown) - Counter(text for text, _ in wanted)
    for text, where in wanted:
        if missing[text] > 0:
            missing[text] -= 1
            check.differs(where, who, f"is not on the timeline: {text[:160]}")
    for text, where in reversed(shown):
        if extra[text] > 0:
            extra[text] -= 1
            check.differs(where, who, f"is not to be, or doubled: {text[:160]}")
    if [one for one, _ in wanted] != [one for one, _ in shown] and Counter(t for t, _ in wanted) == Counter(
        t for t, _ in shown
    ):
        check.differs(shown[0][1], who, "the messages of this person stand in another order than its records")
