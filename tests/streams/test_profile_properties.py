"""Laws of the core, held against a model that keeps plain lists and looks at every millisecond."""

import itertools
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from streams.asks import Trigger, Withdrawn
from streams.events import (
    NO_TIME,
    AccountState,
    Alias,
    Facts,
    Link,
    Millis,
    PartDetached,
    PartMoved,
    Record,
    Source,
    Split,
    Told,
    UserEvent,
    row_of,
)
from streams.instants import iso
from streams.policy import UNITS_MS, WINDOW_MS, Ask, Condition, Policy, Segment, Web
from streams.profile import Attached, Profile, Step, advance, apply, due, pack, pack_moved, unpack
from streams.progress import LEVELS, level_of
from streams.segments import Change
from streams.sessions import Sealed
from streams.views import profile_view

T0 = 1_760_000_000_000
DAY = UNITS_MS["d"]
LAWS = settings(max_examples=150, deadline=None)
FOLDS = settings(max_examples=400, deadline=None)

ANY, BOTH, ONE = (
    Segment("any", (Condition("B", 2, 5), Condition("A", 3, 12)), every=False),
    Segment("both", (Condition("A", 2, 10), Condition("B", 1, 7)), every=True),
    Segment("one", (Condition("A", 1, 6),), every=True),
)
"""Windows of milliseconds, so that a few events meet every edge; the horizon stays 30 days."""
ASKS = (
    Ask("any", "any", "review", "in-app", "none", 15),
    Ask("one", "one", "review", "in-app", "none", 4),
    Ask("mail", "one", "review", "email", "none", 9),
)
FINE = Policy(1, (ANY, BOTH, ONE), ASKS, Web(idle_ms=10, longest_ms=25))

DIRECT = Source("Direct", "Direct")
SPRING = Source("Email", "Email", campaign="spring")
SUMMER = Source("Paid Search", "Paid Search", campaign="summer")
LINKEDIN = Source("Organic Social", "Organic Social", source="linkedin")
SOURCES = st.sampled_from([None, DIRECT, SPRING, SUMMER, LINKEDIN])


def event(alias: str, number: int, at: Millis, name: str = "A", *, delay: Millis = 0, **fields: Any) -> UserEvent:
    """Something that happened at `at`, and was received so much later."""
    return UserEvent(alias, f"{alias[-2:]}-{number:03}", at, at + delay, name, **fields)


def received_at(record: Record | int) -> Millis:
    """When a record is received, `NO_TIME` for what Salesforce tells; of an instant that itself."""
    return record if isinstance(record, int) else getattr(record, "received_at", NO_TIME)


def as_received(steps: Iterable[Any]) -> list[Any]:
    """In the order in which they are received; instants, that let time pass, after what is received then."""
    return sorted(steps, key=lambda step: (received_at(step), isinstance(step, int)))


class Row:
    """One row, driven as a lane drives it: records by received time, decisions once all of a time are there."""

    def __init__(self, policy: Policy, *, rewritten: bool = False) -> None:
        self.policy = policy
        self.rewritten = rewritten
        self.profile: Profile | None = None
        self.now = NO_TIME
        self.steps: list[Step] = []

    def take(self, record: Record) -> Step:
        assert received_at(record) in (NO_TIME, max(received_at(record), self.now))
        self.now = max(self.now, received_at(record))
        return self._keep(apply(self.profile, record, self.policy, now=self.now))

    def tick(self, at: Millis) -> None:
        """Everything received up to and with `at` is there."""
        self.now = max(self.now, at)
        profile = self.profile
        if profile is not None and (profile.undecided is not None or due(pack(profile), self.policy) <= at):
            self._keep(advance(profile, at, self.policy, since=0))

    def view(self) -> dict[str, Any]:
        assert self.profile is not None
        assert self.profile.undecided is None
        return profile_view(self.profile, self.policy, as_of=self.now)

    def changes(self, segment: str) -> list[tuple[bool, int, int, int]]:
        """(entered, at, announced_at, entered_at) of each change."""
        return [
            (said.entered, said.at, said.announced_at, said.entered_at)
            for said in self.said
            if isinstance(said, Change) and said.segment == segment
        ]

    def triggers(self, ask: str) -> list[tuple[int, int]]:
        """(entered_at, decided_at) of each trigger."""
        return [
            (said.change.entered_at, said.change.announced_at)
            for said in self.said
            if isinstance(said, Trigger) and said.ask.name == ask
        ]

    def withdrawals(self, ask: str) -> list[tuple[int, str]]:
        """(instant, reason) of each withdrawal."""
        return [(said.at, said.reason) for said in self.said if isinstance(said, Withdrawn) and said.ask == ask]

    @property
    def said(self) -> list[Any]:
        return [said for step in self.steps for said in step.announcements]

    def _keep(self, step: Step) -> Step:
        # A row is written when all is decided, not before.
        as_written = self.rewritten and step.profile.undecided is None
        self.profile = unpack(pack(step.profile)) if as_written else step.profile
        self.steps.append(step)
        return step


@dataclass
class Stay:
    """Where somebody stands in a segment, and what was asked because of it."""

    member: bool = False
    entered_at: Millis = -1
    left_at: Millis = -1


@dataclass
class Model:
    """The specification, as dull as can be: every copy that counts in a list, every question answered from the list."""

    policy: Policy
    now: Millis = NO_TIME
    stored: list[UserEvent] = field(default_factory=list)
    folded: list[UserEvent] = field(default_factory=list)
    """Visits that are no duplicates of stored ones; what is stored no more is among them."""
    heard: list[UserEvent] = field(default_factory=list)
    attached: bool = False
    taken: list[str] = field(default_factory=list)
    """Why parts were taken at the present millisecond."""
    stays: dict[str, Stay] = field(default_factory=lambda: defaultdict(Stay))
    asked: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    """{ask: when last, and for the stay of which beginning; None: that is withdrawn}"""
    changes: dict[str, list[tuple[bool, int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    triggers: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    withdrawals: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, came: UserEvent) -> None:
        self.now = max(self.now, came.received_at)
        self.heard.append(came)
        horizon = came.received_at - self.policy.horizon_ms
        self.stored = [kept for kept in self.stored if kept.at > horizon]
        if came.at > horizon and (came.name or came.visit):
            copies = [kept for kept in self.stored if (kept.alias, kept.message_id) == (came.alias, came.message_id)]
            if not any((copy.at, copy.name) <= (came.at, came.name) for copy in copies):
                self.stored = [kept for kept in self.stored if kept not in copies] + [came]
                self.folded = [kept for kept in self.folded if kept not in copies] + [came]

    def forget(self, alias: str) -> None:
        for kept in (self.stored, self.folded, self.heard):
            kept[:] = [one for one in kept if one.alias != alias]

    def look(self, at: Millis) -> None:
        """Decide one millisecond, all that is received then being known."""
        self.now = max(self.now, at)
        for segment in self.policy.segments:
            stay, true = self.stays[segment.name], self.holds(segment, at)
            if true and not stay.member:
                self._enter(segment, stay, at)
            elif stay.member and not true:
                self._leave(segment, stay, at)
        self.taken.clear()

    def _enter(self, segment: Segment, stay: Stay, at: Millis) -> None:
        since = at
        while self.holds(segment, since - 1) and since > stay.left_at:
            since -= 1
        stay.member, stay.entered_at = True, since
        self.changes[segment.name].append((True, since, at, since))
        for ask in self.policy.asks:
            last = self.asked.get(ask.name)
            rested = last is None or at - last[0] >= ask.cooldown_ms
            addressed = ask.channel != "email" or self.latest("email") is not None
            if ask.segment == segment.name and rested and addressed:
                self.asked[ask.name] = (at, since)
                self.triggers[ask.name].append((since, at))

    def _leave(self, segment: Segment, stay: Stay, at: Millis) -> None:
        stay.member, stay.left_at = False, at
        self.changes[segment.name].append((False, at, at, stay.entered_at))
        for ask in self.policy.asks:
            last = self.asked.get(ask.name)
            if self.taken and ask.segment == segment.name and last is not None and last[1] == stay.entered_at:
                self.asked[ask.name] = (last[0], None)
                self.withdrawals[ask.name].append((at, min(self.taken)))

    def holds(self, segment: Segment, at: Millis) -> bool:
        truths = [
            sum(kept.name == one.event and at - one.within_ms < kept.at <= at for kept in self.stored) >= one.required
            for one in segment.conditions
        ]
        return all(truths) if segment.every else any(truths)

    def touches(self) -> tuple[Any, Any, Any]:
        """First, last and last non-direct touch."""
        ever = [one for one in self.heard if one.visit and one.source is not None]
        first = min(ever, key=lambda one: (one.at, one.message_id), default=None)
        begun: list[UserEvent] = []
        previous: UserEvent | None = None
        for visit in sorted((one for one in self.folded if one.visit), key=lambda one: (one.at, one.message_id)):
            campaign = visit.source.campaign if visit.source is not None else None
            if (
                previous is None
                or visit.at - previous.at >= self.policy.web.idle_ms
                or visit.at - begun[-1].at >= self.policy.web.longest_ms
                or (campaign is not None and campaign != (begun[-1].source.campaign if begun[-1].source else None))
            ):
                begun.append(visit)
            previous = visit
        sourced = [visit for visit in begun if visit.source is not None]
        indirect = [visit for visit in sourced if visit.source is not None and visit.source.channel != "Direct"]
        return first, (sourced or [None])[-1], (indirect or [None])[-1]

    def latest(self, trait: str) -> Any:
        said = [one for one in self.heard if getattr(one, trait) is not None]
        last = max(said, key=lambda one: (one.at, one.message_id), default=None)
        return getattr(last, trait) if last is not None else None

    def view(self, person: str, aliases: set[str]) -> dict[str, Any]:
        """What a view has to say, as of now; of segments only who is in."""
        first, last, indirect = (_touch(touch) for touch in self.touches())
        now = self.now
        names = [kept.name for kept in self.stored if now - WINDOW_MS < kept.at <= now and kept.name]
        return {
            "person": person,
            "aliases": sorted(aliases),
            "email": self.latest("email"),
            "name": self.latest("full_name"),
            "as_of": iso(now),
            "first_touch": first,
            "last_touch": last,
            "last_non_direct_touch": indirect,
            "counts": {name: {"count": names.count(name), "exact": True} for name in sorted(set(names))},
            "members": {segment.name for segment in self.policy.segments if self.holds(segment, now)}
            if person.startswith("user:")
            else set(),
        }


def _touch(visit: UserEvent | None) -> Any:
    if visit is None or visit.source is None:
        return None
    fields = {name: getattr(visit.source, name) for name in visit.source.__struct_fields__}
    return {"at": iso(visit.at)} | {name: value for name, value in fields.items() if value is not None}


def shown(row: Row) -> dict[str, Any]:
    """Of a view, what the model says of a person."""
    view = row.view()
    kept = {
        "person",
        "aliases",
        "email",
        "name",
        "as_of",
        "first_touch",
        "last_touch",
        "last_non_direct_touch",
        "counts",
    }
    members = {name for name, segment in view["segments"].items() if segment["member"]}
    return {name: value for name, value in view.items() if name in kept} | {"members": members}


# Segments: announcements, instant for instant.

LAST_MS = T0 + 100
"""Nothing is received later, and by then everybody has left."""


@st.composite
def fine(draw: st.DrawFn, alias: str, names: str) -> UserEvent:
    """An event within some milliseconds; some come late."""
    at, delay = draw(st.integers(T0, T0 + 40)), draw(st.sampled_from([0, 0, 0, 1, 3, 8, 20]))
    email = draw(st.sampled_from([None, None, None, "a@example.com"]))
    return event(alias, draw(st.integers(0, 9)), at, draw(st.sampled_from(names)), delay=delay, email=email)


own_events, part_events = fine("user:u1", "ABC"), fine("anon:a1", "AB")
ticks = st.integers(T0, T0 + 60)


@dataclass(frozen=True)
class Came:
    """The part of a visitor comes, and with it what the visitor had done by then."""

    received_at: Millis
    events: tuple[UserEvent, ...]


@dataclass(frozen=True)
class Went:
    """The part of the visitor is taken away."""

    received_at: Millis
    why: Any


moves = st.builds(Came, ticks, st.lists(part_events, max_size=4).map(tuple)) | st.builds(
    Went, ticks, st.sampled_from(["link", "split"])
)


@LAWS
@given(st.lists(own_events | own_events | ticks, max_size=25), st.booleans())
def test_every_change_and_trigger_is_announced_as_the_specification_says(
    steps: list[UserEvent | int], rewritten: bool
) -> None:
    row, model = Row(FINE, rewritten=rewritten), Model(FINE)
    _play(row, steps)
    _told(model, [step for step in steps if not isinstance(step, int)])
    _agree(row, model)


@FOLDS
@given(st.lists(own_events | part_events | ticks | moves | moves, max_size=25), st.booleans())
def test_so_it_is_when_parts_come_and_go(steps: list[Any], rewritten: bool) -> None:
    row, model = Row(FINE, rewritten=rewritten), Model(FINE)
    steps = as_received(_of_an_attached_part(steps))
    _play(row, steps)
    _told(model, [step for step in steps if not isinstance(step, int)])
    _agree(row, model)


@LAWS
@given(st.lists(own_events, max_size=30), st.lists(ticks, max_size=9), st.lists(ticks, max_size=9))
def test_when_one_looks_does_not_matter(events: list[UserEvent], looks: list[int], others: list[int]) -> None:
    rows = Row(FINE), Row(FINE)
    for row, ticked in zip(rows, (looks, others), strict=True):
        _play(row, [*events, *ticked])
    assert rows[0].said == rows[1].said


@LAWS
@given(st.lists(own_events, max_size=30))
def test_who_entered_leaves_before_entering_again_and_has_entered_when_leaving(steps: list[UserEvent]) -> None:
    row = Row(FINE)
    _play(row, steps)
    for segment in FINE.segments:
        changes = row.changes(segment.name)
        assert [entered for entered, *_ in changes] == [number % 2 == 0 for number in range(len(changes))]
        assert all(at <= said_at for _, at, said_at, _ in changes)
        assert all(one < other for (_, _, one, _), (_, _, other, _) in itertools.pairwise(changes))
        assert all(left_at <= at for (_, left_at, *_), (_, at, *_) in zip(changes[1::2], changes[2::2], strict=False))
        for (_, entered_at, _, _), (_, left_at, _, since) in zip(changes[::2], changes[1::2], strict=True):
            assert entered_at == since
            assert entered_at < left_at


@LAWS
@given(st.lists(own_events, max_size=20, unique_by=lambda one: one.message_id))
def test_of_what_is_received_at_once_the_changes_are_the_turning_points_of_the_truth(events: list[UserEvent]) -> None:
    events = [replace(one, received_at=one.at) for one in events]
    row, truth = Row(FINE), Model(FINE, stored=events)
    _play(row, events)
    for segment in FINE.segments:
        turns = [at for at in range(T0 - 1, LAST_MS + 1) if truth.holds(segment, at) != truth.holds(segment, at - 1)]
        assert [(at, said_at) for _, at, said_at, _ in row.changes(segment.name)] == [(at, at) for at in turns]


def _of_an_attached_part(steps: list[Any]) -> Iterator[Any]:
    """Leave out what the visitor does while the part is not there: nobody would forward it."""
    there = False
    for step in as_received(steps):
        there = isinstance(step, Came) or (there and not isinstance(step, Went))
        if there or not isinstance(step, UserEvent) or step.alias == "user:u1":
            yield step


def _play(row: Row, steps: list[Any]) -> None:
    """Have a row take what is received, in that order, and time pass up to the end."""
    for number, step in enumerate([*as_received(steps), LAST_MS], start=1):
        match step:
            case int():
                row.tick(step)
            case UserEvent():
                row.take(replace(step, person="user:u1") if step.alias != "user:u1" else step)
            case Came():
                row.take(_part(step, (number,)))
            case Went():
                row.take(PartDetached("anon:a1", "user:u1", (number,), step.why, received_at=step.received_at))


def _told(model: Model, steps: list[Any]) -> None:
    """Look at every millisecond."""
    for at in range(T0 - 1, LAST_MS + 1):
        for step in steps:
            if step.received_at == at:
                _learn(model, step)
        model.look(at)


def _learn(model: Model, step: UserEvent | Came | Went) -> None:
    match step:
        case UserEvent():
            model.take(step)
        case Came():
            model.forget("anon:a1")
            home = _home(step)
            model.heard += home.heard
            model.stored += home.stored
            model.attached = True
        case Went():
            model.forget("anon:a1")
            if model.attached:
                model.taken.append(step.why)
            model.attached = False


def _home(step: Came) -> Model:
    """What the visitor's row has when the part is sent."""
    home = Model(FINE)
    for one in sorted(step.events, key=lambda one: one.at):
        if one.at <= step.received_at:
            home.take(replace(one, received_at=one.at))
    return home


def _part(step: Came, path: tuple[int, ...]) -> PartMoved:
    row = Row(FINE)
    for one in [*_home(step).heard, UserEvent("anon:a1", "-", T0 + 60, T0 + 60)]:
        row.take(one)
    assert row.profile is not None
    packed = pack_moved(Attached(row.profile.own, Sealed()))
    return PartMoved("anon:a1", "user:u1", path, packed, step.received_at)


def _agree(row: Row, model: Model) -> None:
    for segment in FINE.segments:
        assert row.changes(segment.name) == model.changes[segment.name], segment.name
    for ask in FINE.asks:
        assert row.triggers(ask.name) == model.triggers[ask.name], ask.name
        assert row.withdrawals(ask.name) == model.withdrawals[ask.name], ask.name


# Counts, touches, traits: over the edges of 30 days.

OFFSETS = (-1, 0, 1, 9, 10, 11, 17, 18, 25, 26)
DELAYS = (0, 0, 0, 0, 1, 9, DAY, 30 * DAY - 1, 30 * DAY, 31 * DAY)


def coarse(*days: int) -> st.SearchStrategy[Millis]:
    """Instants about the beginnings of some days after T0."""
    return st.builds(lambda day, offset: T0 + day * DAY + offset, st.sampled_from(days), st.sampled_from(OFFSETS))


months = coarse(0, 0, 30, 30, 31, 60)
END = T0 + 91 * DAY + 26
"""Nothing of the above is received later."""
TRAITS = st.sampled_from([{}, {}, {}, {"email": "a@example.com"}, {"email": "b@example.com", "full_name": "B"}])
names = st.sampled_from(["A", "B", "$page", ""])


@st.composite
def lived(
    draw: st.DrawFn,
    aliases: tuple[str, ...] = ("user:u1",),
    numbers: int = 12,
    times: st.SearchStrategy[Millis] = months,
    delays: Sequence[Millis] = DELAYS,
) -> UserEvent:
    visit = draw(st.booleans())
    fields = {"visit": visit, "source": draw(SOURCES) if visit else None} | draw(TRAITS)
    alias, number, at = draw(st.sampled_from(aliases)), draw(st.integers(0, numbers)), draw(times)
    return event(alias, number, at, draw(names), delay=draw(st.sampled_from(delays)), **fields)


@FOLDS
@given(st.lists(lived() | lived() | lived() | months, max_size=30), st.sets(st.integers(0, 30)))
def test_counts_touches_and_traits_are_those_of_the_plain_lists(
    steps: list[UserEvent | int], written: set[int]
) -> None:
    row, model = Row(FINE), Model(FINE)
    for number, step in enumerate(as_received(steps)):
        if isinstance(step, int):
            model.now = max(model.now, step)
        else:
            row.take(step)
            model.take(step)
        row.tick(received_at(step))
        if row.profile is not None:
            if number in written:
                row.profile = unpack(pack(row.profile))
            assert shown(row) == model.view("user:u1", {"user:u1"})


@LAWS
@given(st.lists(lived() | months, max_size=30))
def test_a_row_comes_back_as_it_was_written(steps: list[UserEvent | int]) -> None:
    row = Row(FINE)
    _play_until(row, steps, END)
    if row.profile is not None:
        assert unpack(pack(row.profile)) == row.profile
        assert pack(unpack(pack(row.profile))) == pack(row.profile)


@LAWS
@given(st.lists(lived(numbers=200), max_size=15, unique_by=lambda one: one.message_id), st.randoms())
def test_repetition_never_matters_nor_does_the_order_within_one_received_time(
    events: list[UserEvent], random: Random
) -> None:
    again = [replace(one, received_at=random.choice((one.received_at, END))) for one in events]
    shuffled = events + random.sample(again, len(again) // 2)
    random.shuffle(shuffled)
    rows = Row(FINE), Row(FINE, rewritten=True)
    for row, steps in zip(rows, (events, shuffled), strict=True):
        _play_until(row, steps, END)
    if events:
        assert shown(rows[1]) == shown(rows[0])
        assert rows[1].said == rows[0].said


@LAWS
@given(st.lists(lived(numbers=3), max_size=15), st.randoms())
def test_of_the_copies_of_one_message_the_earliest_stays_in_whatever_order_they_come(
    copies: list[UserEvent], random: Random
) -> None:
    # Copies of a message differ in nothing but when they were stamped.
    first = {one.message_id: one for one in reversed(copies)}
    copies = [
        replace(event(one.alias, int(one.message_id[-3:]), one.at, first[one.message_id].name), received_at=END)
        for one in copies
    ]
    shuffled = random.sample(copies, len(copies))
    rows = Row(FINE), Row(FINE)
    for row, order in zip(rows, (copies, shuffled), strict=True):
        _play_until(row, order, END)
    if copies:
        assert shown(rows[1]) == shown(rows[0])


def _play_until(row: Row, steps: Iterable[UserEvent | int], until: Millis) -> None:
    for step in as_received(steps):
        if isinstance(step, int):
            row.tick(step)
        else:
            row.take(step)
    row.tick(until)


# Links: home rows, forwards, people.

USERS = ("user:u1", "user:u2")
KINDS = (("anon:a1", "anon:a2"), ("sf:003c1", "sf:003c2"), ("email:e1", "email:e2"), USERS)
"""Links lead to the right: somebody can come to a user over two other aliases, and by different ways."""
EVERYBODY = tuple(itertools.chain(*KINDS))
MONTH = coarse(0, 0, 28, 28, 29)
CALM = (T0 + 29 * DAY + 100, T0 + 30 * DAY + 100)
"""About then everything is received: nothing is due to be sealed in between, so that no way leaves traces."""
LATEST = T0 + 58 * DAY + 17


def calmly(records: list[Any], received: Millis, random: Random) -> list[Any]:
    """Have each record received within some milliseconds, in any order."""
    return [replace(one, received_at=received + random.randint(0, 6)) if received_at(one) else one for one in records]


def living() -> st.SearchStrategy[UserEvent]:
    return lived(EVERYBODY, times=MONTH, delays=(0,))


links = st.builds(
    lambda ends, number, at: Link(*ends, f"l-{number}", at, at),
    st.sampled_from(
        [pair for one, other in itertools.combinations(KINDS, 2) for pair in itertools.product(one, other)]
    ),
    st.integers(0, 5),
    MONTH,
)


splits = st.builds(
    lambda alias, number, at, apart: Split(alias, apart, f"s-{number}", at, at),
    st.sampled_from([alias for alias in EVERYBODY if alias not in USERS]),
    st.integers(0, 5),
    MONTH,
    st.booleans(),
)


CONTACTS, LEADS = ("sf:003c1", "sf:003c2", "sf:003c3"), ("sf:00Ql1",)
SAID_TO_BE = [
    *((lead, owner) for lead in LEADS for owner in (*CONTACTS, "email:e1", "email:e2", None)),
    *((contact, owner) for contact in CONTACTS for owner in ("email:e1", "email:e2", None)),
    *itertools.combinations(CONTACTS, 2),
]


def state_of(alias: str, version: int, owner: str | None) -> Facts:
    kind = "Lead" if alias in LEADS else "Contact"
    return Facts(alias, version, kind, T0 + version, owner=owner, fields=Raw(b'{"v":%d}' % version))


facts = st.builds(
    lambda pair, version: Facts(
        pair[0],
        version,
        "Lead" if pair[0] in LEADS else "Contact",
        T0,
        owner=pair[1],
        fields=Raw(b'{"v":%d}' % version),
    ),
    st.sampled_from(SAID_TO_BE),
    st.integers(0, 4),
)


MANY = 2_000
"""Records that rows take in only where something goes round for ever."""


class Rows:
    """All rows, and what is on its way between them: in order for each pair, anyhow among pairs.

    Rows of weaker aliases have taken in everything of a received time before those of stronger ones do; what has no
    received time comes whenever it comes.
    """

    def __init__(self, random: Random, *, rewritten: bool = True) -> None:
        self.random = random
        self.rows = {alias: Row(FINE, rewritten=rewritten) for alias in {*EVERYBODY, *CONTACTS, *LEADS}}
        self.waiting: dict[tuple[str, Alias], deque[Record]] = defaultdict(deque)
        self.now = NO_TIME

    def tick(self, at: Millis) -> None:
        for row in self.rows.values():
            row.tick(at)

    def play(self, records: Iterable[Record]) -> Iterator[None]:
        """Take in records by received time; what has none where it stands.  Pause after each that a row takes in."""
        for at, together in self._by_time(records):
            self.now = max(self.now, at)
            for number, record in enumerate(together):
                self.waiting[f"source {number}", row_of(record)].append(record)
            for level in range(LEVELS):
                yield from self._complete(level)
            if self.random.random() < 0.3:
                self.tick(self.now)
        while pairs := [pair for pair, waiting in self.waiting.items() if waiting]:
            self._deliver(self.random.choice(pairs))
            yield

    def _by_time(self, records: Iterable[Record]) -> Iterator[tuple[Millis, list[Record]]]:
        """Put what has no received time anywhere among the others, in its order."""
        timed = as_received(one for one in records if received_at(one))
        groups = [(at, list(some)) for at, some in itertools.groupby(timed, received_at)]
        untimed = [one for one in records if not received_at(one)]
        done = 0
        for place, one in zip(sorted(self.random.randint(0, len(groups)) for _ in untimed), untimed, strict=True):
            yield from groups[done:place]
            yield NO_TIME, [one]
            done = place
        yield from groups[done:]

    def _complete(self, level: int) -> Iterator[None]:
        """Have all rows of one level take in what has a received time."""
        while True:
            some = [pair for pair, waiting in self.waiting.items() if waiting]
            due = [pair for pair in some if level_of(pair[1]) == level and any(map(received_at, self.waiting[pair]))]
            if not due:
                return
            other = [pair for pair in some if not received_at(self.waiting[pair][0])]
            self._deliver(self.random.choice(other if other and self.random.random() < 0.3 else due))
            yield

    def _deliver(self, pair: tuple[str, Alias]) -> None:
        record, row = self.waiting[pair].popleft(), self.rows[pair[1]]
        row.now = max(row.now, self.now)
        for forward in row.take(record).forwards:
            assert isinstance(forward, UserEvent | Facts | Told | AccountState | PartMoved | PartDetached)
            assert forward.person is not None
            self.waiting[pair[1], forward.person].append(forward)


def settled(records: Iterable[Record], random: Random, *, until: Millis = 0, rows: Rows | None = None) -> Rows:
    """All rows, new ones or these, once everything has arrived and is decided."""
    rows = rows or Rows(random)
    for _ in rows.play(records):
        pass
    rows.tick(max(rows.now, until))
    return rows


@FOLDS
@given(st.lists(living() | links | splits, max_size=25), st.sampled_from(CALM), st.randoms())
def test_linked_aliases_come_to_the_view_that_one_alias_would_have(
    records: list[UserEvent | Link | Split], received: Millis, random: Random
) -> None:
    records = calmly(records, received, random)
    rows = settled(records, random, until=LATEST)
    owners = _owners(records)
    for person in [alias for alias in EVERYBODY if alias not in owners]:
        aliases = {alias for alias in EVERYBODY if _root(alias, owners) == person}
        model = Model(FINE)
        for record in as_received(records):
            if isinstance(record, UserEvent) and record.alias in aliases:
                model.take(record)
        model.now = LATEST
        if rows.rows[person].profile is not None:
            assert shown(rows.rows[person]) == model.view(person, {person} | aliases & _seen(records))
    for alias, owner in owners.items():
        said = {record.to for record in records if isinstance(record, Link) and record.alias == alias}
        pointer = {"person": alias, "merged_into": owner, "quarantined_links": len(said) - 1}
        assert rows.rows[alias].view() == pointer


@FOLDS
@given(st.lists(living() | links | splits, max_size=25), st.sampled_from(CALM), st.randoms(), st.randoms())
def test_who_is_in_and_is_asked_does_not_hang_on_the_ways_that_records_take(
    records: list[UserEvent | Link | Split], received: Millis, random: Random, other: Random
) -> None:
    records = [replace(one, at=received - 20 + one.at % 20) for one in calmly(records, received, random)]
    said = [
        {user: rows.rows[user].said for user in USERS}
        for rows in (settled(records, rng, until=LATEST) for rng in (random, other))
    ]
    assert said[0] == said[1]


@LAWS
@given(st.lists(living() | links | splits, max_size=25), st.randoms())
def test_a_row_has_of_an_alias_what_its_home_row_has(records: list[UserEvent | Link | Split], random: Random) -> None:
    records = calmly(records, CALM[0], random)
    rows = settled(records, random)
    owners = _owners(records)
    for alias in owners:
        home, owner = rows.rows[alias].profile, owners.get(alias)
        while owner is not None:
            profile = rows.rows[owner].profile
            assert home is not None
            assert profile is not None
            assert profile.attached[alias].part == home.own
            owner = owners.get(owner)


@LAWS
@given(st.lists(living() | links | splits, max_size=25), st.randoms())
def test_a_row_keeps_nothing_of_an_alias_that_went_elsewhere(
    records: list[UserEvent | Link | Split], random: Random
) -> None:
    rows = settled(records, random)
    owners = _owners(records)
    for key, row in rows.rows.items():
        if row.profile is not None:
            assert all(key in _chain(alias, owners) for alias in row.profile.attached)


@LAWS
@given(st.lists(living() | links | splits, max_size=25), st.randoms())
def test_no_two_users_are_one_person(records: list[UserEvent | Link | Split], random: Random) -> None:
    rows = settled(records, random)
    for user in USERS:
        profile = rows.rows[user].profile
        assert profile is None or (profile.owner is None and not set(USERS) & set(profile.attached))


def test_an_alias_leaves_by_the_way_it_came_though_others_on_it_had_moved_before() -> None:
    said = [
        Link("sf:003c1", "email:e1", "l-1", T0, T0),
        Link("email:e1", "user:u1", "l-1", T0, T0 + 1),
        Link("anon:a1", "sf:003c1", "l-1", T0, T0 + 2),
        Link("email:e1", "user:u2", "l-1", T0 - 1, T0 + 3),
        Link("sf:003c1", "email:e2", "l-1", T0 - 1, T0 + 4),
    ]
    rows = settled(said, Random(1))
    assert set(_attached(rows, "user:u2")) == {"email:e1"}
    assert set(_attached(rows, "email:e2")) == {"sf:003c1", "anon:a1"}


crm_links = links.filter(lambda link: not link.alias.startswith("sf:") and not link.to.startswith("sf:"))


@FOLDS
@given(
    st.lists(living() | crm_links | splits | facts, max_size=25).map(lambda records: _once(records)),
    st.randoms(),
)
def test_records_come_to_whom_their_latest_state_says(
    records: list[UserEvent | Link | Split | Facts], random: Random
) -> None:
    rows = settled(records, random)
    owners = _owners(records)
    now = {one.alias: one for one in sorted((r for r in records if isinstance(r, Facts)), key=lambda one: one.version)}
    for alias, state in now.items():
        for key in _chain(alias, owners):
            profile = rows.rows[key].profile
            assert profile is not None
            part = profile.own if key == alias else profile.attached[alias].part
            assert part.record is not None
            assert part.record.version == state.version
    for key, row in rows.rows.items():
        if row.profile is not None:
            assert all(key in _chain(alias, owners) for alias in row.profile.attached)


@LAWS
@given(
    st.permutations(
        [
            state_of("sf:003c1", 1, "sf:003c2"),
            state_of("sf:003c2", 1, "sf:003c1"),
            state_of("sf:00Ql1", 1, "sf:003c1"),
            event("sf:003c1", 1, T0),
            event("sf:003c2", 1, T0),
            event("sf:00Ql1", 1, T0),
            Told("sf:00Ql1", Raw(b"{}")),
        ]
    ),
    st.randoms(),
)
def test_records_that_name_each_other_do_not_go_round_for_ever(records: list[Record], random: Random) -> None:
    again = [replace(one, received_at=T0 + 1) if received_at(one) else one for one in records]
    rows = Rows(random)
    assert len(list(itertools.islice(rows.play([*records, *again]), MANY))) < MANY
    assert not any(row.profile is not None and key in row.profile.attached for key, row in rows.rows.items())


ROUND = [state_of(one, 1, other) for one, other in itertools.pairwise((*CONTACTS, CONTACTS[0]))]
"""Contacts that name each other, the last one the first."""


@FOLDS
@given(st.integers(1, 6), st.randoms())
def test_what_leaves_records_that_name_each_other_leaves_nothing_that_goes_round(changes: int, random: Random) -> None:
    [lead] = LEADS
    here = [state_of(lead, version, CONTACTS[0]) for version in range(changes)]
    rows = Rows(random)
    records = (*ROUND, *here, state_of(lead, changes, None))
    assert len(list(itertools.islice(rows.play(records), MANY))) < MANY
    assert not any(rows.waiting.values())


def test_a_change_is_told_to_the_person_at_the_end_of_the_chain() -> None:
    records = [
        Facts("sf:003c1", 1, "Contact", T0, owner="email:e1"),
        Link("email:e1", "user:u1", "l", T0, T0),
        Told("sf:003c1", Raw(b'{"text":"Salesforce Contact Created"}')),
    ]
    rows = settled(records, Random(1))
    said = [one for row in rows.rows.values() for step in row.steps for one in step.announcements]
    assert said == [Told("sf:003c1", Raw(b'{"text":"Salesforce Contact Created"}'), person="user:u1", passed=2)]


def _once(records: list[Any]) -> list[Any]:
    """A record has one state a version."""
    states: dict[tuple[str, int], Facts] = {}
    for one in records:
        if isinstance(one, Facts):
            states.setdefault((one.alias, one.version), one)
    return [states[one.alias, one.version] if isinstance(one, Facts) else one for one in records]


def _attached(rows: Rows, key: str) -> dict[str, Attached]:
    profile = rows.rows[key].profile
    assert profile is not None
    return profile.attached


def _seen(records: list[UserEvent | Link | Split]) -> set[str]:
    return {record.alias for record in records}


def _root(alias: str, owners: dict[str, str]) -> str:
    return _chain(alias, owners)[-1]


def _chain(alias: str, owners: dict[str, str]) -> list[str]:
    chain = [alias]
    while chain[-1] in owners:
        chain.append(owners[chain[-1]])
    return chain


def _owners(records: Sequence[Record]) -> dict[str, str]:
    said = [record for record in records if isinstance(record, Link)]
    ranked = sorted(said, key=lambda link: (link.at, link.message_id, link.to), reverse=True)
    words = [record for record in records if isinstance(record, Split)]
    apart = {word.alias: word.apart for word in sorted(words, key=lambda word: (word.at, word.message_id, word.apart))}
    states = sorted((record for record in records if isinstance(record, Facts)), key=lambda one: one.version)
    owners = {one.alias: one.owner for one in states} | {link.alias: link.to for link in ranked}
    return {alias: owner for alias, owner in owners.items() if owner is not None and not apart.get(alias)}
