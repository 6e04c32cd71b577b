"""What Redis keeps of a record of its topics."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.partitions import partition_of
from agents.sinks.redis import documents
from agents.sinks.redis.documents import FEEDS, LARGEST_CELL, Entry, latest, pieces
from agents.sinks.redis.keys import Keys, Kind, address

PROFILES, ACCOUNTS, CONTRIBUTIONS = FEEDS.values()


@dataclass(frozen=True)
class Record:
    offset: int
    key: bytes | None
    value: bytes | None


def member(entered_at: str) -> bytes:
    return json.dumps({"segments": {"power": {"member": True, "entered_at": entered_at}}}).encode()


def test_a_member_is_kept_with_the_millisecond_at_which_it_entered() -> None:
    entry = PROFILES.read(Record(7, b"user:u1", member("2025-10-09T08:53:20.123Z")))
    assert entry is not None
    assert json.loads(entry.members) == {"power": 1_760_000_000_123}


def test_who_left_or_never_entered_is_in_no_list() -> None:
    value = b'{"segments":{"power":{"member":false,"entered_at":"2025-10-09T08:53:20.123Z"},"other":{"member":false}}}'
    assert PROFILES.read(Record(7, b"user:u1", value)) == Entry("user:u1", 7, value, b"")


def test_a_pointer_is_a_document_of_its_own() -> None:
    value = b'{"person":"anon:a1","merged_into":"user:u1"}'
    assert PROFILES.read(Record(7, b"anon:a1", value)) == Entry("anon:a1", 7, value, b"")


def test_no_value_deletes() -> None:
    assert PROFILES.read(Record(7, b"user:u1", None)) == Entry("user:u1", 7, b"", b"")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"{}"),
        (b"\xff", b"{}"),
        (b"user:u1", b""),
        (b"user:u1", b"{"),
        (b"user:u1", b"[]"),
        (b"user:u1", b'{"segments":{"power":true}}'),
        (b"user:u1", b'{"person":"\xff"}'),
        (b"user:u1", b'{"segments":{"power":{"member":true,"entered_at":"yesterday"}}}'),
    ],
)
def test_what_is_no_document_is_passed_over_and_counted(key: bytes | None, value: bytes) -> None:
    assert latest(PROFILES, [Record(7, key, value), Record(8, b"user:u2", b"{}")]) == (
        [Entry("user:u2", 8, b"{}", b"")],
        1,
    )


def test_an_account_is_kept_as_it_came() -> None:
    value = b'{"account":"001","name":"Acme","arr":1200}'
    assert ACCOUNTS.read(Record(7, b"001", value)) == Entry("001", 7, value, b"")
    assert ACCOUNTS.read(Record(7, b"001", b"[]")) is None


def test_the_amounts_of_a_contribution_become_text_as_redis_has_numbers_of_53_bits_only() -> None:
    value = b'{"document":"user:u1","cells":{"cla:x":9007199254740993,"hla:y":0,"c-s:\xc3\xa9":-1}}'
    entry = CONTRIBUTIONS.read(Record(7, b"user:u1", value))
    assert entry is not None
    assert json.loads(entry.doc) == {"cla:x": "9007199254740993", "c-s:é": "-1"}


def test_a_contribution_of_nothing_is_no_deletion() -> None:
    assert CONTRIBUTIONS.read(Record(7, b"user:u1", b'{"cells":{}}')) == Entry("user:u1", 7, b"{}", b"")


@pytest.mark.parametrize(
    "cells", ["1", '{"cla:x":1.5}', '{"cla:x":"1"}', '{"cla:x":true}', f'{{"x":{LARGEST_CELL + 1}}}']
)
def test_what_cannot_be_added_is_no_contribution(cells: str) -> None:
    assert CONTRIBUTIONS.read(Record(7, b"user:u1", b'{"cells":%s}' % cells.encode())) is None
    assert CONTRIBUTIONS.read(Record(7, b"user:u1", b'{"document":"user:u1"}')) is None


def test_of_one_person_only_the_latest_of_a_batch_is_written() -> None:
    batch = [Record(1, b"user:u1", b"{}"), Record(2, b"user:u2", b"{}"), Record(3, b"user:u1", b'{"a":1}')]
    entries, _ = latest(PROFILES, batch)
    assert [(entry.name, entry.offset) for entry in entries] == [("user:u2", 2), ("user:u1", 3)]


def test_a_batch_without_a_document_still_moves_the_offset() -> None:
    assert list(pieces([], 41, 4000)) == [([], 41)]


@given(st.lists(st.integers(0, 3000), max_size=50))
def test_pieces_hold_every_entry_in_order_and_end_where_the_batch_ends(sizes: list[int]) -> None:
    entries = [Entry(f"user:{n}", n, b"x" * size, b"") for n, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "PIECE_RECORDS", 7)
        cut = list(pieces(entries, 99, 4000))
    assert [entry for piece, _ in cut for entry in piece] == entries
    assert all(len(piece) <= 7 and sum(len(entry.doc) for entry in piece) <= 4000 for piece, _ in cut)
    assert [last for _, last in cut] == [piece[-1].offset for piece, _ in cut[:-1]] + [99]


def test_a_persons_partition_is_the_one_that_javas_producer_takes() -> None:
    known = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}
    assert {key: partition_of(key, 64) for key in known} == {
        key: (hashed & 0x7FFFFFFF) % 64 for key, hashed in known.items()
    }


def test_the_keys_of_a_partition_share_a_tag_behind_the_app() -> None:
    keys = Keys("touchline-v1", 17)
    assert keys.document(Kind.profile, "user:u1") == "touchline-v1:{p17}:profile:user:u1"
    assert keys.offset(Kind.contribution) == "touchline-v1:{p17}:offset:contribution"
    assert keys.members("power") == "touchline-v1:{p17}:members:power"


@pytest.mark.parametrize("url", ["redis://:secret@cache:6380/2", "redis://cache:x/secret", "rediss://me:secret@cache"])
def test_an_address_never_has_the_password(url: str) -> None:
    from pydantic import SecretStr

    assert "secret" not in address(SecretStr(url)).replace("/secret", "")
