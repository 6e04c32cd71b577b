"""Room 7b.  Money: amounts in whole minor units (cents) of a currency, exact until one rounding at the end.

In: what a CRM says - decimal text or a JSON number, a currency code, the org's rates.  Out: integers, or why not.
Every rounding is to the nearest integer, a half to the even one.  No floating point: docs/attribution.md.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import TypeAlias

from streams.events import Rejected

Minor: TypeAlias = int
"""An amount in the smallest unit of its currency: cents for USD, yen for JPY."""

Rates: TypeAlias = Mapping[str, Fraction]
"""{currency: its units for one unit of the corporate currency}: Salesforce's `CurrencyType.ConversionRate`."""

_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS = {currency: decimals for decimals, currencies in _DECIMALS.items() for currency in currencies.split()}
"""ISO 4217's minor units where they are not 2."""

MOST = 10**15
"""Bound of an amount in minor units; sums of thousands of them still fit the 64 bits of a Redis counter."""

is_currency = re.compile(r"[A-Z]{3}").fullmatch
"""Tell whether a text is the code of a currency, by its form (ISO 4217)."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?").fullmatch


def to_minor(amount: object, currency: str) -> Minor | Rejected:
    """Read an amount in units of a currency: decimal text (`1234.50`, no separators) or a JSON number."""
    number = _number(amount, "amount")
    if isinstance(number, Rejected):
        return number
    if not is_currency(currency):
        return Rejected("wrong-type", "currency: not an ISO 4217 code; right: three capital letters, like USD")
    return _bounded(number * _minor_units(currency))


def to_rate(rate: object) -> Fraction | Rejected:
    """Read a conversion rate: decimal text or a JSON number, over 0."""
    number = _number(rate, "rate")
    if not isinstance(number, Rejected) and number <= 0:
        return Rejected("wrong-type", "rate: not over 0; right: units of the currency for one corporate unit")
    return number


def convert(amount: Minor, currency: str, to: str, rates: Rates) -> Minor | Rejected:
    """Change minor units of `currency` into those of `to`; without change where they are one."""
    if currency == to:
        return amount
    if currency not in rates or to not in rates:
        return Rejected("bad-record", "currency: the org has no conversion rate for it; right: one of its CurrencyType")
    units = Fraction(amount, _minor_units(currency)) / rates[currency] * rates[to]
    return _bounded(units * _minor_units(to))


def recurring(amount: Minor, term_months: int) -> Minor | Rejected:
    """Return the annual part of a contract's amount: 12 months of `term_months`, shorter terms scaled up."""
    if term_months < 1:
        return Rejected("wrong-type", "contract term: under a month; right: whole months, from 1")
    return _bounded(Fraction(amount * 12, term_months))


def to_text(amount: Minor, currency: str) -> str:
    """Write an amount in units of its currency, exactly: `1234.50`, for JPY `1235`."""
    decimals = DECIMALS.get(currency, 2)
    units, rest = divmod(abs(amount), 10**decimals)
    return f"{'-' if amount < 0 else ''}{units}" + (f".{rest:0{decimals}}" if decimals else "")


def _minor_units(currency: str) -> int:
    return int(10 ** DECIMALS.get(currency, 2))


def _bounded(minor: Fraction) -> Minor | Rejected:
    rounded = round(minor)
    if abs(rounded) > MOST:
        return Rejected("too-large", "amount: over 10^15 minor units of its currency; right: at most that")
    return rounded


def _number(value: object, name: str) -> Fraction | Rejected:
    """Read a decimal number exactly; of a JSON number that came as a float, the shortest text that means it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    text = repr(value) if isinstance(value, float) else value
    if isinstance(text, str) and _NUMBER(text := text.strip()):
        return Fraction(text)
    return Rejected("wrong-type", f"{name}: not a decimal number of at most 20 digits; right: like 1234.50")
