"""History that comes in legs: reports and announcements do not depend on how far one lane runs ahead of another."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from random import Random
from typing import NamedTuple

import orjson
import pytest
from aiokafka.structs import ConsumerRecord

from agents.local.company import simulate
from agents.metrics import WorkerMetrics
from agents.observer import ProcessorObserver
from agents.partitions import partition_of
from agents.rules_file import load_with_personas
from agents.runtime.contract import Job, Lane
from agents.runtime.stores import MemoryStore
from agents.settings import Clock, Settings
from agents.sources.replay.lines import Line
from agents.sources.replay.timeline import LEG_MS, MARK_EVERY_MS, Event, Halt, Mark, in_legs, stamped, with_marks
from agents.topology import jobs
from streams.topics import (
    CONTRIBUTIONS,
    REFERRAL_TRIGGERS,
    SEGMENT_CHANGES,
    TIME_MARK_HEADER,
    WEB_EVENTS,
    Topic,
)

PARTITIONS = 4
DAYS, PEOPLE = 90, 40
END_MS = 1_764_370_000_000
NEVER = 10**15
RULES = Path(__file__).parents[3] / "rules.toml"
SETTINGS = Settings(_env_file=None, rules=RULES, partitions=PARTITIONS, clock=Clock.log)

Log = dict[Lane, list[ConsumerRecord]]


class Outcome(NamedTuple):
    contributions: dict[bytes, bytes]
    """{person: the latest}."""
    changes: list[tuple[str, ...]]
    """Person, segment, what, when."""
    triggers: list[str]
    """Their ids."""


class Worker:
    """One lane at work, in memory."""

    def __init__(self, job: Job, lane: Lane, log: Log) -> None:
        self.lane, self.log, self.at, self.rows = lane, log, 0, MemoryStore()
        self.processor = job.make(lane, self.rows)

    def waits(self) -> bool:
        return self.at < len(self.log[self.lane])

    def work(self, most: int) -> None:
        batch = self.log[self.lane][self.at : self.at + most]
        effects = self.processor.fold(batch, batch[-1].timestamp)
        self.rows.write(effects.rows, 0)
        self.at += len(batch)
        for (topic, partition), messages in effects.sends.items():
            for key, value, headers in messages:
                write(self.log, Lane(topic, partition), batch[-1].timestamp, key, value, headers)
        if effects.committed:
            effects.committed()


def write(log: Log, lane: Lane, at: int, key: bytes | None, value: bytes | None, headers: tuple = ()) -> None:
    record = ConsumerRecord(*lane, len(log[lane]), at, 0, key, value, None, -1, len(value or b""), headers)
    log[lane].append(record)


@cache
def history() -> list[Event | Mark]:
    lines = (Line("-", n, orjson.dumps(event)) for n, event in enumerate(simulate(7, DAYS, END_MS, PEOPLE)))
    return list(with_marks(stamped(lines, END_MS)))


def legs(longest_ms: int) -> Iterator[list[Event | Mark]]:
    for halts, items in groupby(in_legs(history(), longest_ms), lambda item: isinstance(item, Halt)):
        if not halts:
            yield [item for item in items if not isinstance(item, Halt)]


def all_workers(log: Log) -> list[Worker]:
    policy = load_with_personas(SETTINGS)
    observer = ProcessorObserver(
        WorkerMetrics([one.name for one in policy.segments], [one.name for one in policy.asks])
    )
    return [
        Worker(job, Lane(topic, partition), log)
        for job in jobs(SETTINGS, policy, observer)
        for topic in job.topics
        for partition in range(PARTITIONS)
    ]


@cache
def played(longest_ms: int, seed: int = 0) -> Outcome:
    """Publish the history leg by leg; within each, lanes take turns at random, ingest rather sooner."""
    rng, log = Random(seed), defaultdict(list)
    workers = all_workers(log)
    for leg in legs(longest_ms):
        publish(log, leg)
        while waiting := [worker for worker in workers if worker.waits()]:
            weights = [20 if worker.lane.topic == WEB_EVENTS.name else rng.choice((1, 4)) for worker in waiting]
            rng.choices(waiting, weights)[0].work(rng.randint(50, 400))
    changes = [orjson.loads(record.value) for record in records(log, SEGMENT_CHANGES)]
    triggers = [orjson.loads(record.value) for record in records(log, REFERRAL_TRIGGERS)]
    return Outcome(
        {record.key: record.value for record in records(log, CONTRIBUTIONS)},
        sorted((one["person"], one["segment"], one["change"], one["at"]) for one in changes),
        sorted(one["trigger_id"] for one in triggers),
    )


def records(log: Log, topic: Topic) -> list[ConsumerRecord]:
    return [record for partition in range(PARTITIONS) for record in log[Lane(topic.name, partition)]]


def publish(log: Log, items: list[Event | Mark]) -> None:
    for number, item in enumerate(items):
        if isinstance(item, Mark):
            for partition in range(PARTITIONS):
                header = (TIME_MARK_HEADER, str(item.at).encode())
                write(log, Lane(WEB_EVENTS.name, partition), item.at, None, None, (header,))
        else:
            partition = number % PARTITIONS if item.key is None else partition_of(item.key, PARTITIONS)
            write(log, Lane(WEB_EVENTS.name, partition), item.at or 0, item.key, item.value)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_weeks_give_the_reports_that_hours_give(seed: int) -> None:
    hourly, weekly = played(MARK_EVERY_MS), played(LEG_MS, seed)
    assert len(hourly.contributions) > 2 * PEOPLE
    assert weekly.contributions == hourly.contributions
    assert len(hourly.changes) > 5
    assert weekly.changes == hourly.changes
    assert weekly.triggers == hourly.triggers


def test_history_without_halts_gives_others() -> None:
    """Else the test above would prove nothing."""
    assert played(NEVER).contributions != played(MARK_EVERY_MS).contributions
