"""Verify and the account of a trigger: it is the one that the person was of when it was decided, and its owner."""

import json
from functools import cache
from typing import Any

import pytest

from agents.verify.outputs import CE_TYPE
from agents.verify.rules import parse
from agents.verify.world import PROFILE_VIEWS, REFERRAL_TRIGGERS, SALESFORCE_CHANGES, Message, World
from tests.agents.verify.business import Business
from tests.agents.verify.processed import LIVE, processed
from tests.agents.verify.simulate import HOUR, MINUTE, company
from tests.agents.verify.test_clean import policy
from tests.agents.verify.test_corruptions import copied, differences, edited

EAGER = parse(
    {
        "version": 1,
        "segments": [{"name": "readers", "rule": {"count": {"event": "Report Viewed", "at_least": 1, "within": "2h"}}}],
        "asks": [{"name": "tweet", "segment": "readers", "type": "tweet", "channel": "in-app", "cooldown": "1m"}],
    }
)
"""Rules by which people are asked again and again, while their accounts change."""
SEEDS = (1, 3, 12, 14, 17, 18, 21, 23, 317)
"""Worlds in which people who are asked belong to accounts; in the last one two addresses heard different things."""


@cache
def world_of(seed: int) -> World:
    partitions = 1 + seed % 3
    gaps = (MINUTE, 10 * MINUTE, HOUR, 3 * HOUR)
    given = company(seed, people=3, partitions=partitions, steps=300, gaps=gaps).world()
    given.topics[SALESFORCE_CHANGES] = Business(seed, partitions, 3).messages(200)
    return processed(given, policy(EAGER), seed, turns=LIVE)


def triggers(seed: int) -> list[dict[str, Any]]:
    return [json.loads(one.value or b"") for one in world_of(seed).messages(REFERRAL_TRIGGERS) if is_trigger(one)]


def is_trigger(one: Message) -> bool:
    """A withdrawal says nothing of accounts."""
    return one.header("ce_type") == CE_TYPE


@pytest.mark.parametrize("seed", SEEDS)
def test_the_accounts_of_triggers_are_clean(seed: int) -> None:
    assert differences(world_of(seed), EAGER) == []
    assert any(one["account"] for one in triggers(seed))


def test_the_worlds_have_triggers_with_and_without_what_may_be_absent() -> None:
    said = [one for seed in SEEDS for one in triggers(seed)]
    accounts, owners = [one["account"] for one in said], [one["owner"] for one in said]
    assert None in accounts
    assert {frozenset(one) for one in accounts if one} == {frozenset(["id"]), frozenset(["id", "name"])}
    assert any(account and not owner for account, owner in zip(accounts, owners, strict=True))
    assert any(owner and "email" in owner for owner in owners)


def test_in_the_worlds_people_are_of_other_accounts_later() -> None:
    later = {
        (seed, view.get("person")): (view.get("account") or {}).get("id")
        for seed in SEEDS
        for view in (json.loads(one.value or b"") for one in world_of(seed).messages(PROFILE_VIEWS))
    }
    then = [(seed, one["person"]["key"], (one["account"] or {}).get("id")) for seed in SEEDS for one in triggers(seed)]
    assert any(account is None and later[seed, who] for seed, who, account in then)
    assert any(account and account != later[seed, who] for seed, who, account in then)


ELSEWHERE = {"id": "001000000000009AAA", "name": "Elsewhere"}
SPOILT = {
    "another account": ("account", lambda account: ELSEWHERE),
    "another name": ("account", lambda account: account | {"name": "Elsewhere"}),
    "more than it is to tell": ("account", lambda account: account | {"arr": 5}),
    "no account": ("account", lambda account: None),
    "another owner": ("owner", lambda owner: owner | {"id": "005000000000009AAA"}),
    "an owner with another name": ("owner", lambda owner: owner | {"name": "Nobody"}),
    "no owner": ("owner", lambda owner: None),
}


UNHEARD = "account is one that the person never heard of"
"""Account and owner are looked at as one: what Salesforce tells has no received time."""


def spoilt(seed: int, place: int, one: Message) -> list[str]:
    world = copied(world_of(seed))
    world.topics[REFERRAL_TRIGGERS][place] = one
    return differences(world, EAGER)


@pytest.mark.parametrize("what", SPOILT)
def test_a_trigger_that_says_something_else_is_found(what: str) -> None:
    field, befall = SPOILT[what]
    seed, messages = 21, world_of(21).topics[REFERRAL_TRIGGERS]
    place = next(place for place, one in enumerate(messages) if is_trigger(one) and json.loads(one.value or b"")[field])
    said = json.loads(messages[place].value or b"")[field]
    (found,) = spoilt(seed, place, edited(messages[place], **{field: befall(said)}))
    assert f"triggers: Difference(where='{REFERRAL_TRIGGERS}/" in found
    assert UNHEARD in found


@pytest.mark.parametrize("field", ["account", "owner"])
def test_a_trigger_of_somebody_without_an_account_that_names_one_is_found(field: str) -> None:
    messages = world_of(21).topics[REFERRAL_TRIGGERS]
    place = next(
        place for place, one in enumerate(messages) if is_trigger(one) and not json.loads(one.value or b"")["account"]
    )
    (found,) = spoilt(21, place, edited(messages[place], **{field: ELSEWHERE}))
    assert UNHEARD in found
