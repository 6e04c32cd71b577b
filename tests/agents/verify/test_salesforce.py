"""Verify and Salesforce: what the real processors make of a random org is clean, and what befalls it is found."""

import json
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from agents.verify.check import check
from agents.verify.world import (
    ACCOUNT_EVENTS,
    INPUTS,
    PROFILE_VIEWS,
    SALESFORCE_CHANGES,
    SALESFORCE_RECORDS,
    SALESFORCE_REFETCH,
    USER_EVENTS,
    USER_TIMELINE,
    Message,
    World,
)  # fmt: skip
from tests.agents.verify.processed import processed
from tests.agents.verify.salesforce import Org
from tests.agents.verify.simulate import RULES, company
from tests.agents.verify.test_clean import policy
from tests.agents.verify.test_corruptions import between_rows, copied, differences, edited, spoil


def world_of(seed: int, *, steps: int = 40, cycles: bool = False) -> World:
    partitions = 1 + seed % 3
    given = company(seed, people=3, partitions=partitions, steps=60).world()
    given.topics[SALESFORCE_CHANGES] = Org(seed, partitions, 3, cycles).messages(steps)
    return processed(given, policy(), seed)


@pytest.mark.parametrize("seed", range(12))
def test_what_the_processors_make_of_a_random_org_is_clean(seed: int) -> None:
    assert differences(world_of(seed)) == []


@pytest.mark.parametrize("seed", [5, 8, 16])
def test_records_that_were_merged_into_each_other_are_followed_to_their_end(seed: int) -> None:
    assert differences(world_of(seed, cycles=True)) == []


def test_the_random_orgs_prove_something() -> None:
    worlds = [clean(seed) for seed in range(6)]
    every = {topic: b"\n".join(m.value or b"" for w in worlds for m in w.topics.get(topic, ())) for topic in INPUTS}
    asked = b"\n".join(m.value or b"" for w in worlds for m in w.topics.get(SALESFORCE_REFETCH, ()))
    for topic, looks in (
        (USER_EVENTS, rb'"facts".*"owner":"email:'),
        (USER_EVENTS, rb'"facts".*"owner":"sf:003'),
        (USER_EVENTS, rb'"facts".*"person":"user:'),
        (USER_EVENTS, rb'"told".*"person":"user:'),
        (USER_EVENTS, rb'"part","alias":"sf:.*"path":\[\d+,\d+\]'),
        (USER_EVENTS, rb'"detach","alias":"sf:'),
        (ACCOUNT_EVENTS, rb'"type":"undelete"'),
        (SALESFORCE_CHANGES, rb'"\d+-0x'),
    ):
        assert re.search(looks, every[topic]), looks
    for why in ("gap", "diff", "deleted", "partial", "overflow"):
        assert f'"why":"{why}"'.encode() in asked, why
    compared = {one.name: one.compared for one in check(worlds[0], RULES).checks}
    assert min(compared["salesforce changes"], compared["salesforce records"], compared["timeline"]) > 5


@cache
def clean(seed: int) -> World:
    """A world whose compacted topics hold the latest of each key only."""
    world = world_of(seed)
    for topic in (PROFILE_VIEWS, SALESFORCE_RECORDS):
        latest = {one.key: one for one in world.topics[topic]}
        world.topics[topic] = [one for one in world.topics[topic] if one is latest[one.key]]
    return world


WAYS = {
    SALESFORCE_CHANGES: ["drop"],
    SALESFORCE_RECORDS: ["drop", "alter"],
    ACCOUNT_EVENTS: ["drop", "double", "alter"],
    SALESFORCE_REFETCH: ["drop", "double", "alter"],
    USER_TIMELINE: ["drop", "double", "alter"],
    USER_EVENTS: ["drop", "double", "alter"],
}


@pytest.mark.parametrize("topic", WAYS)
def test_every_corruption_of_a_record_of_salesforce_is_found(topic: str) -> None:
    unseen = []
    for seed in range(8):
        rng, world = Random(f"{topic} {seed}"), copied(clean(seed % 6))
        messages = world.topics[topic]
        place = rng.choice(
            [
                place
                for place, one in enumerate(messages)
                if topic != USER_EVENTS or (b'"alias":"sf:' in one.value and not between_rows(one))
            ]
        )
        one, way = messages[place], rng.choice(WAYS[topic])
        spoil(world, topic, place, way, rng)
        if not differences(world):
            unseen.append((way, one))
    assert unseen == []


def inner(one: Message, name: str, **fields: Any) -> Message:
    return edited(one, **{name: json.loads(one.value or b"")[name] | fields})


BEFALLS = {
    "facts name another owner": (USER_EVENTS, rb'"facts".*"owner":"email', lambda one: edited(one, owner="email:x@y")),
    "facts have another account": (USER_EVENTS, rb'"facts".*"fields"', lambda one: edited(one, account="001x")),
    "a field of facts differs": (USER_EVENTS, rb'"facts".*"fields"', lambda one: inner(one, "fields", Title="Boss")),
    "a version was left out": (USER_EVENTS, rb'"facts".*"version":2', lambda one: edited(one, version=3)),
    "facts are lost": (USER_EVENTS, rb'"facts"', lambda _: None),
    "something told is lost": (USER_EVENTS, rb'"told"', lambda _: None),
    "what was told differs": (
        USER_EVENTS, rb'"told"', lambda one: inner(one, "change", text="Salesforce Contact Erased"),
    ),
    "somebody else's timeline": (USER_TIMELINE, rb'"user:', lambda one: replace(one, key=b"user:u9")),
    "a timeline without its person": (USER_TIMELINE, b"", lambda one: edited(one, person="user:u9")),
    "a record is missing in a document": (PROFILE_VIEWS, rb'"salesforce":\[', lambda one: edited(one, salesforce=None)),
    "a record is in the document of somebody else": (
        PROFILE_VIEWS, rb'"user:u\d","user_id":"u\d","aliases".*"asks":{[^}]*}}$',
        lambda one: edited(one, salesforce=[{"id": "003", "object": "Contact", "fields": {}}]),
    ),
    "a change has another instant": (ACCOUNT_EVENTS, rb'"change"', lambda one: edited(one, at=1_760_000_000_777)),
    "a change of another message": (
        ACCOUNT_EVENTS, rb'"change"', lambda one: replace(one, headers=(("source", b"salesforce-changes/0/0"),)),
    ),
    "a change sets one field more": (
        ACCOUNT_EVENTS, rb'"values"', lambda one: inner(one, "values", Extra="x"),
    ),
    "a change sets a field to null that was cleared": (
        ACCOUNT_EVENTS, rb'"values".*:null', lambda one: replace(one, value=one.value.replace(b":null", b':""', 1)),
    ),
    "a sender said something else": (
        SALESFORCE_CHANGES, rb'"changeType": "UPDATE".*"Title": ', lambda one: replace(
            one, value=one.value.replace(b'"Title": ', b'"Titel": ', 1).replace(b'"Title"', b'"Titel"')),
    ),
    "a rejected message has another reason": (
        "rejected-events", b"ChangeEventHeader", lambda one: replace(
            one, headers=tuple((n, b"future" if n == "reason" else v) for n, v in one.headers)),
    ),
    "a rejection is lost": ("rejected-events", b"ChangeEventHeader", lambda _: None),
    "a whole object is not read again": (SALESFORCE_REFETCH, rb'"id":null', lambda _: None),
    "a refetch begins later": (SALESFORCE_REFETCH, b"", lambda one: edited(one, since=1_760_000_000_777)),
}  # fmt: skip
"""What befalls one record: its topic, how its value looks, what it becomes (None: it is lost)."""


@pytest.mark.parametrize("what", BEFALLS)
def test_every_corruption_of_facts_and_changes_is_found(what: str) -> None:
    topic, looks, befall = BEFALLS[what]
    hit = 0
    for seed in range(6):
        world = copied(clean(seed))
        messages = world.topics.get(topic, [])
        fits = (n for n, one in enumerate(messages) if re.search(looks, one.value or b"") and not between_rows(one))
        for place in [next(fits, None)]:
            if place is None or hit == 2:
                continue
            spoilt = befall(messages[place])
            messages[place : place + 1] = [] if spoilt is None else [spoilt]
            hit += 1
            assert differences(world), seed
    assert hit


def of(one: Message) -> tuple[bytes | None, str]:
    """Whose line of the timeline it is, and which record's."""
    return one.key, str(json.loads(one.value or b"{}").get("record"))


def test_two_messages_of_one_person_in_the_wrong_order_are_found() -> None:
    world = copied(clean(1))
    timeline = sorted(world.topics[USER_TIMELINE], key=lambda one: (one.partition, one.offset))
    pairs = [(a, b) for a, b in pairwise(timeline) if of(a) == of(b) and a.value != b.value]
    found = 0
    for first, second in pairs:
        swapped = [replace(first, offset=second.offset), replace(second, offset=first.offset)]
        world.topics[USER_TIMELINE] = [one for one in timeline if one not in (first, second)] + swapped
        found += any("told earlier" in text for text in differences(world))
    assert found > len(pairs) / 2
