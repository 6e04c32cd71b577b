"""Forgetting: worlds in which people are forgotten are clean, and what befalls what says so is found."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from agents.verify import forgetting
from agents.verify.accounts import touches
from agents.verify.accounts.contributions import nobodys
from agents.verify.check import check
from agents.verify.report import Report
from agents.verify.world import (
    ACCOUNT_EVENTS,
    CONTRIBUTIONS,
    PROFILE_VIEWS,
    REFERRAL_TRIGGERS,
    SEGMENT_CHANGES,
    USER_EVENTS,
    USER_TIMELINE,
    Message,
    World,
)
from tests.agents.verify.simulate import DAY, HOUR, MINUTE, RULES, T0, Company, company, iso
from tests.agents.verify.test_accounts_people import (
    Record,
    check_timeline,
    database,
    everybody,
    everybody_in,
    facts,
    forget,
    link,
)
from tests.agents.verify.test_accounts_people import world_of as world_with
from tests.agents.verify.test_accounts_told import ACME, ANN, BETA, Log, texts
from tests.agents.verify.test_clean import event
from tests.agents.verify.test_corruptions import copied, differences, edited, is_compared, spoil

SEEDS = 6
TRACES = (USER_EVENTS, ACCOUNT_EVENTS, SEGMENT_CHANGES, REFERRAL_TRIGGERS, USER_TIMELINE)
"""Topics whose every message is due because of something: none may be lost, doubled or altered."""


@cache
def world_of(seed: int) -> World:
    return company(seed, people=3 + seed % 3, partitions=1 + seed % 3, steps=150, forgets=0.02).world()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_company_that_forgets_is_clean(seed: int) -> None:
    assert differences(world_of(seed)) == []


def test_the_random_companies_prove_something() -> None:
    values = {
        topic: b"\n".join(one.value or b"" for seed in range(SEEDS) for one in world_of(seed).topics.get(topic, ()))
        for topic in (USER_EVENTS, ACCOUNT_EVENTS, REFERRAL_TRIGGERS)
    }
    assert re.search(rb'"forget","alias":"anon:', values[USER_EVENTS])
    assert b'"forgotten"' in values[ACCOUNT_EVENTS]
    assert b'"withdrawn_at"' in values[REFERRAL_TRIGGERS]
    assert any(report_of(seed).named("withdrawals").compared for seed in range(SEEDS))


@cache
def report_of(seed: int) -> Report:
    return check(world_of(seed), RULES)


def of_forgetting(one: Message) -> bool:
    """Say whether a message is there because somebody was forgotten."""
    return one.value is None or re.search(rb'"kind":"forg|"reason":"forgotten"', one.value) is not None


@pytest.mark.parametrize("way", ["drop", "double", "alter"])
@pytest.mark.parametrize("topic", TRACES)
def test_every_corruption_of_what_forgetting_makes_is_found(topic: str, way: str) -> None:
    assert unseen(world_of, topic, way) == []


def unseen(made: Callable[[int], World], topic: str, way: str) -> list[tuple[int, Message]]:
    """Spoil one message that is there because of forgetting, in each world; what verify did not find."""
    missed = []
    for seed in range(SEEDS):
        rng, world = Random(f"{topic} {way} {seed}"), copied(made(seed))
        messages = world.topics.get(topic, [])
        places = [
            place
            for place, one in enumerate(messages)
            if of_forgetting(one) and (topic != USER_EVENTS or is_compared(one))
        ]
        if not places:
            continue
        place = rng.choice(places)
        one = world.topics[topic][place]
        spoil(world, topic, place, way, rng)
        if not differences(world):
            missed.append((seed, one))
    return missed


# -- documents that are to be deleted -------------------------------------------------------------------------------


def of_key(world: World, topic: str, key: bytes) -> list[int]:
    return [place for place, one in enumerate(world.topics[topic]) if one.key == key]


def forgotten_with(topic: str, seed: int = 0) -> tuple[World, list[int]]:
    """A world, and the places of the messages of somebody who had a document and was forgotten."""
    world = copied(world_of(seed))
    keys = [one.key for one in world.topics[topic] if one.value is None]
    return world, next(places for key in keys if key and len(places := of_key(world, topic, key)) > 1)


def test_a_document_that_was_not_deleted_is_found() -> None:
    world, places = forgotten_with(PROFILE_VIEWS)
    del world.topics[PROFILE_VIEWS][places[-1]]
    assert any("was not deleted" in one for one in differences(world))


def test_a_document_that_is_there_again_is_found_even_if_it_is_deleted_again() -> None:
    world, places = forgotten_with(PROFILE_VIEWS)
    before, deleted = (world.topics[PROFILE_VIEWS][place] for place in places[-2:])
    for one, clean in ((deleted, True), (before, False), (deleted, False)):
        offset = world.end(PROFILE_VIEWS, one.partition)
        world.topics[PROFILE_VIEWS].append(replace(one, offset=offset))
        world.ends[PROFILE_VIEWS, one.partition] = offset + 1
        assert (not any("is there again" in text for text in differences(world))) is clean


def test_of_whom_compaction_has_left_nothing_all_is_well() -> None:
    world, places = forgotten_with(PROFILE_VIEWS)
    for place in reversed(places):
        del world.topics[PROFILE_VIEWS][place]
    assert differences(world) == []


@pytest.mark.parametrize(("after", "clean"), [(-1, True), (1, False)])
def test_a_contribution_of_somebody_forgotten_is_found(after: int, clean: bool) -> None:
    world = copied(world_of(0))
    null = next(one for one in world.topics[CONTRIBUTIONS] if one.value is None and (one.key or b"")[:5] == b"user:")
    cells = {f"{letter}-p:x": 1 for letter in "poizyta"}
    value = json.dumps({"document": (null.key or b"").decode(), "cells": cells}).encode()
    world.topics[CONTRIBUTIONS] = [null, replace(null, offset=null.offset + after, value=value)]
    assert (not any("is there again" in text for text in differences(world))) is clean


# -- who is gone -----------------------------------------------------------------------------------------------------

ANON, MAIL, USER, CONTACT = "anon:a", "email:ann@acme.com", "user:u1", "sf:003000000000001AAA"


def gone_of(*records: Record) -> set[str]:
    return set(everybody(*records).gone)


def test_a_record_is_forgotten_with_its_person_and_a_person_by_its_record() -> None:
    mine = [link(MAIL), facts(CONTACT, None, owner=MAIL)]
    passed_on = forget(MAIL, made_by=2, passed=1)
    assert gone_of(*mine, forget(USER)) == {USER, MAIL, CONTACT}
    assert gone_of(*mine, forget(CONTACT), passed_on) == {USER, MAIL, CONTACT}


def test_a_word_on_a_record_that_its_owner_does_not_hear_is_found() -> None:
    mine = [link(MAIL), facts(CONTACT, None, owner=MAIL), forget(CONTACT)]
    stranger = forget("email:bo@acme.com", made_by=2, passed=1)
    for records, clean in (
        (mine, False), ([*mine, facts(CONTACT, None, 2)], True), ([mine[2]], True), ([*mine, stranger], False),
    ):  # fmt: skip
        con = database(world_with(*records))
        assert (forgetting.check(con, everybody_in(con)).differences == 0) is clean


def test_a_record_is_forgotten_with_its_owner_of_that_moment_only() -> None:
    mine, word = [facts(CONTACT, None, owner=MAIL)], forget(CONTACT, person=MAIL)
    elsewhere = facts(CONTACT, None, 2, owner="email:bo@acme.com")
    assert CONTACT in gone_of(*mine, forget(MAIL), word, elsewhere)
    assert gone_of(*mine, forget(MAIL), elsewhere, word) == {MAIL}


def test_who_comes_to_belong_to_somebody_forgotten_is_forgotten_too() -> None:
    assert gone_of(forget(MAIL), facts(CONTACT, None, owner=MAIL)) == {MAIL, CONTACT}


def test_who_sends_a_detach_afterwards_was_taken_elsewhere_in_time() -> None:
    moved = [link(ANON, MAIL, received_at=T0 - 9), forget(MAIL, T0 - 5), link(ANON, USER, T0 - 1)]
    detach = {"kind": "detach", "alias": ANON, "person": MAIL, "path": [2], "received_at": T0, "made_by": 2}
    assert gone_of(*moved) == {MAIL, ANON}
    assert gone_of(*moved, detach) == {MAIL}


# -- segments, asks -------------------------------------------------------------------------------------------------


def reader() -> tuple[Company, dict[str, list[dict[str, Any]]]]:
    """Somebody who read twice, is in a segment and was asked; then the person is forgotten, and reads on."""
    firm = Company(1, 1)
    for number, at in enumerate([T0, T0 + MINUTE]):
        firm.web(event("track", at, userId="u1", event="Report Viewed") | {"messageId": f"m{number}"}, at)
    firm.command("forget", USER, 1, T0 + HOUR)
    firm.web(event("track", T0 + HOUR, userId="u1", event="Report Viewed"), T0 + 2 * HOUR)
    firm.tick(T0 + 2 * DAY)
    topics = firm.world().topics
    return firm, {topic: [json.loads(one.value or b"null") for one in topics[topic]] for topic in topics}


def test_who_is_forgotten_leaves_when_that_is_received() -> None:
    firm, told = reader()
    assert differences(firm.world()) == []
    left = told[SEGMENT_CHANGES][-1]
    assert (left["change"], left["at"], left["announced_at"]) == ("left", iso(T0 + HOUR), iso(T0 + HOUR))
    assert left["why"]["conditions"][0]["count"] == 2
    assert told[REFERRAL_TRIGGERS][-1]["withdrawn_at"] == iso(T0 + HOUR)
    assert told[REFERRAL_TRIGGERS][-1]["ask"] == "tweet"


def spoilt_last(topic: str, **fields: Any) -> list[str]:
    world = copied(reader()[0].world())
    world.topics[topic][-1] = edited(world.topics[topic][-1], **fields)
    return differences(world)


@pytest.mark.parametrize(
    ("topic", "fields"),
    [
        (SEGMENT_CHANGES, {"at": iso(T0)}),
        (SEGMENT_CHANGES, {"announced_at": iso(T0)}),
        (REFERRAL_TRIGGERS, {"withdrawn_at": iso(T0)}),
        (REFERRAL_TRIGGERS, {"reason": "other"}),
        (REFERRAL_TRIGGERS, {"ask": "review"}),
        (REFERRAL_TRIGGERS, {"more": 1}),
    ],
)
def test_another_instant_or_reason_is_found(topic: str, fields: dict[str, Any]) -> None:
    assert spoilt_last(topic, **fields)


@pytest.mark.parametrize("header", ["ce_id", "ce_type", "ce_subject", "ce_time", "ce_source", "content-type"])
def test_another_header_of_a_withdrawal_is_found(header: str) -> None:
    world = copied(reader()[0].world())
    one = world.topics[REFERRAL_TRIGGERS][-1]
    world.topics[REFERRAL_TRIGGERS][-1] = replace(one, headers=tuple(pair for pair in one.headers if pair[0] != header))
    assert differences(world)


def test_a_withdrawal_before_its_trigger_is_found() -> None:
    world = copied(reader()[0].world())
    trigger, withdrawal = world.topics[REFERRAL_TRIGGERS]
    world.topics[REFERRAL_TRIGGERS] = [
        replace(withdrawal, offset=trigger.offset), replace(trigger, offset=withdrawal.offset)
    ]  # fmt: skip
    assert any("before its trigger" in one for one in differences(world))


# -- accounts -------------------------------------------------------------------------------------------------------


def test_a_domain_lets_go_of_a_member_that_is_forgotten() -> None:
    log, of = Log(), {"alias": MAIL, "domain": "acme.com"}
    log.message("domain-member", **of)
    assert log.message("forgotten", **of) == []
    log.message("domain-member", **of)
    log.message("claim", domain="acme.com", account=ACME, version=1, created_at=5)
    left = log.message("forgotten", **of)
    assert texts(left, "alias", "version", "joined") == [("membership", ACME, MAIL, 2, False)]
    assert log.message("forgotten", **of) == []
    claimed = log.message("claim", domain="acme.com", account=ACME, version=2)
    assert claimed == []


def test_a_contact_that_is_forgotten_leaves_its_account_and_takes_in_no_change() -> None:
    log = Log()
    log.change(ANN, "create", AccountId=ACME, Email="ann@acme.com")
    left = log.message("forgotten", alias=f"sf:{ANN}")
    assert texts(left, "alias", "version", "joined") == [("membership", ACME, f"sf:{ANN}", 2, False)]
    assert log.change(ANN, AccountId=BETA) == []
    assert log.change(ANN, "delete") == []
    assert log.accounts.records.states[ANN][-1] == {
        "object": "Contact", "id": ANN, "modified_at": None, "deleted": False, "dirty": False, "forgotten": True,
    }  # fmt: skip
    assert log.accounts.records.refetch[ANN] == []


@pytest.mark.parametrize("kind", ["none", "no account", "deleted", "lead"])
def test_who_was_of_no_account_leaves_none(kind: str) -> None:
    log, record = Log(), "00Q000000000001AAA" if kind == "lead" else ANN
    if kind != "none":
        log.change(record, "create", Email="a@x.org", **({} if kind == "no account" else {"AccountId": ACME}))
    if kind == "deleted":
        log.change(record, "delete")
    assert log.message("forgotten", alias=f"sf:{record}") == []
    assert log.accounts.records.states[record][-1]["object"] == ("Lead" if kind == "lead" else "Contact")


TOUCH = [T0, "AAAAAAAAAAAAAAAAAAAAAA==", {"channel": "Direct"}]


def listed(number: int, *touches: Any, since: int = 0, account: str = ACME) -> Message:
    value = {"kind": "touches", "person": USER, "account": account, "number": number, "since": since}
    source = (("source", f"{USER_EVENTS}/0/0".encode()),)
    data = json.dumps(value | {"touches": list(touches)}).encode()
    return Message(0, number, T0, account.encode(), data, source)


@pytest.mark.parametrize(
    ("lists", "clean"),
    [
        ([], True),
        ([listed(1, TOUCH), listed(2)], True),
        ([listed(1, TOUCH)], False),
        ([listed(1, TOUCH), listed(2, since=T0 + 1)], False),
        ([listed(1, TOUCH), listed(3)], False),
        ([listed(1, TOUCH), listed(2), listed(3, TOUCH, account=BETA)], False),
        ([listed(1, TOUCH), listed(2), listed(3, TOUCH, account=BETA), listed(4, account=BETA)], True),
    ],
)
def test_the_account_that_knew_touches_is_told_that_there_are_none(lists: list[Message], clean: bool) -> None:
    world = world_with({"kind": "told", "alias": USER, "change": {"text": "t"}}, forget(USER))
    world.topics[ACCOUNT_EVENTS] = lists
    con = database(world)
    assert (touches.check(con, everybody_in(con), RULES).differences == 0) is clean


def test_the_timeline_of_somebody_forgotten_ends_with_a_null() -> None:
    """The line may have come before or after."""
    told = {"kind": "told", "alias": USER, "change": {"text": "t"}}
    line = Message(0, 0, T0, USER.encode(), json.dumps({"person": USER, "user_id": "u1", "text": "t"}).encode())
    null = replace(line, offset=1, value=None)
    for messages, clean in (
        ([line, null], True),
        ([null], True),
        ([line], False),
        ([line, replace(null, value=b"null")], False),
        ([line, null, replace(null, offset=2)], False),
        ([line, null, replace(line, offset=2)], False),
        ([replace(null, offset=0), replace(line, offset=1)], False),
    ):
        world = world_with(told, forget(USER))
        world.topics[USER_TIMELINE] = messages
        assert (check_timeline(database(world)).differences == 0) is clean, messages


def test_shares_of_whom_nobody_has_are_nobody_s() -> None:
    share = {"kind": "share", "alias": CONTACT, "account": ACME}
    shares = [share | {"number": 1, "arr": 5}, share | {"number": 2, "arr": 7}]
    other, mail = "sf:003000000000002AAA", facts(CONTACT, None, owner=MAIL)
    merged = [facts(CONTACT, None, owner=other), facts(other, None, owner=CONTACT)]
    for records, arr in (
        ([], 0), (shares, 7), ([*shares, facts(CONTACT, None)], 0), ([*shares, forget(CONTACT)], 7),
        ([*shares, mail], 0), ([*shares, mail, forget(MAIL)], 7), ([*shares, *merged], 7),
        ([*shares, mail, link(MAIL)], 0),
    ):  # fmt: skip
        assert nobodys(everybody(*records)) == arr, records
