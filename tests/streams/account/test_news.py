from typing import Any

from msgspec import Raw

from streams.account.messages import Claim, Held, Membership, Message, Opportunity, Reference, Role, Telling
from streams.account.news import Changed, news
from streams.salesforce.change import Change
from streams.salesforce.record import Record, fold

T0 = 1_760_000_000_000
ACME, BRAND = "001000000000001AAA", "001000000000002AAA"
ANN, DEAL, OTHER, ROLE = "003000000000001AAA", "006000000000001AAA", "006000000000002AAA", "00K000000000001AAA"
LINE = Raw(b'{"text":"Salesforce Opportunity Updated: StageName New -> Won"}')


def record(name: str, key: str, *, deleted: bool = False, **values: Any) -> Record:
    return fold(None, Change(name, key, "snapshot", T0, sequence=1, values=values, deleted=deleted)).record


def told(before: Record | None, after: Record, **more: Any) -> list[Message]:
    return [plain(one) for one in news(Changed(before, after, 5, **more))]


def plain(message: Message) -> Message:
    """Raw texts are equal only if they are the same object."""
    if isinstance(message, Opportunity):
        return Opportunity(message.opportunity, message.account, message.version, Raw(), message.roles)
    return message


def test_a_contact_joins_the_account_that_it_names_and_leaves_the_one_before() -> None:
    at_acme, at_brand = (record("Contact", ANN, AccountId=account) for account in (ACME, BRAND[:15]))
    gone = record("Contact", ANN, AccountId=BRAND, deleted=True)
    assert told(None, at_acme) == [Membership(f"sf:{ANN}", ACME, 5, joined=True)]
    assert told(at_acme, at_brand) == [Membership(f"sf:{ANN}", ACME, 5), Membership(f"sf:{ANN}", BRAND, 5, joined=True)]
    assert told(at_brand, gone) == [Membership(f"sf:{ANN}", BRAND, 5)]
    assert told(at_acme, at_acme) == told(None, record("Contact", ANN, AccountId="none")) == []


def test_a_lead_has_no_account() -> None:
    assert told(None, record("Lead", "00Q000000000001AAA", AccountId=ACME)) == []


def test_an_opportunity_goes_to_its_account_with_its_roles_and_leaves_the_one_before() -> None:
    at_acme, at_brand = (record("Opportunity", DEAL, AccountId=account, Amount=5) for account in (ACME, BRAND))
    roles = (Held(ANN, "Decision Maker", primary=True),)
    assert told(None, at_acme, roles=roles) == [Opportunity(DEAL, ACME, 5, Raw(), roles)]
    assert told(at_acme, at_brand, line=LINE, once="account-events/1/7") == [
        Opportunity(DEAL, BRAND, 5, Raw()),
        Opportunity(DEAL, ACME, 5, Raw()),
        Telling(BRAND, LINE, "account-events/1/7"),
    ]
    gone = record("Opportunity", DEAL, AccountId=BRAND, deleted=True)
    assert told(at_brand, gone, line=LINE) == [Opportunity(DEAL, BRAND, 5, Raw()), Telling(BRAND, LINE, "")]
    assert told(None, record("Opportunity", DEAL), line=LINE) == []


def test_what_an_opportunity_is_travels_as_far_as_it_is_short() -> None:
    (found,) = news(Changed(None, record("Opportunity", DEAL, AccountId=ACME, Amount=5, Description="x" * 2_000), 1))
    assert isinstance(found, Opportunity)
    assert bytes(found.fields) == b'{"AccountId":"%s","Amount":5}' % ACME.encode()


def test_a_role_goes_to_its_opportunity_and_leaves_the_one_before() -> None:
    held = record("OpportunityContactRole", ROLE, OpportunityId=DEAL, ContactId=ANN, Role="Buyer", IsPrimary=True)
    moved = record("OpportunityContactRole", ROLE, OpportunityId=OTHER, ContactId=ANN)
    gone = record("OpportunityContactRole", ROLE, OpportunityId=OTHER, ContactId=ANN, deleted=True)
    assert told(None, held) == [Role(ROLE, DEAL, 5, ANN, "Buyer", primary=True)]
    assert told(held, moved) == [Role(ROLE, DEAL, 5), Role(ROLE, OTHER, 5, ANN)]
    assert told(moved, gone) == told(gone, gone) == [Role(ROLE, OTHER, 5)]
    assert told(None, record("OpportunityContactRole", ROLE, OpportunityId=DEAL)) == [Role(ROLE, DEAL, 5)]


def test_an_account_claims_the_domain_of_its_website() -> None:
    acme, moved, gone = (
        record("Account", ACME, Website=website, CreatedDate="2025-10-09T08:53:20.000Z", deleted=deleted)
        for website, deleted in (("https://acme.com", False), ("acme.org", False), ("acme.org", True))
    )
    assert told(None, acme) == [Claim("acme.com", ACME, 5, created_at=T0)]
    assert told(acme, moved) == [Claim("acme.com", ACME, 5), Claim("acme.org", ACME, 5, created_at=T0)]
    assert told(moved, gone) == [Claim("acme.org", ACME, 5)]
    assert told(acme, acme) == told(None, record("Account", ACME, Website="gmail.com")) == []


def test_a_user_and_a_currency_go_to_everybody() -> None:
    (found,) = news(Changed(None, record("User", "005000000000001AAA", Name="Eve"), 1))
    assert isinstance(found, Reference)
    assert (found.object, found.record, bytes(found.fields)) == ("User", "005000000000001AAA", b'{"Name":"Eve"}')


def test_of_other_objects_nothing_is_told() -> None:
    assert told(None, record("Task", "00T000000000001AAA", WhoId=ANN)) == []
