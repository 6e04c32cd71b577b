"""The second oracle: replays the log in the order in which it was applied, and compares every step.

The changelog tells that order: each transaction's rows end with the source position after it.  Unlike `verify` this
asks the processors themselves, alone, without Kafka, crashes or restarts: what they make of each step has to be what
stands in the changelog and in the topics.  So the two oracles fail for different reasons.  Pure.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from agents.processors.holding import read_row
from agents.processors.ingest import BEHIND_MS, SENT_KEY, TICK_KEY
from agents.processors.profile import HELD_KEY as WAITING_KEY
from agents.processors.salesforce.changes import HELD_KEY
from agents.runtime.contract import Effects, Headers, Job, Lane, Processor
from agents.runtime.exchange import Exchange
from agents.runtime.restore import BARRIER_KEY
from agents.runtime.stores import MemoryStore
from streams.progress import Board, Limits

POSITION = b"@position/"
BARRIER = b'{"kind":"barrier"'
"""So begins what no transaction wrote: a lane that opened."""
LONG = 1 << 53
"""An instant (ms) by which anything held has been held long enough."""
KEPT = 20
Log = Mapping[tuple[str, int], Sequence[ConsumerRecord]]
"""{(topic, partition): committed records, in order}."""


class Sent(NamedTuple):
    """A message in a topic, apart from its offset."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Step(NamedTuple):
    """What one transaction wrote to a changelog."""

    rows: dict[bytes, bytes | None]
    position: int
    """Source offset after it."""

    @property
    def read_to(self) -> int:
        """Source offset up to which the lane had read: it may hold back what it reads."""
        waiting = self.rows.get(WAITING_KEY)
        return self.position if waiting is None else read_row(waiting).read_to


class Dictated(Board):
    """A board that lets a lane take in what it took in then: why it could, other lanes' rows say."""

    def __init__(self) -> None:
        super().__init__((), "", 0)
        self.done: tuple[int, ...] = ()

    def limits(self, partition: int) -> Limits:
        """Give what was done."""
        return Limits(self.done, 0)

    def waits_for(self, partition: int, told: Sequence[int], done: Sequence[int]) -> bool:
        """Nobody hears it."""
        return False


@dataclass
class Findings:
    """What differs between the log and its replay; `steps` and `messages` say on how much that was proved."""

    lost: int = 0
    doubled: int = 0
    phantom: int = 0
    wrong_rows: int = 0
    steps: int = 0
    messages: int = 0
    by_topic: Counter[str] = field(default_factory=Counter)
    """{topic: messages}"""
    first: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Keep the words for a difference, if it is among the first."""
        if len(self.first) < KEPT:
            self.first.append(what)

    @property
    def exact(self) -> bool:
        """Whether nothing differs."""
        return not (self.lost or self.doubled or self.phantom or self.wrong_rows)


def compare(
    log: Log,
    jobs: Callable[[Exchange], Iterable[Job]],
    *,
    changelogs: Mapping[str, str],
    outputs: Collection[str],
    partitions: int,
) -> Findings:
    """Replay every lane of `jobs`, and compare with what stands in the `outputs`, all of whose messages are theirs.

    `changelogs` gives the topic of each table.  The log has to be consumed: what nobody applied counts as lost.
    """
    found = Findings()
    expected: list[tuple[Lane, Sent]] = []
    board = Dictated()
    for job in jobs(Exchange(board)):
        for topic in job.topics:
            for partition in range(partitions):
                lane = Lane(topic, partition)
                steps = list(steps_of(log.get((changelogs[job.table], partition), ()), lane))
                expected += [(lane, sent) for sent in _replayed(job, lane, steps, log.get(lane, ()), found, board)]
    there = [
        Sent(topic, partition, one.key, one.value, tuple(one.headers))
        for (topic, partition), records in log.items()
        if topic in outputs
        for one in records
        if not (one.value or b"").startswith(BARRIER)
    ]
    found.messages, found.by_topic = len(expected), Counter(sent.topic for _, sent in expected)
    _compare_messages(expected, there, found)
    return found


def steps_of(changelog: Iterable[ConsumerRecord], lane: Lane) -> Iterator[Step]:
    """Cut a changelog where a transaction of this lane ends: at its position row."""
    rows: dict[bytes, bytes | None] = {}
    for record in changelog:
        if record.key == POSITION + lane.topic.encode():
            yield Step(rows, int.from_bytes(record.value or b"", "big"))
            rows = {}
        elif not _of_others(record.key, lane):
            rows[record.key] = record.value


def _of_others(key: bytes, lane: Lane) -> bool:
    """Say whether a row is none of this lane's: two lanes may share a changelog, and write to it at the same time."""
    named = next((key.removeprefix(kind) for kind in (TICK_KEY, SENT_KEY, HELD_KEY) if key.startswith(kind)), None)
    return key == BARRIER_KEY or key.startswith(POSITION) or named not in (None, str(lane).encode())


def in_vain(begun: Iterable[ConsumerRecord], committed: Iterable[ConsumerRecord]) -> int:
    """Count the source records of transactions that wrote their position to a changelog and were not committed."""
    kept = {record.offset for record in committed}
    position: dict[bytes, int] = {}
    total = 0
    for record in begun:
        if record.key.startswith(POSITION):
            at = int.from_bytes(record.value, "big")
            if record.offset in kept:
                position[record.key] = at
            else:
                total += at - position.get(record.key, 0)
    return total


def _replayed(
    job: Job, lane: Lane, steps: Sequence[Step], source: Sequence[ConsumerRecord], found: Findings, board: Dictated
) -> Iterator[Sent]:
    """Fold the records of each step; yield the messages that follow, note the rows that differ."""
    rows = MemoryStore()
    processor = job.make(lane, rows)
    waiting = deque(source)
    position = read_to = 0
    for step in steps:
        found.steps += 1
        if step.read_to < read_to:
            # Another owner, who has to read again what the former one held back, and has not come so far yet.
            processor = job.make(lane, rows)
            waiting = deque(record for record in source if record.offset >= position)
        read_to = step.read_to
        if step.position < position:
            found.doubled += position - step.position
            found.note(f"{lane}: applied again from {step.position}, after {position}")
        batch = []
        while waiting and waiting[0].offset < step.read_to:
            batch.append(waiting.popleft())
        position = step.position
        effects = _refolded(processor, lane, step, batch, board)
        _compare_rows(lane, step, effects.rows, found)
        rows.write(effects.rows, position)
        if effects.committed is not None:
            effects.committed({})
        for (topic, partition), messages in effects.sends.items():
            yield from (Sent(topic, partition, key, value, headers) for key, value, headers in messages)
    while waiting and (waiting[0].value or b"").startswith(BARRIER):
        waiting.popleft()
    if waiting:
        found.lost += len(waiting)
        found.note(f"{lane}: {len(waiting)} records were never applied, the first is {waiting[0].offset}")


def _refolded(
    processor: Processor, lane: Lane, step: Step, batch: Sequence[ConsumerRecord], board: Dictated
) -> Effects:
    """Do a step again, with what it says itself of the time and of other lanes."""
    waiting = step.rows.get(WAITING_KEY)
    if waiting is not None:
        board.done = read_row(waiting).done
        # A lane looks at the board after it has read, so that it always sees what is new.
        effects = processor.fold(batch, 0, 0) if batch else processor.resume()
    elif batch:
        ticked = int.from_bytes(step.rows.get(TICK_KEY + str(lane).encode()) or b"", "big")
        effects = processor.fold(batch, ticked + BEHIND_MS, LONG)
    else:
        effects = processor.idle(LONG)
    return effects or Effects()


def _compare_rows(lane: Lane, step: Step, expected: Mapping[bytes, bytes | None], found: Findings) -> None:
    for key in step.rows.keys() | expected.keys():
        if step.rows.get(key, b"absent") != expected.get(key, b"absent"):
            found.wrong_rows += 1
            found.note(f"{lane}: row {key!r} is not what the records before {step.position} come to")
            if key == WAITING_KEY:
                found.note(f"{read_row(step.rows.get(key))}, not {read_row(expected.get(key))}")


def _compare_messages(expected: Sequence[tuple[Lane, Sent]], there: Sequence[Sent], found: Findings) -> None:
    wanted, have = Counter(sent for _, sent in expected), Counter(there)
    for sent in wanted.keys() | have.keys():
        more = have[sent] - wanted[sent]
        if more == 0:
            continue
        where = f"{sent.topic}/{sent.partition} {sent.key!r}"
        if more < 0:
            found.lost -= more
            found.note(f"{where}: {-more} lost of {wanted[sent]}: {sent.value!r:.200}")
        elif wanted[sent]:
            found.doubled += more
            found.note(f"{where}: {more} too many: {sent.value!r:.200}")
        else:
            found.phantom += more
            found.note(f"{where}: {more} that nothing explains: {sent.value!r:.200}")
    if wanted == have:
        compare_order(expected, there, found)


def compare_order(expected: Sequence[tuple[Lane, Sent]], there: Sequence[Sent], found: Findings) -> None:
    """What one lane sent of one key has to stand in its order; lanes may come between each other.

    What two lanes sent alike, to the byte, is whoever's: nothing says from which of them it is.
    """
    places: dict[Sent, deque[tuple[Lane, int]]] = defaultdict(deque)
    for number, (lane, sent) in enumerate(expected):
        places[sent].append((lane, number))
    latest: dict[tuple[Lane, str, int, bytes | None], int] = {}
    alike = {sent for sent, senders in places.items() if len({lane for lane, _ in senders}) > 1}
    for sent in there:
        lane, number = places[sent].popleft()
        if sent in alike:
            continue
        stream = (lane, sent.topic, sent.partition, sent.key)
        if number < latest.get(stream, -1):
            found.wrong_rows += 1
            found.note(f"{sent.topic}/{sent.partition} {sent.key!r}: not in the order of {lane}")
        latest[stream] = number
