"""The topology without a broker: the real processors on lists, for any number of workers, in any order, with crashes.

In: messages of source topics.  Out: everything that the lanes wrote.  What a real worker does between processors - own
lanes, read, commit, tell others how far it is - is done here in the plainest way, at random, so that whatever does not
depend on it comes out the same each time.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from aiokafka.structs import ConsumerRecord

from agents.partitions import partition_of
from agents.processors.batched import Batched
from agents.runtime.contract import Effects, Ends, Job, Lane, Processor
from agents.runtime.exchange import Exchange
from agents.runtime.stores import MemoryStore
from agents.settings import Clock, Settings
from agents.topology import exchange, jobs
from streams.events import Barrier, encode_record
from streams.policy import Policy
from streams.progress import Said
from streams.topics import TIME_MARK_HEADER, USER_EVENTS, WEB_EVENTS

POSITION = b"@position/"
"""How the row begins by which a lane's changelog says up to where it is of its topic."""
LONGEST_BATCH = 40
IDLE_MS = 10_000
"""How long nothing has come when lanes are idle: longer than a transaction of Salesforce is waited for."""
MOST_STEPS = 200_000
"""A topology that has not come to rest by then never will."""


class Silent:
    """Hears processors, and says nothing."""

    def received(self, rejected: "Counter[str]", elsewhen: int) -> None: ...

    def ingested(self, rejected: "Counter[str]") -> None: ...

    def recorded(self, rejected: "Counter[str]", refused: int) -> None: ...

    def folded(self, lane: Lane, batch: Batched) -> None: ...


class Worker:
    """A process: its lanes speak to each other at once, to others by way of `progress`."""

    def __init__(self, settings: Settings, policy: Policy, observer: Silent) -> None:
        self.exchange: Exchange = exchange(settings)
        self.heard = 0
        """How much of `progress` it has heard."""
        self.jobs: dict[str, Job] = {
            topic: job for job in jobs(settings, policy, observer, self.exchange) for topic in job.topics
        }


class Topology:
    """All lanes of all topics, and what stands in the topics."""

    def __init__(
        self,
        policy: Policy,
        *,
        partitions: int,
        workers: int = 1,
        clock: Clock = Clock.log,
        seed: int = 0,
        paces: tuple[int, ...] = (1,),
        crashes: float = 0.0,
        longest_batch: int = LONGEST_BATCH,
        batch_records: int = 4_000,
        observer: Silent | None = None,
    ) -> None:
        self.rng = Random(seed)
        self.partitions = partitions
        self.crashes = crashes
        self.longest_batch = longest_batch
        self.now = 0
        """Wall time, where that is the clock: advanced by what is published."""
        self.log: dict[Lane, list[ConsumerRecord]] = defaultdict(list)
        self.progress: list[Said] = []
        self._known: set[Said] = set()
        """What all workers were told although nobody waited for it."""
        self.settings = Settings(
            _env_file=None, partitions=partitions, clock=clock, grace_ms=0, tick_ms=20, batch_records=batch_records
        )
        self.observer = observer or Silent()
        self.workers = [Worker(self.settings, policy, self.observer) for _ in range(workers)]
        self.lanes = [
            LaneAtWork(self, Lane(topic, partition), self.rng.choice(paces))
            for topic in self.workers[0].jobs
            for partition in range(partitions)
        ]

    def publish(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        timestamp: int,
        *,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes]] = (),
    ) -> None:
        """Append a message, as a producer would."""
        self.now = max(self.now, timestamp)
        self.append(Lane(topic, partition), timestamp, key, value, tuple(headers))

    def mark(self, at: int) -> None:
        """Say to every source partition that time has come so far (log clock)."""
        for partition in range(self.partitions):
            header = ((TIME_MARK_HEADER, str(at).encode()),)
            self.publish(WEB_EVENTS.name, partition, None, at, headers=header)

    def append(self, lane: Lane, at: int, key: bytes | None, value: bytes | None, headers: Any = ()) -> int:
        """Append a record; return the offset after it."""
        records = self.log[lane]
        records.append(ConsumerRecord(*lane, len(records), at, 0, key, value, None, -1, len(value or b""), headers))
        return len(records)

    def come_to_rest(self) -> None:
        """Let lanes have their turn at random until none has anything to do."""
        for _ in range(MOST_STEPS):
            if self._turn():
                continue
            came = [lane.idle() for lane in self.lanes]
            if not self._refresh() and not any(came):
                return
        msg = f"no rest after {MOST_STEPS} steps: {[str(lane.lane) for lane in self.lanes if lane.is_busy()]}"
        raise AssertionError(msg)

    def _refresh(self) -> bool:
        """Have all workers hear how far all lanes are, as they do each second; say whether there was news."""
        news = [said for said in self.said() if said not in self._known]
        self._known.update(news)
        self.progress += news
        return bool(news)

    def work(self, turns: int) -> None:
        """Let lanes have so many turns, fewer where none has anything to do; more may come at once."""
        for _ in range(turns):
            if not self._turn():
                return

    def _turn(self) -> bool:
        """Let one lane work, or one worker hear; say whether any had anything to do."""
        busy = [lane for lane in self.lanes if lane.is_busy()]
        deaf = [worker for worker in self.workers if worker.heard < len(self.progress)]
        if deaf and (not busy or self.rng.random() < 0.3):
            self._hear(self.rng.choice(deaf), self.rng.randint(1, 5))
        elif busy:
            (lane,) = self.rng.choices(busy, [lane.pace for lane in busy])
            lane.work(self.rng.randint(1, self.longest_batch))
        return bool(busy or deaf)

    def deploy(self, policy: Policy) -> None:
        """Replace every worker by one with other rules."""
        self.workers = [Worker(self.settings, policy, self.observer) for _ in self.workers]
        self.restart()

    def restart(self) -> None:
        """Give every lane to a worker anew: only what was committed is left of it."""
        for lane in self.lanes:
            lane.open()

    def messages(self, topic: str) -> list[ConsumerRecord]:
        """List what stands in a topic, by partition and offset."""
        return [record for partition in range(self.partitions) for record in self.log[Lane(topic, partition)]]

    def latest(self, topic: str) -> dict[bytes, bytes]:
        """Give the latest value of each key of a compacted topic; a null has deleted its key."""
        found = {record.key: record.value for record in self.messages(topic)}
        return {key: value for key, value in found.items() if value is not None}

    def said(self) -> list[Said]:
        """List how far each lane is by now, whether anybody waits to hear it or not."""
        return [said for worker in self.workers for said in worker.exchange.progress.values()]

    def hear_all(self, worker: Worker) -> None:
        """Have a worker hear all that was said."""
        self._hear(worker, len(self.progress))

    def _hear(self, worker: Worker, most: int) -> None:
        for said in self.progress[worker.heard : worker.heard + most]:
            worker.exchange.hear(said)
        worker.heard = min(worker.heard + most, len(self.progress))


class LaneAtWork:
    """One lane: its rows, its owner, and how far it is."""

    def __init__(self, topology: Topology, lane: Lane, pace: int) -> None:
        self.topology, self.lane, self.pace = topology, lane, pace
        self.rows = MemoryStore()
        self.position = self.read_to = 0
        self.worker: Worker
        self.processor: Processor
        self.seen: object = None
        """What its worker's board said when it last looked."""
        self.open()

    def open(self) -> None:
        """Give the lane to a worker: rows and position are all that it has of the former owner."""
        topology = self.topology
        self.worker = topology.rng.choice(topology.workers)
        topology.hear_all(self.worker)
        self.processor = self.worker.jobs[self.lane.topic].make(self.lane, self.rows)
        ends = {}
        if self.processor.has_sent():
            barrier = encode_record(Barrier(str(self.lane)))
            ends = {
                partition: topology.append(Lane(USER_EVENTS.name, partition), 0, None, barrier)
                for partition in range(topology.partitions)
            }
        self.processor.opened(ends)
        self.read_to = self.position
        self.seen = None
        self._tell()

    def is_busy(self) -> bool:
        """Say whether the lane has something to read or, since others have come on, to look at again."""
        unread = self.read_to < len(self.topology.log[self.lane]) and self.processor.may_fold()
        return unread or (self.lane.topic == USER_EVENTS.name and self.seen != self._board())

    def work(self, most: int) -> None:
        """One transaction, or what a crash leaves of one."""
        self.seen = self._board()
        batch = self.topology.log[self.lane][self.read_to : self.read_to + most]
        if batch and self.processor.may_fold():
            self.read_to = batch[-1].offset + 1
            drained = self.read_to == len(self.topology.log[self.lane])
            now = max(self.topology.now, batch[-1].timestamp)
            effects = self.processor.fold(batch, now if drained else batch[-1].timestamp, now)
        else:
            effects = self.processor.resume()
        self._done(effects)

    def _board(self) -> object:
        board = self.worker.exchange.board
        return board.levels, board.decided, board.wanted, board.catches_up

    def idle(self) -> bool:
        """Nothing comes for a while; say whether that came to anything."""
        now = self.topology.now + IDLE_MS
        if self.read_to < len(self.topology.log[self.lane]) or not self.processor.wants_time(now):
            return False
        before = len(self.topology.progress)
        effects = self.processor.idle(now)
        self._done(effects)
        return (effects is not None and bool(effects.sends)) or len(self.topology.progress) > before

    def _done(self, effects: Effects | None) -> None:
        dies = self.topology.rng.random() < self.topology.crashes
        if dies and self.topology.rng.random() < 0.5:
            self.open()
            return
        if effects is not None:
            self._commit(effects, tells=not dies)
        if dies:
            self.open()
        else:
            self._tell()

    def _commit(self, effects: Effects, *, tells: bool) -> None:
        self.rows.write(effects.rows, 0)
        self.position = self.read_to if effects.position is None else effects.position
        job, position = self.worker.jobs[self.lane.topic], POSITION + self.lane.topic.encode()
        for key, row in [*effects.rows.items(), (position, self.position.to_bytes(8, "big"))]:
            self.topology.append(Lane(f"{job.table}-changelog", self.lane.partition), 0, key, row)
        ends: Ends = {}
        for (topic, partition), messages in effects.sends.items():
            for key, value, headers in messages:
                ends[topic, partition] = self.topology.append(
                    Lane(topic, partition), self.topology.now, key, value, headers
                )
        if effects.more:
            self.seen = ()
        if tells and effects.committed is not None:
            effects.committed(ends)

    def _tell(self) -> None:
        unsent, self.worker.exchange.unsent = self.worker.exchange.unsent, {}
        self.topology.progress += unsent.values()


def by_person(records: Iterable[ConsumerRecord]) -> Mapping[bytes, list[tuple[bytes, tuple[Any, ...]]]]:
    """Group messages by key, each with value and headers, in order."""
    found: dict[bytes, list[tuple[bytes, tuple[Any, ...]]]] = defaultdict(list)
    for record in records:
        found[record.key].append((record.value, tuple(record.headers)))
    return dict(found)


def publish_by_key(topology: Topology, key: str, value: bytes, timestamp: int) -> None:
    """Publish a web event to the partition of its key."""
    partition = partition_of(key, topology.partitions)
    topology.publish(WEB_EVENTS.name, partition, value, timestamp, key=key.encode())


Publisher = Callable[[Topology], None]
