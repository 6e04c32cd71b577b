"""The function inside a real Redis: order, repetition, deletion, gaps, restarts."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.exceptions import ConnectionError, ResponseError

from agents.local.processes import silent
from agents.sinks.redis.documents import Entry
from agents.sinks.redis.keys import Keys, Kind
from agents.sinks.redis.store import LIBRARY, Gap, OtherPartitionsError, ReadModel, connect

APP = "test-v1"
KEYS = Keys(APP, 3)
Content = dict[str, Any]


@pytest.fixture
async def model(redis_server: Any) -> AsyncIterator[ReadModel]:
    client = connect(SecretStr(redis_server.address))
    await client.flushall()
    await client.function_flush()
    yield ReadModel(client, APP)
    await client.aclose()


def document(person: str, offset: int, *segments: str, text: str = "") -> Entry:
    doc = json.dumps({"person": person, "text": text or f"as of {offset}"}).encode()
    return Entry(person, offset, doc, json.dumps(dict.fromkeys(segments, 1000 + offset)).encode() if segments else b"")


def gone(person: str, offset: int) -> Entry:
    return Entry(person, offset, b"", b"")


async def content(model: ReadModel) -> Content:
    """Everything in Redis: keys with their values, and whether they expire."""
    client = model._client
    found: Content = {}
    for key in await client.keys("*"):
        kind = await client.type(key)
        value = {
            b"hash": client.hgetall,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
            b"string": client.get,
        }[kind](key)
        found[key.decode()] = (await value, await client.ttl(key) > 0)
    return found


async def write(model: ReadModel, *entries: Entry, after: int = -1, **more: Any) -> Any:
    return await model.apply(
        Kind.profile, 3, entries, after=after, last=max((e.offset for e in entries), default=0), **more
    )


async def test_a_document_its_list_and_the_offset_are_written_together(model: ReadModel) -> None:
    entry = document("user:u1", 5, "power")
    assert await write(model, entry) == (5, 1)
    assert await content(model) == {
        KEYS.document(Kind.profile, "user:u1"): (
            {b"doc": entry.doc, b"offset": b"5", b"members": entry.members},
            False,
        ),
        KEYS.members("power"): ([(b"user:u1", 1005.0)], False),
        KEYS.offset(Kind.profile): (b"5", False),
    }


async def test_the_number_of_partitions_is_recorded_once(model: ReadModel) -> None:
    assert await model.partitions() is None
    await model.agree(4)
    await model.agree(4)
    assert await content(model) == {"test-v1:partitions": (b"4", False)}
    assert await model.partitions() == "4"


@pytest.mark.parametrize("recorded", [b"8", b"many"])
async def test_another_number_stays_and_says_what_to_do(model: ReadModel, recorded: bytes) -> None:
    await model._client.set("test-v1:partitions", recorded)
    with pytest.raises(
        OtherPartitionsError, match=f"{recorded.decode()} partitions.* have 4: .*`touchline views rebuild`"
    ):
        await model.agree(4)
    assert await content(model) == {"test-v1:partitions": (recorded, False)}


async def test_begun_anew_it_has_nothing_of_the_other_number_and_all_of_another_app(model: ReadModel) -> None:
    await model.agree(8)
    await write(model, document("user:u1", 5, "power"), gone("user:u2", 6))
    strangers = ReadModel(model._client, "test-v10")
    await strangers.agree(8)
    await write(strangers, document("user:u1", 5))
    others = {key: value for key, value in (await content(model)).items() if key.startswith("test-v10:")}
    await model.begin_anew(4)
    assert await content(model) == {"test-v1:partitions": (b"4", False)} | others
    assert len(others) == 3


async def test_who_leaves_a_segment_leaves_its_list(model: ReadModel) -> None:
    await write(model, document("user:u1", 5, "power", "other"))
    await write(model, document("user:u1", 6, "other"))
    assert KEYS.members("power") not in await content(model)
    assert KEYS.members("other") in await content(model)


async def test_a_deleted_document_leaves_a_grave_that_expires(model: ReadModel) -> None:
    await write(model, document("user:u1", 5, "power"))
    await write(model, gone("user:u1", 6))
    assert await content(model) == {
        KEYS.document(Kind.profile, "user:u1"): ({b"offset": b"6"}, True),
        KEYS.offset(Kind.profile): (b"6", False),
    }


async def test_what_was_deleted_does_not_rise_when_an_older_record_comes_again(model: ReadModel) -> None:
    await write(model, document("user:u1", 5))
    await write(model, gone("user:u1", 6))
    assert await write(model, document("user:u1", 5)) == (6, 0)


async def test_a_person_who_comes_back_does_not_expire(model: ReadModel) -> None:
    await write(model, gone("user:u1", 6))
    await write(model, document("user:u1", 7))
    assert (await content(model))[KEYS.document(Kind.profile, "user:u1")][1] is False


async def test_the_same_offset_changes_nothing_except_to_repair(model: ReadModel) -> None:
    await write(model, document("user:u1", 5, text="right"))
    await model._client.hset(KEYS.document(Kind.profile, "user:u1"), "doc", "spoilt")
    assert await write(model, document("user:u1", 5, text="right")) == (5, 0)
    assert await write(model, document("user:u1", 5, text="right"), repair=True) == (5, 1)
    assert (await content(model))[KEYS.document(Kind.profile, "user:u1")][0][b"doc"] == document(
        "user:u1", 5, text="right"
    ).doc


async def test_a_repair_leaves_what_is_newer(model: ReadModel) -> None:
    await write(model, document("user:u1", 9))
    assert await write(model, document("user:u1", 5), repair=True) == (9, 0)


async def test_redis_that_lost_what_was_applied_refuses_the_batch_whole(model: ReadModel) -> None:
    await write(model, document("user:u1", 5))
    await model._client.flushall()
    with pytest.raises(Gap):
        await write(model, document("user:u2", 6), after=5)
    assert await content(model) == {}


async def test_what_cannot_be_written_does_not_move_the_offset_and_can_be_done_again(model: ReadModel) -> None:
    await model._client.set(KEYS.members("power"), "somebody's own key")
    with pytest.raises(ResponseError):
        await write(model, document("user:u1", 5), document("user:u2", 6, "power"))
    assert await model.offsets(Kind.profile, [3]) == {3: -1}
    await model._client.delete(KEYS.members("power"))
    await write(model, document("user:u1", 5), document("user:u2", 6, "power"))
    assert await model.offsets(Kind.profile, [3]) == {3: 6}


async def test_redis_restarted_without_its_functions_gets_them_again(model: ReadModel, redis_server: Any) -> None:
    await write(model, document("user:u1", 5))
    await asyncio.to_thread(redis_server.daemon.stop)
    await asyncio.to_thread(redis_server.start, silent)
    with pytest.raises(ConnectionError):
        await write(model, document("user:u1", 5))
    assert await model._client.function_list() == []
    assert await write(model, document("user:u1", 5)) == (5, 1)
    assert LIBRARY in str(await model._client.function_list())


async def test_removing_spares_documents_that_are_newer(model: ReadModel) -> None:
    await write(model, document("user:u1", 5, "power"), document("user:u2", 9, "power"), gone("user:u3", 6))
    assert await model.remove(Kind.profile, 3, ["user:u1", "user:u2", "user:u3", "user:u4"], ceiling=8) == 1
    assert (await content(model))[KEYS.members("power")][0] == [(b"user:u2", 1009.0)]


async def test_pruning_takes_from_a_list_only_those_whose_document_disagrees(model: ReadModel) -> None:
    await write(model, document("user:u1", 5, "power"), document("user:u2", 6))
    await model._client.zadd(KEYS.members("power"), {"user:u2": 1, "user:u9": 2})
    assert await model.prune(3, "power", ["user:u1", "user:u2", "user:u9"]) == 2
    assert (await content(model))[KEYS.members("power")][0] == [(b"user:u1", 1005.0)]


async def test_forgetting_a_partition_leaves_the_others_and_the_other_apps(model: ReadModel) -> None:
    await write(model, *(document(f"user:{n}", n, "power") for n in range(600)))
    await model.apply(Kind.profile, 33, [document("user:u1", 5)], after=-1, last=5)
    await ReadModel(model._client, "test-v2").apply(Kind.profile, 3, [document("user:u1", 5)], after=-1, last=5)
    await model.forget(Kind.profile, 3)
    assert {key.split(":profile:")[0] for key in await content(model)} == {
        "test-v1:{p33}", "test-v1:{p33}:offset:profile", "test-v2:{p3}", "test-v2:{p3}:offset:profile",
    }  # fmt: skip


persons = st.sampled_from(["user:u1", "user:u2", "anon:a1"])
changes = st.tuples(persons, st.sampled_from([(), ("power",), ("power", "other"), None]))


def log_of(drawn: list[Any]) -> list[Entry]:
    return [
        gone(person, offset) if segments is None else document(person, offset, *segments)
        for offset, (person, segments) in enumerate(drawn)
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(changes, min_size=1, max_size=12), random=st.randoms(use_true_random=False))
async def test_any_order_and_repetition_leaves_what_the_log_in_order_leaves(
    model: ReadModel, drawn: list[Any], random: Random
) -> None:
    log = log_of(drawn)
    await _in_batches(model, log, lambda: len(log))
    expected = await content(model)
    assert expected[KEYS.offset(Kind.profile)][0] == str(len(log) - 1).encode()

    shuffled = random.choices(log, k=2 * len(log)) + log
    random.shuffle(shuffled)
    await model._client.flushall()
    await _in_batches(model, shuffled, lambda: random.randint(1, 4))
    assert await content(model) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(changes, min_size=1, max_size=12),
    prefixes=st.lists(st.integers(0, 12), max_size=5),
    repair=st.booleans(),
)
async def test_a_prefix_delivered_again_changes_nothing(
    model: ReadModel, drawn: list[Any], prefixes: list[int], repair: bool
) -> None:
    log = log_of(drawn)
    await model._client.flushall()
    await _in_batches(model, log, lambda: 3)
    expected = await content(model)
    for length in prefixes:
        prefix = log[:length]
        await model.apply(Kind.profile, 3, prefix, after=-1, last=len(prefix) - 1, repair=repair)
        assert await content(model) == expected


async def _in_batches(model: ReadModel, log: list[Entry], size: Callable[[], int]) -> None:
    await model._client.flushall()
    rest = log
    while rest:
        cut = size()
        batch, rest = rest[:cut], rest[cut:]
        await model.apply(Kind.profile, 3, batch, after=-1, last=max(entry.offset for entry in batch))
