"""Verify, room 6e.  Outputs: every segment change and trigger, no more and no fewer (semantics, parts 5 and 6)."""

# ruff: noqa: S608 - only constants and numbers of this package are put into SQL

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import duckdb

from agents.verify import touches
from agents.verify.accounts.people import accounts_then
from agents.verify.heavy import BLURRED, Heavy
from agents.verify.person import Change, Decision
from agents.verify.report import Check
from agents.verify.rules import Ask, Rules
from agents.verify.texts import conditions, iso, parsed, touch, trigger_id, uncounted, unlike
from agents.verify.world import REFERRAL_TRIGGERS, SEGMENT_CHANGES

CE_TYPE = "touchline.referral.trigger.v1"

Written = tuple[int, int, str | None, Any, dict[str, str]]
"""A message: partition, offset, key, value, headers."""


def written(con: duckdb.DuckDBPyConnection, topic: str) -> list[Written]:
    """Messages of a topic by partition and offset; a value that is no JSON object is an empty one."""
    query = "SELECT p, o, key, value, headers FROM message WHERE topic = ? ORDER BY p, o"
    rows = con.execute(query, [topic]).fetchall()
    values = [(p, o, key, parsed(value), parsed(headers)) for p, o, key, value, headers in rows]
    return [
        (p, o, key, value if isinstance(value, dict) else {}, headers or {}) for p, o, key, value, headers in values
    ]


def versions_mixed(changes: list[Written], triggers: list[Written], rules: Rules) -> bool:
    """Say whether the log holds decisions of an earlier version of the rules: older ones first, then those of the file.

    A version after the file's, or an older one after the file's, is no change of rules: it is a difference of its
        record.
    """
    by_partition: dict[tuple[str, int], list[int]] = defaultdict(list)
    for topic, rows in ((SEGMENT_CHANGES, changes), (REFERRAL_TRIGGERS, triggers)):
        for p, _, _, value, _ in rows:
            version = (
                value.get("rule_version") if topic == SEGMENT_CHANGES else (value.get("why") or {}).get("rule_version")
            )
            by_partition[(topic, p)].append(version if isinstance(version, int) else -1)
    if any(one != sorted(one) or one[-1] > rules.version or one[0] < 1 for one in by_partition.values()):
        return False
    return any(one[0] < rules.version for one in by_partition.values())


def check_changes(rules: Rules, heavy: Heavy, expected: list[Change], found_there: list[Written], mixed: bool) -> Check:
    """Compare `segment-changes`: each change with its values, and the order for each person and segment."""
    check = Check("segment changes")
    if mixed:
        check.skip(len(found_there), "decisions of several versions of the rules")
        return check
    expected = [one for one in expected if (one.p, one.person) not in heavy.blurred]
    found_there = clear(check, heavy, found_there)
    wanted = _queues((change.person, change.segment, _word(change), iso(change.at)) for change in expected)
    for place, change in enumerate(expected):
        wanted[(change.person, change.segment, _word(change), iso(change.at))].append(place)
    turns: dict[tuple[int, str, str], int] = {}
    for p, o, key, value, _ in found_there:
        check.compared += 1
        where = f"{SEGMENT_CHANGES}/{p}/{o}"
        places = wanted.get((value.get("person"), value.get("segment"), value.get("change"), value.get("at")))
        if not places:
            check.differs(
                where,
                key,
                f"{value.get('change')} {value.get('segment')} at {value.get('at')} is not to be, or doubled",
            )
            continue
        change = expected[place := places.pop(0)]
        if text := _unlike(heavy, change, change_document(rules, change), value):
            check.differs(where, key, text)
        if key != change.person:
            check.differs(where, key, "the key is not the person")
        if turns.get(turn := (p, change.person, change.segment), -1) > place:
            check.differs(where, key, f"{_word(change)} at {iso(change.at)} comes after a later change")
        turns[turn] = max(place, turns.get(turn, -1))
    for change in (expected[place] for places in wanted.values() for place in places):
        check.compared += 1
        text = f"{_word(change)} {change.segment} at {iso(change.at)} is missing"
        check.differs(f"user-events/{change.p}/{change.position}", change.person, text)
    return check


def clear(check: Check, heavy: Heavy, rows: list[Written]) -> list[Written]:
    """Leave out what people wrote of whom segments cannot be recomputed."""
    clear = [row for row in rows if (row[0], row[2]) not in heavy.blurred]
    check.skip(len(rows) - len(clear), BLURRED)
    return clear


def _unlike(heavy: Heavy, change: Change, expected: dict[str, Any], found: Any) -> str:
    if (change.p, change.person) in heavy.counted:
        return unlike(uncounted(expected), uncounted(found))
    return unlike(expected, found)


def _queues(keys: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], list[int]]:
    return {key: [] for key in keys}


def _word(change: Change) -> str:
    return "entered" if change.entered else "left"


def change_document(rules: Rules, change: Change) -> dict[str, Any]:
    """Value of a segment change."""
    segment = next(one for one in rules.segments if one.name == change.segment)
    counted_at = change.announced_at if change.entered else change.at
    return {
        "person": change.person,
        "user_id": change.person.removeprefix("user:"),
        "segment": change.segment,
        "change": _word(change),
        "at": iso(change.at),
        "announced_at": iso(change.announced_at),
        "episode": {"entered_at": iso(change.entered_at)},
        "rule_version": rules.version,
        "why": {"conditions": conditions(segment, change.counts, counted_at)},
    }


def check_triggers(
    con: duckdb.DuckDBPyConnection,
    rules: Rules,
    heavy: Heavy,
    decisions: list[Decision],
    found_there: list[Written],
    mixed: bool,
) -> Check:
    """Compare `referral-triggers`: ids, values and CloudEvents headers; each exactly once."""
    check = Check("triggers")
    if mixed:
        check.skip(len(found_there), "decisions of several versions of the rules")
        return check
    asked = [one for one in decisions if one.asked and (one.change.p, one.change.person) not in heavy.blurred]
    found_there = clear(check, heavy, found_there)
    rows = moments(con, asked)
    wanted: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(asked):
        wanted[trigger_id(one.ask, rules.version, one.change.person, one.change.entered_at)].append(place)
    for message in found_there:
        p, o, key, value, _ = message
        check.compared += 1
        where, places = f"{REFERRAL_TRIGGERS}/{p}/{o}", wanted.get(str(value.get("trigger_id")))
        if not places:
            check.differs(where, key, f"trigger {value.get('trigger_id')} is not to be, or doubled")
            continue
        place = places.pop(0)
        for text in _differences(rules, heavy, asked[place], rows[place], message):
            check.differs(where, key, text)
    for trigger, place in ((trigger, place) for trigger, places in wanted.items() for place in places):
        check.compared += 1
        change = asked[place].change
        where = f"user-events/{change.p}/{change.position}"
        check.differs(where, change.person, f"trigger {trigger} of {asked[place].ask} is missing")
    return check


def moments(con: duckdb.DuckDBPyConnection, asked: list[Decision]) -> list[tuple[Any, ...]]:
    """First and last touch, email, name and account of each decision's person right after it, in the order given."""
    con.execute("CREATE OR REPLACE TABLE snapshot (id BIGINT, p INTEGER, row VARCHAR, o BIGINT)")
    rows = [(place, one.change.p, one.change.person, one.change.position) for place, one in enumerate(asked)]
    for start in range(0, len(rows), 1000):
        part = rows[start : start + 1000]
        con.execute(
            f"INSERT INTO snapshot VALUES {', '.join('(?, ?, ?, ?)' for _ in part)}",
            [value for row in part for value in row],
        )
    touches.take(con)
    touched = con.execute("SELECT first, last, email, name FROM touched ORDER BY id").fetchall()
    accounts = accounts_then(con, [((p, person), o) for _, p, person, o in rows])
    return [(*row, account) for row, account in zip(touched, accounts, strict=True)]


def _differences(rules: Rules, heavy: Heavy, decision: Decision, row: tuple[Any, ...], message: Written) -> list[str]:
    _, _, key, value, headers = message
    change, document = decision.change, trigger_document(rules, decision, row)
    why = value.get("why") or {}
    gates = [(gate.get("gate"), gate.get("passed")) for gate in why.get("gates") or []]
    texts = [
        unlike(document, value),
        _unlike(heavy, change, trigger_why(rules, decision), why),
        "" if gates == [("in_segment", True), ("cooldown", True)] else f"gates are {gates}",
        "" if key == change.person else "the key is not the person",
        *ask_headers(CE_TYPE, document["trigger_id"], change.person, document["decided_at"], headers),
    ]
    return [text for text in texts if text]


def trigger_document(rules: Rules, decision: Decision, row: tuple[Any, ...]) -> dict[str, Any]:
    """Value of a trigger, all but its `why`."""
    change, ask = decision.change, ask_of(rules, decision)
    first, last, email, name, account = row
    person = {"key": change.person, "user_id": change.person.removeprefix("user:"), "email": email, "name": name}
    return {
        "trigger_id": trigger_id(ask.name, rules.version, change.person, change.entered_at),
        "person": person,
        "ask": ask.name,
        "type": ask.type,
        "channel": ask.channel,
        "incentive": ask.incentive,
        "variant": None,
        "segment": change.segment,
        "episode": {"entered_at": iso(change.entered_at)},
        "decided_at": iso(change.announced_at),
        "first_touch": touch(first),
        "last_touch": touch(last),
        "account": account and {field: account[field] for field in ("id", "name") if field in account},
        "owner": account and account.get("owner"),
    }


def trigger_why(rules: Rules, decision: Decision) -> dict[str, Any]:
    """`why` of a trigger, all but its gates."""
    change = decision.change
    segment = next(one for one in rules.segments if one.name == change.segment)
    return {"rule_version": rules.version, "conditions": conditions(segment, change.counts, change.announced_at)}


def ask_headers(ce_type: str, trigger: str, person: str, at: str, found: dict[str, str]) -> list[str]:
    """Say in what the CloudEvents headers of a trigger, or of its withdrawal, differ from what they have to be."""
    named = {"ce_specversion": "1.0", "ce_id": trigger, "ce_type": ce_type, "ce_subject": person, "ce_time": at}
    return [
        unlike(named, found),
        "" if found.get("ce_source") else "no header ce_source",
        "" if found.get("content-type", "").startswith("application/json") else "header content-type is not JSON's",
    ]


def ask_of(rules: Rules, decision: Decision) -> Ask:
    """Find the ask of a decision."""
    return next(one for one in rules.asks if one.name == decision.ask)
