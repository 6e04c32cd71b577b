"""One partition of a source topic: what a batch of messages comes to."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import pytest
from aiokafka.structs import ConsumerRecord
from msgspec import Raw

from agents.partitions import partition_of
from agents.processors.ingest import BEHIND_MS, QUIET_TICKS, TICK_KEY, Ingest
from agents.runtime.contract import Effects, Ends, Lane
from agents.runtime.exchange import Exchange
from agents.runtime.stores import MemoryStore
from streams.account.messages import CompanyKnown, decode_message
from streams.events import Forget, Link, Record, Split, UserEvent, decode_record
from streams.instants import iso
from streams.policy import Policy
from streams.progress import LEVELS, UNKNOWN, Board, Progress, Said, Sent, level_of
from streams.topics import COMMAND_HEADER, TIME_MARK_HEADER

T0 = 1_760_000_000_000
LANE = Lane("web-events", 3)
PARTITIONS = 8
GRACE_MS, TICK_MS, MOST_AHEAD = 100, 50, 10
OTHER = "web-events/0"
"""Another source partition; the clock is the lesser of the two ticks."""
offsets: Iterator[int] = count(100)


def message(value: bytes | None, at: int = T0, headers: tuple[tuple[str, bytes | None], ...] = ()) -> ConsumerRecord:
    return ConsumerRecord(*LANE, next(offsets), at, 0, b"k", value, None, -1, len(value or b""), headers)


def track(at: int = T0, **fields: Any) -> ConsumerRecord:
    event = {"type": "track", "event": "Report Viewed", "userId": "u1", "messageId": "m1"} | fields
    return message(json.dumps(event).encode(), at)


def mark(at: int | bytes | None) -> ConsumerRecord:
    """A time mark of a replay."""
    return message(None, T0, ((TIME_MARK_HEADER, str(at).encode() if isinstance(at, int) else at),))


class Partition:
    """An `Ingest` and its store; what a batch comes to is committed at once."""

    def __init__(
        self, *, log_clock: bool = False, store: MemoryStore | None = None, exchange: Exchange | None = None
    ) -> None:
        self.store = store or MemoryStore()
        self.exchange = exchange or Exchange(Board((str(LANE), OTHER), "user-events", PARTITIONS))
        self.rejected: Counter[str] = Counter()
        self.elsewhen = 0
        self.ends: Ends = Counter()
        self.ingest = Ingest(
            LANE,
            self.store,
            Policy(1),
            exchange=self.exchange,
            partitions=PARTITIONS,
            log_clock=log_clock,
            tick_ms=TICK_MS,
            grace_ms=GRACE_MS,
            most_ahead=MOST_AHEAD,
            observed=self._observed,
        )

    def _observed(self, rejected: "Counter[str]", elsewhen: int) -> None:
        self.rejected.update(rejected)
        self.elsewhen += elsewhen

    def fold(self, *records: ConsumerRecord, at: int = T0, more_waits: bool = False) -> Effects:
        """Read a batch at wall time `at`: all that there is, or up to its last record."""
        effects = self.ingest.fold(records, records[-1].timestamp if more_waits and records else at, at)
        self.store.write(effects.rows, 0)
        for to, messages in effects.sends.items():
            self.ends[to] += len(messages)
        assert effects.committed is not None
        effects.committed({to: self.ends[to] for to in effects.sends})
        return effects

    def idle(self, at: int) -> None:
        assert self.ingest.idle(at) is None, "no transaction"

    def restarted(self, *, elsewhere: bool = False, log_clock: bool = False) -> "Partition":
        """The same partition at a new owner, in this process or in another one."""
        return Partition(store=self.store, exchange=None if elsewhere else self.exchange, log_clock=log_clock)

    @property
    def tick(self) -> int:
        """As others know it."""
        return self.exchange.board.tick(str(LANE))

    def others_tick(self, at: int) -> None:
        self.exchange.hear(Progress(OTHER, (at,)))

    def hear_what_was_sent(self) -> None:
        """Kafka has what this worker says: all workers hear it, this one too."""
        for said in self.exchange.unsent.values():
            self.exchange.hear(said)

    def told(self) -> list[Said]:
        """What other workers have to hear, in order."""
        return list(self.exchange.unsent.values())


class Message(NamedTuple):
    """One message of a batch."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def sent(effects: Effects, topic: str = "user-events") -> list[Message]:
    return [
        Message(partition, *message)
        for (name, partition), messages in effects.sends.items()
        if name == topic
        for message in messages
    ]


def records(effects: Effects) -> list[Record]:
    return [decode_record(send.value or b"") for send in sent(effects)]


def received(effects: Effects) -> list[int]:
    return [record.received_at for record in records(effects) if isinstance(record, UserEvent)]


# Events.


def test_an_event_goes_to_the_partition_of_its_alias_with_its_coordinates() -> None:
    record = track()
    (send,) = sent(Partition().fold(record))
    assert send.key == b"user:u1"
    assert send.partition == partition_of("user:u1", PARTITIONS)
    assert send.headers == (("source", f"web-events/3/{record.offset}".encode()),)
    event = decode_record(send.value or b"")
    assert isinstance(event, UserEvent)
    assert (event.alias, event.name, event.at, event.message_id) == ("user:u1", "Report Viewed", T0, "m1")


def test_an_identify_with_both_ids_makes_an_event_and_a_link_each_to_its_own_alias() -> None:
    identify = track(type="identify", anonymousId="a1")
    keyed = [send.key for send in sent(Partition().fold(identify))]
    assert keyed == [b"user:u1", b"anon:a1"]


def test_events_keep_their_order() -> None:
    effects = Partition().fold(*(track(messageId=f"m{number}") for number in range(5)))
    assert [getattr(record, "message_id", None) for record in records(effects)] == [f"m{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, b"empty"), (b"{", b"not-json"), (b"\xff", b"not-utf8"), (b'{"type":"track","event":"A"}', b"no-id")],
)
def test_what_cannot_be_used_is_kept_with_its_reason_and_its_coordinates(value: bytes | None, reason: bytes) -> None:
    partition, record = Partition(), message(value)
    effects = partition.fold(track(), record, track(messageId="m2"))
    (dead,) = sent(effects, "rejected-events")
    assert (dead.key, dead.value, dead.partition) == (b"k", value, LANE.partition)
    headers = dict(dead.headers)
    assert headers["reason"] == reason
    assert headers["detail"]
    assert [headers["topic"], headers["partition"], headers["offset"]] == [
        b"web-events",
        b"3",
        str(record.offset).encode(),
    ]
    assert len(records(effects)) == 2
    assert partition.rejected == {reason.decode(): 1}


def test_rejections_are_counted_when_they_are_committed_not_before() -> None:
    partition = Partition()
    effects = partition.ingest.fold([message(b"{")], T0, T0)
    assert partition.rejected == {}
    assert effects.committed is not None
    effects.committed({})
    assert partition.rejected == {"not-json": 1}


# Received times.


def at(received_at: int, **fields: Any) -> ConsumerRecord:
    """An event that says when it was received; Kafka had it then too."""
    return track(received_at, receivedAt=iso(received_at), timestamp=iso(received_at), **fields)


def test_an_event_is_received_when_it_says() -> None:
    partition = Partition()
    assert received(partition.fold(at(T0 - 70), at(T0), at(T0 - 90))) == [T0 - 70, T0, T0 - 90]
    assert partition.elsewhen == 0


def test_what_the_clock_has_passed_is_received_in_the_first_millisecond_that_it_has_not() -> None:
    partition = Partition()
    partition.idle(T0)
    assert received(partition.fold(at(T0 - GRACE_MS), at(T0 - GRACE_MS + 1), at(T0 - 5000))) == [T0 - GRACE_MS + 1] * 3
    assert partition.elsewhen == 2


def test_what_lies_ahead_of_wall_time_is_received_now_and_did_not_happen_later() -> None:
    partition = Partition()
    (event,) = records(partition.fold(track(T0, receivedAt=iso(T0 + 900), timestamp=iso(T0 + 900)), at=T0 + 100))
    assert isinstance(event, UserEvent)
    assert (event.received_at, event.at) == (T0 + 100, T0 + 100)
    assert partition.elsewhen == 1


def test_what_happened_before_it_was_received_keeps_its_instant() -> None:
    partition = Partition()
    partition.idle(T0)
    (event,) = records(partition.fold(track(T0, receivedAt=iso(T0 - 900), timestamp=iso(T0 - 2000))))
    assert isinstance(event, UserEvent)
    assert (event.received_at, event.at) == (T0 - GRACE_MS + 1, T0 - 2000)


def test_all_that_one_event_makes_is_received_at_once_and_counted_once() -> None:
    partition = Partition()
    partition.idle(T0)
    found = records(partition.fold(at(T0 - 900, type="identify", anonymousId="a1", traits={"email": "a@example.com"})))
    assert [type(one) for one in found] == [UserEvent, Link, Link]
    assert {getattr(one, "received_at", None) for one in found} == {T0 - GRACE_MS + 1}
    assert partition.elsewhen == 1


def test_a_command_that_the_clock_has_passed_is_received_after_it_and_counts_from_when_it_was_given() -> None:
    partition = Partition()
    partition.idle(T0 + 5000)
    (split,) = records(partition.fold(command(b"split", b'{"alias":"anon:a1","id":"c1"}'), at=T0 + 5000))
    assert split == Split("anon:a1", True, "c1", T0, T0 + 5000 - GRACE_MS + 1)


# The wall clock.


def test_the_tick_follows_wall_time_at_a_distance() -> None:
    partition = Partition()
    partition.fold(track())
    assert partition.tick == T0 - GRACE_MS
    partition.idle(T0 + 60)
    assert partition.tick == T0 - GRACE_MS, "without a transaction it counts when Kafka has it"
    partition.hear_what_was_sent()
    assert partition.tick == T0 + 60 - GRACE_MS


def test_where_more_waits_it_follows_the_last_record_read() -> None:
    partition = Partition()
    partition.fold(track(T0 - 9000), track(T0 - 5000), more_waits=True)
    assert partition.tick == T0 - 5000 - BEHIND_MS


def test_a_batch_is_received_before_its_tick() -> None:
    partition = Partition()
    assert received(partition.fold(at(T0 - 5000))) == [T0 - 5000]
    assert partition.tick == T0 - GRACE_MS


def test_it_ticks_without_traffic_as_soon_as_somebody_waits_and_seldom_else() -> None:
    partition = Partition()
    partition.fold(at(T0 - GRACE_MS))
    partition.others_tick(T0 + 10_000)
    assert not partition.ingest.wants_time(T0 + TICK_MS)
    assert partition.ingest.wants_time(T0 + QUIET_TICKS * TICK_MS)
    partition.exchange.hear(Sent(OTHER, T0, {}, [0] * PARTITIONS))
    assert not partition.ingest.wants_time(T0 + TICK_MS - 1)
    assert partition.ingest.wants_time(T0 + TICK_MS)


def test_ticks_never_go_back() -> None:
    partition = Partition()
    partition.idle(T0)
    partition.idle(T0 - 60_000)
    partition.fold(track(T0 - 60_000), at=T0 - 60_000)
    assert partition.tick == T0 - GRACE_MS


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_restart_goes_on_from_the_last_tick_of_a_transaction(elsewhere: bool) -> None:
    partition = Partition()
    partition.fold(track())
    assert partition.store.get(TICK_KEY + b"web-events/3") == (T0 - GRACE_MS).to_bytes(8, "big")
    assert received(partition.restarted(elsewhere=elsewhere).fold(at(T0 - 9000))) == [T0 - GRACE_MS + 1]


def test_or_from_a_later_one_of_which_the_others_have_heard() -> None:
    partition = Partition()
    partition.fold(track())
    partition.idle(T0 + 9000)
    partition.hear_what_was_sent()
    assert received(partition.restarted().fold(at(T0), at=T0 + 9000)) == [T0 + 9000 - GRACE_MS + 1]


def test_on_the_wall_clock_a_mark_is_a_message_like_any_other() -> None:
    effects = Partition().fold(mark(T0 + 99_000))
    assert [dict(send.headers)["reason"] for send in sent(effects, "rejected-events")] == [b"empty"]


# The log's clock.


def test_a_mark_is_a_tick_where_it_stands() -> None:
    partition = Partition(log_clock=True)
    effects = partition.fold(at(T0), mark(T0 + 7), at(T0 + 7), at(T0 + 8))
    assert received(effects) == [T0, T0 + 8, T0 + 8]
    assert (partition.tick, partition.elsewhen) == (T0 + 7, 1)
    assert sent(effects, "rejected-events") == []


def test_a_mark_that_goes_back_is_passed_over() -> None:
    partition = Partition(log_clock=True)
    partition.fold(mark(T0), mark(T0 + 1), mark(T0 - 5))
    assert partition.tick == T0 + 1


def test_on_the_log_clock_wall_time_says_nothing() -> None:
    partition = Partition(log_clock=True)
    assert received(partition.fold(at(T0 + 60_000), at=T0)) == [T0 + 60_000], "years of history, or of a plan"
    partition.idle(T0 + 60_000)
    assert not partition.ingest.wants_time(T0 + 10**9)
    assert partition.tick <= 0


@pytest.mark.parametrize("value", [b"soon", b"", b"-5", b"1" * 30, None])
def test_a_mark_that_tells_no_time_is_rejected_like_any_bad_message(value: bytes | None) -> None:
    effects = Partition(log_clock=True).fold(mark(value), track())
    assert [dict(send.headers)["reason"] for send in sent(effects, "rejected-events")] == [b"empty"]
    assert len(records(effects)) == 1


# What others hear.


def test_what_was_sent_is_told_before_the_tick_that_says_that_it_was_all() -> None:
    partition = Partition()
    partition.fold(track(), track(userId=None, anonymousId="a1"))
    said, ticked = partition.told()
    assert isinstance(said, Sent)
    assert (said.lane, said.newest) == (str(LANE), T0)
    assert {level: max(column) for level, column in said.below.items()} == {level_of("anon:a1"): T0}
    assert sorted(said.ends) == [0] * (PARTITIONS - 2) + [1, 1]
    assert ticked == Progress(str(LANE), (T0 - GRACE_MS,))


def test_nothing_is_told_before_the_commit() -> None:
    partition = Partition()
    partition.ingest.fold([track()], T0, T0)
    assert (partition.told(), partition.tick) == ([], UNKNOWN)


def test_who_sends_nothing_only_ticks() -> None:
    partition = Partition()
    partition.fold(message(b"{"))
    assert partition.told() == [Progress(str(LANE), (T0 - GRACE_MS,))]


def test_a_new_owner_says_again_what_the_former_one_may_have_said_no_more() -> None:
    partition = Partition()
    partition.fold(track(userId=None, anonymousId="a1"))
    again = partition.restarted(elsewhere=True)
    assert again.ingest.has_sent()
    again.ingest.opened(dict.fromkeys(range(PARTITIONS), 7))
    before, now = partition.told(), again.told()
    assert isinstance(before[0], Sent)
    assert isinstance(now[0], Sent)
    assert (now[0].below, now[0].newest, now[0].ends) == (before[0].below, before[0].newest, [7] * PARTITIONS)
    assert now[1] == before[1]


def test_a_lane_that_never_did_anything_has_nothing_to_say_when_it_opens() -> None:
    partition = Partition()
    assert not partition.ingest.has_sent()
    partition.ingest.opened({})
    assert partition.told() == []


def test_a_lane_well_ahead_waits_for_the_slowest_source_and_for_people() -> None:
    partition = Partition()
    for number in range(1 + MOST_AHEAD):
        assert partition.ingest.may_fold()
        partition.fold(track(T0 + number), at=T0 + number)
    assert not partition.ingest.may_fold()
    partition.others_tick(T0 - GRACE_MS)
    assert not partition.ingest.may_fold(), "lanes of people hold it all"
    for number in range(PARTITIONS):
        assert not partition.ingest.may_fold()
        partition.exchange.hear(Progress(f"user-events/{number}", (T0 - GRACE_MS,) * LEVELS))
    assert partition.ingest.may_fold()


def test_before_it_has_to_wait_it_says_up_to_when_it_wants_people_to_be_done() -> None:
    partition = Partition()
    wanted = []
    for number in range(MOST_AHEAD):
        partition.fold(track(T0 + number), at=T0 + number)
        wanted.append(partition.exchange.board.wanted)
    half = MOST_AHEAD // 2
    assert wanted == [UNKNOWN] * half + [T0 - GRACE_MS + number for number in range(MOST_AHEAD - half)]


# Commands.


def command(name: bytes | None, value: bytes) -> ConsumerRecord:
    return message(value, T0, ((COMMAND_HEADER, name),))


def test_a_command_goes_to_the_home_row_of_its_alias() -> None:
    (one,) = sent(Partition().fold(command(b"split", b'{"alias":"anon:a1","id":"c1"}')))
    assert (one.key, decode_record(one.value or b"")) == (b"anon:a1", Split("anon:a1", True, "c1", T0, T0))


def test_a_word_to_forget_goes_to_the_home_row_of_its_alias() -> None:
    (one,) = sent(Partition().fold(command(b"forget", b'{"alias":"user:u1","id":"c1"}')))
    assert (one.key, decode_record(one.value or b"")) == (b"user:u1", Forget("user:u1", received_at=T0))


def test_a_company_goes_to_the_row_of_its_domain() -> None:
    effects = Partition().fold(command(b"company", b'{"domain":"www.Acme.com","name":"Acme","employees":400}'))
    (one,) = sent(effects, "account-events")
    assert one.key == b"domain:acme.com"
    assert decode_message(one.value or b"") == CompanyKnown("acme.com", Raw(b'{"name":"Acme","employees":400}'))
    assert dict(one.headers)["source"].startswith(b"web-events/")


@pytest.mark.parametrize("name", [b"erase", b"", b"\xff"])
def test_an_unknown_command_is_kept_as_a_dead_letter(name: bytes) -> None:
    partition = Partition()
    partition.fold(command(name, b'{"alias":"anon:a1","id":"c1"}'))
    assert partition.rejected == {"bad-command": 1}
