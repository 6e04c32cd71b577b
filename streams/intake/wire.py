"""The wire: a Segment event as bytes.  Only what we need is decoded; the rest is checked to be JSON and skipped."""

import re
from itertools import accumulate
from typing import Annotated, Final

import msgspec

from streams.events import Rejected
from streams.touches import Campaign

MAX_BYTES: Final = 33 * 1024
"""A sender's 32 KB, and room for what a collector stamps on: an acknowledged event must not be too large here."""
MAX_DEPTH: Final = 64
"""Objects and arrays inside each other.  Nobody means more, and each level costs the decoder a stack frame."""
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
_strings = re.compile(rb'(?s)"(?:[^"\\]+|\\.?)*+(?:"|\Z)').sub
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def decode(raw: bytes | None) -> WebEvent | Rejected:
    """Decode one event.

    | bytes                              | reason       |
    |------------------------------------|--------------|
    | none                               | `empty`      |
    | more than 32 KB                    | `too-large`  |
    | not UTF-8, anywhere                | `not-utf8`   |
    | more than 64 levels                | `too-deep`   |
    | not JSON                           | `not-json`   |
    | not an object, or a wrong field    | `wrong-type` |
    """
    if not raw:
        return Rejected("empty", "the message has no bytes; send one JSON object")
    if len(raw) > MAX_BYTES:
        return Rejected("too-large", f"{len(raw)} bytes; at most {MAX_BYTES}")
    if not raw.isascii() and (found := _not_utf8(raw)):
        return found
    # So many levels need as many brackets: to count them is cheap, to walk them is not.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and (depth := _depth(raw)) > MAX_DEPTH:
        return Rejected("too-deep", f"{depth} levels of objects and arrays; at most {MAX_DEPTH}")
    try:
        return _decode(raw)
    except msgspec.ValidationError as error:
        return Rejected("wrong-type", _where_and_what(str(error)))
    except msgspec.DecodeError as error:
        return Rejected("not-json", str(error))


def _not_utf8(raw: bytes) -> Rejected | None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return Rejected("not-utf8", f"byte {error.start}: {error.reason}")
    return None


def _depth(raw: bytes) -> int:
    """Count the levels, strings aside.  Of what is not JSON the answer means nothing, but it comes in linear time."""
    brackets = _strings(b"", raw).translate(None, _ALL_BUT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _where_and_what(message: str) -> str:
    what, _, where = message.partition(" - at `")
    return f"{where.rstrip('`') or '$'}: {what}"
