"""Verify, accounts.  Touches: the lists that people tell accounts (docs/attribution.md, "Touches of an account").

In: `touches` of `account-events`, and the table `entry`.  Compared: shape, key, order, number, and that a record of the
person's own row made each.  Not compared: which touches a list has, and what the account makes of them.
"""

from collections import Counter, defaultdict
from typing import Any

import duckdb

from agents.verify.report import Check
from agents.verify.texts import parsed
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS

WRITTEN = f"""SELECT m.p, m.o, m.key, m.value, m.headers->>'source' AS source, e.row FROM message m
    LEFT JOIN entry e ON m.headers->>'source' = '{USER_EVENTS}/' || e.p || '/' || e.o
    LEFT JOIN ue u ON m.headers->>'source' = '{USER_EVENTS}/' || u.p || '/' || u.o
    WHERE m.topic = '{ACCOUNT_EVENTS}' AND json_valid(m.value) AND m.value->>'$.kind' = 'touches'
        AND coalesce(u.done, true)
    ORDER BY m.p, m.o"""  # noqa: S608 - constants of this package

SHAPE: dict[str, type] = {"person": str, "account": str, "number": int}
UNCHECKED = "lists of touches: whether they have the right touches is not recomputed"


def check(con: duckdb.DuckDBPyConnection) -> Check:
    """Compare each list by itself, and the numbers of each person's lists."""
    found = Check("touches")
    numbers: dict[str, Counter[int]] = defaultdict(Counter)
    for p, o, key, value, source, row in con.execute(WRITTEN).fetchall():
        found.compared += 1
        document, where = parsed(value), f"{ACCOUNT_EVENTS}/{p}/{o}"
        if wrong := _wrong(document, key, row, source):
            found.differs(where, key, wrong)
        else:
            numbers[document["person"]][document["number"]] += 1
    for person, told in sorted(numbers.items()):
        if sorted(told.elements()) != list(range(1, len(told) + 1)):
            found.differs(ACCOUNT_EVENTS, person, "numbers of its touches do not rise by one from 1")
    found.skip(found.compared, UNCHECKED)
    return found


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
