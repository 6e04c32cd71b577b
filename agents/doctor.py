"""Doctor: look at everything that a worker needs, one check after the other, and say what to do about what is wrong."""

import asyncio
import shutil
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from agents import admin, rules_file
from agents.local.kafka import answers
from agents.local.processes import port_taken
from agents.settings import Clock, Settings
from streams.policy import PolicyError

ASK_SECONDS = 5.0
MOST_SKEW_MS = 1000
"""Beyond this, ticks of this machine and records stamped by others disagree about when somebody leaves."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    """The next step; empty where all is well."""

    def as_dict(self) -> dict[str, Any]:
        """Shape of the JSON report."""
        return asdict(self)


async def examine(settings: Settings) -> list[Check]:
    """Make every check, in the order in which one would mend them; never raises for what it finds.

    The clock check creates a topic of its own at the broker and deletes it again.
    """
    looks: list[Callable[[Settings], Awaitable[Check]]] = [
        _java,
        _maven,
        _ports,
        _kafka,
        _topics,
        _redis,
        _read_model,
        _faust,
        _rules,
        _clock,
    ]
    return [await look(settings) for look in looks]


async def _java(settings: Settings) -> Check:
    return _program("Java", "java", "openjdk-17-jre-headless", settings)


async def _maven(settings: Settings) -> Check:
    return _program("Maven", "mvn", "maven", settings)


def _program(name: str, program: str, package: str, settings: Settings) -> Check:
    path = shutil.which(program)
    if path is not None:
        return Check(name, True, path)
    if not _uses_local_kafka(settings):
        return Check(name, True, "absent; only the local stack needs it")
    return Check(name, False, f"`{program}` is not on the PATH", f"Install it: `apt-get install {package}` (as root).")


async def _ports(settings: Settings) -> Check:
    """Show which ports are in use; whether the right one answers there is for the checks of Kafka and Redis."""
    ports = {
        settings.local_kafka_port: "Kafka",
        settings.local_redis_port: "Redis",
        settings.http_port: "serve",
        settings.metrics_port: "metrics",
    }
    wanted = ", ".join(
        f"{name} {port} {'in use' if port_taken(port) else 'free'}" for port, name in ports.items() if port
    )
    if len(ports) < 4 and settings.metrics_port:
        return Check("Ports", False, wanted, "Give each TOUCHLINE_*_PORT a number of its own.")
    return Check("Ports", True, wanted)


async def _kafka(settings: Settings) -> Check:
    if await answers(settings.kafka_bootstrap, timeout_seconds=ASK_SECONDS):
        return Check("Kafka", True, f"{settings.kafka_bootstrap} answers")
    advice = "Start one with `touchline stack up`, or set TOUCHLINE_KAFKA_BOOTSTRAP."
    if _uses_local_kafka(settings) and port_taken(settings.local_kafka_port):
        advice = f"Something that is not Kafka may have the port: `ss -ltnp 'sport = :{settings.local_kafka_port}'`."
    return Check("Kafka", False, f"{settings.kafka_bootstrap} does not answer", advice)


async def _topics(settings: Settings) -> Check:
    try:
        problems = await admin.check_topics(settings)
    except admin.AdminError:
        return Check("Topics", False, "cannot be asked for", "See Kafka, above.")
    if not problems:
        return Check("Topics", True, f"all there, {settings.partitions} partitions each")
    first, *others = problems
    more = f" (and {len(others)} more: `touchline topics check`)" if others else ""
    sentence, _, advice = first.partition(". ")
    return Check("Topics", False, f"{sentence}{more}", advice)


async def _redis(settings: Settings) -> Check:
    from redis import RedisError
    from redis.asyncio import Redis

    client = Redis.from_url(
        settings.redis_url.get_secret_value(), socket_timeout=ASK_SECONDS, socket_connect_timeout=ASK_SECONDS
    )
    try:
        info = await client.info("server")
    except (RedisError, OSError, ValueError) as error:
        advice = "Start one with `touchline stack up`, or set TOUCHLINE_REDIS_URL."
        return Check("Redis", False, f"no answer ({type(error).__name__})", advice)
    finally:
        await client.aclose()
    return Check("Redis", True, f"version {info['redis_version']} answers")


async def _read_model(settings: Settings) -> Check:
    """Compare the number of partitions in Redis, by which everybody reads, with the topics'."""
    from aiokafka.errors import KafkaError
    from redis import RedisError

    from agents.committed import NoTopicError, UnequalError, partition_count
    from agents.sinks.redis.documents import FEEDS
    from agents.sinks.redis.store import recorded_partitions

    try:
        recorded = await recorded_partitions(settings)
        topics = str(await partition_count(settings, FEEDS)) if recorded is not None else ""
    except (KafkaError, RedisError, OSError, TimeoutError, ValueError, NoTopicError, UnequalError) as error:
        return Check("Read model", False, f"cannot be compared ({type(error).__name__})", "See above.")
    if recorded is None:
        return Check("Read model", True, "none yet: the first worker makes it")
    if recorded == topics:
        return Check("Read model", True, f"of {recorded} partitions, as the topics are")
    advice = "Run `touchline views rebuild`; until then nothing is written to it."
    return Check("Read model", False, f"of {recorded} partitions, the topics have {topics}", advice)


async def _faust(_: Settings) -> Check:
    import faust.streams

    if faust.streams._CStreamIterator is not None:
        return Check("Faust", True, "compiled extension loaded")
    advice = "Unset NO_CYTHON and install the faust-streaming wheel: without it a worker does not start."
    return Check("Faust", False, "compiled extension is absent", advice)


async def _rules(settings: Settings) -> Check:
    try:
        policy = rules_file.load(settings.rules)
    except PolicyError as error:
        return Check("Rules", False, error.problems[0], f"`touchline rules check {settings.rules}` lists all problems.")
    return Check(
        "Rules",
        True,
        f"{settings.rules}: version {policy.version}, {len(policy.segments)} segments, {len(policy.asks)} asks",
    )


async def _clock(settings: Settings) -> Check:
    if settings.clock is Clock.log:
        return Check("Clock", True, "log: time comes from marks in the log")
    try:
        skew = await _skew_ms(settings)
    except Exception as error:
        return Check("Clock", False, f"wall; broker's time unknown ({type(error).__name__})", "See Kafka, above.")
    detail = f"wall; this machine and the broker differ by {abs(skew)} ms"
    if abs(skew) <= MOST_SKEW_MS:
        return Check("Clock", True, detail)
    return Check("Clock", False, detail, "Let both machines set their clocks by NTP.")


async def _skew_ms(settings: Settings) -> int:
    """Let the broker stamp a record, in a topic made for it, and compare the stamp with the middle of the sending."""
    from aiokafka import AIOKafkaProducer
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    name = f"touchline-doctor-{uuid.uuid4()}"
    broker = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap, request_timeout_ms=int(ASK_SECONDS * 1000))
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, request_timeout_ms=int(ASK_SECONDS * 1000))
    stamped = {"message.timestamp.type": "LogAppendTime"}
    try:
        async with asyncio.timeout(4 * ASK_SECONDS):
            await broker.start()
            await producer.start()
            await broker.create_topics([NewTopic(name, 1, 1, topic_configs=stamped)])
            try:
                await producer.send_and_wait(name, b"warm", partition=0)
                before = time.time()
                sent = await producer.send_and_wait(name, b"now", partition=0)
                middle = (before + time.time()) / 2
            finally:
                await broker.delete_topics([name])
    finally:
        await producer.stop()
        await broker.close()
    return int(sent.timestamp) - round(middle * 1000)


def _uses_local_kafka(settings: Settings) -> bool:
    host, _, port = settings.kafka_bootstrap.rpartition(":")
    return host in LOOPBACK and port == str(settings.local_kafka_port)
