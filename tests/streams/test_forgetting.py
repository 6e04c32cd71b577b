"""Forgetting: who passes the word on, who obeys it, and what takes back what was said."""

from streams.account.messages import Forgotten, Touches
from streams.activity import Part
from streams.asks import Asked, Trigger, Withdrawn, withdraw
from streams.events import NO_TIME, Alias, Facts, Forget, Link, Millis, PartMoved, Record, Told, UserEvent
from streams.policy import UNITS_MS, Ask, Condition, Policy, Segment
from streams.profile import Attached, Profile, Step, answer, apply, gone_key, needs_a_row, pack_moved
from streams.profile.state import LONGEST_PATH, Reported
from streams.segments import Change, Standing
from streams.sessions import Sealed

T0 = 1_760_000_000_000
DAY = UNITS_MS["d"]
ONCE = Segment("once", (Condition("Report Viewed", 1, 30 * DAY),), every=True)
POLICY = Policy(1, (ONCE,), (Ask("review", "once", "review", "in-app", "none", 90 * DAY),))
ANN, VISITOR, ADDRESS = "user:ann", "anon:a1", "email:ann@acme.com"


def folded(*records: Record, prior: Profile | None = None) -> Step:
    """What the last of these records comes to, none of them received before T0."""
    step = None
    for one in records:
        now = max(T0, getattr(one, "received_at", NO_TIME))
        step = apply(step.profile if step is not None else prior, one, POLICY, now=now)
    assert step is not None
    return step


def forgotten_at(at: Millis) -> Forget:
    """An operator's word on Ann."""
    return Forget(ANN, received_at=at)


def viewed(at: int, alias: Alias = ANN) -> UserEvent:
    return UserEvent(alias, f"m{at}", at, at, name="Report Viewed")


def moved(alias: Alias, *path: int) -> PartMoved:
    return PartMoved(alias, ANN, path, pack_moved(Attached(Part(alias), Sealed())))


def test_an_alias_of_somebody_passes_an_operators_word_to_whom_it_belongs() -> None:
    step = folded(Link(VISITOR, ANN, "l1", T0, T0), Forget(VISITOR, received_at=T0 + 5))
    assert step.forwards == (Forget(ANN, passed=1, received_at=T0 + 5),)
    assert not step.gone


def test_two_records_that_name_each_other_do_not_pass_it_round_for_ever() -> None:
    lead = Facts("sf:00Q000000000001AAA", 1, "Lead", T0, owner="sf:00Q000000000002AAA")
    assert folded(lead, Forget(lead.alias, passed=LONGEST_PATH)).gone
    assert not folded(lead, Forget(lead.alias, passed=LONGEST_PATH - 1)).gone


def test_the_word_of_a_forgotten_person_counts_while_the_alias_is_still_that_ones() -> None:
    link, earlier = Link(VISITOR, ANN, "l1", T0, T0), Link(VISITOR, "user:bob", "l2", T0 - 1, T0)
    assert folded(link, Forget(VISITOR, person=ANN)).gone
    step = folded(link, earlier, Forget(VISITOR, person=ANN))
    assert not step.gone
    assert step.forwards == ()


def test_the_word_goes_without_a_received_time_to_those_who_belong_to_the_row_itself() -> None:
    """They are of weaker kinds: what is received then has passed them already, so they obey as it comes."""
    step = folded(moved(ADDRESS, 1), moved(VISITOR, 1, 1), moved("anon:a2", 2), forgotten_at(T0 + 5))
    assert step.forwards == (Forget("anon:a2", person=ANN), Forget(ADDRESS, person=ANN))


def test_who_comes_to_somebody_forgotten_is_told_so_and_by_way_of_others_by_those() -> None:
    assert answer(moved(VISITOR, 3)) == (Forget(VISITOR, person=ANN),)
    assert answer(moved(VISITOR, 3, 1)) == ()
    assert answer(viewed(T0)) == ()


def entered() -> Step:
    """Ann, decided and asked."""
    return apply(folded(viewed(T0)).profile, viewed(T0 + 1), POLICY, now=T0 + 1)


def test_a_member_leaves_when_the_word_is_received_and_the_trigger_is_withdrawn() -> None:
    before = entered()
    (trigger,) = (one for one in before.announcements if isinstance(one, Trigger))
    left, withdrawn = folded(forgotten_at(T0 + DAY), prior=before.profile).announcements
    assert isinstance(left, Change)
    assert (left.entered, left.at, left.announced_at) == (False, T0 + DAY, T0 + DAY)
    assert withdrawn == Withdrawn(trigger.trigger_id, "review", ANN, T0 + DAY, "forgotten")


def test_who_left_before_is_told_so_first_and_does_not_leave_again() -> None:
    end = T0 + 30 * DAY + 1
    left, withdrawn = folded(forgotten_at(T0 + 40 * DAY), prior=entered().profile).announcements
    assert isinstance(left, Change)
    assert (left.entered, left.at, left.announced_at) == (False, end, end)
    assert isinstance(withdrawn, Withdrawn)
    assert withdrawn.at == T0 + 40 * DAY


def test_what_is_received_in_the_same_millisecond_takes_nobody_in() -> None:
    assert folded(viewed(T0), forgotten_at(T0)).announcements == []


def test_a_trigger_is_withdrawn_though_the_latest_decision_was_no() -> None:
    asked = Asked(T0 + 40 * DAY, None, T0, (), "t1")
    profile = Profile(Part(ANN), asked={"review": asked}, rule_version=1)
    (withdrawn,) = folded(forgotten_at(T0 + 41 * DAY), prior=profile).announcements
    assert withdrawn == Withdrawn("t1", "review", ANN, T0 + 41 * DAY, "forgotten")


def test_a_trigger_that_was_withdrawn_before_is_not_withdrawn_again() -> None:
    asked = withdraw(Asked(T0, "t1", T0, (), "t1"), T0 + 1)
    profile = Profile(Part(ANN), asked={"review": asked}, rule_version=1)
    assert folded(forgotten_at(T0 + DAY), prior=profile).announcements == []


def test_segments_and_asks_are_ended_by_name() -> None:
    standings = {name: Standing(True, T0, None, 1) for name in ("z", "once", "a")}
    asked = {name: Asked(T0, name, T0, (), name) for name in ("z", "review", "a")}
    profile = Profile(Part(ANN), standings=standings, asked=asked, rule_version=1)
    said = folded(forgotten_at(T0 + DAY), prior=profile).announcements
    assert [one.segment if isinstance(one, Change) else one.ask for one in said if not isinstance(one, Told)] == [
        *("a", "once", "z"),
        *("a", "review", "z"),
    ]


def test_who_was_never_asked_has_nothing_withdrawn() -> None:
    assert folded(forgotten_at(T0)).announcements == []


def test_an_account_hears_that_there_are_no_touches_any_more() -> None:
    profile = Profile(Part(ANN), reported=Reported("001000000000001AAA", 4, b"x"), rule_version=1)
    assert folded(forgotten_at(T0), prior=profile).for_accounts == [Touches(ANN, "001000000000001AAA", 5)]


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
