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
from agents.processors.ingest import GRACE_MS, TICK_KEY, Ingest
from agents.runtime.contract import Effects, Lane
from agents.runtime.stores import MemoryStore
from streams.account.messages import CompanyKnown, decode_message
from streams.events import Forget, Record, Split, Tick, UserEvent, decode_record
from streams.policy import Policy
from streams.topics import COMMAND_HEADER, TIME_MARK_HEADER

T0 = 1_760_000_000_000
LANE = Lane("web-events", 3)
PARTITIONS = 8
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

    def __init__(self, *, log_clock: bool = False, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.rejected: Counter[str] = Counter()
        self.ingest = Ingest(
            LANE,
            self.store,
            Policy(1),
            partitions=PARTITIONS,
            log_clock=log_clock,
            tick_ms=1000,
            observed=self.rejected.update,
        )

    def fold(self, *records: ConsumerRecord, told_until: int = 0) -> Effects:
        return self._committed(self.ingest.fold(records, told_until))

    def idle(self, at: int) -> Effects:
        return self._committed(self.ingest.idle(at) or Effects())

    def _committed(self, effects: Effects) -> Effects:
        self.store.write(effects.rows, 0)
        if effects.committed is not None:
            effects.committed()
        return effects


class Sent(NamedTuple):
    """One message of a batch."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def sent(effects: Effects, topic: str = "user-events") -> list[Sent]:
    return [
        Sent(partition, *message)
        for (name, partition), messages in effects.sends.items()
        if name == topic
        for message in messages
    ]


def records(effects: Effects) -> list[Record]:
    return [decode_record(send.value or b"") for send in sent(effects)]


def ticks(effects: Effects) -> list[tuple[int, int]]:
    """(partition, instant) of each tick."""
    found = [(send.partition, decode_record(send.value or b"")) for send in sent(effects)]
    return [(partition, record.at) for partition, record in found if isinstance(record, Tick)]


# Events.


def test_an_event_goes_to_the_partition_of_its_alias_with_its_coordinates() -> None:
    record = track()
    (send,) = [one for one in sent(Partition().fold(record, told_until=0)) if one.key is not None]
    assert send.key == b"user:u1"
    assert send.partition == partition_of("user:u1", PARTITIONS)
    assert send.headers == (("source", f"web-events/3/{record.offset}".encode()),)
    event = decode_record(send.value or b"")
    assert isinstance(event, UserEvent)
    assert (event.alias, event.name, event.at, event.message_id) == ("user:u1", "Report Viewed", T0, "m1")


def test_an_identify_with_both_ids_makes_an_event_and_a_link_each_to_its_own_alias() -> None:
    identify = track(type="identify", anonymousId="a1")
    keyed = [send.key for send in sent(Partition().fold(identify, told_until=0))]
    assert keyed == [b"user:u1", b"anon:a1"]


def test_events_keep_their_order() -> None:
    effects = Partition().fold(*(track(messageId=f"m{number}") for number in range(5)), told_until=0)
    assert [getattr(record, "message_id", None) for record in records(effects)] == [f"m{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, b"empty"), (b"{", b"not-json"), (b"\xff", b"not-utf8"), (b'{"type":"track","event":"A"}', b"no-id")],
)
def test_what_cannot_be_used_is_kept_with_its_reason_and_its_coordinates(value: bytes | None, reason: bytes) -> None:
    partition, record = Partition(), message(value)
    effects = partition.fold(track(), record, track(messageId="m2"), told_until=0)
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
    effects = partition.ingest.fold([message(b"{")], 0)
    assert partition.rejected == {}
    assert effects.committed is not None
    effects.committed()
    assert partition.rejected == {"not-json": 1}


# The wall clock.


def test_a_tick_goes_to_every_partition_of_user_events() -> None:
    effects = Partition().idle(T0)
    assert ticks(effects) == [(partition, T0 - GRACE_MS) for partition in range(PARTITIONS)]
    assert {send.key for send in sent(effects)} == {None}
    assert {record.source for record in records(effects) if isinstance(record, Tick)} == {"web-events/3"}


def test_ticks_come_after_the_events_of_their_batch() -> None:
    kinds = [type(record) for record in records(Partition().fold(track(), told_until=T0 + 900))]
    assert kinds == [UserEvent, *[Tick] * PARTITIONS]


def test_no_more_than_one_tick_comes_in_a_tick_interval() -> None:
    partition = Partition()
    partition.idle(T0)
    assert ticks(partition.idle(T0 + 999)) == []
    assert ticks(partition.idle(T0 + 1000))[0] == (0, T0 + 1000 - GRACE_MS)


def test_ticks_never_go_back() -> None:
    partition = Partition()
    partition.idle(T0)
    assert ticks(partition.idle(T0 - 60_000)) == []
    assert ticks(partition.fold(track(T0 - 60_000), told_until=T0 - 60_000)) == []


def test_a_restart_goes_on_from_the_last_tick() -> None:
    store = MemoryStore()
    Partition(store=store).idle(T0)
    assert store.get(TICK_KEY + b"web-events/3") == (T0 - GRACE_MS).to_bytes(8, "big")
    assert ticks(Partition(store=store).idle(T0 + 999)) == []


def test_an_idle_partition_with_nothing_to_tell_makes_no_transaction() -> None:
    partition = Partition()
    partition.idle(T0)
    assert partition.ingest.idle(T0 + 10) is None


def test_on_the_wall_clock_a_mark_is_a_message_like_any_other() -> None:
    effects = Partition().fold(mark(T0 + 99_000), told_until=0)
    assert [dict(send.headers)["reason"] for send in sent(effects, "rejected-events")] == [b"empty"]


# The log's clock.


def test_a_mark_becomes_a_tick_where_it_stands() -> None:
    effects = Partition(log_clock=True).fold(track(), mark(T0 + 7), track(messageId="m2"))
    there = partition_of("user:u1", PARTITIONS)
    kinds = [type(decode_record(one.value or b"")) for one in sent(effects) if one.partition == there]
    assert kinds == [UserEvent, Tick, UserEvent]
    assert ticks(effects)[0] == (0, T0 + 7)
    assert sent(effects, "rejected-events") == []


def test_every_mark_is_a_tick_but_one_that_goes_back() -> None:
    effects = Partition(log_clock=True).fold(mark(T0), mark(T0 + 1), mark(T0 + 1), mark(T0 - 5))
    assert [at for partition, at in ticks(effects) if partition == 0] == [T0, T0 + 1]


def test_on_the_log_clock_no_wall_clock_ticks() -> None:
    partition = Partition(log_clock=True)
    assert ticks(partition.fold(track(), told_until=T0 + 60_000)) == []
    assert partition.ingest.idle(T0 + 60_000) is None


@pytest.mark.parametrize("value", [b"soon", b"", b"-5", b"1" * 30, None])
def test_a_mark_that_tells_no_time_is_rejected_like_any_bad_message(value: bytes | None) -> None:
    effects = Partition(log_clock=True).fold(mark(value), track())
    assert [dict(send.headers)["reason"] for send in sent(effects, "rejected-events")] == [b"empty"]
    assert len(records(effects)) == 1


def command(name: bytes | None, value: bytes) -> ConsumerRecord:
    return message(value, T0, ((COMMAND_HEADER, name),))


def test_a_command_goes_to_the_home_row_of_its_alias() -> None:
    effects = Partition().fold(command(b"split", b'{"alias":"anon:a1","id":"c1"}'))
    (one,) = [record for record in sent(effects, "user-events") if record.key is not None]
    assert (one.key, decode_record(one.value)) == (b"anon:a1", Split("anon:a1", True, "c1", T0))


def test_a_word_to_forget_goes_to_the_home_row_of_its_alias() -> None:
    effects = Partition().fold(command(b"forget", b'{"alias":"user:u1","id":"c1"}'))
    (one,) = [record for record in sent(effects, "user-events") if record.key is not None]
    assert (one.key, decode_record(one.value)) == (b"user:u1", Forget("user:u1"))


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
