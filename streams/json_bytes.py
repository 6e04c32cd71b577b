"""Room 2, the door: bytes of a message that claim to be JSON.  What no decoder should have to look at is found here."""

import re
from itertools import accumulate
from typing import Final

from streams.events import Rejected

MAX_DEPTH: Final = 64
"""Objects and arrays inside each other.  Nobody means more, and each level costs the decoder a stack frame."""

_strings = re.compile(rb'(?s)"(?:[^"\\]+|\\.?)*+(?:"|\Z)').sub
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def unreadable(raw: bytes, max_bytes: int) -> Rejected | None:
    """Say why a decoder should not see these bytes; None: it may.

    | bytes                              | reason       |
    |------------------------------------|--------------|
    | none                               | `empty`      |
    | more than `max_bytes`              | `too-large`  |
    | not UTF-8, anywhere                | `not-utf8`   |
    | more than 64 levels                | `too-deep`   |
    """
    if not raw:
        return Rejected("empty", "the message has no bytes; send one JSON object")
    if len(raw) > max_bytes:
        return Rejected("too-large", f"{len(raw)} bytes; at most {max_bytes}")
    if not raw.isascii() and (found := _not_utf8(raw)):
        return found
    # So many levels need as many brackets: to count them is cheap, to walk them is not.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and (depth := _depth(raw)) > MAX_DEPTH:
        return Rejected("too-deep", f"{depth} levels of objects and arrays; at most {MAX_DEPTH}")
    return None


def where_and_what(message: str) -> str:
    """Turn what msgspec says of a wrong field into `where: what`."""
    what, _, where = message.partition(" - at `")
    return f"{where.rstrip('`') or '$'}: {what}"


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
