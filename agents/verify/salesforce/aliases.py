"""Verify, Salesforce.  Aliases: what was told of each record and address, at its own row (docs/semantics.md, part 2).

In: `user-events` that come of `account-events`.  They have no received time: a row takes them in as they come, so here
the order of the log counts.  Out: by alias its facts, owners, states of accounts, shares and lines.
"""

# ruff: noqa: S608 - only constants of this package are put into SQL

from dataclasses import dataclass, field
from typing import Any

import duckdb

from agents.verify.people import order_key
from agents.verify.texts import iso, parsed
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS

RECORD = "sf:"
RECORDS = f"""SELECT p, o, kind, alias, person, version, object, modified_at, owner, account, fields, number, state,
        arr, change, once, apart, ms, message_id FROM ue
    WHERE done AND (kind IN ('facts', 'account', 'share', 'told') AND person IS NULL AND st = '{ACCOUNT_EVENTS}'
        OR kind IN ('split', 'forget') AND starts_with(alias, '{RECORD}'))
    ORDER BY p, o"""
PASSED_ON = f"SELECT sp, so, alias FROM ue WHERE kind = 'forget' AND person IS NULL AND st = '{USER_EVENTS}'"


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
    owner: str | None = None

    def document(self) -> dict[str, Any]:
        """Make the record's entry in a person's document."""
        return {
            "id": self.alias.removeprefix(RECORD),
            "object": self.object,
            "account": self.account,
            "modified_at": iso(self.modified_at),
            "fields": parsed(self.fields),
        }


@dataclass(frozen=True, slots=True)
class Belonging:
    """What an alias was told of one account, or of its domain's company."""

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
        """What is known of it."""
        return parsed(self.state) or {}


@dataclass(frozen=True, slots=True)
class Line:
    """A line for the timeline."""

    p: int
    o: int
    change: str
    once: str | None
    owner: str | None
    """Whom the facts of the alias named by then."""


@dataclass(slots=True)
class Alias:
    """What was told of one alias."""

    facts: Facts | None = None
    """The latest version."""
    owners: set[str] = field(default_factory=set)
    """Whom any of its facts named."""
    states: dict[str, Belonging] = field(default_factory=dict)
    """By account: what was told last."""
    heard: list[Belonging] = field(default_factory=list)
    """Everything."""
    shares: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By account: number and ARR."""
    lines: list[Line] = field(default_factory=list)
    split: tuple[int, bytes, bool] | None = None
    gone: bool = False
    """It is a record that was forgotten.  What came to it later counts nowhere."""
    passed_to: set[str] = field(default_factory=set)
    """Who heard an operator's word on it."""
    lost: bool = False
    """An operator's word was not passed on, though the record surely had an owner then."""

    @property
    def owner(self) -> str | None:
        """Whose a record is, by its facts."""
        apart = self.split is not None and self.split[2]
        return None if apart or self.facts is None else self.facts.owner


def told(con: duckdb.DuckDBPyConnection) -> dict[str, Alias]:
    """Read everything; needs the table of `log.prepare`."""
    found: dict[str, Alias] = {}
    passed_on = {(p, o): alias for p, o, alias in con.execute(PASSED_ON).fetchall()}
    for row in con.execute(RECORDS).fetchall():
        alias = found.setdefault(row[3], Alias())
        if not alias.gone or row[2] == "share":  # what comes to nobody is part of the sum, too
            _take(alias, row, passed_on.get((row[0], row[1])))
        elif row[2] == "facts":  # which may have been faster than the word
            alias.lost = False
    return found


def _take(one: Alias, row: tuple[Any, ...], passed_to: str | None) -> None:
    (p, o, kind, alias, person, version, name, modified_at, owner, account, fields, number, state, arr, change, once,
     apart, ms, message_id) = row  # fmt: skip
    if kind == "facts" and (one.facts is None or version > one.facts.version):
        one.facts = Facts(version, alias, name, modified_at, account, fields, owner)
        one.owners |= {owner} - {None}
    elif kind == "account":
        said = Belonging(account, number, state)
        one.heard.append(said)
        if account not in one.states or number > one.states[account].number:
            one.states[account] = said
    elif kind == "share":
        one.shares[account] = max((number, arr), one.shares.get(account, (number, arr)))
    elif kind == "told":
        one.lines.append(Line(p, o, change, once, one.owner))
    elif kind == "split":
        word = (ms, order_key(message_id), apart)
        one.split = max(word, one.split or word)
    elif kind == "forget":
        one.gone = passed_to is None if person is None else person == one.owner
        one.lost = person is None and one.gone and one.owner is not None
        one.passed_to |= {passed_to} if passed_to is not None else set()
