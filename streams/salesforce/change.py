"""Change: what one message says of one record, whatever shape it came in."""

from typing import Any, Literal, TypeAlias

import msgspec

from streams.events import Millis

Values: TypeAlias = dict[str, Any]
"""{REST field name: JSON value}; null: the field is empty.  Never changed in place: records of one message share it."""
ChangeType: TypeAlias = Literal["create", "update", "delete", "undelete", "gap", "overflow", "snapshot"]


class Change(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="change", gc=False):
    """One change of one record, or of a whole object."""

    object: str
    """API name: `Contact`, `My_Object__c`."""
    record: str
    """18 characters; empty: no record is named, the whole object is meant."""
    type: ChangeType
    at: Millis
    """When it was committed; of a snapshot: as of when the record was so."""
    transaction: str = ""
    """Empty: of none.  Snapshots have none."""
    sequence: int = 0
    """Order within the transaction; of a snapshot: Kafka's timestamp, which orders snapshots of one `at`."""
    values: Values = {}
    """Fields to set.  Empty for a delete, a gap and an overflow."""
    diffs: dict[str, str] = {}
    """{field: unified diff} of long texts: the value is the one before, patched (`diffs.py`)."""
    deleted: bool = False
    """Only of a snapshot: the record was deleted."""
    by: str | None = None
    """Id of the user who committed it."""


encode_change = msgspec.json.Encoder().encode
decode_change = msgspec.json.Decoder(Change).decode
"""Raises msgspec.ValidationError or DecodeError."""
