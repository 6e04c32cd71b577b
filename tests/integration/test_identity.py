"""Who is one person, on a running worker: an address joins a visitor and a user, and an operator parts them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.settings import Settings
from streams import topics
from tests.conftest import LiveStack, Touchline
from tests.integration.kafka import write

pytestmark = pytest.mark.integration
PERSON, VISITOR, ADDRESS = "user:u1", "anon:a1", "email:ann@example.com"


@pytest.fixture
async def ready(stack: LiveStack) -> Settings:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    return settings


def event(**fields: Any) -> tuple[bytes, bytes]:
    return b"k", json.dumps({"timestamp": "2025-10-09T12:00:00Z"} | fields).encode()


VISITS = [
    event(type="track", event="Report Viewed", anonymousId="a1", messageId="m1"),
    event(type="identify", anonymousId="a1", messageId="m2", traits={"email": "ann@example.com"}),
    event(type="identify", userId="u1", messageId="m3", traits={"email": "Ann@Example.com"}),
    event(type="identify", userId="u2", messageId="m4", traits={"email": "ann@example.com"}),
]


async def test_a_person_is_forgotten_by_any_alias_and_a_replay_does_not_bring_them_back(
    ready: Settings, touchline: Touchline, eventually: Callable[..., None], tmp_path: Path
) -> None:
    def document(person: str) -> dict[str, Any]:
        done = touchline.run(ready, "explain", person, "--json")
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {}

    companies = tmp_path / "companies.csv"
    companies.write_text("domain,name,employees\nexample.com,Example,400\n")
    worker = touchline.start(ready, "worker")
    await write(ready, topics.WEB_EVENTS.name, VISITS)
    assert touchline.run(ready, "enrich", "load", str(companies)).returncode == 0
    known = {"domain": "example.com", "name": "Example", "employees": 400}
    eventually(lambda: document(VISITOR).get("company") == known, what="the company of the address")
    assert document(VISITOR)["person"] == PERSON
    assert touchline.run(ready, "forget", VISITOR, "--yes").returncode == 0
    eventually(lambda: not any(map(document, (PERSON, VISITOR, ADDRESS))), what="nobody being known")
    await write(ready, topics.WEB_EVENTS.name, [*VISITS, event(type="page", userId="u3", messageId="m9")])
    eventually(lambda: document("user:u3"), what="the replay being read")
    done = touchline.run(ready, "verify", timeout_seconds=120)
    assert done.returncode == 0, done.stdout
    assert not any(map(document, (PERSON, VISITOR, ADDRESS)))
    assert worker.stop(10) == 0


async def test_an_address_joins_visitor_and_user_until_an_operator_parts_them(
    ready: Settings, touchline: Touchline, eventually: Callable[..., None]
) -> None:
    def aliases_of(person: str) -> list[str]:
        done = touchline.run(ready, "explain", person, "--json")
        found: list[str] = json.loads(done.stdout)["aliases"] if done.returncode == 0 else []
        return found

    worker = touchline.start(ready, "worker")
    await write(ready, topics.WEB_EVENTS.name, VISITS)
    joined = ["anon:a1", "email:ann@example.com", "user:u1"]
    eventually(lambda: aliases_of(VISITOR) == joined, what="the visitor coming to the user")
    assert aliases_of("user:u2") == ["user:u2"]
    assert touchline.run(ready, "identity", "split", VISITOR).returncode == 0
    eventually(lambda: aliases_of(VISITOR) == [VISITOR], what="the visitor standing alone")
    assert aliases_of(PERSON) == joined[1:]
    assert touchline.run(ready, "identity", "join", VISITOR).returncode == 0
    eventually(lambda: aliases_of(PERSON) == joined, what="the visitor coming back")
    done = touchline.run(ready, "verify", timeout_seconds=120)
    assert done.returncode == 0, done.stdout
    assert worker.stop(10) == 0
