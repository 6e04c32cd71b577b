"""Which touches and sessions somebody has (docs/semantics.md, part 4)."""

from agents.verify.people import Input, Outcome, order_key, recount
from tests.agents.verify.people.given import (
    DAY,
    HOUR,
    MINUTE,
    OTHER,
    T0,
    TWICE_A_WEEK,
    USER,
    VISITOR,
    came,
    did,
    link,
    split,
)

LATER = T0 + 1000 * DAY


def person(*inputs: Input, key: str = USER) -> Outcome:
    return recount(inputs, TWICE_A_WEEK, LATER).people[key]


def begun(*inputs: Input, key: str = USER) -> list[int]:
    return sorted(one.at - T0 for one in person(*inputs, key=key).sessions)


def test_an_order_key_is_a_uuid_a_short_text_or_a_digest() -> None:
    assert order_key("00112233-4455-6677-8899-aabbccddeeff").hex() == "00112233445566778899aabbccddeeff"
    assert order_key("00112233-4455-6677-8899-AABBCCDDEEFF").hex() == "320fc9484f9d0c0b45733192a5341e68"
    assert order_key("m1") == b"m1" + bytes(14)
    assert order_key("é" * 8).hex() == "a96687fd9d28ef7555b7db3468be2466"


def test_a_session_ends_after_half_an_hour_of_nothing_or_a_day_or_with_another_campaign() -> None:
    assert begun(came(T0), came(T0 + 30 * MINUTE - 1), came(T0 + 60 * MINUTE - 1)) == [0, 60 * MINUTE - 1]
    assert begun(*(came(T0 + n * 20 * MINUTE) for n in range(80))) == [0, DAY]
    campaigns = [came(T0 + n * MINUTE, channel="Email", campaign=name) for n, name in enumerate("aabb")]
    assert begun(*campaigns, came(T0 + 4 * MINUTE, channel="Email")) == [0, 2 * MINUTE]


def test_a_continuing_visit_begins_a_session_without_a_touch() -> None:
    found = person(came(T0), came(T0 + MINUTE, channel="Email"))
    assert (found.portrait.last_touch, len(found.sessions)) == (None, 1)
    assert found.portrait.first_touch is not None


def test_what_a_visitor_had_sealed_comes_along_and_is_not_folded_with_the_person_s_visits() -> None:
    old = came(T0, channel="Email"), came(T0 + 20 * MINUTE, alias=VISITOR, channel="Referral")
    assert begun(*old, link(T0 + 29 * DAY)) == [0]
    assert begun(*old, link(T0 + 31 * DAY)) == [0, 20 * MINUTE]


def test_what_a_person_had_sealed_stays_when_the_part_goes() -> None:
    visit = came(T0, alias=VISITOR, channel="Email")
    assert begun(visit, link(T0 + 1), split(T0 + 31 * DAY), did(T0 + 31 * DAY)) == [0]
    assert begun(visit, link(T0 + 1), split(T0 + 29 * DAY), did(T0 + 29 * DAY)) == []


def test_of_a_part_that_comes_back_a_session_is_there_twice() -> None:
    visit = came(T0, alias=VISITOR, channel="Email")
    again = split(T0 + 32 * DAY, apart=False)
    assert begun(visit, link(T0 + 1), split(T0 + 31 * DAY), again) == [0, 0]


def test_what_a_part_had_sealed_before_it_came_goes_with_it() -> None:
    visit = came(T0, alias=VISITOR, channel="Email")
    away = link(T0 + 70 * DAY, to=OTHER, at=T0)
    assert begun(visit, link(T0 + 35 * DAY), away) == []
    assert begun(visit, link(T0 + 35 * DAY), away, key=OTHER) == [0]


def test_the_last_touch_that_is_not_direct_may_be_one_that_a_part_brought() -> None:
    found = person(came(T0, alias=VISITOR, channel="Email"), came(T0 + HOUR, channel="Direct"), link(T0 + 31 * DAY))
    touches = found.portrait.last_touch, found.portrait.last_non_direct_touch
    assert [one and one.at - T0 for one in touches] == [HOUR, 0]


def test_late_visits_move_the_first_touch_only() -> None:
    found = person(came(T0, channel="Direct"), came(T0 - 40 * DAY, r=T0 + 1, channel="Email"))
    assert found.portrait.first_touch is not None
    assert (found.portrait.first_touch.at, len(found.sessions)) == (T0 - 40 * DAY, 1)


def test_email_and_name_are_the_latest_said_by_late_and_repeated_events_too() -> None:
    found = person(
        did(T0, name="", id="m", email="a@x.example"), did(T0 - 40 * DAY, r=T0 + 1, name="", full_name="Ann"),
        did(T0 + 2, r=T0 + 3, name="", id="m", email="b@x.example"),
    )  # fmt: skip
    assert (found.portrait.email, found.portrait.name) == ("b@x.example", "Ann")


def test_counts_are_those_of_an_instant() -> None:
    found = person(did(T0), did(T0 + DAY), did(T0 + DAY, name="F"))
    assert found.counts(T0 + DAY) == {"E": 2, "F": 1}
    assert (found.counts(T0 + 30 * DAY), found.counts(T0 + 31 * DAY)) == ({"E": 1, "F": 1}, {})


SIGNED_UP = "Signed Up"


def test_a_sign_up_is_the_earliest_of_all_late_ones_too_since_it_became_the_person_s() -> None:
    early, late = did(T0 - 40 * DAY, r=T0 + 1, name=SIGNED_UP), did(T0, name=SIGNED_UP)
    assert person(late, did(T0 + 5, name=SIGNED_UP)).signed_up == (T0, T0)
    assert person(late, early).signed_up == (T0 - 40 * DAY, T0 + 1)


def test_a_sign_up_comes_and_goes_with_its_part() -> None:
    visitor, own = did(T0, alias=VISITOR, name=SIGNED_UP), did(T0 + 1, name=SIGNED_UP)
    assert person(visitor, own, link(T0 + 5)).signed_up == (T0, T0 + 5)
    assert person(visitor, own, link(T0 + 5), split(T0 + 9)).signed_up == (T0 + 1, T0 + 9)
    assert person(visitor, link(T0 + 5), split(T0 + 9)).signed_up is None


def test_beyond_1024_stored_events_of_a_name_in_one_part_counts_are_not_exact() -> None:
    many = [did(T0 + n * MINUTE, id=f"m{n}") for n in range(1025)]
    assert person(*many[:-1], many[0]).crowded == {}
    assert person(*many, many[0]).crowded == {"E": 1026}
    assert person(*(did(T0 + n * DAY, id=f"d{n}") for n in range(1100))).crowded == {}
