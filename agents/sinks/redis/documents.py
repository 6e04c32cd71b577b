"""From a record of one of the read model's topics to what Redis keeps of it.  Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

import msgspec

from agents.sinks.redis.keys import Kind
from streams.topics import ACCOUNT_VIEWS, CONTRIBUTIONS, PROFILE_VIEWS

PIECE_RECORDS = 200
PIECE_BYTES = 1 << 20
"""Most that one call of the function writes.  Redis answers nobody else meanwhile: some 5 ms."""
PIECE_BYTES_OF_CELLS = 1 << 16
"""Each cell is a command of its own: about 2,500 of them take as long."""
LARGEST_CELL = 10**17
"""Of one document; 90 such documents still fit the 64 bits of a total."""

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

    name: str
    """The record's key: a person, an Account id."""
    offset: int
    doc: bytes
    """JSON as it came, of a contribution {cell: amount in decimal text}; empty: the document is deleted."""
    members: bytes
    """Of a profile {segment: entered_at in ms} in JSON; empty: in no segment."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A topic that the read model is made of."""

    topic: str
    kind: Kind
    kept: Callable[[str], tuple[bytes, bytes]]
    """From a value to an entry's doc and members; raises msgspec's error where the value is no such document."""
    piece_bytes: int = PIECE_BYTES

    def read(self, record: Consumed) -> Entry | None:
        """Read one record; None when it is not a document: no key, bad UTF-8, no JSON object."""
        if record.key is None:
            return None
        try:
            name = record.key.decode()
            if record.value is None:
                return Entry(name, record.offset, b"", b"")
            doc, members = self.kept(record.value.decode())  # bytes would pass bad UTF-8 in other fields
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return Entry(name, record.offset, doc, members)


class _Segment(msgspec.Struct):
    member: bool = False
    entered_at: datetime | None = None


class _Profile(msgspec.Struct):
    segments: dict[str, _Segment] = {}


class _Account(msgspec.Struct):
    pass


class _Contribution(msgspec.Struct):
    cells: dict[str, Annotated[int, msgspec.Meta(ge=-LARGEST_CELL, le=LARGEST_CELL)]]


_profile = msgspec.json.Decoder(_Profile).decode
_account = msgspec.json.Decoder(_Account).decode
_contribution = msgspec.json.Decoder(_Contribution).decode


def _keep_profile(value: str) -> tuple[bytes, bytes]:
    segments = _profile(value).segments
    entered = {name: _millis(held.entered_at) for name, held in segments.items() if held.member}
    return value.encode(), msgspec.json.encode(entered, order="sorted") if entered else b""


def _keep_account(value: str) -> tuple[bytes, bytes]:
    _account(value)
    return value.encode(), b""


def _keep_contribution(value: str) -> tuple[bytes, bytes]:
    """Amounts become text: the function in Redis has numbers of 53 bits only."""
    cells = _contribution(value).cells
    return msgspec.json.encode({field: str(amount) for field, amount in cells.items() if amount}, order="sorted"), b""


FEEDS = {
    feed.topic: feed
    for feed in (
        Feed(PROFILE_VIEWS.name, Kind.profile, _keep_profile),
        Feed(ACCOUNT_VIEWS.name, Kind.account, _keep_account),
        Feed(CONTRIBUTIONS.name, Kind.contribution, _keep_contribution, PIECE_BYTES_OF_CELLS),
    )
}
"""{topic: its feed}."""


def latest(feed: Feed, records: Iterable[Consumed]) -> tuple[list[Entry], int]:
    """Keep the latest of each document, in order of offset, and count the records that are no documents.

    Who reads from behind writes each document once a batch instead of once a change.
    """
    kept: dict[str, Entry] = {}
    unreadable = 0
    for record in records:
        entry = feed.read(record)
        if entry is None:
            unreadable += 1
        elif entry.name not in kept or kept[entry.name].offset < entry.offset:
            kept[entry.name] = entry
    return sorted(kept.values(), key=lambda entry: entry.offset), unreadable


def pieces(entries: list[Entry], last: int, most_bytes: int) -> Iterator[tuple[list[Entry], int]]:
    """Cut a batch that ends at offset `last` into pieces, each with the offset that is applied with it.

    At most `PIECE_RECORDS` and about `most_bytes` each; always at least one, which may be empty.
    """
    piece: list[Entry] = []
    size = 0
    for entry in entries:
        if piece and (len(piece) == PIECE_RECORDS or size + len(entry.doc) > most_bytes):
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
