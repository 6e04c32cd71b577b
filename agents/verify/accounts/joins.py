"""Verify, accounts.  Joins: what the rows of people tell of themselves (docs/accounts.md, parts 3 and 6).

In: tables of `log` and `forgetting`.  Out: the `domain-member` of each record that made the row of an address, the
`forgotten` of each by which a row was forgotten.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from agents.verify.accounts.domains import of_alias
from agents.verify.accounts.fold import Source
from agents.verify.accounts.tells import Made
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS

FIRST = """SELECT row, p, min(o) AS first, min(o) FILTER (kind <> 'detach') AS surely FROM entry
    WHERE starts_with(row, 'email:') GROUP BY row, p ORDER BY row, p"""
GONE = "SELECT row, p, o FROM gone WHERE starts_with(row, 'sf:') OR starts_with(row, 'email:') ORDER BY p, o"


@dataclass(frozen=True, slots=True)
class Join:
    """A `domain-member`, and the record that makes it."""

    maybe: Source
    """It may have made the row: of a detach that comes first the specification does not say whether it does."""
    surely: Source | None
    """It made the row at the latest; None: there was nothing but detaches."""
    made: Made


def joins(con: duckdb.DuckDBPyConnection) -> Iterator[Join]:
    """Give each row of an address that belongs to a domain."""
    for alias, p, first, surely in con.execute(FIRST).fetchall():
        domain = of_alias(alias)
        if domain is not None:
            last = None if surely is None else (USER_EVENTS, p, surely)
            yield Join((USER_EVENTS, p, first), last, _of_domain("domain-member", alias, domain))


def forgotten(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[Source, Made]]:
    """Give what the rows of records, and those of addresses that belong to a domain, tell when they are forgotten."""
    for alias, p, o in con.execute(GONE).fetchall():
        if alias.startswith("sf:"):
            value = {"kind": "forgotten", "alias": alias}
            yield (USER_EVENTS, p, o), Made(ACCOUNT_EVENTS, alias.removeprefix("sf:"), value)
        elif (domain := of_alias(alias)) is not None:
            yield (USER_EVENTS, p, o), _of_domain("forgotten", alias, domain)


def _of_domain(kind: str, alias: str, domain: str) -> Made:
    return Made(ACCOUNT_EVENTS, f"domain:{domain}", {"kind": kind, "alias": alias, "domain": domain})
