"""News: what a change of a record tells rows of accounts, opportunities and domains (docs/accounts.md, part 2)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

from streams.account.domains import website_domain
from streams.account.messages import Claim, Held, Membership, Message, Opportunity, Reference, Role, Telling
from streams.account.state import created_at
from streams.identifiers import record_alias
from streams.salesforce.people import named, said, travelling
from streams.salesforce.record import Record

Roles: TypeAlias = tuple[Held, ...]


class Changed(msgspec.Struct, frozen=True, gc=False):
    """A change of a record that made something visible."""

    before: Record | None
    """None: there was no row."""
    after: Record
    version: int
    line: msgspec.Raw | None = None
    """For the timeline; None: nothing is worth telling."""
    once: str = ""
    """`<topic>/<partition>/<offset>` of the change."""
    roles: Roles = ()
    """Of an opportunity."""


def news(changed: Changed) -> list[Message]:
    """List what is told, in order; of an object that has nothing to do with accounts: nothing."""
    tell = _NEWS.get(changed.after.object)
    return list(tell(changed)) if tell is not None else []


def opportunity_of(record: Record, version: int, roles: Roles) -> Opportunity | None:
    """Say what an opportunity is now; None: it has no account."""
    account = named(record, "AccountId")
    return Opportunity(record.record, account, version, travelling(record), roles) if account is not None else None


def _contact(changed: Changed) -> Iterator[Message]:
    before, now = named(changed.before, "AccountId"), named(changed.after, "AccountId")
    if before == now:
        return
    alias = record_alias(changed.after.record)
    for account, joined in ((before, False), (now, True)):
        if account is not None:
            yield Membership(alias, account, changed.version, joined)


def _opportunity(changed: Changed) -> Iterator[Message]:
    before = named(changed.before, "AccountId")
    now = opportunity_of(changed.after, changed.version, changed.roles)
    if now is not None:
        yield now
    if before is not None and (now is None or now.account != before):
        yield Opportunity(changed.after.record, before, changed.version)
    told = now.account if now is not None else before
    if changed.line is not None and told is not None:
        yield Telling(told, changed.line, changed.once)


def _role(changed: Changed) -> Iterator[Message]:
    before, now = said(changed.before, "OpportunityId"), said(changed.after, "OpportunityId")
    role, contact = changed.after.record, named(changed.after, "ContactId")
    if before is not None and before != now:
        yield Role(role, before, changed.version)
    if now is not None and contact is None:
        yield Role(role, now, changed.version)
    elif now is not None:
        name, primary = changed.after.values.get("Role"), changed.after.values.get("IsPrimary") is True
        yield Role(role, now, changed.version, contact, name if isinstance(name, str) else None, primary)


def _account(changed: Changed) -> Iterator[Message]:
    before, now = _domain(changed.before), _domain(changed.after)
    account = changed.after.record
    if before is not None and before != now:
        yield Claim(before, account, changed.version)
    if now is not None and before != now:
        yield Claim(now, account, changed.version, created_at(changed.after))


def _domain(account: Record | None) -> str | None:
    return website_domain(account.values.get("Website")) if account is not None and not account.deleted else None


def _reference(changed: Changed) -> Iterator[Message]:
    yield Reference(changed.after.object, changed.after.record, changed.version, travelling(changed.after))


_NEWS: Final[Mapping[str, Callable[[Changed], Iterator[Message]]]] = {
    "Contact": _contact,
    "Opportunity": _opportunity,
    "OpportunityContactRole": _role,
    "Account": _account,
    "User": _reference,
    "CurrencyType": _reference,
}
