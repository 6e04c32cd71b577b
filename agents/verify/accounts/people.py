"""Verify, accounts, last room.  People: of which account and company each person is (docs/accounts.md, parts 4 and 7).

In: tables of `log` and `ties`.  Out: the `account` and the `company` of every document that has one.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import duckdb

from agents.verify.parts import Parts, Place, stays
from agents.verify.salesforce.people import Facts
from agents.verify.texts import parsed
from agents.verify.ties import FOREVER

DOMAIN = "domain:"
Row = tuple[int, str]
"""Partition and row."""

TOLD = "SELECT p, row, alias, o, account, number, state FROM entry WHERE kind = 'account' ORDER BY o"


@dataclass(frozen=True, slots=True)
class Belonging:
    """What an alias was told last of one account."""

    account: str
    number: int
    state: dict[str, Any] | None

    @property
    def document(self) -> dict[str, Any]:
        """The account in a document of a person."""
        return {"id": self.account, **(self.state or {})}


States = dict[Row, dict[str, list[Belonging]]]
"""Of each row, by alias: what it was told and is so still."""


def states(con: duckdb.DuckDBPyConnection) -> States:
    """Give what accounts and domains told the parts of each row."""
    states: States = defaultdict(dict)
    for (p, row, alias), found in _latest(con).items():
        states[(p, row)][alias] = [one for one in found if one.state is not None]
    return states


def companies(states: States) -> dict[Row, dict[str, Any]]:
    """Give the company of each row that has one: of the domains of its addresses the one that sorts first."""
    found: dict[Row, dict[str, Any]] = {}
    for row, of_alias in states.items():
        told = [one for one in _of_addresses(of_alias) if one.account.startswith(DOMAIN)]
        if told:
            first = min(told, key=lambda one: one.account)
            found[row] = {"domain": first.account.removeprefix(DOMAIN), **(first.state or {})}
    return found


def accounts(states: States, records: dict[Row, list[Facts]]) -> dict[Row, dict[str, Any]]:
    """Give the account of each row that has one; `records` as `salesforce.people.held` gives them."""
    accounts = {row: _account(records.get(row, []), of_alias) for row, of_alias in states.items()}
    return {row: one.document for row, one in accounts.items() if one is not None}


def _latest(con: duckdb.DuckDBPyConnection) -> dict[Place, list[Belonging]]:
    """Give of each part the latest state of each account."""
    parts: Parts[Belonging] = Parts(stays(con))
    for p, row, alias, o, account, number, state in con.execute(TOLD).fetchall():
        parts.told[(p, row, alias)].append((o, Belonging(account, number, parsed(state))))
    return {place: _by_account(parts.at(place, FOREVER - 1)) for place in parts.places()}


def _by_account(told: list[Belonging]) -> list[Belonging]:
    latest = {one.account: one for one in sorted(told, key=lambda one: one.number)}
    return list(latest.values())


def _of_addresses(states: dict[str, list[Belonging]]) -> list[Belonging]:
    return _by_account([one for alias, found in states.items() if alias.startswith("email:") for one in found])


def _account(records: list[Facts], states: dict[str, list[Belonging]]) -> Belonging | None:
    """Choose: that of the first contact that has one, else of the addresses the one that sorts first."""
    for contact in (one for one in records if one.object == "Contact"):
        named = [one for one in states.get(contact.alias, []) if one.account == contact.account]
        if named:
            return named[0]
    by_mail = [one for one in _of_addresses(states) if not one.account.startswith(DOMAIN)]
    return min(by_mail, key=lambda one: one.account, default=None)
