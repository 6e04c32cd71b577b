"""Verify, Salesforce.  Updates: which values and diffs a change event sets (docs/salesforce.md, part 1)."""

from typing import Any

from agents.verify.salesforce.bitmaps import Schema, bitmap, decoded, of_body, writers
from agents.verify.salesforce.body import ADDRESS_PARTS, NO_FIELDS, Body, Json, RefusedError, fields, parts, rest_name
from agents.verify.salesforce.values import normal


def content(kind: str, body: Body) -> tuple[Json, dict[str, str]]:
    """Values and diffs of a change of one record."""
    if kind == "update":
        return _updated(body)
    if kind not in ("create", "undelete", "snapshot"):
        return {}, {}
    whole = {name: value for name, value in fields(body.fields) if _diff(value) is None}
    return normalised(
        {n: v for name, value in whole.items() for n, v in parts(name, value).items() if v is not None}
    ), {}


def _updated(body: Body) -> tuple[Json, dict[str, str]]:
    header, schema = body.fields["ChangeEventHeader"], None
    lists = [header.get(name) for name in ("changedFields", "nulledFields", "diffFields")]
    if any(bitmap(entry) for found in lists for entry in found or []):
        schema = writers(body.schema)
        names = [None if one is None else decoded(one, schema or of_body(body.fields)) for one in lists]
        if schema is None and "LastModifiedDate" not in (names[0] or []):
            raise RefusedError("no-schema")
        lists = names
    changed, nulled, differing = lists
    differing = [name for name in differing or [] if _base(name) not in NO_FIELDS]
    diffs = {name: _text(body.fields.get(name)) for name in differing}
    values = _changed(body.fields, changed, schema, diffs)
    values = {name: value for name, value in values.items() if name not in diffs}
    for name in nulled or []:
        if _base(name) not in NO_FIELDS:
            values |= _cleared(name, None, schema)
    return normalised(values), diffs


def _changed(body: Json, changed: list[str] | None, schema: Schema | None, diffs: dict[str, str]) -> Json:
    """Values that the list of changes sets; an object with a diff goes into `diffs`."""
    values: Json = {}
    names = [name for name, _ in fields(body)] if changed is None else changed
    for name in names:
        diff = _diff(body.get(name))
        if _base(name) in NO_FIELDS:
            continue
        if diff is not None:
            diffs[name] = diff
        elif changed is not None:
            values |= _listed(name, body, schema)
        else:
            values |= parts(name, body[name])
    sparse = changed is None and ("_ObjectType" in body or "_EventType" in body)
    return {name: value for name, value in values.items() if value is not None} if sparse else values


def _listed(name: str, body: Json, schema: Schema | None) -> Json:
    outer, dot, part = name.partition(".")
    value = body.get(outer)
    if dot:
        return {rest_name(outer, part): value.get(part) if isinstance(value, dict) else None}
    if value is None or (isinstance(value, dict) and all(one is None for one in value.values())):
        return _cleared(name, value, schema)
    return {n: one for n, one in parts(name, value).items() if one is not None}


def _cleared(name: str, value: Json | None, schema: Schema | None) -> Json:
    outer, dot, part = name.partition(".")
    if dot:
        return {rest_name(outer, part): None}
    known = next((found for one, found in schema or [] if one == name), [])
    default = ADDRESS_PARTS if name.endswith("Address") else ()
    names = list(value or ()) or known or default
    return {rest_name(name, one): None for one in names} if names else {name: None}


def _base(name: str) -> str:
    return name.partition(".")[0]


def _diff(value: Any) -> str | None:
    """Read an object that has nothing but a diff; None: it is none."""
    if not isinstance(value, dict) or list(value) != ["diff"]:
        return None
    return value["diff"] if isinstance(value["diff"], str) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _diff(value) or ""


def normalised(values: Json) -> Json:
    """Give all values their one form."""
    return {name: normal(name, value) for name, value in values.items()}
