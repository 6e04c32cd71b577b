"""Verify, room 5d.  Parts: what was told of an alias and is in its part at a row (semantics, part 2).

Facts of a record, the states of accounts: they come as records, are forwarded, and go along with the part.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import duckdb

Row = tuple[int, str]
"""Partition and row."""

Place = tuple[int, str, str]
"""Partition, row, alias: an alias's part at a row."""

STAYS = """SELECT p, row, alias, o, until, lp, lo, home FROM stay LEFT JOIN origin USING (p, o)
    WHERE starts_with(alias, 'sf:') OR starts_with(alias, 'email:') ORDER BY o"""

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Stay:
    """A part that a row held in `[o, until)`, and where it was packed, if a part's record brought it."""

    o: int
    until: int
    packed: tuple[int, int, str] | None
    """Partition, offset and row."""


@dataclass(slots=True)
class Parts(Generic[Told]):
    """What each part had when."""

    stays: dict[Place, list[Stay]]
    told: dict[Place, list[tuple[int, Told]]] = field(default_factory=lambda: defaultdict(list))
    """(offset, what) that came to a row as records."""

    def at(self, place: Place, o: int) -> list[Told]:
        """Give all that an alias's part at a row was ever told, right after the record at that offset."""
        _, row, alias = place
        if row == alias:
            return [one for at, one in self.told.get(place, ()) if at <= o]
        stay = next((one for one in self.stays.get(place, ()) if one.o <= o < one.until), None)
        if stay is None:
            return []
        came = [one for at, one in self.told.get(place, ()) if stay.o <= at <= o]
        if stay.packed is not None:
            packed_p, packed_o, packed_row = stay.packed
            # At home what packed the part may be facts, which are in it; elsewhere what packed it was a link.
            came += self.at((packed_p, packed_row, alias), packed_o if packed_row == alias else packed_o - 1)
        return came

    def by_row(self) -> dict[Row, list[Place]]:
        """Give the parts in which there may be something, by the row that has or had them."""
        found: dict[Row, list[Place]] = defaultdict(list)
        for place in {*self.told, *self.stays}:
            found[place[:2]].append(place)
        return found


def stays(con: duckdb.DuckDBPyConnection) -> dict[Place, list[Stay]]:
    """Read which row held which part of a record or an address when; needs the tables of `ties.prepare`."""
    found: dict[Place, list[Stay]] = defaultdict(list)
    for p, row, alias, o, until, packed_p, packed_o, home in con.execute(STAYS).fetchall():
        found[(p, row, alias)].append(Stay(o, until, (packed_p, packed_o, home) if home is not None else None))
    return found
