"""Lanes of `account-events` that feed themselves: whatever their pace, everybody hears the same in the end."""

import json
from collections import Counter, defaultdict
from itertools import count
from random import Random
from typing import Any

import msgspec
import pytest

from agents.partitions import partition_of
from agents.processors.account.accounts import MEMBERS_AT_MOST
from streams.account.messages import (
    CompanyKnown,
    DomainMember,
    Forgotten,
    Message,
    Role,
    Telling,
    encode_message,
    key_of,
)
from streams.events import NO_FIELDS, AccountState, Record, ShareOf, Told, decode_record
from streams.policy import Accounts, Policy
from streams.salesforce.change import Change
from tests.support.topology import Silent, Topology

T0 = 1_760_000_000_000
PARTITIONS = 3
POLICY = Policy(1, accounts=Accounts(arr="ARR__c", nps="NPS__c"))
ACME, BRAND = "001000000000001AAA", "001000000000002AAA"
ANN, BOB = "003000000000001AAA", "003000000000002AAA"
DEAL, OTHER = "006000000000001AAA", "006000000000002AAA"
EVE = "005000000000001AAA"
ticks = count(1)


def snapshot(name: str, key: str, *, deleted: bool = False, **values: Any) -> Change:
    """What a record is as of now; one that comes later counts."""
    at = next(ticks)
    return Change(name, key, "snapshot", T0 + at, sequence=at, values=values, deleted=deleted)


def update(name: str, key: str, **values: Any) -> Change:
    at = next(ticks)
    return Change(name, key, "update", T0 + at, f"t{at}", 1, values)


class Refusals(Silent):
    """Counts whom accounts did not take in."""

    def __init__(self) -> None:
        self.refused = 0

    def recorded(self, rejected: "Counter[str]", refused: int) -> None:
        self.refused += refused


class Lanes:
    """All lanes of the topic.  Those of people hold back what they hear: no time passes."""

    def __init__(self, seed: int = 0, policy: Policy = POLICY, **kinds: Any) -> None:
        self.refusals = Refusals()
        self.topology = Topology(policy, partitions=PARTITIONS, seed=seed, observer=self.refusals, **kinds)

    @property
    def refused(self) -> int:
        return self.refusals.refused

    def feed(self, *messages: Change | Message) -> "Lanes":
        for message in messages:
            key = key_of(message)
            assert key is not None
            self.write(key, key.encode(), encode_message(message))
        self.topology.come_to_rest()
        return self

    def write(self, place: str, key: bytes | None, value: bytes) -> None:
        """Append to the partition of a key, whatever it is."""
        self.topology.publish("account-events", partition_of(place, PARTITIONS), value, T0, key=key)

    @property
    def people(self) -> list[Record]:
        """What people hear."""
        return [decode_record(one.value) for one in self.topology.messages("user-events")]

    @property
    def views(self) -> dict[str, Any]:
        return {key.decode(): json.loads(value) for key, value in self.topology.latest("account-views").items()}

    @property
    def refetches(self) -> list[Any]:
        return [json.loads(one.value) for one in self.topology.messages("salesforce-refetch")]

    @property
    def rejected(self) -> list[bytes | None]:
        return [one.value for one in self.topology.messages("rejected-events")]

    @property
    def rows(self) -> list[tuple[bytes, bytes]]:
        """Of accounts, records and domains."""
        lanes = (lane for lane in self.topology.lanes if lane.lane.topic == "account-events")
        return [row for lane in lanes for row in lane.rows.items()]

    def heard(self) -> dict[str, dict[str, Any]]:
        """{alias: {account: its state}} as everybody heard it last."""
        last: dict[tuple[str, str], AccountState] = {}
        for one in self.people:
            if isinstance(one, AccountState) and last.get((one.alias, one.account), one).number <= one.number:
                last[one.alias, one.account] = one
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        for (alias, account), one in last.items():
            if one.state:
                found[alias][account] = json.loads(bytes(one.state))
        return dict(found)

    def told(self) -> list[tuple[str, str]]:
        return [(one.alias, json.loads(bytes(one.change))["text"]) for one in self.people if isinstance(one, Told)]


def acme(**values: Any) -> Change:
    return snapshot("Account", ACME, **{"Name": "Acme", "Website": "https://acme.com", "OwnerId": EVE, **values})


def won(deal: str = DEAL, **values: Any) -> Change:
    return snapshot("Opportunity", deal, AccountId=ACME, IsWon=True, IsClosed=True, CloseDate="2025-10-01", **values)


def test_contacts_and_addresses_of_its_domain_hear_of_an_account() -> None:
    lanes = Lanes().feed(
        acme(NPS__c=9, NumberOfEmployees=400),
        snapshot("User", EVE, Name="Eve", Email="eve@example.com"),
        snapshot("Contact", ANN, AccountId=ACME),
        DomainMember("email:cy@acme.com", "acme.com"),
        DomainMember("email:dan@brand.com", "brand.com"),
    )
    state = {
        "name": "Acme",
        "employees": 400,
        "website": "https://acme.com",
        "nps": 9,
        "owner": {"id": EVE, "name": "Eve", "email": "eve@example.com"},
        "currency": "USD",
        "arr": 0,
        "opportunities": [],
    }
    assert lanes.heard() == {f"sf:{ANN}": {ACME: state}, "email:cy@acme.com": {ACME: state}}
    assert lanes.views == {ACME: {"account": ACME, **state, "members": ["email:cy@acme.com", f"sf:{ANN}"]}}


def test_arr_is_that_of_the_won_opportunities_and_is_reversed_when_one_is_reopened() -> None:
    lanes = Lanes().feed(acme(), won(ARR__c=1_000), won(OTHER, Amount=50.5))
    assert lanes.views[ACME]["arr"] == 105_050
    lanes.feed(update("Opportunity", DEAL, IsWon=False, IsClosed=False))
    assert lanes.views[ACME]["arr"] == 5_050
    lanes.feed(snapshot("Opportunity", OTHER, AccountId=ACME, IsWon=True, Amount=50.5, deleted=True))
    assert (lanes.views[ACME]["arr"], [one["id"] for one in lanes.views[ACME]["opportunities"]]) == (0, [DEAL])


def test_an_opportunity_that_moves_takes_its_arr_along() -> None:
    lanes = Lanes().feed(acme(), snapshot("Account", BRAND, Name="Brand"), won(Amount=10))
    lanes.feed(update("Opportunity", DEAL, AccountId=BRAND))
    assert (lanes.views[ACME]["arr"], lanes.views[BRAND]["arr"]) == (0, 1_000)


def test_what_cannot_be_priced_is_counted_until_its_rate_comes() -> None:
    lanes = Lanes().feed(acme(), won(Amount=80, CurrencyIsoCode="EUR"))
    assert (lanes.views[ACME]["arr"], lanes.views[ACME]["unpriced"]) == (0, 1)
    lanes.feed(
        snapshot("CurrencyType", "01L000000000001AAA", IsoCode="EUR", ConversionRate=0.8, IsCorporate=False),
        snapshot("CurrencyType", "01L000000000002AAA", IsoCode="USD", ConversionRate=1, IsCorporate=True),
    )
    assert (lanes.views[ACME]["arr"], lanes.views[ACME].get("unpriced")) == (10_000, None)


def test_of_two_rates_of_one_currency_the_record_s_counts_whose_id_sorts_last() -> None:
    rates = [
        snapshot("CurrencyType", f"01L00000000000{n}AAA", IsoCode=code, ConversionRate=rate)
        for n, code, rate in ((2, "EUR", 0.5), (1, "EUR", 4), (3, "USD", 1))
    ]
    assert Lanes().feed(acme(), won(Amount=80, CurrencyIsoCode="EUR"), *rates).views[ACME]["arr"] == 16_000


def test_each_member_is_told_each_change_of_the_account_and_its_opportunities() -> None:
    lanes = Lanes().feed(acme(), snapshot("Contact", ANN, AccountId=ACME), won(Amount=10))
    lanes.feed(update("Account", ACME, Industry="Software"), update("Opportunity", DEAL, StageName="Closed Won"))
    assert lanes.told() == [
        (f"sf:{ANN}", "Salesforce Account Updated: Industry (empty) -> Software"),
        (f"sf:{ANN}", "Salesforce Opportunity Updated: StageName (empty) -> Closed Won"),
    ]
    assert len({one.once for one in lanes.people if isinstance(one, Told)}) == 2


def test_a_task_is_told_to_whom_it_is_about() -> None:
    task = Change("Task", "00T000000000001AAA", "create", T0, "t", 1, {"Subject": "Call", "WhoId": ANN})
    nobody = Change("Task", "00T000000000002AAA", "create", T0, "t", 2, {"Subject": "Call", "WhatId": ACME})
    assert Lanes().feed(task, nobody).told() == [(f"sf:{ANN}", "Salesforce Task Created")]


def test_who_leaves_hears_no_more() -> None:
    lanes = Lanes().feed(acme(), snapshot("Contact", ANN, AccountId=ACME), snapshot("Contact", BOB, AccountId=ACME))
    lanes.feed(update("Contact", ANN, AccountId=None), snapshot("Contact", BOB, AccountId=ACME, deleted=True))
    assert lanes.heard() == {}
    assert lanes.views[ACME]["members"] == []


def test_a_contact_that_is_forgotten_leaves_and_takes_nothing_in_any_more() -> None:
    lanes = Lanes().feed(acme(), snapshot("Contact", ANN, AccountId=ACME, Title="VP"), Forgotten(f"sf:{ANN}"))
    lanes.feed(update("Contact", ANN, AccountId=BRAND, Title="CEO"))
    assert lanes.heard() == {}
    assert lanes.views[ACME]["members"] == []
    assert not any(b"VP" in row or b"CEO" in row for _, row in lanes.rows)


def test_an_address_that_is_forgotten_leaves_its_domain_and_the_holder() -> None:
    address = "email:cy@acme.com"
    lanes = Lanes().feed(acme(), DomainMember(address, "acme.com"), Forgotten(address, "acme.com"))
    assert lanes.views[ACME]["members"] == []
    assert not any(b"cy@acme.com" in key for key, _ in lanes.rows)
    lanes.feed(snapshot("Account", BRAND, Name="Old", Website="acme.com", CreatedDate="2025-01-01T00:00:00.000Z"))
    assert lanes.heard() == {}


def known(**fields: Any) -> CompanyKnown:
    return CompanyKnown("acme.com", msgspec.Raw(json.dumps(fields).encode()) if fields else NO_FIELDS)


def test_addresses_hear_what_is_known_of_their_company_whoever_comes_first() -> None:
    early, late = "email:cy@acme.com", "email:di@acme.com"
    lanes = Lanes().feed(DomainMember(early, "acme.com"), known(name="Acme"), DomainMember(late, "acme.com"))
    assert lanes.heard() == {alias: {"domain:acme.com": {"name": "Acme"}} for alias in (early, late)}
    lanes.feed(known(name="Acme", employees=4))
    assert lanes.heard()[early] == {"domain:acme.com": {"name": "Acme", "employees": 4}}
    lanes.feed(known())
    assert lanes.heard() == {}


def test_what_is_known_already_is_not_told_again() -> None:
    lanes = Lanes().feed(DomainMember("email:cy@acme.com", "acme.com"), known(name="Acme"))
    before = len(lanes.people)
    assert len(lanes.feed(known(name="Acme")).people) == before


def test_a_company_and_an_account_of_one_domain_are_heard_beside_each_other() -> None:
    cy = "email:cy@acme.com"
    lanes = Lanes().feed(DomainMember(cy, "acme.com"), known(employees=4), acme(CreatedDate="2025-02-01T00:00:00.000Z"))
    assert sorted(lanes.heard()[cy]) == [ACME, "domain:acme.com"]
    lanes.feed(snapshot("Account", BRAND, Name="Old", Website="acme.com", CreatedDate="2025-01-01T00:00:00.000Z"))
    assert sorted(lanes.heard()[cy]) == [BRAND, "domain:acme.com"]


def test_a_deleted_account_has_no_state() -> None:
    lanes = Lanes().feed(
        acme(),
        snapshot("Contact", ANN, AccountId=ACME),
        Change("Account", ACME, "delete", T0 + next(ticks), "d", 1),
    )
    assert lanes.heard() == {}
    assert lanes.views == {ACME: {"account": ACME, "deleted": True}}


def test_a_domain_goes_to_the_older_account_and_back() -> None:
    lanes = Lanes().feed(
        acme(CreatedDate="2025-02-01T00:00:00.000Z"),
        DomainMember("email:cy@acme.com", "acme.com"),
        snapshot("Account", BRAND, Name="Old", Website="acme.com", CreatedDate="2025-01-01T00:00:00.000Z"),
    )
    assert list(lanes.heard()["email:cy@acme.com"]) == [BRAND]
    lanes.feed(update("Account", BRAND, Website="brand.com"))
    assert list(lanes.heard()["email:cy@acme.com"]) == [ACME]


def test_everything_below_an_account_that_was_merged_is_read_again() -> None:
    lanes = Lanes().feed(
        acme(), snapshot("Contact", ANN, AccountId=ACME), won(), DomainMember("email:c@acme.com", "acme.com")
    )
    lanes.feed(snapshot("Account", ACME, MasterRecordId=BRAND, deleted=True))
    asked = [(one["object"], one["id"]) for one in lanes.refetches if one["why"] == "merged"]
    assert sorted(asked) == [("Contact", ANN), ("Opportunity", DEAL)]


def test_an_account_takes_in_so_many_members_and_counts_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MEMBERS_AT_MOST == 10_000
    monkeypatch.setattr("agents.processors.account.accounts.MEMBERS_AT_MOST", 1)
    lanes = Lanes().feed(acme(), snapshot("Contact", ANN, AccountId=ACME))
    lanes.feed(snapshot("Contact", BOB, AccountId=ACME))
    assert (lanes.views[ACME]["members"], lanes.refused) == ([f"sf:{ANN}"], 1)


def test_who_leaves_gives_the_place_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.processors.account.accounts.MEMBERS_AT_MOST", 1)
    lanes = Lanes().feed(acme(), snapshot("Contact", ANN, AccountId=ACME), update("Contact", ANN, AccountId=None))
    lanes.feed(snapshot("Contact", BOB, AccountId=ACME))
    assert (lanes.views[ACME]["members"], lanes.refused) == ([f"sf:{BOB}"], 0)


def test_new_rules_tell_everybody_anew_without_a_record() -> None:
    lanes = Lanes().feed(acme(), snapshot("Contact", ANN, AccountId=ACME), won(ARR__c=7, Amount=10))
    lanes.topology.deploy(Policy(2))
    for lane in lanes.topology.lanes:
        if lane.lane.topic == "account-events":
            lane.idle()
            assert lane.processor.idle(T0) is None
    assert lanes.heard()[f"sf:{ANN}"][ACME]["arr"] == 1_000


def test_an_older_word_on_a_role_changes_nothing() -> None:
    lanes = Lanes().feed(acme(), won(Amount=10), Role("00K000000000001AAA", DEAL, 2, ANN))
    lanes.feed(Role("00K000000000001AAA", DEAL, 1, BOB), Role("00K000000000001AAA", DEAL, 2))
    shares = [(one.alias, one.arr) for one in lanes.people if isinstance(one, ShareOf)]
    assert shares == [(f"sf:{ANN}", 1_000)]


def test_a_message_that_is_none_is_kept_and_stops_nobody() -> None:
    lanes = Lanes()
    for key, value in (
        (ACME.encode(), b"{"),
        (b"other", encode_message(acme())),
        (None, encode_message(acme())),
        (ACME.encode(), encode_message(Telling(ACME, msgspec.Raw(b"[]"), "x"))),
    ):
        lanes.write(ACME, key, value)
    lanes.feed(acme())
    assert (len(lanes.rejected), lanes.views[ACME]["name"]) == (4, "Acme")


def random_history(rng: Random) -> list[Change | Message]:
    """A small company's records, each in several versions."""
    accounts, contacts, deals = [ACME, BRAND], [ANN, BOB], [DEAL, OTHER]
    history: list[Change | Message] = [DomainMember(f"email:{name}@acme.com", "acme.com") for name in ("cy", "di")]
    for _ in range(rng.randint(5, 40)):
        account, gone = rng.choice([*accounts, None]), rng.random() < 0.1
        match rng.randrange(6):
            case 0:
                site, created = rng.choice(["acme.com", "brand.com", None]), rng.choice(["2025-01-01", "2025-02-01"])
                values = {"Name": rng.choice("AB"), "Website": site, "CreatedDate": f"{created}T00:00:00.000Z"}
                values["OwnerId"] = rng.choice([EVE, None])
                history.append(snapshot("Account", rng.choice(accounts), deleted=gone, **values))
            case 1:
                history.append(snapshot("Contact", rng.choice(contacts), deleted=gone, AccountId=account))
            case 2:
                values = {"AccountId": account, "IsWon": rng.random() < 0.6, "Amount": rng.randint(1, 9)}
                values["CurrencyIsoCode"] = rng.choice(["EUR", "USD"])
                history.append(snapshot("Opportunity", rng.choice(deals), deleted=gone, **values))
            case 3:
                values = {"OpportunityId": rng.choice(deals), "ContactId": rng.choice(contacts)}
                history.append(snapshot("OpportunityContactRole", "00K000000000001AAA", deleted=gone, **values))
            case 4:
                history.append(snapshot("User", EVE, Name=rng.choice("EF")))
            case 5:
                values = {"IsoCode": "EUR", "ConversionRate": rng.choice([0.5, 2])}
                history.append(snapshot("CurrencyType", "01L000000000001AAA", **values))
                history.append(snapshot("CurrencyType", "01L000000000002AAA", IsoCode="USD", ConversionRate=1))
    rng.shuffle(history)
    return history


def expected(history: list[Change | Message]) -> dict[str, dict[str, Any]]:
    """{account: name, ARR, members}, from the latest version of each record."""
    records: dict[str, Change] = {}
    for one in sorted((one for one in history if isinstance(one, Change)), key=lambda one: one.at):
        records[one.record] = one
    alive = [one for one in records.values() if not one.deleted]
    rates = {one.values["IsoCode"]: one.values["ConversionRate"] for one in alive if one.object == "CurrencyType"}
    found = {
        one.record: {"name": one.values["Name"], "arr": 0, "members": set()} for one in alive if one.object == "Account"
    }
    claims = [
        (one.values["CreatedDate"], one.record)
        for one in alive
        if one.object == "Account" and one.values["Website"] == "acme.com"
    ]
    for one in alive:
        account = found.get(str(one.values.get("AccountId")))
        if account is None:
            continue
        if one.object == "Contact":
            account["members"].add(f"sf:{one.record}")
        elif one.values["IsWon"] and one.values["CurrencyIsoCode"] == "USD":
            account["arr"] += one.values["Amount"] * 100
        elif one.values["IsWon"] and rates:
            account["arr"] += int(one.values["Amount"] * 100 / rates["EUR"])
    if claims:
        found[min(claims)[1]]["members"] |= {one.alias for one in history if isinstance(one, DomainMember)}
    return found


@pytest.mark.parametrize("seed", range(60))
def test_any_pace_any_order_and_any_restart_gives_what_the_latest_records_say(seed: int) -> None:
    history = random_history(Random(seed))
    lanes = Lanes(seed, workers=1 + seed % 2, crashes=0.05)
    for start in range(0, len(history), 7):
        lanes.feed(*history[start : start + 7])
        lanes.topology.restart()
    shown = {
        account: {"name": view["name"], "arr": view["arr"], "members": set(view["members"])}
        for account, view in lanes.views.items()
        if "name" in view
    }
    assert shown == expected(history)
    heard = {(alias, account) for alias, accounts in lanes.heard().items() for account in accounts}
    assert heard == {(alias, account) for account, one in shown.items() for alias in one["members"]}
    for alias, accounts in lanes.heard().items():
        for account, state in accounts.items():
            assert state == {
                name: value for name, value in lanes.views[account].items() if name not in ("account", "members")
            }, alias
