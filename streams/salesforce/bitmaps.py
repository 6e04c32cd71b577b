"""Bitmaps: the lists of a change event's header, from hex back to field names."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson

Tree: TypeAlias = dict[str, tuple[str, ...]]
"""{field: parts of a compound, else empty}, in the order of the schema that the writer used; bit 0 is the first."""
HEADER: Final = "ChangeEventHeader"

_is_bitmap = re.compile(r"(?:(\d{1,6})-)?0[xX]([0-9A-Fa-f]*)", re.ASCII).fullmatch


class NoSchemaError(ValueError):
    """These bitmaps say nothing without another schema; the message says why."""


def are_bitmaps(listed: list[str]) -> bool:
    """Say whether a list holds bitmaps and not names."""
    return any(_is_bitmap(one) for one in listed)


def names_of(listed: list[str], tree: Tree) -> list[str]:
    """Decode the bitmaps of one list; names among them stay as they are.

    `0x400080`: fields 7 and 22; `4-0x01`: part 0 of the compound that is field 4, named `Compound.Part`.  The bit of a
    compound itself means the whole of it.  NoSchemaError: a bit has no field.
    """
    names: list[str] = []
    for one in listed:
        match = _is_bitmap(one)
        if match is None:
            names.append(one)
        elif match[1] is None:
            fields = tuple(tree)
            names += [fields[bit] for bit in _bits(match[2], len(fields))]
        else:
            names += _parts(int(match[1]), match[2], tree)
    return names


def _parts(position: int, digits: str, tree: Tree) -> list[str]:
    if position >= len(tree):
        msg = f"there is no field {position}"
        raise NoSchemaError(msg)
    field, parts = list(tree.items())[position]
    return [f"{field}.{parts[bit]}" for bit in _bits(digits, len(parts))]


def _bits(digits: str, fields: int) -> Iterator[int]:
    bitmap = int(digits or "0", 16)
    if bitmap >> fields:
        msg = f"bit {bitmap.bit_length() - 1} has no field: the schema has {fields}"
        raise NoSchemaError(msg)
    return (bit for bit in range(bitmap.bit_length()) if bitmap >> bit & 1)


def tree_of(schema: Any) -> Tree | None:
    """Read an Avro schema, as an object or as text; None: it is none (CometD gives an id, Kafka Connect a struct)."""
    if isinstance(schema, str):
        return _tree_of_text(schema)
    return _tree(schema)


@lru_cache(maxsize=256)
def _tree_of_text(text: str) -> Tree | None:
    try:
        return _tree(orjson.loads(text)) if text.startswith("{") else None
    except orjson.JSONDecodeError:
        return None


def _tree(schema: Any) -> Tree | None:
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return None
    named: Tree = {}
    tree = {name: _parts_of(kind, named) for name, kind in _fields(schema)}
    return tree if HEADER in tree else None


def _fields(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    given = record.get("fields")
    for field in given if isinstance(given, list) else ():
        if isinstance(field, dict) and isinstance(name := field.get("name"), str):
            yield name, field.get("type")


def _parts_of(kind: Any, named: Tree) -> tuple[str, ...]:
    """List the parts of a field's type; `named` are the records seen so far, to which later fields refer by name."""
    if isinstance(kind, list):
        return next((parts for one in kind if (parts := _parts_of(one, named))), ())
    if isinstance(kind, str):
        return named.get(kind.rpartition(".")[2], ())
    if not isinstance(kind, dict):
        return ()
    if kind.get("type") != "record":
        return _parts_of(kind.get("type"), named)
    return named.setdefault(str(kind.get("name")).rpartition(".")[2], tuple(name for name, _ in _fields(kind)))


def tree_of_body(body: dict[str, Any]) -> Tree | None:
    """Take the order of a body's own keys for the schema's: decoded Pub/Sub events hold every field in that order.

    None where the header is not first.  Whoever decodes with it checks that the outcome makes sense.
    """
    if next(iter(body)) != HEADER:
        return None
    return {name: tuple(value) if isinstance(value, dict) else () for name, value in body.items()}
