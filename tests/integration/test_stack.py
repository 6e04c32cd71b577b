"""The local stack and its topics, on the real Kafka and Redis."""

import json
import os
import signal
from pathlib import Path

import pytest
import redis
import redis.asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents import admin
from agents.local.processes import LocalError, free_port
from agents.local.stack import Stack
from agents.settings import Settings
from agents.sinks.redis.keys import partitions_key
from streams import topics

IPV4_LOOPBACK = "0100007F"
IPV4_LOOPBACK_IN_IPV6 = "0000000000000000FFFF00000100007F"


def test_up_again_leaves_running_services_alone(stack) -> None:
    before = stack.stack.kafka_pid, stack.stack.redis_pid
    stack.stack.up()
    assert (stack.stack.kafka_pid, stack.stack.redis_pid) == before
    assert all(service.ready for service in stack.stack.status())


def test_both_listen_on_loopback_only(stack) -> None:
    hosts = [host for pid in (stack.stack.kafka_pid, stack.stack.redis_pid) for host in _listening_hosts(pid)]
    assert len(hosts) >= 3  # Kafka, its controller, Redis
    assert set(hosts) <= {IPV4_LOOPBACK, IPV4_LOOPBACK_IN_IPV6}


def test_another_stack_is_told_that_the_port_is_taken_and_what_to_do(stack, tmp_path) -> None:
    settings = stack.settings(data_dir=tmp_path, local_redis_port=free_port())
    other = Stack(settings, cache=stack.stack.cache)
    try:
        with pytest.raises(LocalError, match=r"Port \d+, meant for Kafka, is taken.*TOUCHLINE_LOCAL_KAFKA_PORT"):
            other.up()
    finally:
        other.down()
    assert stack.stack.kafka.ready()


def test_a_stopped_redis_comes_back_empty_on_the_next_up(stack) -> None:
    with redis.Redis.from_url(stack.redis_url) as client:
        client.set("left", "behind")
    os.kill(stack.stack.redis_pid, signal.SIGKILL)
    stack.stack.up()
    with redis.Redis.from_url(stack.redis_url) as client:
        assert client.get("left") is None


async def test_fresh_topics_are_as_declared_and_empty(stack) -> None:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap)
    await producer.start()
    await producer.send_and_wait(topics.WEB_EVENTS.name, b"one", key=b"k")
    await producer.stop()

    await stack.fresh_topics(settings)

    assert await admin.check_topics(settings) == []
    assert await _records(stack.bootstrap, topics.WEB_EVENTS.name) == 0


async def test_creating_twice_makes_nothing_the_second_time(stack) -> None:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    assert await admin.create_topics(settings) == []


async def test_check_names_a_missing_changelog(stack) -> None:
    await stack.fresh_topics(stack.settings())
    stranger = stack.settings(app_id="nobody-made-this")
    problems = await admin.check_topics(stranger)
    assert problems == [
        f"The topic {topics.changelog('nobody-made-this', table).name} is missing. Run `touchline topics create`."
        for table in topics.TABLES
    ]


async def test_other_partition_counts_are_named_and_nothing_is_created_beside_them(stack) -> None:
    await stack.fresh_topics(stack.settings(partitions=4))
    wider = stack.settings(partitions=6)
    assert any("user-events has 4" in problem for problem in await admin.check_topics(wider))
    with pytest.raises(admin.AdminError, match="must have 6 partitions"):
        await admin.create_topics(wider)


async def test_a_broker_that_is_away_is_one_error_with_the_next_step(stack) -> None:
    settings = stack.settings(kafka_bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(admin.AdminError, match="touchline stack up"):
        await admin.check_topics(settings)


async def test_a_transaction_commits_on_this_broker(stack) -> None:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap, transactional_id=f"{settings.app_id}-0")
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait(topics.USER_EVENTS.name, b"one", key=b"k")
    await producer.stop()
    assert await _records(stack.bootstrap, topics.USER_EVENTS.name) == 1


def test_the_command_shows_status_as_json_and_exits_1_when_something_is_down(stack, touchline, tmp_path) -> None:
    settings = stack.settings(data_dir=tmp_path / "nothing", local_kafka_port=free_port())
    done = touchline.run(settings, "stack", "status", "--json")
    assert done.returncode == 1
    assert {service["name"]: service["ready"] for service in json.loads(done.stdout)} == {
        "Kafka": False,
        "Redis": False,
    }


async def test_doctor_is_content_with_a_stack_that_has_its_topics(stack, touchline) -> None:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    done = touchline.run(settings, "doctor", "--json")
    assert json.loads(done.stdout)["ok"], done.stdout
    assert done.returncode == 0


def test_doctor_says_what_to_do_about_what_is_away(stack, touchline) -> None:
    settings = stack.settings(
        kafka_bootstrap=f"127.0.0.1:{free_port()}", redis_url=f"redis://127.0.0.1:{free_port()}/0"
    )
    wrong = wrong_for_the_doctor(touchline, settings)
    assert set(wrong) == {"Kafka", "Topics", "Redis", "Read model", "Clock"}
    assert all(wrong.values())


async def test_doctor_compares_the_read_model_with_the_topics_and_not_with_the_shell(stack, touchline) -> None:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    async with redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        await client.set(partitions_key(settings.app_id), 4)
        shell = settings.model_copy(update={"partitions": 16})
        assert wrong_for_the_doctor(touchline, shell).keys() == {"Topics"}
        await client.set(partitions_key(settings.app_id), 8)
        assert "touchline views rebuild" in wrong_for_the_doctor(touchline, settings)["Read model"]


def wrong_for_the_doctor(touchline, settings: Settings) -> dict[str, str]:
    """Return the advice of each check that is not well; the exit code says whether there is any."""
    done = touchline.run(settings, "doctor", "--json")
    wrong = {check["name"]: check["advice"] for check in json.loads(done.stdout)["checks"] if not check["ok"]}
    assert done.returncode == (1 if wrong else 0)
    return wrong


async def test_the_topics_commands_create_once_and_check(stack, touchline) -> None:
    settings = stack.settings()
    await admin.delete_topics(settings)
    assert touchline.run(settings, "topics", "check").returncode == 1
    assert "created web-events (4 partitions)" in touchline.run(settings, "topics", "create").stdout
    assert touchline.run(settings, "topics", "create").stdout == "All topics were there.\n"
    assert touchline.run(settings, "topics", "check").returncode == 0


def test_a_command_without_a_broker_is_one_line_and_the_next_step(stack, touchline) -> None:
    done = touchline.run(stack.settings(kafka_bootstrap=f"127.0.0.1:{free_port()}"), "topics", "check")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "touchline stack up" in done.stderr


async def _records(bootstrap: str, topic: str) -> int:
    """Count the records that a reader of committed ones finds now."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        found = await consumer.getmany(timeout_ms=1000)
        return sum(len(records) for records in found.values())
    finally:
        await consumer.stop()


def _listening_hosts(pid: int) -> list[str]:
    """Hosts, as /proc writes them, on which a process listens."""
    targets = [_target(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    sockets = {target[len("socket:[") : -1] for target in targets if target.startswith("socket:")}
    entries = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return [entry[1].partition(":")[0] for entry in entries if entry[3] == "0A" and entry[9] in sockets]


def _target(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        return ""
