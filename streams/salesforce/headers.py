"""Headers: what a ChangeEventHeader says, and the changes that it and its body make."""

from typing import Annotated, Any, Final

import msgspec

from streams.events import Millis, Rejected
from streams.salesforce.bitmaps import HEADER, NoSchemaError
from streams.salesforce.bodies import Body, Lists, changed_body, whole_body
from streams.salesforce.change import Change, ChangeType, Values
from streams.salesforce.ids import full_id, means_whole_object

MAX_RECORDS: Final = 2_000
TYPES: Final[dict[str, ChangeType]] = {
    "CREATE": "create",
    "UPDATE": "update",
    "DELETE": "delete",
    "UNDELETE": "undelete",
    "SNAPSHOT": "snapshot",
    "GAP_OVERFLOW": "overflow",
}
GAP: Final = "GAP_"
"""With it begin the types that say that a change is lost; what kind of change matters not, it has to be read again."""

Text = Annotated[str, msgspec.Meta(max_length=256)]
Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Header(msgspec.Struct, rename="camel", gc=False):
    """The fields of a ChangeEventHeader that we need; null is absent."""

    entity_name: Text | None = None
    record_ids: list[Text] | None = None
    change_type: Text | None = None
    commit_timestamp: Any = None
    transaction_key: Text | None = None
    sequence_number: Number | None = None
    commit_user: Text | None = None
    changed_fields: list[str] | None = None
    nulled_fields: list[str] | None = None
    diff_fields: list[str] | None = None


def changes_of(body: Values, schema: Any, kafka_timestamp: Millis) -> tuple[Change, ...] | Rejected:
    """Make a change for each record of a change event; msgspec.ValidationError: a field of the header has a wrong type.

    | records                       | changes                                              |
    |-------------------------------|------------------------------------------------------|
    | ids                           | one each, of the header's type                       |
    | a wildcard or overflow's id   | one of the whole object: an overflow, else a gap     |
    """
    header = msgspec.convert(body[HEADER], Header)
    records = _records(header)
    if isinstance(records, Rejected):
        return records
    kind = _type(header.change_type or "")
    if kind is None:
        return Rejected("unknown-change", f"{HEADER}.changeType: not one of {', '.join(TYPES)}, {GAP}...")
    if type(header.commit_timestamp) is not int:
        return Rejected("bad-timestamp", f"{HEADER}.commitTimestamp: not whole milliseconds since 1970")
    try:
        found = _body(kind, body, header, schema)
    except NoSchemaError as error:
        return Rejected("no-schema", f"{HEADER}: bitmaps need the writer's schema; {error}")
    sequence = kafka_timestamp if kind == "snapshot" else header.sequence_number or 0
    transaction = "" if kind == "snapshot" else header.transaction_key or ""
    return tuple(
        Change(
            header.entity_name or "",
            record,
            kind if record or kind == "overflow" else "gap",
            header.commit_timestamp,
            transaction,
            sequence,
            found.values if record else {},
            found.diffs if record else {},
            by=header.commit_user,
        )
        for record in records
    )


def _type(name: str) -> ChangeType | None:
    return TYPES.get(name) or ("gap" if name.startswith(GAP) else None)


def _records(header: Header) -> list[str] | Rejected:
    """List the records, each once; empty text: the whole object."""
    given = header.record_ids
    if not header.entity_name:
        return Rejected("no-object", f"{HEADER}.entityName: absent or empty; the object's API name, like Contact")
    if not given:
        return Rejected("no-record-id", f"{HEADER}.recordIds: absent or empty; at least one id")
    if len(given) > MAX_RECORDS:
        return Rejected("too-many-records", f"{HEADER}.recordIds: {len(given)}; at most {MAX_RECORDS}")
    found: dict[str, None] = {}
    for place, one in enumerate(given):
        record = "" if means_whole_object(one) else full_id(one)
        if record is None:
            return Rejected("bad-record-id", f"{HEADER}.recordIds[{place}]: not 15 or 18 letters and digits")
        found[record] = None
    return list(found)


def _body(kind: ChangeType, body: Values, header: Header, schema: Any) -> Body:
    if kind in ("create", "undelete", "snapshot"):
        return whole_body(body)
    if kind == "update":
        return changed_body(body, Lists(header.changed_fields, header.nulled_fields, header.diff_fields), schema)
    return Body()
