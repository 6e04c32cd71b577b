"""Verify, accounts.  Joins: which record made the row of an address, and so its `domain-member` (part 3).

In: tables of `log`.  Out: {record of `user-events`: what it makes}.
"""

import duckdb

from agents.verify.accounts.domains import of_alias
from agents.verify.accounts.fold import Source
from agents.verify.accounts.tells import Made
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS

FIRST = """SELECT row, p, min(o) AS first, min(o) FILTER (kind <> 'detach') AS surely FROM entry
    WHERE starts_with(row, 'email:') GROUP BY row, p ORDER BY row, p"""


def joins(con: duckdb.DuckDBPyConnection) -> list[tuple[list[Source], Made]]:
    """Give each `domain-member` with the records of which one has to make it; the last may be no record.

    A detach that comes first may make a row or not: the specification does not say.
    """
    return [
        ([(USER_EVENTS, p, o) for o in dict.fromkeys((first, surely)) if o is not None], made)
        for row, p, first, surely in con.execute(FIRST).fetchall()
        for made in _member(row)
    ]


def _member(alias: str) -> list[Made]:
    domain = of_alias(alias)
    if domain is None:
        return []
    value = {"kind": "domain-member", "alias": alias, "domain": domain}
    return [Made(ACCOUNT_EVENTS, f"domain:{domain}", value)]
