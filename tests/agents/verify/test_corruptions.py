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

OURS = [topic for topic in TOPICS if not re.match("salesforce|account|user-timeline|contributions|progress", topic)]
"""Topics of which the simulated company knows, and whose every record says something that verify compares."""
SEEDS = 6
"""For each topic; each seed draws the world, the record, and what befalls it."""

FREE = {
    # What the specification leaves to the core, or what repeats something else that is compared.
    "part", "source", "bot", "visit", "context", "detail", "verdict", "variant", "account",
    "owner", "gates",
    # Later than the event says, it may be a straggler's: tests of its own say what is found.
    "received_at",
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


def between_rows(one: Message) -> bool:
    """Say whether rows of people sent a message to each other: verify looks at what comes of it, and only there.

    That each is there once, as it has to be, is found by the other oracle (tests/faults/oracle.py).
    """
    return (one.header("source") or "").startswith(f"{USER_EVENTS}/")


def copied(world: World) -> World:
    topics = {topic: list(messages) for topic, messages in world.topics.items()}
    return World(world.partitions, topics, dict(world.committed), dict(world.ends))


def corrupt(world: World, topic: str, rng: Random) -> str:
    """Do one thing to one record; say what."""
    messages = world.topics.get(topic, [])
    places = [place for place, one in enumerate(messages) if not one.header("touchline-mark") and is_compared(one)]
    if not places:
        world.topics[topic] = [Message(0, 0, 0, b"user:nobody", b'{"kind":"event","trigger_id":"x"}', ())]
        return "invented"
    place = rng.choice(places)
    one = messages[place]
    way = rng.choice(["drop", "double", "alter"])
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
    "a link was received earlier than its event": (
        USER_EVENTS,
        rb'"link","alias":"email:',
        lambda one: edited(one, received_at=json.loads(one.value or b"")["received_at"] - 1),
    ),
    "an event was received earlier than it says": (
        USER_EVENTS,
        rb'"kind":"event"',
        lambda one: edited(one, received_at=json.loads(one.value or b"")["received_at"] - 1),
    ),
    "an event was received later than those after it": (
        USER_EVENTS,
        rb'"kind":"event"',
        lambda one: edited(one, received_at=json.loads(one.value or b"")["received_at"] + 99 * 86_400_000),
    ),
    "a split was received before Kafka had it": (
        USER_EVENTS,
        rb'"kind":"split"',
        lambda one: edited(one, received_at=json.loads(one.value or b"")["received_at"] - 1),
    ),
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


def is_compared(one: Message) -> bool:
    """Say whether a record is compared by itself: of what rows send each other only what comes of it is."""
    return not (one.header("source") or "").startswith(f"{USER_EVENTS}/")


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
