"""One line of `touchline triggers`."""

import json
import subprocess
import sys

import pytest

from agents.query.triggers import line
from agents.query.words import duration

TRIGGER = {
    "trigger_id": "6f1c0c9e", "person": {"key": "user:u1", "user_id": "u1"}, "ask": "review", "channel": "email",
    "decided_at": "2025-10-09T08:53:20.000Z",
    "why": {"conditions": [
        {"event": "Report Viewed", "within_seconds": 2592000, "required": 21, "count": 22},
        {"event": "Dashboard Shared", "within_seconds": 5400, "required": 1, "count": 1}]},
}  # fmt: skip


def test_a_trigger_reads_when_who_what_how_and_why() -> None:
    assert line(json.dumps(TRIGGER).encode()) == (
        "2025-10-09 08:53:20.000  user:u1  review by email"
        "  Report Viewed: 22 of 21 within 30 days; Dashboard Shared: 1 of 1 within 90 minutes"
    )


def test_a_withdrawal_reads_when_whose_which_and_why() -> None:
    withdrawn = {
        "trigger_id": "6f1c0c9e", "person": {"key": "user:u1", "user_id": "u1"}, "ask": "review",
        "reason": "forgotten", "withdrawn_at": "2025-10-09T08:53:20.000Z",
    }  # fmt: skip
    said = line(json.dumps(withdrawn).encode())
    assert said == "2025-10-09 08:53:20.000  user:u1  review withdrawn: forgotten"


def test_a_trigger_names_the_account_and_its_owner_where_there_are_any() -> None:
    company = {"account": {"id": "001", "name": "Acme"}, "owner": {"id": "005", "name": "Eve Ng"}}
    assert "  user:u1 of Acme, owner Eve Ng  review by email  " in line(json.dumps(TRIGGER | company).encode())
    assert "  user:u1 of 001  review by" in line(json.dumps(TRIGGER | {"account": {"id": "001"}}).encode())
    nobody = TRIGGER | {"account": None, "owner": None}
    assert line(json.dumps(nobody).encode()) == line(json.dumps(TRIGGER).encode())


@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", b"{}", b'{"person":"user:u1"}'])
def test_another_thing_is_named_as_such(value: bytes) -> None:
    assert line(value) == f"(not a trigger: {len(value)} bytes)"


def test_escape_codes_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in line(json.dumps(TRIGGER | {"person": {"key": "user:\x1b[2J"}}).encode())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2592000, "30 days"),
        (86400, "1 day"),
        (3600, "1 hour"),
        (5400, "90 minutes"),
        (61, "61 seconds"),
        (None, "None"),
    ],
)
def test_durations_use_the_largest_unit_that_fits(seconds: object, words: str) -> None:
    assert duration(seconds) == words


def test_queries_never_import_faust() -> None:
    code = (
        "import sys, agents.query.explain, agents.query.triggers, agents.sinks.redis; sys.exit('faust' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
