"""Verify, room 5a.  Progress: up to which instant each partition is decided, and by which rules since when.

In: `progress`, the latest value of each lane.  Out: `Progress`, and a check of the form of all that is said.
"""

from dataclasses import dataclass, field
from typing import Any

import duckdb

from agents.verify.people import EVER
from agents.verify.report import Check
from agents.verify.texts import parsed
from agents.verify.world import PROGRESS, USER_EVENTS, WEB_EVENTS

SAID = f"""SELECT p, o, key, value FROM message WHERE topic = '{PROGRESS}' AND value IS NOT NULL
    ORDER BY p, o"""  # noqa: S608 - constants of this package
OF_SENT = "/sent"
"""How the key of a message ends that says what a lane has sent, not how far it is."""
UNDECIDED = "partitions of which nothing says up to when they are decided: nothing is demanded of them"


@dataclass(slots=True)
class Progress:
    """What the lanes of `user-events` say, by partition."""

    decided: dict[int, int] = field(default_factory=dict)
    """Up to and with which instant all decisions are made and published; absent: nothing says so."""
    versions: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """(version of the rules, since when), rising."""

    def until(self, partition: int) -> int:
        """Give the instant up to and with which a partition is decided."""
        return self.decided.get(partition, EVER)


def read(con: duckdb.DuckDBPyConnection, partitions: int) -> tuple[Progress, Check]:
    """Read it all; a value that is none is a difference.  All that is said stays true, so the farthest counts."""
    found, check = Progress(), Check("progress")
    for p, o, key, value in con.execute(SAID).fetchall():
        check.compared += 1
        document = parsed(value)
        lane = (key or "").removesuffix(OF_SENT)
        if wrong := _wrong(document, lane, partitions, tells_sent=lane != key):
            check.differs(f"{PROGRESS}/{p}/{o}", key, wrong)
            continue
        topic, _, number = lane.partition("/")
        if topic == USER_EVENTS and lane == key:
            found.decided[int(number)] = max(document["done"][-1], found.until(int(number)))
            versions = [(version, since) for version, since in document.get("rules") or []]
            found.versions[int(number)] = max(versions, found.versions.get(int(number), []), key=len)
    check.skip(partitions - len(found.decided), UNDECIDED)
    return found, check


def _wrong(document: Any, lane: str, partitions: int, *, tells_sent: bool) -> str:
    lanes = {f"{topic}/{p}" for topic in (WEB_EVENTS, USER_EVENTS) for p in range(partitions)}
    if lane not in lanes or not isinstance(document, dict) or document.get("lane") != lane:
        return "is of no lane, or not of that of its key"
    return _wrong_sent(document, partitions) if tells_sent else _wrong_done(document)


def _wrong_sent(document: dict[str, Any], partitions: int) -> str:
    below = document.get("below")
    columns = [document.get("ends"), *(below.values() if isinstance(below, dict) else [None])]
    whole = all(_is_list(column, int) and len(column) == partitions for column in columns)
    return "" if whole else "does not say for each partition what the lane has sent"


def _wrong_done(document: dict[str, Any]) -> str:
    if not _is_list(document.get("done"), int) or not document["done"]:
        return "does not say how far the lane is"
    rules = document.get("rules") or []
    if not _is_list(rules, list) or not all(_is_list(one, int) and len(one) == 2 for one in rules):
        return "rules are not [version, since]"
    if [since for _, since in rules] != sorted(since for _, since in rules):
        return "rules do not stand in the order of their instants"
    return ""


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(one) is kind for one in value)
