"""Verify, accounts.  Contributions: what accounts and people add to the reports, and the sums of all documents.

In: the rows of accounts, with the touches that people told them, and what `persons` says of people.  Compared: the
latest of each document in `contributions` (docs/attribution.md, "What people and accounts contribute").
"""

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from agents.verify.accounts import persons
from agents.verify.accounts.cells import (
    OF_PEOPLE,
    OF_TOUCHES,
    ONE,
    Cells,
    credit,
    in_order,
    path_of,
    without_zeros,
)  # fmt: skip
from agents.verify.accounts.fold import Accounts
from agents.verify.accounts.models import MODELS
from agents.verify.accounts.row import Account
from agents.verify.accounts.state import Money, money
from agents.verify.everybody import OF_FULL_ROWS, Everybody
from agents.verify.report import Check
from agents.verify.rules import DAY_MS, Rules
from agents.verify.salesforce.values import millis
from agents.verify.texts import parsed
from agents.verify.world import CONTRIBUTIONS

LATEST = f"""SELECT p, key, max(o), arg_max(coalesce(value, 'null'), o) FROM message WHERE topic = '{CONTRIBUTIONS}'
    AND key IS NOT NULL GROUP BY p, key ORDER BY p, key"""  # noqa: S608 - constants of this package
CELL = re.compile("[a-z][a-z-][a-z]:")
ACCOUNT = "001"
PENDING = "contributions of people of whom something was received that is not decided yet"
SIGN_UPS = "u"
"""The measure of sign-ups: third letter of a cell."""

Shown = dict[str, tuple[str, Cells]]
"""By document: where its latest contribution is, and what."""


def check(
    con: duckdb.DuckDBPyConnection, accounts: Accounts, rules: Rules, everybody: Everybody, personas: persons.Personas
) -> Check:
    """Compare every account and every person, and add everything up."""
    found = Check("contributions")
    shown: Shown = {}
    for p, key, o, value in con.execute(LATEST).fetchall():
        cells = _cells(value)
        if cells is None:
            found.differs(f"{CONTRIBUTIONS}/{p}/{o}", key, "cannot be read")
        shown[key] = f"{CONTRIBUTIONS}/{p}/{o}", cells or {}
    _accounts(found, shown, accounts, rules)
    _people(found, shown, everybody, rules, personas)
    _totals(found, [cells for _, cells in shown.values()], nobodys(everybody))
    return found


def _accounts(found: Check, shown: Shown, accounts: Accounts, rules: Rules) -> None:
    rows = [(one, at) for at in accounts.partitions for one in at.accounts.values()]
    for account, at in rows:
        found.compared += 1
        if not accounts.is_unsure(account.id):
            where, cells = shown.get(account.id, (CONTRIBUTIONS, {}))
            wanted = contribution(account, money(at.references, accounts.rules), rules)
            _compare(found, where, account.id, wanted, cells)


def _people(found: Check, shown: Shown, everybody: Everybody, rules: Rules, personas: persons.Personas) -> None:
    """Compare everybody; whoever is no person, and not forgotten, adds nothing."""
    wanted = dict(persons.people(everybody, rules, personas))
    others = {key for key in shown if not key.startswith(ACCOUNT)} - everybody.gone.keys()
    nobody = persons.Person({})
    for key in sorted({*wanted, *others}):
        found.compared += 1
        where, cells = shown.get(key, (CONTRIBUTIONS, {}))
        person = wanted.get(key, nobody)
        if key not in shown and not everybody.rows.get(key, True):
            continue
        if why := _open(everybody, key):
            found.skip(1, why)
            continue
        if person.unsure:
            _sign_up(found, where, key, cells)
        left_out = (SIGN_UPS if person.unsure else "", OF_PEOPLE if person.stale else "")
        _compare(found, where, key, _without(person.cells, *left_out), _without(cells, *left_out))
    found.skip(sum(one.unsure for one in wanted.values()), persons.LET_GO)
    found.skip(sum(one.stale for one in wanted.values()), persons.STALE)


def _open(everybody: Everybody, row: str) -> str:
    """Say why what somebody adds cannot be told."""
    if row in everybody.full:
        return OF_FULL_ROWS
    return PENDING if everybody.is_pending(row) else ""


def _without(cells: Cells, measures: str, dimensions: str) -> Cells:
    return {cell: n for cell, n in cells.items() if cell[2] not in measures and cell[0] not in dimensions}


def _sign_up(found: Check, where: str, key: str, cells: Cells) -> None:
    """Look whether a sign-up is one, by every dimension and model, whatever its path is."""
    for letters in (letter + model + SIGN_UPS for letter in OF_TOUCHES for model in MODELS):
        amount = sum(n for cell, n in cells.items() if cell.startswith(letters))
        if amount != ONE:
            found.differs(where, key, f"sign-ups by {letters} are {amount}, are to be {ONE}")


def contribution(account: Account, way: Money, rules: Rules) -> Cells:
    """Make what an account adds."""
    cells: Counter[str] = Counter()
    kept = (touch for _, touches in account.touches.values() for touch in touches)
    touches = in_order((at, b64decode(key), source) for at, key, source in kept)
    for at, measures in _conversions(account, way):
        credit(cells, path_of(touches, at, rules.lookback_ms), measures)
    arr = sum(way.arr(one) or 0 for one in account.won())
    cells[f"a-a:{account.id}"] += arr
    for letter in OF_PEOPLE.replace("a", ""):
        cells[f"{letter}-a:(no contact)"] += arr - sum(account.shares(way).values())
    return without_zeros(cells)


def _conversions(account: Account, way: Money) -> Iterator[tuple[int, dict[str, int]]]:
    for fields in account.opportunities.values():
        yield millis(fields.get("CreatedDate")) or 0, {"o": ONE}
        if fields.get("IsWon") is True:
            yield _end_of(fields.get("CloseDate")), {"w": ONE, "a": way.arr(fields) or 0}


def _end_of(day: Any) -> int:
    try:
        begin = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    except (TypeError, ValueError):
        return 0
    return int(begin.timestamp()) * 1000 + DAY_MS - 1


def _cells(value: str | None) -> Cells | None:
    """Read a document; None: it cannot be read."""
    document = parsed(value)
    cells = document.get("cells") if isinstance(document, dict) else document
    if cells is None:
        return {} if value == "null" else None
    readable = isinstance(cells, dict) and all(CELL.match(one) and type(n) is int for one, n in cells.items())
    return cells if readable else None


def _compare(found: Check, where: str, key: str, wanted: Cells, shown: Cells) -> None:
    for cell in sorted({*wanted, *shown}):
        if wanted.get(cell, 0) != shown.get(cell, 0):
            found.differs(where, key, f"{cell} is {shown.get(cell, 0)}, is to be {wanted.get(cell, 0)}")


def nobodys(everybody: Everybody) -> int:
    """Sum up the shares that go nowhere: of contacts that are forgotten, merged into each other, or deleted.

    Without a record that is not deleted only a user is a person who counts.
    """
    shares = [(alias, arr) for alias, one in everybody.told.items() for _, arr in one.shares.values()]
    people = ((arr, everybody.person_of(alias)) for alias, arr in shares)
    return sum(arr for arr, row in people if row is None or not (row.startswith("user:") or everybody.records(row)))


def _totals(found: Check, documents: list[Cells], nobodys: int) -> None:
    """Look whether ARR has one sum by every dimension and model; by those of people without what is nobody's."""
    sums: Counter[str] = Counter()
    for cells in documents:
        for cell, amount in cells.items():
            if cell[2:4] == "a:":
                sums[cell[:2]] += amount
    whole = sums["a-"]
    wanted = {letter + model: whole for letter in OF_TOUCHES for model in MODELS}
    wanted |= {f"{letter}-": whole - nobodys for letter in OF_PEOPLE.replace("a", "")}
    for name, amount in wanted.items():
        found.compared += 1
        if sums[name] != amount:
            found.differs(CONTRIBUTIONS, "", f"ARR by {name} is {sums[name]} in all, by account it comes to {amount}")
