"""Who enters and leaves when, of what was received by then (docs/semantics.md, parts 0 and 5)."""

from agents.verify.people import EVER, Era, Input, Membership, Recount, Standing, recount
from agents.verify.rules import Rules, parse
from tests.agents.verify.people.given import (
    ADDRESS,
    DAY,
    HOUR,
    OTHER,
    T0,
    TWICE_A_WEEK,
    USER,
    VISITOR,
    did,
    forget,
    instant,
    iso,
    link,
    rules,
    split,
)

LATER = T0 + 1000 * DAY


def told(found: Recount, person: str = USER) -> list[tuple[str, int, int]]:
    """(change, at, announced at), instants since T0."""
    changes = found.people[person].changes if person in found.people else []
    return [("in" if one.entered else "out", one.at - T0, one.announced_at - T0) for one in changes]


def story(*inputs: Input, policy: Rules = TWICE_A_WEEK, until: int = LATER, person: str = USER):
    return told(recount(inputs, policy, until), person)


def test_a_stay_begins_with_the_event_that_makes_the_rule_hold_and_ends_to_the_millisecond() -> None:
    ats = ["2025-11-09T17:34:20.992", "2025-11-12T03:30:08.696", "2025-11-17T15:33:35.418", "2025-11-19T10:52:37.509"]
    found = recount([did(instant(at)) for at in ats], TWICE_A_WEEK, LATER).people[USER]
    assert [("in" if one.entered else "out", iso(one.at), one.announced_at == one.at) for one in found.changes] == [
        ("in", "2025-11-12T03:30:08.696", True),
        ("out", "2025-11-16T17:34:20.992", True),
        ("in", "2025-11-17T15:33:35.418", True),
        ("out", "2025-11-19T03:30:08.696", True),
        ("in", "2025-11-19T10:52:37.509", True),
        ("out", "2025-11-24T15:33:35.418", True),
    ]


def test_nothing_is_decided_after_the_instant_up_to_which_all_is_known() -> None:
    events = did(T0), did(T0 + HOUR)
    assert story(*events, until=T0 + HOUR - 1) == []
    assert story(*events, until=T0 + HOUR) == [("in", HOUR, HOUR)]
    assert story(*events, until=T0 + 7 * DAY - 1) == [("in", HOUR, HOUR)]
    assert story(*events, until=T0 + 7 * DAY) == [("in", HOUR, HOUR), ("out", 7 * DAY, 7 * DAY)]


def test_the_order_in_which_inputs_are_given_never_matters() -> None:
    events = [did(T0 + n * DAY) for n in range(5)]
    assert story(*events) == story(*reversed(events)) != []


def test_two_events_of_last_week_received_today_enter_since_last_week_and_are_announced_today() -> None:
    today = 3 * DAY
    assert story(did(T0, r=T0 + today), did(T0 + HOUR, r=T0 + today)) == [
        ("in", HOUR, today),
        ("out", 7 * DAY, 7 * DAY),
    ]


def test_an_event_received_after_its_stay_was_over_announces_nothing() -> None:
    assert story(did(T0), did(T0 + HOUR, r=T0 + 7 * DAY)) == []
    assert story(did(T0), did(T0 + HOUR, r=T0 + 7 * DAY - 1)) == [
        ("in", HOUR, 7 * DAY - 1),
        ("out", 7 * DAY, 7 * DAY),
    ]


def test_a_late_bridge_joins_no_stays_but_moves_the_next_back_to_the_end_of_the_one_before() -> None:
    """As is known by then the rule held without a gap; but nobody could have known while it was open."""
    first, second, third, bridge = T0, T0 + DAY, T0 + 8 * DAY, T0 + 2 * DAY
    assert story(did(first), did(second), did(third)) == [("in", DAY, DAY), ("out", 7 * DAY, 7 * DAY)]
    assert story(did(first), did(second), did(third), did(bridge, r=third + HOUR)) == [
        ("in", DAY, DAY),
        ("out", 7 * DAY, 7 * DAY),
        ("in", 7 * DAY, 8 * DAY + HOUR),
        ("out", 9 * DAY, 9 * DAY),
    ]


def test_nobody_enters_before_they_last_left() -> None:
    """At the bridge the rule has held, as is known now, since before the person left."""
    events = [did(T0), did(T0 + DAY), did(T0 + 2 * DAY, r=T0 + 7 * DAY + HOUR)]
    assert story(*events) == [
        ("in", DAY, DAY),
        ("out", 7 * DAY, 7 * DAY),
        ("in", 7 * DAY, 7 * DAY + HOUR),
        ("out", 8 * DAY, 8 * DAY),
    ]


def test_a_window_has_its_end_and_not_its_beginning() -> None:
    assert story(did(T0), did(T0 + 7 * DAY)) == []
    assert story(did(T0), did(T0 + 7 * DAY - 1))[0] == ("in", 7 * DAY - 1, 7 * DAY - 1)


def test_a_stretch_of_truth_is_looked_at_by_what_is_not_a_horizon_old_when_it_is() -> None:
    """With the first event, which is too old by then, it would go back to the second."""
    month = rules(("E", 2, "30d"))
    events = did(T0), did(T0 + 20 * DAY, r=T0 + 31 * DAY), did(T0 + 29 * DAY + HOUR, r=T0 + 30 * DAY)
    assert story(*events, policy=month)[0] == ("in", 29 * DAY + HOUR, 31 * DAY)


def test_what_expires_as_the_next_comes_leaves_no_gap() -> None:
    """At one instant one event is too old and another is there: the stay goes on."""
    assert story(did(T0), did(T0 + DAY), did(T0 + 7 * DAY)) == [("in", DAY, DAY), ("out", 8 * DAY, 8 * DAY)]
    assert story(did(T0), did(T0 + DAY), did(T0 + 7 * DAY + 1))[:3] == [
        ("in", DAY, DAY),
        ("out", 7 * DAY, 7 * DAY),
        ("in", 7 * DAY + 1, 7 * DAY + 1),
    ]


def test_records_of_one_received_time_are_one_step() -> None:
    """Between the two the rule would not hold: an earlier copy takes one event away and another one comes."""
    again = T0 + 6 * DAY
    copied, new = did(T0 - 5 * DAY, r=again, id="m"), did(again)
    assert story(did(T0), did(T0 + DAY, id="m"), copied) == [("in", DAY, DAY), ("out", 6 * DAY, 6 * DAY)]
    assert story(did(T0), did(T0 + DAY, id="m"), copied, new) == [("in", DAY, DAY), ("out", 7 * DAY, 7 * DAY)]


def test_all_conditions_have_to_hold_or_any_one() -> None:
    both = ("E", 2, "7d"), ("F", 1, "1d")
    inputs = did(T0), did(T0 + HOUR), did(T0 + DAY, name="F")
    assert story(*inputs, policy=rules(*both)) == [("in", DAY, DAY), ("out", 2 * DAY, 2 * DAY)]
    assert story(*inputs, policy=rules(*both, every=False)) == [("in", HOUR, HOUR), ("out", 7 * DAY, 7 * DAY)]


def test_any_rule_goes_on_from_one_condition_to_the_other() -> None:
    policy = rules(("E", 1, "1d"), ("F", 1, "3d"), every=False)
    over = 3 * DAY + HOUR
    assert story(did(T0), did(T0 + HOUR, name="F"), policy=policy) == [("in", 0, 0), ("out", over, over)]


def test_late_events_and_those_of_bots_and_without_a_name_count_nowhere() -> None:
    late = did(T0 - 30 * DAY, r=T0)
    assert recount([late, did(T0)], rules(("E", 2, "30d")), LATER).people[USER].changes == []
    just = did(T0 - 30 * DAY + 1, r=T0)
    assert story(just, did(T0), policy=rules(("E", 2, "30d"))) == [("in", 0, 0), ("out", 1, 1)]
    assert story(did(T0), did(T0 + 1, bot=True), did(T0 + 2, name="")) == []


def test_a_repeated_event_counts_once_and_when_it_happened_first() -> None:
    assert story(did(T0, id="m"), did(T0 + HOUR, id="m")) == []
    assert story(did(T0, id="m"), did(T0 - 1, r=T0 + HOUR, id="m"), did(T0 + DAY)) == [
        ("in", DAY, DAY),
        ("out", 7 * DAY - 1, 7 * DAY - 1),
    ]


def test_of_two_copies_of_one_instant_the_first_received_counts_then_the_name_that_sorts_first() -> None:
    other = did(T0, r=T0 + 1, id="m", name="D")
    assert story(did(T0, id="m"), other, did(T0 + 2)) == [("in", 2, 2), ("out", 7 * DAY, 7 * DAY)]
    assert story(did(T0, r=T0 + 1, id="m"), other, did(T0 + 2)) == []


def test_the_same_event_of_two_aliases_is_two() -> None:
    assert story(did(T0, id="m"), did(T0, alias=VISITOR, id="m"), link(T0 + 1)) == [
        ("in", 0, 1),
        ("out", 7 * DAY, 7 * DAY),
    ]


def test_a_copy_of_an_event_that_has_expired_is_a_new_one() -> None:
    again = did(T0 + 29 * DAY, r=T0 + 30 * DAY, id="m")
    assert story(did(T0, id="m"), again, did(T0 + 30 * DAY)) != []
    assert story(did(T0 + 1, id="m"), again, did(T0 + 30 * DAY)) == []


# -- links and splits ----------------------------------------------------------------------------------------------


def test_a_link_brings_what_the_visitor_did_and_a_split_takes_it_away() -> None:
    inputs = did(T0), did(T0 + HOUR, alias=VISITOR), link(T0 + DAY), split(T0 + 2 * DAY)
    assert story(*inputs) == [("in", HOUR, DAY), ("out", 2 * DAY, 2 * DAY)]


def test_an_earlier_link_that_comes_later_takes_the_part_elsewhere() -> None:
    inputs = [did(T0), did(T0, alias=OTHER), did(T0 + HOUR, alias=VISITOR), link(T0 + DAY)]
    inputs.append(link(T0 + 2 * DAY, to=OTHER, at=T0 + DAY - 1))
    assert story(*inputs) == [("in", HOUR, DAY), ("out", 2 * DAY, 2 * DAY)]
    assert story(*inputs, person=OTHER) == [("in", HOUR, 2 * DAY), ("out", 7 * DAY, 7 * DAY)]


def test_a_later_link_changes_nothing() -> None:
    inputs = did(T0), did(T0 + HOUR, alias=VISITOR), link(T0 + DAY), link(T0 + 2 * DAY, to=OTHER)
    found = recount(inputs, TWICE_A_WEEK, LATER)
    assert (found.owner, found.said[VISITOR]) == ({VISITOR: USER}, {USER, OTHER})
    assert found.received[USER][-1] == T0 + DAY


def test_an_event_of_a_visitor_of_an_address_is_the_user_s() -> None:
    ties = link(T0, to=ADDRESS), link(T0, ADDRESS, USER)
    assert story(did(T0), *ties, did(T0 + 1, alias=VISITOR)) == [("in", 1, 1), ("out", 7 * DAY, 7 * DAY)]
    assert recount(ties, TWICE_A_WEEK, LATER).people[USER].aliases == [VISITOR, ADDRESS, USER]


def test_a_link_and_its_event_of_one_instant_are_one_step() -> None:
    assert story(did(T0), did(T0 + DAY, alias=VISITOR), link(T0 + DAY)) == [
        ("in", DAY, DAY),
        ("out", 7 * DAY, 7 * DAY),
    ]


def test_a_part_that_goes_and_comes_at_one_instant_moves_nobody() -> None:
    inputs = did(T0), did(T0 + HOUR, alias=VISITOR), link(T0 + DAY, to=ADDRESS), link(T0 + DAY, ADDRESS, USER)
    direct = link(T0 + 2 * DAY, at=T0)
    assert story(*inputs, direct) == [("in", HOUR, DAY), ("out", 7 * DAY, 7 * DAY)]


def test_join_takes_a_split_back() -> None:
    inputs = (
        did(T0),
        did(T0 + HOUR, alias=VISITOR),
        link(T0 + DAY),
        split(T0 + 2 * DAY),
        split(T0 + 3 * DAY, apart=False),
    )
    assert story(*inputs) == [
        ("in", HOUR, DAY),
        ("out", 2 * DAY, 2 * DAY),
        ("in", 2 * DAY, 3 * DAY),
        ("out", 7 * DAY, 7 * DAY),
    ]


def test_only_users_are_in_segments() -> None:
    assert story(did(T0, alias=VISITOR), did(T0 + 1, alias=VISITOR), person=VISITOR) == []


# -- forgetting ----------------------------------------------------------------------------------------------------


def test_who_is_forgotten_leaves_and_is_not_heard_of_again() -> None:
    inputs = did(T0), did(T0 + HOUR), forget(T0 + DAY), did(T0 + DAY + 1), did(T0 + DAY + 2)
    assert story(*inputs) == [("in", HOUR, HOUR), ("out", DAY, DAY)]
    found = recount(inputs, TWICE_A_WEEK, LATER)
    assert (found.gone, found.people[USER].forgotten_at, found.received) == ({USER: T0 + DAY}, T0 + DAY, {})


def test_a_word_on_a_visitor_reaches_the_person_and_all_who_belong_to_it() -> None:
    ties = link(T0, to=ADDRESS), link(T0, ADDRESS, USER), link(T0, "anon:a2")
    found = recount([*ties, forget(T0 + 1, VISITOR)], TWICE_A_WEEK, LATER)
    assert set(found.gone) == {VISITOR, ADDRESS, USER, "anon:a2"}


def test_who_comes_to_belong_to_somebody_forgotten_is_forgotten_too() -> None:
    inputs = forget(T0), did(T0 + 1, alias=VISITOR), link(T0 + 2), did(T0 + 3, alias=VISITOR)
    assert recount(inputs, TWICE_A_WEEK, LATER).gone == {USER: T0, VISITOR: T0 + 2}


def test_a_part_that_goes_to_somebody_forgotten_is_taken_from_its_person() -> None:
    inputs = [did(T0), did(T0 + HOUR, alias=VISITOR), link(T0 + DAY), forget(T0 + DAY, OTHER)]
    found = recount([*inputs, link(T0 + 2 * DAY, to=OTHER, at=T0)], TWICE_A_WEEK, LATER)
    assert told(found) == [("in", HOUR, DAY), ("out", 2 * DAY, 2 * DAY)]
    assert (found.gone[VISITOR], found.people[USER].withdrawals[0].reason) == (T0 + 2 * DAY, "link")


def test_who_was_split_off_is_not_forgotten_with_the_person() -> None:
    inputs = link(T0), split(T0 + 1), forget(T0 + 2)
    assert set(recount(inputs, TWICE_A_WEEK, LATER).gone) == {USER}


def test_who_was_taken_elsewhere_before_the_word_came_down_is_spared() -> None:
    inputs = (
        did(T0, alias=VISITOR),
        link(T0),
        forget(T0 + 1),
        did(T0 + 2, alias=VISITOR),
        link(T0 + 3, to=OTHER, at=T0 - 1),
    )
    assert recount(inputs, TWICE_A_WEEK, LATER).gone.keys() == {USER, VISITOR}
    found = recount(inputs, TWICE_A_WEEK, LATER, spared={(VISITOR, USER): T0 + 3})
    assert (set(found.gone), told(found, OTHER)[:1]) == ({USER}, [("in", 2, 3)])


# -- rules that change ---------------------------------------------------------------------------------------------

OFTEN = rules(("E", 3, "7d"), version=2)


def changed(*inputs: Input, since: int = T0 + 2 * DAY, after: Rules = OFTEN, before: Rules = TWICE_A_WEEK):
    found = recount(inputs, after, LATER, eras=lambda _: [Era(before), Era(after, since)])
    changes = found.people[USER].changes
    return [("in" if one.entered else "out", one.at - T0, one.announced_at - T0, one.version) for one in changes]


def test_who_is_not_in_by_the_new_rule_leaves_as_it_changes() -> None:
    assert changed(did(T0), did(T0 + HOUR)) == [("in", HOUR, HOUR, 1), ("out", 2 * DAY, 2 * DAY, 2)]


def test_who_is_in_by_both_stays_and_who_comes_in_is_announced_as_it_changes() -> None:
    three = did(T0), did(T0 + HOUR), did(T0 + DAY)
    assert changed(*three) == [("in", HOUR, HOUR, 1), ("out", 7 * DAY, 7 * DAY, 2)]
    assert changed(*three, before=OFTEN, after=TWICE_A_WEEK)[0][:3] == ("in", DAY, DAY)
    two = changed(did(T0), did(T0 + HOUR), before=rules(("E", 3, "7d")), after=rules(("E", 2, "7d"), version=2))
    assert two == [("in", HOUR, 2 * DAY, 2), ("out", 7 * DAY, 7 * DAY, 2)]


def test_at_the_instant_of_the_change_the_new_rule_looks_at_what_was_received_then() -> None:
    assert changed(did(T0), did(T0 + HOUR), did(T0 + 2 * DAY)) == [
        ("in", HOUR, HOUR, 1),
        ("out", 7 * DAY, 7 * DAY, 2),
    ]


def test_a_segment_that_the_file_no_longer_has_is_left() -> None:
    after = parse({"version": 2})
    assert changed(did(T0), did(T0 + HOUR), after=after) == [("in", HOUR, HOUR, 1), ("out", 2 * DAY, 2 * DAY, 2)]


def test_before_the_first_rules_nobody_is_in() -> None:
    found = recount([did(T0), did(T0 + HOUR)], TWICE_A_WEEK, LATER, eras=lambda _: [Era(TWICE_A_WEEK, T0 + DAY)])
    assert told(found) == [("in", HOUR, DAY), ("out", 7 * DAY, 7 * DAY)]


def test_decisions_go_on_from_where_unknown_rules_left_the_person() -> None:
    eras = [Era(None), Era(TWICE_A_WEEK, T0 + 2 * DAY)]
    known = {USER: Standing({"s": Membership(member=True, entered_at=T0 + 7)})}
    inputs = did(T0), did(T0 + HOUR)
    found = recount(inputs, TWICE_A_WEEK, LATER, eras=lambda _: eras, known=known)
    assert told(found) == [("out", 7 * DAY, 7 * DAY)]
    assert found.people[USER].changes[0].entered_at == T0 + 7
    assert EVER < T0
