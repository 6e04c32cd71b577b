"""`touchline identity split | join`, `forget`: an operator's word on an alias, as a message on `web-events`."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.settings import Settings
from streams import topics
from streams.events import Rejected
from streams.identity import Command, encode_command, parse_command

SEND_SECONDS = 30.0
"""For one step: a connection, or so many messages."""
STEP_MESSAGES = 1_000
SAID = {
    "split": "{alias} stands alone from now on, as if nobody had ever said whose it is. `join` takes this back.",
    "join": "The links of {alias} hold again.",
    "forget": "{alias}, and whoever is the same person, is forgotten as soon as the worker has read this. Topics that"
    " keep every event still have theirs: docs/identity.md says which, and what to do.",
}


def run(settings: Settings, name: str, alias: str) -> int:
    """Send a command; 0, or 1 with a line on stderr: it names no alias, or Kafka does not answer."""
    value = encode_command(Command(alias.strip(), str(uuid4())))
    read = parse_command(name, value, kafka_timestamp=0)
    if isinstance(read, Rejected):
        return _fail(f"{alias!r} is no alias of somebody: {read.detail}. `touchline explain` lists a person's aliases.")
    if not send(settings, name, [value]):
        return 1
    sys.stdout.write(SAID[name].format(alias=alias.strip()) + "\n")
    return 0


def send(settings: Settings, name: str, values: Sequence[bytes], sent: Callable[[int], None] = lambda _: None) -> bool:
    """Send commands of one name, in order; say on stderr why not.  `sent` hears how many are with Kafka."""
    try:
        asyncio.run(_send(settings, name, values, sent))
    except (KafkaError, TimeoutError) as error:
        _fail(f"Kafka at {settings.kafka_bootstrap} did not take it ({error!r}). `touchline doctor` says more.")
        return False
    return True


async def _send(settings: Settings, name: str, values: Sequence[bytes], sent: Callable[[int], None]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, enable_idempotence=True)
    async with asyncio.timeout(SEND_SECONDS):
        await producer.start()
    try:
        for start in range(0, len(values), STEP_MESSAGES):
            async with asyncio.timeout(SEND_SECONDS):
                await _sent_all(producer, name, values[start : start + STEP_MESSAGES])
            sent(min(start + STEP_MESSAGES, len(values)))
    finally:
        async with asyncio.timeout(SEND_SECONDS):
            await producer.stop()


async def _sent_all(producer: AIOKafkaProducer, name: str, values: Sequence[bytes]) -> None:
    """All go to one partition: of two commands on one thing the later one counts."""
    headers = [(topics.COMMAND_HEADER, name.encode())]
    await asyncio.gather(
        *[await producer.send(topics.WEB_EVENTS.name, value=value, partition=0, headers=headers) for value in values]
    )


def _fail(reason: str) -> int:
    sys.stderr.write(f"touchline: {reason}\n")
    return 1
