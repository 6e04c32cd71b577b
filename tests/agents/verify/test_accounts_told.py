"""The page of accounts, told a second time: what each record of `account-events` makes (docs/accounts.md)."""

from typing import Any

import pytest

from agents.verify.accounts.fold import Accounts
from agents.verify.accounts.tells import Made
from agents.verify.rules import AccountRules
from agents.verify.world import ACCOUNT_EVENTS
from tests.agents.verify.simulate import T0

ACME, BETA = "001000000000001AAA", "001000000000002AAA"
ANN, DEAL, ROLE, TASK = "003000000000001AAA", "006000000000001AAA", "00K000000000001AAA", "00T000000000001AAA"
BOSS, EURO, DOLLAR = "005000000000001AAA", "01L000000000001AAA", "01L000000000002AAA"
OBJECTS = {
    "001": "Account", "003": "Contact", "005": "User", "006": "Opportunity", "00K": "OpportunityContactRole",
    "00Q": "Lead", "00T": "Task", "01L": "CurrencyType",
}  # fmt: skip
RULES = AccountRules(arr="ARR__c", term_months="Term__c", nps="NPS__c")


class Log:
    """One partition or more of `account-events`; each call adds a record and gives what it makes."""

    def __init__(self, partitions: int = 1) -> None:
        self.accounts, self.offset = Accounts(RULES, partitions), -1

    def take(self, document: dict[str, Any]) -> list[Made]:
        self.offset += 1
        self.accounts.take(0, self.offset, document)
        return self.accounts.made[(ACCOUNT_EVENTS, 0, self.offset)]

    def change(self, record: str, kind: str = "update", **values: Any) -> list[Made]:
        return self.take(
            {
                "kind": "change",
                "object": OBJECTS[record[:3]],
                "record": record,
                "type": kind,
                "at": T0 + self.offset,
                "transaction": f"t{self.offset}",
                "values": values,
            }
        )

    def message(self, kind: str, **content: Any) -> list[Made]:
        return self.take({"kind": kind, **content})

    def member(self, alias: str, account: str = ACME, version: int = 1, joined: bool = True) -> list[Made]:
        return self.message("membership", alias=alias, account=account, version=version, joined=joined)

    def deal(self, version: int = 1, record: str = DEAL, account: str = ACME, **fields: Any) -> list[Made]:
        return self.message("opportunity", opportunity=record, account=account, version=version, fields=fields)

    def state(self, account: str = ACME) -> dict[str, Any]:
        found = self.accounts.partitions[0].accounts[account].last
        assert found is not None
        return found


def texts(made: list[Made], *names: str) -> list[tuple[Any, ...]]:
    """Kind, key, and the fields of those names."""
    return [(one.value["kind"], one.key, *(one.value.get(name) for name in names)) for one in made]


def of_kind(kind: str, made: list[Made]) -> list[Made]:
    return [one for one in made if one.value["kind"] == kind]


# -- part 2: what each record tells -------------------------------------------------------------------------------


def test_a_contact_leaves_the_account_before_and_joins_the_one_now() -> None:
    log = Log()
    first = of_kind("membership", log.change(ANN, "create", AccountId=ACME))
    assert texts(first, "alias", "version", "joined") == [("membership", ACME, f"sf:{ANN}", 1, True)]
    moved = of_kind("membership", log.change(ANN, AccountId=BETA[:15]))
    assert texts(moved, "version", "joined") == [("membership", ACME, 2, False), ("membership", BETA, 2, True)]
    assert of_kind("membership", log.change(ANN, Title="VP")) == []
    gone = of_kind("membership", log.change(ANN, "delete"))
    assert texts(gone, "version", "joined") == [("membership", BETA, 4, False)]
    back = of_kind("membership", log.change(ANN, "undelete"))
    assert texts(back, "version", "joined") == [("membership", BETA, 5, True)]


def test_a_value_that_is_no_id_is_none() -> None:
    log = Log()
    assert of_kind("membership", log.change(ANN, "create", AccountId="acme")) == []
    assert of_kind("membership", log.change(ANN, AccountId=7)) == []


def test_an_opportunity_is_told_to_its_account_and_taken_from_the_one_before() -> None:
    log = Log()
    created = log.change(DEAL, "create", AccountId=ACME, Amount=5)
    assert texts(created, "version", "fields", "once") == [
        ("opportunity", ACME, 1, {"AccountId": ACME, "Amount": 5}, None),
        ("telling", ACME, None, None, "account-events/0/0"),
    ]
    assert created[1].value["change"]["text"] == "Salesforce Opportunity Created"
    moved = log.change(DEAL, AccountId=BETA)
    assert texts(moved, "fields") == [
        ("opportunity", BETA, {"AccountId": BETA, "Amount": 5}), ("opportunity", ACME, {}), ("telling", BETA, None),
    ]  # fmt: skip
    gone = log.change(DEAL, "delete")
    assert texts(gone, "fields", "version") == [("opportunity", BETA, {}, 3), ("telling", BETA, None, None)]


def test_without_a_line_an_opportunity_tells_nobody() -> None:
    log = Log()
    log.change(DEAL, "create", AccountId=ACME)
    assert [one.value["kind"] for one in log.change(DEAL, LastModifiedDate="2026-01-01T00:00:00.000Z")] == [
        "opportunity"
    ]


def test_a_role_goes_to_its_opportunity() -> None:
    log, other = Log(), "006000000000002AAA"
    values = {"OpportunityId": DEAL, "ContactId": ANN, "Role": "Buyer", "IsPrimary": True}
    names = "role", "version", "contact", "name", "primary"
    assert texts(log.change(ROLE, "create", **values), *names) == [("role", DEAL, ROLE, 1, ANN, "Buyer", True)]
    assert texts(log.change(ROLE, OpportunityId=other), *names) == [
        ("role", other, ROLE, 2, ANN, "Buyer", True), ("role", DEAL, ROLE, 2, None, None, None),
    ]  # fmt: skip
    assert texts(log.change(ROLE, ContactId=None), *names) == [("role", other, ROLE, 3, None, None, None)]
    log.change(ROLE, ContactId=ANN, IsPrimary="yes")
    assert texts(log.change(ROLE, "delete"), *names) == [("role", other, ROLE, 5, None, None, None)]


def test_an_account_claims_its_domain_and_lets_go_of_the_one_before() -> None:
    log = Log()
    created = log.change(ACME, "create", Website="https://www.acme.com/x", CreatedDate="2026-01-01T00:00:00.000Z")
    assert texts(created, "account", "created_at", "version") == [
        ("claim", "domain:acme.com", ACME, 1_767_225_600_000, 1)
    ]
    moved = log.change(ACME, Website="acme.de", CreatedDate=None)
    assert texts(moved, "created_at") == [("claim", "domain:acme.com", None), ("claim", "domain:acme.de", 0)]
    assert log.change(ACME, Website="www.acme.de") == []
    assert texts(log.change(ACME, "delete"), "created_at") == [("claim", "domain:acme.de", None)]


def test_users_and_currencies_are_told_to_each_partition() -> None:
    log = Log(partitions=3)
    made = log.change(BOSS, "create", Name="Bo")
    assert [(one.key, one.partition, one.value["fields"]) for one in made] == [
        (None, p, {"Name": "Bo"}) for p in range(3)
    ]
    assert log.change(EURO, "create", IsoCode="EUR")[0].value["object"] == "CurrencyType"
    assert log.change(BOSS, "delete")[0].value["fields"] == {}


def test_a_task_is_told_to_the_person_whom_it_is_about() -> None:
    log = Log()
    made = log.change(TASK, "create", WhoId=ANN[:15], Subject="Call")
    assert texts(made, "alias", "once") == [("told", f"sf:{ANN}", f"sf:{ANN}", None)]
    assert log.change(TASK, WhoId=DEAL) == []
    assert log.change("00Q000000000001AAA", "create", Title="VP")[0].value["kind"] == "facts"


def test_a_field_of_over_a_thousand_bytes_is_not_told() -> None:
    made = Log().change(DEAL, "create", AccountId=ACME, Description="d" * 999)
    assert made[0].value["fields"] == {"AccountId": ACME}


# -- the opportunity's row ----------------------------------------------------------------------------------------


def role(version: int = 1, record: str = ROLE, **content: Any) -> dict[str, Any]:
    return {"role": record, "opportunity": DEAL, "version": version, **content}


def test_a_role_raises_the_version_of_its_opportunity_and_goes_to_its_account() -> None:
    log = Log()
    log.change(DEAL, "create", AccountId=ACME)
    made = log.message("role", **role(contact=ANN, name="Buyer"))
    assert texts(made, "version", "roles") == [
        ("opportunity", ACME, 2, [{"contact": ANN, "name": "Buyer", "primary": False}])
    ]
    assert log.message("role", **role(contact=BOSS)) == []
    assert log.message("role", **role(2, contact=ANN, name="Buyer", primary=False)) == []
    assert texts(log.message("role", **role(3)), "version", "roles") == [("opportunity", ACME, 3, [])]
    assert texts(log.change(DEAL, Amount=5), "version")[0] == ("opportunity", ACME, 4)


def test_roles_are_sorted_by_their_ids() -> None:
    log, first = Log(), "00K000000000000AAA"
    log.change(DEAL, "create", AccountId=ACME)
    log.message("role", **role(contact=ANN))
    made = log.message("role", **role(record=first, contact=BOSS))
    assert [one["contact"] for one in made[0].value["roles"]] == [BOSS, ANN]


def test_a_role_before_its_opportunity_waits_for_it() -> None:
    log = Log()
    assert log.message("role", **role(contact=ANN)) == []
    assert log.change(DEAL, "create", AccountId=ACME)[0].value["roles"][0]["contact"] == ANN


# -- part 3: domains ----------------------------------------------------------------------------------------------


def claim(account: str, version: int = 1, **created: int) -> dict[str, Any]:
    return {"domain": "acme.com", "account": account, "version": version, **created}


def test_the_holder_of_a_domain_is_the_oldest_account_and_takes_its_members_over() -> None:
    log, alias = Log(), "email:ann@acme.com"
    joins = {"alias": alias, "domain": "acme.com"}
    assert log.message("domain-member", **joins) == []
    assert texts(log.message("claim", **claim(BETA, created_at=5)), "version", "joined") == [
        ("membership", BETA, 1, True)
    ]
    assert log.message("domain-member", **joins) == []
    assert texts(log.message("claim", **claim(ACME, created_at=5)), "version", "joined") == [
        ("membership", BETA, 2, False), ("membership", ACME, 2, True),
    ]  # fmt: skip
    new = log.message("domain-member", **joins | {"alias": "email:bo@acme.com"})
    assert texts(new, "alias", "version") == [("membership", ACME, "email:bo@acme.com", 2)]
    log.message("claim", **claim(BETA, 2))
    assert log.message("claim", **claim(ACME, 1)) == []
    last = log.message("claim", **claim(ACME, 2))
    assert texts(last, "alias", "version", "joined") == [
        ("membership", ACME, alias, 3, False), ("membership", ACME, "email:bo@acme.com", 3, False),
    ]  # fmt: skip


def test_a_claim_of_unknown_age_is_the_oldest() -> None:
    log = Log()
    log.message("domain-member", alias="email:a@acme.com", domain="acme.com")
    log.message("claim", **claim(ACME, created_at=5))
    assert len(log.message("claim", **claim(BETA, created_at=0))) == 2


# -- parts 3 and 4: accounts --------------------------------------------------------------------------------------


def test_who_joins_hears_the_state_and_who_leaves_hears_none() -> None:
    log = Log()
    log.change(ACME, "create", Name="Acme")
    joined = log.member("email:ann@acme.com")
    assert texts(joined, "account", "number") == [("account", "email:ann@acme.com", ACME, 1)]
    assert joined[0].value["state"] == {"name": "Acme", "currency": "USD", "arr": 0}
    assert log.member("email:ann@acme.com") == []
    left = log.member("email:ann@acme.com", version=2, joined=False)
    assert texts(left, "number", "state") == [("account", "email:ann@acme.com", 2, None)]
    assert log.member("email:ann@acme.com", version=1) == []
    assert log.member("email:bo@acme.com", joined=False) == []


def test_each_member_hears_of_another_state_once_a_record() -> None:
    log = Log()
    log.change(ACME, "create", Name="Acme")
    log.member("email:a@acme.com")
    log.member("email:b@acme.com")
    changed = of_kind("account", log.change(ACME, Name="Acme Inc", Description="x"))
    assert texts(changed, "number") == [("account", "email:a@acme.com", 3), ("account", "email:b@acme.com", 3)]
    assert of_kind("account", log.change(ACME, Description="y")) == []
    assert texts(of_kind("account", log.change(ACME, "delete")), "number", "state")[0][2:] == (4, None)
    assert len(of_kind("account", log.change(ACME, "undelete"))) == 2


def test_members_of_an_account_of_which_no_record_is_known_hear_that_they_joined() -> None:
    log = Log()
    assert texts(log.member("email:a@acme.com"), "number", "state") == [("account", "email:a@acme.com", 1, None)]
    assert of_kind("account", log.change(ACME, "create", Name="A"))[0].value["state"]["name"] == "A"


def test_lines_go_to_each_member_with_the_record_that_told_them() -> None:
    log = Log()
    log.member(f"sf:{ANN}")
    told = of_kind("told", log.change(ACME, "create", Name="A"))
    assert texts(told, "alias", "once") == [("told", f"sf:{ANN}", f"sf:{ANN}", "account-events/0/1")]
    relayed = log.message("telling", account=ACME, change={"text": "t"}, once="account-events/3/17")
    assert texts(relayed, "change", "once") == [("told", f"sf:{ANN}", {"text": "t"}, "account-events/3/17")]
    assert log.message("telling", account=BETA, change={"text": "t"}, once="account-events/3/17") == []


def test_what_belonged_to_a_merged_account_is_asked_for() -> None:
    log = Log()
    log.change(ACME, "create", Name="A")
    log.member(f"sf:{ANN}")
    log.member("email:a@acme.com")
    log.deal(Amount=1)
    log.change(ACME, "delete")
    log.change(ACME, "snapshot", MasterRecordId=BETA)
    assert sorted(log.accounts.merged) == [
        f'{{"id":"{record}","object":"{name}","since":{T0 + 4},"why":"merged"}}'
        for record, name in ((ANN, "Contact"), (DEAL, "Opportunity"))
    ]
    log.change(ACME, "snapshot", MasterRecordId=ANN)
    assert log.accounts.merged.total() == 2


def test_the_owner_of_an_account_is_known_by_a_reference() -> None:
    log = Log()
    log.change(ACME, "create", Name="A", OwnerId=BOSS[:15])
    log.member("email:a@acme.com")
    assert log.state()["owner"] == {"id": BOSS}
    said = {"object": "User", "record": BOSS, "version": 1, "fields": {"Name": "Bo", "Email": "b@x.org", "Phone": "1"}}
    assert texts(log.message("reference", **said), "number") == [("account", "email:a@acme.com", 2)]
    assert log.state()["owner"] == {"id": BOSS, "name": "Bo", "email": "b@x.org"}
    assert log.message("reference", **said | {"fields": {}}) == []
    assert log.message("reference", **said | {"record": ANN, "version": 2}) == []
    log.message("reference", **said | {"fields": {}, "version": 2})
    assert log.state()["owner"] == {"id": BOSS}


def test_the_state_lists_the_opportunities_that_close_last_first() -> None:
    log = Log()
    log.change(ACME, "create", Name="A", NumberOfEmployees=5, NPS__c=9, Industry=None)
    ids = [f"0060000000000{number:02}AAA" for number in range(22)]
    for record, day in zip(ids, [None, "2026-01-02", "2026-01-02", *["2025-01-01"] * 19], strict=True):
        log.deal(record=record, CloseDate=day, Name="n", IsClosed=True, IsWon=False)
    state = log.state()
    assert (state["employees"], state["nps"], state.get("industry")) == (5, 9, None)
    assert [one["id"] for one in state["opportunities"]] == [ids[1], ids[2], *ids[3:21]]
    assert state["opportunities"][0] == {"id": ids[1], "name": "n", "close_date": "2026-01-02", "closed": True}
    log.deal(2, record=ids[1])
    assert log.state()["opportunities"][0]["id"] == ids[2]
    log.deal(1, record=ids[2])
    assert log.state()["opportunities"][0]["id"] == ids[2]


@pytest.mark.parametrize(
    ("fields", "arr"),
    [
        ({"Amount": 1200}, 120_000),
        ({"Amount": 1200, "Term__c": 24}, 60_000),
        ({"Amount": "1200.005", "Term__c": 6}, 240_000),
        ({"Amount": 1200, "ARR__c": 500.5}, 50_050),
        ({"Amount": 1200, "ARR__c": "much"}, None),
        ({"Amount": 1200, "Term__c": 1.5}, None),
        ({"Amount": 1200, "Term__c": 0}, None),
        ({}, None),
        ({"Amount": 100, "CurrencyIsoCode": "EUR"}, 20_000),
        ({"Amount": 100, "CurrencyIsoCode": "JPY"}, None),
        ({"Amount": 1e14}, None),
        ({"Amount": -3}, -300),
    ],
)
def test_arr_is_in_minor_units_of_the_corporate_currency(fields: dict[str, Any], arr: int | None) -> None:
    log = Log()
    for record, code, rate in ((EURO, "EUR", 0.5), (DOLLAR, "USD", 1)):
        known = {"IsoCode": code, "ConversionRate": rate, "IsCorporate": code == "USD"}
        log.message("reference", object="CurrencyType", record=record, version=1, fields=known)
    log.change(ACME, "create", Name="A")
    log.deal(IsWon=True, **fields)
    state = log.state()
    assert (state["opportunities"][0].get("arr"), state["arr"]) == (arr, arr or 0)
    assert state.get("unpriced") == (1 if arr is None else None)
    log.deal(2, IsWon=False, **fields)
    assert (log.state()["arr"], log.state()["opportunities"][0].get("won")) == (0, None)


def test_the_corporate_currency_is_that_of_the_references_else_that_of_the_rules() -> None:
    log = Log()
    log.change(ACME, "create", Name="A")
    log.deal(IsWon=True, Amount=1)
    assert log.state()["currency"] == "USD"
    for number, code in enumerate(["JPY", "EUR"]):
        known = {"IsoCode": code, "IsCorporate": True}
        log.message("reference", object="CurrencyType", record=str(number), version=1, fields=known)
        assert log.state()["currency"] == code
    log.message("reference", object="CurrencyType", record="0", version=2, fields={"IsoCode": "AUD"})
    assert log.state()["currency"] == "EUR"


def test_beyond_ten_thousand_nobody_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.verify.accounts.row.MOST_MEMBERS", 1)
    log = Log()
    assert len(log.member("email:a@acme.com")) == 1
    assert log.member("email:b@acme.com") == []
    log.member("email:a@acme.com", version=2, joined=False)
    assert len(log.member("email:b@acme.com", version=2)) == 1


@pytest.mark.parametrize("kind", ["membership", "reference", "unknown"])
def test_what_is_no_message_is_none(kind: str) -> None:
    with pytest.raises(TypeError):
        Log().message(kind, account=7)
