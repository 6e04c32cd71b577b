"""Profile: the rows of one partition of `user-events` - take records in by received time, publish what follows."""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec
from aiokafka.structs import ConsumerRecord

from agents.processors.batched import Batched
from agents.processors.dead_letters import send_dead_letter
from agents.processors.holding import Held, Holding
from agents.processors.out import Out
from agents.processors.sending import Sending
from agents.runtime.contract import Effects, Ends, Lane, Rows
from agents.runtime.exchange import Exchange
from streams import topics, views
from streams.account.domains import member_of
from streams.contributions import contribution_message, person_contribution
from streams.events import (
    OBJECTS,
    Barrier,
    Forget,
    Link,
    Millis,
    PartMoved,
    Record,
    Rejected,
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
from streams.progress import LAST, Progress, level_of

HELD_KEY = b"@held"
SENT_KEY = b"@sent"
RULES_KEY = b"@rules"
MEMBERS_KEY = b"@members"
NEVER_REFUSED = (Rejected, Forget)
"""What a row takes however full it is."""
MOST_RECORDS = 4_000
"""Of one level, taken in by one transaction; more where they were received in one millisecond."""
ROW_BYTES = 384 << 10
"""A row of this size takes nothing more in.

A batch may still double it.  Kafka refuses a message over 2 MiB, and the whole partition would stand still with it: one
person must not stop everybody.
"""
AT_ONCE: Millis = 0
"""When a row is due whose rules or maps are not those of the file."""
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
        exchange: Exchange,
        partitions: int,
        observed: Callable[[Lane, Batched], None],
    ) -> None:
        self._lane = lane
        self._name = str(lane)
        self._rows = rows
        self._policy = policy
        self._exchange = exchange
        self._partitions = partitions
        self._observed = observed
        self._holding = Holding(rows.get(HELD_KEY))
        self._sending = Sending(self._name, partitions, rows.get(SENT_KEY))
        self._goal = exchange.board.limits(lane.partition)
        self._levels = self._holding.done
        """Up to when each level may go, of all that was read."""
        self._rules = _rules(rows.get(RULES_KEY), policy.version, self._holding.done[LAST])
        self._told = self._holding.done
        """How far other workers know that the lane is."""
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

    def fold(self, batch: Sequence[ConsumerRecord], told_until: int, now: int) -> Effects | None:
        """Read each record, and take in those that nothing earlier can precede any more."""
        for source in batch:
            self._holding.read(_decoded(source), source)
        return self.resume()

    def resume(self) -> Effects | None:
        """Take in what the progress of other lanes allows, and let time pass as far."""
        self._look_at_board()
        if self._may_wait() and self._holding.waiting_for(self._levels) < MOST_RECORDS:
            return None
        due = self._holding.due(self._levels, MOST_RECORDS)
        folded = Batched()
        adopts = self._holding.done[LAST] >= self._rules[-1][1]
        if adopts:
            self._adopt_rules(folded)
        for held in due:
            self._record(held, folded)
        if adopts:
            self._wake(self._holding.done[LAST], folded)
        self._decide(folded)
        if due or folded.touched:
            return self._effects(folded, len(due))
        self._tell_progress()
        return None

    def may_fold(self) -> bool:
        """Say yes always: what cannot be taken in is held."""
        return True

    def wants_time(self, now: int) -> bool:
        """Time comes from the sources."""
        return False

    def idle(self, told_until: int) -> Effects | None:
        """Time comes from the sources."""
        return None

    def has_sent(self) -> bool:
        """Say whether something was ever forwarded."""
        return self._sending.has_sent

    def opened(self, ends: Mapping[int, int]) -> None:
        """Say again what a former owner may have said no more."""
        if self._sending.has_sent:
            self._exchange.tell(self._sending.reached(ends), f"{self._name}/sent", to_all=True)
        self._exchange.tell(self._progress(), self._name, to_all=True)

    def _may_wait(self) -> bool:
        """Say whether to wait until there is more to take in: sources bring much now, and none waits for this lane."""
        board = self._exchange.board
        return board.catches_up and self._holding.done[LAST] >= board.wanted

    def _look_at_board(self) -> None:
        """Go as far as the board says, once everything that it counts on has been read."""
        for _ in range(2):
            if self._holding.read_to >= self._goal.read_to:
                self._levels = self._goal.levels
                self._goal = self._exchange.board.limits(self._lane.partition)

    def _adopt_rules(self, folded: Batched) -> None:
        """Note on every row that was decided by former rules that these hold now, before anything later comes."""
        if self._due and self._due[0][0] == AT_ONCE:
            self._advance(self._woken(AT_ONCE), self._rules[-1][1] - 1, folded)

    def _record(self, held: Held, folded: Batched) -> None:
        record, source = held.record, held.source
        if self._full and not isinstance(record, NEVER_REFUSED) and self._stays_full(row_of(record), held.received_at):
            record = Rejected(
                "row-full", f"user-events: the row has {ROW_BYTES} bytes; older events must leave it first"
            )
        if isinstance(record, Rejected):
            folded.rejected[record.reason] += 1
            send_dead_letter(source, record, self._partitions, folded.effects)
            return
        key = source.key.decode()
        prior = self._profile(key)
        if prior is None and self._is_gone(key):
            folded.seen["suppressed"] += 1
            self._out(source, folded).people(answer(record))
            return
        if prior is None and not needs_a_row(record):
            return
        introduced = member_of(key) if prior is None and not isinstance(record, Forget) else None
        step = apply(prior, record, self._policy, now=held.received_at)
        folded.note(step)
        self._take(key, step, folded)
        if step.forwards or step.for_accounts or introduced is not None:
            out = self._out(source, folded)
            out.people(step.forwards)
            out.accounts([introduced, *step.for_accounts] if introduced is not None else step.for_accounts)

    def _out(self, source: ConsumerRecord, folded: Batched) -> Out:
        return Out(folded.effects, self._lane, source.offset, self._partitions, self._sending)

    def _stays_full(self, key: str, now: Millis) -> bool:
        """Say whether a row is too large, even without what is due to be dropped from it."""
        if key not in self._full:
            return False
        profile = self._profile(key)
        if profile is not None:
            expire(profile, now - self._policy.horizon_ms, self._policy)
            if self._full[key] + stored_bytes(profile) < ROW_BYTES:
                del self._full[key]
        return key in self._full

    def _weigh(self, key: str, row: bytes) -> None:
        """Note whether a row, as it is written, is full."""
        if len(row) >= ROW_BYTES:
            self._full[key] = len(row) - stored_bytes(self._cache.get(key) or unpack(row))
        else:
            self._full.pop(key, None)

    def _wake(self, now: Millis, folded: Batched) -> None:
        """Advance everybody whom this instant concerns."""
        if self._due and self._due[0][0] <= now:
            self._advance(self._woken(now), now, folded)

    def _decide(self, folded: Batched) -> None:
        """Decide what the records of the latest received time have left undecided.

        A row that the present rules have not come to yet is looked at when they do.
        """
        undecided = [key for key in folded.touched if self._cache[key].undecided is not None]
        adopted = [key for key in undecided if self._cache[key].rule_version == self._policy.version]
        self._advance(adopted, self._holding.done[LAST], folded)

    def _advance(self, keys: Sequence[str], until: Millis, folded: Batched) -> None:
        for key in keys:
            profile = self._profile(key)
            if profile is None:
                continue
            if profile.undecided is not None or due_at(profile, self._policy) <= max(until, AT_ONCE):
                step = advance(profile, until, self._policy, since=self._rules[-1][1])
                self._take(key, step, folded)
            else:
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

    def _take(self, key: str, step: Step, folded: Batched) -> None:
        for announcement in step.announcements:
            folded.announce(announcement, self._partitions)
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

    def _effects(self, folded: Batched, records: int) -> Effects:
        effects = folded.effects
        for key in folded.touched:
            profile = self._cache[key]
            name = key.encode()
            row = effects.rows[name] = pack(profile)
            self._weigh(key, row)
            as_of = max(self._holding.done[level_of(key)], 0)
            view = views.profile_view(profile, self._policy, as_of=as_of)
            effects.send(topics.PROFILE_VIEWS.name, self._lane.partition, name, views.encode(view))
        for key in folded.contributing:
            message = contribution_message(key, person_contribution(self._cache[key], self._policy))
            effects.send(topics.CONTRIBUTIONS.name, self._lane.partition, key.encode(), message)
        for (segment, change), number in folded.changes.items():
            self._members[segment] += number if change == "entered" else -number
            effects.rows[MEMBERS_KEY] = msgspec.msgpack.encode(self._members)
        if any(topic == topics.USER_EVENTS.name for topic, _ in effects.sends):
            effects.rows[SENT_KEY] = self._sending.pack()
        effects.rows[HELD_KEY] = self._holding.pack()
        effects.rows[RULES_KEY] = msgspec.msgpack.encode(self._rules)
        effects.position, effects.records = self._holding.position, records
        effects.more = any(done < level for done, level in zip(self._holding.done, self._levels, strict=True))
        effects.committed = lambda ends: self._settled(folded, ends)
        return effects

    def _settled(self, folded: Batched, ends: Ends) -> None:
        self._gone.clear()
        if any(topic == topics.USER_EVENTS.name for topic, _ in ends):
            self._exchange.tell(self._sending.sent(ends), f"{self._name}/sent", to_all=True)
        self._tell_progress()
        folded.members = self._members
        self._observed(self._lane, folded)
        if len(self._cache) > CACHED_ROWS:
            self._cache.clear()

    def _progress(self) -> Progress:
        return Progress(self._name, self._holding.done, self._rules)

    def _tell_progress(self) -> None:
        """Say how far the lane is; to other workers at once where they wait for it."""
        done = self._holding.done
        waited_for = self._exchange.board.waits_for(self._lane.partition, self._told, done)
        if waited_for:
            self._told = done
        self._exchange.tell(self._progress(), self._name, to_all=waited_for)


def _decoded(source: ConsumerRecord) -> Record | Rejected:
    """Read a record of `user-events`.  Only ingest and this processor write there; anybody else's must stop nobody."""
    try:
        record: Record = decode_record(source.value)
        if isinstance(record, PartMoved):
            unpack_moved(record.part)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError) as error:
        return Rejected("bad-record", f"user-events: {error}")
    if not isinstance(record, Barrier) and source.key != row_of(record).encode():
        return Rejected("bad-record", "user-events: the key is not that of the record's row")
    if (name := wrong_object(record, OBJECTS)) is not None:
        return Rejected("bad-record", f"user-events: `{name}` is to be an object")
    if isinstance(record, Link) and not is_stronger(record.to, record.alias):
        return Rejected("bad-record", "user-events: a link leads to a stronger alias")
    return record


def _members(packed: bytes | None) -> "Counter[str]":
    return Counter(msgspec.msgpack.decode(packed, type=dict[str, int]) if packed is not None else {})


def _rules(packed: bytes | None, version: int, decided_to: Millis) -> tuple[tuple[int, Millis], ...]:
    """List (version, since when) of the rules that the lane has decided by; a new version begins after the last."""
    known = msgspec.msgpack.decode(packed, type=tuple[tuple[int, Millis], ...]) if packed is not None else ()
    if not known:
        return ((version, 0),)
    return known if known[-1][0] == version else (*known, (version, decided_to + 1))


def due_at(profile: Profile, policy: Policy) -> Millis:
    """Say when an unpacked row wants to be advanced; at once where its rules or maps are not these."""
    return profile.wakes_at if profile.versions == policy.versions else AT_ONCE
