"""Bodies: which fields a change event sets, and to what.  The rule: exactly `changedFields` and `nulledFields`."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeGuard

import msgspec

from streams.salesforce.bitmaps import NoSchemaError, Tree, are_bitmaps, names_of, tree_of, tree_of_body
from streams.salesforce.change import Values
from streams.salesforce.fields import ADDRESS_PARTS, NOT_FIELDS, canonical, flat, part_name

ALWAYS_CHANGED: Final = "LastModifiedDate"
"""In the list of every update; so a list without it was decoded wrongly."""
CONNECT_MARKS: Final = ("_ObjectType", "_EventType")
"""Kafka Connect's records have them, and a null for each field that did not change."""


class Lists(msgspec.Struct, frozen=True, gc=False):
    """The three lists of a header: names or bitmaps; None where the header has no list."""

    changed: list[str] | None = None
    nulled: list[str] | None = None
    longer: list[str] | None = None
    """`diffFields`."""


class Body(msgspec.Struct, frozen=True, gc=False):
    """What a change event sets."""

    values: Values = {}
    diffs: dict[str, str] = {}


def whole_body(fields: Values) -> Body:
    """Read the body of a record that is created or comes back: every field that has a value."""
    return Body({name: canonical(name, value) for name, value in _flat(fields) if value is not None})


def changed_body(fields: Values, lists: Lists, schema: Any) -> Body:
    """Read the body of an update.

    | changedFields | sets                                                                              |
    |---------------|-----------------------------------------------------------------------------------|
    | a list        | what it and the other lists name; other fields are enrichment, not history        |
    | none          | what the body has, null where it is null; in Kafka Connect's only what has a value |

    NoSchemaError: the lists are bitmaps, and nothing tells what they mean.
    """
    lists, tree = _decoded(fields, lists, schema)
    diffs = dict(_diffs(fields, lists))
    if lists.changed is None:
        keep_nulls = not any(mark in fields for mark in CONNECT_MARKS)
        found = [(name, value) for name, value in _flat(fields) if keep_nulls or value is not None]
    else:
        found = list(_listed(fields, lists.changed, tree))
    values = {name: canonical(name, value) for name, value in found if name not in diffs}
    for name in _fields_of(lists.nulled or ()):
        values |= dict.fromkeys(_cleared(name, None, tree))
    return Body(values, diffs)


def _flat(fields: Values) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if name not in NOT_FIELDS and not _is_diff(value):
            yield from flat(name, value)


def _fields_of(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if name.partition(".")[0] not in NOT_FIELDS)


def _listed(fields: Values, names: list[str], tree: Tree) -> Iterator[tuple[str, Any]]:
    for name in _fields_of(names):
        compound, _, part = name.partition(".")
        value = fields.get(compound)
        if part:
            yield part_name(compound, part), value.get(part) if isinstance(value, dict) else None
        elif _is_diff(value):
            continue
        elif value is None or isinstance(value, dict):
            yield from _whole(name, value, tree)
        else:
            yield name, value


def _whole(name: str, value: dict[str, Any] | None, tree: Tree) -> Iterator[tuple[str, Any]]:
    """Yield what a field says that is named as a whole: of a compound the parts with a value; if none has, all go."""
    said = [(part_name(name, part), inner) for part, inner in (value or {}).items() if inner is not None]
    yield from said or dict.fromkeys(_cleared(name, value, tree)).items()


def _cleared(name: str, value: dict[str, Any] | None, tree: Tree) -> list[str]:
    """Name what is empty when `name` is: the field, or each part of the compound."""
    compound, _, part = name.partition(".")
    if part:
        return [part_name(compound, part)]
    parts = value or tree.get(name) or (ADDRESS_PARTS if name.endswith("Address") else ())
    return [part_name(name, part) for part in parts] or [name]


def _diffs(fields: Values, lists: Lists) -> Iterator[tuple[str, str]]:
    """Yield what comes as a diff: fields of `diffFields`; from CometD, changed fields with an object of that only."""
    longer = lists.longer or []
    for name in _fields_of(longer + (list(fields) if lists.changed is None else lists.changed)):
        value = fields.get(name)
        if _is_diff(value):
            yield name, _text(value["diff"])
        elif name in longer:
            yield name, _text(value)


def _text(value: Any) -> str:
    """Take a diff that is no text for one that fits nothing."""
    return value if isinstance(value, str) else ""


def _is_diff(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and value.keys() == {"diff"}


def _decoded(fields: Values, lists: Lists, schema: Any) -> tuple[Lists, Tree]:
    given = (lists.changed, lists.nulled, lists.longer)
    if not any(are_bitmaps(one) for one in given if one):
        return lists, {}
    tree = tree_of(schema)
    used = tree or tree_of_body(fields)
    if used is None:
        msg = "neither an Avro schema in the message nor a body in its order"
        raise NoSchemaError(msg)
    decoded = Lists(*(one if one is None else names_of(one, used) for one in given))
    if tree is None and ALWAYS_CHANGED not in (decoded.changed or ()):
        msg = f"in the order of the body they leave out {ALWAYS_CHANGED}: that is not the schema's"
        raise NoSchemaError(msg)
    return decoded, used
