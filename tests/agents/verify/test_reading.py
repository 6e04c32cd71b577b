"""Verify on a real Kafka: it reads what was committed, waits for the worker, and its exit code says how it went."""

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from agents import admin
from agents.settings import Settings
from agents.verify import CLEAN, DIFFERENT, UNABLE, run
from agents.verify.world import Message, World
from tests.agents.verify.simulate import company
from tests.conftest import LiveStack
from tests.integration.kafka import widened

RULES_FILE = """version = 1
[[segments]]
name = "power-users"
rule = { all = [
    { count = { event = "Report Viewed", more_than = 2, within = "10d" } },
    { count = { event = "Dashboard Shared", at_least = 1, within = "20d" } },
] }
[[segments]]
name = "readers"
rule = { count = { event = "Report Viewed", at_least = 2, within = "12h" } }
[[asks]]
name = "review"
segment = "power-users"
type = "review"
channel = "email"
cooldown = "15d"
[[asks]]
name = "tweet"
segment = "readers"
type = "tweet"
channel = "in-app"
cooldown = "1d"
"""


@pytest.fixture
def settings(stack: LiveStack, tmp_path: Path) -> Settings:
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES_FILE)
    made = stack.settings(rules=rules, partitions=2)
    asyncio.run(stack.fresh_topics(made))
    return made


def test_what_is_in_kafka_is_verified(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    world = company(3, steps=200, holes=False).world()
    asyncio.run(publish(settings, world))
    assert run(settings, deadline_seconds=1) == UNABLE
    assert "is a worker running" in capsys.readouterr().err
    asyncio.run(commit(settings, world))
    asyncio.run(abort_one(settings))
    shell = settings.model_copy(update={"partitions": 7})
    assert run(shell, as_json=True, deadline_seconds=20) == CLEAN
    report = json.loads(capsys.readouterr().out)
    compared = {one["check"]: one["compared"] for one in report["checks"]}
    assert compared["ingest"] == len(world.topics["web-events"])
    assert compared["triggers"] == len(world.topics["referral-triggers"]) > 0
    asyncio.run(publish(settings, World(2, {"referral-triggers": world.topics["referral-triggers"][:1]})))
    assert run(settings, deadline_seconds=20) == DIFFERENT
    assert "referral-triggers/" in capsys.readouterr().out


def test_without_topics_it_cannot_run(capsys: pytest.CaptureFixture[str], settings: Settings) -> None:
    asyncio.run(admin.delete_topics(settings))
    assert run(settings) == UNABLE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("verify: no topic ")
    assert "`touchline topics create`" in line


def test_topics_that_differ_in_their_partitions_cannot_be_verified(
    capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    asyncio.run(widened(settings, "account-events", 3))
    assert run(settings) == UNABLE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("verify: the topics differ in how many partitions they have: account-events has 3, ")
    assert "user-events has 2" in line


def test_without_a_rules_file_it_cannot_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Settings(_env_file=None, rules=tmp_path / "none.toml")) == UNABLE
    assert "none.toml" in capsys.readouterr().err


async def publish(settings: Settings, world: World) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        for topic, messages in world.topics.items():
            sent = [await send(producer, topic, one) for one in messages]
            await asyncio.wait_for(asyncio.gather(*sent), 30)
    finally:
        await producer.stop()


async def send(producer: AIOKafkaProducer, topic: str, one: Message) -> "asyncio.Future[object]":
    return await producer.send(
        topic, one.value, one.key, one.partition, timestamp_ms=one.timestamp, headers=list(one.headers)
    )


async def commit(settings: Settings, world: World) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, group_id=settings.app_id, enable_auto_commit=False
    )
    await consumer.start()
    try:
        places = {TopicPartition(topic, p): OffsetAndMetadata(end, "") for (topic, p), end in world.committed.items()}
        consumer.assign(list(places))
        await asyncio.wait_for(consumer.commit(places), 30)
    finally:
        await consumer.stop()


async def abort_one(settings: Settings) -> None:
    """A trigger in a transaction that was aborted: nobody may see it."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap, transactional_id=f"{settings.app_id}-aborted"
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await asyncio.wait_for(producer.send_and_wait("referral-triggers", b"{}", b"user:u1", 0), 30)
        await producer.abort_transaction()
    finally:
        await producer.stop()
