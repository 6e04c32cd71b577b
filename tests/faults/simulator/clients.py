"""Clients: aiokafka's producer and consumer and Faust's delivery, for one process, over the broker in memory.

A request arrives in one step, is answered in a later one: a process can die before the first, between them, or after.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any, NamedTuple

from aiokafka.errors import ConcurrentTransactions, KafkaError
from aiokafka.structs import TopicPartition

from agents.runtime.contract import Lane
from agents.runtime.delivery import Batch
from agents.runtime.lanes import LaneWork
from tests.faults.simulator.broker import Broker, Entry
from tests.faults.simulator.scheduler import StepLoop

BATCH_RECORDS = 3
"""So many records fill a producer's batch."""
PAUSE_SECONDS = 2.0
"""Between a fetch that found nothing and the next."""


class Link:
    """A process's way to the broker; nothing passes once the process is dead."""

    def __init__(self, loop: StepLoop, broker: Broker) -> None:
        self.loop = loop
        self.broker = broker

    def ask(self, call: Callable[..., Any], *arguments: Any) -> "asyncio.Future[Any]":
        answer = self.loop.create_future()
        self.loop.call_soon(self._arrive, answer, call, arguments)
        return answer

    def _arrive(self, answer: "asyncio.Future[Any]", call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        if self.loop.dead:
            return
        try:
            result = call(*arguments)
        except ConcurrentTransactions:
            self.loop.call_soon(self._arrive, answer, call, arguments)
        except KafkaError as error:
            self.loop.call_soon(self._refuse, answer, error)
        else:
            self.loop.call_soon(self._answer, answer, result)

    def _answer(self, answer: "asyncio.Future[Any]", result: object) -> None:
        if not answer.done():
            answer.set_result(result)

    def _refuse(self, answer: "asyncio.Future[Any]", error: KafkaError) -> None:
        if not answer.done():
            answer.set_exception(error)


class Written(NamedTuple):
    """Where a record is."""

    offset: int


class Builder:
    """A producer's batch."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []

    def append(self, *, key: bytes, value: bytes | None, timestamp: int | None, headers: object) -> object:
        if len(self.records) == BATCH_RECORDS:
            return None
        self.records.append((key, value))
        return self

    def record_count(self) -> int:
        return len(self.records)


class Producer:
    """What `LaneProducer` and the barrier use of a `TransactionalProducer`."""

    ended_by = None

    def __init__(self, link: Link) -> None:
        self._link = link
        self._broker = link.broker
        self._epoch = -1

    async def start(self) -> None:
        self._epoch = await self._link.ask(self._broker.init)

    async def stop(self) -> None:
        """Leave what is open as it is, as a process that dies does."""

    async def begin_transaction(self) -> None:
        """The broker hears of it with the first record."""

    def create_batch(self) -> Builder:
        return Builder()

    async def send_batch(self, builder: Builder, topic: str, *, partition: int) -> "asyncio.Future[Written]":
        return self._link.ask(self._produced, topic, builder.records)

    async def send_offsets_to_transaction(self, offsets: dict[TopicPartition, int], group: str) -> None:
        (offset,) = offsets.values()
        await self._link.ask(self._broker.add_offset, self._epoch, offset)

    async def commit_transaction(self) -> None:
        await self._link.ask(self._broker.commit, self._epoch)

    async def send_and_wait(self, topic: str, *, key: bytes, value: bytes, partition: int) -> Written:
        return Written(await self._link.ask(self._broker.append, topic, key, value))

    def _produced(self, topic: str, records: list[tuple[bytes, bytes | None]]) -> Written:
        return Written(self._broker.produce(self._epoch, topic, records))


class Consumer:
    """What `restore` uses of an AIOKafkaConsumer."""

    def __init__(self, link: Link, most: int) -> None:
        self._link = link
        self._most = most
        self._position = 0

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to leave."""

    def assign(self, partitions: list[TopicPartition]) -> None:
        """There is one only."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._position = offset

    async def getmany(
        self, partition: TopicPartition, *, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Entry]]:
        found = await self._link.ask(self._link.broker.fetch, partition.topic, self._position, self._most)
        if not found:
            return {}
        self._position = found[-1].offset + 1
        return {partition: found}


class Sourced(NamedTuple):
    """A record of the source."""

    offset: int
    key: bytes
    timestamp: int = 0
    value: bytes = b""


class Faust:
    """What `lanes.Delivery` says, and a fetcher that numbers as agents/runtime/delivery.py does - and misbehaves.

    `fetches` says what becomes of each fetch that finds records; after its end all is well.

    | sign | what happens |
    |------|--------------|
    | `.`  | handed over |
    | `d`  | dropped |
    | `s`  | handed over, then Faust seeks to the group's offset by itself, and tells nobody |
    | `b`  | a rebalance that leaves the lane here; the fetch comes while it rests |
    | `l`  | the same, and what was fetched before comes when the lane goes on |
    """

    def __init__(self, link: Link, source: tuple[Sourced, ...], end: int, size: int, fetches: str) -> None:
        self._link = link
        self._source, self._end, self._size = source, end, size
        self._fates: Iterator[str] = chain(fetches, repeat("."))
        self._position = 0
        self._epoch = 0
        self._number = 0

    async def committed(self, lane: Lane) -> int:
        return int(await self._link.ask(self._link.broker.committed))

    async def nothing_waits(self, lane: Lane, epoch: int, number: int) -> bool:
        return bool(await self._link.ask(self._nothing_waits, epoch, number))

    async def fetched(self, lane: Lane) -> tuple[int, int]:
        epoch, number = await self._link.ask(lambda: (self._epoch, self._number))
        return int(epoch), int(number)

    async def restart_at(self, lane: Lane, offset: int) -> int:
        return int(await self._link.ask(self._restart_at, offset))

    def pause(self, lane: Lane) -> None:
        """Nobody here is ahead of others."""

    def go_on(self, lane: Lane) -> None:
        """Nobody paused."""

    async def feed(self, work: LaneWork) -> None:
        """Fetch and hand over, for ever."""
        await self._seek_to_committed()
        while True:
            batch = await self._link.ask(self._fetch, work.lane)
            if batch is None:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            match next(self._fates):
                case ".":
                    await work.put(batch)
                case "s":
                    await work.put(batch)
                    await self._seek_to_committed()
                case "b":
                    await work.rest()
                    await work.put(batch)
                    work.resume()
                case "l":
                    await work.rest()
                    await self._seek_to_committed()
                    work.resume()
                    await work.put(batch)

    async def _seek_to_committed(self) -> None:
        self._position = await self._link.ask(self._link.broker.committed)

    def _nothing_waits(self, epoch: int, number: int) -> bool:
        return self._position >= self._end and (epoch, number) == (self._epoch, self._number)

    def _restart_at(self, offset: int) -> int:
        self._position = offset
        self._epoch += 1
        self._number = 0
        return self._epoch

    def _fetch(self, lane: Lane) -> Batch | None:
        records: list[Any] = [record for record in self._source if record.offset >= self._position][: self._size]
        if not records:
            return None
        batch = Batch(lane, records, self._epoch, self._number, self._end, 0)
        self._position = records[-1].offset + 1
        self._number += 1
        return batch
