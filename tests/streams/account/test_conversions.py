from itertools import permutations

import pytest

from streams.account.conversions import TOUCHES_KEPT, account_contribution, conversions_of, remembered, shares_of
from streams.account.messages import Held
from streams.account.state import Deal
from streams.activity import Touch
from streams.attribution import Dimension, Measure, Model
from streams.attribution.conversions import Conversion, Kind
from streams.events import Source
from streams.instants import DAY_MS
from streams.policy import Lookback

DAY = 1_759_968_000_000  # 2025-10-09
ACME, ANN, BOB = "001000000000001AAA", "003000000000001AAA", "003000000000002AAA"
WON = {"IsWon": True, "CreatedDate": "2025-10-09T00:00:00.000Z", "CloseDate": "2025-10-09"}
SPRING = Source("Email", "Email", campaign="Spring")


def touch(at: int) -> Touch:
    return Touch(at, b"k" * 16, SPRING)


def test_an_opportunity_was_created_and_one_that_is_won_was_so_at_the_end_of_its_closing_day() -> None:
    deals = [Deal("006a", WON, arr=700), Deal("006b", {"CreatedDate": WON["CreatedDate"], "IsWon": False})]
    created = Conversion(Kind.opportunity, DAY)
    assert list(conversions_of(deals)) == [created, Conversion(Kind.won, DAY + DAY_MS - 1, 700), created]


@pytest.mark.parametrize(
    "fields", [{}, {"CreatedDate": 7, "CloseDate": "soon"}, {"CreatedDate": None, "CloseDate": ""}]
)
def test_what_has_no_date_has_no_path(fields: dict[str, object]) -> None:
    deal = Deal("006a", {"IsWon": True, **fields}, arr=700)
    cells = account_contribution(ACME, [deal], [touch(DAY)], 0, Lookback())
    by_campaign = {cell.value for cell in cells if cell.dimension is Dimension.campaign}
    assert by_campaign == {"(unattributed)"}


def test_a_click_on_the_closing_day_still_counts() -> None:
    cells = account_contribution(ACME, [Deal("006a", WON, arr=700)], [touch(DAY + 5)], 0, Lookback())
    found = {
        c.value: n for c, n in cells.items() if c[0::2] == (Dimension.campaign, Model.first) and c.measure == "arr"
    }
    assert found == {"Spring": 700}


def test_arr_is_divided_among_the_roles_to_the_unit() -> None:
    roles = (Held(ANN), Held(BOB), Held(ANN))
    assert shares_of([Deal("006a", WON, roles, 100), Deal("006b", WON, (Held(BOB),), 5)]) == {ANN: 67, BOB: 38}
    assert shares_of([Deal("006a", WON, (), 100), Deal("006b", {}, roles, 100), Deal("006c", WON, roles, None)]) == {}


def test_what_is_nobodys_share_is_no_contacts() -> None:
    cells = account_contribution(ACME, [Deal("006a", WON, arr=700)], [], 200, Lookback())
    arr = {(c.dimension, c.value): n for c, n in cells.items() if c.model is None and c.measure is Measure.arr}
    assert arr[Dimension.account, ACME] == 700
    assert arr[Dimension.title, "(no contact)"] == 500


def test_a_list_takes_the_place_of_what_is_known_since_then() -> None:
    known = (touch(1), touch(5), touch(9))
    assert remembered(known, 5, (touch(5), touch(7))) == (touch(1), touch(5), touch(7))
    assert remembered(known, 0, ()) == ()
    many = tuple(touch(at) for at in range(TOUCHES_KEPT + 1))
    assert remembered((), 0, many) == many[1:]


def test_the_order_of_opportunities_does_not_matter() -> None:
    deals = [Deal("006a", WON, arr=700), Deal("006b", {**WON, "CloseDate": "2025-10-11"}, arr=10), Deal("006c", {})]
    touches = [touch(DAY - 5), touch(DAY + 2 * DAY_MS)]
    found = [account_contribution(ACME, list(order), touches, 0, Lookback()) for order in permutations(deals)]
    assert all(one == found[0] for one in found)
