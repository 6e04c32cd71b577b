"""Mutations: the protocol without one of its safeguards.  The simulator has to find a schedule that breaks each."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from agents.processors.holding import Holding
from agents.runtime import lanes
from agents.runtime.contract import Effects, Lane
from agents.runtime.delivery import Batch
from agents.runtime.lanes import LaneFencedError, LaneWork
from agents.runtime.stores import Store
from agents.runtime.transactions import LaneProducer
from tests.faults.simulator.clients import Producer

Mutation = Callable[[], AbstractContextManager[Any]]


def no_fence() -> AbstractContextManager[Any]:
    """An owner writes with the epoch that is there, and fences nobody."""

    async def start(self: Producer) -> None:
        self._epoch = self._broker.epoch

    return patch.object(Producer, "start", start)


def no_barrier() -> AbstractContextManager[Any]:
    """The restore ends when a fetch finds nothing."""

    async def restore(store: Store, consumer: Any, *, changelog: str, partition: int, **_: Any) -> int:
        consumer.seek(None, store.restored_to())
        while found := await consumer.getmany(lanes_partition(changelog), timeout_ms=0, max_records=10):
            records = next(iter(found.values()))
            store.write({record.key: record.value for record in records}, records[-1].offset + 1)
        return 0

    return patch.object(lanes, "restore", restore)


def no_guard() -> AbstractContextManager[Any]:
    """Whatever Faust hands over is worked on."""

    async def contiguous(self: LaneWork, batches: list[Batch]) -> list[Batch]:
        return batches

    return patch.object(LaneWork, "_contiguous", contiguous)


def no_look_at_offsets() -> AbstractContextManager[Any]:
    """What was read before this batch is left out, but not what comes twice within it."""

    def unread(self: LaneWork, batches: list[Batch]) -> list[Any]:
        records = [record for batch in batches for record in batch.records if record.offset >= self.read_to]
        self.read_to = max((record.offset + 1 for record in records), default=self.read_to)
        return records

    return patch.object(LaneWork, "_unread", unread)


def read_before_fence() -> AbstractContextManager[Any]:
    """The rows are read while the former owner may still write."""

    async def run(self: LaneWork) -> None:
        producer = self.around.connect(self.lane)
        try:
            store = await self._restored()
            await producer.start()
            processor = self.job.make(self.lane, store)
            await self._positioned(store)
            await self._work(producer, store, processor)
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise LaneFencedError(str(self.lane)) from error

    return patch.object(LaneWork, "run", run)


def apply_before_commit() -> AbstractContextManager[Any]:
    """Rows go to the store before their transaction is committed."""
    commit = LaneWork._commit

    async def early(self: LaneWork, effects: Effects, producer: LaneProducer, store: Store) -> None:
        end = self.read_to if effects.position is None else effects.position
        rows = effects.rows | {self._position_key: end.to_bytes(8, "big")}
        store.write(rows, store.restored_to())
        await commit(self, effects, producer, store)

    return patch.object(LaneWork, "_commit", early)


def position_of_the_group() -> AbstractContextManager[Any]:
    """An owner begins at the group's offset, not at the one in its rows."""

    async def positioned(self: LaneWork, store: Store) -> None:
        self.position = self.read_to = await self.around.delivery.committed(self.lane)
        self._epoch = await self.around.delivery.restart_at(self.lane, self.position)

    return patch.object(LaneWork, "_positioned", positioned)


def offset_outside() -> AbstractContextManager[Any]:
    """The group's offset is not part of the transaction."""

    async def moved(self: LaneProducer, offset: int) -> None:
        """Move nothing."""

    return patch.object(LaneProducer, "_offset_moved", moved)


def no_second_look() -> AbstractContextManager[Any]:
    """A lane to which nothing comes takes it that there is nothing."""

    async def quiet(self: LaneWork, *_: Any) -> None:
        """Wait on."""

    return patch.object(LaneWork, "_quiet", quiet)


def lanes_partition(changelog: str) -> Any:
    """Name the only partition of a topic."""
    return Lane(changelog, 0)


def position_beyond_what_is_held() -> AbstractContextManager[Any]:
    """A lane goes on after what it has read, taken in or not."""
    return patch.object(Holding, "position", property(lambda self: self.read_to))


def taken_in_again() -> AbstractContextManager[Any]:
    """What was taken in behind the position is not remembered."""
    pack = Holding.pack

    def forgetful(self: Holding) -> bytes:
        self._beyond.clear()
        return pack(self)

    return patch.object(Holding, "pack", forgetful)


def all_mutations() -> Iterator[Mutation]:
    """Yield each."""
    yield from (
        no_fence,
        no_barrier,
        no_guard,
        no_look_at_offsets,
        read_before_fence,
        apply_before_commit,
        position_of_the_group,
        offset_outside,
        no_second_look,
        position_beyond_what_is_held,
        taken_in_again,
    )
