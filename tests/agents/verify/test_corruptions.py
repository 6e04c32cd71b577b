"""Seeded corruptions: one record dropped, doubled or altered in any topic, and verify is not clean any more."""

import json
import re
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from agents.verify.check import check
from agents.verify.rules import Rules
from agents.verify.world import INPUTS, TOPICS, USER_EVENTS, Message, World
from tests.agents.verify.simulate import RULES, company

OURS = [topic for topic in TOPICS if not re.match("salesforce|account|user-timeline|contributions", topic)]
"""Topics of which the simulated company knows."""
SEEDS = 6
"""For each topic; each seed draws the world, the record, and what befalls it."""

FREE = {
    # What the specification leaves to the core, or what repeats something else that is compared.
    "part", "source", "bot", "visit", "context", "detail", "verdict", "variant", "account",
    "owner", "gates",
}  # fmt: skip


@cache
def world_of(seed: int) -> World:
    """A clean world whose views are compacted: an equal older view would make up for a lost one."""
    world = company(seed, people=3, steps=90).world()
    views = world.topics["profile-views"]
    latest = {one.key: one for one in views}
    world.topics["profile-views"] = [one for one in views if one is latest[one.key]]
    return world


@pytest.mark.parametrize("topic", OURS)
def test_every_corruption_of_a_record_is_found(topic: str) -> None:
    unseen = []
    for seed in range(SEEDS):
        rng = Random(f"{topic} {seed}")
        world = copied(world_of(seed % 5))
        what = corrupt(world, topic, rng)
        if check(world, RULES).clean:
            unseen.append((seed, what))
    assert unseen == []


def test_the_worlds_have_records_to_corrupt_in_every_topic() -> None:
    assert all(any(world_of(seed).topics.get(topic) for seed in range(5)) for topic in OURS)


def copied(world: World) -> World:
    topics = {topic: list(messages) for topic, messages in world.topics.items()}
    return World(world.partitions, topics, dict(world.committed), dict(world.ends))


def corrupt(world: World, topic: str, rng: Random) -> str:
    """Do one thing to one record; say what."""
    messages = world.topics.get(topic, [])
    places = [place for place, one in enumerate(messages) if not one.header("touchline-mark")]
    if not places:
        world.topics[topic] = [Message(0, 0, 0, b"user:nobody", b'{"kind":"event","trigger_id":"x"}', ())]
        return "invented"
    place = rng.choice(places)
    one = messages[place]
    ways = ["drop", "alter"] if tick(one) else ["drop", "double", "alter"]
    way = rng.choice(ways)
    spoil(world, topic, place, way, rng)
    return f"{way} {one} {messages[place] if way == 'alter' else ''}"


def spoil(world: World, topic: str, place: int, way: str, rng: Random) -> None:
    """Let one record be lost, be there twice, or say something else; where it has no value, anything."""
    messages = world.topics[topic]
    if way == "drop":
        del messages[place]
    elif way == "double":
        double(world, topic, messages[place])
    else:
        one = messages[place]
        messages[place] = replace(one, value=b"{}") if one.value is None else altered(one, rng)


def differences(world: World, rules: Rules = RULES) -> list[str]:
    """Whatever verify finds, check by check."""
    return [f"{one.name}: {first}" for one in check(world, rules).checks for first in one.first]


def edited(one: Message, **fields: Any) -> Message:
    return replace(one, value=json.dumps(json.loads(one.value or b"") | fields).encode())


IDENTITY = {
    "a link of an address is missing": (USER_EVENTS, rb'"link","alias":"email:', lambda _: None),
    "a link of a visitor to an address is missing": (USER_EVENTS, rb'"link".*"to":"email:', lambda _: None),
    "a link leads to somebody else": (USER_EVENTS, rb'"link","alias":"email:', lambda one: edited(one, to="user:u9")),
    "a split is missing": (USER_EVENTS, rb'"kind":"split"', lambda _: None),
    "a split says the contrary": (USER_EVENTS, rb'"apart":true', lambda one: edited(one, apart=False)),
    "a link leads to a weaker alias": (USER_EVENTS, rb'"link","alias":"email:', lambda one: edited(one, to="anon:a0")),
    "the path of a part differs": (USER_EVENTS, rb'"part".*"path":\[1,', lambda one: edited(one, path=[1, 9])),
    "a part of two hops has the path of one": (USER_EVENTS, rb'"part".*"path":\[1,', lambda one: edited(one, path=[1])),
    "a part has no path": (USER_EVENTS, rb'"kind":"part"', lambda one: edited(one, path=None)),
    "the path of a detach differs": (USER_EVENTS, rb'"detach".*"path":\[2', lambda one: edited(one, path=[3])),
    "a detach was not passed on": (USER_EVENTS, rb'"person":"user:.*"detach"|"detach".*"user:', lambda _: None),
    "a detach has passed another number of rows": (
        USER_EVENTS,
        rb'"detach".*"passed":1',
        lambda one: edited(one, passed=2),
    ),
    "an event has passed no row that it was forwarded by": (
        USER_EVENTS,
        rb'"event".*"passed":1',
        lambda one: edited(one, passed=0),
    ),
    "an event has passed a row before it was forwarded": (
        USER_EVENTS,
        rb'"event","alias":"anon:(?!.*"person")',
        lambda one: edited(one, passed=1),
    ),
    "a part was passed on to the wrong owner": (
        USER_EVENTS,
        rb'"part".*"path":\[1,',
        lambda one: replace(edited(one, person="user:u9"), key=b"user:u9"),
    ),
    "a part of two hops is missing": (USER_EVENTS, rb'"part".*"path":\[1,', lambda _: None),
    "a pointer of an address leads to the wrong owner": (
        "profile-views",
        rb'"person":"email:.*"merged_into"',
        lambda one: edited(one, merged_into="user:u9"),
    ),
    "a pointer skips an owner": (
        "profile-views",
        rb'"merged_into":"email:',
        lambda one: edited(one, merged_into="user:u1"),
    ),
    "an address is not among the aliases": (
        "profile-views",
        rb'"aliases":.*"email:',
        lambda one: edited(one, aliases=[a for a in json.loads(one.value or b"")["aliases"] if "email:" not in a]),
    ),
}
"""What befalls one record: its topic, how its value looks, what it becomes (None: it is lost)."""


@pytest.mark.parametrize("what", IDENTITY)
def test_every_corruption_of_who_is_one_person_is_found(what: str) -> None:
    topic, looks, befall = IDENTITY[what]
    hit = 0
    for seed in range(5):
        world = copied(world_of(seed))
        messages = world.topics[topic]
        places = [place for place, one in enumerate(messages) if re.search(looks, one.value or b"")]
        for place in places[:1]:
            spoilt = befall(messages[place])
            messages[place : place + 1] = [] if spoilt is None else [spoilt]
            hit += 1
            assert not check(world, RULES).clean, seed
    assert hit


def tick(one: Message) -> bool:
    return b'"kind":"tick"' in (one.value or b"")


def double(world: World, topic: str, one: Message) -> None:
    """Append a copy.  A view may be doubled by contract; there, an outdated one comes last."""
    end = world.end(topic, one.partition)
    if topic == "profile-views":
        document = json.loads(one.value or b"")
        one = replace(
            one,
            value=json.dumps(document | {"person": document["person"], "as_of": "2020-01-01T00:00:00.000Z"}).encode(),
        )
    world.topics[topic].append(replace(one, offset=end))
    world.ends[topic, one.partition] = end + 1
    if topic in INPUTS:
        world.committed[topic, one.partition] = end + 1


def altered(one: Message, rng: Random) -> Message:
    try:
        document = json.loads(one.value or b"")
    except ValueError:
        return replace(one, value=(one.value or b"") + b"x")
    found = leaves(document)
    if (one.headers and one.key == b"k") or not found:
        return replace(one, value=(one.value or b"") + b" ")
    holder, name = rng.choice(found)
    holder[name] = changed(holder[name])
    return replace(one, value=json.dumps(document).encode())


def leaves(document: Any) -> list[tuple[Any, Any]]:
    """Places in a document that hold a single value which must be right."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else []
    )
    found: list[tuple[Any, Any]] = []
    for name, value in items:
        if name in FREE or (name == "trigger_id" and value is None):
            continue
        found += leaves(value) if isinstance(value, dict | list) else [(document, name)]
    return found


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return f"{value or ''}x"
