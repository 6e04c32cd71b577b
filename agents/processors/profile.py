"""Profile: the rows of one partition of `user-events` - fold each record, let time pass, publish what follows."""

import heapq
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
from aiokafka.structs import ConsumerRecord

from agents.processors.batched import Batched
from agents.processors.dead_letters import send_dead_letter
from agents.processors.out import Out
from agents.runtime.contract import Effects, Lane, Rows
from streams import topics, views
from streams.account.domains import member_of
from streams.clock import PartitionClock
from streams.contributions import contribution_message, person_contribution
from streams.events import (
    OBJECTS,
    Forget,
    Link,
    Millis,
    PartMoved,
    Record,
    Rejected,
    Tick,
    UserEvent,
    decode_record,
    row_of,
    wrong_object,
)
from streams.identifiers import is_stronger
from streams.policy import Policy
from streams.profile import (
    NEVER,
    Profile,
    Step,
    advance,
    answer,
    apply,
    due,
    expire,
    gone_key,
    needs_a_row,
    pack,
    stored_bytes,
    unpack,
    unpack_moved,
)

CLOCK_KEY = b"@clock"
MEMBERS_KEY = b"@members"
NEVER_REFUSED = (Tick, Rejected, Forget)
"""What a row takes however full it is."""
ROW_BYTES = 384 << 10
"""A row of this size takes nothing more in.

A batch may still double it.  Kafka refuses a message over 2 MiB, and the whole partition would stand still with it: one
person must not stop everybody.
"""
CACHED_ROWS = 5_000
"""Unpacked rows kept by a lane.  A bound of memory, and of what the garbage collector looks at; not of correctness."""


class Profiles:
    """One partition of `user-events`."""

    def __init__(
        self,
        lane: Lane,
        rows: Rows,
        policy: Policy,
        *,
        partitions: int,
        sources: frozenset[str],
        observed: Callable[[Lane, Batched], None],
    ) -> None:
        self._lane = lane
        self._rows = rows
        self._policy = policy
        self._partitions = partitions
        self._observed = observed
        self._clock = PartitionClock.unpack(rows.get(CLOCK_KEY), sources)
        self._cache: dict[str, Profile] = {}
        self._due: list[tuple[Millis, str]] = []
        self._due_at: dict[str, Millis] = {}
        """{key: its earliest entry in `_due`}: one entry a row, however often an event puts its wake-up off."""
        self._gone: set[str] = set()
        """Rows that the batch has let go."""
        self._full: dict[str, int] = {}
        """{row that was as large as a row may be when last written: its bytes without stored events}."""
        self._members: Counter[str] = _members(rows.get(MEMBERS_KEY))
        for key, row in rows.items():
            if not key.startswith(b"@"):
                self._schedule(key.decode(), due(row, policy))
                self._weigh(key.decode(), row)

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int) -> Effects:
        """Fold each record, in order."""
        folded = Batched()
        for record in batch:
            self._record(record, folded)
        return self._effects(folded)

    def idle(self, told_until: int) -> Effects | None:
        """Time comes as ticks, in the log."""
        return None

    def _record(self, source: ConsumerRecord, folded: Batched) -> None:
        record = _decoded(source)
        if self._full and not isinstance(record, NEVER_REFUSED) and self._stays_full(row_of(record)):
            record = Rejected(
                "row-full", f"user-events: the row has {ROW_BYTES} bytes; older events must leave it first"
            )
        if isinstance(record, Rejected):
            folded.rejected[record.reason] += 1
            send_dead_letter(source, record, self._partitions, folded.effects)
            return
        if isinstance(record, Tick):
            folded.ticked = True
            if self._clock.tick(record.source, record.at):
                self._wake(self._clock.now, folded)
            return
        key = source.key.decode()
        prior = self._profile(key)
        if prior is None and self._is_gone(key):
            folded.seen["suppressed"] += 1
            Out(folded.effects, self._lane, source.offset, self._partitions).people(answer(record))
            return
        if prior is None and not needs_a_row(record):
            return
        introduced = member_of(key) if prior is None and not isinstance(record, Forget) else None
        step = apply(prior, record, self._policy, clock=self._clock.now)
        folded.note(step)
        received_at = record.received_at if isinstance(record, UserEvent) else None
        self._take(key, step, folded, received_at)
        if step.forwards or step.for_accounts or introduced is not None:
            out = Out(folded.effects, self._lane, source.offset, self._partitions)
            out.people(step.forwards)
            out.accounts([introduced, *step.for_accounts] if introduced is not None else step.for_accounts)

    def _stays_full(self, key: str) -> bool:
        """Say whether a row is too large, even without what is due to be dropped from it."""
        if key not in self._full:
            return False
        profile = self._profile(key)
        if profile is not None and self._clock.now is not None:
            expire(profile, self._clock.now - self._policy.horizon_ms, self._policy)
            if self._full[key] + stored_bytes(profile) < ROW_BYTES:
                del self._full[key]
        return key in self._full

    def _weigh(self, key: str, row: bytes) -> None:
        """Note whether a row, as it is written, is full."""
        if len(row) >= ROW_BYTES:
            self._full[key] = len(row) - stored_bytes(self._cache.get(key) or unpack(row))
        else:
            self._full.pop(key, None)

    def _wake(self, now: Millis | None, folded: Batched) -> None:
        """Advance everybody whom this instant concerns."""
        if now is None:
            return
        for key in self._woken(now):
            profile = self._profile(key)
            if profile is not None and due_at(profile, self._policy) <= now:
                self._take(key, advance(profile, now, self._policy), folded, None)
            elif profile is not None:
                self._schedule(key, profile.wakes_at)

    def _woken(self, now: Millis) -> list[str]:
        """Take out whose time may have come: events may have put it off since."""
        woken = []
        while self._due and self._due[0][0] <= now:
            at, key = heapq.heappop(self._due)
            if self._due_at.get(key) == at:
                del self._due_at[key]
                woken.append(key)
        return woken

    def _take(self, key: str, step: Step, folded: Batched, received_at: Millis | None) -> None:
        for announcement in step.announcements:
            folded.announce(announcement, self._partitions, received_at)
        if step.gone:
            self._let_go(key, folded)
            return
        self._cache[key] = step.profile
        folded.touched.add(key)
        if step.journey:
            folded.contributing.add(key)
        self._schedule(key, step.profile.wakes_at)

    def _let_go(self, key: str, folded: Batched) -> None:
        """Leave nothing of a row but the hash of its name."""
        folded.let_go(key, self._lane.partition)
        self._gone.add(key)
        self._cache.pop(key, None)
        self._full.pop(key, None)

    def _is_gone(self, key: str) -> bool:
        return key in self._gone or self._rows.get(gone_key(key)) is not None

    def _profile(self, key: str) -> Profile | None:
        if key in self._gone:
            return None
        profile = self._cache.get(key)
        if profile is None:
            row = self._rows.get(key.encode())
            if row is None:
                return None
            profile = self._cache[key] = unpack(row)
        return profile

    def _schedule(self, key: str, at: Millis) -> None:
        if at < self._due_at.get(key, NEVER):
            self._due_at[key] = at
            heapq.heappush(self._due, (at, key))

    def _effects(self, folded: Batched) -> Effects:
        effects = folded.effects
        for key in folded.touched:
            profile = self._cache[key]
            name = key.encode()
            row = effects.rows[name] = pack(profile)
            self._weigh(key, row)
            view = views.profile_view(profile, self._policy, clock=self._clock.now)
            effects.send(topics.PROFILE_VIEWS.name, self._lane.partition, name, views.encode(view))
        for key in folded.contributing:
            message = contribution_message(key, person_contribution(self._cache[key], self._policy))
            effects.send(topics.CONTRIBUTIONS.name, self._lane.partition, key.encode(), message)
        if folded.ticked:
            effects.rows[CLOCK_KEY] = self._clock.pack()
        for (segment, change), number in folded.changes.items():
            self._members[segment] += number if change == "entered" else -number
            effects.rows[MEMBERS_KEY] = msgspec.msgpack.encode(self._members)
        effects.committed = lambda: self._settled(folded)
        return effects

    def _settled(self, folded: Batched) -> None:
        self._gone.clear()
        folded.clock, folded.members = self._clock.now, self._members
        self._observed(self._lane, folded)
        if len(self._cache) > CACHED_ROWS:
            self._cache.clear()


def _decoded(source: ConsumerRecord) -> Record | Rejected:
    """Read a record of `user-events`.  Only ingest and this processor write there; anybody else's must stop nobody."""
    try:
        record: Record = decode_record(source.value)
        if isinstance(record, PartMoved):
            unpack_moved(record.part)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError) as error:
        return Rejected("bad-record", f"user-events: {error}")
    if not isinstance(record, Tick) and source.key != row_of(record).encode():
        return Rejected("bad-record", "user-events: the key is not that of the record's row")
    if (name := wrong_object(record, OBJECTS)) is not None:
        return Rejected("bad-record", f"user-events: `{name}` is to be an object")
    if isinstance(record, Link) and not is_stronger(record.to, record.alias):
        return Rejected("bad-record", "user-events: a link leads to a stronger alias")
    return record


def _members(packed: bytes | None) -> "Counter[str]":
    return Counter(msgspec.msgpack.decode(packed, type=dict[str, int]) if packed is not None else {})


def due_at(profile: Profile, policy: Policy) -> Millis:
    """Say when an unpacked row wants to be advanced; 0, at once, where its rules or maps are not these."""
    return profile.wakes_at if profile.versions == policy.versions else 0
