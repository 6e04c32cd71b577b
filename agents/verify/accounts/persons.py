"""Verify, accounts.  Persons: what people add to the reports (docs/attribution.md, People, and what they contribute).

In: everybody, and the map file.  Out: the persona and the cells of each, and what of them cannot be told.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.verify.accounts.cells import (
    OF_PEOPLE,
    ONE,
    Cells,
    Touch,
    add_touch,
    credit,
    cut,
    in_order,
    without_zeros,
)  # fmt: skip
from agents.verify.everybody import Everybody
from agents.verify.people import Outcome, Session
from agents.verify.personas.maps import Persona
from agents.verify.rules import Rules

MOST_KEPT = 500
"""Touches of sealed sessions that a row keeps."""
STALE = "personas of a former version of the maps"
LET_GO = "sign-ups some of whose touches may have been let go of before they were the person's"


@dataclass(slots=True)
class Personas:
    """Who people are at work."""

    everybody: Everybody
    rules: Rules
    versions: Mapping[str, int | None]
    """By row: the version of the maps by which its document names it; None: it does not."""
    earliest: int = field(init=False)
    """Of these versions."""

    def __post_init__(self) -> None:
        named = (one for one in self.versions.values() if one is not None)
        self.earliest = min(named, default=self.rules.personas.version)

    def is_stale(self, row: str) -> bool:
        """Say whether a person has been named by former maps, and not by those of today yet, as far as can be told."""
        own = self.versions.get(row)
        return (self.earliest if own is None else own) < self.rules.personas.version

    def of(self, row: str) -> Persona:
        """Name a person; industry and employees are each those of the account, else of the company, else of a Lead."""
        records = [one.document() for one in self.everybody.records(row)]
        leads = [one["fields"] for one in records if one["object"] == "Lead"]
        told = [one.known for one in (self.everybody.account(row), self.everybody.company(row)) if one is not None]
        industries = [*(one.get("industry") for one in told), *(one.get("Industry") for one in leads)]
        numbers = [*(one.get("employees") for one in told), *(one.get("NumberOfEmployees") for one in leads)]
        return self.rules.personas.persona(
            title_of(records),
            next((one for one in industries if one), ""),
            next((one for one in numbers if one), None),
        )


@dataclass(frozen=True, slots=True)
class Person:
    """What a person adds."""

    cells: Cells
    unsure: bool = False
    """The rows of the sign-up cannot be told."""
    stale: bool = False
    """The persona is that of former maps."""


def people(everybody: Everybody, rules: Rules, personas: Personas) -> Iterator[tuple[str, Person]]:
    """Give what each person adds; whoever adds nothing has no cells."""
    for row in everybody.people():
        cells, outcome, sure = Counter[str](), everybody.outcome(row), True
        for session in outcome.sessions:
            add_touch(cells, "-s", touch_of(session) if session.source is not None else None, 1)
        if outcome.signed_up is not None:
            path, sure = _path(outcome, *outcome.signed_up, rules)
            credit(cells, in_order(map(touch_of, path)), {"u": ONE})
        if row.startswith("user:") or everybody.records(row):
            _add_person(cells, everybody, personas, row)
        yield row, Person(without_zeros(cells), not sure, personas.is_stale(row))


def touch_of(session: Session) -> Touch:
    """Make the touch of a session that has one."""
    return session.at, session.key, session.source


def touches_of(outcome: Outcome) -> list[Session]:
    """Give the sessions that have a touch."""
    return [one for one in outcome.sessions if one.source is not None]


def is_surely_kept(session: Session, since: int, rules: Rules) -> bool:
    """Say whether nobody can have let go of a touch up to the instant since which it is on the path to a sign-up."""
    return session.at > max(session.sealed_at, since) - rules.horizon_ms - rules.lookback_ms


def _path(outcome: Outcome, at: int, since: int, rules: Rules) -> tuple[list[Session], bool]:
    """Give the touches on the path to a sign-up, and whether the row surely has them all."""
    touches = touches_of(outcome)
    path = [one for one in touches if at - rules.acquisition_ms < one.at <= at]
    return path, len(touches) <= MOST_KEPT and all(is_surely_kept(one, since, rules) for one in path)


def _add_person(cells: Counter[str], everybody: Everybody, personas: Personas, row: str) -> None:
    persona, account = personas.of(row), everybody.account(row)
    title = title_of([one.document() for one in everybody.records(row)])
    rows = {
        "p": f"{persona.role} / {persona.industry} / {persona.size}",
        "o": persona.role,
        "i": persona.industry,
        "z": persona.size,
        "y": persona.seniority,
        "t": title if title.strip() else "(no title)",
        "a": account.account if account is not None else "(no account)",
    }
    arr = everybody.arr(row)
    for letter in OF_PEOPLE:
        cells[f"{letter}-p:{cut(rows[letter])}"] += 1
        cells[f"{letter}-a:{cut(rows[letter])}"] += arr if letter != "a" else 0


def title_of(records: list[dict[str, Any]]) -> str:
    """Give the title of the first record that has one, and be it of blanks; empty: none has."""
    titles = (one["fields"].get("Title") for one in records)
    return next((one for one in titles if isinstance(one, str) and one), "")
