"""Contributions inside a real Redis: the totals are their sum, whatever comes again, in whatever order."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.exceptions import ResponseError

from agents.sinks.redis.documents import FEEDS, Entry, latest
from agents.sinks.redis.keys import Keys, Kind
from agents.sinks.redis.store import ReadModel, connect
from agents.sinks.redis.totals import mend_totals
from streams.attribution import OF_PEOPLE, Contribution, add, cell_of, field_of, from_person, report
from streams.personas.persona import Persona
from streams.topics import CONTRIBUTIONS

APP = "test-v1"
PARTITION = 3
KEYS = Keys(APP, PARTITION)
FEED = FEEDS[CONTRIBUTIONS.name]
HUGE = 10**17

Cells = dict[str, int]
Content = dict[str, Any]


@pytest.fixture
async def model(redis_server: Any) -> AsyncIterator[ReadModel]:
    client = connect(SecretStr(redis_server.address))
    await client.flushall()
    yield ReadModel(client, APP)
    await client.aclose()


class Record:
    """A record of the topic as Kafka would give it; `cells` None is a null value."""

    def __init__(self, offset: int, document: str, cells: Cells | None) -> None:
        self.offset, self.key = offset, document.encode()
        self.value = None if cells is None else json.dumps({"document": document, "cells": cells}).encode()


def entry(offset: int, document: str, cells: Cells | None) -> Entry:
    read = FEED.read(Record(offset, document, cells))
    assert read is not None
    return read


async def write(model: ReadModel, *entries: Entry, repair: bool = False) -> int:
    last = max(entry.offset for entry in entries)
    done = await model.apply(Kind.contribution, PARTITION, entries, after=-1, last=last, repair=repair)
    return done.changed


async def totals(model: ReadModel) -> Cells:
    return {field: int(amount) for field, amount in (await model.totals(PARTITION)).items()}


async def content(model: ReadModel) -> Content:
    client = model._client
    read = {b"hash": client.hgetall, b"set": client.smembers, b"string": client.get}
    return {key.decode(): await read[await client.type(key)](key) for key in await client.keys("*")}


async def test_a_contribution_is_stored_with_its_offset_and_added_to_the_totals(model: ReadModel) -> None:
    assert await write(model, entry(5, "user:u1", {"cla:Spring sale": 1200, "c-s:Spring sale": 1})) == 1
    assert await content(model) == {
        KEYS.document(Kind.contribution, "user:u1"): {
            b"doc": b'{"c-s:Spring sale":"1","cla:Spring sale":"1200"}', b"offset": b"5"
        },
        KEYS.contributors: {b"user:u1"},
        KEYS.totals: {b"cla:Spring sale": b"1200", b"c-s:Spring sale": b"1"},
        KEYS.offset(Kind.contribution): b"5",
    }  # fmt: skip


async def test_a_later_contribution_takes_the_former_ones_place_and_leaves_no_zeros(model: ReadModel) -> None:
    await write(
        model, entry(5, "user:u1", {"cla:spring": 1200, "c-s:spring": 1}), entry(6, "user:u2", {"c-s:spring": 2})
    )
    await write(model, entry(7, "user:u1", {"cla:summer": 1200, "c-s:spring": 1}))
    assert await totals(model) == {"cla:summer": 1200, "c-s:spring": 3}


async def test_a_document_that_contributes_nothing_any_more_leaves_a_grave_only(model: ReadModel) -> None:
    await write(model, entry(5, "user:u1", {"cla:spring": -7}))
    await write(model, entry(6, "user:u1", None))
    grave = KEYS.document(Kind.contribution, "user:u1")
    assert await content(model) == {grave: {b"offset": b"6"}, KEYS.offset(Kind.contribution): b"6"}
    assert await model._client.ttl(grave) > 0
    assert await write(model, entry(5, "user:u1", {"cla:spring": -7})) == 0


async def test_amounts_are_exact_beyond_53_bits(model: ReadModel) -> None:
    await write(model, *(entry(n, f"user:u{n}", {"cla:spring": HUGE - n}) for n in range(80)))
    assert await totals(model) == {"cla:spring": 80 * HUGE - sum(range(80))}
    await write(model, entry(80, "user:u0", {"cla:spring": 1}))
    assert await totals(model) == {"cla:spring": 79 * HUGE - sum(range(80)) + 1}


async def test_what_cannot_be_added_is_added_by_no_half_however_often_it_is_tried(model: ReadModel) -> None:
    await write(model, entry(5, "user:u1", {"c-s:a": 1, "c-s:c": 1}))
    await model._client.hset(KEYS.totals, "c-s:b", "somebody's own")
    before = await content(model)
    for _ in range(3):
        with pytest.raises(ResponseError):
            await write(model, entry(6, "user:u1", {f"c-s:{letter}": 5 for letter in "abcdef"}))
        assert await content(model) == before
    await model._client.hdel(KEYS.totals, "c-s:b")
    await write(model, entry(6, "user:u1", {f"c-s:{letter}": 5 for letter in "abcdef"}))
    assert await totals(model) == {f"c-s:{letter}": 5 for letter in "abcdef"}


async def test_what_is_removed_leaves_the_totals_and_what_is_newer_stays(model: ReadModel) -> None:
    await write(model, entry(5, "user:u1", {"c-s:a": 1}), entry(9, "user:u2", {"c-s:a": 2}))
    assert await model.remove(Kind.contribution, PARTITION, ["user:u1", "user:u2", "user:u3"], ceiling=8) == 1
    assert await totals(model) == {"c-s:a": 2}


async def test_forgetting_contributions_leaves_profiles_and_the_other_way_round(model: ReadModel) -> None:
    await write(model, entry(5, "user:u1", {"c-s:a": 1}))
    whole = await content(model)
    await model.apply(Kind.profile, PARTITION, [Entry("user:u1", 5, b"{}", b"")], after=-1, last=5)
    await model.forget(Kind.profile, PARTITION)
    assert await content(model) == whole
    await model.apply(Kind.account, PARTITION, [Entry("001", 5, b"{}", b"")], after=-1, last=5)
    await model.forget(Kind.contribution, PARTITION)
    assert set(await content(model)) == {KEYS.document(Kind.account, "001"), KEYS.offset(Kind.account)}


async def test_totals_that_somebody_changed_are_mended(model: ReadModel) -> None:
    await write(model, *(entry(n, f"user:u{n}", {"c-s:a": 1, f"c-s:{n}": n}) for n in range(1200)))
    right = await content(model)
    assert await mend_totals(model, PARTITION) == 0
    await model._client.hset(KEYS.totals, mapping={"c-s:a": 7, "c-s:b": 8, "c-s:c": "text", "c-s:d": 0})
    assert await mend_totals(model, PARTITION) == 4
    assert await content(model) == right
    await model._client.delete(KEYS.totals)
    assert await mend_totals(model, PARTITION) == 1200
    assert await content(model) == right


async def test_totals_of_nothing_are_mended_to_nothing(model: ReadModel) -> None:
    await model._client.hset(KEYS.totals, "c-s:a", 7)
    assert await mend_totals(model, PARTITION) == 1
    assert await content(model) == {}


async def test_mending_leaves_totals_alone_whose_contributions_changed_meanwhile(model: ReadModel) -> None:
    await write(model, entry(5, "user:u1", {"c-s:a": 1}))
    assert await model.mend(PARTITION, {"c-s:a": 9}, at=4) is False
    assert await totals(model) == {"c-s:a": 1}


async def test_mending_beside_a_live_sink_never_makes_totals_wrong(model: ReadModel) -> None:
    for offset in range(0, 300, 3):
        batch = [entry(offset + n, f"user:u{(offset + n) % 40}", {"c-s:a": offset + 1}) for n in range(3)]
        await asyncio.gather(write(model, *batch), mend_totals(model, PARTITION))
    assert await mend_totals(model, PARTITION) == 0


documents = st.sampled_from(["user:u1", "user:u2", "001"])
fields = st.sampled_from(["cla:spring", "c-s:spring", 'cla:"é\\\x00', "r-s:1", "a-a:001"])
revisions = st.tuples(documents, st.one_of(st.none(), st.dictionaries(fields, st.integers(-HUGE, HUGE), max_size=4)))


def summed(log: list[tuple[str, Cells | None]]) -> Cells:
    """The sum over the latest revision of each document."""
    sums: Counter[str] = Counter()
    for cells in dict(log).values():
        sums.update(cells or {})
    return {field: amount for field, amount in sums.items() if amount}


async def in_batches(model: ReadModel, log: list[Entry], size: Callable[[], int]) -> None:
    rest = log
    while rest:
        cut = size()
        batch, rest = rest[:cut], rest[cut:]
        await write(model, *batch)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(revisions, min_size=1, max_size=12), random=st.randoms(use_true_random=False))
async def test_any_order_repetition_and_rebuild_leave_the_sum_over_the_latest_documents(
    model: ReadModel, drawn: list[tuple[str, Cells | None]], random: Random
) -> None:
    log = [entry(offset, *revision) for offset, revision in enumerate(drawn)]
    await model._client.flushall()
    await in_batches(model, log, lambda: 3)
    expected = await content(model)
    assert await totals(model) == summed(drawn)

    shuffled = random.choices(log, k=2 * len(log)) + log
    random.shuffle(shuffled)
    await model._client.flushall()
    await in_batches(model, shuffled, lambda: random.randint(1, 4))
    assert await content(model) == expected

    compacted, _ = latest(FEED, [Record(offset, *revision) for offset, revision in enumerate(drawn)])
    await write(model, *compacted, repair=True)
    assert await content(model) == expected
    await model._client.flushall()
    await write(model, *compacted, repair=True)
    assert await content(model) == expected


words = st.sampled_from(["product", "sales", "unknown"])
people = st.builds(
    from_person,
    st.builds(Persona, words, words, words, words, st.just(1)),
    st.sampled_from([None, "CTO", "x" * 101]),
    st.sampled_from([None, "001"]),
    st.integers(-HUGE, HUGE),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(st.tuples(documents, people), min_size=1, max_size=8))
async def test_each_report_from_redis_sums_to_what_the_latest_documents_contribute(
    model: ReadModel, drawn: list[tuple[str, Contribution]]
) -> None:
    await model._client.flushall()
    for offset, (document, contribution) in enumerate(drawn):
        await write(model, entry(offset, document, {field_of(cell): n for cell, n in contribution.items()}))
    expected: Contribution = {}
    for contribution in dict(drawn).values():
        expected = add(expected, contribution)
    stored = {cell_of(field): amount for field, amount in (await totals(model)).items()}
    assert stored == expected
    for dimension in OF_PEOPLE:
        made = report(stored, dimension, None)
        assert made.total.people == len(dict(drawn)) == sum(row.people for row in made.rows)
        assert sum(row.arr for row in made.rows) == made.total.arr
