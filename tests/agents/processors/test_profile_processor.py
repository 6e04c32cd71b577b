"""One partition of `user-events`: rows, views, announcements, forwards, what is held back, and what others hear."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import pytest
from aiokafka.structs import ConsumerRecord
from msgspec import Raw
from msgspec.structs import replace

from agents.partitions import partition_of
from agents.processors.batched import Batched
from agents.processors.profile import HELD_KEY, MEMBERS_KEY, RULES_KEY, Profiles
from agents.runtime.contract import Effects, Ends, Lane
from agents.runtime.exchange import Exchange
from agents.runtime.stores import MemoryStore
from streams.events import (
    NO_TIME,
    AccountState,
    Barrier,
    Facts,
    Forget,
    Link,
    PartMoved,
    Record,
    Told,
    UserEvent,
    decode_record,
    encode_record,
    row_of,
)
from streams.instants import iso
from streams.policy import UNITS_MS, Ask, Condition, Policy, Segment
from streams.profile import gone_key, unpack
from streams.progress import LAST, LEVELS, UNKNOWN, Board, Progress, Said, Sent, level_of

T0 = 1_760_000_000_000
DAY = UNITS_MS["d"]
WINDOW = 30 * DAY
HOUR = UNITS_MS["h"]
LANE = Lane("user-events", 5)
PARTITIONS = 8
TWICE = Segment("twice", (Condition("Report Viewed", 2, WINDOW),), every=True)
ASKS = (Ask("review", "twice", "review", "in-app", "none", 90 * DAY),)
POLICY = Policy(1, (TWICE,), ASKS)
offsets: Iterator[int] = count(100)


BOOKKEEPING = {HELD_KEY, RULES_KEY}
"""Rows that every transaction writes."""


def viewed(at: int = T0, alias: str = "user:u1", *, received_at: int | None = None, **fields: Any) -> UserEvent:
    """A report viewed, received at once."""
    received = at if received_at is None else received_at
    return UserEvent(alias, f"m{at - T0}", at, received, **({"name": "Report Viewed"} | fields))


def link(to: str = "user:u1", at: int = T0, number: int = 1, received_at: int = T0) -> Link:
    return Link("anon:a1", to, f"l{number}", at, received_at)


def forget(received_at: int = T0) -> Forget:
    return Forget("user:u1", received_at=received_at)


class Partition:
    """`Profiles` and their store, and a source; what a batch comes to is committed at once."""

    def __init__(self, policy: Policy = POLICY, store: MemoryStore | None = None, clock: int = UNKNOWN) -> None:
        self.store = store or MemoryStore()
        self.batches: list[Batched] = []
        self.exchange = Exchange(Board(("web-events/0",), "user-events", PARTITIONS))
        self.clock = clock
        self.ends: Ends = Counter()
        self.position = 0
        self.hear(Progress("web-events/0", (clock,)))
        self.profiles = Profiles(
            LANE,
            self.store,
            policy,
            exchange=self.exchange,
            partitions=PARTITIONS,
            observed=lambda lane, batched: self.batches.append(batched),
        )

    def fold(self, *records: Record, until: int | None = None) -> Effects:
        """Read records; then the clock is at the latest of them, or at `until`, if it is not beyond that already."""
        self.hear(Progress("web-events/0", (max(map(_received_at, records), default=T0) if until is None else until,)))
        return self.read(*records)

    def read(self, *records: Record) -> Effects:
        """Read records; the clock stays."""
        return self.commit(self.profiles.fold([_consumed(record) for record in records], 0, 0))

    def tick(self, at: int) -> Effects:
        """The clock goes on, and nothing else."""
        self.hear(Progress("web-events/0", (at,)))
        return self.commit(self.profiles.resume())

    def hear(self, said: Said) -> None:
        self.exchange.hear(said)
        self.clock = max(self.clock, self.exchange.board.clock)

    def commit(self, effects: Effects | None) -> Effects:
        if effects is None:
            return Effects()
        self.store.write(effects.rows, 0)
        for to, messages in effects.sends.items():
            self.ends[to] += len(messages)
        assert effects.committed is not None
        effects.committed({to: self.ends[to] for to in effects.sends})
        return effects

    def again(self, policy: Policy = POLICY) -> "Partition":
        """The same partition after a restart; others say what they have said."""
        return Partition(policy, self.store, self.clock)

    def told(self) -> list[Said]:
        """What other workers have to hear, in order."""
        return list(self.exchange.unsent.values())


def _consumed(record: Record) -> ConsumerRecord:
    key = None if isinstance(record, Barrier) else row_of(record).encode()
    value = encode_record(record)
    return ConsumerRecord(*LANE, next(offsets), T0, 0, key, value, None, -1, len(value), ())


def _received_at(record: Record) -> int:
    received: int = getattr(record, "received_at", NO_TIME)
    return received


class Message(NamedTuple):
    """One message of a batch."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def sent(effects: Effects, topic: str) -> list[Message]:
    return [
        Message(partition, *message)
        for (name, partition), messages in effects.sends.items()
        if name == topic
        for message in messages
    ]


def values(effects: Effects, topic: str) -> list[dict[str, Any]]:
    return [json.loads(send.value or b"") for send in sent(effects, topic)]


def changes(effects: Effects) -> list[tuple[str, str, str]]:
    found = values(effects, "segment-changes")
    return [(change["person"], change["segment"], change["change"]) for change in found]


# Rows and views.


def test_an_event_makes_a_row_and_a_view_in_the_same_partition() -> None:
    effects = Partition().fold(viewed())
    assert unpack(effects.rows[b"user:u1"] or b"").own.latest == T0
    (view,) = sent(effects, "profile-views")
    assert (view.partition, view.key) == (LANE.partition, b"user:u1")
    assert json.loads(view.value or b"")["counts"] == {"Report Viewed": {"count": 1, "exact": True}}


def test_a_batch_makes_one_row_and_one_view_of_each_person_it_touches() -> None:
    effects = Partition().fold(viewed(), viewed(T0 + 1), viewed(alias="user:u2"))
    assert set(effects.rows) == {b"user:u1", b"user:u2", MEMBERS_KEY} | BOOKKEEPING
    assert sorted(send.key or b"" for send in sent(effects, "profile-views")) == [b"user:u1", b"user:u2"]


def test_how_records_are_split_into_batches_does_not_matter() -> None:
    records = [viewed(T0 + number, f"user:u{number % 2}") for number in range(6)]
    whole, split = Partition(), Partition()
    whole.fold(*records)
    for record in records:
        split.fold(record)
        split = split.again()
    assert rows(split) == rows(whole)


def rows(partition: Partition) -> dict[bytes, bytes]:
    """All but how far the log was read."""
    return {key: row for key, row in partition.store.items() if key != HELD_KEY}


def test_a_bot_makes_no_row_and_no_view() -> None:
    effects = Partition().fold(viewed(bot=True))
    assert (set(effects.rows), effects.sends) == (BOOKKEEPING, {})


def test_a_bot_leaves_what_a_row_holds_as_it_is() -> None:
    partition = Partition()
    before = partition.fold(viewed()).rows[b"user:u1"]
    assert partition.fold(viewed(T0 + 1, bot=True)).rows.get(b"user:u1", before) == before


def test_an_event_that_is_only_late_makes_a_row_and_a_view() -> None:
    effects = Partition().fold(viewed(T0 - WINDOW, received_at=T0))
    assert b"user:u1" in effects.rows
    assert len(sent(effects, "profile-views")) == 1


def test_a_view_says_up_to_when_its_row_is_decided() -> None:
    partition = Partition()
    assert values(partition.fold(viewed(), until=T0 + 9), "profile-views")[0]["as_of"] == iso(T0 + 9)
    assert values(partition.fold(viewed(T0 + 10), until=T0 + 10), "profile-views")[0]["as_of"] == iso(T0 + 10)


# Announcements.


def test_a_change_and_its_trigger_go_to_the_partition_of_their_person() -> None:
    effects = Partition().fold(viewed(), viewed(T0 + 1))
    (change,), (trigger,) = sent(effects, "segment-changes"), sent(effects, "referral-triggers")
    assert {change.partition, trigger.partition} == {partition_of("user:u1", PARTITIONS)}
    assert {change.key, trigger.key} == {b"user:u1"}
    assert dict(trigger.headers)["ce_id"].decode() == json.loads(trigger.value or b"")["trigger_id"]
    assert changes(effects) == [("user:u1", "twice", "entered")]


def test_the_change_is_sent_before_the_trigger() -> None:
    effects = Partition().fold(viewed(), viewed(T0 + 1))
    sent_to = [topic for topic, _ in effects.sends]
    assert sent_to == ["segment-changes", "referral-triggers", "profile-views", "contributions"]


def test_a_user_counts_in_the_reports_whatever_the_first_event_is_and_an_anonymous_visitor_does_not() -> None:
    partition = Partition()
    assert len(sent(partition.fold(viewed()), "contributions")) == 1
    assert sent(partition.fold(viewed(T0 + 1)), "contributions") == []
    assert sent(Partition().fold(viewed(T0, "anon:a1")), "contributions") == []


def test_a_batch_tells_what_happened_in_it() -> None:
    partition = Partition()
    late, before = viewed(T0 - WINDOW, received_at=T0), viewed(T0 - 1, received_at=T0)
    partition.fold(viewed(), viewed(), late, before)
    (batched,) = partition.batches
    assert (batched.seen["duplicate"], batched.seen["late"]) == (1, 1)
    assert dict(batched.changes) == {("twice", "entered"): 1}
    assert dict(batched.triggers) == {"review": 1}
    assert (batched.triggering, dict(batched.members)) == ([T0], {"twice": 1})


# What is held back.


def test_what_later_than_the_clock_is_received_waits_for_it() -> None:
    partition = Partition()
    assert partition.fold(viewed(), viewed(T0 + 1), until=T0 - 1) == Effects()
    effects = partition.tick(T0)
    assert (effects.records, values(effects, "profile-views")[0]["counts"]) == (
        1,
        {"Report Viewed": {"count": 1, "exact": True}},
    )
    assert changes(effects) == []
    assert changes(partition.tick(T0 + 1)) == [("user:u1", "twice", "entered")]


def test_until_all_sources_have_ticked_nothing_is_taken_in() -> None:
    assert Partition().read(viewed()) == Effects()


def test_records_are_taken_in_by_received_time_whatever_their_order_in_the_log() -> None:
    partition = Partition()
    partition.fold(forget(T0 + 5), viewed(T0 + 9), viewed(T0 + 1))
    assert partition.batches[-1].seen == {"forgotten": 1, "suppressed": 1}


def test_the_position_stays_before_the_first_record_that_is_held() -> None:
    partition = Partition()
    one, two, three = (_consumed(viewed(at)) for at in (T0 + 5, T0, T0 + 9))
    partition.hear(Progress("web-events/0", (T0,)))
    effects = partition.commit(partition.profiles.fold([one, two, three], 0, 0))
    assert (effects.records, effects.position) == (1, one.offset)
    assert partition.tick(T0 + 5).position == three.offset
    assert partition.tick(T0 + 9).position == three.offset + 1


def test_what_was_taken_in_already_is_not_taken_in_again_after_a_restart() -> None:
    partition = Partition()
    batch = [_consumed(viewed(at)) for at in (T0 + 5, T0, T0 + 9)]
    partition.hear(Progress("web-events/0", (T0,)))
    partition.commit(partition.profiles.fold(batch, 0, 0))
    again = partition.again()
    again.hear(Progress("web-events/0", (T0 + 9,)))
    effects = again.commit(again.profiles.fold(batch, 0, 0))
    assert effects.records == 2
    assert again.batches[-1].seen["duplicate"] == 0


def test_a_level_may_go_on_only_when_all_that_was_sent_for_it_is_read() -> None:
    """The clock says that nothing more is under way; what is there has to be read first, up to the offset it names."""
    partition = Partition()
    ends = [0] * PARTITIONS
    first, second = _consumed(viewed(T0 + 1)), _consumed(viewed(T0))
    ends[LANE.partition] = second.offset + 1
    partition.hear(Sent("web-events/0", T0 + 1, {}, ends))
    partition.hear(Progress("web-events/0", (T0 + 1,)))
    assert partition.commit(partition.profiles.fold([first], 0, 0)) == Effects()
    assert partition.commit(partition.profiles.fold([second], 0, 0)).records == 2


def test_users_wait_for_what_visitors_may_still_forward() -> None:
    partition = Partition()
    below = [UNKNOWN] * PARTITIONS
    below[2] = T0
    partition.hear(Sent("web-events/0", T0, {level_of("anon:a9"): below}, [0] * PARTITIONS))
    effects = partition.fold(viewed(), viewed(alias="anon:a1"))
    assert [send.key for send in sent(effects, "profile-views")] == [b"anon:a1"]
    partition.hear(Progress("user-events/2", (T0,) * LEVELS))
    assert [send.key for send in sent(partition.tick(T0), "profile-views")] == [b"user:u1"]


def test_no_more_than_so_many_records_make_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.processors.profile.MOST_RECORDS", 2)
    partition = Partition()
    made = [partition.fold(*(viewed(T0 + number) for number in range(5)))]
    made += [partition.tick(T0 + 4) for _ in range(3)]
    assert [(effects.records, effects.more) for effects in made] == [(2, True), (2, True), (1, False), (None, False)]


# Time.


def test_a_member_leaves_when_the_clock_reaches_the_instant() -> None:
    partition, end = Partition(), T0 - 1 + WINDOW
    partition.fold(viewed(T0 - 1), viewed())
    assert changes(partition.tick(end - 1)) == []
    effects = partition.tick(end)
    assert changes(effects) == [("user:u1", "twice", "left")]
    assert values(effects, "profile-views")[0]["segments"]["twice"]["member"] is False
    assert partition.batches[-1].members["twice"] == 0


def test_whenever_one_looks_a_leave_has_its_own_instant() -> None:
    partition = Partition()
    partition.fold(viewed(T0 - 1), viewed())
    (left,) = values(partition.tick(T0 + 99 * DAY), "segment-changes")
    assert (left["at"], left["announced_at"]) == (iso(T0 - 1 + WINDOW), iso(T0 - 1 + WINDOW))


def test_only_whom_time_concerns_is_looked_at() -> None:
    partition = Partition()
    partition.fold(viewed(T0 - 1), viewed(), viewed(alias="user:u2"))
    assert partition.tick(T0 + 5 * DAY) == Effects()
    assert set(partition.tick(T0 + 40 * DAY).rows) == {b"user:u1", MEMBERS_KEY} | BOOKKEEPING


def test_a_member_leaves_after_a_restart_too() -> None:
    partition = Partition()
    partition.fold(viewed(T0 - 1), viewed())
    again = partition.again()
    again.tick(T0 + DAY)
    assert changes(again.again().tick(T0 + 40 * DAY)) == [("user:u1", "twice", "left")]
    assert again.store.get(MEMBERS_KEY) is not None


def test_whose_leaving_was_put_off_leaves_later() -> None:
    partition = Partition()
    partition.fold(viewed(T0 - 1), viewed())
    partition.fold(viewed(T0 + DAY - 1), viewed(T0 + DAY))
    assert changes(partition.tick(T0 + WINDOW)) == []
    assert changes(partition.tick(T0 + DAY - 1 + WINDOW)) == [("user:u1", "twice", "left")]


def test_however_many_events_put_it_off_one_entry_waits_for_a_row() -> None:
    partition = Partition()
    for number in range(200):
        partition.fold(viewed(T0 + number))
    assert len(partition.profiles._due) == 1


def test_whose_ground_is_taken_leaves_at_once() -> None:
    home, partition = Partition(), Partition()
    moved = forwards(home.fold(viewed(T0 - 1, "anon:a1"), link()))
    partition.fold(viewed(), *moved)
    detached, _ = forwards(home.fold(link("user:u2", T0 - 1, 2, received_at=T0 + 700)))
    (left,) = values(partition.fold(detached), "segment-changes")
    assert (left["change"], left["at"], left["announced_at"]) == ("left", iso(T0 + 700), iso(T0 + 700))
    assert [
        json.loads(one.value or b"")["reason"] for one in sent(partition.batches[-1].effects, "referral-triggers")
    ] == ["link"]


def forwards(effects: Effects) -> list[Record]:
    return [decode_record(send.value or b"") for send in sent(effects, "user-events")]


def test_who_has_left_is_not_taken_in_again_by_what_has_no_received_time() -> None:
    """A Contact turns up, long after the last event, for somebody whose stay time has ended."""
    partition = Partition()
    partition.fold(viewed(T0 - 1), viewed())
    assert changes(partition.tick(T0 + 40 * DAY)) == [("user:u1", "twice", "left")]
    contact = Partition().fold(Facts("sf:003000000000001AAA", 1, "Contact", T0, owner="user:u1"))
    (moved,) = forwards(contact)
    assert isinstance(moved, PartMoved)
    effects = partition.read(moved)
    assert changes(effects) == []
    (view,) = values(effects, "profile-views")
    assert (view["as_of"], view["aliases"]) == (iso(T0 + 40 * DAY), ["sf:003000000000001AAA", "user:u1"])


# Rules change.

OTHER = (Segment("other", TWICE.conditions, every=True),)
THRICE = (Segment("twice", (Condition("Report Viewed", 3, WINDOW),), every=True),)


def announced(effects: Effects) -> list[tuple[str, str, str]]:
    """(segment, what, when)"""
    return [(one["segment"], one["change"], one["announced_at"]) for one in values(effects, "segment-changes")]


def twice() -> Partition:
    """Somebody is in `twice`, and everything is decided up to T0 + 9."""
    partition = Partition()
    partition.fold(viewed(T0 - 1), viewed(), until=T0 + 9)
    return partition


@pytest.mark.parametrize("touched", [False, True], ids=["untouched", "after a record"])
def test_members_leave_on_time_after_a_new_version_of_the_same_rules(touched: bool) -> None:
    again = twice().again(Policy(2, (TWICE,), ASKS))
    if touched:
        again.fold(viewed(T0 - 2, received_at=T0 + 500))
    assert changes(again.tick(T0 + 1000)) == []
    assert changes(again.tick(T0 - 1 + WINDOW)) == [("user:u1", "twice", "left")]


@pytest.mark.parametrize("touched", [False, True], ids=["untouched", "after a record"])
def test_new_rules_hold_right_after_the_instant_up_to_which_the_former_ones_had_decided(touched: bool) -> None:
    again = twice().again(Policy(2, OTHER))
    effects = again.fold(viewed(T0 - 2, received_at=T0 + 500)) if touched else again.tick(T0 + 500)
    assert announced(effects) == [("twice", "left", iso(T0 + 10)), ("other", "entered", iso(T0 + 10))]
    assert again.batches[-1].members == {"twice": 0, "other": 1}


def test_as_long_as_the_clock_is_not_there_nobody_is_looked_at() -> None:
    again = twice().again(Policy(2, OTHER))
    assert again.read() == Effects()
    assert announced(again.tick(T0 + 10)) == [("twice", "left", iso(T0 + 10)), ("other", "entered", iso(T0 + 10))]


def test_nor_after_a_record_without_a_received_time_and_a_restart() -> None:
    again = twice().again(Policy(2, OTHER))
    assert changes(again.read(Told("user:u1", Raw(b"{}")))) == []
    effects = again.again(Policy(2, OTHER)).tick(T0 + 500)
    assert announced(effects) == [("twice", "left", iso(T0 + 10)), ("other", "entered", iso(T0 + 10))]


def test_nor_does_a_part_without_one_hide_that_somebody_has_to_be_looked_at() -> None:
    (moved,) = forwards(Partition().fold(Facts("sf:003000000000001AAA", 1, "Contact", T0, owner="user:u1")))
    again = twice().again(Policy(2, OTHER))
    assert changes(again.read(moved)) == []
    effects = again.again(Policy(2, OTHER)).tick(T0 + 500)
    assert announced(effects) == [("twice", "left", iso(T0 + 10)), ("other", "entered", iso(T0 + 10))]


def test_what_is_received_at_that_very_instant_counts_by_the_new_rules() -> None:
    again = twice().again(Policy(2, THRICE))
    assert changes(again.fold(viewed(T0 + 10))) == []


def test_who_is_not_in_by_the_new_rule_leaves_at_that_instant() -> None:
    again = twice().again(Policy(2, THRICE))
    assert announced(again.fold(viewed(T0 + 11))) == [
        ("twice", "left", iso(T0 + 10)),
        ("twice", "entered", iso(T0 + 11)),
    ]


def test_since_when_which_rules_hold_is_told_and_outlives_a_restart() -> None:
    again = twice().again(Policy(2, OTHER))
    again.tick(T0 + 500)
    third = again.again(Policy(2, OTHER)).again(Policy(3, OTHER))
    third.tick(T0 + 600)
    assert third.exchange.progress[str(LANE)].rules == ((1, 0), (2, T0 + 10), (3, T0 + 501))


# What others hear.


def test_how_far_a_lane_is_is_told_at_once_only_where_somebody_waits() -> None:
    partition = Partition()
    partition.fold(viewed(alias="anon:a1"))
    assert partition.told() == []
    assert partition.exchange.progress[str(LANE)].done == (T0,) * LEVELS
    below = [UNKNOWN] * PARTITIONS
    below[LANE.partition] = T0 + 5
    partition.hear(Sent("web-events/0", T0 + 5, {level_of("anon:a1"): below}, [0] * PARTITIONS))
    partition.tick(T0 + 4)
    assert partition.told() == []
    partition.fold(viewed(T0 + 5, "anon:a1"))
    assert partition.told() == [partition.exchange.progress[str(LANE)]]
    assert partition.exchange.progress[str(LANE)].done == (T0 + 5, *(T0 + 4,) * LAST), "the others wait to hear it, too"
    partition.tick(T0 + 5)
    assert partition.exchange.progress[str(LANE)].done == (T0 + 5,) * LEVELS
    partition.exchange.unsent.clear()
    partition.fold(viewed(T0 + 6, "anon:a1"))
    assert partition.told() == [], "they have heard it"


def test_what_is_forwarded_is_told_before_how_far_the_lane_is() -> None:
    partition = Partition()
    below = [UNKNOWN] * PARTITIONS
    below[LANE.partition] = T0
    partition.hear(Sent("web-events/0", T0, {level_of("anon:a1"): below}, [0] * PARTITIONS))
    partition.fold(viewed(T0 - 1, alias="anon:a1"), Link("anon:a1", "email:ann@example.com", "l", T0, T0))
    said, progress = partition.told()
    assert isinstance(said, Sent)
    there = partition_of("email:ann@example.com", PARTITIONS)
    assert said.below[level_of("email:ann@example.com")][there] == T0
    assert (said.newest, said.ends[there]) == (T0, 1)
    assert isinstance(progress, Progress)


def test_nothing_is_told_of_a_transaction_before_its_commit() -> None:
    partition = Partition()
    partition.hear(Progress("web-events/0", (T0,)))
    assert partition.profiles.fold([_consumed(viewed(alias="anon:a1")), _consumed(link())], 0, 0) is not None
    assert (partition.told(), partition.exchange.progress) == ([], {})


def test_a_lane_that_takes_nothing_in_says_how_far_it_is_all_the_same() -> None:
    partition = Partition()
    assert partition.tick(T0 + 700) == Effects()
    assert partition.exchange.progress[str(LANE)].done[LAST] == T0 + 700


def test_a_new_owner_says_again_what_the_former_one_may_have_said_no_more() -> None:
    partition = Partition()
    partition.fold(viewed(alias="anon:a1"), link())
    again = partition.again()
    assert again.profiles.has_sent()
    again.profiles.opened(dict.fromkeys(range(PARTITIONS), 7))
    said, progress = again.told()
    assert isinstance(said, Sent)
    assert (said.newest, said.ends) == (T0, [7] * PARTITIONS)
    assert progress == Progress(str(LANE), (T0,) * LEVELS, ((1, 0),))


def test_a_lane_that_never_forwarded_needs_no_barriers() -> None:
    partition = Partition()
    partition.fold(viewed())
    assert not partition.again().profiles.has_sent()


# Records that nobody of ours wrote.


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"user:u1", None),
        (b"user:u1", b"{"),
        (b"user:u1", b"\xff"),
        (b"user:u1", b'{"kind":"gift"}'),
        (None, encode_record(viewed())),
        (b"user:u2", encode_record(viewed())),
        (b"user:u1", encode_record(PartMoved("anon:a1", "user:u1", (1,), b"junk"))),
        (b"user:u1", encode_record(Link("user:u1", "email:ann@example.com", "m", T0, T0))),
        (b"user:u1", encode_record(AccountState("user:u1", "001", 1, Raw(b"[1]")))),
        (b"user:u1", encode_record(Told("user:u1", Raw(b'"x"')))),
        (b"user:u1", encode_record(Facts("user:u1", 1, "Contact", T0, fields=Raw(b"7")))),
    ],
    ids=[
        "no value",
        "no JSON",
        "no UTF-8",
        "no such kind",
        "no key",
        "another key",
        "no part",
        "link to a weaker one",
        "no state",
        "no change",
        "no fields",
    ],
)
def test_a_broken_record_is_kept_as_a_dead_letter_and_stops_nobody(key: bytes | None, value: bytes | None) -> None:
    partition = Partition()
    broken = ConsumerRecord(*LANE, 77, T0, 0, key, value, None, -1, 0, ())
    partition.hear(Progress("web-events/0", (T0 + 2,)))
    batch = [_consumed(viewed(T0 + 1)), broken, _consumed(viewed(T0 + 2))]
    effects = partition.commit(partition.profiles.fold(batch, 0, 0))
    (dead,) = sent(effects, "rejected-events")
    assert (dead.key, dead.value, dead.partition) == (key, value, LANE.partition)
    assert dict(dead.headers)["reason"] == b"bad-record"
    assert values(effects, "profile-views")[0]["counts"]["Report Viewed"]["count"] == 2


# Links.


def test_a_part_and_stragglers_are_sent_to_the_person_in_order() -> None:
    effects = Partition().fold(
        viewed(T0 - 1, "anon:a1"),
        link(),
        viewed(T0 + 1, "anon:a1"),
        again := viewed(T0 - 1, "anon:a1", received_at=T0 + 1),
    )
    found = sent(effects, "user-events")
    assert {(send.partition, send.key) for send in found} == {(partition_of("user:u1", PARTITIONS), b"user:u1")}
    records = forwards(effects)
    assert isinstance(records[0], PartMoved)
    assert records[0].received_at == T0
    assert records[1:] == [replace(one, person="user:u1", passed=1) for one in (viewed(T0 + 1, "anon:a1"), again)]


def test_what_is_received_with_a_link_goes_the_way_that_the_link_says() -> None:
    """Whatever the order in which the two stand in the log."""
    records = forwards(Partition().fold(event := viewed(T0, "anon:a1"), link()))
    assert [type(one) for one in records] == [PartMoved, UserEvent]
    assert records[1] == replace(event, person="user:u1", passed=1)


def test_what_is_forwarded_says_where_it_comes_from() -> None:
    partition, said = Partition(), _consumed(link())
    partition.hear(Progress("web-events/0", (T0,)))
    (forward,) = sent(partition.commit(partition.profiles.fold([said], 0, 0)), "user-events")
    assert forward.headers == (("source", f"user-events/5/{said.offset}".encode()),)


def test_the_view_of_a_linked_alias_is_a_pointer() -> None:
    effects = Partition().fold(viewed(T0, "anon:a1"), link())
    assert values(effects, "profile-views") == [{"person": "anon:a1", "merged_into": "user:u1", "quarantined_links": 0}]


def test_links_are_told_apart_from_those_set_aside() -> None:
    partition = Partition()
    partition.fold(link(), link("user:u2", T0 + 1, 2, received_at=T0 + 1))
    assert (partition.batches[0].seen["linked"], partition.batches[0].seen["quarantined"]) == (1, 1)


def test_an_idle_partition_has_nothing_to_say() -> None:
    profiles = Partition().profiles
    assert (profiles.idle(T0), profiles.wants_time(T0), profiles.may_fold()) == (None, False, True)


def filled(partition: Partition) -> None:
    """Twenty events of one person."""
    partition.fold(*(viewed(T0 - number, received_at=T0) for number in range(20)))


def test_a_full_row_takes_nothing_more_in_until_older_events_leave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.processors.profile.ROW_BYTES", 400)
    partition = Partition()
    filled(partition)
    effects = partition.fold(viewed(T0 + 1), viewed(T0 + 2, "user:u2"))
    (letter,) = sent(effects, "rejected-events")
    assert dict(letter.headers)["reason"] == b"row-full"
    assert set(effects.rows) == {b"user:u2"} | BOOKKEEPING
    assert b"user:u1" in partition.fold(viewed(T0 + WINDOW)).rows


def test_a_restart_knows_the_full_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.processors.profile.ROW_BYTES", 400)
    partition = Partition()
    filled(partition)
    assert sent(partition.again().fold(viewed(T0 + 1)), "rejected-events")


def refused(*, restarted: bool = False) -> list[bool]:
    """Fill a row, then bring an event an hour while the oldest leave one by one."""
    partition, found = Partition(), []
    partition.fold(*(viewed(T0 + number * HOUR) for number in range(40)))
    for at in range(T0 + WINDOW, T0 + WINDOW + 40 * HOUR, HOUR):
        partition = partition.again() if restarted else partition
        found.append(bool(sent(partition.fold(viewed(at)), "rejected-events")))
    return found


def test_a_row_is_as_full_in_memory_as_it_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.processors.profile.ROW_BYTES", 800)
    in_memory = refused()
    assert in_memory == refused(restarted=True)
    monkeypatch.setattr("agents.processors.profile.CACHED_ROWS", 0)
    assert in_memory == refused()
    assert set(in_memory) == {True, False}


# Forgetting.


def nulls(effects: Effects) -> list[tuple[str, bytes | None]]:
    topics = ("profile-views", "contributions", "user-timeline")
    return [(topic, one.key) for topic in topics for one in sent(effects, topic) if one.value is None]


def test_a_row_that_is_forgotten_leaves_a_hash_and_takes_its_documents_back() -> None:
    partition = Partition()
    partition.fold(viewed(), viewed(T0 + 1))
    effects = partition.fold(viewed(T0 + 2), forget(T0 + 2))
    assert nulls(effects) == [(topic, b"user:u1") for topic in ("profile-views", "contributions", "user-timeline")]
    assert values_of(effects, "profile-views") == []
    assert {key for key, _ in partition.store.items()} == {gone_key("user:u1"), MEMBERS_KEY} | BOOKKEEPING
    assert changes(effects) == [("user:u1", "twice", "left")]
    assert partition.batches[-1].members["twice"] == 0


def values_of(effects: Effects, topic: str) -> list[bytes]:
    return [one.value for one in sent(effects, topic) if one.value is not None]


def test_a_withdrawal_goes_where_the_trigger_went() -> None:
    partition = Partition()
    (trigger,) = sent(partition.fold(viewed(), viewed(T0 + 1)), "referral-triggers")
    (withdrawn,) = sent(partition.fold(forget(T0 + 2)), "referral-triggers")
    assert (withdrawn.partition, withdrawn.key) == (trigger.partition, trigger.key)
    then, now = dict(trigger.headers), dict(withdrawn.headers)
    assert now["ce_type"] == b"touchline.referral.withdrawn.v1"
    assert (now["ce_id"], now["ce_subject"]) == (then["ce_id"], then["ce_subject"])
    assert json.loads(withdrawn.value or b"")["reason"] == "forgotten"


def test_nothing_is_taken_in_afterwards_in_the_same_batch_or_after_a_restart() -> None:
    partition = Partition()
    effects = partition.fold(viewed(), forget(), viewed(T0 + 1))
    assert values_of(effects, "profile-views") == []
    assert partition.batches[-1].seen == {"forgotten": 1, "suppressed": 1}
    again = partition.again()
    assert sent(again.fold(viewed(T0 + 2), forget(T0 + 3), until=T0 + 40 * DAY), "profile-views") == []
    assert again.batches[-1].seen == {"suppressed": 2}


def test_a_full_row_can_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.processors.profile.ROW_BYTES", 10)
    partition = Partition()
    partition.fold(viewed())
    assert set(partition.fold(viewed(T0 + 1)).rows) == BOOKKEEPING
    assert partition.fold(forget(T0 + 2)).rows[b"user:u1"] is None


def test_an_address_that_nobody_knew_is_remembered_and_introduced_to_no_company() -> None:
    effects = Partition().fold(Forget("email:ann@acme.com", received_at=T0))
    assert effects.rows[gone_key("email:ann@acme.com")]
    assert [json.loads(one.value or b"")["kind"] for one in sent(effects, "account-events")] == ["forgotten"]
