"""Who gets the credit for a conversion, under each model, to the last unit."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.activity import Touch
from streams.attribution.models import DECAY, HALF_LIFE_MS, Model, credit, decayed, eligible, split, weights
from streams.instants import DAY_MS
from tests.streams.attribution import by_fractions
from tests.streams.attribution.paths import DIRECT, SEARCH, SPRING, SUMMER, T0, amounts, path, touch, touches

PAGE = (Path(__file__).parents[3] / "docs" / "attribution.md").read_text()
EXAMPLE = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)


# The path.


def test_a_touch_of_the_same_millisecond_counts_and_a_later_one_does_not() -> None:
    found = [touch(T0 + 1, SPRING), touch(T0, DIRECT), touch(T0 - 1, SEARCH)]
    assert eligible(found, T0, DAY_MS) == [found[2], found[1]]


def test_a_touch_exactly_the_lookback_ago_is_too_old() -> None:
    found = [touch(T0 - DAY_MS, SPRING), touch(T0 - DAY_MS + 1, SEARCH)]
    assert eligible(found, T0, DAY_MS) == found[1:]


def test_touches_of_one_millisecond_are_ordered_by_their_keys() -> None:
    found = [touch(T0, SPRING, 2), touch(T0, SEARCH, 1)]
    assert eligible(found, T0, DAY_MS) == found[::-1]


def test_two_events_with_one_instant_and_key_are_ordered_by_their_sources() -> None:
    found = [touch(T0, SUMMER), touch(T0, SPRING), touch(T0, DIRECT)]
    assert eligible(found, T0, DAY_MS) == eligible(found[::-1], T0, DAY_MS) == found[::-1]


# Models.


def test_the_page_shows_an_example_of_every_model() -> None:
    assert [row[0] for row in EXAMPLE] == list(Model)


@pytest.mark.parametrize(("model", "parts"), [(row[0], [int(part) for part in row[1:]]) for row in EXAMPLE])
def test_the_example_of_the_page_is_right(model: str, parts: list[int]) -> None:
    assert credit(140_00, Model(model), path(DIRECT, SEARCH, DIRECT)) == parts


@pytest.mark.parametrize(
    ("touches", "expected"),
    [(1, [1]), (2, [1, 1]), (3, [2, 1, 2]), (4, [4, 1, 1, 4]), (6, [8, 1, 1, 1, 1, 8])],
)
def test_position_gives_40_percent_to_either_end_and_20_to_those_between(touches: int, expected: list[int]) -> None:
    assert weights(Model.position, path(*[DIRECT] * touches)) == expected


def test_last_non_direct_is_the_last_where_all_are_direct() -> None:
    assert credit(7, Model.last_non_direct, path(DIRECT, DIRECT)) == [0, 7]


@pytest.mark.parametrize("model", Model)
def test_an_only_touch_gets_everything(model: Model) -> None:
    assert credit(99, model, path(DIRECT)) == [99]


@pytest.mark.parametrize("model", Model)
def test_without_a_touch_nobody_gets_anything(model: Model) -> None:
    assert (weights(model, []), credit(99, model, [])) == ([], [])


@pytest.mark.parametrize("model", Model)
def test_a_touch_may_be_years_older_than_the_last(model: Model) -> None:
    parts = credit(100, model, path(SPRING, SEARCH, apart_ms=3000 * DAY_MS))
    assert sum(parts) == 100


# Time decay.


def test_a_touch_a_week_earlier_gets_half() -> None:
    assert credit(70_00, Model.time_decay, path(SPRING, SEARCH, DIRECT, apart_ms=HALF_LIFE_MS)) == [1000, 2000, 4000]


def test_a_table_entry_is_a_64th_root_rounded_down() -> None:
    assert all(entry**64 <= 2 ** (2048 - step) < (entry + 1) ** 64 for step, entry in enumerate(DECAY))
    assert (len(DECAY), DECAY[0], DECAY[64]) == (65, 1 << 32, 1 << 31)


@given(st.integers(0, 400 * DAY_MS))
def test_a_weight_halves_every_week_to_the_last_bit(age: int) -> None:
    assert decayed(age + HALF_LIFE_MS) == decayed(age) >> 1


@given(st.integers(0, 90 * DAY_MS))
def test_a_weight_is_within_two_in_100_000_of_the_power_of_two(age: int) -> None:
    assert decayed(age) / 2.0 ** (32 - age / HALF_LIFE_MS) == pytest.approx(1, rel=2e-5)


@given(st.integers(0, 90 * DAY_MS), st.integers(0, HALF_LIFE_MS))
def test_an_older_touch_never_weighs_more(age: int, older: int) -> None:
    assert decayed(age + older) <= decayed(age)


def test_a_weight_is_nothing_only_beyond_32_weeks() -> None:
    assert (decayed(32 * HALF_LIFE_MS), decayed(32 * HALF_LIFE_MS + 1), decayed(99 * HALF_LIFE_MS)) == (1, 0, 0)


def test_the_weights_of_the_page_are_right() -> None:
    assert f"D[18] = {DECAY[18]:,}, D[19] = {DECAY[19]:,}; weight = {decayed(2 * DAY_MS):,}" in PAGE
    assert f"The others: {decayed(DAY_MS):,} and {decayed(0):,}." in PAGE


# Dividing.


@pytest.mark.parametrize(
    ("amount", "shares", "parts"),
    [
        (100, [1, 1, 1], [33, 33, 34]),
        (101, [1, 1, 1], [33, 34, 34]),
        (-101, [1, 1, 1], [-33, -34, -34]),
        (1, [1, 1], [0, 1]),
        (3, [5, 3, 2], [1, 1, 1]),  # 1.5, 0.9, 0.6
        (2, [5, 3, 2], [1, 1, 0]),  # 1.0, 0.6, 0.4
        (0, [1, 2], [0, 0]),
        (10, [0, 1, 0], [0, 10, 0]),
    ],
)
def test_units_left_over_go_to_the_largest_remainders_and_of_equal_ones_to_the_later(
    amount: int, shares: list[int], parts: list[int]
) -> None:
    assert split(amount, shares) == parts


@given(amounts, st.lists(st.integers(0, 1 << 32), min_size=1, max_size=30).filter(any))
def test_parts_sum_to_the_amount_and_are_within_one_unit_of_their_share(amount: int, shares: list[int]) -> None:
    parts = split(amount, shares)
    assert sum(parts) == amount
    assert all(
        abs(part * sum(shares) - amount * share) < sum(shares) for part, share in zip(parts, shares, strict=True)
    )


@given(amounts, st.lists(st.integers(0, 100), min_size=1, max_size=30).filter(any))
def test_a_reversal_cancels_touch_by_touch(amount: int, shares: list[int]) -> None:
    assert split(-amount, shares) == [-part for part in split(amount, shares)]


@given(amounts, st.sampled_from(Model), st.lists(touches, max_size=12), st.integers(1, 120 * DAY_MS))
def test_a_second_implementation_with_fractions_gives_the_same(
    amount: int, model: Model, found: list[Touch], lookback_ms: int
) -> None:
    way = by_fractions.path_to(T0, found, lookback_ms)
    assert eligible(found, T0, lookback_ms) == way
    assert credit(amount, model, way) == (by_fractions.credited(amount, model, way) if way else [])
