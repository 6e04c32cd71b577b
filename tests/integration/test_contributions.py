"""Totals in Redis on the real Kafka: always the sum over the latest contributions, after wipes and rebuilds too."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis.asyncio

from agents.partitions import partition_of
from agents.settings import Settings
from agents.sinks.redis import Keys, Kind, RedisSink, rebuild
from streams.activity import Touch
from streams.attribution import Contribution, Conversion, add, field_of, from_account, from_conversions, from_person
from streams.attribution import Kind as ConversionKind
from streams.events import Source
from streams.personas.persona import Persona
from streams.topics import ACCOUNT_VIEWS, CONTRIBUTIONS
from tests.integration.kafka import write

pytestmark = pytest.mark.integration
Cells = dict[str, int]
ACME = "001000000000001AAA"
T0 = 1_760_000_000_000
DIRECT = Source("Direct", "Direct")


@pytest.fixture
async def settings(stack: Any) -> Settings:
    made: Settings = stack.settings()
    await stack.fresh_topics(made)
    return made


@asynccontextmanager
async def sinking(settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(RedisSink(settings).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 15)


@asynccontextmanager
async def client_of(settings: Settings) -> AsyncIterator[Any]:
    async with redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        yield client


def revision(number: int, people: int = 30) -> tuple[str, Cells | None]:
    """The `number`th revision of all: of which document, and what it contributes from then on."""
    document = f"user:u{number % people}"
    return document, None if number % 7 == 0 else {"cla:spring": number, f"clo:{number % 5}": 1, "hla:Email": -number}


async def send(settings: Settings, numbers: range) -> dict[str, Cells | None]:
    """Send revisions in one transaction; return the latest of each document."""
    revisions = [revision(number) for number in numbers]
    records = [
        (document.encode(), None if cells is None else json.dumps({"document": document, "cells": cells}).encode())
        for document, cells in revisions
    ]
    await write(settings, CONTRIBUTIONS.name, records, transactional=True)
    return dict(revisions)


def summed(latest: dict[str, Cells | None]) -> Cells:
    sums: Counter[str] = Counter()
    for cells in latest.values():
        sums.update(cells or {})
    return {field: amount for field, amount in sums.items() if amount}


async def totals(settings: Settings) -> Cells:
    sums: Counter[str] = Counter()
    async with client_of(settings) as client:
        for partition in range(settings.partitions):
            stored = await client.hgetall(Keys(settings.app_id, partition).totals)
            sums.update({field.decode(): int(amount) for field, amount in stored.items()})
    return dict(sums)


async def until_totals(settings: Settings, expected: Cells, eventually_async: Any) -> None:
    async def summed_up() -> bool:
        return await totals(settings) == expected

    await eventually_async(summed_up, within_seconds=30, what="totals equal to the sum over the latest documents")


async def test_totals_follow_the_topic_through_a_wipe_and_a_restart_of_the_sink(settings, eventually_async) -> None:
    async with sinking(settings):
        latest = await send(settings, range(1, 300))
        await until_totals(settings, summed(latest), eventually_async)
        async with client_of(settings) as client:
            await client.flushdb()
        latest |= await send(settings, range(300, 350))
        await until_totals(settings, summed(latest), eventually_async)
    latest |= await send(settings, range(350, 400))
    async with sinking(settings):
        await until_totals(settings, summed(latest), eventually_async)


async def test_rebuild_of_an_empty_redis_gives_the_same_totals(settings, capsys) -> None:
    expected = summed(await send(settings, range(1, 300)))
    assert await asyncio.to_thread(rebuild, settings) == 0
    assert await totals(settings) == expected != {}
    assert "299 records" in capsys.readouterr().out


async def test_rebuild_mends_totals_and_contributions_that_somebody_changed(settings, capsys) -> None:
    expected = summed(await send(settings, range(1, 300)))
    assert await asyncio.to_thread(rebuild, settings) == 0
    keys = Keys(settings.app_id, 0)
    async with client_of(settings) as client:
        await client.hincrby(keys.totals, "cla:spring", 5)
        await client.hset(keys.document(Kind.contribution, "user:nobody"), mapping={"doc": '{"x":"1"}', "offset": 0})
        await client.delete(Keys(settings.app_id, 1).totals)
    capsys.readouterr()
    assert await asyncio.to_thread(rebuild, settings) == 0
    assert await totals(settings) == expected
    assert "totals were not the sum of their contributions, and are now." in capsys.readouterr().out


async def test_rebuild_beside_a_live_sink_under_traffic_ends_with_right_totals(settings, eventually_async) -> None:
    async with sinking(settings):
        latest = await send(settings, range(1, 400))
        running = asyncio.create_task(asyncio.to_thread(rebuild, settings))
        for start in range(400, 1000, 100):
            latest |= await send(settings, range(start, start + 100))
        assert await running == 0
        await until_totals(settings, summed(latest), eventually_async)


async def test_accounts_are_found_by_their_ids(settings, eventually_async) -> None:
    acme = b'{"account":"001000000000001AAA","name":"Acme"}'
    await write(settings, ACCOUNT_VIEWS.name, [(b"001000000000001AAA", acme), (b"001000000000002AAA", b"{}")])
    await write(settings, ACCOUNT_VIEWS.name, [(b"001000000000002AAA", None)])

    async def doc(account: str) -> Any:
        keys = Keys(settings.app_id, partition_of(account, settings.partitions))
        async with client_of(settings) as client:
            return await client.hmget(keys.document(Kind.account, account), "doc", "offset")

    async def there() -> bool:
        return (await doc("001000000000001AAA"))[0] == acme and (await doc("001000000000002AAA"))[1] is not None

    async with sinking(settings):
        await eventually_async(there, what="both accounts applied")
        assert (await doc("001000000000002AAA"))[0] is None


async def test_reports_of_the_command_follow_the_topics(settings, touchline, eventually_async) -> None:
    persona = Persona("product", "vp", "software", "11-50", 1)
    touches = [Touch(T0, b"\0" * 16, Source("Email", "Email", campaign="spring")), Touch(T0 + 1, b"\1" * 16, DIRECT)]
    person = add(
        from_conversions(touches, [Conversion(ConversionKind.won, T0 + 2, 100_01)]),
        from_person(persona, "CPO", ACME, 100_01),
    )
    others = from_account(ACME, 300_01, 100_01)
    await write(settings, ACCOUNT_VIEWS.name, [(ACME.encode(), b'{"name":"Acme","currency":"EUR"}')])
    await write(settings, CONTRIBUTIONS.name, [contributed("user:u1", person), contributed(ACME, others)])

    def told(*arguments: str) -> str:
        done = touchline.run(settings, "report", *arguments, "--format", "csv")
        return str(done.stdout)

    async def shows(line: str, *arguments: str) -> None:
        async def shown() -> bool:
            return line in (await asyncio.to_thread(told, *arguments)).splitlines()

        await eventually_async(shown, what=line)

    async with sinking(settings):
        await shows("total,,1,300.01,EUR", "personas", "--by", "account")
        await shows(f"{ACME},Acme,1,300.01,EUR", "personas", "--by", "account")
        await shows("(no contact),0,200.00,EUR", "personas", "--by", "title")
        await shows("spring,0,0,0,0.5,50.00,EUR", "attribution", "--model", "linear")
        late = [Touch(T0 - 5, b"\2" * 16, Source("Email", "Email", campaign="winter")), *touches]
        corrected = from_conversions(late, [Conversion(ConversionKind.won, T0 + 2, 100_01)])
        await write(settings, CONTRIBUTIONS.name, [contributed("user:u1", corrected)])
        await shows("winter,0,0,0,1,100.01,EUR", "attribution", "--model", "first")
        await shows("(no contact),0,200.00,EUR", "personas", "--by", "title")
        await shows("total,0,200.00,EUR", "personas", "--by", "title")
    table = touchline.run(settings, "report", "personas", "--by", "account")
    assert table.returncode == 0
    assert re.search(r"^Acme +0 +300\.01$", table.stdout, re.MULTILINE)


def contributed(document: str, cells: Contribution) -> tuple[bytes, bytes]:
    """A record as the processors write it."""
    value = {"document": document, "cells": {field_of(cell): amount for cell, amount in cells.items()}}
    return document.encode(), json.dumps(value).encode()
