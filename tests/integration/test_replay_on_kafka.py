"""Replay on a real Kafka: what then lies in `web-events`."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from agents import admin
from agents.settings import Settings
from agents.sources.replay import run
from streams.instants import iso
from streams.topics import TIME_MARK_HEADER, WEB_EVENTS

T0 = 1_760_000_000_000
HOUR = 3_600_000

Log = dict[int, list[ConsumerRecord]]


@pytest.fixture
def settings(stack) -> Settings:
    found = stack.settings()
    asyncio.run(stack.fresh_topics(found))
    return found


@pytest.fixture
def replayed(settings: Settings, tmp_path: Path) -> Callable[..., Log]:
    def replay(*lines: bytes, **options: object) -> Log:
        file = tmp_path / "events.ndjson"
        file.write_bytes(b"\n".join(lines))
        assert run(settings, [str(file)], **options) == 0
        return asyncio.run(web_events(settings))

    return replay


async def web_events(settings: Settings) -> Log:
    """{partition: its records}, all that is there."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap, auto_offset_reset="earliest")
    log: Log = defaultdict(list)
    async with asyncio.timeout(30), consumer:
        partitions = [TopicPartition(WEB_EVENTS.name, number) for number in range(settings.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                log[partition.partition] += records
    return log


def said(user: str, number: int, **fields: object) -> bytes:
    return json.dumps(
        {"type": "track", "event": "e", "userId": user, "messageId": f"{user}-{number}"} | fields
    ).encode()


def marks(records: list[ConsumerRecord]) -> list[int]:
    return [int(value) for record in records for name, value in record.headers if name == TIME_MARK_HEADER]


def test_each_line_arrives_once_as_it_is_and_one_senders_lines_in_order(replayed: Callable[..., Log]) -> None:
    lines = [said(f"u{number % 50}", number) for number in range(5_000)]
    log = replayed(*lines)
    assert sorted(record.value for records in log.values() for record in records) == sorted(lines)
    for user in {f"u{number}".encode() for number in range(50)}:
        mine = [
            (partition, record.value) for partition, records in log.items() for record in records if record.key == user
        ]
        assert len({partition for partition, _ in mine}) == 1
        assert [value for _, value in mine] == [line for line in lines if json.loads(line)["userId"] == user.decode()]


def test_broken_lines_are_published_as_they_are_without_a_key(replayed: Callable[..., Log]) -> None:
    broken = [b"{", b"\xff\xff", b"[" * 2000, b"x" * 320_000]
    log = replayed(*broken, said("u1", 1))
    unkeyed = [record.value for records in log.values() for record in records if record.key is None]
    assert sorted(unkeyed) == sorted(broken)
    assert len(log) >= 4


def test_with_the_files_clock_records_and_marks_carry_its_time(replayed: Callable[..., Log]) -> None:
    log = replayed(
        *(said(f"u{number % 7}", number, receivedAt=iso(T0 + number * HOUR // 3)) for number in range(100)),
        clock_file=True,
    )
    last = T0 + 99 * HOUR // 3
    assert sorted(log) == [0, 1, 2, 3]
    for records in log.values():
        events = [record for record in records if record.value is not None]
        assert all(iso(record.timestamp) == json.loads(record.value)["receivedAt"] for record in events)
        found = marks(records)
        assert found[-1] == last
        assert records[-1].timestamp == last
        assert all(0 < later - sooner <= HOUR for sooner, later in pairwise(found))
        assert all(later.timestamp >= sooner.timestamp for sooner, later in pairwise(records))


def test_no_event_follows_a_mark_that_covers_it(replayed: Callable[..., Log]) -> None:
    shuffled = [
        said(f"u{number}", number, timestamp=iso(T0 + (number * 7919 % 1000) * 60_000)) for number in range(1000)
    ]
    for records in replayed(*shuffled, clock_file=True).values():
        latest = 0
        for record in records:
            latest = max([latest, *marks([record])])
            assert record.value is None or record.timestamp > latest


def test_at_a_given_speed_file_time_passes_so_fast(replayed: Callable[..., Log]) -> None:
    log = replayed(*(said("u1", number, receivedAt=iso(T0 + number * 60_000)) for number in range(3)), speed="120x")
    stamps = [record.timestamp for records in log.values() for record in records]
    assert [round((later - sooner) / 500) for sooner, later in pairwise(stamps)] == [1, 1]


def test_without_the_topic_replay_says_what_to_do(stack, settings: Settings, tmp_path: Path, capsys) -> None:
    asyncio.run(admin.delete_topics(settings))
    (tmp_path / "a").write_bytes(said("u1", 1))
    assert run(settings, [str(tmp_path / "a")]) == 1
    assert "has no topic web-events: `touchline topics create` makes it" in " ".join(capsys.readouterr().err.split())


def test_without_kafka_replay_says_so_and_ends_with_1(stack, tmp_path: Path, capsys) -> None:
    (tmp_path / "a").write_bytes(said("u1", 1))
    assert run(stack.settings(kafka_bootstrap="127.0.0.1:1"), [str(tmp_path / "a")]) == 1
    assert "Kafka at 127.0.0.1:1" in capsys.readouterr().err
