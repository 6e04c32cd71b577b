"""Verify, room 6a.  Texts: what a decision looks like in JSON (docs/semantics.md, parts 5 to 7)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from agents.verify.people import Touch
from agents.verify.rules import Condition, Segment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRIGGERS = uuid5(NAMESPACE_URL, "https://touchline.dev/trigger")


def iso(at: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC with three digits and `Z`."""
    try:
        return (EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return f"{at} ms"


def trigger_id(ask: str, version: int, person: str, entered_at: int) -> str:
    """Id of the trigger of one ask in one episode: the same on any machine, in any replay."""
    return str(uuid5(TRIGGERS, f"{ask}|{version}|{person}|{entered_at}"))


def touch(one: Touch | None) -> dict[str, Any] | None:
    """Turn a touch into that of a document."""
    return None if one is None else {"at": iso(one.at), **one.source}


def conditions(segment: Segment, counts: tuple[int, ...], at: int) -> list[dict[str, Any]]:
    """Make the `conditions` of a `why`: each with its count in `(at - within, at]`."""
    return [_condition(one, count, at) for one, count in zip(segment.conditions, counts, strict=True)]


def _condition(one: Condition, count: int, at: int) -> dict[str, Any]:
    return {
        "event": one.event,
        "within_seconds": one.within_ms // 1000,
        "required": one.required,
        "count": count,
        "counted_from": iso(at - one.within_ms),
        "counted_to": iso(at),
    }


def unlike(expected: dict[str, Any], found: Any) -> str:
    """Name the fields in which a document differs from the expected ones; empty: in none.

    Other fields may be there; null is as good as absent.
    """
    if not isinstance(found, dict):
        return "is no JSON object"
    different = [
        f"{name} is {_short(found.get(name))}, is to be {_short(value)}"
        for name, value in expected.items()
        if found.get(name) != value
    ]
    return "; ".join(different)


def uncounted(document: Any) -> Any:
    """Leave out every `count` of a document, at any depth."""
    if isinstance(document, dict):
        return {name: uncounted(value) for name, value in document.items() if name != "count"}
    return [uncounted(one) for one in document] if isinstance(document, list) else document


def canonical(value: Any, *, ordered: bool = False) -> str:
    """Write compact JSON: two values are equal if their texts are; names sorted unless their order counts."""
    return json.dumps(value, sort_keys=not ordered, ensure_ascii=False, separators=(",", ":"))


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "..."


def parsed(text: str | None) -> Any:
    """Read JSON, or None where it is none."""
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):
        return None


def text_of(value: Any, *path: str) -> str:
    """Give a text in an object; empty where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
