"""State: what an account is now, as its members and its document have it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from streams.account.arr import Rates, arr_of
from streams.account.messages import Held
from streams.events import Alias, Millis
from streams.policy import Accounts
from streams.salesforce.fields import instant_of
from streams.salesforce.ids import full_id
from streams.salesforce.record import Record

TOLD_OPPORTUNITIES: Final = 20
"""Opportunities that travel to the members."""
SHOWN_OPPORTUNITIES: Final = 200
"""Opportunities in the account's document."""
STATE_FIELDS: Final = {
    "name": "Name",
    "industry": "Industry",
    "employees": "NumberOfEmployees",
    "type": "Type",
    "website": "Website",
}
DEAL_FIELDS: Final = {
    "name": "Name",
    "stage": "StageName",
    "amount": "Amount",
    "currency": "CurrencyIsoCode",
    "created_at": "CreatedDate",
    "close_date": "CloseDate",
}
OWNER_FIELDS: Final = {"name": "Name", "email": "Email", "title": "Title"}

Fields = Mapping[str, Any]


class Deal(NamedTuple):
    """An opportunity, read."""

    id: str
    fields: Fields
    roles: tuple[Held, ...] = ()
    arr: int | None = None
    """Minor units of the corporate currency, if it is won."""

    @property
    def won(self) -> bool:
        """Whether it is closed and won."""
        return self.fields.get("IsWon") is True

    def document(self) -> dict[str, Any]:
        """Make its entry of the account's state."""
        flags = {"closed": self.fields.get("IsClosed") is True, "won": self.won}
        return {
            "id": self.id,
            **_said(self.fields, DEAL_FIELDS),
            **{name: True for name, holds in flags.items() if holds},
            **({"arr": self.arr} if self.arr is not None else {}),
        }


def deal_of(opportunity: str, fields: Fields, roles: tuple[Held, ...], mapped: Accounts, rates: Rates) -> Deal:
    """Read an opportunity's fields."""
    deal = Deal(opportunity, fields, roles)
    return deal._replace(arr=arr_of(dict(fields), mapped, rates)) if deal.won else deal


def latest_first(deals: list[Deal]) -> list[Deal]:
    """Sort opportunities, the one that closes last first; those without a date at the end, of equal ones by id."""
    by_id = sorted(deals, key=lambda deal: deal.id)
    return sorted(by_id, key=lambda deal: str(deal.fields.get("CloseDate") or ""), reverse=True)


def state_of(
    account: Record | None,
    deals: list[Deal],
    user: Callable[[str], Fields | None],
    mapped: Accounts,
    rates: Rates,
) -> dict[str, Any] | None:
    """Make the state of an account, `opportunities` aside; None: the account is deleted, or no record is known.

    `user`: the fields of a User by id, None where they are not known.
    """
    if account is None or account.deleted:
        return None
    values = account.values
    nps = values.get(mapped.nps) if mapped.nps else None
    owner = full_id(str(values.get("OwnerId")))
    won = [deal.arr for deal in deals if deal.won]
    unpriced = won.count(None)
    return {
        **_said(values, STATE_FIELDS),
        **({"nps": nps} if nps is not None else {}),
        **({"owner": {"id": owner, **_said(user(owner) or {}, OWNER_FIELDS)}} if owner is not None else {}),
        "currency": rates.corporate,
        "arr": sum(arr for arr in won if arr is not None),
        **({"unpriced": unpriced} if unpriced else {}),
    }


def with_deals(state: dict[str, Any], deals: list[Deal], at_most: int) -> dict[str, Any]:
    """Return a state with its latest opportunities."""
    return {**state, "opportunities": [deal.document() for deal in latest_first(deals)[:at_most]]}


def account_view(
    account: str, state: dict[str, Any] | None, deals: list[Deal], members: list[Alias], *, deleted: bool
) -> dict[str, Any]:
    """Make the document of `account-views`; `state` None: the account is deleted, or no record is known yet."""
    if deleted:
        return {"account": account, "deleted": True}
    known = state if state is not None else {"deleted": False}
    return {"account": account, **with_deals(known, deals, SHOWN_OPPORTUNITIES), "members": members}


def created_at(account: Record) -> Millis:
    """Return when the account was created, 0 where unknown."""
    return instant_of(str(account.values.get("CreatedDate"))) or 0


def _said(fields: Fields, names: Mapping[str, str]) -> dict[str, Any]:
    """Take the fields that are not empty, by the names that we give them."""
    return {ours: fields[theirs] for ours, theirs in names.items() if fields.get(theirs) is not None}
