"""One partition of `user-events`: rows, views, announcements, forwards, and being woken by the clock."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import pytest
from aiokafka.structs import ConsumerRecord
from msgspec import Raw

from agents.partitions import partition_of
from agents.processors.batched import Batched
from agents.processors.profile import CLOCK_KEY, MEMBERS_KEY, Profiles
from agents.runtime.contract import Effects, Lane
from agents.runtime.stores import MemoryStore
from streams.events import (
    AccountState,
    Facts,
    Forget,
    Link,
    PartMoved,
    Record,
    Tick,
    Told,
    UserEvent,
    decode_record,
    encode_record,
)
from streams.policy import UNITS_MS, Ask, Condition, Policy, Segment
from streams.profile import gone_key, unpack

T0 = 1_760_000_000_000
DAY = UNITS_MS["d"]
WINDOW = 30 * DAY
HOUR = UNITS_MS["h"]
LANE = Lane("user-events", 5)
PARTITIONS = 8
TWICE = Segment("twice", (Condition("Report Viewed", 2, WINDOW),), every=True)
ASKS = (Ask("review", "twice", "review", "email", "none", 90 * DAY),)
POLICY = Policy(1, (TWICE,), ASKS)
offsets: Iterator[int] = count(100)


def viewed(at: int = T0, alias: str = "user:u1", **fields: Any) -> UserEvent:
    return UserEvent(alias, f"m{at - T0}", at, at + 50, **({"name": "Report Viewed"} | fields))


def tick(at: int) -> Tick:
    return Tick("web-events/0", at)


class Partition:
    """`Profiles` and their store; what a batch comes to is committed at once."""

    def __init__(self, policy: Policy = POLICY, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.batches: list[Batched] = []
        self.profiles = Profiles(
            LANE,
            self.store,
            policy,
            partitions=PARTITIONS,
            sources=frozenset({"web-events/0"}),
            observed=lambda lane, batched: self.batches.append(batched),
        )

    def fold(self, *records: Record) -> Effects:
        effects = self.profiles.fold([_consumed(record) for record in records], 0)
        self.store.write(effects.rows, 0)
        assert effects.committed is not None
        effects.committed()
        return effects

    def again(self, policy: Policy = POLICY) -> "Partition":
        """The same partition after a restart."""
        return Partition(policy, self.store)


def _consumed(record: Record) -> ConsumerRecord:
    key = None if isinstance(record, Tick) else (getattr(record, "person", None) or record.alias).encode()
    value = encode_record(record)
    return ConsumerRecord(*LANE, next(offsets), T0, 0, key, value, None, -1, len(value), ())


class Sent(NamedTuple):
    """One message of a batch."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def sent(effects: Effects, topic: str) -> list[Sent]:
    return [
        Sent(partition, *message)
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
    assert set(effects.rows) == {b"user:u1", b"user:u2", MEMBERS_KEY}
    assert sorted(send.key or b"" for send in sent(effects, "profile-views")) == [b"user:u1", b"user:u2"]


def test_how_records_are_split_into_batches_does_not_matter() -> None:
    records = [viewed(T0 + number, f"user:u{number % 2}") for number in range(6)]
    whole, split = Partition(), Partition()
    whole.fold(*records)
    for record in records:
        split.fold(record)
        split = split.again()
    assert dict(split.store.items()) == dict(whole.store.items())


def test_a_bot_makes_no_row_and_no_view() -> None:
    effects = Partition().fold(viewed(bot=True))
    assert (effects.rows, effects.sends) == ({}, {})


def test_a_bot_leaves_what_a_row_holds_as_it_is() -> None:
    partition = Partition()
    before = partition.fold(viewed()).rows[b"user:u1"]
    assert partition.fold(viewed(T0 + 1, bot=True)).rows.get(b"user:u1", before) == before


def test_an_event_that_is_only_late_makes_a_row_and_a_view() -> None:
    effects = Partition().fold(tick(T0), viewed(T0 - WINDOW))
    assert b"user:u1" in effects.rows
    assert len(sent(effects, "profile-views")) == 1


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
    partition.fold(tick(T0), viewed(), viewed(), viewed(T0 - WINDOW), viewed(T0 - 1))
    (batched,) = partition.batches
    assert (batched.seen["duplicate"], batched.seen["late"]) == (1, 1)
    assert dict(batched.changes) == {("twice", "entered"): 1}
    assert dict(batched.triggers) == {"review": 1}
    assert batched.triggering == [T0 + 49]
    assert (batched.clock, dict(batched.members)) == (T0, {"twice": 1})


# The clock.


def test_the_clock_outlives_a_restart() -> None:
    partition = Partition()
    assert CLOCK_KEY in partition.fold(tick(T0)).rows
    assert partition.again().fold(viewed(T0 - WINDOW)).sends != []
    again = partition.again()
    again.fold(viewed(T0 - WINDOW))
    assert again.batches[0].seen["late"] == 1


def test_a_member_leaves_with_the_tick_that_reaches_the_instant() -> None:
    partition = Partition()
    partition.fold(tick(T0), viewed(T0 - 1), viewed())
    assert changes(partition.fold(tick(T0 - 1 + WINDOW - 1))) == []
    effects = partition.fold(tick(T0 - 1 + WINDOW))
    assert changes(effects) == [("user:u1", "twice", "left")]
    assert values(effects, "profile-views")[0]["segments"]["twice"]["member"] is False
    assert partition.batches[-1].members["twice"] == 0


def test_only_whom_the_clock_concerns_is_woken() -> None:
    partition = Partition()
    partition.fold(tick(T0), viewed(T0 - 1), viewed(), viewed(alias="user:u2"))
    assert set(partition.fold(tick(T0 + 5 * DAY)).rows) == {CLOCK_KEY}


def test_a_member_leaves_after_a_restart_too() -> None:
    partition = Partition()
    partition.fold(tick(T0), viewed(T0 - 1), viewed())
    again = partition.again()
    assert again.fold(tick(T0 + DAY)) is not None
    assert changes(again.again().fold(tick(T0 + 40 * DAY))) == [("user:u1", "twice", "left")]
    assert again.store.get(MEMBERS_KEY) is not None


def test_whose_leaving_was_put_off_leaves_later() -> None:
    partition = Partition()
    partition.fold(tick(T0), viewed(T0 - 1), viewed())
    partition.fold(tick(T0 + DAY), viewed(T0 + DAY), viewed(T0 + DAY - 1))
    assert changes(partition.fold(tick(T0 + WINDOW))) == []
    assert changes(partition.fold(tick(T0 + DAY - 1 + WINDOW))) == [("user:u1", "twice", "left")]


def test_however_many_events_put_it_off_one_entry_waits_for_a_row() -> None:
    partition = Partition()
    for number in range(200):
        partition.fold(tick(T0 + number), viewed(T0 + number))
    assert len(partition.profiles._due) == 1


@pytest.mark.parametrize("touched", [False, True], ids=["untouched", "after a record"])
def test_members_leave_on_time_after_a_new_version_of_the_same_rules(touched: bool) -> None:
    partition = Partition()
    partition.fold(tick(T0), viewed(T0 - 1), viewed())
    again = partition.again(Policy(2, (TWICE,), ASKS))
    if touched:
        again.fold(viewed(T0 - 2))
    assert changes(again.fold(tick(T0 + 1000))) == []
    assert changes(again.fold(tick(T0 + 2000))) == []
    assert changes(again.fold(tick(T0 - 1 + WINDOW))) == [("user:u1", "twice", "left")]


@pytest.mark.parametrize("touched", [False, True], ids=["untouched", "after a record"])
def test_the_members_of_a_segment_that_is_gone_leave_with_the_first_tick(touched: bool) -> None:
    partition = Partition()
    partition.fold(tick(T0), viewed(T0 - 1), viewed())
    again = partition.again(Policy(2, (Segment("other", TWICE.conditions, every=True),)))
    if touched:
        again.fold(viewed(T0 - 2))
    assert ("user:u1", "twice", "left") in changes(again.fold(tick(T0 + 1000)))
    assert again.batches[-1].members["twice"] == 0


def test_a_row_whose_ground_was_lost_is_looked_at_with_the_next_tick() -> None:
    partition = Partition()
    home = Partition()
    (moved,) = [
        decode_record(send.value or b"")
        for send in sent(
            home.fold(viewed(T0 - 1, "anon:a1"), Link("anon:a1", "user:u1", "l", T0)),
            "user-events",
        )
    ]
    partition.fold(tick(T0), viewed(), moved)
    (detached, _) = [
        decode_record(send.value or b"")
        for send in sent(home.fold(Link("anon:a1", "user:u2", "l", T0 - 1)), "user-events")
    ]
    assert changes(partition.fold(detached)) == []
    assert changes(partition.fold(tick(T0 + 700))) == [("user:u1", "twice", "left")]


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
        (b"user:u1", encode_record(Link("user:u1", "email:ann@example.com", "m", T0))),
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
    effects = partition.profiles.fold([_consumed(viewed(T0 + 1)), broken, _consumed(viewed(T0 + 2))], 0)
    (dead,) = sent(effects, "rejected-events")
    assert (dead.key, dead.value, dead.partition) == (key, value, LANE.partition)
    assert dict(dead.headers)["reason"] == b"bad-record"
    assert values(effects, "profile-views")[0]["counts"]["Report Viewed"]["count"] == 2


# Links.


def test_a_part_and_stragglers_are_sent_to_the_person_in_order() -> None:
    effects = Partition().fold(
        viewed(T0, "anon:a1"), Link("anon:a1", "user:u1", "l1", T0), viewed(T0 + 1, "anon:a1"), viewed(T0, "anon:a1")
    )
    forwards = sent(effects, "user-events")
    assert {(send.partition, send.key) for send in forwards} == {(partition_of("user:u1", PARTITIONS), b"user:u1")}
    records = [decode_record(send.value or b"") for send in forwards]
    assert isinstance(records[0], PartMoved)
    assert records[1:] == [viewed(at, "anon:a1", person="user:u1", passed=1) for at in (T0 + 1, T0)]


def test_what_is_forwarded_says_where_it_comes_from() -> None:
    link = _consumed(Link("anon:a1", "user:u1", "l1", T0))
    (forward,) = sent(Partition().profiles.fold([link], 0), "user-events")
    assert forward.headers == (("source", f"user-events/5/{link.offset}".encode()),)


def test_the_view_of_a_linked_alias_is_a_pointer() -> None:
    effects = Partition().fold(viewed(T0, "anon:a1"), Link("anon:a1", "user:u1", "l1", T0))
    assert values(effects, "profile-views") == [{"person": "anon:a1", "merged_into": "user:u1", "quarantined_links": 0}]


def test_links_are_told_apart_from_those_set_aside() -> None:
    partition = Partition()
    partition.fold(Link("anon:a1", "user:u1", "l1", T0), Link("anon:a1", "user:u2", "l2", T0 + 1))
    assert (partition.batches[0].seen["linked"], partition.batches[0].seen["quarantined"]) == (1, 1)


def test_an_idle_partition_has_nothing_to_say() -> None:
    assert Partition().profiles.idle(T0) is None


def test_a_full_row_takes_nothing_more_in_until_older_events_leave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.processors.profile.ROW_BYTES", 400)
    partition = Partition()
    partition.fold(tick(T0), *(viewed(T0 - number) for number in range(20)))
    effects = partition.fold(viewed(T0 + 1), viewed(T0 + 2, "user:u2"))
    (letter,) = sent(effects, "rejected-events")
    assert dict(letter.headers)["reason"] == b"row-full"
    assert set(effects.rows) == {b"user:u2"}
    partition.fold(tick(T0 + WINDOW))
    assert b"user:u1" in partition.fold(viewed(T0 + WINDOW)).rows


def test_a_restart_knows_the_full_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.processors.profile.ROW_BYTES", 400)
    partition = Partition()
    partition.fold(tick(T0), *(viewed(T0 - number) for number in range(20)))
    assert sent(partition.again().fold(viewed(T0 + 1)), "rejected-events")


def refused(*, restarted: bool = False) -> list[bool]:
    """Fill a row, then bring an event an hour while the oldest leave one by one."""
    partition, found = Partition(), []
    partition.fold(tick(T0), *(viewed(T0 + number * HOUR) for number in range(40)))
    for at in range(T0 + WINDOW, T0 + WINDOW + 40 * HOUR, HOUR):
        partition = partition.again() if restarted else partition
        found.append(bool(sent(partition.fold(tick(at), viewed(at)), "rejected-events")))
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
    effects = partition.fold(viewed(T0 + 2), Forget("user:u1"))
    assert nulls(effects) == [(topic, b"user:u1") for topic in ("profile-views", "contributions", "user-timeline")]
    assert values_of(effects, "profile-views") == []
    assert [key for key, _ in partition.store.items() if not key.startswith(b"@members")] == [gone_key("user:u1")]
    assert changes(effects) == [("user:u1", "twice", "left")]
    assert partition.batches[-1].members["twice"] == 0


def values_of(effects: Effects, topic: str) -> list[bytes]:
    return [one.value for one in sent(effects, topic) if one.value is not None]


def test_a_withdrawal_goes_where_the_trigger_went() -> None:
    partition = Partition()
    (trigger,) = sent(partition.fold(viewed(), viewed(T0 + 1)), "referral-triggers")
    (withdrawn,) = sent(partition.fold(Forget("user:u1")), "referral-triggers")
    assert (withdrawn.partition, withdrawn.key) == (trigger.partition, trigger.key)
    then, now = dict(trigger.headers), dict(withdrawn.headers)
    assert now["ce_type"] == b"touchline.referral.withdrawn.v1"
    assert (now["ce_id"], now["ce_subject"]) == (then["ce_id"], then["ce_subject"])
    assert json.loads(withdrawn.value or b"")["reason"] == "forgotten"


def test_nothing_is_taken_in_afterwards_in_the_same_batch_or_after_a_restart() -> None:
    partition = Partition()
    effects = partition.fold(viewed(), Forget("user:u1"), viewed(T0 + 1))
    assert values_of(effects, "profile-views") == []
    assert partition.batches[-1].seen == {"forgotten": 1, "suppressed": 1}
    again = partition.again()
    assert sent(again.fold(viewed(T0 + 2), tick(T0 + 40 * DAY), Forget("user:u1")), "profile-views") == []
    assert again.batches[-1].seen == {"suppressed": 2}


def test_a_full_row_can_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.processors.profile.ROW_BYTES", 10)
    partition = Partition()
    partition.fold(viewed())
    assert partition.fold(viewed(T0 + 1)).rows == {}
    assert partition.fold(Forget("user:u1")).rows[b"user:u1"] is None


def test_an_address_that_nobody_knew_is_remembered_and_introduced_to_no_company() -> None:
    effects = Partition().fold(Forget("email:ann@acme.com"))
    assert effects.rows[gone_key("email:ann@acme.com")]
    assert [json.loads(one.value or b"")["kind"] for one in sent(effects, "account-events")] == ["forgotten"]
