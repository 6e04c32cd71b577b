"""Stores: where a lane keeps its rows between batches - in memory, or in RocksDB for a fast restart."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from rocksdict import Options, Rdict, WriteBatch

OFFSET_KEY = b"\x00offset"
"""Not a row: the changelog offset up to which RocksDB holds the rows."""


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


class RocksStore:
    """Rows on disk.  They are written after their commit, so the store is never ahead of the changelog."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        self._path = path
        self._db = Rdict(str(path), options)

    def get(self, key: bytes) -> bytes | None:
        """Return a row, None where there is none."""
        found: bytes | None = self._db.get(key)
        return found

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all rows."""
        for key, row in self._db.items():
            if key != OFFSET_KEY:
                yield key, row

    def restored_to(self) -> int:
        """Read the offset that was written with the last rows."""
        found = self._db.get(OFFSET_KEY)
        return int.from_bytes(found, "big") if found is not None else 0

    def write(self, rows: Mapping[bytes, bytes | None], restored_to: int) -> None:
        """Put or delete rows and the offset in one WriteBatch."""
        batch = WriteBatch(raw_mode=True)
        for key, row in rows.items():
            if row is None:
                batch.delete(key)
            else:
                batch.put(key, row)
        batch.put(OFFSET_KEY, restored_to.to_bytes(8, "big"))
        self._db.write(batch)

    def close(self) -> None:
        """Close the files."""
        self._db.close()

    def wipe(self) -> "RocksStore":
        """Throw a broken or foreign store away and open an empty one."""
        self._db.close()
        shutil.rmtree(self._path)
        return RocksStore(self._path)
