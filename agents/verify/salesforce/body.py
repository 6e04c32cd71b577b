"""Verify, Salesforce.  Body: the bytes of a message, and where in its JSON the change stands."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents.verify.load import depth_of

LARGEST = 1 << 20
DEEPEST = 64
WRAPPERS = ("payload", "event", "data")
UNWRAPPED = 3
NO_FIELDS = frozenset(
    [
        "ChangeEventHeader",
        "Id",
        "IsDeleted",
        "ReplayId",
        "_EventType",
        "_ObjectType",
        "attributes",
        "channel",
        "replayId",
        "schema",
        "schemaId",
    ]
)
ADDRESS_PARTS = (
    "Street", "City", "State", "StateCode", "PostalCode", "Country", "CountryCode", "Latitude", "Longitude",
    "GeocodeAccuracy",
)  # fmt: skip

Json = dict[str, Any]


class RefusedError(Exception):
    """The message has to be rejected; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Body:
    """The object that tells the change, and the schema that came with it."""

    fields: Json
    schema: Any


def document(data: bytes | None) -> Json:
    """Read a message's bytes; raise RefusedError."""
    if not data:
        raise RefusedError("empty")
    if len(data) > LARGEST:
        raise RefusedError("too-large")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise RefusedError("not-utf8") from error
    if depth_of(data) > DEEPEST:
        raise RefusedError("too-deep")
    try:
        found = json.loads(text, parse_constant=_no_number, parse_int=_integer)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate is no text
    except (ValueError, RecursionError) as error:
        raise RefusedError("not-json") from error
    if not isinstance(found, dict):
        raise RefusedError("wrong-type")
    return found


def _no_number(constant: str) -> None:
    raise ValueError(constant)


def _integer(digits: str) -> int | float:
    value = int(digits) if len(digits) < 25 else float(digits)
    return value if -(1 << 63) <= value < 1 << 64 else float(value)


def find(outer: Json) -> Body:
    """Unwrap the body; the innermost schema counts."""
    body, schema = outer, outer.get("schema")
    for _ in range(UNWRAPPED):
        inner = next((body[name] for name in WRAPPERS if isinstance(body.get(name), dict)), None)
        if "ChangeEventHeader" in body or "_ObjectType" in body or inner is None:
            break
        body, schema = inner, inner.get("schema", schema)
    return Body(body, schema)


def fields(body: Json) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a body."""
    return ((name, value) for name, value in body.items() if name not in NO_FIELDS)


def rest_name(name: str, part: str) -> str:
    """Name the part of a compound as REST does."""
    if name == "Name":
        return part
    if name.endswith("Address"):
        return name.removesuffix("Address") + part
    return f"{name.removesuffix('__c')}__{part}__s" if name.endswith("__c") else f"{name}.{part}"


def parts(name: str, value: Any) -> Json:
    """Give the parts of a field by their REST names."""
    if isinstance(value, dict):
        return {rest_name(name, part): inner for part, inner in value.items()}
    if value is None and name.endswith("Address"):
        return {rest_name(name, part): None for part in ADDRESS_PARTS}
    return {name: value}
