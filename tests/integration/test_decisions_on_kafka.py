"""Decisions on a real Kafka: the same on any stack, whatever dies, and the same live as from a file."""

import asyncio
import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from time import time

import pytest
from aiokafka.structs import ConsumerRecord

from agents.settings import Clock, Settings
from streams.instants import DAY_MS, iso
from streams.topics import REFERRAL_TRIGGERS, SEGMENT_CHANGES, WEB_EVENTS
from tests.conftest import LiveStack, Running, Touchline
from tests.integration.kafka import read_all, read_whole, write

RULES = """version = 1
[[segments]]
name = "twice"
rule = { count = { event = "E", more_than = 1, within = "%s" } }
[[asks]]
name = "review"
segment = "twice"
type = "review"
channel = "in-app"
incentive = "none"
cooldown = "1s"
"""
PEOPLE = 40
WITHIN_SECONDS = 90
HAPPENED = ("2025-11-09T17:34:20.992", "2025-11-12T03:30:08.696", "2025-11-17T15:33:35.418", "2025-11-19T10:52:37.509")
DECIDED: dict[tuple[int, int], object] = {}
"""{stack: what each person was told}: every stack has to tell the same."""

Told = dict[str, list[tuple[bytes, tuple[tuple[str, bytes], ...]]]]


def at(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


def event(user: str, happened: int, **fields: str) -> bytes:
    who = {"anonymousId": user} if user.startswith("a") else {"userId": user}
    stamps = {"timestamp": iso(happened), "receivedAt": iso(happened)}
    said = {"type": "track", "event": "E", "messageId": f"{user}-{happened}", **who, **stamps, **fields}
    return json.dumps(said).encode()


def link(user: str, device: str, received: int) -> bytes:
    ids = {"userId": user, "anonymousId": device, "messageId": f"{user}-{device}"}
    return json.dumps({"type": "identify", "timestamp": iso(received), "receivedAt": iso(received), **ids}).encode()


def history() -> list[bytes]:
    """The same four events of each of 40 people, a millisecond apart; of one in four the third is a visitor's, who is
    linked only after the second stay is over."""
    lines = [(at("2025-11-07T12:00:00.000"), event("other", at("2025-11-07T12:00:00.000")))]
    for number in range(PEOPLE):
        for nth, text in enumerate(HAPPENED):
            happened = at(text) + number
            who = f"a{number}" if number % 4 == 0 and nth == 2 else f"u{number}"
            lines.append((happened, event(who, happened)))
        if number % 4 == 0:
            linked = at("2025-11-19T05:00:00.000") + number
            lines.append((linked, link(f"u{number}", f"a{number}", linked)))
    lines.append((at("2025-12-01T00:00:00.000"), event("other", at("2025-12-01T00:00:00.000"))))
    return [line for _, line in sorted(lines)]


def by_person(records: list[ConsumerRecord]) -> Told:
    found: Told = defaultdict(list)
    for record in records:
        found[record.key.decode()].append((record.value, tuple(record.headers)))
    return dict(found)


def expected(number: int) -> list[tuple[str, str]]:
    """What person `number` has to be told, by definition."""
    first, second, third, fourth = (at(text) + number for text in HAPPENED)
    week = 7 * DAY_MS
    known_late = number % 4 == 0
    middle = [] if known_late else [("entered", third), ("left", second + week)]
    times = [("entered", second), ("left", first + week), *middle, ("entered", fourth), ("left", third + week)]
    return [(what, iso(when)) for what, when in times]


@pytest.mark.parametrize(("partitions", "workers"), [(1, 1), (4, 1), (8, 3)])
async def test_a_history_gives_the_same_on_every_stack_also_where_a_worker_is_killed_thrice(
    stack: LiveStack, touchline: Touchline, tmp_path: Path, partitions: int, workers: int
) -> None:
    (tmp_path / "rules.toml").write_text(RULES % "7d")
    (tmp_path / "history.ndjson").write_bytes(b"\n".join(history()))
    settings = stack.settings(
        partitions=partitions, clock=Clock.log, rules=tmp_path / "rules.toml", session_timeout_ms=6000, batch_records=20
    )
    await stack.fresh_topics(settings)
    own = [settings.model_copy(update={"instance_id": f"w{number}"}) for number in range(workers)]
    running = [touchline.start(one, "worker") for one in own]
    played = touchline.run(settings, "replay", str(tmp_path / "history.ndjson"), "--clock", "file")
    assert played.returncode == 0, played.stderr
    for _ in range(3 if workers > 1 else 0):
        await _killed_at_work(touchline, own, running)
    # Of a quarter the second stay was over when it became known.
    stays = 3 * PEOPLE - PEOPLE // 4
    changes = await read_all(settings, SEGMENT_CHANGES.name, until=2 * stays, within_seconds=WITHIN_SECONDS)
    triggers = await read_all(settings, REFERRAL_TRIGGERS.name, until=stays, within_seconds=WITHIN_SECONDS)
    told = by_person(changes), by_person(triggers)
    assert (len(changes), len(triggers)) == (2 * stays, stays)
    for number in range(PEOPLE):
        said = [json.loads(value) for value, _ in told[0][f"user:u{number}"]]
        assert [(one["change"], one["at"]) for one in said] == expected(number)
    DECIDED[partitions, workers] = told
    assert all(other == told for other in DECIDED.values())


async def _killed_at_work(touchline: Touchline, own: list[Settings], running: list[Running]) -> None:
    """Kill the first worker when it has opened lanes, and start it again."""
    deadline = time() + WITHIN_SECONDS
    while '"lane open"' not in running[0].output:
        assert time() < deadline, running[0].output
        await asyncio.sleep(0.02)
    running[0].kill()
    running[0] = touchline.start(own[0], "worker")


async def test_a_live_run_that_is_played_again_from_its_input_decides_the_same(
    stack: LiveStack, touchline: Touchline, tmp_path: Path
) -> None:
    (tmp_path / "rules.toml").write_text(RULES % "2s")
    live = stack.settings(rules=tmp_path / "rules.toml", clock=Clock.wall)
    await stack.fresh_topics(live)
    worker = touchline.start(live, "worker")
    for turn in range(12):
        sent = [
            json.dumps({"type": "track", "event": "E", "userId": f"u{user}", "messageId": f"{user}-{turn}"}).encode()
            for user in range(6)
            if (turn * (user + 2)) % 5 < 3
        ]
        await write(live, WEB_EVENTS.name, [(None, value) for value in sent])
        await asyncio.sleep(0.25)  # people do not all click at once; nothing is waited for here
    inputs = sorted(await read_whole(live, WEB_EVENTS.name), key=lambda one: one.timestamp)
    entered = await _settled(live)
    assert worker.stop() == 0
    assert len(entered) >= 12
    lines = [json.dumps(json.loads(one.value) | {"receivedAt": iso(one.timestamp)}).encode() for one in inputs]
    (tmp_path / "recorded.ndjson").write_bytes(b"\n".join([*lines, event("last", inputs[-1].timestamp + 2_050)]))
    again = stack.settings(rules=tmp_path / "rules.toml", clock=Clock.log, partitions=3)
    await stack.fresh_topics(again)
    touchline.start(again, "worker")
    played = touchline.run(again, "replay", str(tmp_path / "recorded.ndjson"), "--clock", "file")
    assert played.returncode == 0, played.stderr
    await read_all(again, SEGMENT_CHANGES.name, until=len(entered), within_seconds=WITHIN_SECONDS)
    assert by_person(await _settled(again)) == by_person(entered)


async def _settled(settings: Settings) -> list[ConsumerRecord]:
    """Read the changes when everybody who has entered has left."""
    deadline = time() + WITHIN_SECONDS
    while True:
        found = await read_whole(settings, SEGMENT_CHANGES.name)
        states = {record.key: json.loads(record.value)["change"] for record in found}
        if set(states.values()) == {"left"}:
            return found
        assert time() < deadline, states
