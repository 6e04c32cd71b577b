"""Verify, accounts.  State: what is told of an account, and what it pays (docs/accounts.md, part 3)."""

from dataclasses import dataclass
from typing import Any

from agents.verify.accounts.money import Rates, annualised, converted, minor
from agents.verify.accounts.references import Fields, References
from agents.verify.rules import AccountRules
from agents.verify.salesforce.ids import id_or_none

A_YEAR = 12
MOST_TOLD = 20
"""Opportunities in a state."""
MOST_SHOWN = 200
"""Opportunities in a document."""

OF_ACCOUNT = {
    "name": "Name",
    "industry": "Industry",
    "employees": "NumberOfEmployees",
    "type": "Type",
    "website": "Website",
}
OF_OPPORTUNITY = {
    "name": "Name",
    "stage": "StageName",
    "amount": "Amount",
    "currency": "CurrencyIsoCode",
    "created_at": "CreatedDate",
    "close_date": "CloseDate",
}

Opportunities = dict[str, Fields]
"""{id: fields}; one without fields is not there."""


@dataclass(frozen=True, slots=True)
class Money:
    """How amounts are read: the corporate currency, rates, and which fields say what."""

    currency: str
    rates: Rates
    rules: AccountRules

    def arr(self, fields: Fields) -> int | None:
        """Give the ARR of an opportunity in minor units of the corporate currency; None: it has none."""
        own = fields.get("CurrencyIsoCode")
        currency = self.currency if own is None else own
        if not isinstance(currency, str):
            return None
        amount = self._yearly(fields, currency)
        return None if amount is None else converted(amount, currency, self.currency, self.rates)

    def _yearly(self, fields: Fields, currency: str) -> int | None:
        said = _field(fields, self.rules.arr)
        if said is not None:
            return minor(said, currency)
        amount, months = minor(fields.get("Amount"), currency), _field(fields, self.rules.term_months)
        return None if amount is None else annualised(amount, A_YEAR if months is None else months)


def money(references: References, rules: AccountRules) -> Money:
    """Read the references of a partition."""
    return Money(references.corporate(rules.currency), references.rates(), rules)


def state(fields: Fields, opportunities: Opportunities, references: References, way: Money, most: int) -> Fields:
    """Make the state of an account, with at most so many opportunities."""
    won = [way.arr(one) for one in opportunities.values() if one.get("IsWon") is True]
    return {
        **{name: fields.get(source) for name, source in OF_ACCOUNT.items()},
        "nps": _field(fields, way.rules.nps),
        "owner": _owner(id_or_none(fields.get("OwnerId")), references),
        "currency": way.currency,
        "arr": sum(one for one in won if one is not None),
        "unpriced": won.count(None) or None,
        "opportunities": listed(opportunities, way, most),
    }


def listed(opportunities: Opportunities, way: Money, most: int) -> list[Fields]:
    """List opportunities, the one that closes last first, of equal ones by id."""
    by_id = sorted(opportunities.items())
    latest = sorted(by_id, key=lambda one: _text(one[1].get("CloseDate")), reverse=True)
    return [_opportunity(record, fields, way) for record, fields in latest[:most]]


def _opportunity(record: str, fields: Fields, way: Money) -> Fields:
    won = fields.get("IsWon") is True
    return {
        "id": record,
        **{name: fields.get(source) for name, source in OF_OPPORTUNITY.items()},
        "closed": fields.get("IsClosed") is True,
        "won": won,
        "arr": way.arr(fields) if won else None,
    }


def _owner(record: str | None, references: References) -> Fields | None:
    if record is None:
        return None
    known = references.users.get(record, {})
    return {"id": record, "name": known.get("Name"), "email": known.get("Email"), "title": known.get("Title")}


def _field(fields: Fields, name: str | None) -> Any:
    return fields.get(name) if name else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
