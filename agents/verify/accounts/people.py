"""Verify, accounts, last room.  People: of which account and company each person is (docs/accounts.md, parts 4 and 7).

In: tables of `log` and `ties`.  Out: the `account` and the `company` of every document that has one, and the account of
a person at a log position.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from agents.verify.parts import Parts, Place, Row, stays
from agents.verify.salesforce import people as salesforce
from agents.verify.salesforce.people import Facts
from agents.verify.texts import parsed
from agents.verify.ties import FOREVER

DOMAIN = "domain:"
TOLD = "SELECT p, row, alias, o, account, number, state FROM entry WHERE kind = 'account' ORDER BY o"


@dataclass(frozen=True, slots=True)
class Belonging:
    """What an alias was told last of one account."""

    account: str
    number: int
    state: str | None
    """JSON, read only where it is shown: most states are soon replaced by another."""

    @property
    def document(self) -> dict[str, Any]:
        """The account in a document of a person."""
        return {"id": self.account, **self.known}

    @property
    def known(self) -> dict[str, Any]:
        """What is known of the account, or of the domain's company."""
        return parsed(self.state) or {}


States = dict[str, list[Belonging]]
"""Of one row: what each alias was told and is so."""


def final(con: duckdb.DuckDBPyConnection) -> dict[Row, States]:
    """Give what accounts and domains have told each row in the end."""
    parts = _told(con)
    return {row: _states(parts, places, FOREVER - 1) for row, places in parts.by_row().items()}


def accounts(told: dict[Row, States], records: dict[Row, list[Facts]]) -> dict[Row, dict[str, Any]]:
    """Give the account of each row that has one; `records` as `salesforce.people.held` gives them."""
    found = {row: _account(records.get(row, []), states) for row, states in told.items()}
    return {row: one.document for row, one in found.items() if one is not None}


def companies(told: dict[Row, States]) -> dict[Row, dict[str, Any]]:
    """Give the company of each row that has one: of the domains of its addresses the one that sorts first."""
    found: dict[Row, dict[str, Any]] = {}
    for row, states in told.items():
        known = [one for one in _of_addresses(states) if one.account.startswith(DOMAIN)]
        if known:
            first = min(known, key=lambda one: one.account)
            found[row] = {"domain": first.account.removeprefix(DOMAIN), **first.known}
    return found


def accounts_then(con: duckdb.DuckDBPyConnection, moments: list[tuple[Row, int]]) -> list[dict[str, Any] | None]:
    """Give the account of each (row, offset) right after the record there, in the order given; None: it has none."""
    belonging = belongings(con)
    found = (belonging(row, o) for row, o in moments)
    return [one.document if one is not None else None for one in found]


def belongings(con: duckdb.DuckDBPyConnection) -> Callable[[Row, int], Belonging | None]:
    """Tell the account of a row right after the record at an offset; None: it has none."""
    facts, states = salesforce.told(con), _told(con)
    of_facts, of_states = facts.by_row(), states.by_row()

    def then(row: Row, o: int) -> Belonging | None:
        records = salesforce.listed(facts, of_facts.get(row, ()), o)
        return _account(records, _states(states, of_states.get(row, ()), o))

    return then


def _told(con: duckdb.DuckDBPyConnection) -> Parts[Belonging]:
    """Read all that accounts said."""
    parts: Parts[Belonging] = Parts(stays(con))
    for p, row, alias, o, account, number, state in con.execute(TOLD).fetchall():
        parts.told[(p, row, alias)].append((o, Belonging(account, number, state)))
    return parts


def _states(parts: Parts[Belonging], places: Iterable[Place], o: int) -> States:
    """Give the latest states of accounts by alias, of the parts at these places right after a record."""
    latest = {place[2]: _by_account(parts.at(place, o)) for place in places}
    return {alias: [one for one in found if one.state is not None] for alias, found in latest.items()}


def _by_account(told: list[Belonging]) -> list[Belonging]:
    latest = {one.account: one for one in sorted(told, key=lambda one: one.number)}
    return list(latest.values())


def _of_addresses(states: States) -> list[Belonging]:
    return _by_account([one for alias, found in states.items() if alias.startswith("email:") for one in found])


def _account(records: list[Facts], states: States) -> Belonging | None:
    """Choose: that of the first contact that has one, else of the addresses the one that sorts first."""
    for contact in (one for one in records if one.object == "Contact"):
        named = [one for one in states.get(contact.alias, []) if one.account == contact.account]
        if named:
            return named[0]
    by_mail = [one for one in _of_addresses(states) if not one.account.startswith(DOMAIN)]
    return min(by_mail, key=lambda one: one.account, default=None)
