"""`touchline triggers`: reads `referral-triggers` from its beginning, one line a trigger."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiokafka.errors import KafkaError

from agents.committed import NoTopicError, ends, read, read_until, reader
from agents.query.refusal import refuse
from agents.query.words import Document, account, instant, plain, why
from agents.settings import Settings
from streams.topics import REFERRAL_TRIGGERS


def run(settings: Settings, *, as_json: bool, follow: bool) -> int:
    """Print the triggers, all or, with `follow`, for ever; 0, or 1 with a line on stderr: Kafka or the topic away.

    Text goes in words, JSON as it is in the topic, one a line.  Within a partition in the topic's order; Ctrl-C and a
    closed pipe end it well.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it would tell of every failed attempt before our line
    try:
        asyncio.run(_print_all(settings, as_json=as_json, follow=follow))
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at its exit
        return 0
    except NoTopicError as error:
        return refuse(f"Kafka has no topic {error}: run `touchline topics create`.")
    except (KafkaError, OSError, TimeoutError) as error:
        return refuse(
            f"No answer from Kafka at {settings.kafka_bootstrap} ({type(error).__name__}):"
            " is it up, and TOUCHLINE_KAFKA_BOOTSTRAP right?"
        )
    return 0


def line(value: bytes) -> str:
    """One trigger in words: when, who, of which account and whose, what is asked by which channel, and why.

    One that is withdrawn: when, whose, which ask, and why not.  Another thing is named as such.
    """
    try:
        trigger = json.loads(value)
        if "withdrawn_at" in trigger:
            at, person, ask = instant(trigger["withdrawn_at"]), plain(trigger["person"]["key"]), plain(trigger["ask"])
            return f"{at}  {person}  {ask} withdrawn: {plain(trigger['reason'])}"
        person, ask, channel = plain(trigger["person"]["key"]), plain(trigger["ask"]), plain(trigger["channel"])
        return f"{instant(trigger['decided_at'])}  {person}{_of_account(trigger)}  {ask} by {channel}  {why(trigger)}"
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"(not a trigger: {len(value)} bytes)"


def _of_account(trigger: Document) -> str:
    """` of Acme, owner Eve Ng`; empty without an account."""
    known = trigger.get("account")
    return f" of {account({**known, 'owner': trigger.get('owner')})}" if known else ""


async def _print_all(settings: Settings, *, as_json: bool, follow: bool) -> None:
    async with aclosing(_records(settings, follow=follow)) as records:
        async for record in records:
            value = record.value or b""
            sys.stdout.write((value.decode("utf-8", "replace") if as_json else line(value)) + "\n")
            sys.stdout.flush()


async def _records(settings: Settings, *, follow: bool) -> AsyncGenerator[Any, None]:
    async with reader(settings, REFERRAL_TRIGGERS.name) as consumer:
        batches = read(consumer) if follow else read_until(consumer, await ends(consumer))
        async for fetched in batches:
            for records in fetched.values():
                for record in records:
                    yield record
