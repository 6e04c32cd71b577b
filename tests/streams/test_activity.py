"""What one alias did: stored events, counts to the millisecond, hours beyond, first touch, traits."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.msgpack import encode

from streams.activity import (
    HOUR_BYTES,
    HOUR_MS,
    STORED,
    STORED_AT_MOST,
    THINNED,
    Known,
    Part,
    Series,
    Touch,
    latest_known,
)
from streams.events import Source
from streams.identifiers import order_key
from streams.instants import DAY_MS

T0 = 1_760_000_000_000
WINDOW = 30 * DAY_MS
DIRECT = Source("Direct", "Direct")
EMAIL = Source("Email", "Email", campaign="spring")


def key(number: int) -> bytes:
    return order_key(f"m{number:06}")


def series(*instants: int) -> Series:
    """Events in order of arrival; the order key is that of the place in it."""
    stored = Series()
    for number, at in enumerate(instants):
        stored.add(at, key(number), 0)
    return stored


def part(*instants: int, name: str = "A") -> Part:
    stored = Part("user:u1")
    for number, at in enumerate(instants):
        stored.add(name, at, key(number), None, visit=False)
    return stored


# Series.


def test_a_new_series_is_empty() -> None:
    assert (len(Series()), list(Series().instants()), Series().count(0, T0)) == (0, [], 0)


def test_events_are_kept_in_order_of_their_instants_whatever_the_order_of_arrival() -> None:
    assert list(series(T0 + 2, T0, T0 + 1).instants()) == [T0, T0 + 1, T0 + 2]


def test_events_of_one_millisecond_are_ordered_by_their_keys() -> None:
    stored = Series()
    for number in (2, 0, 3, 1):
        stored.add(T0, key(number), number)
    assert [stored.key(index) for index in range(4)] == [key(number) for number in range(4)]
    assert list(stored.visits()) == [0, 1, 2, 3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(T0, T0 + 5), st.integers(0, 99)), unique_by=lambda one: one[1]), st.randoms())
def test_the_three_columns_are_sorted_together(events: list[tuple[int, int]], random: Random) -> None:
    stored = Series()
    for at, number in random.sample(events, len(events)):
        stored.add(at, key(number), number)
    rows = [(stored.instants()[index], stored.key(index), stored.visits()[index]) for index in range(len(stored))]
    assert rows == sorted((at, key(number), number) for at, number in events)


def test_an_event_is_found_by_its_key() -> None:
    stored = series(T0 + 2, T0, T0 + 1)
    assert [stored.find(key(number)) for number in range(3)] == [2, 0, 1]
    assert stored.find(key(9)) == -1


def test_bytes_that_straddle_two_keys_are_no_key() -> None:
    first, second = bytes(range(16)), bytes(range(16, 32))
    stored = Series()
    stored.add(T0, first, 0)
    stored.add(T0 + 1, second, 0)
    straddling = (first + second)[5:21]
    assert stored.find(straddling) == -1
    stored.add(T0 + 2, straddling, 0)
    assert stored.find(straddling) == 2


@pytest.mark.parametrize(("at", "counts"), [(-WINDOW, 0), (-WINDOW + 1, 1), (-1, 1), (0, 1), (1, 0)])
def test_a_window_is_open_at_its_beginning_and_closed_at_its_end(at: int, counts: int) -> None:
    assert series(T0 + at).count(T0 - WINDOW, T0) == counts


def test_what_is_at_the_boundary_is_dropped_and_a_millisecond_later_is_kept() -> None:
    stored = series(T0 - 1, T0, T0 + 1)
    stored.expire(T0)
    assert list(stored.instants()) == [T0 + 1]


# Beyond what is kept one by one.


def long_series(number: int, step: int) -> Series:
    """So many events, `step` ms apart, the last one at T0."""
    stored = Series()
    for index in range(number):
        stored.add(T0 - (number - 1 - index) * step, key(index), 0)
        if surplus := stored.surplus():
            stored.thin(surplus)
    return stored


def test_up_to_1024_events_are_kept_one_by_one_however_old() -> None:
    stored = long_series(STORED, HOUR_MS)
    assert (len(stored), stored.hours) == (STORED, {})


def test_beyond_these_256_at_once_become_counts_of_their_hours() -> None:
    assert len(long_series(STORED + THINNED - 1, HOUR_MS)) == STORED + THINNED - 1
    stored = long_series(STORED + THINNED, HOUR_MS)
    oldest = (T0 - (STORED + THINNED - 1) * HOUR_MS) // HOUR_MS
    assert (len(stored), stored.hours) == (STORED, {oldest + hour: 1 for hour in range(THINNED)})
    assert stored.find(key(THINNED - 1)) == -1


def test_within_a_day_more_are_kept_one_by_one() -> None:
    stored = long_series(STORED + 500, 10)
    assert (len(stored), stored.hours) == (STORED + 500, {})


def test_of_a_burst_only_what_is_a_day_old_moves() -> None:
    for newest, surplus in ((DAY_MS - 1, 0), (DAY_MS, THINNED), (DAY_MS + 10, THINNED + 1)):
        burst = long_series(STORED + 500, 10)
        last = burst.instants()[THINNED - 1]
        burst.add(last + newest, key(5000), 0)
        assert burst.surplus() == surplus


def test_however_old_they_are_1024_stay_one_by_one() -> None:
    burst = long_series(STORED + THINNED - 1, 10)
    burst.add(T0 + 3 * DAY_MS, key(5000), 0)
    assert burst.surplus() == THINNED


def test_a_burst_has_an_end_too() -> None:
    stored = long_series(STORED_AT_MOST + 3, 1)
    assert len(stored) == STORED_AT_MOST + 3 - THINNED
    assert sum(stored.hours.values()) == THINNED
    assert stored.count(T0 - WINDOW, T0) == STORED_AT_MOST + 3


def test_an_hour_counts_until_its_end_has_left_the_window() -> None:
    hour = T0 // HOUR_MS
    stored = Series(hours={hour: 5})
    end = (hour + 1) * HOUR_MS
    assert stored.count(end - 1, end + WINDOW) == 5
    assert stored.count(end, end + WINDOW) == 0
    assert (stored.is_rough(end - 1), stored.is_rough(end)) == (True, False)


def test_an_hour_is_dropped_once_its_end_is_at_the_boundary() -> None:
    hour = T0 // HOUR_MS
    end = (hour + 1) * HOUR_MS
    stored = Series(hours={hour: 5})
    stored.expire(end - 1)
    assert stored.hours == {hour: 5}
    stored.expire(end)
    assert stored.hours == {}


def test_stored_bytes_tell_what_expiring_frees() -> None:
    stored = long_series(STORED + 2 * THINNED, HOUR_MS)
    hours = len(stored.hours)
    told, packed = stored.stored_bytes(), len(encode(stored))
    stored.expire(T0 - (STORED - 100) * HOUR_MS)
    freed, of_hours = packed - len(encode(stored)), hours * HOUR_BYTES
    assert told - stored.stored_bytes() == 100 * 26 + of_hours
    assert stored.hours == {}
    assert freed == pytest.approx(100 * 26 + of_hours, abs=8)


def test_an_event_older_than_all_that_is_stored_joins_the_hours_where_there_are_some() -> None:
    stored = long_series(STORED + THINNED, HOUR_MS)
    assert not stored.add(T0 - (STORED + THINNED) * HOUR_MS, key(7000), 0)
    assert (len(stored), sum(stored.hours.values())) == (STORED, THINNED + 1)


# Parts.


def test_a_part_knows_its_oldest_and_latest_instant() -> None:
    stored = part(T0 + 5, T0, T0 + 3)
    assert (stored.oldest, stored.latest) == (T0, T0 + 5)


def test_an_event_is_found_whatever_its_name() -> None:
    stored = part(T0)
    stored.add("B", T0 + 1, key(7), None, visit=False)
    assert stored.locate(key(7)) == ("B", 0)
    assert stored.at("B", 0) == T0 + 1
    with pytest.raises(KeyError):
        stored.locate(key(8))


def test_a_forgotten_event_is_not_the_latest_any_more() -> None:
    stored = part(T0, T0 + 5)
    stored.forget("A", 1)
    assert (stored.latest, stored.keys) == (T0, {key(0)})
    stored.forget("A", 0)
    assert (stored.latest, stored.keys) == (0, set())


def test_dropping_what_is_old_leaves_names_without_events_out() -> None:
    stored = part(T0)
    stored.add("B", T0 + 1, key(7), None, visit=False)
    stored.expire(T0)
    assert (set(stored.series), stored.keys) == ({"B"}, {key(7)})
    assert stored.oldest == T0 + 1
    stored.expire(T0 + 1)
    assert (stored.series, stored.keys) == ({}, set())


def test_the_keys_are_those_of_what_is_stored_one_by_one() -> None:
    stored = part(*range(T0, T0 + 9))
    assert stored.keys == {key(number) for number in range(9)}
    stored.thin("A", 4)
    assert stored.keys == {key(number) for number in range(4, 9)}
    stored.add("A", T0, key(0), None, visit=False)
    assert stored.keys == {key(number) for number in range(4, 9)}, "an hour counts it"


def test_visits_come_with_their_sources_and_other_events_not_at_all() -> None:
    stored = part(T0)
    for number, source in enumerate((EMAIL, None, DIRECT, EMAIL), start=1):
        stored.add("$page", T0 + number, key(number), source, visit=True)
    assert list(stored.visits(T0)) == [
        (T0 + 1, key(1), EMAIL),
        (T0 + 2, key(2), None),
        (T0 + 3, key(3), DIRECT),
        (T0 + 4, key(4), EMAIL),
    ]
    assert stored.sources == (EMAIL, DIRECT)
    assert [at for at, _, _ in stored.visits(T0 + 2)] == [T0 + 3, T0 + 4]


def test_sources_that_no_stored_visit_has_are_dropped_with_the_visits() -> None:
    stored = Part("user:u1")
    for number, source in enumerate((EMAIL, DIRECT, None)):
        stored.add("$page", T0 + number, key(number), source, visit=True)
    stored.expire(T0)
    assert stored.sources == (DIRECT,)
    assert [source for _, _, source in stored.visits(0)] == [DIRECT, None]


def test_the_first_touch_is_the_smallest_by_instant_and_key() -> None:
    touches = [Touch(T0 + 1, key(0), EMAIL), Touch(T0, key(2), EMAIL), Touch(T0, key(1), DIRECT)]
    for order in (touches, touches[::-1]):
        stored = Part("user:u1")
        for touch in order:
            stored.touch(touch)
        assert stored.first_touch == Touch(T0, key(1), DIRECT)


def test_what_was_said_last_of_a_trait_holds() -> None:
    old, new, newer = Known("a", T0, key(1)), Known("b", T0 + 1, key(1)), Known("c", T0 + 1, key(2))
    assert latest_known(None, old) == latest_known(old, None) == old
    assert latest_known(old, new) == latest_known(new, old) == new
    assert latest_known(newer, new) == latest_known(new, newer) == newer
    assert latest_known(None, None) is None
