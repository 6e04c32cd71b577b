"""History played at once: reports and announcements are those of small steps, however far one lane runs ahead."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from agents.local.company import simulate
from agents.partitions import partition_of
from agents.rules_file import load_with_personas
from agents.settings import Settings
from agents.sources.replay.lines import Line
from agents.sources.replay.timeline import Event, Mark, stamped, with_marks
from streams.instants import DAY_MS
from streams.policy import UNITS_MS, Ask, Condition, Policy, Segment
from streams.topics import CONTRIBUTIONS, REFERRAL_TRIGGERS, SEGMENT_CHANGES, WEB_EVENTS
from tests.support.topology import Topology, by_person

DAYS, PEOPLE = 90, 120
END_MS = 1_764_370_000_000
RULES = Path(__file__).parents[3] / "rules.toml"
READING = Segment("reading", (Condition("$page", 2, UNITS_MS["h"]),), every=True)
"""Beside the shipped rules, that few come to: many are in for an hour, often by what an address or a visitor did."""


@cache
def policy() -> Policy:
    shipped = load_with_personas(Settings(_env_file=None, rules=RULES))
    mail = Ask("read", "reading", "review", "email", "none", 7 * DAY_MS)
    return replace(shipped, segments=(*shipped.segments, READING), asks=(*shipped.asks, mail))


class Outcome(NamedTuple):
    contributions: dict[bytes, bytes]
    """{person: the latest}."""
    announcements: list[Any]
    """Changes and triggers, by person, in order: all of each message."""


@cache
def history() -> list[Event | Mark]:
    lines = (Line("-", n, orjson.dumps(event)) for n, event in enumerate(simulate(7, DAYS, END_MS, PEOPLE)))
    return list(with_marks(stamped(lines, END_MS)))


def played(*, step_ms: int | None = None, partitions: int = 4, **kinds: Any) -> Outcome:
    """Publish the history, at once or step by step: each is processed before the next one begins."""
    topology = Topology(policy(), partitions=partitions, **kinds)
    for step in steps(step_ms):
        for number, item in enumerate(step):
            if isinstance(item, Mark):
                topology.mark(item.at)
            else:
                place = number % partitions if item.key is None else partition_of(item.key, partitions)
                topology.publish(WEB_EVENTS.name, place, item.value, item.at or 0, key=item.key)
        topology.come_to_rest()
    said = [by_person(topology.messages(topic.name)) for topic in (SEGMENT_CHANGES, REFERRAL_TRIGGERS)]
    return Outcome(topology.latest(CONTRIBUTIONS.name), said)


def steps(longest_ms: int | None) -> Iterator[list[Event | Mark]]:
    """All of the history, or what lies between two marks that are so far apart."""
    step: list[Event | Mark] = []
    began = 0
    for item in history():
        step.append(item)
        if longest_ms is not None and isinstance(item, Mark) and item.at - began >= longest_ms:
            yield step
            step, began = [], item.at
    yield step


@cache
def by_small_steps() -> Outcome:
    return played(step_ms=DAY_MS // 4)


def test_there_is_something_to_tell() -> None:
    """Else the test below would prove nothing."""
    outcome = by_small_steps()
    assert len(outcome.contributions) > PEOPLE // 2
    assert all(sum(map(len, told.values())) > PEOPLE // 2 for told in outcome.announcements)


@pytest.mark.parametrize(
    "kinds",
    [
        {"seed": 1, "paces": (1, 4, 20)},
        {"seed": 2, "paces": (1, 50), "workers": 3},
        {"seed": 3, "paces": (1, 20), "workers": 2, "partitions": 7, "crashes": 0.02},
        {"seed": 4, "partitions": 1},
    ],
    ids=["at any pace", "by several workers", "with crashes", "by one lane"],
)
def test_history_at_once_gives_what_small_steps_give(kinds: dict[str, Any]) -> None:
    at_once = played(**kinds)
    assert at_once.contributions == by_small_steps().contributions
    assert at_once.announcements == by_small_steps().announcements


def test_so_it_does_where_a_lane_takes_in_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much is due at once when time has come on; nothing wakes the lane for the rest but itself."""
    monkeypatch.setattr("agents.processors.profile.MOST_RECORDS", 7)
    assert played(seed=5).announcements == by_small_steps().announcements
