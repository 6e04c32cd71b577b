"""The wire: a Segment event as bytes.  Only what we need is decoded; the rest is checked to be JSON and skipped."""

from typing import Annotated, Final

import msgspec

from streams.events import Rejected
from streams.json_bytes import unreadable, where_and_what
from streams.touches import Campaign

MAX_BYTES: Final = 33 * 1024
"""A sender's 32 KB, and room for what a collector stamps on: an acknowledged event must not be too large here."""
MAX_ID: Final = 256
"""Characters of an id."""
MAX_NAME: Final = 200
"""Characters of an event's name."""

Id = Annotated[str, msgspec.Meta(max_length=MAX_ID)] | None
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)] | None
NOTHING: Final = msgspec.Raw(b"")
"""No object: traits and properties are free-form, so they are read where they are needed only."""


class Page(msgspec.Struct, gc=False):
    """`context.page`."""

    url: str | None = None
    referrer: str | None = None


class AdReferrer(msgspec.Struct, gc=False):
    """`context.referrer`: the click id of an ad, and whose it is."""

    id: str | None = None
    type: str | None = None


class Context(msgspec.Struct, rename="camel", gc=False):
    """What the sender's library knows besides the event itself."""

    page: Page | None = None
    campaign: Campaign | None = None
    referrer: AdReferrer | None = None
    user_agent: str | None = None
    traits: msgspec.Raw = NOTHING


class WebEvent(msgspec.Struct, rename="camel", gc=False):
    """One event of the Segment spec; null is absent."""

    type: str
    message_id: Id = None
    user_id: Id = None
    anonymous_id: Id = None
    previous_id: Id = None
    event: Name = None
    timestamp: str | None = None
    original_timestamp: str | None = None
    sent_at: str | None = None
    received_at: str | None = None
    context: Context | None = None
    traits: msgspec.Raw = NOTHING
    properties: msgspec.Raw = NOTHING


_decode = msgspec.json.Decoder(WebEvent).decode


def decode(raw: bytes | None) -> WebEvent | Rejected:
    """Decode one event.

    | bytes                              | reason       |
    |------------------------------------|--------------|
    | not fit for a decoder              | as it says   |
    | not JSON                           | `not-json`   |
    | not an object, or a wrong field    | `wrong-type` |
    """
    given = raw or b""
    if found := unreadable(given, MAX_BYTES):
        return found
    try:
        return _decode(given)
    except msgspec.ValidationError as error:
        return Rejected("wrong-type", where_and_what(str(error)))
    except msgspec.DecodeError as error:
        return Rejected("not-json", str(error))
