"""The clock of a partition: the least of the latest ticks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clock import PartitionClock

T0 = 1_760_000_000_000
SOURCES = frozenset({"web-events/0", "web-events/1"})


def clock(**ticks: int) -> PartitionClock:
    """A clock after ticks of `first` (web-events/0) and `second` (web-events/1)."""
    fresh = PartitionClock.unpack(None, SOURCES)
    for name, at in ticks.items():
        fresh.tick({"first": "web-events/0", "second": "web-events/1"}[name], at)
    return fresh


def test_there_is_no_time_until_every_source_has_ticked() -> None:
    assert clock().now is None
    assert clock(first=T0).now is None
    assert clock(first=T0, second=T0 + 5).now == T0


def test_the_slowest_source_holds_the_clock() -> None:
    ticking = clock(first=T0, second=T0)
    assert not ticking.tick("web-events/0", T0 + 1000)
    assert ticking.now == T0
    assert ticking.tick("web-events/1", T0 + 400)
    assert ticking.now == T0 + 400


def test_an_older_tick_and_a_repeated_one_change_nothing() -> None:
    ticking = clock(first=T0, second=T0)
    assert not ticking.tick("web-events/0", T0)
    assert not ticking.tick("web-events/0", T0 - 1)
    assert ticking.now == T0


def test_a_tick_of_an_unknown_source_changes_nothing() -> None:
    ticking = clock(first=T0, second=T0)
    assert not ticking.tick("web-events/7", T0 + 1000)
    assert ticking.now == T0


def test_the_beginning_of_1970_is_a_time_too() -> None:
    assert clock(first=0, second=0).now == 0


def test_a_clock_goes_on_after_a_restart() -> None:
    again = PartitionClock.unpack(clock(first=T0, second=T0 + 5).pack(), SOURCES)
    assert again.now == T0
    again.tick("web-events/0", T0 + 9)
    assert again.now == T0 + 5


def test_what_one_source_said_before_the_others_outlives_a_restart() -> None:
    again = PartitionClock.unpack(clock(first=T0).pack(), SOURCES)
    assert again.now is None
    again.tick("web-events/1", T0 + 1)
    assert again.now == T0


def test_a_source_that_is_gone_is_forgotten() -> None:
    packed = clock(first=T0, second=T0 + 5).pack()
    assert PartitionClock.unpack(packed, frozenset({"web-events/1"})).now == T0 + 5


def test_a_new_source_is_waited_for() -> None:
    packed = clock(first=T0, second=T0).pack()
    assert PartitionClock.unpack(packed, SOURCES | {"web-events/2"}).now is None


def test_without_sources_there_is_no_time() -> None:
    assert PartitionClock.unpack(None, frozenset()).now is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(SOURCES)), st.integers(0, 9))))
def test_the_clock_is_the_least_of_the_latest_ticks_and_tells_when_it_moves(ticks: list[tuple[str, int]]) -> None:
    ticking, said = PartitionClock.unpack(None, SOURCES), dict.fromkeys(SOURCES, -1)
    for source, at in ticks:
        before = ticking.now
        said[source] = max(said[source], at)
        moved = ticking.tick(source, at)
        assert ticking.now == (min(said.values()) if min(said.values()) >= 0 else None)
        assert moved == (ticking.now != before)
