"""Verify, accounts.  Touches: the lists that people tell accounts (docs/attribution.md, "Touches of an account").

In: `touches` of `account-events`, and the tables `entry` and `gone`.  Compared: shape, key, order, number, and that a
record of the person's own row made each; of whom was forgotten, that each account that knew touches was told that there
are none (semantics, part 8).  Which touches a list has, and when one is told: `lists`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from agents.verify.forgetting import gone
from agents.verify.report import Check
from agents.verify.texts import parsed
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS

WRITTEN = f"""SELECT m.p, m.o, m.key, m.value, m.headers->>'source' AS source, coalesce(e.row, g.row) AS row,
        g.row IS NOT NULL AS last, coalesce(e.o, g.o) AS so FROM message m
    LEFT JOIN entry e ON m.headers->>'source' = '{USER_EVENTS}/' || e.p || '/' || e.o
    LEFT JOIN gone g ON m.headers->>'source' = '{USER_EVENTS}/' || g.p || '/' || g.o
    LEFT JOIN ue u ON m.headers->>'source' = '{USER_EVENTS}/' || u.p || '/' || u.o
    WHERE m.topic = '{ACCOUNT_EVENTS}' AND json_valid(m.value) AND m.value->>'$.kind' = 'touches'
        AND coalesce(u.done, true)
    ORDER BY m.p, m.o"""  # noqa: S608 - constants of this package


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of touches that a person told an account."""

    number: int
    account: str
    since: int
    touches: list[Any]
    last: bool
    """The record that made it forgot the person."""
    where: str
    """Where it stands, in `account-events`."""
    o: int
    """Offset in `user-events` of the record that made it."""


SHAPE: dict[str, type] = {"person": str, "account": str, "number": int}


def check(con: duckdb.DuckDBPyConnection) -> tuple[Check, dict[str, list[Listed]]]:
    """Compare each list by itself, and the numbers of each person's lists; give those that can be read, by person."""
    found = Check("touches")
    lists: dict[str, list[Listed]] = defaultdict(list)
    for p, o, key, value, source, row, last, so in con.execute(WRITTEN).fetchall():
        found.compared += 1
        document, where = parsed(value), f"{ACCOUNT_EVENTS}/{p}/{o}"
        if wrong := _wrong(document, key, row, source):
            found.differs(where, key, wrong)
        else:
            told = document.get("since", 0), document.get("touches", [])
            lists[document["person"]].append(Listed(document["number"], document["account"], *told, last, where, so))
    for person, listed in sorted(lists.items()):
        if sorted(one.number for one in listed) != list(range(1, len(listed) + 1)):
            found.differs(ACCOUNT_EVENTS, person, "numbers of its touches do not rise by one from 1")
    for (p, person), o in gone(con).items():
        for wrong in _unforgotten(lists.get(person, [])):
            found.differs(f"{USER_EVENTS}/{p}/{o}", person, wrong)
    return found, lists


def _unforgotten(listed: list[Listed]) -> Iterator[str]:
    """Say what is amiss in the lists of a person that was forgotten."""
    known: dict[str, list[Any]] = {}
    for one in sorted((one for one in listed if not one.last), key=lambda one: one.number):
        known[one.account] = [touch for touch in known.get(one.account, []) if touch[0] < one.since] + one.touches
    last = [one for one in listed if one.last]
    told = Counter(one.account for one in last)
    if any(one.touches or one.since for one in last):
        yield "a list of touches of somebody who is forgotten is not empty"
    for account in sorted({*known, *told}):
        if told[account] > 1 or account not in known:
            yield f"tells {account} of touches that are none, which did not know any, or twice"
        elif known[account] and not told[account]:
            yield f"does not tell {account} that its touches are none"


def _wrong(document: dict[str, Any], key: str | None, row: str | None, source: str | None) -> str | None:
    readable = isinstance(document.get("since", 0), int)
    if not readable or not all(isinstance(document.get(name), kind) for name, kind in SHAPE.items()):
        return "cannot be read as touches"
    if key != document["account"]:
        return "touches are not keyed by their account"
    if row != document["person"]:
        return f"touches of another person than the row of their source, {source}"
    listed = document.get("touches", [])
    if not isinstance(listed, list) or not all(is_touch(one) for one in listed):
        return "a touch is not [at, key, source]"
    if [one[0] for one in listed] != sorted(one[0] for one in listed):
        return "touches are not sorted by their instants"
    return None


def is_touch(one: Any) -> bool:
    """Say whether a value is an instant, an order key and a source."""
    match one:
        case [int(), str(), dict()]:
            return True
    return False
