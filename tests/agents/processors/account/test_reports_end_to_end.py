"""From clicks and Salesforce records to the reports, through the real processors, whatever the pace of their lanes."""

import json
from typing import Any

import pytest

from agents.personas_file import shipped
from agents.verify.world import SALESFORCE_CHANGES, WEB_EVENTS, World
from streams.attribution.cells import Contribution, Dimension, Measure, add, cell_of
from streams.attribution.models import Model
from streams.instants import DAY_MS, iso
from streams.policy import Accounts, Policy
from tests.support.topology import Topology
from tests.support.world import as_world

T0 = 1_760_000_000_000
POLICY = Policy(1, accounts=Accounts(arr="ARR__c"), personas=shipped())
ACME, ANN, BOB = "001000000000001AAA", "003000000000001AAA", "003000000000002AAA"
DEAL, LOST, ROLE, OTHER = "006000000000001AAA", "006000000000002AAA", "00K000000000001AAA", "00K000000000002AAA"
Seed = pytest.mark.parametrize("seed", range(8))


def page(who: dict[str, str], at: int, campaign: str | None, message_id: str) -> dict[str, Any]:
    context: dict[str, Any] = {"page": {"url": "https://example.com/"}}
    if campaign is not None:
        context["campaign"] = {"name": campaign, "source": "news", "medium": "email"}
    return {"type": "page", **who, "messageId": message_id, "timestamp": iso(at), "context": context}


WEB = [
    page({"anonymousId": "a1"}, T0, "Spring", "m1"),
    page({"anonymousId": "a1"}, T0 + DAY_MS, "Summer", "m2"),
    {
        "type": "identify", "userId": "u1", "anonymousId": "a1", "messageId": "m3",
        "timestamp": iso(T0 + DAY_MS + 1_000), "traits": {"email": "ann@acme.com"},
    },
    {"type": "track", "event": "Signed Up", "userId": "u1", "messageId": "m4", "timestamp": iso(T0 + DAY_MS + 2_000)},
    page({"anonymousId": "a2"}, T0 + 2 * DAY_MS, None, "m5"),
]  # fmt: skip


def record(name: str, key: str, **fields: Any) -> dict[str, Any]:
    at = T0 + 3 * DAY_MS
    return {
        "kind": "record",
        "object": name,
        "id": key,
        "deleted": False,
        "at": at,
        "why": "backfill",
        "fields": fields,
    }


ORG = [
    record("Account", ACME, Name="Acme", Website="https://acme.com", Industry="Software", NumberOfEmployees=400),
    record("Contact", ANN, AccountId=ACME, Email="ann@acme.com", Title="VP Product"),
    record("Contact", BOB, AccountId=ACME, Email="bob@acme.com", Title="CTO"),
    record(
        "Opportunity", DEAL, AccountId=ACME, IsWon=True, IsClosed=True, ARR__c=1_000.01,
        CreatedDate=iso(T0 + DAY_MS // 2), CloseDate=iso(T0 + 2 * DAY_MS)[:10],
    ),
    record("Opportunity", LOST, AccountId=ACME, IsWon=False, IsClosed=True, ARR__c=9, CreatedDate=iso(T0 - DAY_MS)),
    record("OpportunityContactRole", ROLE, OpportunityId=DEAL, ContactId=ANN),
    record("OpportunityContactRole", OTHER, OpportunityId=DEAL, ContactId=BOB),
]  # fmt: skip


RECEIVED = T0 + 4 * DAY_MS
"""When the first of the messages is received; in half of the worlds all of them are."""


def played(
    seed: int, org: list[dict[str, Any]], web: list[dict[str, Any]] = WEB, partitions: int = 2, **kinds: Any
) -> Topology:
    """Messages spread over partitions, taken in at any pace; what has an id of its own is said once."""
    topology = Topology(POLICY, partitions=partitions, seed=seed, **({"paces": (1, 3, 30)} | kinds))
    for topic, messages in ((WEB_EVENTS, web), (SALESFORCE_CHANGES, org)):
        for number, one in enumerate(messages):
            at = RECEIVED + number * (seed % 2)
            place = (number + seed) % partitions
            topology.publish(topic, place, json.dumps(one).encode(), at, key=b"k", headers=headers_of(one))
    topology.mark(RECEIVED + DAY_MS)
    topology.come_to_rest()
    return topology


def world(seed: int, org: list[dict[str, Any]], web: list[dict[str, Any]] = WEB, partitions: int = 2) -> World:
    """The same, as values."""
    return as_world(played(seed, org, web, partitions))


def headers_of(message: dict[str, Any]) -> tuple[tuple[str, bytes], ...]:
    """A company and an alias are commands; all others are events or changes."""
    if "domain" in message:
        return (("touchline-command", b"company"),)
    return (("touchline-command", b"forget"),) if "alias" in message else ()


def contributions(made: World) -> dict[str, Contribution]:
    """The latest of each document."""
    found: dict[str, Contribution] = {}
    for one in made.topics["contributions"]:
        document = (one.key or b"").decode()
        found.pop(document, None)
        if one.value is not None:
            found[document] = {cell_of(field): n for field, n in json.loads(one.value)["cells"].items()}
    return found


def row(cells: Contribution, dimension: Dimension, model: Model | None, measure: Measure) -> dict[str, int]:
    return {
        cell.value: n
        for cell, n in cells.items()
        if (cell.dimension, cell.model, cell.measure) == (dimension, model, measure)
    }


@Seed
def test_campaigns_and_personas_get_the_arr_that_they_brought(seed: int) -> None:
    found = contributions(world(seed, ORG))
    user, account = found["user:u1"], found[ACME]
    assert row(user, Dimension.campaign, None, Measure.sessions) == {"Spring": 1, "Summer": 1}
    assert row(user, Dimension.campaign, Model.linear, Measure.sign_ups) == {"Spring": 500_000, "Summer": 500_000}
    assert row(account, Dimension.campaign, Model.first, Measure.arr) == {"Spring": 100_001}
    assert row(account, Dimension.campaign, Model.last, Measure.arr) == {"Summer": 100_001}
    assert row(account, Dimension.campaign, Model.linear, Measure.arr) == {"Spring": 50_000, "Summer": 50_001}
    assert row(account, Dimension.campaign, Model.last, Measure.opportunities) == {
        "Spring": 1_000_000,
        "(unattributed)": 1_000_000,
    }
    assert row(user, Dimension.persona, None, Measure.arr) == {"product / software / 201-1000": 50_000}
    assert row(user, Dimension.title, None, Measure.people) == {"VP Product": 1}
    assert row(user, Dimension.account, None, Measure.people) == {ACME: 1}
    assert "anon:a1" not in found
    assert row(found["email:bob@acme.com"], Dimension.title, None, Measure.arr) == {"CTO": 50_001}
    assert row(found["anon:a2"], Dimension.channel, None, Measure.sessions) == {"Direct": 1}
    assert not any(row(found["anon:a2"], one, None, Measure.people) for one in Dimension)


@Seed
def test_whatever_is_arr_by_campaign_is_arr_by_persona_and_by_account(seed: int) -> None:
    nothing: Contribution = {}
    whole = nothing
    for cells in contributions(world(seed, ORG[:-2] if seed % 2 else ORG)).values():
        whole = add(whole, cells)
    by = {one: sum(row(whole, one, None, Measure.arr).values()) for one in (Dimension.persona, Dimension.account)}
    by |= {
        one: sum(row(whole, one, Model.position, Measure.arr).values())
        for one in (Dimension.campaign, Dimension.channel)
    }
    assert set(by.values()) == {100_001}


@Seed
def test_a_reopened_opportunity_takes_its_arr_back(seed: int) -> None:
    reopened = replace_record(ORG, DEAL, IsWon=False, IsClosed=False)
    found = contributions(world(seed, [*ORG, *reopened]))
    assert row(found[ACME], Dimension.campaign, Model.first, Measure.arr) == {}
    assert row(found["user:u1"], Dimension.persona, None, Measure.arr) == {}


def replace_record(org: list[dict[str, Any]], key: str, **fields: Any) -> list[dict[str, Any]]:
    return [{**one, "at": one["at"] + DAY_MS // 2, "fields": one["fields"] | fields} for one in org if one["id"] == key]


@Seed
def test_a_click_that_comes_late_corrects_the_report(seed: int) -> None:
    """The last in its log, but the first that happened."""
    late = page({"anonymousId": "a1"}, T0 - DAY_MS, "Winter", "m0")
    found = contributions(world(seed, ORG, [*WEB, late]))
    assert row(found[ACME], Dimension.campaign, Model.first, Measure.arr) == {"Winter": 100_001}
    assert row(found["user:u1"], Dimension.campaign, Model.first, Measure.sign_ups) == {"Winter": 1_000_000}


@Seed
def test_what_a_source_of_companies_knows_makes_the_persona_where_the_account_says_nothing(seed: int) -> None:
    company = {"domain": "acme.com", "industry": "Software", "employees": 400, "name": "Acme Inc"}
    org = [one if one["object"] != "Account" else record("Account", ACME, Name="Acme") for one in ORG]
    found = world(seed, org, [*WEB, company])
    views = {one.key: json.loads(one.value or b"") for one in found.topics["profile-views"]}
    ann = views[b"user:u1"]
    assert (ann["account"]["id"], ann["company"]["name"]) == (ACME, "Acme Inc")
    assert row(contributions(found)["user:u1"], Dimension.persona, None, Measure.people) == {
        "product / software / 201-1000": 1
    }


@Seed
def test_who_moves_to_another_account_takes_the_touches_along(seed: int) -> None:
    brand = "001000000000002AAA"
    moved = [*ORG, record("Account", brand, Name="Brand"), *replace_record(ORG, ANN, AccountId=brand)]
    found = contributions(world(seed, moved))
    assert row(found[ACME], Dimension.campaign, Model.first, Measure.arr) == {"(unattributed)": 100_001}
    assert row(found["user:u1"], Dimension.account, None, Measure.people) == {brand: 1}
