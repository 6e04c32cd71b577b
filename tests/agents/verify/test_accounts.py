"""Verify and accounts: what the real processors make of a random org is clean, and what befalls it is found."""

import json
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from agents.verify.world import (
    ACCOUNT_EVENTS,
    ACCOUNT_VIEWS,
    PROFILE_VIEWS,
    REJECTED_EVENTS,
    SALESFORCE_CHANGES,
    SALESFORCE_RECORDS,
    SALESFORCE_REFETCH,
    USER_EVENTS,
    USER_TIMELINE,
    WEB_EVENTS,
    Message,
    World,
)  # fmt: skip
from tests.agents.verify.business import Business
from tests.agents.verify.processed import LIVE, processed
from tests.agents.verify.simulate import company
from tests.agents.verify.test_clean import policy
from tests.agents.verify.test_corruptions import between_rows, copied, differences, edited, spoil

COMPACTED = (PROFILE_VIEWS, ACCOUNT_VIEWS, SALESFORCE_RECORDS)


def world_of(seed: int, *, steps: int = 200, cycles: bool = False) -> World:
    partitions = 1 + seed % 3
    given = company(seed, people=3, partitions=partitions, steps=60).world()
    given.topics[SALESFORCE_CHANGES] = Business(seed, partitions, 3, cycles).messages(steps)
    given.topics[WEB_EVENTS] = with_companies(list(given.messages(WEB_EVENTS)), Random(seed))
    return processed(given, policy(), seed, turns=LIVE)


COMPANIES: tuple[dict[str, Any], ...] = (
    {"domain": "example.com", "name": "Example", "employees": 12},
    {"domain": "www.Example.com", "name": " Example ", "employees": 12, "industry": ""},
    {"domain": "shop.example.com", "industry": "Banking", "country": "de", "more": [1]},
    {"domain": "example.com"},
    {"domain": "acme.co.uk", "name": "Acme", "employees": None},
    {"domain": "co.uk", "name": "Everybody"},
    {"domain": "gmail.com"},
    {"domain": "example.com", "country": "Germany"},
    {"domain": "example.com", "employees": 0},
    {"domain": "example.com", "employees": "12"},
    {"domain": "example.com", "name": "x" * 201},
    {"name": "Nobody"},
)


def with_companies(web: list[Message], rng: Random, at_most: int = 12) -> list[Message]:
    """Put commands of companies among the events."""
    for _ in range(at_most):
        place = rng.randrange(len(web))
        value = json.dumps(rng.choice(COMPANIES)).encode()
        web.insert(place, replace(web[place], key=None, value=value, headers=(("touchline-command", b"company"),)))
    return numbered(web)


def numbered(messages: list[Message]) -> list[Message]:
    """Give offsets anew, without a hole in any partition."""
    offsets: Counter[int] = Counter()
    made = []
    for one in messages:
        made.append(replace(one, offset=offsets[one.partition]))
        offsets[one.partition] += 1
    return made


@pytest.mark.parametrize("seed", range(12))
def test_what_the_processors_make_of_a_business_is_clean(seed: int) -> None:
    assert differences(world_of(seed)) == []


@pytest.mark.parametrize("seed", [112, 137])
def test_a_long_business_is_clean(seed: int) -> None:
    """Its currencies have codes that are none."""
    assert differences(world_of(seed, steps=500)) == []


@pytest.mark.parametrize("seed", [0, 1, 2, 6])
def test_accounts_that_were_merged_into_each_other_are_followed(seed: int) -> None:
    assert differences(world_of(seed, cycles=True)) == []


@cache
def clean(seed: int) -> World:
    """A world whose compacted topics hold the latest of each key only."""
    world = world_of(seed)
    for topic in COMPACTED:
        latest = {one.key: one for one in world.topics[topic]}
        world.topics[topic] = [one for one in world.topics[topic] if one is latest[one.key]]
    return world


PROOF = (
    (ACCOUNT_EVENTS, rb'"membership","alias":"sf:.*"joined":true'),
    (ACCOUNT_EVENTS, rb'"membership","alias":"email:.*"joined":true'),
    (ACCOUNT_EVENTS, rb'"opportunity","opportunity".*"roles":\[{'),
    (ACCOUNT_EVENTS, rb'"telling"'),
    (ACCOUNT_EVENTS, rb'"role".*"contact"'),
    (ACCOUNT_EVENTS, rb'"claim".*"created_at"'),
    (ACCOUNT_EVENTS, rb'"reference","object":"CurrencyType"'),
    (USER_EVENTS, rb'"account","alias":.*"state".*"arr":[1-9]'),
    (USER_EVENTS, rb'"account","alias":"email:.*"owner":{"id":"[^}]*"name"'),
    (USER_EVENTS, rb'"account".*"person":"user:'),
    (USER_EVENTS, rb'"account".*"unpriced"'),
    (USER_EVENTS, rb'"told".*"once".*"person":"user:|"told".*"person":"user:.*"once"'),
    (SALESFORCE_REFETCH, rb'"merged"'),
    (PROFILE_VIEWS, rb'"account":{"id"'),
    (PROFILE_VIEWS, rb'"company":{"domain":"example.com","'),
    (ACCOUNT_EVENTS, rb'"company","domain":"example.com","fields":{'),
    (ACCOUNT_EVENTS, rb'"company","domain":"example.com"}'),
    (USER_EVENTS, rb'"account":"domain:example.com","number":[0-9]+}'),
    (USER_EVENTS, rb'"account":"domain:example.com".*"state".*"person":"user:'),
    (REJECTED_EVENTS, rb"Germany"),
    (ACCOUNT_VIEWS, rb'"deleted":true'),
    (ACCOUNT_VIEWS, rb'"deleted":false'),
)


@pytest.mark.parametrize(("topic", "looks"), PROOF)
def test_the_random_businesses_prove_something(topic: str, looks: bytes) -> None:
    values = b"\n".join(m.value or b"" for seed in range(6) for m in clean(seed).topics.get(topic, ()))
    assert re.search(looks, values)


def of_accounts(topic: str, one: Message) -> bool:
    """Say whether a message is there because of accounts, or shows them."""
    if topic == USER_EVENTS:
        return json.loads(one.value or b"").get("kind") in ("account", "share") and not between_rows(one)
    if topic == ACCOUNT_EVENTS:
        return json.loads(one.value or b"").get("kind") != "change"
    return topic != SALESFORCE_REFETCH or b'"merged"' in (one.value or b"")


WAYS = {
    ACCOUNT_EVENTS: ["drop", "double", "alter"],
    USER_EVENTS: ["drop", "double", "alter"],
    SALESFORCE_REFETCH: ["drop", "double", "alter"],
    USER_TIMELINE: ["drop", "alter"],  # two accounts may tell one line: that it is there twice proves nothing here
    ACCOUNT_VIEWS: ["drop", "alter"],
}


@pytest.mark.parametrize("topic", WAYS)
def test_every_corruption_of_what_tells_of_accounts_is_found(topic: str) -> None:
    unseen = []
    for seed in range(12):
        rng, world = Random(f"{topic} {seed}"), copied(clean(seed % 6))
        messages = world.topics[topic]
        places = [place for place, one in enumerate(messages) if of_accounts(topic, one)]
        if not places:
            continue
        place, way = rng.choice(places), rng.choice(WAYS[topic])
        one = messages[place]
        spoil(world, topic, place, way, rng)
        if not differences(world):
            unseen.append((way, one))
    assert unseen == []


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("account", {"id": "001000000000009AAA", "name": "Elsewhere"}),
        ("company", {"domain": "example.com", "name": "Elsewhere"}),
    ],
)
def test_a_person_with_the_account_or_company_of_somebody_else_is_found(field: str, other: dict[str, str]) -> None:
    world = copied(clean(0))
    views = world.topics[PROFILE_VIEWS]
    place = next(place for place, one in enumerate(views) if b'"as_of"' in (one.value or b""))
    views[place] = edited(views[place], **{field: other})
    assert any(f"{field} is" in text for text in differences(world))
