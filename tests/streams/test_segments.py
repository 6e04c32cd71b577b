"""When a rule holds, since when, and until when."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activity import Part
from streams.identifiers import order_key
from streams.policy import UNITS_MS, Condition, Segment
from streams.segments import counted, holds, latest, leaves_at, stored_count, true_since

T0 = 1_760_000_000_000
WITHIN = 30 * UNITS_MS["d"]
VIEWED = Condition("Report Viewed", 3, WITHIN)
SHARED = Condition("Dashboard Shared", 1, WITHIN // 2)
THREE = Segment("three", (VIEWED,), every=True)
BOTH = Segment("both", (VIEWED, SHARED), every=True)
EITHER = Segment("either", (VIEWED, SHARED), every=False)
SHORT = (Condition("Report Viewed", 3, 10), Condition("Dashboard Shared", 1, 6))
ANY, ALL = Segment("any", SHORT, every=False), Segment("all", SHORT, every=True)
"""Windows of milliseconds, so that a few events meet every edge."""
LAWS = settings(max_examples=150, deadline=None)


def did(*instants: int, event: str = "Report Viewed", alias: str = "user:u1") -> Part:
    """A part with events of one name, at so many milliseconds after T0."""
    part = Part(alias)
    for number, at in enumerate(instants):
        part.add(event, T0 + at, order_key(f"{event[:3]}{number}"), None, visit=False)
    return part


def shared(*instants: int) -> Part:
    return did(*instants, event="Dashboard Shared", alias="anon:a1")


def since(parts: list[Part], segment: Segment, now: int, kept_after: int = -1) -> int:
    """`true_since`, in milliseconds after T0."""
    return true_since(parts, segment, T0 + now, T0 + kept_after) - T0


def test_enough_events_in_the_window_make_the_rule_hold() -> None:
    assert not holds([did(0, 1)], THREE, T0 + 1)
    assert holds([did(0, 1, 2)], THREE, T0 + 2)


def test_events_of_several_parts_count_together() -> None:
    assert holds([did(0, 1), did(2, alias="anon:a1")], THREE, T0 + 2)


def test_the_rule_does_not_hold_a_millisecond_before_the_event_that_fulfils_it() -> None:
    assert not holds([did(0, 1, 2)], THREE, T0 + 1)


def test_an_event_counts_until_just_before_its_window_has_passed() -> None:
    parts = [did(0, 1, 2)]
    assert holds(parts, THREE, T0 + WITHIN - 1)
    assert not holds(parts, THREE, T0 + WITHIN)


def test_events_of_other_names_do_not_count() -> None:
    assert not holds([did(0, 1), shared(2)], THREE, T0 + 2)


@pytest.mark.parametrize(
    ("parts", "both", "either"),
    [
        ([did(0, 1, 2), shared(1)], True, True),
        ([did(0, 1, 2)], False, True),
        ([did(0, 1), shared(1)], False, True),
        ([did(0, 1)], False, False),
    ],
    ids=["both", "viewed only", "shared only", "neither"],
)
def test_all_conditions_or_any_of_them_have_to_hold(parts: list[Part], both: bool, either: bool) -> None:
    assert (holds(parts, BOTH, T0 + 2), holds(parts, EITHER, T0 + 2)) == (both, either)


def test_what_the_conditions_counted_is_told_one_by_one() -> None:
    found = counted([did(0, 1, 2, 9), shared(1)], BOTH, T0 + 5)
    assert [(one.condition, one.count, one.until) for one in found] == [(VIEWED, 3, T0 + 5), (SHARED, 1, T0 + 5)]


def test_stored_events_are_counted_in_a_half_open_window() -> None:
    assert stored_count([did(0, 1, 2)], "Report Viewed", T0, T0 + 1) == 1
    assert stored_count([], "Report Viewed", T0, T0 + 1) == 0


def test_a_stretch_of_truth_begins_at_the_event_that_fulfilled_the_rule() -> None:
    assert since([did(0, 1, 2, 3)], THREE, 9) == 2


def test_what_happened_after_the_instant_is_not_looked_at() -> None:
    assert since([did(0, 1, 2, 3), shared(9)], EITHER, 3) == 2


def test_a_stretch_goes_back_to_the_last_time_that_the_rule_did_not_hold() -> None:
    again = WITHIN + 10
    assert since([did(0, 1, 2, again, again + 1, again + 2)], THREE, again + 5) == again + 2


def test_an_event_at_the_very_instant_at_which_another_goes_leaves_no_gap() -> None:
    assert since([did(0, 1, 2, WITHIN)], THREE, WITHIN) == 2
    assert since([did(0, 5, 6, WITHIN + 1)], THREE, WITHIN + 1) == WITHIN + 1


def test_one_of_several_conditions_may_take_over_from_another() -> None:
    parts = [did(0, 1, 2), shared(WITHIN - 1)]
    assert since(parts, EITHER, WITHIN + 5) == 2
    assert since(parts, BOTH, WITHIN - 1) == WITHIN - 1


def test_what_is_as_good_as_gone_makes_no_stretch_longer() -> None:
    parts = [did(0, 1, 2, 3)]
    assert since(parts, THREE, 9, kept_after=0) == 3
    assert since(parts, THREE, 9, kept_after=-1) == 2


@LAWS
@given(
    st.lists(st.integers(0, 30), max_size=12),
    st.lists(st.integers(0, 30), max_size=4),
    st.sampled_from([ANY, ALL]),
    st.integers(0, 40),
    st.integers(-1, 20),
)
def test_a_stretch_begins_where_looking_back_millisecond_by_millisecond_finds_it(
    viewed: list[int], dashboards: list[int], segment: Segment, now: int, kept_after: int
) -> None:
    parts = [did(*viewed), shared(*dashboards)]
    begin = now
    while holds(parts, segment, T0 + begin - 1, T0 + kept_after):
        begin -= 1
    if holds(parts, segment, T0 + now, T0 + kept_after):
        assert since(parts, segment, now, kept_after) == begin


def test_all_of_several_conditions_end_with_the_first_of_them() -> None:
    assert leaves_at([did(0, 1, 2), shared(2)], BOTH, T0 + 2) == T0 + WITHIN // 2 + 2


def test_any_of_several_conditions_ends_with_the_last_of_them() -> None:
    assert leaves_at([did(0, 1, 2), shared(2)], EITHER, T0 + 2) == T0 + WITHIN
    assert leaves_at([shared(2)], EITHER, T0 + 2) == T0 + WITHIN // 2 + 2


def test_with_events_to_spare_the_end_is_that_of_the_latest_that_are_required() -> None:
    assert leaves_at([did(0, 1, 2, 3, 4)], THREE, T0 + 4) == T0 + 2 + WITHIN


def test_what_does_not_hold_has_no_end() -> None:
    assert leaves_at([did(0, 1)], THREE, T0 + 1) is None
    assert leaves_at([did(0, 1, 2)], THREE, T0 + WITHIN) is None
    assert leaves_at([did(0, 1, 2)], BOTH, T0 + 2) is None


def test_the_end_is_the_first_instant_at_which_the_rule_does_not_hold() -> None:
    parts = [did(0, 7, 9, 30), shared(8, 11)]
    for segment in (THREE, BOTH, EITHER):
        end = leaves_at(parts, segment, T0 + 40)
        assert end is not None
        assert holds(parts, segment, end - 1)
        assert not holds(parts, segment, end)


def test_the_latest_instants_are_those_of_all_parts_in_order() -> None:
    parts = [did(0, 4, 6), did(5, 9, alias="anon:a1")]
    assert latest(parts, "Report Viewed", 3, T0 + 6) == [T0 + 4, T0 + 5, T0 + 6]
    assert latest(parts, "Report Viewed", 9, T0 + 5) == [T0, T0 + 4, T0 + 5]
    assert latest(parts, "Dashboard Shared", 9, T0 + 5) == []
