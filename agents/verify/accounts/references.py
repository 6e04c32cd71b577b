"""Verify, accounts.  References: users and currencies as every partition knows them (docs/accounts.md, part 3)."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from agents.verify.accounts.money import CODE, Rates, number

Fields = dict[str, Any]


@dataclass(slots=True)
class References:
    """The latest `reference` of each record, in one partition."""

    users: dict[str, Fields] = field(default_factory=dict)
    currencies: dict[str, Fields] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, record: str, version: int, fields: Fields) -> bool:
        """Take a message in; say whether it is news."""
        if version <= self.versions.get(record, 0):
            return False
        self.versions[record] = version
        (self.users if name == "User" else self.currencies)[record] = fields
        return True

    def corporate(self, otherwise: str) -> str:
        """Give the corporate currency; `otherwise` where no reference names it."""
        found = (_code(one) for one in self.currencies.values() if one.get("IsCorporate") is True)
        return min((code for code in found if code is not None), default=otherwise)

    def rates(self) -> Rates:
        """Give the rates; of two records of one currency that of the greater id."""
        found: dict[str, Fraction] = {}
        for _, one in sorted(self.currencies.items()):
            code, rate = _code(one), number(one.get("ConversionRate"))
            if code is not None and rate is not None and rate > 0:
                found[code] = rate
        return found


def _code(currency: Fields) -> str | None:
    code = currency.get("IsoCode")
    return code if isinstance(code, str) and CODE.fullmatch(code) else None
