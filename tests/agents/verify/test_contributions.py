"""Verify and reports: what accounts and people contribute, and what befalls it."""

import json
from collections.abc import Callable
from functools import cache

import pytest

from agents.verify.accounts.models import CURVE, MODELS
from agents.verify.accounts.shares import divided
from agents.verify.check import check
from agents.verify.personas.maps import load
from agents.verify.rules import AccountRules, Rules
from agents.verify.world import ACCOUNT_EVENTS, CONTRIBUTIONS, USER_EVENTS, Message, World
from tests.agents.processors.account.test_reports_end_to_end import ACME, ORG, world
from tests.agents.verify.test_corruptions import copied, differences, edited

RULES = Rules(1, (), (), accounts=AccountRules(arr="ARR__c"), personas=load(None))


@cache
def clean(seed: int) -> World:
    return world(seed, ORG)


@pytest.mark.parametrize("seed", range(4))
def test_what_the_processors_make_is_clean(seed: int) -> None:
    compared = {one.name: one.compared for one in check(clean(seed), RULES).checks}
    assert differences(clean(seed), RULES) == []
    assert compared["contributions"] > 30


def moved_to(cell: str, other: str) -> Callable[[Message], Message]:
    """Let another row have what one has: the total stays."""

    def change(one: Message) -> Message:
        cells = json.loads(one.value or b"")["cells"]
        cells[other] = cells.get(other, 0) + cells.pop(cell)
        return edited(one, cells=cells)

    return change


BEFALLS: dict[str, tuple[str, bytes, bytes, Callable[[Message], Message | None]]] = {
    "a campaign has another's ARR": (CONTRIBUTIONS, ACME.encode(), b"cfa:Spring", moved_to("cfa:Spring", "cfa:Autumn")),
    "an opportunity more": (CONTRIBUTIONS, ACME.encode(), b"clo:Spring", moved_to("clo:Spring", "clo:Summer")),
    "ARR of nobody": (CONTRIBUTIONS, b"user:u1", b"t-a:VP Product", lambda one: edited(one, cells={"t-p:x": 1})),
    "a person in no dimension": (
        CONTRIBUTIONS,
        b"user:u1",
        b"t-p:VP",
        lambda one: edited(one, cells={"c-s:Spring": 2}),
    ),
    "an account's contribution is lost": (CONTRIBUTIONS, ACME.encode(), b"cfa", lambda _: None),
    "a share is another": (USER_EVENTS, b"sf:003", b'"share"', lambda one: edited(one, arr=7)),
    "a share is lost": (USER_EVENTS, b"sf:003", b'"share"', lambda _: None),
    "a person told another touch": (
        ACCOUNT_EVENTS,
        ACME.encode(),
        b'"touches":[[',
        lambda one: edited(one, touches=[]),
    ),
}
"""What befalls the latest message of a key that looks so: topic, key, looks, what it becomes (None: it is lost)."""


@pytest.mark.parametrize("what", BEFALLS)
def test_every_corruption_of_reports_is_found(what: str) -> None:
    topic, key, looks, befall = BEFALLS[what]
    found = copied(clean(1))
    messages = found.topics[topic]
    place = max(i for i, one in enumerate(messages) if (one.key or b"").startswith(key) and looks in (one.value or b""))
    of_key = [one for one in messages if one.key == messages[place].key]
    spoilt = befall(messages[place])
    if topic == CONTRIBUTIONS:  # an older one would not be looked at
        found.topics[topic] = [one for one in messages if one.key != messages[place].key] + ([spoilt] if spoilt else [])
        assert of_key[-1] == messages[place]
    else:
        messages[place : place + 1] = [spoilt] if spoilt else []
    assert differences(found, RULES)


def test_a_part_s_remainder_goes_to_who_lost_most_of_equal_ones_to_the_later() -> None:
    assert divided(100, [1, 1, 1]) == [33, 33, 34]
    assert divided(-100, [1, 1, 1]) == [-33, -33, -34]
    assert divided(14000, [3_523_355_631, 3_890_081_382, 4_294_967_296]) == [4213, 4651, 5136]


def test_the_curve_is_that_of_the_page() -> None:
    assert (CURVE[0], CURVE[18], CURVE[19], CURVE[64]) == (4_294_967_296, 3_534_232_977, 3_496_162_266, 2_147_483_648)
    day = 86_400_000
    path = [(0, True), (day, False), (2 * day, True)]
    assert MODELS["d"](path) == [3_523_355_631, 3_890_081_382, 4_294_967_296]
    assert (MODELS["n"](path), MODELS["p"](path), MODELS["p"](path[:2])) == ([0, 1, 0], [2, 1, 2], [1, 1])
