"""The job in Python, for Faust and Quix Streams: decode one event, fold it into the row of its person.  Pure.

A row is a plain dict, as both keep rows as JSON:
`{"first", "last": [campaign, at] or None, "day": latest day, "days": {day: [reports, shares, others]}, "member": bool,
"asked_at": ms or None}`.  The Kafka Streams peer does the same in Java (`kafka-streams/src/main/java/bench`).
"""

from datetime import datetime
from typing import Any

DAY_MS = 86_400_000
WINDOW_DAYS = 30
MORE_THAN_REPORTS = 20
COOLDOWN_MS = 90 * DAY_MS
COLUMNS = {"Report Viewed": 0, "Dashboard Shared": 1}
OTHERS = 2


def normalised(segment: dict[str, Any]) -> dict[str, Any]:
    """Keep what the job needs of a Segment event."""
    kind = segment["type"]
    event = {
        "user_id": segment["userId"],
        "message_id": segment["messageId"],
        "name": segment["event"] if kind == "track" else f"${kind}",
        "at": int(datetime.fromisoformat(segment["timestamp"]).timestamp() * 1000),
    }
    campaign = segment["context"].get("campaign")
    if campaign is not None:
        event["campaign"] = campaign["name"]
    return event


def new_row() -> dict[str, Any]:
    """Return the row of somebody who is not known yet."""
    return {"first": None, "last": None, "day": 0, "days": {}, "member": False, "asked_at": None}


def fold(row: dict[str, Any], event: dict[str, Any]) -> dict[str, Any] | None:
    """Fold an event into a row, in place; return a trigger if the person became a member and is to be asked."""
    at = event["at"]
    campaign = event.get("campaign")
    if campaign is not None:
        _touch(row, campaign, at)
    _count(row, event["name"], at)
    reports = sum(counts[0] for counts in row["days"].values())
    shares = sum(counts[1] for counts in row["days"].values())
    inside = reports > MORE_THAN_REPORTS and shares >= 1
    entered, row["member"] = inside and not row["member"], inside
    if not entered or (row["asked_at"] is not None and at < row["asked_at"] + COOLDOWN_MS):
        return None
    row["asked_at"] = at
    return {
        "user_id": event["user_id"],
        "at": at,
        "reports": reports,
        "shares": shares,
        "first_touch": row["first"],
        "last_touch": row["last"],
    }


def _touch(row: dict[str, Any], campaign: str, at: int) -> None:
    if row["first"] is None or at < row["first"][1]:
        row["first"] = [campaign, at]
    if row["last"] is None or at >= row["last"][1]:
        row["last"] = [campaign, at]


def _count(row: dict[str, Any], name: str, at: int) -> None:
    day, days = at // DAY_MS, row["days"]
    if day > row["day"]:
        row["day"] = day
        for old in [known for known in days if int(known) <= day - WINDOW_DAYS]:
            del days[old]
    if day > row["day"] - WINDOW_DAYS:
        counts = days.setdefault(str(day), [0, 0, 0])
        counts[COLUMNS.get(name, OTHERS)] += 1
