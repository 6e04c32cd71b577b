"""People: what a Contact or Lead says of the person whom it is about, and what a change tells their timeline."""

from typing import Any, Final

import msgspec

from streams.events import NO_FIELDS, Alias, Facts, Told
from streams.identifiers import email_alias, kind_of, record_alias
from streams.identity.mail import is_role_mailbox, normalise_email
from streams.instants import iso
from streams.salesforce.change import Change, Values
from streams.salesforce.fields import instant_of
from streams.salesforce.ids import full_id
from streams.salesforce.record import Differences, Record
from streams.salesforce.timeline import UNTOLD, timeline_text

OBJECT_OF: Final = {"003": "Contact", "00Q": "Lead"}
"""{how an id begins: object}, of those whose records are about one person."""
PEOPLE: Final = frozenset(OBJECT_OF.values())
"""Objects whose records are about one person."""
MAX_VALUE_BYTES: Final = 1_000
"""A longer value stays in the record's own row: descriptions do not travel with the person."""


def facts_of(record: Record, version: int) -> Facts:
    """Say what a Contact or Lead is now, and whom it belongs to.

    | the record                                     | owner                                  |
    |------------------------------------------------|----------------------------------------|
    | was merged (`MasterRecordId`)                  | the record that it was merged into     |
    | is a Lead, `IsConverted`                       | the Contact (`ConvertedContactId`)     |
    | has an email that is no role mailbox           | the address                            |
    | otherwise                                      | none                                   |
    """
    return Facts(
        record_alias(record.record),
        version,
        record.object,
        instant_of(str(record.values.get("LastModifiedDate"))) or 0,
        _owner(record),
        named(record, "AccountId"),
        travelling(record),
    )


def travelling(record: Record) -> msgspec.Raw:
    """Write the fields that are neither empty nor long, as a JSON object; `NO_FIELDS` of a deleted record."""
    if record.deleted:
        return NO_FIELDS
    values = record.values
    short = {name: values[name] for name in sorted(values) if values[name] is not None and _is_short(values[name])}
    return msgspec.Raw(_encode(short))


def named(record: Record | None, field: str) -> str | None:
    """Read the id in a field; None: there is none, or the record is deleted or unknown."""
    return None if record is None or record.deleted else said(record, field)


def said(record: Record | None, field: str) -> str | None:
    """Read the id in a field, of a deleted record too; None: there is none, or the record is unknown."""
    return _id(record.values, field) if record is not None else None


def told_of(record: Record, line: msgspec.Raw) -> Told | None:
    """Tell a line to the timeline of the person whom a record is about; None: it is about none.

    A Contact or Lead is about itself, a Task about its `WhoId`.
    """
    whom = record.record if record.object in PEOPLE else said(record, "WhoId") if record.object == "Task" else None
    return Told(record_alias(whom), line) if whom is not None and kind_of(record_alias(whom)) is not None else None


def line_of(change: Change, differences: Differences) -> msgspec.Raw | None:
    """Write a change as a timeline's message, the person aside; None: nothing is worth telling."""
    text = timeline_text(change.object, change.type, differences)
    if text is None:
        return None
    fields = {name: {"from": was, "to": now} for name, (was, now) in differences.items() if name not in UNTOLD}
    message = {
        "at": iso(change.at),
        "event": text.partition(":")[0],
        "text": text,
        "object": change.object,
        "record": change.record,
        "fields": fields,
        "by": change.by,
    }
    return msgspec.Raw(_encode(message))


def _owner(record: Record) -> Alias | None:
    values = record.values
    converted = record.object == "Lead" and values.get("IsConverted") is True
    for into in (_id(values, "MasterRecordId"), _id(values, "ConvertedContactId") if converted else None):
        if into is not None and into != record.record and kind_of(record_alias(into)) is not None:
            return record_alias(into)
    email = values.get("Email")
    address = normalise_email(email) if isinstance(email, str) else None
    return email_alias(address) if address is not None and not is_role_mailbox(address) else None


def _id(values: Values, field: str) -> str | None:
    found = values.get(field)
    return full_id(found) if isinstance(found, str) else None


def _is_short(value: Any) -> bool:
    return len(_encode(value)) <= MAX_VALUE_BYTES


_encode = msgspec.json.Encoder().encode
