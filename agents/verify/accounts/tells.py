"""Verify, accounts.  Tells: what each change of a record makes (docs/accounts.md, part 2; salesforce.md, part 5).

In: a change with visible differences.  Out: messages for `account-events` and `user-events`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agents.verify.accounts.domains import of_website
from agents.verify.salesforce.records import Folded
from agents.verify.salesforce.told import facts, fields, line_of
from agents.verify.salesforce.values import millis
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS

Roles = list[dict[str, Any]]
"""What an `opportunity` says of its roles."""


@dataclass(frozen=True, slots=True)
class Made:
    """A message that one record of the log makes."""

    topic: str
    key: str | None
    value: dict[str, Any]
    partition: int | None = None
    """Where it has no key: it is to stand in this partition."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A change with visible differences, and what its row knows beside the record."""

    folded: Folded
    once: str
    """`account-events/<partition>/<offset>` of the change."""
    partitions: int
    roles: Roles = field(default_factory=list)
    """Of an opportunity."""


def made_by(telling: Telling) -> list[Made]:
    """Give everything that a change makes, but what an account's row makes of its state."""
    told = TOLD.get(telling.folded.change.object)
    return list(told(telling)) if told and telling.folded.differences else []


def member(alias: str, account: str, version: int, *, joined: bool) -> Made:
    """Make a `membership`."""
    return _made("membership", account, alias=alias, account=account, version=version, joined=joined)


def opportunity(record: str, account: str, version: int, known: dict[str, Any], roles: Roles) -> Made:
    """Make an `opportunity`."""
    return _made(
        "opportunity", account, opportunity=record, account=account, version=version, fields=known, roles=roles
    )


def to_alias(kind: str, alias: str, **more: Any) -> Made:
    """Make a record of `user-events`."""
    return Made(USER_EVENTS, alias, {"kind": kind, "alias": alias, **more})


def _made(kind: str, key: str, **more: Any) -> Made:
    return Made(ACCOUNT_EVENTS, key, {"kind": kind, **more})


def _person(telling: Telling) -> Iterator[Made]:
    folded = telling.folded
    alias = f"sf:{folded.change.record}"
    yield Made(USER_EVENTS, alias, facts(folded.change, folded.row, folded.version))
    if change := line_of(folded.change, folded.differences):
        yield to_alias("told", alias, change=change)


def _contact(telling: Telling) -> Iterator[Made]:
    yield from _person(telling)
    folded = telling.folded
    before, now = folded.linked("AccountId")
    for account, joined in ((before, False), (now, True)):
        if account and before != now:
            yield member(f"sf:{folded.change.record}", account, folded.version, joined=joined)


def _opportunity(telling: Telling) -> Iterator[Made]:
    folded, record = telling.folded, telling.folded.change.record
    before, now = folded.linked("AccountId")
    if now:
        yield opportunity(record, now, folded.version, fields(folded.row), telling.roles)
    if before and before != now:
        yield opportunity(record, before, folded.version, {}, [])
    account, change = now or before, line_of(folded.change, folded.differences)
    if account and change:
        yield _made("telling", account, account=account, change=change, once=telling.once)


def _role(telling: Telling) -> Iterator[Made]:
    folded = telling.folded
    before, now = folded.linked("OpportunityId", dies=False)
    _, contact = folded.linked("ContactId")
    if now:
        content = {
            "contact": contact,
            "name": folded.pair("Role")[1],
            "primary": folded.pair("IsPrimary")[1] is True,
        }
        yield _role_at(folded, now, content if contact else {})
    if before and before != now:
        yield _role_at(folded, before, {})


def _role_at(folded: Folded, place: str, content: dict[str, Any]) -> Made:
    return _made("role", place, role=folded.change.record, opportunity=place, version=folded.version, **content)


def _account(telling: Telling) -> Iterator[Made]:
    folded = telling.folded
    before, now = (
        None if dead else of_website(website)
        for website, dead in zip(folded.pair("Website"), folded.pair("IsDeleted"), strict=True)
    )
    created_at = millis(folded.pair("CreatedDate")[1]) or 0
    for domain, since in ((before, None), (now, created_at)):
        if domain and before != now:
            claim = {"domain": domain, "account": folded.change.record, "version": folded.version}
            yield _made("claim", f"domain:{domain}", **claim, created_at=since)


def _reference(telling: Telling) -> Iterator[Made]:
    change, known = telling.folded.change, fields(telling.folded.row)
    said = {"object": change.object, "record": change.record, "version": telling.folded.version, "fields": known}
    for partition in range(telling.partitions):
        yield Made(ACCOUNT_EVENTS, None, {"kind": "reference", **said}, partition)


def _task(telling: Telling) -> Iterator[Made]:
    folded = telling.folded
    _, who = folded.linked("WhoId", dies=False)
    change = line_of(folded.change, folded.differences)
    if who and who.startswith(("003", "00Q")) and change:
        yield to_alias("told", f"sf:{who}", change=change)


TOLD: dict[str, Callable[[Telling], Iterator[Made]]] = {
    "Contact": _contact,
    "Lead": _person,
    "Opportunity": _opportunity,
    "OpportunityContactRole": _role,
    "Account": _account,
    "User": _reference,
    "CurrencyType": _reference,
    "Task": _task,
}
