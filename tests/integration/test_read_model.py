"""The read model on the real Kafka and Redis: it keeps up, survives Redis, and can be made again."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from agents.local.processes import free_port, silent
from agents.local.redis import Redis as Server
from agents.partitions import partition_of
from agents.query import explain, triggers
from agents.settings import Settings
from agents.sinks.redis import Keys, Kind, RedisSink, rebuild, sink
from agents.sinks.redis.documents import FEEDS
from agents.sinks.redis.keys import partitions_key
from streams.topics import CONTRIBUTIONS, PROFILE_VIEWS, REFERRAL_TRIGGERS
from tests.integration.kafka import widened

pytestmark = pytest.mark.integration
TOPIC = PROFILE_VIEWS.name


class Counted:
    """Metrics that remember."""

    def __init__(self) -> None:
        self.documents = 0
        self.retries: list[str] = []
        self.lag: dict[tuple[str, int], int] = {}
        self.passed_over = 0

    def applied(self, topic: str, documents: int) -> None:
        self.documents += documents

    def retried(self, error: str) -> None:
        self.retries.append(error)

    def behind(self, topic: str, partition: int, records: int) -> None:
        self.lag[topic, partition] = records

    def unreadable(self, topic: str, records: int) -> None:
        self.passed_over += records


@pytest.fixture
async def settings(stack: Any) -> Settings:
    made: Settings = stack.settings()
    await stack.fresh_topics(made)
    return made


@pytest.fixture
def own_redis(tmp_path: Path) -> Any:
    server = Server(tmp_path, Path(__file__).parents[2] / ".local" / "redis-lib", free_port())
    server.fetch(silent)
    server.start(silent)
    yield server
    server.daemon.stop()


def view(person: str, version: int, *, member: bool = True) -> bytes:
    entered_at = f"2025-10-09T08:53:20.{version % 1000:03d}Z"
    segment = {"member": member, "entered_at": entered_at}
    return json.dumps({"person": person, "version": version, "segments": {"power-users": segment}}).encode()


@asynccontextmanager
async def producing(settings: Settings, transactional_id: str | None = None) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, transactional_id=transactional_id)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def sinking(settings: Settings, metrics: Counted | None = None) -> AsyncIterator["asyncio.Task[None]"]:
    stop = asyncio.Event()
    task = asyncio.create_task(RedisSink(settings, metrics).run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 15)


async def send(settings: Settings, versions: range, people: int = 40) -> dict[str, bytes]:
    """Send views of `people` in turn, in one transaction; return the latest of each."""
    latest = {}
    async with producing(settings, f"{settings.app_id}-{versions.start}") as producer, producer.transaction():
        for version in versions:
            person = f"user:u{version % people}"
            latest[person] = view(person, version, member=version % 3 > 0)
            partition = partition_of(person, settings.partitions)
            await producer.send(TOPIC, latest[person], key=person.encode(), partition=partition)
    return latest


async def documents(settings: Settings) -> dict[str, bytes]:
    async with redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        keys = [key async for key in client.scan_iter(f"{settings.app_id}:{{p*}}:profile:*", count=1000)]
        found = [(key.decode().split(":profile:")[1], await client.hget(key, "doc")) for key in keys]
        return {person: doc for person, doc in found if doc is not None}


async def partitions(settings: Settings) -> bytes | None:
    async with redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        found: bytes | None = await client.get(partitions_key(settings.app_id))
        return found


async def members(settings: Settings) -> set[str]:
    async with redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        lists = [
            await client.zrange(Keys(settings.app_id, partition).members("power-users"), 0, -1)
            for partition in range(settings.partitions)
        ]
    return {person.decode() for found in lists for person in found}


def members_of(views: dict[str, bytes]) -> set[str]:
    return {person for person, value in views.items() if json.loads(value)["segments"]["power-users"]["member"]}


async def shows(settings: Settings, expected: dict[str, bytes]) -> bool:
    try:
        return await documents(settings) == expected and await members(settings) == members_of(expected)
    except (redis.exceptions.RedisError, OSError):
        return False


async def until_shown(settings: Settings, expected: dict[str, bytes], eventually_async: Any) -> None:
    async def shown() -> bool:
        return await shows(settings, expected)

    await eventually_async(shown, within_seconds=30, what="Redis equal to the topic")


async def test_documents_and_lists_follow_the_topic_and_the_lag_ends_at_nothing(settings, eventually_async) -> None:
    counted = Counted()
    async with sinking(settings, counted):
        await until_shown(settings, await send(settings, range(500)), eventually_async)
        await until_shown(settings, await send(settings, range(500, 600)), eventually_async)

        async def caught_up() -> bool:
            return counted.lag == dict.fromkeys(product(FEEDS, range(settings.partitions)), 0)

        await eventually_async(caught_up, what="no partition behind")
    assert counted.retries == []
    assert counted.documents >= 40


async def test_an_aborted_transaction_shows_nothing(settings, eventually_async) -> None:
    async with sinking(settings):
        async with producing(settings, f"{settings.app_id}-aborted") as producer:
            await producer.begin_transaction()
            await producer.send_and_wait(TOPIC, view("user:never", 1), key=b"user:never", partition=0)
            await producer.abort_transaction()
        await until_shown(settings, await send(settings, range(100)), eventually_async)


async def test_deletions_and_what_is_no_document_are_passed_on_and_over(settings, eventually_async) -> None:
    counted = Counted()
    expected = await send(settings, range(40))
    del expected["user:u1"]
    async with producing(settings) as producer:
        await producer.send_and_wait(TOPIC, None, key=b"user:u1", partition=partition_of("user:u1", 4))
        await producer.send_and_wait(TOPIC, b"{", key=b"user:u2", partition=partition_of("user:u2", 4))
    async with sinking(settings, counted):
        await until_shown(settings, expected, eventually_async)

        async def counted_it() -> bool:
            return counted.passed_over == 1

        await eventually_async(counted_it, what="the unreadable record counted")


async def test_a_sink_goes_on_from_the_offset_in_redis(settings, eventually_async) -> None:
    first, again = Counted(), Counted()
    expected = await send(settings, range(40))
    async with sinking(settings, first):
        await until_shown(settings, expected, eventually_async)
    async with sinking(settings, again):
        more = await send(settings, range(40, 60))
        await until_shown(settings, expected | more, eventually_async)
    assert first.documents == 40
    assert again.documents == 20


async def test_redis_killed_midway_and_back_empty_has_everything_again(settings, own_redis, eventually_async) -> None:
    settings = settings.model_copy(update={"redis_url": SecretStr(own_redis.address)})
    counted = Counted()
    async with sinking(settings, counted) as task:
        expected = await send(settings, range(400))
        await until_shown(settings, expected, eventually_async)

        await asyncio.to_thread(own_redis.daemon.stop)
        expected |= await send(settings, range(400, 800))

        async def noticed() -> bool:
            return len(counted.retries) >= 3

        await eventually_async(noticed, what="retries while Redis is away")
        assert not task.done()
        await asyncio.to_thread(own_redis.start, silent)
        await until_shown(settings, expected, eventually_async)


async def test_a_sink_stops_at_once_while_neither_kafka_nor_redis_answers(settings, own_redis) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent_kafka:
        deaf = {
            "redis_url": SecretStr(own_redis.address),
            "kafka_bootstrap": f"127.0.0.1:{silent_kafka.getsockname()[1]}",
        }
        await stops_soon(settings.model_copy(update=deaf))
    os.kill(own_redis.daemon.pid, signal.SIGSTOP)
    try:
        await stops_soon(settings.model_copy(update={"redis_url": SecretStr(own_redis.address)}))
    finally:
        os.kill(own_redis.daemon.pid, signal.SIGCONT)


async def stops_soon(settings: Settings) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(RedisSink(settings).run(stop))
    await asyncio.wait([task], timeout=1.5)
    stop.set()
    await asyncio.wait_for(task, 7)
    assert task.done()


async def test_redis_wiped_without_any_traffic_is_filled_again(settings, eventually_async) -> None:
    async with sinking(settings):
        expected = await send(settings, range(200))
        await until_shown(settings, expected, eventually_async)
        await wipe(settings)
        await until_shown(settings, expected, eventually_async)


async def test_redis_wiped_under_traffic_misses_nothing(settings, eventually_async) -> None:
    expected: dict[str, bytes] = {}
    async with sinking(settings):
        for start in range(0, 600, 100):
            expected |= await send(settings, range(start, start + 100), people=300)
            if start in (200, 400):
                await wipe(settings)
        await until_shown(settings, expected, eventually_async)


async def test_two_sinks_share_the_partitions_and_either_may_leave(settings, eventually_async) -> None:
    async with sinking(settings):
        async with sinking(settings):
            expected = await send(settings, range(200))
            await until_shown(settings, expected, eventually_async)
        expected |= await send(settings, range(200, 300))
        await until_shown(settings, expected, eventually_async)


async def test_rebuild_makes_a_wiped_redis_equal_to_the_topic(settings) -> None:
    expected = await send(settings, range(500))
    assert await asyncio.to_thread(rebuild, settings) == 0
    assert await shows(settings, expected)


async def test_rebuild_mends_what_was_spoilt_and_removes_what_the_topic_does_not_have(settings, capsys) -> None:
    expected = await send(settings, range(100))
    assert await asyncio.to_thread(rebuild, settings) == 0
    keys = Keys(settings.app_id, partition_of("user:u1", settings.partitions))
    strange = Keys(settings.app_id, 99)
    async with redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        await client.hset(keys.document(Kind.profile, "user:u1"), "doc", "spoilt")
        await client.delete(keys.members("power-users"))
        await client.hset(keys.document(Kind.profile, "user:nobody"), mapping={"doc": "{}", "offset": 1, "members": ""})
        await client.zadd(keys.members("power-users"), {"user:nobody": 1})
        await client.hset(
            strange.document(Kind.profile, "user:nobody"), mapping={"doc": "{}", "offset": 1, "members": ""}
        )
    capsys.readouterr()
    assert await asyncio.to_thread(rebuild, settings) == 0
    assert await shows(settings, expected)
    assert "40 documents from 100 records: 40 written, 3 removed" in capsys.readouterr().out


async def test_rebuild_runs_beside_a_live_sink(settings, eventually_async) -> None:
    async with sinking(settings):
        expected = await send(settings, range(2000), people=500)
        running = asyncio.create_task(asyncio.to_thread(rebuild, settings))
        expected |= await send(settings, range(2000, 4000), people=700)
        assert await running == 0
        await until_shown(settings, expected, eventually_async)


async def test_a_topic_made_anew_replaces_the_older_ones_documents(
    stack, settings, eventually_async, monkeypatch
) -> None:
    monkeypatch.setattr(sink, "AHEAD_SECONDS", 1.0)
    await send(settings, range(400))
    assert await asyncio.to_thread(rebuild, settings) == 0
    await stack.fresh_topics(settings)
    expected = await send(settings, range(1000, 1040), people=10)
    async with sinking(settings):
        await until_shown(settings, expected, eventually_async)


async def test_the_sink_records_the_number_of_partitions_and_again_after_a_wipe(settings, eventually_async) -> None:
    async def recorded() -> bool:
        return await partitions(settings) == b"4"

    async with sinking(settings):
        await eventually_async(recorded, what="the number of partitions in Redis")
        await wipe(settings)
        await eventually_async(recorded, what="the same once more")


async def test_a_redis_of_another_number_of_partitions_is_left_alone_until_a_rebuild(
    settings, eventually_async, capsys
) -> None:
    counted = Counted()
    async with redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        await client.set(partitions_key(settings.app_id), 8)
        await client.set(Keys(settings.app_id, 1).offset(Kind.profile), 10**6)
    async with sinking(settings, counted):
        expected = await send(settings, range(40))

        async def refused() -> bool:
            return len(counted.retries) >= 3

        await eventually_async(refused, what="the sink's word about it")
        assert set(counted.retries) == {"OtherPartitionsError"}
        assert await documents(settings) == {}
        assert await asyncio.to_thread(rebuild, settings) == 0
        assert "Redis was of 8 partitions, the topics have 4: all of it was made anew." in capsys.readouterr().out
        await until_shown(settings, expected | await send(settings, range(40, 60)), eventually_async)
    assert await partitions(settings) == b"4"


async def test_rebuild_goes_by_the_topics_whatever_the_shell_says(settings) -> None:
    expected = await send(settings, range(40))
    shell = settings.model_copy(update={"partitions": 16})
    assert await asyncio.to_thread(rebuild, shell) == 0
    assert await shows(settings, expected)
    assert await partitions(settings) == b"4"


async def test_rebuild_refuses_topics_of_unequal_numbers_of_partitions(settings, capsys) -> None:
    await widened(settings, CONTRIBUTIONS.name, 5)
    assert await asyncio.to_thread(rebuild, settings) == 1
    said = capsys.readouterr().err
    assert "account-views has 4, contributions has 5, profile-views has 4" in said
    assert await partitions(settings) is None


async def test_explain_finds_a_person_by_an_anonymous_alias_whatever_the_shell_says_of_partitions(
    settings, capsys
) -> None:
    await send(settings, range(40))
    async with producing(settings) as producer:
        pointer = b'{"person":"anon:a1","merged_into":"user:u1"}'
        await producer.send_and_wait(TOPIC, pointer, key=b"anon:a1", partition=partition_of("anon:a1", 4))
    assert await asyncio.to_thread(rebuild, settings) == 0
    capsys.readouterr()
    shell = settings.model_copy(update={"partitions": 16})
    assert explain.run(shell, "anon:a1", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["person"] == "user:u1"


async def test_triggers_prints_all_of_them_and_ends(settings, capsys) -> None:
    trigger = {
        "person": {"key": "user:u1"}, "ask": "review", "channel": "email", "decided_at": "2025-10-09T08:53:20.000Z",
        "why": {"conditions": [{"event": "Report Viewed", "within_seconds": 2592000, "required": 21, "count": 21}]},
    }  # fmt: skip
    async with producing(settings, f"{settings.app_id}-triggers") as producer:
        async with producer.transaction():
            for partition in range(settings.partitions):
                await producer.send(REFERRAL_TRIGGERS.name, json.dumps(trigger).encode(), partition=partition)
        await producer.begin_transaction()
        await producer.send_and_wait(REFERRAL_TRIGGERS.name, b'{"never":1}', partition=0)
        await producer.abort_transaction()
    assert await asyncio.to_thread(triggers.run, settings, as_json=True, follow=False) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [trigger] * settings.partitions
    assert await asyncio.to_thread(triggers.run, settings, as_json=False, follow=False) == 0
    told = "2025-10-09 08:53:20.000  user:u1  review by email  Report Viewed: 21 of 21 within 30 days"
    assert capsys.readouterr().out.splitlines() == [told] * settings.partitions


async def test_following_goes_on_until_ctrl_c(settings, tmp_path, eventually) -> None:
    # A shell that starts the tests in the background has them, and what they start, ignore SIGINT.
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "import sys; from agents.query import triggers; from agents.settings import load;"
        " sys.exit(triggers.run(load(), as_json=True, follow=True))"
    )
    names = {"TOUCHLINE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap, "TOUCHLINE_APP_ID": settings.app_id}
    printed = tmp_path / "printed"
    with printed.open("wb") as output:
        command = [sys.executable, "-c", script]
        process = await asyncio.create_subprocess_exec(*command, stdout=output, env=os.environ | names)
    try:
        async with producing(settings) as producer:
            for number in range(3):
                await producer.send_and_wait(REFERRAL_TRIGGERS.name, b'{"n":%d}' % number, partition=number)
                await asyncio.to_thread(eventually, lambda seen=number: len(printed.read_text().splitlines()) > seen)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_kafka_away_is_one_line_that_says_where(settings, capsys) -> None:
    away = settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    assert await asyncio.to_thread(triggers.run, away, as_json=False, follow=False) == 1
    assert await asyncio.to_thread(rebuild, away) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("TOUCHLINE_KAFKA_BOOTSTRAP" in line for line in lines)


async def wipe(settings: Settings) -> None:
    async with redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        await client.flushdb()
        await client.function_flush()
