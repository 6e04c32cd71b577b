"""The fold of one row: events, duplicates, late ones, links and parts, members and time."""

from typing import Any

import msgspec
import pytest

from streams.activity import STORED, THINNED
from streams.asks import Trigger, Withdrawn
from streams.events import (
    NO_TIME,
    Barrier,
    Facts,
    Forget,
    Link,
    Millis,
    PartDetached,
    PartMoved,
    Record,
    Source,
    Split,
    Taken,
    UserEvent,
)
from streams.policy import UNITS_MS, Ask, Condition, Policy, Segment
from streams.profile import LINKS_AT_MOST, NEVER, Profile, Step, advance, apply, due, pack, unpack
from streams.segments import Change

T0 = 1_760_000_000_000
MINUTE, DAY = UNITS_MS["m"], UNITS_MS["d"]
WINDOW = 30 * DAY
THREE = Segment("three", (Condition("Report Viewed", 3, WINDOW),), every=True)
BUSY = Segment("busy", (Condition("Report Viewed", 2, 10 * MINUTE),), every=True)
REVIEW = Ask("review", "three", "review", "in-app", "none", 90 * DAY)
POLICY = Policy(1, (THREE,), (REVIEW,))

DIRECT = Source("Direct", "Direct")
EMAIL = Source("Email", "Email", campaign="spring")
USER, OTHER, ANON = "user:u1", "user:u2", "anon:a1"


def viewed(
    at: Millis, number: int = 0, alias: str = USER, *, received_at: Millis | None = None, **fields: Any
) -> UserEvent:
    """A report viewed, received at once; the id is that of its instant unless a number is given."""
    name = fields.pop("name", "Report Viewed")
    return UserEvent(alias, f"m{number or at - T0}", at, at if received_at is None else received_at, name, **fields)


def visited(at: Millis, source: Source | None, number: int = 0, alias: str = USER, **fields: Any) -> UserEvent:
    return viewed(at, number, alias, name="$page", visit=True, source=source, **fields)


def after(*records: Record, policy: Policy = POLICY, prior: Profile | None = None) -> Step:
    """What the last of these records comes to, when all of its received time are there: nothing later is known."""
    now, last = NO_TIME, None
    for record in records:
        now = max(now, getattr(record, "received_at", NO_TIME))
        last = apply(prior, record, policy, now=now)
        prior = last.profile
    assert last is not None
    last.announcements += advance(last.profile, now, policy, since=0).announcements
    return last


def given(*records: Record, policy: Policy = POLICY, prior: Profile | None = None) -> Profile:
    """The row after these records."""
    return after(*records, policy=policy, prior=prior).profile


def passed(profile: Profile, instant: Millis, policy: Policy = POLICY, *, since: Millis = 0) -> Step:
    """What time alone comes to, up to and with an instant."""
    return advance(profile, instant, policy, since=since)


def history(
    *records: Record, policy: Policy = POLICY, until: Millis = T0 + 99 * DAY
) -> list[tuple[str, bool, int, int]]:
    """All changes that these records and time make."""
    found: list[tuple[str, bool, int, int]] = []
    profile = None
    for record in records:
        step = apply(profile, record, policy, now=getattr(record, "received_at", NO_TIME))
        profile, found = step.profile, found + changes(step)
    assert profile is not None
    return found + changes(passed(profile, until, policy))


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


def withdrawals(step: Step) -> list[Withdrawn]:
    return [said for said in step.announcements if isinstance(said, Withdrawn)]


def member(since: Millis = T0) -> Profile:
    """Somebody who entered `three` at `since`."""
    return given(viewed(since - 2), viewed(since - 1), viewed(since))


# Events.


def test_an_event_is_stored_once() -> None:
    assert count(given(viewed(T0))) == 1
    assert after(viewed(T0), viewed(T0)).duplicate
    assert count(given(viewed(T0), viewed(T0))) == 1


def test_the_earlier_copy_of_a_message_wins_whichever_comes_first() -> None:
    for copies in ((viewed(T0, 7), viewed(T0 + 5, 7)), (viewed(T0 + 5, 7), viewed(T0, 7, received_at=T0 + 5))):
        step = after(*copies)
        assert step.duplicate
        assert (count(step.profile), step.profile.latest) == (1, T0)


def test_of_copies_with_equal_instants_the_one_stays_whose_name_sorts_first() -> None:
    copies = (viewed(T0, 7), viewed(T0, 7, name="Dashboard Shared"))
    for order in (copies, copies[::-1]):
        profile = given(*order)
        assert (count(profile), count(profile, "Dashboard Shared")) == (0, 1)


def test_an_earlier_copy_may_have_another_name_and_another_source() -> None:
    profile = given(visited(T0 + 5, DIRECT, 7), viewed(T0, 7, received_at=T0 + 5))
    assert (count(profile), count(profile, "$page")) == (1, 0)
    assert profile.last_touch is None


def test_whoever_loses_ground_to_an_earlier_copy_leaves_when_that_is_received() -> None:
    policy = Policy(1, (BUSY,))
    here = given(viewed(T0, 1), viewed(T0 + 9 * MINUTE, 2), policy=policy)
    now = T0 + 9 * MINUTE + 700
    copy = viewed(T0 - MINUTE, 2, name="Login", received_at=now)
    assert changes(after(copy, policy=policy, prior=here)) == [("busy", False, now, now)]


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
    row = pack(before)
    bot = visited(T0 + 1, EMAIL, bot=True, email="bot@example.com")
    assert pack(given(bot, prior=before)) == row


def test_a_barrier_is_no_business_of_a_row() -> None:
    with pytest.raises(TypeError):
        apply(None, Barrier("web-events/0"), POLICY, now=T0)


# Late.


def test_an_event_a_horizon_older_than_its_receipt_is_late_and_a_millisecond_younger_is_not() -> None:
    assert after(viewed(T0 - WINDOW, received_at=T0)).late
    assert count(given(viewed(T0 - WINDOW, received_at=T0))) == 0
    assert not after(viewed(T0 - WINDOW + 1, received_at=T0)).late
    assert count(given(viewed(T0 - WINDOW + 1, received_at=T0))) == 1


def test_a_longer_rule_keeps_events_longer() -> None:
    policy = Policy(1, (Segment("s", (Condition("Report Viewed", 1, 90 * DAY),), every=True),))
    assert after(viewed(T0 - 90 * DAY, received_at=T0), policy=policy).late
    assert not after(viewed(T0 - 90 * DAY + 1, received_at=T0), policy=policy).late


def test_a_late_visit_moves_the_first_touch_and_nothing_else() -> None:
    before = given(visited(T0 - 1, DIRECT))
    series, last = pack(before), before.last_touch
    step = after(visited(T0 - 2 * WINDOW, EMAIL, received_at=T0), prior=before)
    assert step.late
    assert step.profile.first_touch is not None
    assert step.profile.first_touch.at == T0 - 2 * WINDOW
    assert (step.profile.last_touch, step.profile.last_non_direct) == (last, None)
    assert step.profile.own.series == unpack(series).own.series


def test_a_late_visit_of_the_own_site_moves_nothing() -> None:
    before = given(visited(T0 - 1, DIRECT))
    row = pack(before)
    assert pack(given(visited(T0 - 2 * WINDOW, None, received_at=T0), prior=before)) == row


def test_traits_are_taken_from_late_and_repeated_events_too() -> None:
    late = UserEvent(USER, "m1", T0 - 2 * WINDOW, T0, full_name="Ada")
    assert given(late).full_name == "Ada"
    assert given(viewed(T0, 7), viewed(T0, 7, email="a@example.com")).email == "a@example.com"


@pytest.mark.parametrize(("later", "duplicate"), [(WINDOW - 1, True), (WINDOW, False)])
def test_a_copy_whose_earlier_one_has_expired_is_an_event_of_its_own_however_long_the_row_keeps_it(
    later: Millis, duplicate: bool
) -> None:
    step = after(viewed(T0 + 9, 7, received_at=T0 + later), prior=given(viewed(T0, 7)))
    assert step.duplicate == duplicate
    assert count(step.profile) == 1


# Traits.


def test_email_and_name_are_those_said_last() -> None:
    said = [
        viewed(T0 + 1, email="new@example.com"),
        viewed(T0, email="old@example.com", full_name="Ada", received_at=T0 + 1),
    ]
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
    later = T0 + 20 * MINUTE
    profile = given(visited(later, DIRECT), visited(T0, EMAIL, received_at=later))
    assert profile.last_touch is not None
    assert (profile.last_touch.at, profile.last_touch.source) == (T0, EMAIL)


def test_the_first_touch_need_not_begin_a_session() -> None:
    profile = given(visited(T0, None), visited(T0 + 1, DIRECT))
    assert profile.first_touch is not None
    assert profile.first_touch.at == T0 + 1
    assert profile.last_touch is None


def test_touches_outlive_the_visits_that_they_were() -> None:
    profile = given(visited(T0, EMAIL))
    first = profile.last_touch
    now = T0 + 40 * DAY
    later = given(viewed(now, name="Login"), visited(now + 1, None), prior=profile)
    assert count(later, "$page") == 1
    assert later.last_touch == later.first_touch == first != None  # noqa: E711


# Segments: what becomes known.


def test_whoever_does_it_often_enough_enters_at_the_instant_of_the_last_event() -> None:
    step = after(viewed(T0 - 2), viewed(T0 - 1), viewed(T0))
    assert changes(step) == [("three", True, T0, T0)]
    assert step.profile.standings["three"].member


def test_an_event_that_is_not_enough_announces_nothing() -> None:
    assert after(viewed(T0 - 1), viewed(T0)).announcements == []


def test_nothing_is_decided_while_more_of_the_same_received_time_may_come() -> None:
    two = given(viewed(T0 - 2), viewed(T0 - 1))
    third = apply(two, viewed(T0), POLICY, now=T0)
    assert third.announcements == []
    assert changes(passed(third.profile, T0 - 1)) == []
    assert changes(passed(third.profile, T0)) == [("three", True, T0, T0)]


def test_the_next_record_decides_what_was_left_undecided_at_its_own_instant() -> None:
    three = apply(given(viewed(T0 - 2), viewed(T0 - 1)), viewed(T0), POLICY, now=T0).profile
    later = apply(three, viewed(T0 + 5 * DAY, name="Login"), POLICY, now=T0 + 5 * DAY)
    assert changes(later) == [("three", True, T0, T0)]


def test_a_decision_knows_nothing_of_what_is_received_later() -> None:
    named = viewed(T0 + 1, name="", email="ann@example.com", full_name="Ann")
    three = apply(given(viewed(T0 - 2), viewed(T0 - 1)), viewed(T0), POLICY, now=T0).profile
    (trigger,) = triggers(apply(three, named, POLICY, now=T0 + 1))
    assert (trigger.email, trigger.full_name, trigger.change.announced_at) == (None, None, T0)


def test_records_of_one_received_time_are_one_step_whatever_their_order() -> None:
    """The part that brings the third event, and the detach that takes it away."""
    moved = part_of(after(viewed(T0 - 3, alias=ANON), link(at=T0 - 2, received_at=T0)))
    gone = PartDetached(ANON, USER, (2,), "link", received_at=T0)
    step = after(moved, gone, prior=given(viewed(T0 - 2), viewed(T0 - 1)))
    assert step.announcements == []
    assert step.profile.standings == {}


def test_what_came_late_is_announced_with_the_instant_at_which_it_happened() -> None:
    step = after(viewed(T0 - 9), viewed(T0 - 5), viewed(T0 - 7, received_at=T0))
    assert changes(step) == [("three", True, T0 - 5, T0)]


def test_three_events_of_last_week_received_today_make_a_stay_since_last_week_announced_today() -> None:
    week = T0 - 7 * DAY
    step = after(*(viewed(week + number, received_at=T0) for number in (2, 0, 1)))
    assert changes(step) == [("three", True, week + 2, T0)]


def test_a_stay_that_was_over_when_what_makes_it_was_received_is_not_announced() -> None:
    late = viewed(T0 + 1, received_at=T0 + 60 * MINUTE)
    assert history(viewed(T0), late, policy=Policy(1, (BUSY,))) == []


def test_a_late_event_never_moves_the_beginning_of_an_open_stay() -> None:
    step = after(viewed(T0 - DAY, received_at=T0), prior=member())
    assert step.announcements == []
    assert step.profile.standings["three"].entered_at == T0


def test_an_anonymous_alias_is_in_no_segment() -> None:
    profile = given(*(viewed(T0 + number, alias=ANON) for number in range(5)))
    assert (profile.standings, profile.wakes_at, profile.undecided) == ({}, NEVER, None)
    assert passed(profile, T0 + 100 * DAY).announcements == []


def test_events_of_which_no_rule_knows_leave_nothing_to_decide() -> None:
    assert apply(member(), viewed(T0 + 5, name="Login"), POLICY, now=T0 + 5).profile.undecided is None


# Segments: what time does.


def test_a_member_leaves_at_the_exact_instant_without_any_traffic() -> None:
    here, end = member(), T0 - 2 + WINDOW
    assert here.wakes_at == end
    assert passed(here, end - 1).announcements == []
    assert changes(passed(here, end)) == [("three", False, end, end)]


def test_however_late_one_looks_the_leave_is_announced_for_its_instant() -> None:
    end = T0 - 2 + WINDOW
    left = passed(member(), T0 + 99 * DAY)
    assert changes(left) == [("three", False, end, end)]
    assert left.profile.standings["three"].left_at == end


def test_so_it_is_when_a_record_comes_first() -> None:
    end = T0 - 2 + WINDOW
    step = apply(member(), viewed(T0 + 99 * DAY, name="Login"), POLICY, now=T0 + 99 * DAY)
    assert changes(step) == [("three", False, end, end)]


def test_each_event_of_a_member_puts_leaving_off() -> None:
    here = given(viewed(T0 + 5), prior=member())
    assert passed(here, T0 - 2 + WINDOW).announcements == []
    assert here.wakes_at == T0 - 1 + WINDOW


@pytest.mark.parametrize(
    ("after_ms", "stays"), [(10 * MINUTE - 1, True), (10 * MINUTE, True), (10 * MINUTE + 1, False)]
)
def test_an_event_at_the_very_instant_at_which_another_goes_leaves_no_gap(after_ms: Millis, stays: bool) -> None:
    policy, last = Policy(1, (BUSY,)), T0 + after_ms
    found = history(viewed(T0), viewed(T0 + 5), viewed(last), policy=policy, until=last)
    left = [("busy", False, T0 + 10 * MINUTE, T0 + 10 * MINUTE), ("busy", True, last, last)]
    assert found == [("busy", True, T0 + 5, T0 + 5), *([] if stays else left)]


def test_time_that_has_passed_does_not_pass_again() -> None:
    left = passed(member(), T0 + 99 * DAY).profile
    for instant in (T0 + 99 * DAY, T0):
        assert passed(left, instant) == Step(left)


def test_each_stay_between_two_looks_is_announced_in_order() -> None:
    back = T0 + 20 * MINUTE
    assert history(viewed(T0), viewed(T0 + 1), viewed(back), viewed(back + 1), policy=Policy(1, (BUSY,))) == [
        ("busy", True, T0 + 1, T0 + 1),
        ("busy", False, T0 + 10 * MINUTE, T0 + 10 * MINUTE),
        ("busy", True, back + 1, back + 1),
        ("busy", False, back + 10 * MINUTE, back + 10 * MINUTE),
    ]


def test_a_stay_does_not_begin_before_the_one_before_it_ended() -> None:
    """What comes late fills the gap that everybody was told of."""
    end, now = T0 + 10 * MINUTE, T0 + 12 * MINUTE
    fillers = [viewed(end - MINUTE + number, received_at=now) for number in (0, 1)]
    found = history(viewed(T0), viewed(T0 + 1), *fillers, policy=Policy(1, (BUSY,)), until=now)
    assert found == [("busy", True, T0 + 1, T0 + 1), ("busy", False, end, end), ("busy", True, end, now)]


def test_how_much_longer_a_row_keeps_events_than_it_must_does_not_show() -> None:
    """The event of the first day is there still, but a horizon old: the stay cannot rest on it."""
    policy = Policy(1, (Segment("both", (Condition("A", 1, WINDOW), Condition("B", 1, WINDOW)), every=True),))
    second, now = T0 + 29 * DAY, T0 + WINDOW + 5
    events = [viewed(T0, name="A"), viewed(second, name="A"), viewed(T0 + 6, name="B", received_at=now)]
    step = after(*events, policy=policy)
    assert count(step.profile, "A") == 2
    assert changes(step) == [("both", True, second, now)]


def test_with_more_than_1024_events_the_rule_stays_exact() -> None:
    policy = Policy(1, (Segment("many", (Condition("Report Viewed", 1001, 2 * DAY),), every=True),))
    step = 2 * MINUTE
    profile = given(*(viewed(at) for at in range(T0, T0 + 1500 * step, step)), policy=policy)
    assert profile.own.series["Report Viewed"].hours != {}
    assert STORED <= len(profile.own.series["Report Viewed"]) < STORED + THINNED
    assert profile.standings["many"].entered_at == T0 + 1000 * step
    end = T0 + 499 * step + 2 * DAY
    assert changes(passed(profile, T0 + WINDOW, policy)) == [("many", False, end, end)]


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


def test_what_an_entry_counts_is_counted_when_it_is_announced() -> None:
    (trigger,) = triggers(after(viewed(T0 - 9), viewed(T0 - 5), viewed(T0 - 7, received_at=T0)))
    assert [(one.count, one.until) for one in trigger.change.why] == [(3, T0)]


@pytest.mark.parametrize(("email", "asked"), [("ann@example.com", 1), (None, 0)])
def test_who_is_asked_by_email_has_an_address(email: str | None, asked: int) -> None:
    policy = Policy(1, (THREE,), (Ask("mail", "three", "review", "email", "none", DAY),))
    step = after(viewed(T0 - 2), viewed(T0 - 1), viewed(T0, email=email), policy=policy)
    assert changes(step) == [("three", True, T0, T0)]
    assert len(triggers(step)) == asked
    assert [gate.passed for gate in step.profile.asked["mail"].gates] == [True, email is not None, True]


def test_an_address_that_comes_in_the_same_millisecond_is_known() -> None:
    policy = Policy(1, (THREE,), (Ask("mail", "three", "review", "email", "none", DAY),))
    said = UserEvent(USER, "m9", T0, T0, email="ann@example.com")
    for last in ((viewed(T0), said), (said, viewed(T0))):
        events = [viewed(T0 - 2), viewed(T0 - 1), *last]
        assert triggers(after(*events, policy=policy))[0].email == "ann@example.com"


def test_who_comes_back_in_the_cooldown_is_not_asked_again() -> None:
    left = passed(member(), T0 + 40 * DAY).profile
    step = after(*(viewed(T0 + 40 * DAY + number) for number in (1, 2, 3)), prior=left)
    assert changes(step) == [("three", True, T0 + 40 * DAY + 3, T0 + 40 * DAY + 3)]
    assert triggers(step) == []
    assert step.profile.asked["review"].trigger_id is None
    assert step.profile.asked["review"].asked_at == T0


def test_who_comes_back_after_it_is_asked_again_under_another_id() -> None:
    (first,) = triggers(after(viewed(T0 - 2), viewed(T0 - 1), viewed(T0)))
    left = passed(member(), T0 + 80 * DAY).profile
    step = after(*(viewed(T0 + 90 * DAY - number) for number in (2, 1, 0)), prior=left)
    (second,) = triggers(step)
    assert first.trigger_id != second.trigger_id


def test_the_same_log_makes_the_same_trigger() -> None:
    log = [viewed(T0 - 2), viewed(T0 - 1), viewed(T0)]
    assert triggers(after(*log)) == triggers(after(*log)) != []


# Rules change.


def test_new_rules_wake_every_row_at_once() -> None:
    row = pack(member())
    assert due(row, POLICY) == T0 - 2 + WINDOW
    assert due(row, Policy(2, (THREE,))) == 0


def test_who_fulfils_a_new_rule_enters_and_is_announced_when_the_rule_came() -> None:
    policy = Policy(2, (THREE, Segment("two", (Condition("Report Viewed", 2, WINDOW),), every=True)))
    step = passed(member(), T0 + 900, policy, since=T0 + 700)
    assert changes(step) == [("two", True, T0 - 1, T0 + 700)]
    assert step.profile.rule_version == 2
    assert passed(step.profile, T0 + 950, policy, since=T0 + 700).announcements == []


def test_who_does_not_fulfil_a_changed_rule_any_more_leaves_when_it_came() -> None:
    policy = Policy(2, (Segment("three", (Condition("Report Viewed", 4, WINDOW),), every=True),))
    assert changes(passed(member(), T0 + 900, policy, since=T0 + 700)) == [("three", False, T0 + 700, T0 + 700)]


def test_who_is_in_by_both_rules_stays_in_the_same_stay() -> None:
    policy = Policy(2, (Segment("three", (Condition("Report Viewed", 2, WINDOW),), every=True),), (REVIEW,))
    step = passed(member(), T0 + 900, policy, since=T0 + 700)
    assert step.announcements == []
    assert step.profile.standings["three"].entered_at == T0
    assert step.profile.wakes_at == T0 - 1 + WINDOW


def test_the_members_of_a_segment_that_is_gone_leave_it() -> None:
    step = passed(member(), T0 + 900, Policy(2), since=T0 + 700)
    assert changes(step) == [("three", False, T0 + 700, T0 + 700)]
    assert step.profile.standings == {}


def test_an_anonymous_row_only_takes_the_version_over() -> None:
    step = passed(given(viewed(T0, alias=ANON)), T0 + 900, Policy(2, (BUSY,)), since=T0 + 700)
    assert (step.announcements, step.profile.rule_version) == ([], 2)


def test_what_is_received_at_the_instant_at_which_new_rules_come_counts_by_them() -> None:
    policy = Policy(2, (Segment("three", (Condition("Report Viewed", 4, WINDOW),), every=True),))
    here = passed(member(), T0 + 699, policy, since=T0 + 700)
    assert here.announcements == []
    fourth = viewed(T0 + 700)
    assert after(fourth, policy=policy, prior=here.profile).announcements == []
    assert here.profile.standings["three"].entered_at == T0


# Links and parts.


def link(to: str = USER, at: Millis = T0, number: int = 1, received_at: Millis = T0) -> Link:
    return Link(ANON, to, f"l{number}", at, received_at)


def detach(received_at: Millis = T0, why: Taken = "link", path: tuple[int, ...] = (2,)) -> PartDetached:
    return PartDetached(ANON, USER, path, why, received_at=received_at)


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


@pytest.mark.parametrize("straggler", [viewed(T0, alias=ANON), viewed(T0 - 2 * WINDOW, alias=ANON, received_at=T0)])
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
    step = after(moved_part(), prior=given(viewed(T0 - 9)))
    assert changes(step) == [("three", True, T0 - 2, T0)]


def test_a_part_and_a_detach_are_received_when_that_was_which_made_the_owner_change() -> None:
    step = after(link(), link(OTHER, T0 - 1, 2, received_at=T0 + 7))
    assert [getattr(one, "received_at", None) for one in step.forwards] == [T0 + 7, T0 + 7]
    told = after(link(), Split(ANON, True, "s", T0 + 9, T0 + 9))
    assert told.forwards == (PartDetached(ANON, USER, (2,), "split", received_at=T0 + 9),)


def test_what_a_record_of_salesforce_moves_has_no_received_time() -> None:
    lead = [Facts("sf:00Ql1", number, "Lead", T0, owner=owner) for number, owner in enumerate((OTHER, USER))]
    assert [(type(one), getattr(one, "received_at", None)) for one in after(*lead).forwards] == [
        (PartDetached, NO_TIME),
        (PartMoved, NO_TIME),
    ]
    assert getattr(after(*lead).forwards[0], "why", None) == "record"


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
    assert detached == detach()
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


def moved_part() -> PartMoved:
    """Two events of the visitor, on their way to the user."""
    return part_of(after(viewed(T0 - 3, alias=ANON), viewed(T0 - 2, alias=ANON), link()))


def test_a_detached_part_takes_its_events_and_touches_with_it() -> None:
    moved = part_of(after(visited(T0 - 1, EMAIL, alias=ANON), viewed(T0, alias=ANON), link()))
    person = given(viewed(T0), moved, detach())
    assert (count(person), person.first_touch, person.last_touch) == (1, None, None)


def test_who_loses_ground_with_a_part_leaves_when_that_is_received() -> None:
    here = given(viewed(T0 - 1), moved_part())
    assert changes(after(detach(T0 + 700), prior=here)) == [("three", False, T0 + 700, T0 + 700)]


@pytest.mark.parametrize(("later", "kept"), [(WINDOW - 1, False), (WINDOW, True)])
def test_what_had_been_sealed_before_the_part_left_stays(later: Millis, kept: bool) -> None:
    person = given(part_of(after(visited(T0, EMAIL, alias=ANON), link())))
    touch = person.last_touch
    assert given(detach(T0 + later), prior=person).last_touch == (touch if kept else None)


def test_a_part_of_a_stranger_can_be_detached() -> None:
    profile = given(detach())
    assert profile.attached == {}


def test_touches_that_the_part_had_sealed_by_itself_compete() -> None:
    now = T0 + 40 * DAY
    home = given(visited(T0, EMAIL, alias=ANON))
    person = given(part_of(after(link(received_at=now), prior=home)))
    assert person.last_touch is not None
    assert person.last_touch.source == EMAIL
    newer = given(visited(now, DIRECT), prior=person)
    assert newer.last_touch is not None
    assert newer.last_non_direct is not None
    assert (newer.last_touch.source, newer.last_non_direct.source) == (DIRECT, EMAIL)


def test_a_straggler_is_late_at_the_person_if_it_was_at_home() -> None:
    straggler = visited(T0, EMAIL, alias=ANON, person=USER, received_at=T0 + WINDOW)
    step = after(part_of(after(link(received_at=T0 + WINDOW - 9))), straggler)
    assert step.late
    assert (step.profile.first_touch is None, step.profile.last_touch) == (False, None)


def test_visits_of_a_person_and_of_its_parts_are_one_series_of_sessions() -> None:
    later = T0 + 20 * MINUTE
    moved = part_of(after(visited(T0, EMAIL, alias=ANON), link(received_at=later)))
    person = given(visited(later, DIRECT), moved)
    assert person.last_touch is not None
    assert person.last_touch.at == T0


def test_a_kiosk_does_not_grow_a_row_without_bound() -> None:
    profile = given(*(Link(ANON, f"user:{number}", f"l{number}", T0 + number, T0) for number in range(LINKS_AT_MOST)))
    step = after(Link(ANON, "user:one-too-many", "l", T0 - 1, T0), prior=profile)
    assert len(step.profile.links) == LINKS_AT_MOST
    assert step.quarantined


# Withdrawal.


def entered_by_a_part() -> Profile:
    """Somebody who is in `three`, and was asked, because of what a visitor did."""
    here = after(viewed(T0 - 1), moved_part())
    assert len(triggers(here)) == 1
    return here.profile


def test_the_trigger_of_a_stay_that_ends_with_a_part_is_withdrawn_right_after_it() -> None:
    here = entered_by_a_part()
    made = here.asked["review"].trigger_id
    left, withdrawn = after(detach(T0 + 700, "split"), prior=here).announcements
    assert isinstance(left, Change)
    assert (left.entered, left.at, left.announced_at) == (False, T0 + 700, T0 + 700)
    assert withdrawn == Withdrawn(made, "review", USER, T0 + 700, "split")


def test_of_several_reasons_the_one_counts_that_sorts_first() -> None:
    others = [PartDetached(f"anon:a{n}", USER, (2,), why, received_at=T0 + 7) for n, why in ((1, "split"), (2, "link"))]
    parts = [part_of(after(viewed(T0 - n, alias=f"anon:a{n}"), Link(f"anon:a{n}", USER, "l", T0, T0))) for n in (1, 2)]
    for order in (others, others[::-1]):
        here = given(*parts, viewed(T0))
        assert [one.reason for one in withdrawals(after(*order, prior=here))] == ["link"]


def test_as_long_as_the_stay_goes_on_nothing_is_withdrawn() -> None:
    here = given(viewed(T0), viewed(T0 + 1), prior=entered_by_a_part())
    assert after(detach(T0 + 700), prior=here).announcements == []


def test_a_part_that_is_taken_and_given_in_one_millisecond_takes_nobody_out() -> None:
    again = msgspec.structs.replace(moved_part(), path=(3,), received_at=T0 + 700)
    assert after(detach(T0 + 700), again, prior=entered_by_a_part()).announcements == []


def test_what_time_or_an_earlier_copy_ends_is_not_withdrawn() -> None:
    by_time = passed(entered_by_a_part(), T0 + 40 * DAY)
    assert (len(changes(by_time)), withdrawals(by_time)) == (1, [])
    copy = viewed(T0 - 5, -1, name="Login", received_at=T0 + 700)
    by_copy = after(copy, prior=entered_by_a_part())
    assert (len(changes(by_copy)), withdrawals(by_copy)) == (1, [])


def test_a_part_that_is_taken_after_the_stay_withdraws_nothing() -> None:
    left = passed(entered_by_a_part(), T0 + 40 * DAY).profile
    assert withdrawals(after(detach(T0 + 41 * DAY), prior=left)) == []


def test_only_the_trigger_of_the_open_stay_is_withdrawn() -> None:
    """Asked in June, back in July within the cooldown: what July rested on is no ground to take June back."""
    june, july = passed(member(), T0 + 31 * DAY).profile, T0 + 40 * DAY
    visitor = [viewed(july - n, alias=ANON) for n in (3, 2)]
    back = after(viewed(july - 1), part_of(after(*visitor, link(at=july, received_at=july))), prior=june)
    assert (len(changes(back)), triggers(back)) == (1, [])
    left = after(detach(july + 700), prior=back.profile)
    assert (len(changes(left)), withdrawals(left)) == (1, [])
    assert left.profile.asked["review"].last_trigger is not None


def test_all_asks_of_the_segment_are_withdrawn_by_name_and_those_of_others_are_not() -> None:
    asks = [
        Ask(name, segment, "x", "in-app", "none", DAY)
        for name, segment in (("b", "three"), ("a", "three"), ("c", "busy"))
    ]
    policy = Policy(1, (THREE, BUSY), tuple(asks))
    here = after(viewed(T0), viewed(T0 - 1, received_at=T0), moved_part(), policy=policy)
    assert sorted(one.ask.name for one in triggers(here)) == ["a", "b", "c"]
    assert [one.ask for one in withdrawals(after(detach(T0 + 700), policy=policy, prior=here.profile))] == ["a", "b"]


def test_the_cooldown_goes_on_after_a_withdrawal() -> None:
    left = given(detach(T0 + 700), prior=entered_by_a_part())
    back = after(viewed(T0 + 801), viewed(T0 + 802), viewed(T0 + 803), prior=left)
    assert (len(changes(back)), triggers(back)) == (1, [])
    assert back.profile.asked["review"].withdrawn_at == T0 + 700


def test_what_was_withdrawn_once_is_not_withdrawn_again() -> None:
    left = given(detach(T0 + 700), prior=entered_by_a_part())
    assert withdrawals(after(Forget(USER, received_at=T0 + 900), prior=left)) == []


# Rows.


def test_a_row_is_read_as_it_was_written() -> None:
    profile = given(visited(T0, EMAIL), part_of(after(viewed(T0, alias=ANON), link())), prior=member())
    assert unpack(pack(profile)) == profile


def test_what_is_undecided_is_decided_before_a_row_is_written() -> None:
    """Rows say nothing of it: whoever writes one has to have decided."""
    three = apply(given(viewed(T0 - 2), viewed(T0 - 1)), viewed(T0), POLICY, now=T0).profile
    assert passed(three, T0).profile.undecided is None
    assert unpack(pack(three)).undecided is None


def test_an_old_row_sheds_what_it_need_not_keep() -> None:
    old = given(*(visited(T0 + number * DAY, EMAIL) for number in range(30)))
    assert len(given(viewed(T0 + 45 * DAY), prior=old).own.series["$page"]) == 14
