"""Salesforce changes on a running worker: a contact comes to the user whose address it has; what changes is told."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agents.settings import Settings
from streams import topics
from tests.conftest import LiveStack, Touchline
from tests.integration.kafka import read_all, write

pytestmark = pytest.mark.integration
CONTACT = "003000000000001AAA"


@pytest.fixture
async def ready(stack: LiveStack) -> Settings:
    settings = stack.settings()
    await stack.fresh_topics(settings)
    return settings


def changed(kind: str, sequence: int, transaction: str, **fields: Any) -> tuple[bytes, bytes]:
    header = {
        "entityName": "Contact",
        "recordIds": [CONTACT],
        "changeType": kind,
        "transactionKey": transaction,
        "sequenceNumber": sequence,
        "commitTimestamp": 1_760_000_000_000 + sequence,
        "commitNumber": 1,
        "commitUser": "005000000000001AAA",
        "changedFields": list(fields),
        "nulledFields": [],
    }
    payload = {"ChangeEventHeader": header, **fields}
    return b"k", json.dumps({"schema": "x", "payload": payload, "event": {"replayId": sequence}}).encode()


async def test_a_contact_is_the_user_s_and_its_changes_are_on_the_timeline(
    ready: Settings, touchline: Touchline, eventually: Callable[..., None]
) -> None:
    def document(person: str) -> dict[str, Any]:
        done = touchline.run(ready, "explain", person, "--json")
        found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return found

    worker = touchline.start(ready, "worker")
    identify = {"type": "identify", "userId": "u1", "messageId": "m1", "traits": {"email": "ann@example.com"}}
    await write(ready, topics.WEB_EVENTS.name, [(b"k", json.dumps(identify).encode())])
    await write(
        ready,
        topics.SALESFORCE_CHANGES.name,
        [
            changed(
                "CREATE", 1, "t1", Email="Ann@Example.com", Title="Director", LastModifiedDate="2025-10-09T09:00:00Z"
            ),
            changed("UPDATE", 2, "t2", Title="VP", LastModifiedDate="2025-10-09T10:00:00Z"),
        ],
    )
    eventually(
        lambda: [record["fields"]["Title"] for record in document("u1").get("salesforce", [])] == ["VP"],
        what="the contact's title at the user",
    )
    timeline = await read_all(ready, topics.USER_TIMELINE.name, until=2, within_seconds=10)
    assert [json.loads(record.value)["text"] for record in timeline] == [
        "Salesforce Contact Created",
        "Salesforce Contact Updated: Title Director -> VP",
    ]
    assert timeline[1].key == b"user:u1"
    done = touchline.run(ready, "verify", "--json", timeout_seconds=120)
    assert [one["what"] for check in json.loads(done.stdout)["checks"] for one in check["first"]] == []
    assert done.returncode == 0
    assert worker.stop(10) == 0
