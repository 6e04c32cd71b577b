"""What is asked of whoever enters, and what is taken back (docs/semantics.md, parts 6 and 8)."""

from agents.verify.people import Asked, Era, Input, Membership, Standing, recount
from agents.verify.rules import Rules
from tests.agents.verify.people.given import (
    ADDRESS,
    DAY,
    HOUR,
    MINUTE,
    OTHER,
    T0,
    USER,
    VISITOR,
    came,
    did,
    forget,
    link,
    rules,
    split,
)

LATER = T0 + 1000 * DAY
ONCE = ("E", 1, "1d")
TWICE = ("E", 2, "7d")


def verdicts(*inputs: Input, policy: Rules) -> list[tuple[int, str]]:
    """(decided at, verdict), instants since T0."""
    return [(one.decided_at - T0, one.verdict) for one in recount(inputs, policy, LATER).people[USER].decisions]


def taken_back(*inputs: Input, policy: Rules | None = None) -> list[tuple[int, int, str]]:
    """(entered at, withdrawn at, reason), instants since T0."""
    found = recount(inputs, policy or rules(TWICE), LATER).people[USER]
    return [(one.entered_at - T0, one.at - T0, one.reason) for one in found.withdrawals]


def test_who_enters_is_asked_when_that_is_announced() -> None:
    assert verdicts(did(T0), did(T0 + HOUR, r=T0 + DAY), policy=rules(TWICE)) == [(DAY, "asked")]


def test_an_ask_waits_until_its_cooldown_is_over_to_the_millisecond() -> None:
    policy = rules(ONCE, cooldown="5d")
    assert verdicts(did(T0), did(T0 + 5 * DAY - 1), policy=policy) == [(0, "asked"), (5 * DAY - 1, "cooldown")]
    assert verdicts(did(T0), did(T0 + 5 * DAY), policy=policy) == [(0, "asked"), (5 * DAY, "asked")]


def test_an_ask_that_was_not_made_starts_no_cooldown() -> None:
    policy = rules(ONCE, cooldown="5d")
    ats = [0, 3 * DAY, 6 * DAY]
    assert [verdict for _, verdict in verdicts(*(did(T0 + at) for at in ats), policy=policy)] == [
        "asked", "cooldown", "asked",
    ]  # fmt: skip


def test_an_email_needs_an_address_that_is_known_by_then() -> None:
    policy = rules(ONCE, channel="email", cooldown="0s")
    late, early = did(T0 + 1, name="", email="ann@example.com"), did(T0, name="", email="ann@example.com")
    assert verdicts(did(T0), late, did(T0 + 3 * DAY), policy=policy) == [(0, "address"), (3 * DAY, "asked")]
    assert verdicts(did(T0), early, policy=policy) == [(0, "asked")]
    assert verdicts(did(T0), policy=rules(ONCE)) == [(0, "asked")]


def test_the_address_gate_stands_before_the_cooldown() -> None:
    policy = rules(ONCE, channel="email")
    gates = [one.gates for one in recount([did(T0)], policy, LATER).people[USER].decisions]
    assert gates == [(("in_segment", True), ("address", False), ("cooldown", True))]


def test_an_address_may_be_one_that_a_visitor_brought() -> None:
    policy, said = rules(ONCE, channel="email"), did(T0, alias=VISITOR, name="", email="ann@example.com")
    assert verdicts(said, link(T0 + 1), did(T0 + 2), policy=policy) == [(2, "asked")]


def test_a_trigger_says_what_was_known_of_the_person_when_it_was_decided() -> None:
    inputs = [
        came(T0 - DAY, channel="Email"), did(T0 - 1, name="", email="old@x.example", full_name="Ann"),
        came(T0, channel="Direct"), did(T0 + 1), came(T0 + HOUR, channel="Referral"),
        came(T0 - 40 * DAY, r=T0 + HOUR, channel="Display"), did(T0 + HOUR, name="", email="new@x.example"),
    ]  # fmt: skip
    portrait = recount(inputs, rules(ONCE), LATER).people[USER].decisions[0].portrait
    assert (portrait.email, portrait.name) == ("old@x.example", "Ann")
    touches = portrait.first_touch, portrait.last_touch, portrait.last_non_direct_touch
    assert [one and one.source["channel"] for one in touches] == ["Email", "Direct", "Email"]


# -- a stay that loses its ground ------------------------------------------------------------------------------------

GIVEN = did(T0), did(T0 + HOUR, alias=VISITOR), link(T0 + DAY)
STAY = HOUR


def test_a_split_that_ends_a_stay_takes_its_trigger_back() -> None:
    assert taken_back(*GIVEN, split(T0 + 2 * DAY)) == [(STAY, 2 * DAY, "split")]


def test_a_link_that_takes_the_part_elsewhere_takes_the_trigger_back() -> None:
    assert taken_back(*GIVEN, link(T0 + 2 * DAY, to=OTHER, at=T0)) == [(STAY, 2 * DAY, "link")]


def test_so_it_is_where_the_part_had_come_by_an_address() -> None:
    by_address = did(T0), did(T0 + HOUR, alias=VISITOR), link(T0 + DAY, to=ADDRESS), link(T0 + DAY, ADDRESS)
    assert taken_back(*by_address, split(T0 + 2 * DAY, ADDRESS)) == [(STAY, 2 * DAY, "split")]


def test_a_stay_that_goes_on_without_the_part_keeps_its_trigger() -> None:
    assert taken_back(*GIVEN, did(T0 + HOUR), split(T0 + 2 * DAY)) == []


def test_what_time_ends_is_not_taken_back_nor_what_an_earlier_copy_ends() -> None:
    assert taken_back(*GIVEN) == []
    assert taken_back(did(T0), did(T0 + HOUR, id="m"), did(T0 - 7 * DAY, r=T0 + DAY, id="m")) == []


def test_a_stay_that_time_ends_at_that_very_instant_is_taken_back() -> None:
    assert taken_back(*GIVEN, split(T0 + 7 * DAY)) == [(STAY, 7 * DAY, "split")]
    assert taken_back(*GIVEN, split(T0 + 7 * DAY + 1)) == []


def test_of_two_reasons_of_one_instant_the_first_by_name_is_told() -> None:
    inputs = *GIVEN, did(T0, alias="anon:a2"), link(T0 + DAY, "anon:a2")
    away = split(T0 + 2 * DAY), link(T0 + 2 * DAY, "anon:a2", OTHER, at=T0)
    policy = rules(("E", 2, "7d"))
    assert taken_back(*inputs, did(T0 + HOUR), *away, policy=policy) == []
    assert taken_back(*inputs, *away, policy=policy) == [(STAY - HOUR, 2 * DAY, "link")]


def test_only_the_trigger_of_this_very_stay_is_taken_back() -> None:
    """The second stay has none, for the cooldown; the one of the first is not its own."""
    policy = rules(TWICE, cooldown="90d")
    first = did(T0 - 20 * DAY), did(T0 - 20 * DAY)
    assert taken_back(*first, *GIVEN, split(T0 + 2 * DAY), policy=policy) == []
    assert verdicts(*first, *GIVEN, policy=policy) == [(-20 * DAY, "asked"), (DAY, "cooldown")]


def test_the_cooldown_of_an_ask_that_was_taken_back_goes_on() -> None:
    again = split(T0 + 3 * DAY, apart=False)
    policy = rules(TWICE, cooldown="5d")
    assert verdicts(*GIVEN, split(T0 + 2 * DAY), again, policy=policy) == [(DAY, "asked"), (3 * DAY, "cooldown")]


def test_who_is_forgotten_has_the_last_trigger_of_each_ask_taken_back_though_long_out() -> None:
    assert taken_back(did(T0), did(T0 + HOUR), forget(T0 + 90 * DAY)) == [(HOUR, 90 * DAY, "forgotten")]


def test_what_was_taken_back_once_is_not_again() -> None:
    assert taken_back(*GIVEN, split(T0 + 2 * DAY), forget(T0 + 3 * DAY)) == [(STAY, 2 * DAY, "split")]


def test_a_trigger_of_former_rules_is_taken_back_by_their_version() -> None:
    eras = [Era(None), Era(rules(TWICE, version=2), T0 + DAY)]
    known = {USER: Standing({"s": Membership(True, T0)}, {"a": Asked("s", T0, T0, 1)})}
    found = recount([*GIVEN, split(T0 + 2 * DAY)], rules(TWICE), LATER, eras=lambda _: eras, known=known)
    withdrawn = found.people[USER].withdrawals
    assert [(one.version, one.entered_at, one.at) for one in withdrawn] == [(1, T0, T0 + 2 * DAY)]


def test_a_minute_is_no_millisecond() -> None:
    assert taken_back(*GIVEN, split(T0 + 7 * DAY + MINUTE)) == []


def test_where_a_link_and_a_split_come_at_once_the_one_by_which_the_owner_changes_is_the_reason() -> None:
    later_link = link(T0 + 2 * DAY, to=OTHER)
    assert taken_back(*GIVEN, later_link, split(T0 + 2 * DAY)) == [(STAY, 2 * DAY, "split")]


def test_a_link_that_takes_one_part_goes_before_a_split_that_takes_another_whatever_their_names() -> None:
    second = "anon:a0"
    inputs = did(T0, alias=VISITOR), did(T0, alias=second), link(T0 + 1), link(T0 + 1, second)
    away = link(T0 + 2, to=OTHER, at=T0), split(T0 + 2, second)
    assert taken_back(*inputs, *away) == [(0, 2, "link")]
