"""Messages: what rows of records, accounts and domains say to each other on `account-events`, as values.

Each says a state, whole, with a version that only grows: of two about the same thing the greater counts, and one that
comes again changes nothing.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from streams.activity import Touch
from streams.events import NO_FIELDS, Alias, Millis
from streams.identifiers import RECORD
from streams.salesforce.change import Change


class Membership(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="membership", gc=False):
    """An alias belongs to an account, or does no longer."""

    alias: Alias
    account: str
    version: int
    joined: bool = False


class Held(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A contact's role in an opportunity."""

    contact: str
    name: str | None = None
    primary: bool = False


class Opportunity(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="opportunity", gc=False):
    """An opportunity as its account has to know it."""

    opportunity: str
    account: str
    version: int
    fields: msgspec.Raw = NO_FIELDS
    """A JSON object, as of facts.  Absent: it is not this account's any more."""
    roles: tuple[Held, ...] = ()
    """By the id of the role."""


class Telling(msgspec.Struct, frozen=True, tag_field="kind", tag="telling", gc=False):
    """A line for the timelines of all members."""

    account: str
    change: msgspec.Raw
    """As `Told.change`."""
    once: str
    """The record that told it: `<topic>/<partition>/<offset>`."""


class Role(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="role", gc=False):
    """An OpportunityContactRole, for the row of its opportunity."""

    role: str
    opportunity: str
    version: int
    contact: str | None = None
    """None: there is no such role any more."""
    name: str | None = None
    primary: bool = False


class Claim(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="claim", gc=False):
    """An account says that a domain is its own."""

    domain: str
    account: str
    version: int
    created_at: Millis | None = None
    """When the account was created; None: it does no longer say so."""


class DomainMember(msgspec.Struct, frozen=True, tag_field="kind", tag="domain-member", gc=False):
    """There is somebody with an address at a domain."""

    alias: Alias
    domain: str


class CompanyKnown(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="company", gc=False):
    """What a source of companies knows of a domain; the latest in the log counts."""

    domain: str
    fields: msgspec.Raw = NO_FIELDS
    """A JSON object of those of name, industry, employees and country that are known.  Absent: none is."""


class Forgotten(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="forgotten", gc=False):
    """An alias is forgotten: a record's, for the row of the record; an address, for that of its domain."""

    alias: Alias
    domain: str | None = None


class Reference(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="reference", gc=False):
    """A User or a currency, for all accounts of a partition."""

    object: str
    record: str
    version: int
    fields: msgspec.Raw = NO_FIELDS
    """Absent: it was deleted."""


TOUCHES_KEPT: Final = 500
"""Touches of sealed sessions that a person keeps, and of one person that an account keeps: the latest."""


class Touches(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="touches", gc=False):
    """What brought a person, for the account that it belongs to."""

    person: Alias
    account: str
    number: int
    """Grows with each that the person tells."""
    since: Millis = 0
    """From there on the list is complete."""
    touches: tuple[Touch, ...] = ()
    """By (at, order key).  Empty: the person does not belong to the account any more, or nothing brought it."""


Message: TypeAlias = (
    Membership | Opportunity | Telling | Touches | Role | Claim | DomainMember | CompanyKnown | Forgotten | Reference
)

OBJECTS: Mapping[type, str] = {
    Opportunity: "fields",
    Telling: "change",
    CompanyKnown: "fields",
    Reference: "fields",
}
"""As `events.OBJECTS`."""

encode_message = msgspec.json.Encoder().encode
decode_message = msgspec.json.Decoder(Change | Message).decode
"""Reads any value of `account-events`.  Raises msgspec.ValidationError or DecodeError."""

DOMAIN = "domain:"
"""Keys of domains begin so; no id of a record does."""


def key_of(message: Change | Message) -> str | None:
    """Name the row that a message is for; its key on `account-events`.  None: it is for the whole partition."""
    match message:
        case Change():
            return message.record
        case Membership() | Opportunity() | Telling() | Touches():
            return message.account
        case Role():
            return message.opportunity
        case Claim() | DomainMember() | CompanyKnown():
            return DOMAIN + message.domain
        case Forgotten():
            return DOMAIN + message.domain if message.domain is not None else message.alias.removeprefix(RECORD)
    return None
