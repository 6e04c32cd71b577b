"""Stores: where a lane keeps its rows between batches - in memory, or in RocksDB for a fast restart."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog
from rocksdict import DbClosedError, Options, Rdict, WriteBatch

log = structlog.get_logger(__name__)
OFFSET_KEY = b"\x00offset"
"""Not a row: the changelog offset up to which RocksDB holds the rows."""
CORRUPT, IN_USE = "Corruption", "lock hold by"
"""How RocksDB's errors begin, and what one of them says: rocksdict has one class for all."""


class Store(Protocol):
    """The rows of one lane."""

    def get(self, key: bytes) -> bytes | None:
        """Return a row, None where there is none."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all rows."""

    def restored_to(self) -> int:
        """Return the changelog offset from which rows may be missing; 0: all may."""

    def write(self, rows: Mapping[bytes, bytes | None], restored_to: int) -> None:
        """Put (or, None, delete) committed rows, and note the offset after them, all or nothing."""

    def close(self) -> None:
        """Let go of files."""


class MemoryStore:
    """Rows in a dict; a restart reads the whole changelog."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self.get = self._rows.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all rows."""
        yield from self._rows.items()

    def restored_to(self) -> int:
        """Nothing outlives the process."""
        return 0

    def write(self, rows: Mapping[bytes, bytes | None], restored_to: int) -> None:
        """Put or delete rows."""
        for key, row in rows.items():
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row

    def close(self) -> None:
        """Nothing to let go of."""


class StoreError(Exception):
    """Rows on disk can't be read or written; the text says what follows."""


class RocksStore:
    """Rows on disk.  They are written after their commit, so the store is never ahead of the changelog.

    It is a copy: what is found broken is thrown away, and the lane reads its changelog from the beginning.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        try:
            self._db = _open(path)
        except Exception as error:
            if IN_USE in str(error):
                msg = f"{path} is in use by another process: give each worker a TOUCHLINE_DATA_DIR of its own"
                raise StoreError(msg) from error
            log.warning("broken rows on disk thrown away", path=str(path), problem=str(error))
            shutil.rmtree(path)
            self._db = _open(path)

    def get(self, key: bytes) -> bytes | None:
        """Return a row, None where there is none; raise StoreError where it can't be read."""
        try:
            found: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._broken(error) from error
        return found

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all rows; raise StoreError where some can't be read.

        Not by the library's own `items`: that one ends at a broken block as if there were no more.
        """
        rows = self._db.iter()
        rows.seek_to_first()
        while rows.valid():
            key = rows.key()
            if key != OFFSET_KEY:
                yield key, rows.value()
            rows.next()
        try:
            rows.status()
        except Exception as error:
            raise self._broken(error) from error

    def restored_to(self) -> int:
        """Read the offset that was written with the last rows."""
        found = self.get(OFFSET_KEY)
        return int.from_bytes(found, "big") if found is not None else 0

    def write(self, rows: Mapping[bytes, bytes | None], restored_to: int) -> None:
        """Put or delete rows and the offset in one WriteBatch; raise StoreError where the disk takes no more."""
        batch = WriteBatch(raw_mode=True)
        for key, row in rows.items():
            if row is None:
                batch.delete(key)
            else:
                batch.put(key, row)
        batch.put(OFFSET_KEY, restored_to.to_bytes(8, "big"))
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Close the files; harmless if they are closed."""
        with suppress(DbClosedError):
            self._db.close()

    def _broken(self, error: Exception) -> StoreError:
        """Throw away what is corrupt: the next start would only find it again."""
        if not str(error).startswith(CORRUPT):
            return StoreError(f"{self._path}: {error}; is the disk full?")
        self.close()
        shutil.rmtree(self._path)
        return StoreError(f"{self._path}: {error}; thrown away, the next start reads the changelog")


def _open(path: Path) -> Rdict:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    return Rdict(str(path), options)
