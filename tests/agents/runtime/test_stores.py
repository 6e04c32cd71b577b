from collections.abc import Callable
from pathlib import Path

import pytest

from agents.runtime.stores import MemoryStore, RocksStore, Store


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "lane")


def test_what_is_written_is_read(store: Store) -> None:
    store.write({b"a": b"1", b"b": b"2"}, 7)
    assert store.get(b"a") == b"1"
    assert store.get(b"c") is None
    assert dict(store.items()) == {b"a": b"1", b"b": b"2"}


def test_none_deletes_a_row_and_a_missing_one_too(store: Store) -> None:
    store.write({b"a": b"1"}, 7)
    store.write({b"a": None, b"b": None}, 8)
    assert list(store.items()) == []


def test_a_new_store_wants_the_whole_changelog(store: Store) -> None:
    assert store.restored_to() == 0


def test_rocksdb_remembers_rows_and_offset_together(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "lane")
    first.write({b"a": b"1"}, 7)
    first.write({b"a": b"2", b"b": b"3"}, 9)
    first.close()
    again = RocksStore(tmp_path / "lane")
    assert (dict(again.items()), again.restored_to()) == ({b"a": b"2", b"b": b"3"}, 9)


def test_memory_forgets(tmp_path: Path) -> None:
    forgetful: Callable[[], Store] = MemoryStore
    forgetful().write({b"a": b"1"}, 7)
    assert forgetful().restored_to() == 0
