"""Shapes: one message of `salesforce-changes` in; the changes that it tells of out, or the reason why not.

| shape                     | how it is known                                                                        |
|---------------------------|----------------------------------------------------------------------------------------|
| our own source's record   | `kind` is `record`                                                                     |
| change event              | `ChangeEventHeader` at the top or under `payload`, `event`, `data`                     |
| Kafka Connect's snapshot  | no header, but `_ObjectType` and `Id`                                                  |
"""

from typing import Any, Final

import msgspec
import orjson

from streams.events import Millis, Rejected
from streams.instants import END, FIRST, MAX_SKEW_MS
from streams.json_bytes import unreadable, where_and_what
from streams.salesforce.bitmaps import HEADER
from streams.salesforce.change import Change, Values
from streams.salesforce.fields import IS_DELETED, instant_of, rest_values
from streams.salesforce.headers import changes_of
from streams.salesforce.ids import full_id

MAX_BYTES: Final = 1 << 20
ENVELOPES: Final = ("payload", "event", "data")
MAX_ENVELOPES: Final = 3


class OwnRecord(msgspec.Struct, gc=False):
    """What our own source read of one record over REST."""

    object: str
    id: str
    fields: Values
    deleted: bool = False
    at: Any = None


def parse_change(raw: bytes | None, *, kafka_timestamp: Millis) -> tuple[Change, ...] | Rejected:
    """Read one message of `salesforce-changes`.

    One change for each record that it names.  Never raises: what cannot be used is `Rejected`.  The same bytes with the
    same timestamp give the same changes.
    """
    given = raw or b""
    if found := unreadable(given, MAX_BYTES):
        return found
    try:
        message = orjson.loads(given)
    except orjson.JSONDecodeError as error:
        return Rejected("not-json", str(error))
    if not isinstance(message, dict):
        return Rejected("wrong-type", "$: Expected `object`")
    changes = _changes(message, kafka_timestamp)
    if isinstance(changes, Rejected):
        return changes
    return _wrong_time(changes[0].at, kafka_timestamp) or changes


def _changes(message: Values, kafka_timestamp: Millis) -> tuple[Change, ...] | Rejected:
    try:
        if message.get("kind") == "record":
            return _own(msgspec.convert(message, OwnRecord), kafka_timestamp)
        body, schema = _opened(message)
        if isinstance(body.get(HEADER), dict):
            return changes_of(body, schema, kafka_timestamp)
    except msgspec.ValidationError as error:
        return Rejected("wrong-type", where_and_what(str(error)))
    if isinstance(body.get("_ObjectType"), str) and isinstance(body.get("Id"), str):
        return _own(_connects(body, kafka_timestamp), kafka_timestamp)
    return Rejected("no-header", f"$: no {HEADER}, at the top or under {', '.join(ENVELOPES)}")


def _opened(message: Values) -> tuple[Values, Any]:
    """Take a body out of its envelopes, with the schema that is nearest to it."""
    body, schema = message, message.get("schema")
    for _ in range(MAX_ENVELOPES):
        inner = next((body[name] for name in ENVELOPES if isinstance(body.get(name), dict)), None)
        if HEADER in body or "_ObjectType" in body or inner is None:
            break
        body, schema = inner, inner.get("schema", schema)
    return body, schema


def _own(record: OwnRecord, kafka_timestamp: Millis) -> tuple[Change, ...] | Rejected:
    """Read a record as it is, not as it changed."""
    if not record.object:
        return Rejected("no-object", "$.object: empty; the API name of the object, like Contact")
    record_id = full_id(record.id)
    if record_id is None:
        return Rejected("bad-record-id", "$.id: not 15 or 18 letters and digits")
    at = _modified(record.fields) if record.at is None else record.at
    if type(at) is not int:
        return Rejected("bad-timestamp", "$.at: not whole milliseconds, and the fields have no SystemModstamp")
    deleted = record.deleted or record.fields.get(IS_DELETED) is True
    values = rest_values(record.fields)
    return (Change(record.object, record_id, "snapshot", at, "", kafka_timestamp, values, deleted=deleted),)


def _connects(body: Values, kafka_timestamp: Millis) -> OwnRecord:
    """Read a snapshot of Kafka Connect: the record's fields beside Connect's own."""
    deleted = str(body.get("_EventType")).lower() == "deleted"
    at = _modified(body)
    return OwnRecord(body["_ObjectType"], body["Id"], body, deleted, kafka_timestamp if at is None else at)


def _modified(fields: Values) -> Millis | None:
    for name in ("SystemModstamp", "LastModifiedDate"):
        value = fields.get(name)
        if type(value) is int:
            return value
        if isinstance(value, str) and (at := instant_of(value)) is not None:
            return at
    return None


def _wrong_time(at: Millis, kafka_timestamp: Millis) -> Rejected | None:
    if not FIRST <= at < END:
        return Rejected("bad-timestamp", "commitTimestamp or at: outside the years 2000 to 2100")
    if at > kafka_timestamp + MAX_SKEW_MS:
        return Rejected("future", "commitTimestamp or at: over 5 minutes after Kafka's timestamp of the message")
    return None
