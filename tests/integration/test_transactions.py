"""Transactions of a lane on the real broker: all of a batch, or nothing of it."""

import asyncio
from random import Random

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import TopicPartition

from agents.runtime.contract import Lane, Messages
from agents.runtime.lanes import FENCED
from agents.runtime.transactions import LaneProducer, transactional_producer
from agents.settings import Settings
from streams import topics
from tests.conftest import LiveStack

pytestmark = pytest.mark.integration
LANE = Lane(topics.USER_EVENTS.name, 1)
VIEWS, TRIGGERS = topics.PROFILE_VIEWS.name, topics.REFERRAL_TRIGGERS.name
POSITION = {b"@position/user-events": b"7"}
TOO_LARGE = Random(1).randbytes(3 << 20)
"""More than the topic takes, even compressed."""


def sends(value: bytes) -> Messages:
    return {(TRIGGERS, 1): [(b"user:u1", b"trigger", ())], (VIEWS, 1): [(b"user:u1", value, ())]}


@pytest.fixture
async def ready(stack: LiveStack) -> Settings:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    return settings


def owner(settings: Settings) -> LaneProducer:
    producer = transactional_producer(LANE, bootstrap=settings.kafka_bootstrap, app_id=settings.app_id)
    return LaneProducer(LANE, producer, group=settings.app_id)


def changelog(settings: Settings) -> tuple[str, int]:
    return topics.changelog(settings.app_id, topics.PROFILES_TABLE).name, 1


async def seen(settings: Settings) -> tuple[int, int]:
    """Committed records of the topics that a batch writes to, and the group's offset of the lane."""
    written = [TopicPartition(*changelog(settings)), TopicPartition(VIEWS, 1), TopicPartition(TRIGGERS, 1)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, group_id=settings.app_id, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        consumer.assign(written)
        await consumer.seek_to_beginning()
        found = await consumer.getmany(*written, timeout_ms=1_000)
        offset = await consumer.committed(TopicPartition(*LANE))
    finally:
        await consumer.stop()
    return sum(len(records) for records in found.values()), offset or 0


async def test_rows_sends_and_offset_are_there_together(ready: Settings) -> None:
    lane = owner(ready)
    await lane.start()
    await lane.commit(changelog(ready), POSITION, sends(b"view"), 7)
    await lane.stop()
    assert await seen(ready) == (3, 7)


async def test_a_message_that_is_refused_leaves_nothing_of_its_batch(ready: Settings) -> None:
    """Stock Faust logs what the broker refuses, and commits the offset all the same."""
    lane = owner(ready)
    await lane.start()
    with pytest.raises(MessageSizeTooLargeError):
        await lane.commit(changelog(ready), POSITION, sends(TOO_LARGE), 7)
    successor = owner(ready)
    await successor.start()
    await successor.stop()
    assert await seen(ready) == (0, 0)


async def test_an_owner_whose_lane_was_taken_is_fenced(ready: Settings) -> None:
    sleeper, other = owner(ready), owner(ready)
    await sleeper.start()
    await sleeper.commit(changelog(ready), POSITION, sends(b"view"), 7)
    await other.start()
    with pytest.raises(FENCED):
        await sleeper.commit(changelog(ready), POSITION, sends(b"again"), 9)
    assert await seen(ready) == (3, 7)
    await other.commit(changelog(ready), POSITION, sends(b"view"), 8)
    assert await seen(ready) == (6, 8)
    await other.stop()


async def test_an_owner_that_is_fenced_between_two_of_its_batches_says_so(ready: Settings) -> None:
    """Its first send to a topic waits for metadata; that it is fenced is found meanwhile, by its other batches."""
    sleeper, other = owner(ready), owner(ready)
    await sleeper.start()
    await other.start()
    client, sender = sleeper._producer.client, sleeper._producer._sender.sender_task
    wait_on_metadata = client._wait_on_metadata

    async def slow_for_views(topic: str) -> None:
        if topic == VIEWS:
            await asyncio.wait([sender])
        await wait_on_metadata(topic)

    client._wait_on_metadata = slow_for_views
    with pytest.raises(FENCED):
        await sleeper.commit(changelog(ready), POSITION, sends(b"again"), 9)
    await other.commit(changelog(ready), POSITION, sends(b"view"), 8)
    assert await seen(ready) == (3, 8)
    await other.stop()
