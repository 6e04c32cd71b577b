"""The three measurements: the whole file at once, a restart from an empty disk, and delays at a steady rate."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import count
from time import monotonic, time
from typing import Any

from streams.topics import WEB_EVENTS
from tests.bench.broker import Broker
from tests.bench.events import (
    DELIVERED_MS,
    PEOPLE,
    REPORT,
    File,
    Line,
    Maker,
    Person,
    almost,
    finishers,
    triggering,
)
from tests.bench.load import pace, publish
from tests.bench.processes import Program
from tests.bench.programs import Subject
from tests.bench.watch import Triggers, length, watching

TOLD_EVERY_SECONDS = 2.0
ASKED_EVERY = 25
"""At the steady rate one event in so many makes a trigger."""
STRAGGLER_SECONDS = 15.0
RESTART_SECONDS = 90.0
NOT_COUNTED = (WEB_EVENTS.name,)
"""Topics that the load writes."""

Say = Callable[[str], None]


@dataclass
class Result:
    """What one program came to; None: not measured, `failed` says why."""

    name: str
    promise: str
    events: int = 0
    seconds: float | None = None
    events_per_second: float | None = None
    events_per_cpu_second: float | None = None
    broker_bytes_per_event: float | None = None
    broker_bytes: dict[str, int] = field(default_factory=dict)
    peak_megabytes: float | None = None
    triggers: int = 0
    missing: int = 0
    unexpected: int = 0
    doubled: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    delays: int = 0
    unanswered: int = 0
    """Triggers of the steady rate that did not come in time."""
    restored_rows: int | None = None
    restore_seconds: float | None = None
    restore_rows_per_second: float | None = None
    restart_seconds: float | None = None
    """From its start on an empty disk until it has done what came last."""
    failed: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether the triggers were those of the recount, each once."""
        return not (self.missing or self.unexpected or self.doubled)

    def as_json(self) -> dict[str, Any]:
        """Return all of it."""
        return asdict(self) | {"exact": self.exact}


@dataclass
class Bench:
    """One run: a broker, a file, and what is in `web-events` by now."""

    broker: Broker
    file: File
    say: Say
    limit_seconds: float
    rate: int
    rate_seconds: int
    _published: int = -1
    """Events of the file in `web-events`; -1: something else."""
    _asked: frozenset[str] = frozenset()
    _rounds: Iterator[int] = field(default_factory=lambda: count(1))

    async def whole_file(self, subject: Subject, result: Result) -> None:
        """Let it do the file: events a second, CPU, bytes, memory, triggers."""
        events = min(self.file.events, subject.most_events)
        await self._fill(events)
        await subject.prepare()
        before = self.broker.sizes()
        async with watching(self.broker, subject.triggers if subject.job else WEB_EVENTS.name) as triggers:
            program = subject.start()
            try:
                began, cpu = await self._first(subject, program)
                done = await self._done(subject, program, triggers, result)
                result.seconds, cpu = monotonic() - began, program.cpu_seconds() - cpu
                result.peak_megabytes = program.peak_bytes() / 1e6
            finally:
                program.stop()
            await asyncio.sleep(0.5)
        result.events = await length(self.broker, WEB_EVENTS.name)
        if done:
            result.events_per_second = result.events / result.seconds
            result.events_per_cpu_second = result.events / cpu
        self._weigh(before, result)
        if subject.job:
            self._judge(triggers, result)

    async def restart(self, subject: Subject, result: Result) -> None:
        """Let it start on an empty disk, and do a little more."""
        shutil.rmtree(subject.state, ignore_errors=True)
        changelogs = [topic for topic in await self.broker.topics() if subject.is_changelog(topic)]
        result.restored_rows = await length(self.broker, *changelogs)
        new = await self._finish()
        async with watching(self.broker, subject.triggers) as triggers:
            began, program = monotonic(), subject.start()
            try:
                if not await self._until(triggers, new, program, subject, RESTART_SECONDS):
                    result.failed.append(f"restart: not done within {RESTART_SECONDS:.0f} s")
                    return
                result.restart_seconds = monotonic() - began
                await triggers.until(self._asked, 5.0, program.check)
            finally:
                program.stop()
            await asyncio.sleep(0.5)
        result.restore_seconds = subject.restore_seconds(program.log)
        if result.restore_seconds:
            result.restore_rows_per_second = result.restored_rows / result.restore_seconds
        self._judge(triggers, result)

    async def steady(self, subject: Subject, result: Result) -> None:
        """Let it work at a steady rate: how long from an event to the trigger that it makes."""
        self._published = -1
        await self.broker.recreate(WEB_EVENTS.name)
        subject.app += "-live"
        shutil.rmtree(subject.state, ignore_errors=True)
        await subject.prepare()
        events = self.rate * self.rate_seconds
        people = [Person.named(f"s-{number}") for number in range(events // ASKED_EVERY)]
        maker, now = Maker(int(time())), int(time() * 1000)
        await publish(
            self.broker.bootstrap,
            (line for person in people for line in almost(maker, person, now - 3_600_000)),
            self.broker.partitions,
        )
        self._asked = frozenset()
        ready = await self._finish()
        async with watching(self.broker, subject.triggers) as triggers:
            program = subject.start()
            try:
                if not await self._until(triggers, ready, program, subject, self.limit_seconds):
                    result.failed.append("steady rate: did not get ready in time")
                    return
                make = _steady_lines(maker, people)
                self.say(f"{subject.name}: {self.rate:,} events/s for {self.rate_seconds} s ...")
                due = await pace(self.broker.bootstrap, make, events, self.rate)
                await triggers.until(frozenset(due), STRAGGLER_SECONDS, program.check)
            finally:
                program.stop()
        delays = sorted(triggers.seen_at[user] - at for user, at in due.items() if user in triggers.seen_at)
        result.delays, result.unanswered = len(delays), len(due) - len(delays)
        result.p50_ms, result.p99_ms, result.p999_ms = (_percentile(delays, share) for share in (0.5, 0.99, 0.999))

    async def _fill(self, events: int) -> None:
        """Have the first `events` events of the file in `web-events`, and people at the end whose triggers tell it."""
        if self._published == events:
            return
        await self.broker.recreate(WEB_EVENTS.name)
        told = _NowAndThen(self.say)
        lines = self.file.lines(events)
        await publish(
            self.broker.bootstrap,
            lines,
            self.broker.partitions,
            lambda done: told(lambda: f"publishing: {done:,} of {events:,} events"),
        )
        self._published, self._asked = events, self.file.asked_in(events)
        await self._finish()

    async def _finish(self) -> frozenset[str]:
        """Publish a round of people whose triggers say that all before them is done; return their user ids."""
        round_ = finishers(next(self._rounds), self.broker.partitions)
        lines = triggering(Maker(int(time() * 1000)), round_, int(time() * 1000) - 1_000)
        await publish(self.broker.bootstrap, lines, self.broker.partitions)
        new = frozenset(person.user_id for person in round_)
        self._asked |= new
        return new

    async def _first(self, subject: Subject, program: Program) -> tuple[float, float]:
        """Wait for the first re-keyed record; return the time and the CPU seconds by then."""
        deadline = monotonic() + 60
        while not any(self.broker.sizes(subject.rekeyed).values()):
            program.check()
            if monotonic() > deadline:
                raise program.error("did nothing within 60 s")
            await asyncio.sleep(0.02)
        return monotonic(), program.cpu_seconds()

    async def _done(self, subject: Subject, program: Program, triggers: Triggers, result: Result) -> bool:
        if subject.job:
            done = await self._until(triggers, self._asked, program, subject, self.limit_seconds)
        else:
            done = await self._passed(subject, program)
        if not done:
            result.failed.append(f"not done within {self.limit_seconds:.0f} s")
        return done

    async def _until(
        self, triggers: Triggers, users: frozenset[str], program: Program, subject: Subject, limit_seconds: float
    ) -> bool:
        told = _NowAndThen(self.say)

        def progress() -> str:
            rekeyed = sum(self.broker.sizes(subject.rekeyed).values()) / 1e6
            asked = len(users & triggers.seen_at.keys())
            return f"{subject.name}: {rekeyed:,.0f} MB re-keyed, {asked} of {len(users)} people asked"

        def alive() -> None:
            program.check()
            told(progress)

        return await triggers.until(users, limit_seconds, alive)

    async def _passed(self, subject: Subject, program: Program) -> bool:
        told, end = _NowAndThen(self.say), await length(self.broker, WEB_EVENTS.name)
        deadline = monotonic() + self.limit_seconds
        while (done := await self.broker.committed(subject.app, WEB_EVENTS.name)) < end:
            program.check()
            told(lambda: f"{subject.name}: {done:,} of {end:,} events")
            if monotonic() > deadline:
                return False
            await asyncio.sleep(0.1)
        return True

    def _weigh(self, before: dict[str, int], result: Result) -> None:
        after = self.broker.sizes()
        grown = {topic: size - before.get(topic, 0) for topic, size in after.items() if topic not in NOT_COUNTED}
        result.broker_bytes = {topic: size for topic, size in grown.items() if size > 0}
        result.broker_bytes_per_event = sum(result.broker_bytes.values()) / result.events

    def _judge(self, triggers: Triggers, result: Result) -> None:
        seen = triggers.seen_at.keys()
        result.triggers = len(seen)
        result.missing, result.unexpected = len(self._asked - seen), len(seen - self._asked)
        result.doubled = triggers.doubled


def _steady_lines(maker: Maker, people: list[Person]) -> Callable[[int, int], tuple[Line, str | None]]:
    """One event in `ASKED_EVERY` is the last report that somebody needs; the others are of people without reports."""
    crowd = [Person.named(f"u-{rank:05}") for rank in range(1, PEOPLE + 1)]
    now = 0

    def instants() -> Iterator[int]:
        while True:
            yield now

    others = maker.stream(crowd, 0, instants())

    def make(number: int, at: int) -> tuple[Line, str | None]:
        nonlocal now
        now = at = at - DELIVERED_MS  # so that it is received as it is published
        turn, rest = divmod(number, ASKED_EVERY)
        if rest or turn >= len(people):
            return next(others), None
        return maker.line(people[turn], REPORT, at), people[turn].user_id

    return make


def _percentile(ordered: list[float], share: float) -> float | None:
    return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else None


class _NowAndThen:
    """Says a line every two seconds at most; it is only made then."""

    def __init__(self, say: Say) -> None:
        self._say, self._told = say, monotonic()

    def __call__(self, line: Callable[[], str]) -> None:
        if monotonic() - self._told >= TOLD_EVERY_SECONDS:
            self._told = monotonic()
            self._say(line())
