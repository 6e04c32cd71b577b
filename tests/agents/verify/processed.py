"""The real processors in memory, as a second author of worlds: what they make of inputs, at any pace of lanes.

In: web events and Salesforce changes of a world.  Out: a world with everything that the lanes wrote.  No broker.
"""

from collections.abc import Sequence
from random import Random

from agents.runtime.contract import Lane
from agents.runtime.stores import MemoryStore
from agents.settings import Clock
from agents.verify.world import SALESFORCE_CHANGES, WEB_EVENTS, Message, World
from streams.policy import Policy
from tests.support.topology import Topology
from tests.support.world import as_world

LONGEST_BATCH = 4
PACES = (1, 3, 30)
"""How often a lane has its turn, beside the others: a slow one lets the other way to a person be faster."""


LIVE = (0, 0, 0, 60)
"""Turns by which lanes mostly keep up: accounts are known to people before those are asked."""


def as_they_come(given: World) -> list[tuple[str, Message]]:
    """List what senders wrote, by time, each partition in its order, but for time marks: time comes from messages."""
    found = []
    for topic in (WEB_EVENTS, SALESFORCE_CHANGES):
        latest: dict[int, int] = {}
        for one in given.messages(topic):
            latest[one.partition] = max(one.timestamp, latest.get(one.partition, 0))
            if one.header("touchline-mark") is None:
                found.append((latest[one.partition], topic, one))
    return [(topic, one) for _, topic, one in sorted(found, key=lambda it: it[0])]


def processed(
    given: World, policy: Policy, seed: int, kept: dict[Lane, MemoryStore] | None = None, *, turns: Sequence[int] = (0,)
) -> World:
    """Feed the inputs of a world to the processors; lanes take turns at random.  `kept` gets the rows.

    `turns`: how many, at most, lanes have between two messages; without any all messages are there before they begin.
    """
    topology = Topology(
        policy, partitions=given.partitions, clock=Clock.wall, seed=seed, paces=PACES, longest_batch=LONGEST_BATCH
    )
    rng = Random(seed)
    for topic, one in as_they_come(given):
        topology.publish(topic, one.partition, one.value, one.timestamp, key=one.key, headers=one.headers)
        topology.work(rng.choice(turns))
    topology.come_to_rest()
    made = as_world(topology)
    if kept is not None:
        kept.update((one.lane, one.rows) for one in topology.lanes)
    return made
