"""Room 1b.  Segment's wire format: a request's path, headers and bytes in; stamped messages for `web-events` out.

Pure: the instant and the ids come from the caller.  What cannot be used raises `RefusedError`, which says what to mend.
An event keeps its bytes, field by field: only `receivedAt`, `sentAt`, `type`, `messageId` and `writeKey` are touched.
"""

import base64
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

KIBIBYTE = 1 << 10
EVENT_BYTES = 32 * KIBIBYTE
"""Largest event, after gunzip."""
BATCH_BYTES = 500 * KIBIBYTE
"""Largest batch, after gunzip.  Official SDKs stop filling a batch at 475,000 bytes and may add one more event."""

_NULL = msgspec.Raw(b"null")
Fields: TypeAlias = dict[str, msgspec.Raw]
"""The top level of one event; each value is the JSON text as it was sent."""


class RefusedError(Exception):
    """A request that cannot be accepted: the status, and a sentence of the form `where: what; what would be right`."""

    def __init__(self, status: int, error: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.retry_after_seconds = retry_after_seconds


class Endpoint(NamedTuple):
    """What one path takes."""

    kind: Literal["event", "batch"]
    type: str | None
    """The event type that the path says; None: each event of a batch says its own."""
    limit_bytes: int


_TYPES = ("track", "identify", "page", "screen", "group", "alias")
_EVENTS = {name: Endpoint("event", kind, EVENT_BYTES) for kind in _TYPES for name in (kind, kind[0])}
_BATCHES = {name: Endpoint("batch", None, BATCH_BYTES) for name in ("batch", "b", "import")}
ENDPOINTS: Mapping[str, Endpoint] = _EVENTS | _BATCHES
"""{last part of the path: what it takes}.  Browsers send the first letter, servers the word."""


class Message(NamedTuple):
    """One message of `web-events`."""

    key: bytes | None
    """userId, else anonymousId, as UTF-8; None without any: the event is on its way to `rejected-events`."""
    value: bytes


class Parcel(NamedTuple):
    """What one request carries, before it is stamped."""

    write_key: str | None
    sent_at: msgspec.Raw | None
    """The envelope's `sentAt`; None for a single event, which has its own."""
    events: list[Fields]


class _Envelope(msgspec.Struct):
    batch: list[msgspec.Raw]
    sentAt: msgspec.Raw = _NULL  # noqa: N815  Segment's name
    writeKey: msgspec.Raw = _NULL  # noqa: N815


_decode_fields = msgspec.json.Decoder(Fields).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_encode = msgspec.json.Encoder().encode


def basic_key(authorization: str | None) -> str | None:
    """Take the write key from Basic credentials, where it is the user name.

    None without a header, with another scheme (the SDKs' OAuth) or without a user name: the body may hold the key.
    What claims to be Basic and cannot be read is the empty key, which nobody has.
    """
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[0]
    except ValueError:  # not Base64, or not UTF-8 inside
        return ""
    return name or None


class Inflater:
    """Gunzip piece by piece; never more than `limit_bytes` and one byte come out, whatever goes in."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._made = 0
        self._zlib = zlib.decompressobj(wbits=31)

    def feed(self, piece: bytes) -> bytes:
        """Decompress the next piece; raise `RefusedError` for broken gzip (400) and for too much of it (413)."""
        try:
            out = self._zlib.decompress(piece, self._limit - self._made + 1)
        except zlib.error:
            raise RefusedError(400, "body: broken gzip; what Content-Encoding says would be right") from None
        self._made += len(out)
        if self._made > self._limit:
            raise too_large(self._limit)
        if self._zlib.unused_data:
            raise RefusedError(400, "body: bytes after the end of the gzip stream; one stream would be right")
        return out

    def finish(self) -> None:
        """Raise `RefusedError` where the stream ended before its end."""
        if not self._zlib.eof:
            raise RefusedError(400, "body: gzip stream cut short; the whole stream would be right")


def too_large(limit_bytes: int, where: str = "body") -> RefusedError:
    """Say which limit was passed."""
    return RefusedError(413, f"{where}: over {limit_bytes // KIBIBYTE} KB; at most {limit_bytes} bytes would be right")


def parse(endpoint: Endpoint, body: bytes) -> Parcel:
    """Read a body.

    Broken JSON, bytes that are not UTF-8, a wrong envelope, a batch element that is no object, a single event without
    any id: `RefusedError` with 400; an event over 32 KB: 413.  A batch of no events is a parcel of none.
    Whatever else is wrong inside an event stays as it is: ingest rejects it alone, and its neighbours count.
    """
    if not body.isascii():
        _require_utf8(body)
    return _parse_batch(body) if endpoint.kind == "batch" else _parse_event(body)


def _require_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"body: not UTF-8 (byte {error.start}); JSON in UTF-8 would be right") from None


def _parse_event(body: bytes) -> Parcel:
    fields = _decoded(_decode_fields, body, "one event, a JSON object,")
    if _key(fields) is None:
        raise RefusedError(400, "userId: missing, and anonymousId too; at least one of them would be right")
    return Parcel(_text(fields.get("writeKey", _NULL)), None, [fields])


def _parse_batch(body: bytes) -> Parcel:
    envelope = _decoded(_decode_envelope, body, '{"batch": [event, ...]}')
    events = [_element(index, raw) for index, raw in enumerate(envelope.batch)]
    return Parcel(_text(envelope.writeKey), envelope.sentAt if bytes(envelope.sentAt) != bytes(_NULL) else None, events)


def _element(index: int, raw: msgspec.Raw) -> Fields:
    if memoryview(raw).nbytes > EVENT_BYTES:
        raise too_large(EVENT_BYTES, f"batch[{index}]")
    try:
        return _decode_fields(raw)
    except msgspec.ValidationError as error:
        raise RefusedError(400, f"batch[{index}]: {_lower(error)}; one event, a JSON object, would be right") from None


_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)


def _mend_surrogates(body: bytes) -> bytes:
    """Replace halves of a surrogate pair by U+FFFD.

    A page title cut in the middle of an emoji has one; JavaScript sends it as it is, and no parser here takes it:
    for this alone a whole batch would be lost.
    """
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)


_Shape = TypeVar("_Shape")


def _decoded(decode: Callable[[bytes], _Shape], body: bytes, right: str) -> _Shape:
    try:
        try:
            return decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return decode(_mend_surrogates(body))
    except msgspec.MsgspecError as error:
        raise RefusedError(400, f"body: {_lower(error)}; {right} would be right") from None
    except RecursionError:
        raise RefusedError(400, "body: nested too deeply; at most some 900 levels would be right") from None


def _lower(error: msgspec.MsgspecError) -> str:
    """Msgspec says where and what, never the value."""
    said = str(error)
    return said[:1].lower() + said[1:]


def _text(raw: msgspec.Raw) -> str | None:
    """Read a string; None where it is something else."""
    text = bytes(raw)
    return msgspec.json.decode(text, type=str) if text.startswith(b'"') else None


def stamp(parcel: Parcel, endpoint: Endpoint, received_at: str, new_id: Callable[[], str]) -> list[Message]:
    """Make the messages, in the order of the parcel.

    | field        | becomes                                                            |
    |--------------|--------------------------------------------------------------------|
    | `receivedAt` | `received_at`, whatever the sender wrote                           |
    | `sentAt`     | the envelope's, where it has one                                   |
    | `type`       | the path's, where the path says one                                |
    | `messageId`  | as sent; where absent, null or blank, `new_id()`                   |
    | `writeKey`   | dropped: a credential has no place in the log                      |
    """
    always = {"receivedAt": _raw(received_at)}
    if parcel.sent_at is not None:
        always["sentAt"] = parcel.sent_at
    if endpoint.type is not None:
        always["type"] = _raw(endpoint.type)
    return [_message(fields | always, new_id) for fields in parcel.events]


def _message(fields: Fields, new_id: Callable[[], str]) -> Message:
    fields.pop("writeKey", None)
    if _id(fields, "messageId") is None:
        fields["messageId"] = _raw(new_id())
    return Message(_key(fields), _encode(fields))


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(_encode(text))


def _key(fields: Fields) -> bytes | None:
    found = _id(fields, "userId") or _id(fields, "anonymousId")
    return found.encode() if found else None


def _id(fields: Fields, name: str) -> str | None:
    """Read an id: a string, less the blanks around it; else the JSON text; None: absent, null or blank."""
    raw = fields.get(name, _NULL)
    value = _text(raw)
    if value is not None:
        return value.strip() or None
    text = bytes(raw).decode()
    return None if text == "null" else text
