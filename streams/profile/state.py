"""Room 6a.  State: the row of one alias, and how it is written."""

from collections import deque
from collections.abc import Iterator
from struct import Struct as Layout
from typing import NamedTuple, TypeAlias

import msgspec

from streams.account.messages import DOMAIN, Message
from streams.activity import Current, Known, Part, Touch, latest_known
from streams.asks import Asked, Trigger, Withdrawn
from streams.attribution.conversions import session_fields
from streams.events import Alias, Millis, Path, Record, Source, Taken, Told
from streams.identifiers import EMAIL
from streams.lazy import lazy
from streams.policy import Policy, Segment
from streams.segments import Change, Standing
from streams.sessions import Fold, Sealed, Visit, earlier, later

NEVER: Millis = 1 << 62
TOLD = 64
"""What was told to several aliases, and is known to have been told."""
LONGEST_PATH = 8
"""Rows that a record or a part passes; what came further is not passed on.

Records of Salesforce say themselves whom they were merged into.  Should two of them name each other, what belongs to
one comes home and stops there, and what belongs to another one goes round until it stops here.
"""
RECENT_VISITS = 32
"""A visit that comes after so many later ones makes all stored ones be folded again."""


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is left of sealed sessions (journey.py)."""

    sessions: dict[str, int] = {}
    """{cell of the reports: sessions}"""
    touches: tuple[Touch, ...] = ()
    """Those that may still be on the path to a conversion, in the order in which they were sealed."""


class Attached(msgspec.Struct, array_like=True, gc=False):
    """The part of another alias of this person, and what it had sealed by itself."""

    part: Part
    sealed: Sealed
    path: Path = ()
    kept: Kept = Kept()


class Reported(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account was told last of the person's touches."""

    account: str | None = None
    """None: none knows of them."""
    number: int = 0
    digest: bytes = b""


class Visited(NamedTuple):
    """A visit that was folded, and what the fold was before it."""

    at: Millis
    key: bytes
    source: Source | None
    before: Fold


class Listed(msgspec.Struct):
    """All sessions of a person: what reports need of them, without folding the visits again."""

    visits: list[Visit] = []
    """Those that begin the sessions which are not sealed, in order."""
    sessions: dict[str, int] = {}
    """{cell of the reports: sessions}, sealed ones too."""

    def add(self, visit: Visit) -> None:
        """Take in a session after all others: the visit that begins it."""
        self.visits.append(visit)
        for field in session_fields(visit[2]):
            self.sessions[field] = self.sessions.get(field, 0) + 1

    def seal(self, boundary: Millis) -> None:
        """Drop the visits at `boundary` or before: they are sealed, and counted as before."""
        self.visits = [visit for visit in self.visits if visit[0] > boundary]


class Undecided(msgspec.Struct):
    """What the records of one received time may have changed of a person's segments."""

    at: Millis
    everything: bool = False
    """Anything may count otherwise than before; else only the events `names` came, one or more of each."""
    names: set[str] = msgspec.field(default_factory=set)
    arrived: set[Alias] = msgspec.field(default_factory=set)
    """Parts that the person did not have before."""
    gone: set[Alias] = msgspec.field(default_factory=set)
    """Parts that the person had before and has not any more."""
    whys: dict[Alias, Taken] = msgspec.field(default_factory=dict)
    """{part: why it went, whether for good or not; of several reasons the one that sorts first}"""

    def attach(self, alias: Alias, *, known: bool) -> None:
        """Note that a part has come; `known`: it replaces one that was there."""
        if alias in self.gone:
            self.gone.discard(alias)
        elif not known:
            self.arrived.add(alias)

    def detach(self, alias: Alias, why: Taken, *, known: bool) -> None:
        """Note that a part has gone; not `known`: it had gone by another way already, or not come yet.

        What came and went within one received time was never the person's.
        """
        self.whys[alias] = min(why, self.whys.get(alias, why))
        if alias in self.arrived:
            self.arrived.discard(alias)
        elif known:
            self.gone.add(alias)

    @property
    def taken(self) -> Taken | None:
        """Why parts were taken from the person, of several reasons the one that sorts first; None: none was."""
        return min((self.whys[alias] for alias in self.gone), default=None)

    def concerns(self, segment: Segment, *, member: bool) -> bool:
        """Say whether somebody's standing may change: more events take nobody out."""
        return self.everything or (not member and not self.names.isdisjoint(segment.events))


class Profile(msgspec.Struct, array_like=True, dict=True):
    """The row of one alias; of a person where the alias is one: a user, or an alias without link.

    Changed in place: what a failed transaction left behind is never used again.
    """

    own: Part
    attached: dict[Alias, Attached] = {}
    links: dict[Alias, tuple[Millis, bytes]] = {}
    """{stronger alias: earliest link by (at, order key)}: who this alias was said to be."""
    said_to_be: Alias | None = None
    """Whom the Salesforce record says that it is; of a row of such a record."""
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
    wakes_at: Millis = NEVER
    """When time alone may end a stay: never too late; `NEVER`: nothing is due."""
    rule_version: int = 0
    maps_version: int = 0
    """Of the persona maps by which the reports know the person."""
    kept: Kept = Kept()
    reported: Reported = Reported()
    told: tuple[str, ...] = ()
    """What was told lately of those things that are told to several aliases (`Told.once`); at most `TOLD`."""

    @lazy
    def recent(self) -> deque[Visited]:
        """Keep the visits folded last, in order: for one that comes a little late.  Not packed."""
        return deque(maxlen=RECENT_VISITS)

    @lazy
    def undecided(self) -> "Undecided | None":
        """Keep what came and is still to be decided on.  Not packed: a row is written when all is decided."""
        return None

    @lazy
    def listed(self) -> Listed | None:
        """Keep the sessions listed: who is often heard of has many visits and few new ones.  Not packed.

        None: they have to be listed anew.
        """
        return None

    @property
    def key(self) -> Alias:
        """The alias whose home row this is."""
        return self.own.alias

    @property
    def owner(self) -> Alias | None:
        """The alias that this one belongs to; None: this row is a person's.

        A record's is whom it says that it is now, any other's that of the earliest link.
        """
        if self.split is not None and self.split[2]:
            return None
        return min(self.links, key=lambda to: (self.links[to], to)) if self.links else self.said_to_be

    @property
    def versions(self) -> tuple[int, int]:
        """Versions of the rules and maps by which the row was looked at last; compare `Policy.versions`."""
        return self.rule_version, self.maps_version

    @property
    def is_user(self) -> bool:
        """Whether a userId stands for the person: only then segments and asks apply."""
        return self.key.startswith("user:")

    def unsealed(self, until: Millis = NEVER) -> Iterator[Visit]:
        """Yield the visits of all parts that are not sealed, up to and with `until`."""
        for part in self.parts():
            yield from part.visits(self.sealed.to, until)

    def parts(self) -> list[Part]:
        """List all parts of the person."""
        if not self.attached:
            return [self.own]
        return [self.own, *(attached.part for attached in self.attached.values())]

    def all_kept(self) -> Iterator[Kept]:
        """Yield what is left of sealed sessions, of the row and of each part that came to it."""
        yield self.kept
        for attached in self.attached.values():
            yield attached.kept

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

    @property
    def records(self) -> list[tuple[Alias, Current]]:
        """List the person's Salesforce records that are not deleted, the one that counts first.

        Contacts come before leads, of several the one changed last (of equal ones, the one whose id sorts first).
        """
        if not self.attached and self.own.record is None:
            return []
        found = [(part.alias, part.record) for part in self.parts() if part.record is not None and part.record.fields]
        found.sort(key=lambda one: (one[1].object, -one[1].modified_at, one[0]))
        return found

    @property
    def account(self) -> tuple[str, bytes] | None:
        """Give the person's account and its state; None: there is none.

        It is that of the first contact (as in `records`) whose account has told its state, else that of an address's
        domain (of several the account whose id sorts first, as it told it last to any of them).
        """
        if not (self.own.accounts or self.attached):
            return None
        for alias, record in self.records:
            heard = self._part(alias).accounts.get(record.account) if record.account is not None else None
            if record.account is not None and heard is not None and heard.state:
                return record.account, heard.state
        return self._of_addresses(companies=False)

    @property
    def company(self) -> tuple[str, bytes] | None:
        """Give the domain of the person's address and what is known of its company; None: nothing is.

        Of several the domain that sorts first.
        """
        found = self._of_addresses(companies=True) if self.own.accounts or self.attached else None
        return (found[0].removeprefix(DOMAIN), found[1]) if found is not None else None

    def _of_addresses(self, *, companies: bool) -> tuple[str, bytes] | None:
        """Give what the person's addresses heard of the account (or the company) that sorts first: the latest of it."""
        heard = [
            (account, -said.number, said.state)
            for part in self.parts()
            if part.accounts and part.alias.startswith(EMAIL)
            for account, said in part.accounts.items()
            if said.state and account.startswith(DOMAIN) == companies
        ]
        if not heard:
            return None
        account, _, state = min(heard)
        return account, state

    def _part(self, alias: Alias) -> Part:
        return self.own if alias == self.own.alias else self.attached[alias].part


Announcement: TypeAlias = Change | Trigger | Withdrawn | Told


class Step(msgspec.Struct, gc=False):
    """What one record, or time, made of a profile."""

    profile: Profile
    """The same object that was given, changed."""
    announcements: list[Announcement] = []
    forwards: tuple[Record, ...] = ()
    """Records for other rows, in order."""
    for_accounts: list[Message] = []
    """Messages for rows of accounts, in order."""
    journey: bool = False
    """What brought the person may be another than before: its sessions, touches, sign-up."""
    duplicate: bool = False
    late: bool = False
    linked: bool = False
    """The alias came to an owner, or to another one."""
    quarantined: bool = False
    """A link was set aside: an earlier one holds."""
    gone: bool = False
    """The row is forgotten: nothing of it is to be kept."""


def pack(profile: Profile) -> bytes:
    """Write a row: `wakes_at` and the versions, to find who is due without unpacking; then MessagePack."""
    return _HEAD.pack(profile.wakes_at, profile.rule_version, profile.maps_version) + _encode(profile)


def unpack(row: bytes) -> Profile:
    """Read a row that `pack` wrote."""
    return _decode(memoryview(row)[_HEAD.size :])


def due(row: bytes, policy: Policy) -> Millis:
    """Read when a packed row wants to be advanced; 0, at once, where its rules or maps are not these."""
    wakes_at, *versions = _HEAD.unpack_from(row)
    return int(wakes_at) if tuple(versions) == policy.versions else 0


def _value(own: Known | None, others: Iterator[Known | None]) -> str | None:
    known = own
    for other in others:
        known = latest_known(known, other)
    return known.value if known is not None else None


_HEAD = Layout(">QII")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Profile).decode
pack_moved = msgspec.msgpack.Encoder().encode
unpack_moved = msgspec.msgpack.Decoder(Attached).decode
