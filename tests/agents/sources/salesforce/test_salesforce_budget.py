"""The budget of API calls: ours over 24 hours, and the org's as it tells it."""

import pytest

from agents.sources.salesforce.budget import CallBudget
from agents.sources.salesforce.errors import SpentError

HOUR = 3600.0


class Clock:
    def __init__(self) -> None:
        self.seconds = 10 * HOUR

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_calls_come_back_24_hours_later(clock: Clock) -> None:
    budget = CallBudget(3, now=clock)
    budget.take()
    clock.seconds += 2 * HOUR
    budget.take()
    budget.take()
    with pytest.raises(SpentError) as raised:
        budget.take()
    assert raised.value.wait_seconds == 22 * HOUR
    clock.seconds += raised.value.wait_seconds
    budget.take()
    assert budget.left == 0


def test_of_the_orgs_calls_the_last_twentieth_is_left_to_others(clock: Clock) -> None:
    budget = CallBudget(1000, now=clock)
    budget.heard({"Sforce-Limit-Info": "api-usage=94/100"})
    budget.take()
    budget.heard({"Sforce-Limit-Info": "api-usage=95/100; per-app-api-usage=17/250(appName=x)"})
    with pytest.raises(SpentError, match="95 of its 100"):
        budget.take()


def test_after_a_while_one_call_looks_whether_the_org_has_some_again(clock: Clock) -> None:
    budget = CallBudget(1000, now=clock)
    budget.heard({"Sforce-Limit-Info": "api-usage=100/100"})
    with pytest.raises(SpentError) as raised:
        budget.take()
    clock.seconds += raised.value.wait_seconds
    budget.take()
    assert budget.used == 1


def test_an_answer_without_the_header_says_nothing(clock: Clock) -> None:
    budget = CallBudget(10, now=clock)
    budget.heard({})
    budget.heard({"Sforce-Limit-Info": "per-app-api-usage=250/250(appName=x)"})
    budget.take()
    assert budget.left == 9
