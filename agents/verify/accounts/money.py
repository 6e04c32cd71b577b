"""Verify, accounts.  Money: amounts in minor units (docs/attribution.md, Money; docs/accounts.md, ARR).

None everywhere: it is missing, or cannot be read or converted.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from agents.verify.salesforce.values import integer

UNUSUAL = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS = {currency: decimals for decimals, names in UNUSUAL.items() for currency in names.split()}
"""Decimals of a currency where they are not 2."""
MOST = 10**15
MOST_DIGITS = 40
"""Digits before the point beyond which a number is no amount, however it is written."""
TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
MONTHS_OF_A_YEAR = 12
CODE = re.compile(r"[A-Z]{3}")
"""What a currency is called."""

Rates = Mapping[str, Fraction]
"""Units of a currency for one unit of the corporate one."""


def number(value: Any) -> Fraction | None:
    """Read decimal text or a JSON number exactly as it is written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    if not TEXT.fullmatch(text):
        return None
    decimal = Decimal(text)
    return None if decimal.adjusted() > MOST_DIGITS else Fraction(decimal)


def minor(value: Any, currency: str) -> int | None:
    """Read an amount."""
    amount = number(value)
    return None if amount is None or not CODE.fullmatch(currency) else _rounded(amount * _units(currency))


def annualised(amount: int, months: Any) -> int | None:
    """Scale the amount of a term to a year."""
    if not integer(months) or months < 1:
        return None
    return _rounded(Fraction(MONTHS_OF_A_YEAR * amount, months))


def converted(amount: int, currency: str, other: str, rates: Rates) -> int | None:
    """Give the amount in another currency."""
    if currency == other:
        return amount
    if currency not in rates or other not in rates:
        return None
    return _rounded(Fraction(amount, _units(currency)) / rates[currency] * rates[other] * _units(other))


def _units(currency: str) -> int:
    return int(10 ** DECIMALS.get(currency, 2))


def _rounded(amount: Fraction) -> int | None:
    """Round to the nearest, a half to the even one."""
    whole = round(amount)
    return whole if abs(whole) <= MOST else None
