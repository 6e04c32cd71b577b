from collections.abc import Callable
from pathlib import Path

import pytest

from agents.runtime.stores import MemoryStore, RocksStore, Store, StoreError


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


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A closed store whose rows are in a table file."""
    store = RocksStore(tmp_path / "lane")
    store.write({b"%d" % number: b"x" * 200 for number in range(2000)}, 7)
    store._db.flush()
    store.close()
    return tmp_path / "lane"


def damage(folder: Path, pattern: str) -> None:
    files = list(folder.glob(pattern))
    assert files
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 3 : len(content) // 3 + 48] = b"damaged " * 6
        path.write_bytes(content)


def test_a_damaged_table_is_noticed_while_reading_all_rows_and_thrown_away(filled: Path) -> None:
    damage(filled, "*.sst")
    store = RocksStore(filled)
    with pytest.raises(StoreError, match="the next start reads the changelog"):
        list(store.items())
    store.close()
    assert RocksStore(filled).restored_to() == 0


def test_a_damaged_table_is_noticed_by_the_rows_in_it(filled: Path) -> None:
    damage(filled, "*.sst")
    store = RocksStore(filled)
    with pytest.raises(StoreError):
        [store.get(b"%d" % number) for number in range(2000)]


def test_a_store_that_does_not_open_begins_anew(filled: Path) -> None:
    (filled / "CURRENT").write_text("nonsense")
    store = RocksStore(filled)
    assert (list(store.items()), store.restored_to()) == ([], 0)


def test_a_store_that_forgot_its_rows_wants_the_whole_changelog(filled: Path) -> None:
    damage(filled, "MANIFEST*")
    assert RocksStore(filled).restored_to() == 0


def test_a_store_in_use_is_left_alone(filled: Path) -> None:
    first = RocksStore(filled)
    with pytest.raises(StoreError, match="TOUCHLINE_DATA_DIR"):
        RocksStore(filled)
    assert first.get(b"1") == b"x" * 200
