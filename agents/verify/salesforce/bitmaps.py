"""Verify, Salesforce.  Bitmaps: which fields the bits of an entry name (docs/salesforce.md, part 1)."""

import re
from collections.abc import Iterator
from typing import Any

from agents.verify.salesforce.body import Json, RefusedError
from agents.verify.texts import parsed

ENTRY = re.compile(r"(?:(\d+)-)?0x([0-9A-Fa-f]+)", re.ASCII)

Schema = list[tuple[str, list[str]]]
"""Fields in their order, each with its parts."""


def bitmap(entry: str) -> bool:
    """Say whether an entry of a list is a bitmap."""
    return ENTRY.fullmatch(entry) is not None


def writers(schema: Any) -> Schema | None:
    """Read an Avro schema; None where it is none of a change event."""
    record = parsed(schema) if isinstance(schema, str) else schema
    if not isinstance(record, dict) or record.get("type") != "record" or not isinstance(record.get("fields"), list):
        return None
    named: dict[str, list[str]] = {}
    try:
        found = [(field["name"], _parts(field.get("type"), named)) for field in record["fields"]]
    except (TypeError, KeyError, AttributeError):
        return None
    return found if any(name == "ChangeEventHeader" for name, _ in found) else None


def _parts(kind: Any, named: dict[str, list[str]]) -> list[str]:
    if isinstance(kind, list):
        return next((found for found in (_parts(one, named) for one in kind) if found), [])
    if isinstance(kind, str):
        return named.get(kind.rpartition(".")[2], [])
    if isinstance(kind, dict) and kind.get("type") == "record":
        found = [one["name"] for one in kind.get("fields", [])]
        for one in kind.get("fields", []):
            _parts(one.get("type"), named)
        named[str(kind.get("name")).rpartition(".")[2]] = found
        return found
    return _parts(kind["type"], named) if isinstance(kind, dict) and isinstance(kind.get("type"), dict | list) else []


def of_body(body: Json) -> Schema | None:
    """Take the body's own names, if it begins with its header."""
    if next(iter(body), None) != "ChangeEventHeader":
        return None
    return [(name, list(value) if isinstance(value, dict) else []) for name, value in body.items()]


def decoded(entries: list[str], schema: Schema | None) -> list[str]:
    """Replace bitmaps by names; raise RefusedError (`no-schema`) where a bit names nothing."""
    return [name for entry in entries for name in (_named(entry, schema) if bitmap(entry) else [entry])]


def _named(entry: str, schema: Schema | None) -> Iterator[str]:
    found = ENTRY.fullmatch(entry)
    if found is None or schema is None:
        raise RefusedError("no-schema")
    bits = int(found[2], 16)
    names = [name for name, _ in schema]
    if found[1] is not None:
        place = int(found[1])
        names = [f"{names[place]}.{part}" for part in schema[place][1]] if place < len(schema) else []
    if bits >> len(names):
        raise RefusedError("no-schema")
    return (name for bit, name in enumerate(names) if bits >> bit & 1)
