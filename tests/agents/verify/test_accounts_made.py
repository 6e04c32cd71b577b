"""Verify and accounts: a world that was made by the page is clean, and what befalls any of its messages is found."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from agents.verify.accounts import joins, made, views
from agents.verify.accounts.fold import Accounts, fold
from agents.verify.accounts.tells import Made
from agents.verify.partitioning import partition_of
from agents.verify.report import Check
from agents.verify.world import ACCOUNT_EVENTS, ACCOUNT_VIEWS, SALESFORCE_REFETCH, USER_EVENTS, Message, World
from tests.agents.verify.simulate import T0
from tests.agents.verify.test_accounts_people import database, everybody_in
from tests.agents.verify.test_accounts_told import ACME, ANN, BETA, BOSS, DEAL, EURO, OBJECTS, ROLE, RULES, TASK
from tests.agents.verify.test_corruptions import altered, copied

PARTITIONS = 2


LINK = {"kind": "link", "to": "user:u1", "message_id": "m", "at": T0, "received_at": T0}


class Firm:
    """Writes changes, and what the page makes of them, until nothing more comes of it."""

    def __init__(self) -> None:
        self.accounts = Accounts(RULES, PARTITIONS)
        self.world = World(PARTITIONS)
        self.number = 0

    def put(self, topic: str, key: str | None, value: Any, source: str, partition: int | None = None) -> Message:
        p = partition if key is None else partition_of(key.encode(), PARTITIONS)
        assert p is not None
        data = json.dumps(value, separators=(",", ":")).encode()
        headers = (("source", source.encode()),)
        one = Message(p, self.world.end(topic, p), T0, None if key is None else key.encode(), data, headers)
        self.world.topics.setdefault(topic, []).append(one)
        self.world.committed[topic, p] = one.offset + 1
        return one

    def record(self, made: Made, source: str) -> None:
        one = self.put(made.topic, made.key, made.value, source, made.partition)
        if made.topic == ACCOUNT_EVENTS:
            self.accounts.take(one.partition, one.offset, made.value)
            for more in self.accounts.made[(ACCOUNT_EVENTS, one.partition, one.offset)]:
                self.record(more, f"{ACCOUNT_EVENTS}/{one.partition}/{one.offset}")

    def change(self, record: str, kind: str = "update", **values: Any) -> None:
        self.number += 1
        value = {"kind": "change", "object": OBJECTS[record[:3]], "record": record, "type": kind,
                 "at": T0 + self.number, "transaction": f"t{self.number}", "values": values}  # fmt: skip
        self.record(Made(ACCOUNT_EVENTS, record, value), f"salesforce-changes/0/{self.number}")

    def address(self, alias: str) -> None:
        """Somebody says that an address is theirs: that makes its row."""
        one = self.put(USER_EVENTS, alias, LINK | {"alias": alias}, "web-events/0/0")
        domain = alias.rpartition("@")[2]
        if domain != "gmail.com":
            member = {"kind": "domain-member", "alias": alias, "domain": domain}
            self.record(Made(ACCOUNT_EVENTS, f"domain:{domain}", member), f"{USER_EVENTS}/{one.partition}/{one.offset}")

    def finish(self) -> World:
        for text in self.accounts.merged.elements():
            request = json.loads(text)
            self.put(SALESFORCE_REFETCH, request["id"], request, "")
        for at in self.accounts.partitions:
            for account in at.accounts.values():
                self.put(ACCOUNT_VIEWS, account.id, views.document(account, at, self.accounts), "")
        return self.world


@cache
def firm() -> World:
    made = Firm()
    made.change(EURO, "create", IsoCode="EUR", ConversionRate=1, IsCorporate=True)
    made.address("email:ann@acme.com")
    made.change(ACME, "create", Name="Acme", Website="acme.com", OwnerId=BOSS)
    made.change(ANN, "create", AccountId=ACME, Title="VP")
    made.change(DEAL, "create", AccountId=ACME, Amount=100, IsWon=True, CurrencyIsoCode="EUR")
    made.change(ROLE, "create", OpportunityId=DEAL, ContactId=ANN, Role="Buyer", IsPrimary=True)
    made.address("email:bo@acme.com")
    made.address("email:cy@gmail.com")
    made.change(BOSS, "create", Name="Bo")
    made.change(TASK, "create", WhoId=ANN, Subject="Call")
    made.change(BETA, "create", Name="Beta", Website="acme.com", CreatedDate="2020-01-01T00:00:00.000Z")
    made.change(DEAL, AccountId=BETA, StageName="Won")
    made.change(BETA, Website=None, CreatedDate=None)
    made.change(ACME, "delete")
    made.change(ACME, "snapshot", MasterRecordId=BETA)
    made.change(ANN, AccountId="001000000000003AAA")
    return made.finish()


def differences(world: World) -> list[str]:
    con, found = database(world), Check("account events")
    told = fold(con, RULES, world.partitions, found)
    checks = [made.check(con, told, {}, found), views.check(con, told)]
    joins.check(con, everybody_in(con, world.partitions), found)
    return [f"{check.name}: {one}" for check in checks for one in check.first]


def test_what_the_page_makes_is_clean() -> None:
    assert differences(firm()) == []


def test_the_firm_proves_something() -> None:
    kinds = {
        (topic, json.loads(one.value or b"").get("kind")) for topic, found in firm().topics.items() for one in found
    }
    said = ("membership", "opportunity", "telling", "role", "claim", "domain-member", "reference", "change")
    assert kinds >= {(ACCOUNT_EVENTS, kind) for kind in said}
    assert kinds >= {(USER_EVENTS, kind) for kind in ("account", "told", "facts")}
    assert len(firm().topics[SALESFORCE_REFETCH]) == 1
    assert {("deleted" in json.loads(one.value or b"")) for one in firm().topics[ACCOUNT_VIEWS]} == {True, False}


def drop(world: World, topic: str, place: int) -> None:
    del world.topics[topic][place]


def double(world: World, topic: str, place: int) -> None:
    one = world.topics[topic][place]
    end = world.end(topic, one.partition)
    world.topics[topic].append(replace(one, offset=end))
    world.committed[topic, one.partition] = end + 1


def alter(world: World, topic: str, place: int) -> None:
    world.topics[topic][place] = altered(world.topics[topic][place], Random(place))


@pytest.mark.parametrize("befall", [drop, double, alter], ids=lambda one: one.__name__)
@pytest.mark.parametrize("topic", [ACCOUNT_EVENTS, USER_EVENTS, ACCOUNT_VIEWS, SALESFORCE_REFETCH])
def test_whatever_befalls_a_message_is_found(befall: Callable[[World, str, int], None], topic: str) -> None:
    unseen, tried = [], 0
    for place, one in enumerate(firm().topics[topic]):
        kind = json.loads(one.value or b"").get("kind")
        if kind in ("change", "link") or (topic == ACCOUNT_VIEWS and befall is double):
            continue
        tried += 1
        world = copied(firm())
        befall(world, topic, place)
        if not differences(world):
            unseen.append(one)
    assert unseen == []
    assert tried or befall is double


def test_a_document_says_whether_its_account_is_deleted_or_not_known() -> None:
    world = copied(firm())
    views = world.topics[ACCOUNT_VIEWS]
    place = next(place for place, one in enumerate(views) if b'"deleted":false' in (one.value or b""))
    views[place] = replace(views[place], value=(views[place].value or b"").replace(b'"deleted":false,', b""))
    assert len(differences(world)) == 1


def test_what_an_unconsumed_record_made_is_no_difference() -> None:
    world = copied(firm())
    change = next(one for one in world.topics[ACCOUNT_EVENTS] if b'"change"' in (one.value or b""))
    offset = world.end(ACCOUNT_EVENTS, change.partition)
    world.topics[ACCOUNT_EVENTS].append(replace(change, offset=offset))
    source = f"{ACCOUNT_EVENTS}/{change.partition}/{offset}".encode()
    made_of_it = Message(0, world.end(USER_EVENTS, 0), T0, b"sf:x", b'{"kind":"account"}', (("source", source),))
    world.topics[USER_EVENTS].append(made_of_it)
    assert differences(world) == []
    world.committed[ACCOUNT_EVENTS, change.partition] = offset + 1
    assert len(differences(world)) > 0


def test_a_domain_member_comes_of_a_record_of_its_row_and_of_no_other() -> None:
    alias = "email:ann@acme.com"
    for row, place, clean in ((alias, 0, True), (alias, 1, True), ("email:x@acme.com", 0, False), (alias, 9, False)):
        made = Firm()
        for _ in range(2):
            made.put(USER_EVENTS, alias, LINK | {"alias": alias}, "web-events/0/9")
        one = made.put(USER_EVENTS, row, LINK | {"alias": row}, "web-events/0/9")
        p, o = (partition_of(alias.encode(), PARTITIONS), place) if row == alias else (one.partition, one.offset)
        member = {"kind": "domain-member", "alias": alias, "domain": "acme.com"}
        made.record(Made(ACCOUNT_EVENTS, "domain:acme.com", member), f"{USER_EVENTS}/{p}/{o}")
        found = [text for text in differences(made.finish()) if "email:x@" not in text]
        assert (found == []) is clean
