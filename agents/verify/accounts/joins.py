"""Verify, accounts.  Joins: what rows of people tell when they are made and forgotten (docs/accounts.md, parts 3, 6).

Compared: `domain-member` of each address whose domain is one, `forgotten` of each address and record that is gone:
once, by a record that came to that row.
"""

# ruff: noqa: S608 - only constants of this package are put into SQL

from collections import defaultdict

import duckdb

from agents.verify.accounts.domains import of_alias
from agents.verify.everybody import Everybody
from agents.verify.report import Check
from agents.verify.texts import canonical, parsed, unlike
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS

KINDS = ("domain-member", "forgotten")
WRITTEN = f"""SELECT m.p, m.o, m.key, m.value, ue.row, ue.kind FROM message m
    LEFT JOIN ue ON m.headers->>'source' = '{USER_EVENTS}/' || ue.p || '/' || ue.o
    WHERE m.topic = '{ACCOUNT_EVENTS}' AND json_valid(m.value) AND m.value->>'$.kind' IN {KINDS}
        AND coalesce(ue.done, true) ORDER BY m.p, m.o"""


def check(con: duckdb.DuckDBPyConnection, everybody: Everybody, found: Check) -> None:
    """Compare; `found` hears of it."""
    there: dict[tuple[str, str], int] = defaultdict(int)
    for p, o, key, value, row, kind in con.execute(WRITTEN).fetchall():
        found.compared += 1
        document, where = parsed(value), f"{ACCOUNT_EVENTS}/{p}/{o}"
        alias = str(document.get("alias"))
        wanted = _wanted(document["kind"], alias)
        if wanted is None or canonical(document) != canonical(wanted[1]):
            found.differs(where, key, unlike(wanted[1], document) if wanted else "is of nobody's domain")
        elif key != wanted[0]:
            found.differs(where, key, f"is to be keyed by {wanted[0]}")
        elif row != alias or (kind == "forget") != (document["kind"] == "forgotten"):
            found.differs(where, key, "no record of that row makes this")
        there[document["kind"], alias] += 1
    for kind, alias in sorted({*there, *_due(everybody)}):
        least, most = _times(everybody, kind, alias)
        if not least <= there[kind, alias] <= most:
            found.differs(ACCOUNT_EVENTS, alias, f"{kind} is there {there[kind, alias]} times, is to be {least}")


def _wanted(kind: str, alias: str) -> tuple[str, dict[str, str]] | None:
    """Give key and value of a message of that kind; None: there can be none."""
    value = {"kind": kind, "alias": alias}
    if kind == "forgotten" and alias.startswith("sf:"):
        return alias.removeprefix("sf:"), value
    domain = of_alias(alias) if alias.startswith("email:") else None
    return None if domain is None else (f"domain:{domain}", {**value, "domain": domain})


def _due(everybody: Everybody) -> set[tuple[str, str]]:
    made = {("domain-member", row) for row in everybody.rows}
    every = made | {("forgotten", row) for row in everybody.gone}
    return {(kind, row) for kind, row in every if _wanted(kind, row) is not None}


def _times(everybody: Everybody, kind: str, alias: str) -> tuple[int, int]:
    """Say how often a message has to be there, at least and at most.

    A row that exists for a moment between others, and one that was forgotten, may have told of itself or not.
    """
    if kind == "forgotten":
        decided = (everybody.gone.get(alias) or 0) <= everybody.until(alias)
        return int(alias in everybody.gone and decided), int(alias in everybody.gone)
    return int(everybody.rows.get(alias, False) and not everybody.is_pending(alias)), 1
