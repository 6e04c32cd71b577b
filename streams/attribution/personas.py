"""Room 7e.  Personas: who the people are, and what ARR is theirs, as a contribution to the reports.

In: one person's persona, title, Account id and share of its ARR; or an account's ARR that is nobody's.  Kept: nothing.
Out: a `Contribution`, the same number in each dimension of people.
"""

from collections.abc import Mapping
from typing import Any

from streams.attribution.cells import OF_PEOPLE, Cell, Contribution, Dimension, Measure, name, without_zeros
from streams.attribution.money import Minor
from streams.personas.persona import Persona

NO_TITLE = "(no title)"
"""The row of people of whom no title is known."""
NO_ACCOUNT = "(no account)"
"""The row of people of whom no account is known."""
NO_CONTACT = "(no contact)"
"""The row of ARR that no contact role gives to anybody, in every dimension but `account`."""
ONE_PERSON = 1


def from_person(persona: Persona, title: str | None, account: str | None, arr: Minor) -> Contribution:
    """Count one person, and its share of ARR; a title of blanks is none.

    By account only the person is counted: an account's ARR is in its own contribution, whoever its contacts are.
    """
    rows: dict[Dimension, str] = {
        Dimension.persona: f"{persona.role} / {persona.industry} / {persona.size}",
        Dimension.role: persona.role,
        Dimension.industry: persona.industry,
        Dimension.size: persona.size,
        Dimension.seniority: persona.seniority,
        Dimension.title: title if title and title.strip() else NO_TITLE,
    }
    people = _in_each(rows | {Dimension.account: account or NO_ACCOUNT}, Measure.people, ONE_PERSON)
    return people | _in_each(rows, Measure.arr, arr)


def from_account(account: str, arr: Minor, shared: Minor) -> Contribution:
    """Count an account's ARR; what of it is not shared by people is `NO_CONTACT`'s."""
    nobody = dict.fromkeys((dimension for dimension in OF_PEOPLE if dimension is not Dimension.account), NO_CONTACT)
    return _in_each({Dimension.account: account}, Measure.arr, arr) | _in_each(nobody, Measure.arr, arr - shared)


def _in_each(rows: Mapping[Any, str], measure: Measure, amount: int) -> Contribution:
    return without_zeros({Cell(dimension, name(row), None, measure): amount for dimension, row in rows.items()})
