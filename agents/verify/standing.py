"""Verify, room 5d.  Standing: where decisions by former versions of the rules, which are not known, left people.

In: `segment-changes` and `referral-triggers` as they stand there.  They are taken as given, and count as unchecked.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import duckdb

from agents.verify.people import EVER, Asked, Membership, Standing
from agents.verify.salesforce.values import millis
from agents.verify.texts import parsed, text_of

Written = tuple[int, int, str | None, Any, dict[str, str]]
"""A message: partition, offset, key, value, headers."""
FORMER = "decisions by former versions of the rules"


def written(con: duckdb.DuckDBPyConnection, topic: str) -> list[Written]:
    """Messages of a topic by partition and offset; a value that is no JSON object is an empty one."""
    query = "SELECT p, o, key, value, headers FROM message WHERE topic = ? ORDER BY p, o"
    rows = con.execute(query, [topic]).fetchall()
    values = [(p, o, key, parsed(value), parsed(headers)) for p, o, key, value, headers in rows]
    return [
        (p, o, key, value if isinstance(value, dict) else {}, headers or {}) for p, o, key, value, headers in values
    ]


def version_of_change(value: Any) -> Any:
    """Give the version by which somebody entered or left."""
    return value.get("rule_version")


def version_of_trigger(value: Any) -> Any:
    """Give the version by which somebody was asked."""
    why = value.get("why")
    return why.get("rule_version") if isinstance(why, dict) else None


def standings(
    changes: Iterable[Written], triggers: Iterable[Written], withdrawn: Iterable[Written], version: int,
    since: Callable[[int], int],
) -> dict[str, Standing]:  # fmt: skip
    """Say by person where versions before this one, which decides a partition since then, left them."""
    found: dict[str, Standing] = defaultdict(Standing)
    for _, _, key, value, _ in changes:
        if _is_former(version_of_change(value), version):
            _change(found[key or ""], value)
    taken_back = {
        text_of(value, "trigger_id"): at
        for p, _, _, value, _ in withdrawn
        if (at := millis(text_of(value, "withdrawn_at"))) is not None and at < since(p)
    }
    for _, _, key, value, _ in triggers:
        if _is_former(version_of_trigger(value), version):
            _trigger(found[key or ""], value, taken_back)
    return found


def _is_former(found: Any, version: int) -> bool:
    return type(found) is int and found < version


def _change(one: Standing, value: Any) -> None:
    state = one.segments.setdefault(text_of(value, "segment"), Membership())
    entered_at = millis(text_of(value, "episode", "entered_at"))
    state.entered_at = EVER if entered_at is None else entered_at
    state.member = text_of(value, "change") == "entered"
    if not state.member:
        left_at = millis(text_of(value, "at"))
        state.left_at = EVER if left_at is None else left_at


def _trigger(one: Standing, value: Any, taken_back: dict[str, int]) -> None:
    entered_at = millis(text_of(value, "episode", "entered_at"))
    decided_at = millis(text_of(value, "decided_at"))
    if entered_at is not None and decided_at is not None:
        one.asks[text_of(value, "ask")] = Asked(
            text_of(value, "segment"), entered_at, decided_at, version_of_trigger(value),
            taken_back.get(text_of(value, "trigger_id")),
        )  # fmt: skip
