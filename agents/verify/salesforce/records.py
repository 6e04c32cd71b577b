"""Verify, Salesforce.  Records: all rows of records, and what is known of them (docs/salesforce.md, parts 3 and 5).

In: changes in the order of the log; `accounts` brings them.  Compared: `salesforce-refetch` (of records, but for those
of accounts that were merged), the latest of `salesforce-records`.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import duckdb

from agents.verify.report import Check
from agents.verify.salesforce.ids import id_or_none
from agents.verify.salesforce.row import Change, Row
from agents.verify.salesforce.told import Differences
from agents.verify.salesforce.values import millis
from agents.verify.texts import canonical, parsed
from agents.verify.world import SALESFORCE_RECORDS, SALESFORCE_REFETCH

WRITTEN = "SELECT p, o, key, value FROM message WHERE topic = ? ORDER BY p, o"
FORGETTABLE = {"003": "Contact", "00Q": "Lead"}
"""Objects of people, by the beginning of their ids."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A change, and the row of its record after it."""

    change: Change
    row: Row
    version: int
    differences: Differences

    def pair(self, name: str) -> tuple[Any, Any]:
        """Give what a field was before the change, and what it is now."""
        now = self.row.values().get(name)
        return self.differences.get(name, (now, now))

    def linked(self, name: str, *, dies: bool = True) -> tuple[str | None, str | None]:
        """Give the record that a field names, before and now; where that `dies`, a deleted record names none."""
        before, now = (
            None if dies and dead else id_or_none(value)
            for value, dead in zip(self.pair(name), self.pair("IsDeleted"), strict=True)
        )
        return before, now


class Records:
    """All records of a log, folded."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.versions: dict[str, int] = defaultdict(int)
        self.refetch: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.states: dict[str, list[dict[str, Any]]] = defaultdict(list)
        """What was known of each record after each of its changes."""
        self.forgotten: set[str] = set()

    def forget(self, record: str) -> str | None:
        """Keep nothing of a record; give the account of which it was a contact, and raise its version then."""
        row, objects = self.rows.get(record, Row()), [one["object"] for one in self.states[record]]
        account = id_or_none(row.values().get("AccountId")) if objects[-1:] == ["Contact"] and not row.deleted else None
        self.versions[record] += account is not None
        self.rows[record] = Row(unsure=row.unsure)
        self.forgotten.add(record)
        self.states[record].append(forgotten(record))
        return account

    def fold(self, change: Change) -> Folded:
        """Take one change; one of a record that is forgotten comes to nothing."""
        row = self.rows.setdefault(change.record, Row())
        if change.record in self.forgotten:
            return Folded(change, row, self.versions[change.record], {})
        outcome = row.fold(change)
        self.versions[change.record] += bool(outcome.differences)
        if outcome.refetch is not None:
            why, since = outcome.refetch
            self.refetch[change.record].append(
                {"object": change.object, "id": change.record, "since": since, "why": why}
            )
        self.states[change.record].append(state(change, row))
        return Folded(change, row, self.versions[change.record], outcome.differences)


def state(change: Change, row: Row) -> dict[str, Any]:
    """Make what `salesforce-records` says of a record."""
    values = row.values()
    stamps = (millis(values.get(name)) for name in ("SystemModstamp", "LastModifiedDate"))
    modified_at = next((at for at in stamps if at is not None), None)
    return {
        "object": change.object,
        "id": change.record,
        "modified_at": modified_at,
        "deleted": row.deleted,
        "dirty": row.dirty_since > 0,
    }


def forgotten(record: str) -> dict[str, Any]:
    """Make what `salesforce-records` says of a record that is forgotten."""
    known = {"modified_at": None, "deleted": False, "dirty": False, "forgotten": True}
    return {"object": FORGETTABLE.get(record[:3], ""), "id": record, **known}


def check(con: duckdb.DuckDBPyConnection, records: Records) -> Check:
    """Compare what is known of records, and which were asked for."""
    found = Check("salesforce records")
    found.compared = sum(map(len, records.states.values()))
    _compare_refetch(con, records, found)
    _compare_states(con, records, found)
    return found


def _compare_refetch(con: duckdb.DuckDBPyConnection, records: Records, found: Check) -> None:
    shown: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for p, o, key, value in con.execute(WRITTEN, [SALESFORCE_REFETCH]).fetchall():
        document = parsed(value)
        if isinstance(document, dict) and document.get("id") is not None and document.get("why") != "merged":
            shown[str(document["id"])].append(document)
            if key != document["id"]:
                found.differs(f"{SALESFORCE_REFETCH}/{p}/{o}", key, "is not keyed by its record")
    for record in sorted({*shown, *records.refetch}):
        if record in records.rows and records.rows[record].unsure:
            continue
        expected = [canonical(one) for one in records.refetch[record]]
        there = [canonical(one) for one in shown[record]]
        if expected != there:
            found.differs(SALESFORCE_REFETCH, record, f"is {there}, is to be {expected}"[:800])


def _compare_states(con: duckdb.DuckDBPyConnection, records: Records, found: Check) -> None:
    latest: dict[str, str] = {}
    for p, o, key, value in con.execute(WRITTEN, [SALESFORCE_RECORDS]).fetchall():
        latest[key] = canonical(parsed(value))
        if latest[key] not in {canonical(one) for one in records.states[key]} and not _unsure(records, key):
            found.differs(f"{SALESFORCE_RECORDS}/{p}/{o}", key, f"was never so: {latest[key]}")
    for record, states in records.states.items():
        if states and not _unsure(records, record) and latest.get(record) != canonical(states[-1]):
            found.differs(SALESFORCE_RECORDS, record, f"is {latest.get(record)}, is to be {canonical(states[-1])}")


def _unsure(records: Records, record: str) -> bool:
    return record in records.rows and records.rows[record].unsure
