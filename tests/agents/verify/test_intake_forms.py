"""Times, addresses and blanks in all their forms: verify reads them as the page says, and so does the intake."""

import json
from itertools import count
from typing import Any

import pytest

from agents.verify.check import check
from agents.verify.world import Message, World
from streams.events import Link, Rejected, UserEvent
from streams.intake import parse_web_event
from streams.touches import WebSites
from tests.agents.verify.simulate import RULES
from tests.agents.verify.test_corruptions import edited

TEN = 1_795_946_400_000
"""2026-11-29T10:00:00Z."""
KAFKA = TEN + 300_000
GONE_WRONG = (
    r'{"type":"identify","userId":"v1","messageId":"c4-1","timestamp":"2026-11-29T10:00:00.000Z","traits":{"email":""},"context":{"traits":{"email":"v1@x.example"}}}',
    r'{"type":"identify","userId":"v3","messageId":"c4-3","timestamp":"2026-11-29T10:00:00.000Z","traits":{"email":"v3@x.example\n"}}',
    r'{"type":"identify","userId":"v6","messageId":"c4-6","timestamp":"2026-11-29T10:00:00.000Z","traits":{"email":"\u0130pek@x.example"}}',
    r'{"type":"track","event":"F","userId":"v9\u000b","messageId":"c4-9","timestamp":"2026-11-29T10:00:00.000Z"}',
    r'{"type":"track","event":"F","userId":"v11","messageId":"c4-11","timestamp":"20261129T100000Z"}',
    r'{"type":"track","event":"F","userId":"v14","messageId":"c4-14","timestamp":"2026-11-29T10Z"}',
    r'{"type":"track","event":"F","userId":"v16","messageId":"c4-16","timestamp":"2026-11-29T10:00:00.000Z","sentAt":"1999-12-31T23:59:59.999Z"}',
)  # fmt: skip
"""Lines of which an earlier verify said that what became of them was wrong."""
MADE: tuple[list[dict[str, Any]] | str, ...] = (
    [{"alias": "user:v1", "email": "v1@x.example", "at": TEN}, {"alias": "email:v1@x.example", "to": "user:v1"}],
    [{"alias": "user:v3", "email": "v3@x.example", "at": TEN}, {"alias": "email:v3@x.example", "to": "user:v3"}],
    [{"alias": "user:v6", "email": "i\u0307pek@x.example"}, {"alias": "email:i\u0307pek@x.example", "to": "user:v6"}],
    [{"alias": "user:v9", "at": TEN}],
    [{"alias": "user:v11", "at": TEN}],
    [{"alias": "user:v14", "at": TEN}],
    "bad-timestamp",
)

TIMES = (
    "2026-11-29T10:00:00Z", "20261129T10:00:00Z", "2026-11-29T1000Z", "2026-11-29T10:00Z", "2026-W48-7T10:00:00Z",
    "2026-11-29 10:00:00Z", "2026-11-29T10:00:00,5Z", "2026-11-29T10:00:00.1234567890Z", "2026-11-29T10:00:00+0130",
    "2026-11-29T10:00:00+01", "2026-11-29T10:00:00+01:00:30", "2026-11-29T10:00:00-23:59", "2026-11-29T10:00:00+24:00",
    "2026-11-29T24:00:00Z", "2026-11-29T23:59:60Z", "2026-11-29t10:00:00z", "2026-11-29", "2026-11-29T10:00:00Z\n",
    "2026-333T10:00:00Z", "2026-02-30T10:00:00Z", "1764410400", "now", "infinity", "0001-01-01T00:00:00Z",
    "1999-12-31T23:59:59.999Z", "2000-01-01T00:00:00Z", "2100-12-31T23:59:59.999Z", "2101-01-01T00:00:00Z",
    "2026-11-29T10:05:00Z", "2026-11-29T10:10:00.000Z", "2026-11-29T10:10:00.001Z", "2026-11-29T10:00:00 UTC",
)  # fmt: skip
ADDRESSES = (
    None, "", " \x85", "bad", "a@x.example", "\x0bA@X.example\x1f", "\xa0a@x.example\u2003", "\u200ba@x.example",
    "STRASSE\u1e9e@x.example", "\u0391\u03a3@x.example", "a b@x.example", "a\xa0b@x.example", "a@b@x.example", "a@x",
    "a@.x", "a@x.", "a@x..y", "@x.example", "x" * 310 + "@x.example", "x" * 311 + "@x.example", "Support@x.example",
)  # fmt: skip
IDS = ("v\x0b", "\x1cv", "\x1fv", "\x85v", "\u2028v", "\u200bv", "\ufeffv", "\x0b", "NULL\x0c", "v")


def lines() -> list[str]:
    number = count()
    found: list[dict[str, Any]] = []

    def add(**fields: Any) -> None:
        event = {"type": "track", "event": "F", "userId": "u", "messageId": f"m{next(number)}"} | fields
        found.append({name: value for name, value in event.items() if value is not None})

    for time in TIMES:
        for name in ("timestamp", "sentAt", "receivedAt", "originalTimestamp"):
            add(**{"timestamp": "2026-11-29T10:00:00Z", name: time})
        add(originalTimestamp="2026-11-29T10:00:00Z", timestamp=time)
    for own in ADDRESSES:
        for other in ADDRESSES:
            add(type="identify", traits={"email": own}, context={"traits": {"email": other}})
    for id in IDS:
        add(userId=id)
        add(type="identify", anonymousId=id)
        add(type="alias", previousId=id)
        add(type="alias", userId=id, previousId="p")
    return [json.dumps(one) for one in found]


def world_of(values: list[str]) -> World:
    """What the intake makes of them."""
    web, made, refused = [], [], []
    for offset, value in enumerate(values):
        web.append(Message(0, offset, KAFKA, b"k", value.encode()))
        found = parse_web_event(value.encode(), kafka_timestamp=KAFKA, sites=WebSites(()))
        if isinstance(found, Rejected):
            headers = {"reason": found.reason, "topic": "web-events", "partition": 0, "offset": offset, "detail": "why"}
            pairs = tuple((name, str(text).encode()) for name, text in headers.items())
            refused.append(Message(0, len(refused), KAFKA, b"k", value.encode(), pairs))
            continue
        source = (("source", f"web-events/0/{offset}".encode()),)
        received_at = next(one.received_at for one in found if isinstance(one, UserEvent))
        for one in found:
            record = json.dumps(as_record(one) | {"received_at": received_at}).encode()
            made.append(Message(0, len(made), KAFKA, one.alias.encode(), record, source))
    topics = {"web-events": web, "user-events": made, "rejected-events": refused}
    return World(1, topics, {("web-events", 0): len(web), ("user-events", 0): len(made)})


def as_record(one: UserEvent | Link) -> dict[str, Any]:
    if isinstance(one, Link):
        return {"kind": "link", "alias": one.alias, "to": one.to, "message_id": one.message_id, "at": one.at}
    said = {name: getattr(one, name) for name in ("alias", "message_id", "at", "name", "visit", "email", "full_name")}
    return {"kind": "event"} | {name: value for name, value in said.items() if value is not None}


def differences(world: World) -> list[str]:
    report = check(world, RULES)
    return [str(one) for name in ("ingest", "rejections") for one in report.named(name).first]


@pytest.mark.parametrize(("line", "made"), list(zip(GONE_WRONG, MADE, strict=True)))
def test_a_line_that_was_a_false_alarm_is_what_the_page_makes_of_it(
    line: str, made: list[dict[str, Any]] | str
) -> None:
    world = world_of([line])
    assert differences(world) == []
    if isinstance(made, str):
        assert [one.header("reason") for one in world.topics["rejected-events"]] == [made]
        return
    records = [json.loads(one.value or b"") for one in world.topics["user-events"]]
    assert [{name: record[name] for name in one} for record, one in zip(records, made, strict=True)] == made


def test_verify_and_the_intake_read_every_form_alike() -> None:
    report = check(world_of(lines()), RULES)
    assert [one for name in ("ingest", "rejections") for one in report.named(name).first] == []
    assert report.named("ingest").unchecked < len(lines()) / 20


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "a@y.example"), ("email", None), ("email", "A@x.example"), ("at", TEN + 1), ("alias", "user:u ")],
)
def test_what_the_intake_reads_otherwise_is_found(field: str, value: Any) -> None:
    event = {"type": "identify", "userId": "u", "messageId": "m", "timestamp": "20261129T100000Z"}
    world = world_of([json.dumps(event | {"traits": {"email": "A@x.example "}})])
    world.topics["user-events"][0] = edited(world.topics["user-events"][0], **{field: value})
    assert differences(world)
