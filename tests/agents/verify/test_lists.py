"""The lists of touches that people tell accounts: the latest of each says what is so (docs/attribution.md)."""

import json
from base64 import b64encode
from typing import Any

import pytest

from agents.verify.accounts import touches
from agents.verify.people import order_key
from agents.verify.report import Check
from agents.verify.world import ACCOUNT_EVENTS, USER_EVENTS, Message
from tests.agents.verify.simulate import DAY, HOUR, RULES, T0
from tests.agents.verify.test_accounts_people import MAIL, USER, Record, account, database, everybody_in, link, world_of

ACME, BETA = "001000000000001AAA", "001000000000002AAA"
LONG_AGO = T0 - 200 * DAY
"""Longer than the horizon and the lookback together."""


def visit(at: int, id: str, r: int | None = None, **more: Any) -> Record:
    event = {"kind": "event", "alias": USER, "message_id": id, "at": at, "received_at": at if r is None else r}
    return event | {"name": "$page", "visit": True, "source": SOURCE} | more


SOURCE = {"channel": "Email", "ga4": "Email"}
RECORDS = [visit(T0 - HOUR, "a"), link(MAIL), account(MAIL, ACME, 1, "A"), visit(T0, "b")]


def touch(at: int, id: str) -> list[Any]:
    return [at, b64encode(order_key(id)).decode(), SOURCE]


FIRST, SECOND = touch(T0 - HOUR, "a"), touch(T0, "b")


def told(number: int, *listed: Any, since: Any = 0, to: str = ACME, place: int = 0, **more: Any) -> Message:
    value = {"kind": "touches", "person": USER, "account": to, "number": number, "since": since, "touches": listed}
    source = (("source", f"{USER_EVENTS}/0/{place}".encode()),)
    return Message(0, number, T0, to.encode(), json.dumps(value | more).encode(), source)


def heard(*lists: Message, records: list[Record] = RECORDS) -> Check:
    world = world_of(*records)
    world.topics[ACCOUNT_EVENTS] = list(lists)
    con = database(world)
    return touches.check(con, everybody_in(con), RULES)


def test_the_latest_list_says_all_touches_and_those_before_are_counted_as_unchecked() -> None:
    found = heard(told(1, FIRST), told(2, FIRST, SECOND))
    assert (found.differences, found.unchecked) == (0, 1)


@pytest.mark.parametrize(
    "lists",
    [
        [],
        [told(1, FIRST)],
        [told(1, SECOND)],
        [told(1, FIRST, SECOND, SECOND)],
        [told(1, FIRST, SECOND, touch(T0 + 1, "c"))],
        [told(1, SECOND, FIRST)],
        [told(1, FIRST, SECOND, since=T0)],
        [told(2, FIRST, SECOND)],
        [told(1, FIRST, SECOND), told(1, FIRST, SECOND)],
        [told(1, FIRST, SECOND, to=BETA)],
        [told(1, FIRST, SECOND, to=BETA), told(2, FIRST, SECOND)],
        [told(1, FIRST, SECOND), told(2, to=BETA)],
        [told(1, FIRST, SECOND, place=1)],
        [told(1, FIRST, SECOND, person=MAIL)],
        [told(1, [T0, "no base64", SOURCE])],
        [told(1, [T0, "AA==", SOURCE])],
        [told(1, FIRST, SECOND, since="0")],
    ],
)
def test_a_list_that_cannot_be_so_is_found(lists: list[Message]) -> None:
    assert heard(*lists).differences


def test_an_account_that_the_person_left_was_told_last_that_there_are_none() -> None:
    left = [*RECORDS, account(MAIL, ACME, 2), account(MAIL, BETA, 1, "B")]
    assert heard(told(1, FIRST, SECOND), told(2), told(3, FIRST, SECOND, to=BETA), records=left).differences == 0
    assert heard(told(1, FIRST, SECOND), told(2, FIRST, SECOND, to=BETA), records=left).differences == 1


def test_touches_that_a_row_may_have_let_go_of_may_be_missing_where_since_says_so() -> None:
    records = [visit(LONG_AGO, "o"), *RECORDS]
    kept = told(1, FIRST, SECOND, since=T0 - RULES.horizon_ms - RULES.lookback_ms, place=1)
    old = touch(LONG_AGO, "o")
    assert heard(kept, records=records).differences == 0
    assert heard(told(1, FIRST, SECOND, place=1), records=records).differences == 1
    assert heard(told(1, old, FIRST, SECOND, place=1), records=records).differences == 0
    too_early = told(1, FIRST, SECOND, since=T0 + 1001 - RULES.horizon_ms - RULES.lookback_ms, place=1)
    assert heard(too_early, records=records).differences == 1


def test_whoever_was_never_of_an_account_tells_none() -> None:
    records = [one for one in RECORDS if one["kind"] != "account"]
    assert heard(records=records).differences == 0
    assert heard(told(1, FIRST, SECOND), records=records).differences == 1
