"""Personas, room 6.  Company: what enrichment knows of an email domain.

In: one row of texts, as a file or a service gives it.  Out: a `Company`, or what is wrong with the row.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from streams.events import Rejected
from streams.identity.mail import is_free_mail, normalise_domain

FIELDS: Final = ("domain", "name", "industry", "employees", "country")
MOST_CHARACTERS: Final = 200
MOST_EMPLOYEES: Final = 10_000_000
_number = re.compile(r"[0-9]{1,9}|[0-9]{1,3}(?:[,.' \u00a0\u202f][0-9]{3}){1,3}").fullmatch
_country = re.compile(r"[A-Za-z]{2}").fullmatch


class Company(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A company; None: not known."""

    domain: str
    """Lower case, without www."""
    name: str | None = None
    industry: str | None = None
    """As the source says it; the maps give it a group."""
    employees: int | None = None
    """At least 1."""
    country: str | None = None
    """ISO 3166-1, two capital letters."""


encode = msgspec.json.Encoder().encode


def company_of(row: Mapping[str, str]) -> Company | Rejected:
    """Read {field of `FIELDS`: text}; a blank or missing text is an unknown value, other fields are ignored."""
    texts = {name: row.get(name, "").strip() for name in FIELDS}
    wrong = _wrong(texts)
    if wrong is not None:
        return Rejected("bad-record", wrong)
    return Company(
        domain=normalise_domain(texts["domain"]) or "",
        name=texts["name"] or None,
        industry=texts["industry"] or None,
        employees=_employees(texts["employees"]),
        country=texts["country"].upper() or None,
    )


def _wrong(texts: Mapping[str, str]) -> str | None:
    domain = normalise_domain(texts["domain"])
    if domain is None:
        return "domain: not a domain; give the part of an email address behind the @, like example.com"
    if is_free_mail(domain):
        return "domain: a mail provider, whose users are not one company; leave the line out"
    for name in ("name", "industry"):
        if len(texts[name]) > MOST_CHARACTERS:
            return f"{name}: {len(texts[name])} characters; give at most {MOST_CHARACTERS}"
    if texts["employees"] and _employees(texts["employees"]) is None:
        return f"employees: not a whole number from 1 to {MOST_EMPLOYEES}; give one, like 250 or 1,200"
    if texts["country"] and not _country(texts["country"]):
        return "country: not a code of two letters; give one of ISO 3166-1, like DE"
    return None


def _employees(text: str) -> int | None:
    if not _number(text):
        return None
    number = int("".join(sign for sign in text if sign.isdigit()))
    return number if 1 <= number <= MOST_EMPLOYEES else None
