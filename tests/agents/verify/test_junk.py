"""Whatever stands in the topics, verify comes to an end and says what differs."""

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from agents.verify.check import check
from agents.verify.world import TOPICS, Message, World
from tests.agents.verify.simulate import RULES, company
from tests.agents.verify.test_corruptions import copied

JUNK: list[Any] = [
    None, True, -1, 1 << 70, 1.5, "", "x", "user:u1",
    "2025-10-09T08:53:20.000Z", [], [[]], [1, "a", {}], {}, {"a": None},
]  # fmt: skip
RAW = [
    None,
    b"",
    b"null",
    b"[]",
    b"7",
    b'"x"',
    b"{",
    b"\xff",
    b"{}",
    b'{"kind":"event"}',
    b'{"kind":"barrier","lane":1}',
]


@pytest.mark.parametrize("seed", range(8))
def test_junk_anywhere_stops_nothing(seed: int) -> None:
    rng, world = Random(seed), copied(company(seed % 4, forgets=0.02).world())
    for topic in TOPICS:
        messages = world.topics.setdefault(topic, [])
        for place in rng.sample(range(len(messages)), min(12, len(messages))):
            messages[place] = spoilt(messages[place], rng)
        if not messages:
            messages += [Message(0, offset, 0, b"k", value) for offset, value in enumerate(RAW)]
    assert not check(world, RULES).clean


def test_everything_is_junk() -> None:
    topics = {topic: [Message(0, offset, 0, None, value) for offset, value in enumerate(RAW)] for topic in TOPICS}
    assert not check(World(2, topics, dict.fromkeys([(topic, 0) for topic in TOPICS], 99)), RULES).clean


def spoilt(one: Message, rng: Random) -> Message:
    """Another value, or one with anything in the place of anything; other headers, another key."""
    way = rng.randrange(6)
    if way == 0:
        return replace(one, value=rng.choice(RAW))
    if way == 1:
        return replace(
            one, headers=tuple((name, rng.choice([b"", b"\xff", b"a/b/c", b"7"])) for name, _ in one.headers)
        )
    if way == 2:
        return replace(one, key=rng.choice([None, b"", b"\xff", b"user:", b"x"]))
    try:
        document = json.loads(one.value or b"")
    except (ValueError, RecursionError):
        return replace(one, value=b"7")
    holder = document
    while True:
        names = (
            list(holder) if isinstance(holder, dict) else list(range(len(holder))) if isinstance(holder, list) else []
        )
        if not names:
            break
        name = rng.choice(names)
        if not isinstance(holder[name], dict | list) or not holder[name] or rng.random() < 0.4:
            holder[name] = rng.choice(JUNK)
            break
        holder = holder[name]
    return replace(one, value=json.dumps(document).encode())
