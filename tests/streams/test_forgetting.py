"""Forgetting: who passes the word on, who obeys it, and what takes back what was said."""

from streams.account.messages import Forgotten, Touches
from streams.activity import Part
from streams.asks import Asked, Trigger, Withdrawn
from streams.events import Alias, Facts, Forget, Link, PartMoved, Record, UserEvent
from streams.policy import UNITS_MS, Ask, Condition, Policy, Segment
from streams.profile import Attached, Profile, Step, answer, apply, gone_key, needs_a_row, pack_moved
from streams.profile.state import LONGEST_PATH, Reported
from streams.sessions import Sealed

T0 = 1_760_000_000_000
DAY = UNITS_MS["d"]
ONCE = Segment("once", (Condition("Report Viewed", 1, 30 * DAY),), every=True)
POLICY = Policy(1, (ONCE,), (Ask("review", "once", "review", "email", "none", 90 * DAY),))
ANN, VISITOR, ADDRESS = "user:ann", "anon:a1", "email:ann@acme.com"


def folded(*records: Record, clock: int | None = T0) -> Step:
    step = None
    for one in records:
        step = apply(step.profile if step is not None else None, one, POLICY, clock=clock)
    assert step is not None
    return step


def viewed(at: int, alias: Alias = ANN) -> UserEvent:
    return UserEvent(alias, f"m{at}", at, at, name="Report Viewed")


def moved(alias: Alias, *path: int) -> PartMoved:
    return PartMoved(alias, ANN, path, pack_moved(Attached(Part(alias), Sealed())))


def test_an_alias_of_somebody_passes_an_operators_word_to_whom_it_belongs() -> None:
    step = folded(Link(VISITOR, ANN, "l1", T0), Forget(VISITOR))
    assert step.forwards == (Forget(ANN, passed=1),)
    assert not step.gone


def test_two_records_that_name_each_other_do_not_pass_it_round_for_ever() -> None:
    lead = Facts("sf:00Q000000000001AAA", 1, "Lead", T0, owner="sf:00Q000000000002AAA")
    assert folded(lead, Forget(lead.alias, passed=LONGEST_PATH)).gone
    assert not folded(lead, Forget(lead.alias, passed=LONGEST_PATH - 1)).gone


def test_the_word_of_a_forgotten_person_counts_while_the_alias_is_still_that_ones() -> None:
    link, earlier = Link(VISITOR, ANN, "l1", T0), Link(VISITOR, "user:bob", "l2", T0 - 1)
    assert folded(link, Forget(VISITOR, person=ANN)).gone
    step = folded(link, earlier, Forget(VISITOR, person=ANN))
    assert not step.gone
    assert step.forwards == ()


def test_the_word_goes_to_those_who_belong_to_the_row_itself() -> None:
    step = folded(moved(ADDRESS, 1), moved(VISITOR, 1, 1), moved("anon:a2", 2), Forget(ANN))
    assert step.forwards == (Forget("anon:a2", person=ANN), Forget(ADDRESS, person=ANN))


def test_who_comes_to_somebody_forgotten_is_told_so_and_by_way_of_others_by_those() -> None:
    assert answer(moved(VISITOR, 3)) == (Forget(VISITOR, person=ANN),)
    assert answer(moved(VISITOR, 3, 1)) == ()
    assert answer(viewed(T0)) == ()


def test_a_member_leaves_at_the_clock_and_the_trigger_is_withdrawn() -> None:
    entered = folded(viewed(T0))
    (trigger,) = (one for one in entered.announcements if isinstance(one, Trigger))
    left, withdrawn = apply(entered.profile, Forget(ANN), POLICY, clock=T0 + DAY).announcements
    assert (left.entered, left.at, left.announced_at) == (False, T0 + DAY, T0 + DAY)  # type: ignore[union-attr]
    assert withdrawn == Withdrawn(trigger.trigger_id, "review", ANN, T0 + DAY)


def test_who_entered_ahead_of_the_clock_leaves_when_it_entered() -> None:
    entered = folded(viewed(T0 + 5_000))
    left, withdrawn = apply(entered.profile, Forget(ANN), POLICY, clock=T0).announcements
    assert (left.at, left.announced_at) == (T0 + 5_000, T0 + 5_000)  # type: ignore[union-attr]
    assert isinstance(withdrawn, Withdrawn)
    assert withdrawn.at == T0 + 5_000


def test_a_trigger_is_withdrawn_though_the_latest_decision_was_no() -> None:
    asked = Asked(T0 + 40 * DAY, None, T0, (), "t1")
    profile = Profile(Part(ANN), asked={"review": asked}, rule_version=1)
    (withdrawn,) = apply(profile, Forget(ANN), POLICY, clock=T0 + 41 * DAY).announcements
    assert withdrawn == Withdrawn("t1", "review", ANN, T0 + 41 * DAY)


def test_who_was_never_asked_has_nothing_withdrawn() -> None:
    assert folded(Forget(ANN)).announcements == []


def test_an_account_hears_that_there_are_no_touches_any_more() -> None:
    profile = Profile(Part(ANN), reported=Reported("001000000000001AAA", 4, b"x"), rule_version=1)
    assert apply(profile, Forget(ANN), POLICY, clock=T0).for_accounts == [Touches(ANN, "001000000000001AAA", 5)]


def test_a_record_and_an_address_at_a_company_are_let_go_where_they_are_known() -> None:
    assert folded(Forget("sf:003000000000001AAA")).for_accounts == [Forgotten("sf:003000000000001AAA")]
    assert folded(Forget(ADDRESS)).for_accounts == [Forgotten(ADDRESS, "acme.com")]
    assert folded(Forget("email:ann@gmail.com")).for_accounts == []


def test_bots_and_the_word_of_another_make_no_row() -> None:
    assert not needs_a_row(Forget(VISITOR, person=ANN))
    assert not needs_a_row(UserEvent(ANN, "m1", T0, T0, bot=True))
    assert needs_a_row(Forget(ANN))
    assert needs_a_row(viewed(T0))


def test_what_is_left_does_not_say_who_it_was() -> None:
    assert gone_key(ADDRESS).startswith(b"@gone/")
    assert b"ann" not in gone_key(ADDRESS)
    assert gone_key(ADDRESS) != gone_key(ANN)
