"""Records as the sync publishes them: pure, from a row of REST or a line of a Bulk result to a message.

Value: `{"kind","object","id","deleted","at","why","fields"}`; key: the record's id.  `at` is the instant of the state,
in milliseconds: SystemModstamp, else LastModifiedDate; of a deletion, when it happened.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import orjson

from agents.sources.salesforce.errors import MalformedError

Why: TypeAlias = Literal["backfill", "poll", "refetch", "resync"]
Row: TypeAlias = Mapping[str, Any]
"""REST fields of a record, without `attributes`; `Id` is there and is text."""

NOT_READ = frozenset({"address", "location", "base64", "complexvalue"})
"""Types of fields that we leave out: compound ones repeat their parts, and files are none of our business."""
NUMBERS = frozenset({"double", "currency", "percent"})


@dataclass(frozen=True, slots=True)
class Described:
    """What an object is made of."""

    entity: str
    kinds: Mapping[str, str]
    """{field: type} of the fields to read."""
    replicateable: bool
    """Whether it answers getUpdated and getDeleted."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message of `salesforce-changes`."""

    entity: str
    id: str
    at: int
    why: Why
    fields: Row
    deleted: bool = False

    @property
    def value(self) -> bytes:
        """The message's bytes: the same record in the same state gives the same ones."""
        value = {
            "kind": "record",
            "object": self.entity,
            "id": self.id,
            "deleted": self.deleted,
            "at": self.at,
            "why": self.why,
            "fields": self.fields,
        }
        return orjson.dumps(value)


def from_row(entity: str, row: Row, why: Why) -> Record:
    """Make the record of a row; raise `MalformedError` where it has no instant."""
    at = instant(row.get("SystemModstamp") or row.get("LastModifiedDate"), f"{entity}.SystemModstamp")
    return Record(entity, str(row["Id"]), at, why, row, bool(row.get("IsDeleted")))


def gone(entity: str, record_id: str, at: int, why: Why) -> Record:
    """Make the record of one that is nowhere any more."""
    return Record(entity, record_id, at, why, {}, deleted=True)


def instant(value: Any, where: str) -> int:
    """Read an instant of REST or CSV, milliseconds; raise `MalformedError`."""
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None:
            return round(found.timestamp() * 1000)
    except (TypeError, ValueError):
        pass
    raise MalformedError(f"{where}: expected an instant with an offset")


def rows_of(page: Any, where: str) -> list[dict[str, Any]]:
    """Check a page of a query and return its rows; raise `MalformedError` that names what is wrong with it."""
    if not isinstance(page, dict) or not isinstance(page.get("records"), list):
        raise MalformedError(f"{where}: expected a page with records")
    if not isinstance(page.get("done"), bool) or not (page["done"] or isinstance(page.get("nextRecordsUrl"), str)):
        raise MalformedError(f"{where}: expected `done`, or where the next page is")
    return [_row(record, f"{where}: records[{number}]") for number, record in enumerate(page["records"])]


def _row(record: Any, where: str) -> dict[str, Any]:
    if not isinstance(record, dict) or not isinstance(record.get("Id"), str):
        raise MalformedError(f"{where}: expected an object with an Id")
    return {name: value for name, value in record.items() if name != "attributes"}


def csv_rows(text: str, number: int, described: Described) -> Iterator[dict[str, Any]]:
    """Read a page of a Bulk result, with the types that REST would give; raise `MalformedError` where it is cut short.

    `number`: how many rows the org said that there are.  The fields are those of the first line: the job may be older
    than the description.
    """
    where = f"Bulk result of {described.entity}"
    lines = list(csv.reader(io.StringIO(text)))
    fields = lines[0] if lines else []
    if not {"Id", "SystemModstamp"} <= set(fields):
        raise MalformedError(f"{where}: the first line should name the fields, Id and SystemModstamp among them")
    if len(lines) - 1 != number:
        raise MalformedError(f"{where}: {len(lines) - 1} lines, {number} announced")
    for at, cells in enumerate(lines[1:], 2):
        if len(cells) != len(fields):
            raise MalformedError(f"{where}: line {at} has {len(cells)} cells, expected {len(fields)}")
        yield {
            name: _typed(described.kinds.get(name, "string"), cell, f"{where}: line {at}")
            for name, cell in zip(fields, cells, strict=True)
        }


def _typed(kind: str, cell: str, where: str) -> Any:
    if cell == "":
        return False if kind == "boolean" else None
    try:
        if kind == "int":
            return int(float(cell))
        if kind in NUMBERS:
            return float(cell)
    except ValueError:
        raise MalformedError(f"{where}: expected a number") from None
    if kind == "boolean":
        return cell == "true"
    return cell.removesuffix("Z") + "+0000" if kind == "datetime" and cell.endswith("Z") else cell
