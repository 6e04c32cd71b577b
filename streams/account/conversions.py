"""Conversions: what an account's opportunities are to the reports, and whose its ARR is.

In: its opportunities, roles, and the touches of its people.  Out: its contribution, and shares of contacts.
Rules: docs/attribution.md.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from streams.account.messages import TOUCHES_KEPT
from streams.account.state import Deal
from streams.activity import Touch
from streams.attribution.cells import Contribution, add
from streams.attribution.conversions import Conversion, Kind, from_conversions
from streams.attribution.models import split
from streams.attribution.money import Minor
from streams.attribution.personas import from_account
from streams.events import Millis
from streams.instants import DAY_MS
from streams.policy import Lookback
from streams.salesforce.fields import instant_of

UNKNOWN: Final[Millis] = 0
"""The instant of a conversion whose date is not known: no touch lies before it."""


def conversions_of(deals: Iterable[Deal]) -> Iterator[Conversion]:
    """List what opportunities are: each was created; those that are won, at the end of their closing day."""
    for deal in deals:
        yield Conversion(Kind.opportunity, instant_of(str(deal.fields.get("CreatedDate"))) or UNKNOWN)
        if deal.won:
            yield Conversion(Kind.won, _end_of(deal.fields.get("CloseDate")), deal.arr or 0)


def _end_of(day: object) -> Millis:
    begin = instant_of(f"{day}T00:00:00.000Z")
    return begin + DAY_MS - 1 if begin is not None else UNKNOWN


def account_contribution(
    account: str, deals: list[Deal], touches: Iterable[Touch], shared: Minor, lookback: Lookback
) -> Contribution:
    """Make what an account adds to the reports; `shared`: how much of its ARR is its contacts'."""
    arr = sum(deal.arr or 0 for deal in deals if deal.won)
    by_touches = from_conversions(touches, conversions_of(deals), lookback)
    return add(by_touches, from_account(account, arr, shared))


def shares_of(deals: Iterable[Deal]) -> dict[str, Minor]:
    """Divide the ARR of won opportunities among the contacts with a role: {contact: its share}, without zeros."""
    shares: Counter[str] = Counter()
    for deal in deals:
        if deal.won and deal.arr and deal.roles:
            for role, part in zip(deal.roles, split(deal.arr, [1] * len(deal.roles)), strict=True):
                shares[role.contact] += part
    return {contact: arr for contact, arr in shares.items() if arr}


def remembered(known: Iterable[Touch], since: Millis, told: Iterable[Touch]) -> tuple[Touch, ...]:
    """Put what a person tells now in the place of what is known since `since`; the latest `TOUCHES_KEPT`."""
    return (*(touch for touch in known if touch.at < since), *told)[-TOUCHES_KEPT:]
