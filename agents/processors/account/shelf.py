"""Shelf: the rows of one lane as a batch has left them so far, by family, and which belongs to which."""

from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum

from agents.runtime.contract import Rows


class Family(StrEnum):
    """Kinds of rows; a row's key is `<family>/<owner>` or `<family>/<owner>/<child>`, a record's its id."""

    account = "account"
    member = "member"
    opportunity = "opportunity"
    role = "role"
    touches = "touches"
    """What brought the people of an account."""
    domain = "domain"
    address = "address"
    """Who has an address at a domain."""
    reference = "reference"


class Shelf:
    """Rows of a lane; what was put is what is got, committed or not."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._put: dict[bytes, bytes | None] = {}
        """None: deleted."""
        self._children: dict[tuple[str, str], set[str]] = defaultdict(set)
        for key, _ in rows.items():
            self._note(key)

    def get(self, family: Family, owner: str, child: str = "") -> bytes | None:
        """Return a row; None: there is none."""
        return self.record(_key(family, owner, child))

    def drop(self, family: Family, owner: str, child: str) -> None:
        """Delete a row; one that is not there is no more afterwards either."""
        self._put[_key(family, owner, child)] = None
        self._children[(family, owner)].discard(child)

    def put(self, row: bytes, family: Family, owner: str, child: str = "") -> None:
        """Write a row."""
        self.put_record(_key(family, owner, child), row)

    def children(self, family: Family, owner: str) -> list[str]:
        """List the children of an owner that have a row, sorted."""
        return sorted(self._children.get((family, owner), ()))

    def count(self, family: Family, owner: str) -> int:
        """Count the children of an owner that have a row."""
        return len(self._children.get((family, owner), ()))

    def owners(self, family: Family) -> Iterator[str]:
        """Yield who has a row without a child."""
        yield from self._children.get((family, ""), ())

    def record(self, key: bytes) -> bytes | None:
        """Return the row of a record by its id."""
        return self._put[key] if key in self._put else self._rows.get(key)

    def put_record(self, key: bytes, row: bytes) -> None:
        """Write the row of a record."""
        self._put[key] = row
        self._note(key)

    def records(self, prefix: bytes) -> Iterator[bytes]:
        """Yield the committed rows of records whose ids begin so."""
        return (row for key, row in self._rows.items() if key.startswith(prefix) and b"/" not in key)

    def taken(self) -> dict[bytes, bytes | None]:
        """Return what was put, or deleted (None), since the last time."""
        put, self._put = self._put, {}
        return put

    def _note(self, key: bytes) -> None:
        family, slash, rest = key.decode().partition("/")
        if slash:
            owner, _, child = rest.partition("/")
            self._children[(family, owner) if child else (family, "")].add(child or owner)


def _key(family: Family, owner: str, child: str) -> bytes:
    return f"{family}/{owner}/{child}".encode() if child else f"{family}/{owner}".encode()
