"""Room 2a.  Records: what flows from ingest to profile on `user-events`, as values.

Shapes: docs/semantics.md, part 1.  Instants are whole milliseconds since 1970, UTC.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

Millis: TypeAlias = int
"""An instant: whole milliseconds since 1970-01-01 UTC."""

Alias: TypeAlias = str
"""One identifier of a person: `user:<userId>`, `email:<address>` or `anon:<anonymousId>`."""

NO_TIME: Millis = 0
"""The received time of what Salesforce tells: it is taken in as it comes, and no decision rests on it."""

Taken: TypeAlias = Literal["link", "split", "record"]
"""Why an alias belongs to somebody else now: an earlier link, an operator's word, what a Salesforce record says."""

Path: TypeAlias = tuple[int, ...]
"""How a part came to a row: for each alias that it passed, its own first, how often that alias had moved by then.

Of two parts of one alias the one with the larger path is newer, whatever the order of arrival.  Empty: nobody sent the
part, events that were forwarded made it.
"""


class Source(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where a visit came from.  Empty fields are absent."""

    channel: str
    """Touchline's channel, by PostHog's names: `Direct`, `Paid Search`, ..."""
    ga4: str
    """The same visit in GA4's default channel group."""
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None
    click: str | None = None
    """The ad network whose click id the landing page carried."""
    referrer: str | None = None
    """Host only."""
    landing: str | None = None
    """Host and path, no query: queries carry personal data."""


class UserEvent(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="event", gc=False):
    """One validated event of one alias."""

    alias: Alias
    message_id: str
    at: Millis
    received_at: Millis
    name: str = ""
    """What is counted; empty: nothing is."""
    visit: bool = False
    source: Source | None = None
    """None: a visit that continues (own site, gateway), or no visit."""
    bot: bool = False
    email: str | None = None
    full_name: str | None = None
    person: Alias | None = None
    """Set on a forwarded event: the alias to which `alias`, or one that it passed, belongs."""
    passed: int = 0
    """Rows that have forwarded it."""


class Link(msgspec.Struct, frozen=True, tag_field="kind", tag="link", gc=False):
    """Somebody said that `alias` is `to`, a stronger alias (`identifiers.RANKS`)."""

    alias: Alias
    to: Alias
    message_id: str
    at: Millis
    received_at: Millis


class Split(msgspec.Struct, frozen=True, tag_field="kind", tag="split", gc=False):
    """An operator's word on the links of an alias: they are void, or hold again.  The latest word counts."""

    alias: Alias
    apart: bool
    """Whether the alias stands alone."""
    message_id: str
    at: Millis
    received_at: Millis


class Forget(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="forget", gc=False):
    """Everything that is kept of an alias is to go, and nothing that comes of it is taken in any more."""

    alias: Alias
    person: Alias | None = None
    """Who was forgotten, and this alias with it, if it belongs to that one.  None: an operator says so."""
    passed: int = 0
    """Rows that have passed an operator's word on to their owner."""
    received_at: Millis = NO_TIME


NO_FIELDS = msgspec.Raw(b"")
"""No object.  The very same: only so it is left out of JSON."""


class Facts(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="facts", gc=False):
    """What a Contact or Lead is now, whole."""

    alias: Alias
    version: int
    """Grows with each change of the record: the largest counts."""
    object: str
    modified_at: Millis
    owner: Alias | None = None
    """Whom the record says that it is: the address of its email, the contact it was converted to, the record it was
    merged into."""
    account: str | None = None
    """Id of the Account."""
    fields: msgspec.Raw = NO_FIELDS
    """A JSON object {field: value}, of those that are not empty.  Absent: the record is deleted."""
    person: Alias | None = None
    passed: int = 0
    """Both as on a forwarded event."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="told", gc=False):
    """A change in Salesforce, on its way to the timeline of the person whom it concerns."""

    alias: Alias
    change: msgspec.Raw
    """A JSON object: the timeline's message, the person aside."""
    once: str | None = None
    """Names what is told where it is told to several aliases: a person hears it once.  None: it is told to one."""
    person: Alias | None = None
    passed: int = 0
    """Both as on a forwarded event."""


class AccountState(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="account", gc=False):
    """What an account is now, for an alias that belongs to it."""

    alias: Alias
    account: str
    number: int
    """Grows with each that the account sends: the largest counts."""
    state: msgspec.Raw = NO_FIELDS
    """A JSON object (docs/accounts.md, part 3).  Absent: the alias does not belong to it any more, or it is gone."""
    person: Alias | None = None
    passed: int = 0
    """Both as on a forwarded event."""


class ShareOf(msgspec.Struct, frozen=True, tag_field="kind", tag="share", omit_defaults=True, gc=False):
    """What of an account's ARR is a contact's, by its roles in opportunities."""

    alias: Alias
    account: str
    number: int
    """As of `AccountState`."""
    arr: int
    """Minor units of the corporate currency."""
    person: Alias | None = None
    passed: int = 0
    """Both as on a forwarded event."""


class PartMoved(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="part", gc=False):
    """The whole part of an alias, on its way to the alias that it belongs to."""

    alias: Alias
    person: Alias
    path: Path
    part: bytes
    """The part as `activity.pack` wrote it (base64 in JSON)."""
    received_at: Millis = NO_TIME
    """Of what made the owner change."""


class PartDetached(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="detach", gc=False):
    """The alias belongs to somebody else now: the row loses the part, if that came by an older path."""

    alias: Alias
    person: Alias
    path: Path
    why: Taken
    passed: int = 0
    """Rows that have forwarded it."""
    received_at: Millis = NO_TIME
    """Of what made the owner change."""


class Barrier(msgspec.Struct, frozen=True, tag_field="kind", tag="barrier", gc=False):
    """Written by a lane that opens: whoever reads it has read all that the lane sent before."""

    lane: str
    """`<topic>/<partition>`."""


Record: TypeAlias = (
    UserEvent | Facts | Told | AccountState | ShareOf | Link | Split | Forget | PartMoved | PartDetached | Barrier
)


def row_of(record: Record) -> Alias:
    """Name the row that a record is for; its key on `user-events`.  A barrier is for none: TypeError."""
    match record:
        case UserEvent() | Facts() | Told() | AccountState() | ShareOf():
            return record.person or record.alias
        case Link() | Split() | Forget():
            return record.alias
        case PartMoved() | PartDetached():
            return record.person
    msg = "a barrier belongs to the partition, not to a row"
    raise TypeError(msg)


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """Input that cannot be used: for `rejected-events`, with what the sender has to mend."""

    reason: Literal[
        "not-json",
        "not-utf8",
        "empty",
        "too-large",
        "too-deep",
        "wrong-type",
        "unknown-type",
        "no-id",
        "blocked-id",
        "bad-timestamp",
        "future",
        "bad-command",
        "bad-record",
        "row-full",
        "no-header",
        "no-object",
        "no-record-id",
        "bad-record-id",
        "too-many-records",
        "unknown-change",
        "no-schema",
    ]
    """A closed set: a label of the metric."""
    detail: str
    """Where, what, and what would be right.  Never the value itself: it may be personal."""


OBJECTS: Mapping[type, str] = {Facts: "fields", Told: "change", AccountState: "state"}
"""{kind of record: its field that is a JSON object, or absent}: the decoder takes any JSON there."""


def wrong_object(record: object, objects: Mapping[type, str]) -> str | None:
    """Name the field of a record that is to be a JSON object, or absent, and is other JSON; None: there is none."""
    name = objects.get(type(record))
    return name if name is not None and bytes(getattr(record, name))[:1] not in (b"", b"{") else None


encode_record = msgspec.json.Encoder().encode
decode_record = msgspec.json.Decoder(
    UserEvent | Facts | Told | AccountState | ShareOf | Link | Split | Forget | PartMoved | PartDetached | Barrier
).decode
