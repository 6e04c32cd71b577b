"""From a record of `profile-views` to what Redis keeps of it.  Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

PIECE_RECORDS = 200
PIECE_BYTES = 1 << 20
"""Most that one call of the function writes.  Redis answers nobody else meanwhile: some 5 ms."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Consumed(Protocol):
    """What we need of a Kafka record; None as a value deletes."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Entry:
    """One document as of one offset."""

    person: str
    offset: int
    doc: bytes
    """JSON as it came; empty: the document is deleted."""
    members: bytes
    """{segment: entered_at in ms} in JSON; empty: in no segment."""


class _Segment(msgspec.Struct):
    member: bool = False
    entered_at: datetime | None = None


class _Document(msgspec.Struct):
    segments: dict[str, _Segment] = {}


_decode = msgspec.json.Decoder(_Document).decode


def read(record: Consumed) -> Entry | None:
    """Read one record; None when it is not a document, which nothing can show: no key, bad UTF-8, no JSON object."""
    if record.key is None:
        return None
    try:
        person = record.key.decode()
        if record.value is None:
            return Entry(person, record.offset, b"", b"")
        segments = _decode(record.value.decode()).segments  # bytes would pass bad UTF-8 in other fields
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    entered = {name: _millis(held.entered_at) for name, held in segments.items() if held.member}
    return Entry(person, record.offset, record.value, msgspec.json.encode(entered, order="sorted") if entered else b"")


def latest(records: Iterable[Consumed]) -> tuple[list[Entry], int]:
    """Keep the latest of each person, in order of offset, and count the records that are no documents.

    Who reads from behind writes each person once a batch instead of once a change.
    """
    kept: dict[str, Entry] = {}
    unreadable = 0
    for record in records:
        entry = read(record)
        if entry is None:
            unreadable += 1
        elif entry.person not in kept or kept[entry.person].offset < entry.offset:
            kept[entry.person] = entry
    return sorted(kept.values(), key=lambda entry: entry.offset), unreadable


def pieces(entries: list[Entry], last: int) -> Iterator[tuple[list[Entry], int]]:
    """Cut a batch that ends at offset `last` into pieces, each with the offset that is applied with it.

    At most `PIECE_RECORDS` and about `PIECE_BYTES` each; always at least one, which may be empty.
    """
    piece: list[Entry] = []
    size = 0
    for entry in entries:
        if piece and (len(piece) == PIECE_RECORDS or size + len(entry.doc) > PIECE_BYTES):
            yield piece, piece[-1].offset
            piece, size = [], 0
        piece.append(entry)
        size += len(entry.doc)
    yield piece, last


def _millis(instant: datetime | None) -> int:
    if instant is None:
        return 0
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (aware - EPOCH) // MILLISECOND
