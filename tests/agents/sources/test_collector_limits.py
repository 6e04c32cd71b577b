"""Who may send, how often, how much at once."""

import pytest

from agents.sources.collector.limits import Budget, RateLimit, WriteKeys

T0 = 1000.0


def test_each_key_is_found_at_its_place_and_no_other_is() -> None:
    keys = WriteKeys(["k1", "k2", "k2", "schlüssel"])
    assert [keys.find(key) for key in ("k1", "k2", "schlüssel")] == [0, 1, 2]
    assert [keys.find(key) for key in ("", "k", "k11", "K1", "\ud800")] == [None] * 5


def test_without_keys_nobody_is_let_in() -> None:
    assert WriteKeys([]).find("") is None
    assert len(WriteKeys([])) == 0


@pytest.mark.parametrize("per_second", [1, 3, 7, 500, 1000])
def test_a_full_bucket_holds_one_second_of_requests(per_second: int) -> None:
    rate = RateLimit(per_second)
    waits = [rate.wait_seconds(0, T0) for _ in range(per_second + 1)]
    assert waits == [0] * per_second + [1]


def test_tokens_flow_in_evenly() -> None:
    rate = RateLimit(10)
    for _ in range(10):
        rate.wait_seconds(0, T0)
    assert rate.wait_seconds(0, T0 + 0.09) == 1
    assert rate.wait_seconds(0, T0 + 0.11) == 0
    assert rate.wait_seconds(0, T0 + 0.12) == 1


def test_a_refused_request_costs_no_token() -> None:
    rate = RateLimit(1)
    assert [rate.wait_seconds(0, T0) for _ in range(50)] == [0] + [1] * 49
    assert rate.wait_seconds(0, T0 + 1) == 0


def test_senders_do_not_share_a_bucket() -> None:
    rate = RateLimit(1)
    assert [rate.wait_seconds(sender, T0) for sender in (0, 1, 0, 1)] == [0, 0, 1, 1]


def test_a_long_rest_saves_up_one_second_only() -> None:
    rate = RateLimit(2)
    rate.wait_seconds(0, T0)
    assert [rate.wait_seconds(0, T0 + 3600) for _ in range(3)] == [0, 0, 1]


def test_a_budget_holds_what_fits_and_takes_it_back() -> None:
    budget = Budget(100)
    assert [budget.take(60), budget.take(41), budget.take(40), budget.take(1)] == [True, False, True, False]
    budget.give(60)
    assert budget.take(60)
    assert budget.held_bytes == 100
