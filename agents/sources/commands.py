"""`touchline identity split | join`, `forget`: an operator's word on an alias, as a message on `web-events`."""

import asyncio
import sys
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.settings import Settings
from streams import topics
from streams.events import Rejected
from streams.identity import Command, encode_command, parse_command

SEND_SECONDS = 30.0
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
    try:
        asyncio.run(_send(settings, name, value))
    except (KafkaError, TimeoutError) as error:
        return _fail(f"Kafka at {settings.kafka_bootstrap} did not take it ({error!r}). `touchline doctor` says more.")
    sys.stdout.write(SAID[name].format(alias=alias.strip()) + "\n")
    return 0


async def _send(settings: Settings, name: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, enable_idempotence=True)
    async with asyncio.timeout(SEND_SECONDS):
        await producer.start()
        try:
            header = (topics.COMMAND_HEADER, name.encode())
            await producer.send_and_wait(topics.WEB_EVENTS.name, value=value, partition=0, headers=[header])
        finally:
            await producer.stop()


def _fail(reason: str) -> int:
    sys.stderr.write(f"touchline: {reason}\n")
    return 1
