"""Verify, accounts.  Persons: what people add to the reports (docs/attribution.md, People, and what they contribute).

In: the rows of people, their documents' facts, and the map file.  Out: the cells of each, and what of them cannot be
told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import duckdb

from agents.verify.accounts.cells import (
    OF_PEOPLE,
    ONE,
    Cells,
    Touch,
    add_touch,
    credit,
    cut,
    in_order,
    path_of,
    without_zeros,
)  # fmt: skip
from agents.verify.facts import Facts
from agents.verify.parts import Parts, Row, stays
from agents.verify.person import Steps
from agents.verify.personas.maps import Persona
from agents.verify.rules import Rules
from agents.verify.sessions import Sessions, Visit, final
from agents.verify.texts import parsed
from agents.verify.ties import FOREVER

SIGN_UPS = "SELECT p, row, o, until, ms FROM copy WHERE name = $name ORDER BY p, row, ms, okey, o"
SHARES = "SELECT p, row, alias, o, account, number, arr FROM entry WHERE kind = 'share' ORDER BY o"
MOST_KEPT = 500
"""Touches of sealed sessions that a row keeps."""
STALE = "personas of a former version of the maps"
LET_GO = "sign-ups some of whose touches may have been let go of before they were the person's"


class SignUp(NamedTuple):
    """A sign-up that a row knows in `[o, until)`."""

    o: int
    until: int
    at: int


def sign_ups(con: duckdb.DuckDBPyConnection, rules: Rules) -> dict[Row, list[SignUp]]:
    """Give those of each row that ever had some, the earliest first."""
    found: dict[Row, list[SignUp]] = {}
    for p, row, *rest in con.execute(SIGN_UPS, {"name": rules.sign_up}).fetchall():
        found.setdefault((p, row), []).append(SignUp(*rest))
    return found


@dataclass(frozen=True, slots=True)
class Acquired:
    """The sign-up of a person, right after a record."""

    at: int
    since: int
    """From which record on it has been the person's."""

    @staticmethod
    def then(known: Iterable[SignUp], o: int) -> "Acquired | None":
        """Choose the earliest; `known` is in that order.  None: there is none."""
        known = [one for one in known if one.o <= o]
        there = [one for one in known if o < one.until]
        if not there:
            return None
        first = there[0]
        former = (one.until for one in known[: known.index(first)] if one.until <= o)
        return Acquired(first.at, max([first.o, *former]))


def shares(con: duckdb.DuckDBPyConnection) -> dict[Row, int]:
    """Give the ARR of each row that was told of a share: of each alias and account the latest by its number."""
    parts: Parts[tuple[str, int, int]] = Parts(stays(con))
    for p, row, alias, o, account, number, arr in con.execute(SHARES).fetchall():
        parts.told[(p, row, alias)].append((o, (account, number, arr)))
    found: Counter[Row] = Counter()
    for row, places in parts.by_row().items():
        for place in places:
            told = sorted(parts.at(place, FOREVER - 1), key=lambda one: one[1])
            found[row] += sum({account: arr for account, _, arr in told}.values())
    return found


@dataclass(frozen=True, slots=True)
class Kept:
    """Tells which touches a row still has."""

    rules: Rules
    steps: Steps

    def surely(self, visit: Visit, since: int) -> bool:
        """Say whether nobody can have let go of a touch, up to the record `since`, or before the row had it."""
        clock = max(visit.seen, self.steps.at(max(visit.o, since)))
        return visit.at > clock - self.rules.horizon_ms - self.rules.lookback_ms

    def path(self, sessions: Sessions, sign_up: Acquired) -> tuple[list[Visit], bool]:
        """Give the touches on the path to a sign-up, and whether a row surely has them all."""
        touches = [one for one in sessions.begun() if one.source]
        path = path_of(touches, sign_up.at, self.rules.acquisition_ms)
        return path, len(touches) <= MOST_KEPT and all(self.surely(one, sign_up.since) for one in path)


@lru_cache(maxsize=1 << 14)
def _source(text: str) -> dict[str, Any]:
    return parsed(text) or {}


def touch_of(visit: Visit) -> Touch:
    """Make the touch of a visit that has a source."""
    return visit.at, visit.key, _source(visit.source)


@dataclass(frozen=True, slots=True)
class Person:
    """What a person adds."""

    cells: Cells
    unsure: bool = False
    """The rows of the sign-up cannot be told."""
    stale: bool = False
    """The persona is that of former maps."""


def people(con: duckdb.DuckDBPyConnection, rules: Rules, facts: Facts) -> Iterator[tuple[Row, Person]]:
    """Give what each person adds; whoever adds nothing may be absent.  Needs table `expected` of `facts`."""
    of_sessions, of_sign_ups, arr = final(con, rules), sign_ups(con, rules), shares(con)
    for p, row in con.execute("SELECT p, row FROM expected WHERE merged_into IS NULL ORDER BY p, row").fetchall():
        key = (p, row)
        cells: Counter[str] = Counter()
        sessions = of_sessions.get(key, Sessions(rules))
        for visit in sessions.begun():
            add_touch(cells, "-s", touch_of(visit) if visit.source else None, 1)
        sign_up, sure = Acquired.then(of_sign_ups.get(key, ()), FOREVER - 1), True
        if sign_up is not None:
            path, sure = Kept(rules, facts.steps.get(p, Steps([], []))).path(sessions, sign_up)
            credit(cells, in_order(map(touch_of, path)), {"u": ONE})
        if row.startswith("user:") or facts.salesforce.get(key):
            _add_person(cells, facts, rules, key, arr.get(key, 0))
        yield key, Person(without_zeros(cells), not sure, facts.is_stale(key, rules))


def _add_person(cells: Counter[str], facts: Facts, rules: Rules, key: Row, arr: int) -> None:
    persona, title = persona_of(facts, rules, key), title_of(facts.salesforce.get(key, []))
    rows = {
        "p": f"{persona.role} / {persona.industry} / {persona.size}",
        "o": persona.role,
        "i": persona.industry,
        "z": persona.size,
        "y": persona.seniority,
        "t": title if title.strip() else "(no title)",
        "a": facts.account.get(key, {}).get("id") or "(no account)",
    }
    for letter in OF_PEOPLE:
        cells[f"{letter}-p:{cut(rows[letter])}"] += 1
        cells[f"{letter}-a:{cut(rows[letter])}"] += arr if letter != "a" else 0


def persona_of(facts: Facts, rules: Rules, key: Row) -> Persona:
    """Name a person; industry and employees are each those of the account, else of the company, else of a Lead."""
    records = facts.salesforce.get(key, [])
    leads = [one["fields"] for one in records if one["object"] == "Lead"]
    told = [facts.account.get(key, {}), facts.company.get(key, {})]
    industries = [*(one.get("industry") for one in told), *(one.get("Industry") for one in leads)]
    numbers = [*(one.get("employees") for one in told), *(one.get("NumberOfEmployees") for one in leads)]
    return rules.personas.persona(
        title_of(records),
        next((one for one in industries if one), ""),
        next((one for one in numbers if one), None),
    )


def title_of(records: list[dict[str, Any]]) -> str:
    """Give the title of the first record that has one, and be it of blanks; empty: none has."""
    titles = (one["fields"].get("Title") for one in records)
    return next((one for one in titles if isinstance(one, str) and one), "")
