"""What a lane has read and may not take in yet: in which order it does, and what a restart knows of it."""

from itertools import pairwise
from random import Random

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.processors.holding import Holding
from streams.events import Barrier, Facts, Record, Rejected, UserEvent
from streams.progress import LAST, LEVELS, UNKNOWN, level_of

LAWS = settings(max_examples=200, deadline=None)
MANY = 1_000
VISITOR, ADDRESS, USER = "anon:a1", "email:e1", "user:u1"
ANON = level_of(VISITOR)


def event(received_at: int, alias: str = USER) -> UserEvent:
    return UserEvent(alias, "m", received_at, received_at)


def facts(alias: str = USER) -> Facts:
    """What Salesforce tells has no received time."""
    return Facts("sf:003000000000001AAA", 1, "Contact", 0, person=alias)


class Log:
    """A partition, and a lane that reads it."""

    def __init__(self, *records: Record | Rejected) -> None:
        self.records = list(records)
        self.holding = Holding(None)
        self.read()

    def read(self, *records: Record | Rejected, most: int = MANY) -> "Log":
        """Append records, and read so many of those that are not read yet."""
        self.records += records
        for offset in range(self.holding.read_to, len(self.records))[:most]:
            self.holding.read(self.records[offset], _source(offset))
        return self

    def due(self, *levels: int, most: int = MANY) -> list[tuple[int, int]]:
        """(offset, received time by which it is taken in) of what may be taken in, and is committed, now."""
        found = self.holding.due(levels if len(levels) > 1 else levels * LEVELS, most)
        if found:
            self.holding.pack()
        return [(held.source.offset, held.received_at) for held in found]

    def restart(self) -> "Log":
        """What was committed last is all that is left; the log is read again from the position."""
        position = self.holding.position
        self.holding = Holding(self.holding.pack())
        assert self.holding.read_to == position
        return self


def _source(offset: int) -> ConsumerRecord:
    return ConsumerRecord("user-events", 0, offset, 0, 0, b"k", b"", None, -1, 0, ())


# Order.


def test_records_are_taken_in_by_received_time() -> None:
    assert Log(event(7), event(5), event(6)).due(9) == [(1, 5), (2, 6), (0, 7)]


def test_of_one_received_time_the_order_of_the_log_counts() -> None:
    assert Log(event(5), event(4), event(5, VISITOR), event(5)).due(9) == [(1, 4), (0, 5), (2, 5), (3, 5)]


def test_what_is_received_later_than_its_level_may_go_waits() -> None:
    log = Log(event(5), event(6), event(7))
    assert log.due(6) == [(0, 5), (1, 6)]
    assert len(log.holding) == 1
    assert log.due(6) == []
    assert log.due(7) == [(2, 7)]


def test_each_level_goes_as_far_as_it_may() -> None:
    log = Log(event(5, VISITOR), event(5, ADDRESS), event(5), event(3))
    assert log.due(9, 9, 9, 4, 3) == [(3, 3), (0, 5)]
    assert log.due(9, 9, 9, 5, 4) == [(1, 5)]


def test_what_is_read_later_takes_its_place_among_what_is_held() -> None:
    log = Log(event(5), event(9))
    assert log.due(4) == []
    assert log.read(event(7), event(5)).due(9) == [(0, 5), (3, 5), (2, 7), (1, 9)]


# What has no received time.


def test_what_has_no_received_time_takes_that_of_the_latest_before_it() -> None:
    assert Log(event(7), event(5), facts(), event(9)).due(9) == [(1, 5), (0, 7), (2, 7), (3, 9)]


def test_what_nobody_can_read_waits_for_nothing() -> None:
    bad = Rejected("bad-record", "user-events: no record")
    assert Log(event(7), bad).due(6) == [(1, UNKNOWN)]


def test_where_nothing_was_before_it_comes_first() -> None:
    assert Log(facts(), event(5)).due(5) == [(0, UNKNOWN), (1, 5)]


def test_nothing_is_taken_in_as_of_an_instant_that_the_lane_has_passed() -> None:
    """Time has gone on without traffic, and people have left meanwhile: that is not to be decided again."""
    log = Log(event(5))
    log.due(90)
    assert log.read(facts(), event(95), facts()).due(99) == [(1, 90), (2, 95), (3, 95)]


# Positions.


def test_the_position_stays_before_the_first_that_is_held() -> None:
    log = Log(event(7), event(5), event(9), event(6))
    positions = [log.holding.position]
    for until in (6, 7, 9):
        log.due(until)
        positions.append(log.holding.position)
    assert positions == [0, 0, 2, 4]


def test_a_barrier_is_passed_by() -> None:
    log = Log(event(5), Barrier("web-events/0"))
    assert (len(log.holding), log.holding.read_to) == (1, 2)
    assert log.due(9) == [(0, 5)]
    assert log.holding.position == 2


def test_what_was_taken_in_beyond_the_position_is_not_taken_in_again_after_a_restart() -> None:
    log = Log(event(7), event(5), event(9), event(6))
    assert log.due(6) == [(1, 5), (3, 6)]
    assert log.restart().read().due(9) == [(0, 7), (2, 9)]


def test_nor_after_several() -> None:
    log = Log(event(9), event(5), event(6), event(7))
    for until, offset in ((5, 1), (6, 2), (7, 3), (9, 0)):
        assert log.restart().read().due(until) == [(offset, until)]
    assert log.restart().read().due(9) == []


def test_what_is_behind_the_position_is_not_kept_in_mind() -> None:
    log = Log(*(event(at) for at in range(100)))
    log.due(99)
    assert len(log.holding.pack()) < 60


def test_a_restart_knows_how_far_each_level_was_and_what_was_received_last() -> None:
    log = Log(event(9), facts(), event(5, VISITOR))
    log.due(6, 5, 4, 3, 2)
    assert log.restart().holding.done == (6, 5, 4, 3, 2)
    assert log.read(facts(), most=2).read().due(9) == [(0, 9), (1, 9), (3, 9)]


# How far it is.


def test_a_lane_that_has_heard_nothing_is_nowhere() -> None:
    assert Holding(None).done == (UNKNOWN,) * LEVELS


def test_done_is_what_was_allowed_and_never_goes_back() -> None:
    log = Log()
    log.due(9, 8, 7, 6, 5)
    log.due(3)
    assert log.holding.done == (9, 8, 7, 6, 5)


def test_no_more_than_so_many_are_taken_in_at_once_and_done_says_so() -> None:
    log = Log(*(event(at) for at in (5, 6, 7, 8)))
    assert log.due(9, most=2) == [(0, 5), (1, 6)]
    assert log.holding.done == (9,) * LAST + (6,)
    assert log.due(9, most=2) == [(2, 7), (3, 8)]
    assert log.due(9, most=2) == []
    assert log.holding.done == (9,) * LEVELS


def test_a_received_time_is_never_split() -> None:
    log = Log(event(5), *(event(6) for _ in range(4)), event(7))
    assert [at for _, at in log.due(9, most=2)] == [5, 6, 6, 6, 6]
    assert log.holding.done[LAST] == 6


def test_so_many_are_those_of_each_level() -> None:
    log = Log(*(event(at, alias) for at in (5, 6, 7) for alias in (VISITOR, USER)))
    assert [at for _, at in log.due(9, most=2)] == [5, 5, 6, 6]
    assert (log.holding.done[ANON], log.holding.done[LAST]) == (6, 6)


# Laws.

records = st.lists(
    st.builds(event, st.integers(0, 20), st.sampled_from([VISITOR, ADDRESS, USER])) | st.builds(facts), max_size=25
)


@LAWS
@given(records, st.integers(1, 4), st.integers(0, 1 << 16))
def test_everything_is_taken_in_once_by_received_time_whatever_is_read_when(
    log: list[Record], most: int, seed: int
) -> None:
    """Batches, restarts and limits at random; nothing is read after an instant that a lane was allowed to pass."""
    lane, taken, allowed, random = Log(), list[tuple[int, int]](), UNKNOWN, Random(seed)
    lane.records = list(log)
    while allowed < 21:
        lane.read(most=random.randint(0, 5))
        whole = lane.holding.read_to == len(log)
        unread = [one.received_at for one in log[lane.holding.read_to :] if isinstance(one, UserEvent)]
        allowed = max(allowed, min([allowed + random.randint(0, 4), *(at - 1 for at in unread)]))
        taken += lane.due(allowed, most=most)
        if random.random() < 0.3:
            lane.restart()
        elif not whole:
            lane.read(most=1)
    lane.read()
    while due := lane.due(allowed, most=most):
        taken += due
    assert sorted(offset for offset, _ in taken) == list(range(len(log)))
    of_users = [(offset, at) for offset, at in taken if log[offset] == event(at) or isinstance(log[offset], Facts)]
    assert all(one[1] <= other[1] for one, other in pairwise(of_users))
    timed = [(at, offset) for offset, at in taken if log[offset] == event(at)]
    assert timed == sorted(timed)


@pytest.mark.parametrize("alias", [VISITOR, ADDRESS, USER])
def test_the_rows_that_a_record_is_for_say_on_which_level_it_waits(alias: str) -> None:
    levels = [4] * LEVELS
    levels[level_of(alias)] = 5
    assert Log(event(5, alias)).due(*levels) == [(0, 5)]
    assert Log(facts(alias), event(5, alias)).due(*levels) == [(0, UNKNOWN), (1, 5)]
