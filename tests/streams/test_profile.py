"""The fold of one row: events, duplicates, late ones, links and parts, members and time."""

from typing import Any

import pytest

from streams.activity import STORED
from streams.asks import Trigger
from streams.events import Link, PartDetached, PartMoved, Record, Source, Tick, UserEvent
from streams.policy import UNITS_MS, Ask, Condition, Policy, Segment
from streams.profile import LINKS_AT_MOST, NEVER, Profile, Step, advance, apply, due, pack, unpack
from streams.segments import Change

T0 = 1_760_000_000_000
MINUTE, DAY = UNITS_MS["m"], UNITS_MS["d"]
WINDOW = 30 * DAY
THREE = Segment("three", (Condition("Report Viewed", 3, WINDOW),), every=True)
BUSY = Segment("busy", (Condition("Report Viewed", 2, 10 * MINUTE),), every=True)
REVIEW = Ask("review", "three", "review", "email", "none", 90 * DAY)
POLICY = Policy(1, (THREE,), (REVIEW,))

DIRECT = Source("Direct", "Direct")
EMAIL = Source("Email", "Email", campaign="spring")
USER, OTHER, ANON = "user:u1", "user:u2", "anon:a1"


def viewed(at: int, number: int = 0, alias: str = USER, **fields: Any) -> UserEvent:
    """A report viewed; the id is that of its instant unless a number is given."""
    name = fields.pop("name", "Report Viewed")
    return UserEvent(alias, f"m{number or at - T0}", at, at, name, **fields)


def visited(at: int, source: Source | None, number: int = 0, alias: str = USER, **fields: Any) -> UserEvent:
    return viewed(at, number, alias, name="$page", visit=True, source=source, **fields)


def given(*records: Record, policy: Policy = POLICY, clock: int | None = T0, prior: Profile | None = None) -> Profile:
    """The row after these records, at one clock."""
    profile = prior
    for record in records:
        profile = apply(profile, record, policy, clock=clock).profile
    assert profile is not None
    return profile


def after(*records: Record, policy: Policy = POLICY, clock: int | None = T0, prior: Profile | None = None) -> Step:
    """What the last of these records comes to."""
    *first, last = records
    return apply(given(*first, policy=policy, clock=clock, prior=prior) if first else prior, last, policy, clock=clock)


def count(profile: Profile, name: str = "Report Viewed") -> int:
    return sum(part.series[name].count(0, 1 << 60) for part in profile.parts() if name in part.series)


def changes(step: Step) -> list[tuple[str, bool, int, int]]:
    """(segment, entered, at, announced_at) of each change."""
    return [
        (said.segment, said.entered, said.at, said.announced_at)
        for said in step.announcements
        if isinstance(said, Change)
    ]


def triggers(step: Step) -> list[Trigger]:
    return [said for said in step.announcements if isinstance(said, Trigger)]


def member(since: int = T0) -> Profile:
    """Somebody who entered `three` at `since`."""
    return given(viewed(since - 2), viewed(since - 1), viewed(since), clock=since)


# Events.


def test_an_event_is_stored_once() -> None:
    assert count(given(viewed(T0))) == 1
    assert after(viewed(T0), viewed(T0)).duplicate
    assert count(given(viewed(T0), viewed(T0))) == 1


def test_the_earlier_copy_of_a_message_wins_whichever_comes_first() -> None:
    for copies in ((viewed(T0, 7), viewed(T0 + 5, 7)), (viewed(T0 + 5, 7), viewed(T0, 7))):
        step = after(*copies)
        assert step.duplicate
        assert (count(step.profile), step.profile.latest) == (1, T0)


def test_of_copies_with_equal_instants_the_first_to_come_stays() -> None:
    profile = given(viewed(T0, 7), viewed(T0, 7, name="Dashboard Shared"))
    assert (count(profile), count(profile, "Dashboard Shared")) == (1, 0)


def test_an_earlier_copy_may_have_another_name_and_another_source() -> None:
    profile = given(visited(T0 + 5, DIRECT, 7), viewed(T0, 7))
    assert (count(profile), count(profile, "$page")) == (1, 0)
    assert profile.last_touch is None


def test_whoever_loses_ground_to_an_earlier_copy_leaves_when_the_clock_next_moves() -> None:
    policy = Policy(1, (BUSY,))
    here = given(viewed(T0, 1), viewed(T0 + 9 * MINUTE, 2), policy=policy, clock=T0 + 9 * MINUTE)
    lost = given(viewed(T0 - MINUTE, 2, name="Login"), policy=policy, clock=T0 + 9 * MINUTE, prior=here)
    assert due(pack(lost), policy) == T0 + 9 * MINUTE
    left = advance(lost, T0 + 9 * MINUTE + 700, policy)
    assert changes(left) == [("busy", False, T0 + 9 * MINUTE + 700, T0 + 9 * MINUTE + 700)]


def test_the_same_message_id_of_another_alias_is_another_event() -> None:
    profile = given(viewed(T0, 7), viewed(T0, 7, ANON, person=USER))
    assert count(profile) == 2


def test_an_event_that_is_neither_counted_nor_a_visit_leaves_nothing_but_traits() -> None:
    profile = given(UserEvent(USER, "m1", T0, T0, email="a@example.com"))
    assert (profile.own.series, profile.email) == ({}, "a@example.com")


def test_a_visit_that_is_not_counted_is_stored_all_the_same() -> None:
    profile = given(viewed(T0, name="", visit=True, source=EMAIL))
    assert profile.last_touch is not None
    assert list(profile.own.series) == [""]


def test_a_bot_is_neither_counted_nor_a_visit_nor_known_by_name() -> None:
    before = given(viewed(T0))
    step = after(visited(T0 + 1, EMAIL, bot=True, email="bot@example.com"), prior=before)
    assert step.profile == before


def test_a_tick_is_no_business_of_a_row() -> None:
    with pytest.raises(TypeError):
        apply(None, Tick("web-events/0", T0), POLICY, clock=None)


# Late.


def test_an_event_a_horizon_before_the_clock_is_late_and_a_millisecond_younger_is_not() -> None:
    assert after(viewed(T0 - WINDOW)).late
    assert count(given(viewed(T0 - WINDOW))) == 0
    assert not after(viewed(T0 - WINDOW + 1)).late
    assert count(given(viewed(T0 - WINDOW + 1))) == 1


def test_a_longer_rule_keeps_events_longer() -> None:
    policy = Policy(1, (Segment("s", (Condition("Report Viewed", 1, 90 * DAY),), every=True),))
    assert after(viewed(T0 - 90 * DAY), policy=policy).late
    assert not after(viewed(T0 - 90 * DAY + 1), policy=policy).late


def test_nothing_is_late_until_the_clock_is_known() -> None:
    assert not after(viewed(T0), viewed(T0 - 400 * DAY), clock=None).late


def test_a_late_visit_moves_the_first_touch_and_nothing_else() -> None:
    before = given(visited(T0 - 1, DIRECT))
    step = after(visited(T0 - 2 * WINDOW, EMAIL), prior=before)
    assert step.late
    assert step.profile.first_touch is not None
    assert step.profile.first_touch.at == T0 - 2 * WINDOW
    assert (step.profile.last_touch, step.profile.last_non_direct) == (before.last_touch, None)
    assert step.profile.own.series == before.own.series


def test_a_late_visit_of_the_own_site_moves_nothing() -> None:
    before = given(visited(T0 - 1, DIRECT))
    assert given(visited(T0 - 2 * WINDOW, None), prior=before) == before


def test_traits_are_taken_from_late_and_repeated_events_too() -> None:
    late = UserEvent(USER, "m1", T0 - 2 * WINDOW, T0, full_name="Ada")
    assert given(late).full_name == "Ada"
    assert given(viewed(T0, 7), viewed(T0, 7, email="a@example.com")).email == "a@example.com"


def test_a_copy_whose_earlier_one_has_expired_is_an_event_of_its_own_however_long_the_row_keeps_it() -> None:
    before = given(viewed(T0, 7), clock=T0)
    step = after(viewed(T0 + 9, 7), clock=T0 + WINDOW, prior=before)
    assert not step.duplicate
    assert count(step.profile) == 1
    assert after(viewed(T0 + 9, 7), clock=T0 + WINDOW - 1, prior=before).duplicate


# Traits.


def test_email_and_name_are_those_said_last() -> None:
    said = [viewed(T0 + 1, email="new@example.com"), viewed(T0, email="old@example.com", full_name="Ada")]
    for order in (said, said[::-1]):
        profile = given(*order)
        assert (profile.email, profile.full_name) == ("new@example.com", "Ada")


def test_of_traits_said_in_one_millisecond_the_larger_message_id_wins() -> None:
    said = [viewed(T0, 1, email="one@example.com"), viewed(T0, 2, email="two@example.com")]
    assert {given(*order).email for order in (said, said[::-1])} == {"two@example.com"}


def test_traits_of_all_parts_are_compared() -> None:
    profile = given(
        viewed(T0, 1, email="user@example.com"), viewed(T0 + 1, 2, ANON, person=USER, email="anon@example.com")
    )
    assert profile.email == "anon@example.com"


# Touches.


def test_visits_that_come_out_of_order_are_folded_anew() -> None:
    profile = given(visited(T0 + 20 * MINUTE, DIRECT), visited(T0, EMAIL))
    assert profile.last_touch is not None
    assert (profile.last_touch.at, profile.last_touch.source) == (T0, EMAIL)


def test_the_first_touch_need_not_begin_a_session() -> None:
    profile = given(visited(T0, None), visited(T0 + 1, DIRECT))
    assert (profile.first_touch, profile.last_touch) != (None, None)
    assert profile.first_touch is not None
    assert profile.first_touch.at == T0 + 1
    assert profile.last_touch is None


def test_touches_outlive_the_visits_that_they_were() -> None:
    profile = given(visited(T0, EMAIL))
    clock = T0 + 40 * DAY
    later = given(viewed(clock, name="Login"), visited(clock + 1, None), clock=clock, prior=profile)
    assert count(later, "$page") == 1
    assert later.last_touch == later.first_touch == profile.last_touch


# Segments.


def test_whoever_does_it_often_enough_enters_at_the_instant_of_the_last_event() -> None:
    step = after(viewed(T0 - 2), viewed(T0 - 1), viewed(T0))
    assert changes(step) == [("three", True, T0, T0)]
    assert step.profile.standings["three"].member


def test_an_event_that_is_not_enough_announces_nothing() -> None:
    assert after(viewed(T0 - 1), viewed(T0)).announcements == []


def test_what_came_late_is_announced_with_the_instant_at_which_it_happened() -> None:
    step = after(viewed(T0 - 9), viewed(T0 - 5), viewed(T0 - 7))
    assert changes(step) == [("three", True, T0 - 5, T0)]


def test_what_lies_ahead_of_the_clock_is_announced_for_then() -> None:
    step = after(viewed(T0), viewed(T0 + 1), viewed(T0 + 2000))
    assert changes(step) == [("three", True, T0 + 2000, T0 + 2000)]


def test_an_anonymous_alias_is_in_no_segment() -> None:
    profile = given(*(viewed(T0 + number, alias=ANON) for number in range(5)))
    assert (profile.standings, profile.wakes_at) == ({}, NEVER)
    assert advance(profile, T0 + 100 * DAY, POLICY).announcements == []


def test_a_member_leaves_at_the_exact_instant_without_any_traffic() -> None:
    here = member()
    assert here.wakes_at == T0 - 2 + WINDOW
    assert advance(here, T0 - 2 + WINDOW - 1, POLICY).announcements == []
    assert changes(advance(here, T0 - 2 + WINDOW, POLICY)) == [("three", False, T0 - 2 + WINDOW, T0 - 2 + WINDOW)]


def test_the_clock_may_come_later_than_the_instant() -> None:
    left = advance(member(), T0 + 99 * DAY, POLICY)
    assert changes(left) == [("three", False, T0 - 2 + WINDOW, T0 + 99 * DAY)]
    assert left.profile.standings["three"].left_at == T0 - 2 + WINDOW


def test_each_event_of_a_member_puts_leaving_off() -> None:
    assert given(viewed(T0 + 5), clock=T0 + 5, prior=member()).wakes_at == T0 - 1 + WINDOW


def test_time_that_has_passed_does_not_pass_again() -> None:
    left = advance(member(), T0 + 99 * DAY, POLICY).profile
    for instant in (T0 + 99 * DAY, T0):
        assert advance(left, instant, POLICY) == Step(left)


def test_who_left_and_came_back_between_two_ticks_did_both() -> None:
    policy = Policy(1, (BUSY,))
    back = T0 + 20 * MINUTE
    events = [viewed(T0), viewed(T0 + 1), viewed(back), viewed(back + 1)]
    step = advance(given(*events, policy=policy, clock=T0), back + 5 * MINUTE, policy)
    said_at = back + 5 * MINUTE
    assert changes(step) == [("busy", False, T0 + 10 * MINUTE, said_at), ("busy", True, back + 1, said_at)]
    assert step.profile.standings["busy"].member


def test_a_stay_between_two_ticks_ends_without_having_been_noticed_before() -> None:
    policy = Policy(1, (BUSY,))
    early = given(viewed(T0 + 30 * MINUTE), viewed(T0 + 1), viewed(T0 + 2), policy=policy, clock=T0)
    assert early.standings == {}
    step = advance(early, T0 + 31 * MINUTE, policy)
    said_at = T0 + 31 * MINUTE
    assert changes(step) == [("busy", True, T0 + 2, said_at), ("busy", False, T0 + 10 * MINUTE + 1, said_at)]


def test_a_stay_that_had_ended_when_its_last_event_came_is_not_announced() -> None:
    policy = Policy(1, (BUSY,))
    clock = T0 + 60 * MINUTE
    step = after(viewed(T0), viewed(T0 + 1), policy=policy, clock=clock)
    assert step.announcements == []
    assert advance(step.profile, clock + DAY, policy).announcements == []


def test_a_late_event_never_moves_the_beginning_of_an_open_episode() -> None:
    step = after(viewed(T0 - DAY), prior=member())
    assert step.announcements == []
    assert step.profile.standings["three"].entered_at == T0


def test_who_entered_ahead_of_the_clock_does_not_leave_before() -> None:
    # Another segment wakes the row in between.
    once = Segment("once", (Condition("Report Viewed", 1, MINUTE),), every=True)
    twice = Segment("twice", (Condition("Report Viewed", 2, WINDOW),), every=True)
    policy = Policy(1, (once, twice))
    events = [viewed(T0 + 9 * MINUTE, name="Login"), viewed(T0 + 2 * MINUTE), viewed(T0 + 5 * MINUTE)]
    here = given(*events, policy=policy)
    assert here.standings["twice"].entered_at == T0 + 5 * MINUTE
    woken = advance(here, T0 + 2 * MINUTE, policy)
    assert changes(woken) == [("once", True, T0 + 2 * MINUTE, T0 + 2 * MINUTE)]


def test_with_more_than_1024_events_the_rule_stays_exact() -> None:
    policy = Policy(1, (Segment("many", (Condition("Report Viewed", 1001, 2 * DAY),), every=True),))
    step = 2 * MINUTE
    profile = given(viewed(T0), policy=policy)
    for at in range(T0 + step, T0 + 1500 * step, step):
        profile = given(viewed(at), policy=policy, clock=at, prior=profile)
    assert profile.own.series["Report Viewed"].hours != {}
    assert len(profile.own.series["Report Viewed"]) == STORED
    assert profile.standings["many"].entered_at == T0 + 1000 * step
    left = advance(profile, T0 + WINDOW, policy)
    assert [change[:3] for change in changes(left)] == [("many", False, T0 + 499 * step + 2 * DAY)]


# Asks.


def test_who_enters_is_asked_once_with_what_is_known() -> None:
    events = [
        visited(T0 - 3, EMAIL, email="a@example.com", full_name="Ada"),
        viewed(T0 - 2),
        viewed(T0 - 1),
        viewed(T0),
    ]
    (trigger,) = triggers(after(*events))
    assert (trigger.ask, trigger.change.person, trigger.change.entered_at) == (REVIEW, USER, T0)
    assert (trigger.email, trigger.full_name) == ("a@example.com", "Ada")
    assert trigger.first_touch is not None
    assert trigger.first_touch.source == EMAIL
    assert [(one.count, one.until) for one in trigger.change.why] == [(3, T0)]


def test_the_change_comes_before_its_trigger() -> None:
    change, trigger = after(viewed(T0 - 2), viewed(T0 - 1), viewed(T0)).announcements
    assert isinstance(change, Change)
    assert isinstance(trigger, Trigger)
    assert trigger.change == change


def test_who_comes_back_in_the_cooldown_is_not_asked_again() -> None:
    left = advance(member(), T0 + 40 * DAY, POLICY).profile
    step = after(*(viewed(T0 + 40 * DAY + number) for number in (1, 2, 3)), clock=T0 + 40 * DAY, prior=left)
    assert changes(step) == [("three", True, T0 + 40 * DAY + 3, T0 + 40 * DAY + 3)]
    assert triggers(step) == []
    assert step.profile.asked["review"].trigger_id is None
    assert step.profile.asked["review"].asked_at == T0


def test_who_comes_back_after_it_is_asked_again_under_another_id() -> None:
    (first,) = triggers(after(viewed(T0 - 2), viewed(T0 - 1), viewed(T0)))
    left = advance(member(), T0 + 90 * DAY, POLICY).profile
    step = after(*(viewed(T0 + 90 * DAY - number) for number in (2, 1, 0)), clock=T0 + 90 * DAY, prior=left)
    (second,) = triggers(step)
    assert first.trigger_id != second.trigger_id


def test_the_same_log_makes_the_same_trigger() -> None:
    ids = {
        triggers(after(viewed(T0 - 2), viewed(T0 - 1), viewed(T0), clock=clock))[0].trigger_id for clock in (T0, None)
    }
    assert len(ids) == 1


def test_who_is_out_again_before_the_announcement_is_not_asked() -> None:
    policy = Policy(1, (BUSY,), (Ask("tweet", "busy", "tweet", "email", "none", MINUTE),))
    early = given(viewed(T0 + 30 * MINUTE), viewed(T0 + 1), viewed(T0 + 2), policy=policy, clock=T0)
    step = advance(early, T0 + 31 * MINUTE, policy)
    assert len(changes(step)) == 2
    assert triggers(step) == []
    assert [gate.passed for gate in step.profile.asked["tweet"].gates] == [False, True]


# Rules change.


def test_new_rules_wake_every_row_at_once() -> None:
    row = pack(member())
    assert due(row, POLICY) == T0 - 2 + WINDOW
    assert due(row, Policy(2, (THREE,))) == 0


def test_who_fulfils_a_new_rule_enters_since_then() -> None:
    policy = Policy(2, (THREE, Segment("two", (Condition("Report Viewed", 2, WINDOW),), every=True)))
    step = advance(member(), T0 + 700, policy)
    assert changes(step) == [("two", True, T0 - 1, T0 + 700)]
    assert step.profile.rule_version == 2
    assert advance(step.profile, T0 + 800, policy).announcements == []


def test_who_does_not_fulfil_a_changed_rule_any_more_leaves_now() -> None:
    policy = Policy(2, (Segment("three", (Condition("Report Viewed", 4, WINDOW),), every=True),))
    assert changes(advance(member(), T0 + 700, policy)) == [("three", False, T0 + 700, T0 + 700)]


def test_the_members_of_a_segment_that_is_gone_leave_it() -> None:
    policy = Policy(2)
    step = advance(member(), T0 + 700, policy)
    assert changes(step) == [("three", False, T0 + 700, T0 + 700)]
    assert step.profile.standings == {}


def test_so_they_do_when_an_event_comes_before_the_first_tick_under_the_new_rules() -> None:
    policy = Policy(2, (BUSY,))
    busy = given(viewed(T0 + 500), policy=policy, clock=T0, prior=member())
    assert due(pack(busy), policy) == 0
    assert ("three", False, T0 + 700, T0 + 700) in changes(advance(busy, T0 + 700, policy))


# Links and parts.


def link(to: str = USER, at: int = T0, number: int = 1) -> Link:
    return Link(ANON, to, f"l{number}", at)


def part_of(step: Step) -> PartMoved:
    moved = step.forwards[-1]
    assert isinstance(moved, PartMoved)
    return moved


def test_a_link_moves_the_whole_part_to_the_person() -> None:
    step = after(viewed(T0 - 1, alias=ANON), visited(T0, EMAIL, alias=ANON), link())
    assert step.linked
    assert [type(forward) for forward in step.forwards] == [PartMoved]
    person = given(part_of(step), prior=given(viewed(T0 + 1)))
    assert (count(person), count(person, "$page")) == (2, 1)
    assert [part.alias for part in person.parts()] == [USER, ANON]
    assert person.first_touch == step.profile.first_touch


def test_of_an_alias_that_did_nothing_yet_an_empty_part_moves() -> None:
    person = given(part_of(after(link())))
    assert [part.alias for part in person.parts()] == [USER, ANON]


def test_what_comes_after_the_link_is_passed_on_and_kept() -> None:
    step = after(link(), viewed(T0, alias=ANON))
    assert step.forwards == (viewed(T0, alias=ANON, person=USER, passed=1),)
    assert count(step.profile) == 1


@pytest.mark.parametrize("straggler", [viewed(T0, alias=ANON), viewed(T0 - 2 * WINDOW, alias=ANON)])
def test_a_repeated_and_a_late_straggler_are_passed_on_too(straggler: UserEvent) -> None:
    step = after(viewed(T0, alias=ANON), link(), straggler)
    assert len(step.forwards) == 1
    assert step.duplicate or step.late


def test_before_a_link_nothing_is_passed_on() -> None:
    assert after(viewed(T0, alias=ANON)).forwards == ()


def test_a_forwarded_event_joins_the_part_at_the_person() -> None:
    moved = part_of(after(viewed(T0, alias=ANON), link()))
    person = given(moved, viewed(T0, alias=ANON, person=USER), viewed(T0 + 1, alias=ANON, person=USER))
    assert count(person) == 2


def test_the_anonymous_history_may_make_a_power_user_of_a_person() -> None:
    moved = part_of(after(viewed(T0 - 3, alias=ANON), viewed(T0 - 2, alias=ANON), link()))
    step = after(moved, prior=given(viewed(T0 - 9)))
    assert changes(step) == [("three", True, T0 - 2, T0)]


def test_a_repeated_link_changes_nothing() -> None:
    step = after(link(), link())
    assert (step.duplicate, step.linked, step.forwards) == (True, False, ())


def test_a_larger_link_to_somebody_else_is_set_aside() -> None:
    step = after(link(), link(OTHER, T0 + 1, 2))
    assert (step.quarantined, step.linked, step.forwards) == (True, False, ())
    assert step.profile.owner == USER


def test_a_smaller_link_takes_the_alias_elsewhere() -> None:
    step = after(viewed(T0, alias=ANON), link(), link(OTHER, T0 - 1, 2))
    detached, moved = step.forwards
    assert detached == PartDetached(ANON, USER, (2,))
    assert isinstance(moved, PartMoved)
    assert (moved.person, step.profile.owner) == (OTHER, OTHER)
    assert count(given(moved)) == 1


def test_of_links_in_one_millisecond_the_smaller_message_id_holds() -> None:
    both = (link(USER, T0, 2), link(OTHER, T0, 1))
    assert {given(*order).owner for order in (both, both[::-1])} == {OTHER}


def test_of_equal_links_the_person_whose_key_sorts_first_holds() -> None:
    both = (link(USER), link(OTHER))
    assert {given(*order).owner for order in (both, both[::-1])} == {USER}


def test_a_smaller_link_to_the_same_person_moves_nothing() -> None:
    step = after(link(), link(USER, T0 - 1, 2))
    assert (step.forwards, step.linked, step.quarantined) == ((), False, False)


def test_and_may_keep_the_alias_from_being_taken() -> None:
    step = after(link(USER, T0), link(USER, T0 - 5, 2), link(OTHER, T0 - 3, 3))
    assert (step.profile.owner, step.quarantined) == (USER, True)


def test_a_detached_part_takes_its_events_and_touches_with_it() -> None:
    moved = part_of(after(visited(T0 - 1, EMAIL, alias=ANON), viewed(T0, alias=ANON), link()))
    person = given(viewed(T0 + 1), moved, PartDetached(ANON, USER, (2,)))
    assert (count(person), person.first_touch, person.last_touch) == (1, None, None)


def test_who_loses_ground_with_a_part_leaves_when_the_clock_next_moves() -> None:
    moved = part_of(after(viewed(T0 - 3, alias=ANON), viewed(T0 - 2, alias=ANON), link()))
    here = given(viewed(T0 - 1), moved)
    lost = after(PartDetached(ANON, USER, (2,)), prior=here)
    assert lost.announcements == []
    assert changes(advance(lost.profile, T0 + 700, POLICY)) == [("three", False, T0 + 700, T0 + 700)]


def test_what_had_been_sealed_before_the_part_left_stays() -> None:
    moved = part_of(after(visited(T0, EMAIL, alias=ANON), link()))
    person = given(moved, clock=T0 + 1)
    assert given(PartDetached(ANON, USER, (2,)), clock=T0 + WINDOW - 1, prior=person).last_touch is None
    assert given(PartDetached(ANON, USER, (2,)), clock=T0 + WINDOW, prior=person).last_touch == person.last_touch


def test_a_part_of_a_stranger_can_be_detached() -> None:
    profile = given(PartDetached(ANON, USER, (2,)))
    assert profile.attached == {}


def test_touches_that_the_part_had_sealed_by_itself_compete() -> None:
    home = given(visited(T0, EMAIL, alias=ANON))
    clock = T0 + 40 * DAY
    moved = part_of(after(link(at=clock), clock=clock, prior=home))
    person = given(moved, clock=clock)
    assert person.last_touch is not None
    assert person.last_touch.source == EMAIL
    newer = given(visited(clock, DIRECT), clock=clock, prior=person)
    assert newer.last_touch is not None
    assert newer.last_non_direct is not None
    assert (newer.last_touch.source, newer.last_non_direct.source) == (DIRECT, EMAIL)


def test_a_straggler_that_was_late_at_home_is_late_at_the_person_only_by_its_clock() -> None:
    moved = part_of(after(link(), clock=T0 + WINDOW))
    straggler = visited(T0, EMAIL, alias=ANON, person=USER)
    person = given(moved, straggler, visited(T0 - 5, None), clock=T0 + WINDOW - 10)
    assert person.last_touch is not None
    assert person.last_touch.at == T0


def test_visits_of_a_person_and_of_its_parts_are_one_series_of_sessions() -> None:
    moved = part_of(after(visited(T0, EMAIL, alias=ANON), link()))
    person = given(visited(T0 + 20 * MINUTE, DIRECT), moved)
    assert person.last_touch is not None
    assert person.last_touch.at == T0


def test_a_kiosk_does_not_grow_a_row_without_bound() -> None:
    profile = given(*(Link(ANON, f"user:{number}", f"l{number}", T0 + number) for number in range(LINKS_AT_MOST)))
    step = after(Link(ANON, "user:one-too-many", "l", T0 - 1), prior=profile)
    assert len(step.profile.links) == LINKS_AT_MOST
    assert step.quarantined


# Rows.


def test_a_row_is_read_as_it_was_written() -> None:
    profile = given(visited(T0, EMAIL), part_of(after(viewed(T0, alias=ANON), link())), prior=member())
    assert unpack(pack(profile)) == profile


def test_an_old_row_sheds_what_it_need_not_keep() -> None:
    old = given(*(visited(T0 + number * DAY, EMAIL) for number in range(30)))
    clock = T0 + 45 * DAY
    assert len(given(viewed(clock), clock=clock, prior=old).own.series["$page"]) == 14
