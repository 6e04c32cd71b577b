"""Verify, accounts.  Contributions: what accounts add to the reports, and the sums of all documents.

In: the rows of accounts, with the touches that people told them.  Compared: the latest of each document in
`contributions` (docs/attribution.md, "What people and accounts contribute").  Of people only that they are counted once
in each dimension; their sessions, sign-ups and personas are not recomputed here.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from hashlib import md5
from typing import Any

import duckdb

from agents.verify.accounts.fold import Accounts
from agents.verify.accounts.models import MODELS
from agents.verify.accounts.row import Account
from agents.verify.accounts.shares import divided
from agents.verify.accounts.state import Money, money
from agents.verify.forgetting import gone
from agents.verify.report import Check
from agents.verify.rules import DAY_MS, Rules
from agents.verify.salesforce.values import millis
from agents.verify.texts import parsed
from agents.verify.ties import LONGEST_PATH, now
from agents.verify.world import CONTRIBUTIONS

LATEST = f"""SELECT p, key, max(o), arg_max(coalesce(value, 'null'), o) FROM message WHERE topic = '{CONTRIBUTIONS}'
    GROUP BY p, key ORDER BY p, key"""  # noqa: S608 - constants of this package
SHARES = """SELECT alias, arg_max(arr, number) FROM ue WHERE kind = 'share' AND person IS NULL AND done
    GROUP BY alias, account ORDER BY alias, account"""
ONE = 1_000_000
OF_TOUCHES = {"c": "campaign", "h": "channel", "g": "ga4", "s": "source", "r": "referrer"}
OF_PEOPLE = "poizyta"
LONGEST_NAME, DIGEST = 100, 16
ACCOUNT = "001"

Cells = dict[str, int]


def check(con: duckdb.DuckDBPyConnection, accounts: Accounts, rules: Rules) -> Check:
    """Compare every account, look at every person, and add everything up."""
    found = Check("contributions")
    shown = {key: (f"{CONTRIBUTIONS}/{p}/{o}", _cells(value)) for p, key, o, value in con.execute(LATEST).fetchall()}
    rows = [(one, at) for at in accounts.partitions for one in at.accounts.values()]
    for account, at in rows:
        found.compared += 1
        if not accounts.is_unsure(account.id):
            where, cells = shown.get(account.id, (CONTRIBUTIONS, {}))
            _compare(
                found, where, account.id, contribution(account, money(at.references, accounts.rules), rules), cells
            )
    forgotten = {row for _, row in gone(con)}
    people = {key: one for key, one in shown.items() if not key.startswith(ACCOUNT) and key not in forgotten}
    for key, (where, cells) in people.items():
        _person(found, where, key, cells)
    _totals(found, [cells for _, cells in shown.values()], nobodys(con))
    found.skip(len(people), "people's sessions, sign-ups and personas")
    return found


def contribution(account: Account, way: Money, rules: Rules) -> Cells:
    """Make what an account adds."""
    cells: Counter[str] = Counter()
    touches = sorted(
        (touch for kept in account.touches.values() for touch in kept[1]),
        key=lambda one: (one[0], one[1], *(one[2].get(name) or "" for name in ("channel", *ORDER))),
    )
    for at, measures in _conversions(account, way):
        path = [touch for touch in touches if at - rules.lookback_ms < touch[0] <= at]
        for model, weigh in MODELS.items():
            weights = weigh([(one[0], one[2].get("channel") == "Direct") for one in path]) if path else [1]
            for measure, amount in measures.items():
                for touch, part in zip(path or [None], divided(amount, weights), strict=True):
                    for letter, name in OF_TOUCHES.items():
                        cells[f"{letter}{model}{measure}:{_row(touch, name)}"] += part
    arr = sum(way.arr(one) or 0 for one in account.won())
    cells[f"a-a:{account.id}"] += arr
    for letter in OF_PEOPLE.replace("a", ""):
        cells[f"{letter}-a:(no contact)"] += arr - sum(account.shares(way).values())
    return {cell: amount for cell, amount in cells.items() if amount}


ORDER = ("ga4", "campaign", "source", "referrer")


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


def _row(touch: Any, name: str) -> str:
    if touch is None:
        return "(unattributed)"
    value = touch[2].get(name) or "(none)"
    if len(value) <= LONGEST_NAME:
        return str(value)
    digest = md5(value.encode(), usedforsecurity=False).hexdigest()[:DIGEST]
    return f"{value[: LONGEST_NAME - DIGEST - 1]}~{digest}"


def _cells(value: str | None) -> Cells:
    document = parsed(value)
    cells = document.get("cells") if isinstance(document, dict) else None
    return cells if isinstance(cells, dict) else {}


def _compare(found: Check, where: str, key: str, wanted: Cells, shown: Cells) -> None:
    for cell in sorted({*wanted, *shown}):
        if wanted.get(cell, 0) != shown.get(cell, 0):
            found.differs(where, key, f"{cell} is {shown.get(cell, 0)}, is to be {wanted.get(cell, 0)}")


def _person(found: Check, where: str, key: str, cells: Cells) -> None:
    """Look whether a person is one in every dimension, or in none."""
    found.compared += 1
    counts = {letter: sum(n for cell, n in cells.items() if cell.startswith(f"{letter}-p:")) for letter in OF_PEOPLE}
    if len(set(counts.values())) != 1 or counts["p"] not in (0, 1):
        found.differs(where, key, f"is to be one person in each dimension or none, is {counts}")
    if key.startswith("user:") and counts["p"] != 1:
        found.differs(where, key, "has a userId and is to be counted as a person")


def nobodys(con: duckdb.DuckDBPyConnection) -> int:
    """Sum up the shares that go nowhere: of contacts that are forgotten, or were merged into each other."""
    owners, forgotten = now(con), {row for _, row in gone(con)}
    return sum(arr for alias, arr in con.execute(SHARES).fetchall() if _person_of(alias, owners, forgotten) is None)


def _person_of(alias: str, owners: dict[str, str], forgotten: set[str]) -> str | None:
    """Follow the owners as far as parts come; None: that ends at nobody."""
    for _ in range(LONGEST_PATH + 1):
        if alias in forgotten:
            return None
        if alias not in owners:
            return alias
        alias = owners[alias]
    return None


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
