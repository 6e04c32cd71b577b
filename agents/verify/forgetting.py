"""Verify, room 5e.  Forgetting: nothing may be left of whoever is forgotten (docs/semantics.md, part 8).

What a word makes on its way, row by row, is not retold: who is forgotten in the end, and what others hear of it, is.
"""

# ruff: noqa: S608 - only constants of this package are put into SQL

import duckdb

from agents.verify.everybody import Everybody
from agents.verify.report import Check
from agents.verify.world import CONTRIBUTIONS, PROFILE_VIEWS, USER_EVENTS

SAID = f"""SELECT topic, key, max(o) FILTER (digest IS NOT NULL) AS value_at,
        CASE topic WHEN '{PROFILE_VIEWS}' THEN min(o) FILTER (digest IS NULL) ELSE max(o) FILTER (digest IS NULL) END,
        any_value(p)
    FROM message WHERE topic IN ('{PROFILE_VIEWS}', '{CONTRIBUTIONS}') AND key IS NOT NULL GROUP BY topic, key
    HAVING value_at IS NOT NULL ORDER BY topic, key"""
"""Compaction takes a null away some time after what it deletes: of whom nothing is there is as it has to be."""


def check(con: duckdb.DuckDBPyConnection, everybody: Everybody) -> Check:
    """Look whether documents of whoever is forgotten are deleted."""
    found = Check("forgotten")
    found.compared = len(everybody.gone)
    for alias in sorted(alias for alias, one in everybody.told.items() if one.lost or one.passed_to - one.owners):
        found.differs(USER_EVENTS, alias, "is to be forgotten, and its owner did not hear of it, or somebody else did")
    for topic, key, value_at, null_at, p in con.execute(SAID).fetchall():
        if key in everybody.gone and value_at > (-1 if null_at is None else null_at):
            at = everybody.gone[key]
            if at is None or at <= everybody.until(key):
                what = "was not deleted" if null_at is None else "is there again"
                found.differs(f"{topic}/{p}/{value_at}", key, f"is forgotten, and {what}")
    return found
