"""Shares and touches of a small world, through the real processors: verify agrees, and finds what was corrupted."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agents.verify.check import check
from agents.verify.personas.maps import load
from agents.verify.rules import AccountRules, Rules
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS, Message, World
from tests.agents.processors.account.test_reports_end_to_end import DEAL, ORG, replace_record, world

Edit = Callable[[dict[str, Any]], dict[str, Any] | None]
RULES = Rules(1, (), (), accounts=AccountRules(arr="ARR__c"), personas=load(None))


def differing(made: World) -> dict[str, list[str]]:
    return {one.name: [str(it) for it in one.first] for one in check(made, RULES).checks if one.differences}


def corrupted(made: World, topic: str, kind: str, edit: Edit) -> World:
    """Edit the last message of a kind that an account or a person made itself; none: the edit leaves it out."""
    messages = made.topics[topic]
    chosen = [
        one for one in messages if (said := json.loads(one.value or b"{}")).get("kind") == kind
        and (kind != "share" or "person" not in said)
    ][-1]  # fmt: skip
    edited = edit(json.loads(chosen.value or b"{}"))
    content = json.dumps(edited).encode() if edited is not None else b'{"kind":"nothing"}'
    other = Message(chosen.partition, chosen.offset, chosen.timestamp, chosen.key, content, chosen.headers)
    made.topics[topic] = [other if one is chosen else one for one in messages]
    return made


@pytest.mark.parametrize("seed", range(8))
def test_what_the_worker_shares_and_tells_is_what_the_page_says(seed: int) -> None:
    made = world(seed, ORG)
    kinds = {json.loads(one.value or b"{}").get("kind") for topic in (USER_EVENTS, ACCOUNT_EVENTS)
        for one in made.topics[topic]}  # fmt: skip
    assert {"share", "touches"} <= kinds
    assert differing(made) == {}


@pytest.mark.parametrize("seed", range(4))
def test_shares_of_a_reopened_opportunity_end(seed: int) -> None:
    assert differing(world(seed, [*ORG, *replace_record(ORG, DEAL, IsWon=False, IsClosed=False)])) == {}


@pytest.mark.parametrize("name", ["alias", "account", "number", "arr"])
def test_a_share_that_says_another_thing_is_found(name: str) -> None:
    def edit(said: dict[str, Any]) -> dict[str, Any]:
        return said | {name: said[name] + 1 if isinstance(said[name], int) else "sf:003000000000009AAA"}

    assert "account events" in differing(corrupted(world(1, ORG), USER_EVENTS, "share", edit))


def test_a_share_that_is_missing_is_found() -> None:
    assert "account events" in differing(corrupted(world(1, ORG), USER_EVENTS, "share", lambda _: None))


@pytest.mark.parametrize(
    ("name", "value"),
    [("person", "user:u9"), ("account", "001000000000009AAA"), ("number", 99), ("touches", [[1]]), ("since", None)],
)
def test_touches_that_cannot_be_so_are_found(name: str, value: Any) -> None:
    made = corrupted(world(1, ORG), ACCOUNT_EVENTS, "touches", lambda said: said | {name: value})
    assert "touches" in differing(made)
