"""A worker as its operator sees it: when it starts, when it refuses to, how it ends, how two of them share the work."""

import json
import os
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from agents import admin
from agents.partitions import partition_of
from agents.settings import Settings
from streams import topics
from tests.conftest import LiveStack, Running, Touchline
from tests.integration.kafka import read_all, write

MISCONFIGURED, FENCED, STALLED = 78, 71, 75
LANES = 4 * 4
"""Of four topics that the worker consumes, each of four partitions."""


@pytest.fixture
async def ready(stack: LiveStack) -> Settings:
    settings = stack.settings(session_timeout_ms=6000)
    await stack.fresh_topics(settings)
    return settings


def is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def viewed(user: str, number: int) -> bytes:
    event = {"type": "track", "event": "Report Viewed", "userId": user, "messageId": f"{user}-{number}"}
    return json.dumps(event).encode()


async def test_without_topics_it_refuses_to_start_and_says_what_to_do(stack: LiveStack, touchline: Touchline) -> None:
    settings = stack.settings()
    await admin.delete_topics(settings)
    refused = touchline.run(settings, "worker")
    assert refused.returncode == MISCONFIGURED
    assert "touchline topics create" in refused.stderr


async def test_with_another_partition_count_it_refuses_to_start(ready: Settings, touchline: Touchline) -> None:
    refused = touchline.run(ready.model_copy(update={"partitions": 5}), "worker")
    assert refused.returncode == MISCONFIGURED
    assert "4" in refused.stderr
    assert "5" in refused.stderr


async def test_a_wrong_rules_file_is_named_with_all_its_problems(
    ready: Settings, touchline: Touchline, tmp_path: Path
) -> None:
    rules = tmp_path / "wrong.toml"
    rules.write_text('version = 0\n[[segments]]\nname = "x"\nrule = { count = { event = "A", within = "3y" } }\n')
    refused = touchline.run(ready.model_copy(update={"rules": rules}), "worker")
    assert refused.returncode == 2
    assert "version" in refused.stderr
    assert "within" in refused.stderr
    assert "Traceback" not in refused.stderr


async def test_sigterm_ends_it_with_0_within_ten_seconds(
    ready: Settings, touchline: Touchline, eventually: Callable[..., None], free_port_number: int
) -> None:
    settings = ready.model_copy(update={"metrics_port": free_port_number})
    worker = touchline.start(settings, "worker")
    eventually(lambda: is_ready(free_port_number), what="readiness")
    assert worker.stop(10) == 0


async def test_a_second_worker_takes_its_share_and_gives_it_back(
    ready: Settings, touchline: Touchline, eventually: Callable[..., None], free_port_number: int
) -> None:
    first = touchline.start(ready.model_copy(update={"metrics_port": free_port_number}), "worker")
    eventually(lambda: is_ready(free_port_number), what="readiness of the first")
    second = touchline.start(ready, "worker")
    eventually(lambda: "lane open" in second.output, what="a lane of the second")
    await write(ready, topics.WEB_EVENTS.name, [(b"u1", viewed("u1", number)) for number in range(30)])
    assert second.stop(10) == 0
    eventually(lambda: is_ready(free_port_number), within_seconds=60, what="readiness of the first, with all lanes")
    done = touchline.run(ready, "verify", timeout_seconds=120)
    assert done.returncode == 0, done.stdout
    assert first.stop(10) == 0


async def test_rebalances_in_quick_succession_leave_a_worker_standing(
    ready: Settings, touchline: Touchline, eventually: Callable[..., None], free_port_number: int
) -> None:
    first = touchline.start(ready.model_copy(update={"metrics_port": free_port_number}), "worker")
    eventually(lambda: is_ready(free_port_number), what="readiness of the first")
    for _ in range(4):
        guest = touchline.start(ready, "worker")
        eventually(lambda guest=guest: "assigned" in guest.output, what="an assignment of the guest")
        assert guest.stop(10) == 0
    eventually(lambda: is_ready(free_port_number), within_seconds=60, what="readiness of the first, with all lanes")
    assert first.stop(10) == 0


async def test_a_sleeper_whose_lanes_were_taken_leaves_as_fenced(
    ready: Settings, touchline: Touchline, eventually: Callable[..., None], free_port_number: int
) -> None:
    sleeper = touchline.start(ready, "worker")
    eventually(lambda: sleeper.output.count("lane open") == LANES, what="all lanes of the sleeper")
    os.kill(sleeper.pid, signal.SIGSTOP)
    other = touchline.start(ready.model_copy(update={"metrics_port": free_port_number}), "worker")
    eventually(lambda: is_ready(free_port_number), within_seconds=60, what="readiness of the other")
    os.kill(sleeper.pid, signal.SIGCONT)
    await write(ready, topics.WEB_EVENTS.name, [(b"u1", viewed("u1", number)) for number in range(30)])
    eventually(lambda: left_or_shares(sleeper), what="the sleeper noticing")
    done = touchline.run(ready, "verify", timeout_seconds=120)
    assert done.returncode == 0, done.stdout
    assert other.stop(10) == 0


def left_or_shares(sleeper: Running) -> bool:
    """It wrote to a lane that is another's now, and left; or the rebalance came first, and it gave the lanes back."""
    code = sleeper.process.poll()
    assert code in {None, FENCED}
    return code == FENCED or sleeper.output.count("assigned") > 1


@pytest.mark.parametrize("transactional", [False, True], ids=["plain producer", "transactional producer"])
async def test_members_leave_within_two_seconds_without_traffic(
    stack: LiveStack, touchline: Touchline, tmp_path: Path, transactional: bool
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        'version = 1\n[[segments]]\nname = "busy"\n'
        'rule = { count = { event = "Report Viewed", at_least = 2, within = "8s" } }\n'
    )
    settings = stack.settings(rules=rules)
    await stack.fresh_topics(settings)
    worker = touchline.start(settings, "worker")
    event = {"type": "track", "event": "Report Viewed", "userId": "u1"}
    await write(
        settings,
        topics.WEB_EVENTS.name,
        [(b"u1", json.dumps(event | {"messageId": f"m{number}"}).encode()) for number in range(2)],
        transactional=transactional,
    )
    changes = await read_all(settings, topics.SEGMENT_CHANGES.name, until=2, within_seconds=40)
    entered, left = (json.loads(change.value) for change in changes)
    assert (entered["change"], left["change"]) == ("entered", "left")
    announced_ms = changes[1].timestamp
    lateness_ms = announced_ms - _millis(left["at"])
    assert 0 < lateness_ms < 5_000, "2 s are promised; a busy test machine gets 5"
    assert _millis(left["at"]) - _millis(entered["at"]) <= 8_000
    assert worker.stop() == 0


def _millis(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


async def test_garbage_in_user_events_stops_nobody(stack: LiveStack, touchline: Touchline) -> None:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    partition = partition_of("user:u1", settings.partitions)
    await write(settings, topics.USER_EVENTS.name, [(b"user:u1", b"\xff garbage"), (None, None)], partition=partition)
    await write(settings, topics.WEB_EVENTS.name, [(b"u1", viewed("u1", 1))])
    worker = touchline.start(settings, "worker")
    rejected = await read_all(settings, topics.REJECTED_EVENTS.name, until=2, within_seconds=40)
    assert {dict(letter.headers)["reason"] for letter in rejected} == {b"bad-record"}
    assert rejected[0].value == b"\xff garbage"
    views = await read_all(settings, topics.PROFILE_VIEWS.name, until=1, within_seconds=40)
    assert json.loads(views[0].value)["counts"] == {"Report Viewed": {"count": 1, "exact": True}}
    assert worker.stop() == 0
