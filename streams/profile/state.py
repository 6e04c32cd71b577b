"""Room 6a.  State: the row of one alias, and how it is written."""

from collections import deque
from collections.abc import Iterator
from struct import Struct as Layout
from typing import NamedTuple, TypeAlias

import msgspec

from streams.activity import Known, Part, Touch, latest_known
from streams.asks import Asked, Trigger
from streams.events import Alias, Millis, Path, Record, Source
from streams.lazy import lazy
from streams.policy import Policy
from streams.segments import Change, Standing
from streams.sessions import Fold, Sealed, earlier, later

NEVER: Millis = 1 << 62
RECENT_VISITS = 32
"""A visit that comes after so many later ones makes all stored ones be folded again."""


class Attached(msgspec.Struct, array_like=True, gc=False):
    """The part of another alias of this person, and the touches that it had sealed by itself."""

    part: Part
    sealed: Sealed
    path: Path = ()


class Visited(NamedTuple):
    """A visit that was folded, and what the fold was before it."""

    at: Millis
    key: bytes
    source: Source | None
    before: Fold


class Profile(msgspec.Struct, array_like=True, dict=True):
    """The row of one alias; of a person where the alias is one: a user, or an alias without link.

    Changed in place: what a failed transaction left behind is never used again.
    """

    own: Part
    attached: dict[Alias, Attached] = {}
    links: dict[Alias, tuple[Millis, bytes]] = {}
    """{stronger alias: earliest link by (at, order key)}: who this alias was said to be."""
    split: tuple[Millis, bytes, bool] | None = None
    """The operator's latest word by (at, order key), and whether the links are void; None: there was none."""
    moves: int = 0
    """How often the owner changed."""
    sealed: Sealed = Sealed()
    """Older visits, folded."""
    fold: Fold = Fold()
    """All visits, folded: `sealed` and what is stored."""
    standings: dict[str, Standing] = {}
    asked: dict[str, Asked] = {}
    walked_to: Millis = -1
    """The clock up to which all changes are announced."""
    wakes_at: Millis = NEVER
    """When time alone changes something; `NEVER`: nothing is due."""
    rule_version: int = 0

    @lazy
    def recent(self) -> deque[Visited]:
        """Keep the visits folded last, in order: for one that comes a little late.  Not packed."""
        return deque(maxlen=RECENT_VISITS)

    @property
    def key(self) -> Alias:
        """The alias whose home row this is."""
        return self.own.alias

    @property
    def owner(self) -> Alias | None:
        """The alias that this one belongs to: that of the earliest link.  None: this row is a person's."""
        if not self.links or (self.split is not None and self.split[2]):
            return None
        return min(self.links, key=lambda to: (self.links[to], to))

    @property
    def is_user(self) -> bool:
        """Whether a userId stands for the person: only then segments and asks apply."""
        return self.key.startswith("user:")

    def parts(self) -> list[Part]:
        """List all parts of the person."""
        if not self.attached:
            return [self.own]
        return [self.own, *(attached.part for attached in self.attached.values())]

    @property
    def latest(self) -> Millis:
        """The latest stored instant of the person; 0: none."""
        if not self.attached:
            return self.own.latest
        return max(part.latest for part in self.parts())

    @property
    def first_touch(self) -> Touch | None:
        """What first brought this person."""
        first = self.own.first_touch
        for attached in self.attached.values():
            first = earlier(first, attached.part.first_touch)
        return first

    @property
    def last_touch(self) -> Touch | None:
        """The touch of the latest session."""
        last = self.fold.last
        for attached in self.attached.values():
            last = later(last, attached.sealed.fold.last)
        return last

    @property
    def last_non_direct(self) -> Touch | None:
        """The latest touch that is not `Direct`."""
        last = self.fold.last_non_direct
        for attached in self.attached.values():
            last = later(last, attached.sealed.fold.last_non_direct)
        return last

    @property
    def email(self) -> str | None:
        """The email that the latest identify gave."""
        return _value(self.own.email, (attached.part.email for attached in self.attached.values()))

    @property
    def full_name(self) -> str | None:
        """The name that the latest identify gave."""
        return _value(self.own.full_name, (attached.part.full_name for attached in self.attached.values()))


Announcement: TypeAlias = Change | Trigger


class Step(msgspec.Struct, gc=False):
    """What one record, or time, made of a profile."""

    profile: Profile
    """The same object that was given, changed."""
    announcements: list[Announcement] = []
    forwards: tuple[Record, ...] = ()
    """Records for other rows, in order."""
    duplicate: bool = False
    late: bool = False
    linked: bool = False
    """The alias came to an owner, or to another one."""
    quarantined: bool = False
    """A link was set aside: an earlier one holds."""


def pack(profile: Profile) -> bytes:
    """Write a row: `wakes_at` and rule version, to find who is due without unpacking; then MessagePack."""
    return _HEAD.pack(profile.wakes_at, profile.rule_version) + _encode(profile)


def unpack(row: bytes) -> Profile:
    """Read a row that `pack` wrote."""
    return _decode(memoryview(row)[_HEAD.size :])


def due(row: bytes, policy: Policy) -> Millis:
    """Read when a packed row wants to be advanced; 0, at once, where its rules are not these."""
    wakes_at, rule_version = _HEAD.unpack_from(row)
    return int(wakes_at) if rule_version == policy.version else 0


def _value(own: Known | None, others: Iterator[Known | None]) -> str | None:
    known = own
    for other in others:
        known = latest_known(known, other)
    return known.value if known is not None else None


_HEAD = Layout(">QI")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Profile).decode
pack_moved = msgspec.msgpack.Encoder().encode
unpack_moved = msgspec.msgpack.Decoder(Attached).decode
