"""Room 6e.  Persona: who somebody is at work, by their Salesforce records and their account."""

from functools import lru_cache
from typing import NamedTuple

import msgspec

from streams.personas.persona import Persona, classify
from streams.policy import Policy
from streams.profile.state import Profile

DOCUMENTS_REMEMBERED = 4_096
"""A person's document is made anew at each batch; what their records say is not read anew."""


class Work(NamedTuple):
    """What a record or an account says of somebody's work; anything that JSON can say."""

    title: object
    industry: object
    employees: object


def title_of(profile: Profile) -> str | None:
    """Return the title that the first record with one says."""
    titles = (_of_record(record.fields).title for _, record in profile.records)
    return next((title for title in titles if isinstance(title, str)), None)


def persona_of(profile: Profile, policy: Policy) -> Persona:
    """Read a person's persona: title of its records; industry and size of its account, else company, else a Lead."""
    said = [_of_account(one[1]) for one in (profile.account, profile.company) if one is not None]
    said += [_of_record(record.fields) for _, record in profile.records if record.object == "Lead"]
    industry = next((work.industry for work in said if work.industry), None)
    employees = next((work.employees for work in said if work.employees), None)
    return classify(
        title_of(profile),
        industry if isinstance(industry, str) else None,
        employees if type(employees) is int else None,
        policy.personas,
    )


@lru_cache(maxsize=DOCUMENTS_REMEMBERED)
def _of_record(fields: bytes) -> Work:
    said = msgspec.json.decode(fields)
    return Work(said.get("Title"), said.get("Industry"), said.get("NumberOfEmployees"))


@lru_cache(maxsize=DOCUMENTS_REMEMBERED)
def _of_account(state: bytes) -> Work:
    said = msgspec.json.decode(state)
    return Work(None, said.get("industry"), said.get("employees"))
