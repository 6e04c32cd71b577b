"""When a session begins, and which touches come of it."""

import pytest

from streams.activity import Touch
from streams.events import Source
from streams.identifiers import order_key
from streams.policy import Web
from streams.sessions import Fold, earlier, later

T0 = 1_760_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
WEB = Web()

DIRECT = Source("Direct", "Direct")
EMAIL = Source("Email", "Email", campaign="spring")
SUMMER = Source("Email", "Email", campaign="summer")
SEARCH = Source("Organic Search", "Organic Search", source="google")

Visit = tuple[int, bytes, Source | None]


def key(number: int) -> bytes:
    return order_key(f"m{number:03}")


def given(*visits: tuple[int, Source | None], web: Web = WEB) -> Fold:
    """Visits at so many milliseconds after T0."""
    return Fold().visits([(T0 + at, key(number), source) for number, (at, source) in enumerate(visits)], web)


def last(fold: Fold) -> tuple[int, str] | None:
    return (fold.last.at - T0, fold.last.source.channel) if fold.last is not None else None


def began(fold: Fold) -> int:
    assert fold.session is not None
    return fold.session.began_at - T0


def test_without_a_visit_there_is_no_touch() -> None:
    assert given() == Fold()


def test_the_first_visit_begins_a_session() -> None:
    assert last(given((0, DIRECT))) == (0, "Direct")


@pytest.mark.parametrize(("idle", "begins"), [(30 * MINUTE - 1, False), (30 * MINUTE, True), (30 * MINUTE + 1, True)])
def test_thirty_minutes_without_a_visit_end_a_session(idle: int, begins: bool) -> None:
    assert last(given((0, DIRECT), (idle, SEARCH))) == ((idle, "Organic Search") if begins else (0, "Direct"))


def test_each_visit_keeps_the_session_open_for_another_thirty_minutes() -> None:
    assert began(given(*((number * 29 * MINUTE, DIRECT) for number in range(40)))) == 0


@pytest.mark.parametrize(("after", "begins"), [(24 * HOUR - 1, False), (24 * HOUR, True)])
def test_a_session_lasts_24_hours_at_most(after: int, begins: bool) -> None:
    steps = [(number * 20 * MINUTE, DIRECT) for number in range(72)]
    fold = given(*steps, (after, SEARCH))
    assert began(fold) == (after if begins else 0)
    assert last(fold) == ((after, "Organic Search") if begins else (0, "Direct"))


def test_another_campaign_begins_a_session() -> None:
    assert last(given((0, EMAIL), (1, SUMMER))) == (1, "Email")


def test_the_same_campaign_does_not() -> None:
    assert began(given((0, EMAIL), (1, EMAIL))) == 0


def test_a_campaign_in_a_session_without_one_begins_a_session() -> None:
    assert last(given((0, DIRECT), (1, EMAIL))) == (1, "Email")


def test_a_visit_without_a_campaign_never_ends_that_of_a_campaign() -> None:
    assert last(given((0, EMAIL), (1, SEARCH), (2, DIRECT))) == (0, "Email")


def test_the_session_keeps_the_campaign_that_it_began_with() -> None:
    fold = given((0, DIRECT), (1, EMAIL), (2, SEARCH), (3, EMAIL))
    assert (began(fold), last(fold)) == (1, (1, "Email"))


def test_campaigns_can_be_left_out_of_it() -> None:
    web = Web(new_session_on_campaign=False)
    assert last(given((0, EMAIL), (1, SUMMER), web=web)) == (0, "Email")


def test_a_continuing_visit_begins_a_session_without_a_touch() -> None:
    fold = given((0, None))
    assert (began(fold), fold.last) == (0, None)


def test_a_visit_to_the_own_site_keeps_the_touch_of_the_session_before() -> None:
    fold = given((0, EMAIL), (HOUR, None))
    assert (began(fold), last(fold)) == (HOUR, (0, "Email"))


def test_a_source_inside_a_session_that_a_continuing_visit_began_is_no_touch() -> None:
    assert given((0, None), (1, SEARCH)).last is None


def test_direct_is_a_last_touch_but_no_last_non_direct_one() -> None:
    fold = given((0, EMAIL), (HOUR, DIRECT))
    assert last(fold) == (HOUR, "Direct")
    assert fold.last_non_direct == Touch(T0, key(0), EMAIL)


def test_visits_of_one_millisecond_come_in_the_order_of_their_keys() -> None:
    visits: list[Visit] = [(T0, key(2), SEARCH), (T0, key(1), DIRECT)]
    assert last(Fold().visits(visits, WEB)) == (0, "Direct")


def test_visits_are_sorted_before_they_are_folded() -> None:
    visits: list[Visit] = [(T0 + HOUR, key(0), DIRECT), (T0, key(1), EMAIL)]
    assert last(Fold().visits(visits, WEB)) == (HOUR, "Direct")


def test_to_fold_in_two_steps_is_to_fold_in_one() -> None:
    visits: list[Visit] = [(T0 + number * 20 * MINUTE, key(number), EMAIL) for number in range(100)]
    assert Fold().visits(visits[:37], WEB).visits(visits[37:], WEB) == Fold().visits(visits, WEB)


def test_only_what_comes_after_all_visits_by_instant_and_key_follows() -> None:
    fold = given((0, DIRECT), (5, DIRECT))
    assert Fold().follows(0, key(0))
    assert fold.follows(T0 + 6, key(0))
    assert fold.follows(T0 + 5, key(2))
    assert not fold.follows(T0 + 5, key(1))
    assert not fold.follows(T0 + 4, key(9))


def test_of_two_touches_one_is_earlier_and_one_is_later_by_instant_then_key() -> None:
    first, second, third = Touch(T0, key(1), EMAIL), Touch(T0, key(2), DIRECT), Touch(T0 + 1, key(0), EMAIL)
    assert earlier(second, first) == earlier(first, third) == earlier(first, None) == first
    assert later(second, third) == later(third, first) == later(None, third) == third
    assert later(second, first) == second
    assert (earlier(None, None), later(None, None)) == (None, None)
