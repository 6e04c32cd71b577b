"""The real processors in memory, as a second author of worlds: what they make of web events, in any pace of lanes.

In: web events of a world.  Out: a world with everything that ingest and profile wrote.  No broker, no clock.
"""

from random import Random

from aiokafka.structs import ConsumerRecord

from agents.processors.account.events import AccountEvents
from agents.processors.ingest import Ingest
from agents.processors.profile import Profiles
from agents.processors.salesforce.changes import Changes
from agents.runtime.contract import Effects, Lane, Processor
from agents.runtime.stores import MemoryStore
from agents.verify.world import ACCOUNT_EVENTS, INPUTS, SALESFORCE_CHANGES, WEB_EVENTS, Message, World
from streams.policy import Policy

TICK_MS = 60_000
LONGEST_BATCH = 4
PAUSES = 0.1
"""How often a lane of Salesforce waits so long that time closes the open transaction."""
PACES = (1, 3, 30)
"""How often a lane has its turn, beside the others: a slow one lets the other way to a person be faster."""


def processed(given: World, policy: Policy, seed: int, kept: dict[Lane, MemoryStore] | None = None) -> World:
    """Feed the web events of a world to the processors; lanes take turns at random.  `kept` gets the rows."""
    rng = Random(seed)
    made = World(
        given.partitions,
        {WEB_EVENTS: _unmarked(given), SALESFORCE_CHANGES: list(given.messages(SALESFORCE_CHANGES))},
    )
    lanes = [_Lane(Lane(topic, p), policy, made, rng.choice(PACES)) for topic in INPUTS for p in range(made.partitions)]
    while waiting := [lane for lane in lanes if lane.waiting()]:
        (lane,) = rng.choices(waiting, [one.pace for one in waiting])
        lane.work(rng.randint(1, LONGEST_BATCH))
        if lane.lane.topic == SALESFORCE_CHANGES and (rng.random() < PAUSES or not lane.waiting()):
            lane.pause()
    if kept is not None:
        kept.update((lane.lane, lane.rows) for lane in lanes)
    made.committed = {(lane.lane.topic, lane.lane.partition): lane.at for lane in lanes}
    return made


def _unmarked(given: World) -> list[Message]:
    """Web events without time marks: here time comes from the messages."""
    return [one for one in given.messages(WEB_EVENTS) if one.header("touchline-mark") is None]


class _Lane:
    """One processor, its rows, and how far it came."""

    def __init__(self, lane: Lane, policy: Policy, world: World, pace: int) -> None:
        self.lane, self.world, self.pace, self.at = lane, world, pace, 0
        self.told_until = 0
        self.rows = MemoryStore()
        self.processor = _processor(lane, self.rows, policy, world.partitions)

    def waiting(self) -> list[Message]:
        """Messages still to consume."""
        found = (one for one in self.world.topics.get(self.lane.topic, ()) if one.partition == self.lane.partition)
        return [one for one in found if one.offset >= self.at]

    def work(self, most: int) -> None:
        """One transaction."""
        batch = self.waiting()[:most]
        effects = self.processor.fold([_consumed(self.lane, one) for one in batch], batch[-1].timestamp)
        self.rows.write(effects.rows, 0)
        self.at = batch[-1].offset + 1
        _write(self.world, effects, batch[-1].timestamp)
        self.told_until = batch[-1].timestamp

    def pause(self) -> None:
        """Nothing comes for a while."""
        effects = self.processor.idle(self.told_until)
        if effects is not None:
            self.rows.write(effects.rows, 0)
            _write(self.world, effects, self.told_until)


def _processor(lane: Lane, rows: MemoryStore, policy: Policy, partitions: int) -> Processor:
    if lane.topic == WEB_EVENTS:
        return Ingest(
            lane, rows, policy, partitions=partitions, log_clock=False, tick_ms=TICK_MS, observed=lambda _: None
        )
    if lane.topic == SALESFORCE_CHANGES:
        return Changes(lane, rows, partitions=partitions, observed=lambda _: None)
    if lane.topic == ACCOUNT_EVENTS:
        return AccountEvents(lane, rows, policy, partitions=partitions, observed=lambda *_: None)
    sources = frozenset(f"{WEB_EVENTS}/{p}" for p in range(partitions))
    return Profiles(lane, rows, policy, partitions=partitions, sources=sources, observed=lambda *_: None)


def _consumed(lane: Lane, one: Message) -> ConsumerRecord:
    size = len(one.value or b"")
    return ConsumerRecord(*lane, one.offset, one.timestamp, 0, one.key, one.value, None, -1, size, one.headers)


def _write(world: World, effects: Effects, timestamp: int) -> None:
    for (topic, partition), messages in effects.sends.items():
        offset = world.end(topic, partition)
        world.topics.setdefault(topic, []).extend(
            Message(partition, offset + number, timestamp, *message) for number, message in enumerate(messages)
        )
    if effects.committed:
        effects.committed()
