"""Bad input on a real broker: each bad message ends in `rejected-events` as it came; its neighbours never notice."""

import json

import pytest

from agents.settings import Settings
from streams import topics
from tests.conftest import LiveStack, Touchline
from tests.integration.kafka import read_all, write


def event(**changes: object) -> bytes:
    fields = {"type": "track", "event": "Report Viewed", "userId": "u1", "messageId": "m"}
    return json.dumps({name: value for name, value in (fields | changes).items() if value is not None}).encode()


BAD: dict[str, tuple[bytes | None, str]] = {
    "broken JSON": (b'{"type": "track", "userId": ', "not-json"),
    "bad UTF-8": (event(properties={"x": "y"}).replace(b'"y"', b'"\xff"'), "not-utf8"),
    "a wrong type": (event(userId=17), "wrong-type"),
    "a list": (b"[]", "wrong-type"),
    "an unknown type": (event(type="purchase"), "unknown-type"),
    "no id": (event(userId=None), "no-id"),
    "a blocked id": (event(userId="undefined"), "blocked-id"),
    "a null value": (None, "empty"),
    "an empty value": (b"", "empty"),
    "ten times too large": (event(properties={"x": "y" * 320 * 1024}), "too-large"),
    "nested 1,000 deep": (event(properties="@").replace(b'"@"', b"[" * 1000 + b"]" * 1000), "too-deep"),
    "the year 1": (event(timestamp="0001-01-01T00:00:00Z"), "bad-timestamp"),
    "the year 9999": (event(timestamp="9999-12-31T23:59:59Z"), "bad-timestamp"),
    "a time without zone": (event(timestamp="2026-10-01T00:00:00"), "bad-timestamp"),
    "a stamp in the future": (event(timestamp="2099-01-01T00:00:00Z"), "future"),
}


@pytest.fixture
async def ready(stack: LiveStack) -> Settings:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    return settings


async def test_each_ends_in_rejected_events_with_reason_place_and_bytes_and_its_neighbours_count(
    ready: Settings, touchline: Touchline
) -> None:
    records: list[tuple[bytes | None, bytes | None]] = []
    for number, (value, _) in enumerate(BAD.values()):
        records += [(b"u1", value), (b"u1", event(messageId=f"good-{number}"))]
    await write(ready, topics.WEB_EVENTS.name, records, partition=2)
    await write(ready, topics.WEB_EVENTS.name, [(None, None)], partition=2)
    worker = touchline.start(ready, "worker")

    rejected = await read_all(ready, topics.REJECTED_EVENTS.name, until=len(BAD) + 1, within_seconds=60)

    found = [(letter.value, dict(letter.headers)) for letter in rejected]
    assert [value for value, _ in found] == [value for value, _ in BAD.values()] + [None]
    assert [headers["reason"].decode() for _, headers in found] == [reason for _, reason in BAD.values()] + ["empty"]
    assert all(headers["detail"] for _, headers in found)
    assert [(headers["topic"], headers["partition"], headers["offset"]) for _, headers in found] == [
        (b"web-events", b"2", str(2 * number).encode()) for number in range(len(BAD) + 1)
    ]
    assert [letter.key for letter in rejected] == [b"u1"] * len(BAD) + [None]
    views = await read_all(ready, topics.PROFILE_VIEWS.name, until=1, within_seconds=60)
    assert json.loads(views[-1].value)["counts"] == {"Report Viewed": {"count": len(BAD), "exact": True}}
    done = touchline.run(ready, "verify", timeout_seconds=120)
    assert done.returncode == 0, done.stdout
    assert worker.stop() == 0
