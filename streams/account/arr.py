"""ARR: what an opportunity brings in a year, in minor units of the corporate currency.

Rules: docs/accounts.md, part 3; reading, annualising, converting: streams/attribution/money.py.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

import msgspec

from streams.attribution.money import Minor, convert, is_currency, recurring, to_minor, to_rate
from streams.events import Rejected
from streams.policy import Accounts

YEAR: Final = 12
"""Months of a contract that says nothing of its term."""


class Rates(msgspec.Struct, frozen=True, gc=False):
    """The currencies of an org."""

    corporate: str
    rates: dict[str, Fraction] = {}
    """{ISO code: units of it for one corporate unit}"""


def rates_of(currencies: Iterable[dict[str, Any]], mapped: Accounts) -> Rates:
    """Read the fields of all CurrencyType; one whose code or rate cannot be read is left out."""
    found: dict[str, Fraction] = {}
    corporate: list[str] = []
    for fields in currencies:
        code, rate = fields.get("IsoCode"), to_rate(fields.get("ConversionRate"))
        if not isinstance(code, str) or not is_currency(code):
            continue
        if not isinstance(rate, Rejected):
            found[code] = rate
        if fields.get("IsCorporate") is True:
            corporate.append(code)
    return Rates(min(corporate, default=mapped.currency), found)


def arr_of(fields: dict[str, Any], mapped: Accounts, rates: Rates) -> Minor | None:
    """Return the ARR of an opportunity by its fields; None: it says no amount that can be read and converted."""
    currency = fields.get("CurrencyIsoCode") or rates.corporate
    if not isinstance(currency, str):
        return None
    yearly = _yearly(fields, mapped, currency)
    corporate = yearly if isinstance(yearly, Rejected) else convert(yearly, currency, rates.corporate, rates.rates)
    return None if isinstance(corporate, Rejected) else corporate


def _yearly(fields: dict[str, Any], mapped: Accounts, currency: str) -> Minor | Rejected:
    said = fields.get(mapped.arr) if mapped.arr else None
    if said is not None:
        return to_minor(said, currency)
    term = fields.get(mapped.term_months) if mapped.term_months else None
    months = YEAR if term is None else term
    amount = to_minor(fields.get("Amount"), currency)
    if type(months) is not int:
        return Rejected("wrong-type", "contract term: not whole months")
    return amount if isinstance(amount, Rejected) else recurring(amount, months)
