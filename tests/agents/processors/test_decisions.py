"""Decisions are a function of the inputs: not of partitions, workers, the order of lanes, crashes."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import NamedTuple

import orjson
import pytest

from agents.verify import people
from agents.verify.rules import Rules, parse
from streams.instants import iso, since_epoch
from streams.policy import UNITS_MS, Ask, Condition, Policy, Segment
from streams.topics import COMMAND_HEADER, REFERRAL_TRIGGERS, SEGMENT_CHANGES, WEB_EVENTS
from tests.support.topology import Topology, by_person

DAY = UNITS_MS["d"]
TWICE = Segment("twice", (Condition("E", 2, 7 * DAY),), every=True)
ASK = Ask("review", "twice", "review", "in-app", "none", 1)
POLICY = Policy(1, (TWICE,), (ASK,))


class Received(NamedTuple):
    at: int
    """When it is received."""
    event: dict


def instant(text: str) -> int:
    return since_epoch(datetime.fromisoformat(text))


def track(user: str, at: int, received_at: int | None = None, name: str = "E", **ids: str) -> Received:
    received_at = at if received_at is None else received_at
    stamps = {"timestamp": iso(at), "receivedAt": iso(received_at)}
    who = {"anonymousId": user[5:]} if user.startswith("anon:") else {"userId": user}
    return Received(
        received_at, {"type": "track", "event": name, "messageId": f"{user}-{at}-{name}", **who, **stamps, **ids}
    )


def identify(user: str, anonymous: str, at: int, received_at: int | None = None) -> Received:
    received_at = at if received_at is None else received_at
    stamps = {"timestamp": iso(at), "receivedAt": iso(received_at)}
    ids = {"userId": user, "anonymousId": anonymous, "messageId": f"{user}-{anonymous}-{at}"}
    return Received(received_at, {"type": "identify", **ids, **stamps})


def played(
    inputs: list[Received],
    *,
    policy: Policy = POLICY,
    mark_ms: int = DAY,
    until: int | None = None,
    seed: int = 0,
    **kinds,
) -> Topology:
    """Play inputs in the order in which they are received, with time marks between, as `touchline replay` does."""
    topology = Topology(policy, seed=seed, **kinds)
    play(topology, inputs, mark_ms=mark_ms, until=until, seed=seed)
    return topology


def play(topology: Topology, inputs: list[Received], *, mark_ms: int, until: int | None = None, seed: int = 0) -> None:
    rng = Random(seed)
    inputs = sorted(inputs, key=lambda one: one.at)
    marked = inputs[0].at - 1
    for one in [*inputs, Received(until or inputs[-1].at + 40 * DAY, {})]:
        while marked + mark_ms < one.at:
            marked += mark_ms
            topology.mark(marked)
        if one.event:
            partition = rng.randrange(topology.partitions)
            headers = ((COMMAND_HEADER, one.event["command"].encode()),) if "command" in one.event else ()
            topology.publish(WEB_EVENTS.name, partition, orjson.dumps(one.event), one.at, headers=headers)
    topology.mark(until or inputs[-1].at + 40 * DAY)
    topology.come_to_rest()


def changes(topology: Topology, person: str) -> list[tuple[str, str]]:
    found = by_person(topology.messages(SEGMENT_CHANGES.name)).get(person.encode(), [])
    return [(one["change"], one["at"]) for one in (orjson.loads(value) for value, _ in found)]


FORTY = [
    "2025-11-09T17:34:20.992Z",
    "2025-11-12T03:30:08.696Z",
    "2025-11-17T15:33:35.418Z",
    "2025-11-19T10:52:37.509Z",
]


@pytest.mark.parametrize(("partitions", "workers", "crashes"), [(1, 1, 0.0), (4, 1, 0.0), (8, 3, 0.1)])
def test_three_stays_of_forty_people_are_all_announced(partitions: int, workers: int, crashes: float) -> None:
    inputs = [track(f"u{n}", instant(at) + n) for n in range(40) for at in FORTY]
    inputs.append(track("other", instant("2025-11-07T12:00:00Z")))
    topology = played(inputs, partitions=partitions, workers=workers, crashes=crashes)
    for n in range(40):
        first, second, third, fourth = (instant(at) + n for at in FORTY)
        assert changes(topology, f"user:u{n}") == [
            ("entered", iso(second)),
            ("left", iso(first + 7 * DAY)),
            ("entered", iso(third)),
            ("left", iso(second + 7 * DAY)),
            ("entered", iso(fourth)),
            ("left", iso(third + 7 * DAY)),
        ]
    assert len(topology.messages(REFERRAL_TRIGGERS.name)) == 120


HOUR, MINUTE = UNITS_MS["h"], UNITS_MS["m"]
T0 = instant("2026-01-01T00:00:00Z")
ANY = Segment("any", (Condition("F", 1, 2 * HOUR), Condition("E", 3, DAY)), every=False)
BOTH = Segment("both", (Condition("E", 2, 3 * HOUR), Condition("F", 1, DAY)), every=True)
MAIL = Ask("mail", "both", "review", "email", "none", 6 * HOUR)
RANDOM = Policy(1, (ANY, BOTH), (Ask("tweet", "any", "tweet", "in-app", "none", HOUR), MAIL))


def random_inputs(seed: int, most: int = 60) -> list[Received]:
    """A few people on a few devices within days: delays, repetitions, links that cross, splits, one instant twice."""
    rng = Random(seed)
    users, devices = [f"u{n}" for n in range(3)], [f"a{n}" for n in range(3)]
    mails = [f"m{n}@example.com" for n in range(2)]
    found: list[Received] = []
    at = T0
    for number in range(most):
        at += rng.choice((0, 0, 1, MINUTE, 20 * MINUTE, HOUR, 3 * HOUR))
        happened = at - rng.choice((0, 0, 0, 1, MINUTE, HOUR, 4 * HOUR, 2 * DAY, 31 * DAY))
        stamps = {"timestamp": iso(happened), "receivedAt": iso(at), "messageId": f"m{number:03}"}
        kind = rng.random()
        if kind < 0.55:
            ids = {"userId": rng.choice(users)} if rng.random() < 0.4 else {"anonymousId": rng.choice(devices)}
            event = {"type": "track", "event": rng.choice("EEF"), **ids, **stamps}
        elif kind < 0.7:
            event = {"type": "identify", "userId": rng.choice(users), "anonymousId": rng.choice(devices), **stamps}
        elif kind < 0.8:
            event = {"type": "identify", "userId": rng.choice(users), "traits": {"email": rng.choice(mails)}, **stamps}
        elif kind < 0.9:
            event = {
                "type": "identify",
                "anonymousId": rng.choice(devices),
                "traits": {"email": rng.choice(mails)},
                **stamps,
            }
        elif kind < 0.95 and found:
            event = rng.choice(found).event | {"receivedAt": iso(at)}
        else:
            name = rng.choice(("split", "join"))
            alias = rng.choice([f"anon:{rng.choice(devices)}", f"email:{rng.choice(mails)}"])
            event = {"command": name, "alias": alias, "id": f"c{number}"}
        found.append(Received(at, event))
    return found


def oracle_inputs(inputs: list[Received]) -> Iterator[people.Input]:
    """The same inputs in the words of the second implementation, which looks at nothing else."""
    for at, event in inputs:
        if "command" in event:
            known = event["alias"], event["id"]
            if event["command"] == "forget":
                yield people.Forget(known[0], at)
            else:
                yield people.Split(known[0], event["command"] == "split", known[1], at, at)
            continue
        happened = instant(event["timestamp"])
        user, device = event.get("userId"), event.get("anonymousId")
        alias, mail = f"user:{user}" if user else f"anon:{device}", event.get("traits", {}).get("email")
        yield people.Event(alias, event["messageId"], happened, at, event.get("event", ""), email=mail)
        links = [(f"anon:{device}", alias)] if user and device and event["type"] == "identify" else []
        if mail is not None:
            links.append((f"email:{mail}", alias) if user else (alias, f"email:{mail}"))
        for weaker, stronger in links:
            yield people.Link(weaker, stronger, event["messageId"], happened, at)


def rules_of(policy: Policy) -> Rules:
    """The rules in the words of the second implementation."""
    segments = [
        {
            "name": one.name,
            "rule": {
                "all" if one.every else "any": [
                    {"count": {"event": c.event, "at_least": c.required, "within": f"{c.within_ms // 1000}s"}}
                    for c in one.conditions
                ]
            },
        }
        for one in policy.segments
    ]
    asks = [
        {
            "name": one.name,
            "segment": one.segment,
            "type": one.type,
            "channel": one.channel,
            "incentive": one.incentive,
            "cooldown": f"{max(one.cooldown_ms // 1000, 1)}s",
        }
        for one in policy.asks
    ]
    return parse({"version": policy.version, "segments": segments, "asks": asks})


def announced(topology: Topology) -> dict[str, list[tuple]]:
    """{person: what was announced, in order}"""
    found: dict[str, list[tuple]] = defaultdict(list)
    for record in topology.messages(SEGMENT_CHANGES.name):
        one = orjson.loads(record.value)
        counts = tuple(condition["count"] for condition in one["why"]["conditions"])
        found[one["person"]].append(
            (one["segment"], one["change"], one["at"], one["announced_at"], one["episode"]["entered_at"], counts)
        )
    for record in topology.messages(REFERRAL_TRIGGERS.name):
        one = orjson.loads(record.value)
        if "reason" in one:
            what = ("withdrawn", one["ask"], one["withdrawn_at"], one["reason"])
        else:
            gates = tuple((gate["gate"], gate["passed"]) for gate in one["why"]["gates"])
            what = ("asked", one["ask"], one["decided_at"], one["episode"]["entered_at"], gates, one["person"]["email"])
        found[one["person"]["key"] + " asks"].append(what)
    return dict(found)


def recounted(inputs: list[Received], policy: Policy, until: int) -> dict[str, list[tuple]]:
    """What the second implementation says that is to be announced."""
    found: dict[str, list[tuple]] = defaultdict(list)
    for person, outcome in people.recount(oracle_inputs(inputs), rules_of(policy), until).people.items():
        found[person] = [
            (
                one.segment,
                "entered" if one.entered else "left",
                iso(one.at),
                iso(one.announced_at),
                iso(one.entered_at),
                one.counts,
            )
            for one in outcome.changes
        ]
        asked = [
            (
                one.decided_at,
                0,
                ("asked", one.ask, iso(one.decided_at), iso(one.entered_at), one.gates, one.portrait.email),
            )
            for one in outcome.decisions
            if one.asked
        ]
        withdrawn = [(one.at, 1, ("withdrawn", one.ask, iso(one.at), one.reason)) for one in outcome.withdrawals]
        found[f"{person} asks"] = [what for _, _, what in sorted([*asked, *withdrawn], key=lambda one: one[:2])]
    return {who: what for who, what in found.items() if what}


def decisions(topology: Topology) -> dict:
    return {topic.name: by_person(topology.messages(topic.name)) for topic in (SEGMENT_CHANGES, REFERRAL_TRIGGERS)}


@pytest.mark.parametrize("seed", range(40))
def test_decisions_do_not_hang_on_partitions_workers_order_or_crashes(seed: int) -> None:
    inputs = random_inputs(seed)
    plain = played(inputs, policy=RANDOM, partitions=1, mark_ms=HOUR)
    for marks, kinds in (
        (DAY, {"partitions": 4}),
        (40 * DAY, {"partitions": 3, "paces": (1, 3, 30)}),
        (HOUR, {"partitions": 4, "workers": 3, "paces": (1, 10), "crashes": 0.1}),
        (HOUR, {"partitions": 3, "workers": 2, "paces": (1, 10), "longest_batch": 2, "batch_records": 1}),
    ):
        other = played(inputs, policy=RANDOM, mark_ms=marks, seed=seed, **kinds)
        assert decisions(other) == decisions(plain)


@pytest.mark.parametrize("seed", range(150))
def test_decisions_are_those_of_a_program_that_knows_only_inputs_and_definitions(seed: int) -> None:
    inputs = random_inputs(1_000 + seed, most=20 + seed)
    until = inputs[-1].at + 40 * DAY
    kinds = {"partitions": 1 + seed % 4, "workers": 1 + seed % 3, "paces": (1, 8), "crashes": 0.05 * (seed % 3)}
    topology = played(inputs, policy=RANDOM, mark_ms=(HOUR, DAY, 40 * DAY)[seed % 3], seed=seed, **kinds)
    assert sorted_asks(announced(topology)) == sorted_asks(recounted(inputs, RANDOM, until))


def sorted_asks(found: dict[str, list[tuple]]) -> dict[str, list[tuple]]:
    """Of one instant the order of asks and of segments is that of the rules file: not of interest here."""
    return {who: sorted(what, key=str) for who, what in found.items()}


ANEW = Segment("any", (Condition("F", 1, MINUTE), Condition("E", 1, MINUTE)), every=False)
CHANGED = Policy(2, (ANEW, Segment("new", BOTH.conditions, every=False)), RANDOM.asks)


@pytest.mark.parametrize("seed", range(40))
def test_nor_does_what_new_rules_change_when_they_come(seed: int) -> None:
    """Something is received in the very millisecond from which they hold."""
    inputs = random_inputs(seed)
    until = inputs[30].at - 1
    before, after = ([one for one in inputs if (one.at <= until) == early] for early in (True, False))
    found = []
    for kinds in ({"partitions": 1}, {"partitions": 4, "workers": 3, "paces": (1, 10), "crashes": 0.1}):
        topology = Topology(RANDOM, seed=seed, **kinds)
        play(topology, before, mark_ms=HOUR, until=until, seed=seed)
        topology.deploy(CHANGED)
        play(topology, after, mark_ms=DAY, seed=seed)
        found.append(decisions(topology))
    assert found[0] == found[1]
    told = found[0][SEGMENT_CHANGES.name].values()
    announced = [
        (one["person"], one["segment"], one["announced_at"])
        for said in told
        for one in map(orjson.loads, (value for value, _ in said))
    ]
    assert len(announced) == len(set(announced)), "nobody leaves and enters at one instant"
    assert all(at > iso(until) for _, segment, at in announced if segment == "new")
