"""The simulated company's Salesforce org: the same each time, consistent, and with every story that the demo tells."""

import json
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from agents import personas_file
from agents.local.company import market, simulate
from agents.local.company.books import OBJECTS, Books
from agents.local.company.sales import org_history, org_live
from agents.local.org.ids import is_id
from agents.local.org.times import read
from streams.instants import DAY_MS
from streams.personas.persona import classify
from streams.salesforce import parse_change

END = 1_763_850_000_000
DAYS = 90
REFERENCES = ("AccountId", "OwnerId", "OpportunityId", "ContactId", "WhoId", "ConvertedContactId", "MasterRecordId")


@pytest.fixture(scope="module")
def books() -> Books:
    return org_history(7, DAYS, END)


def rows(books: Books) -> dict[str, dict[str, Any]]:
    """{id: row}, deleted ones too."""
    every = (row for entity in books.org.schema.objects for row in books.org.rows(entity, deleted=True))
    return {row["Id"]: row for row in every}


def headers(books: Books) -> list[dict[str, Any]]:
    return [message["payload"]["ChangeEventHeader"] for message in books.org.changes]


def people_of_the_web() -> set[str]:
    return {event["traits"]["email"] for event in simulate(7, DAYS, END) if (event.get("traits") or {}).get("email")}


def test_the_same_seed_gives_the_same_org() -> None:
    one, same, other = (org_history(seed, 20, END) for seed in (3, 3, 4))
    assert rows(one) == rows(same) != rows(other)
    assert one.org.changes == same.org.changes
    assert one.stories == same.stories


def test_every_id_is_one_and_leads_somewhere(books: Books) -> None:
    known = rows(books)
    assert all(is_id(each) for each in known)
    pointing = [row[name] for row in known.values() for name in REFERENCES if row.get(name)]
    assert len(pointing) > 500
    assert set(pointing) <= known.keys()


def test_nothing_happens_after_the_end_of_the_history_or_before_its_record_was_made(books: Books) -> None:
    for row in rows(books).values():
        assert read(row["CreatedDate"]) <= read(row["SystemModstamp"]) <= END
    instants = [header["commitTimestamp"] for header in headers(books)]
    assert instants == sorted(instants)


def test_most_people_of_the_org_are_people_of_the_web(books: Books) -> None:
    emails = {row["Email"] for entity in ("Contact", "Lead") for row in books.org.rows(entity)}
    assert len(emails) > 200
    assert len(emails & people_of_the_web()) / len(emails) > 0.8


def test_the_domain_of_an_account_is_that_of_its_people(books: Books) -> None:
    sites = {row["Id"]: row["Website"].removeprefix("https://www.") for row in books.org.rows("Account")}
    assert sorted(sites.values()) == sorted(market.BY_DOMAIN)
    assert all(row["Email"].endswith("@" + sites[row["AccountId"]]) for row in books.org.rows("Contact"))


def test_accounts_have_industries_sizes_owners_and_what_they_think_of_us(books: Books) -> None:
    owners = {row["Id"] for row in books.org.rows("User")}
    for row in books.org.rows("Account"):
        assert row["OwnerId"] in owners
        assert row["NumberOfEmployees"] > 0
    assert {row["NPS__c"] for row in books.org.rows("Account")} >= {10, 9, 6, None}


def test_the_maps_of_personas_know_most_titles_and_not_all(books: Books) -> None:
    maps = personas_file.load(None)
    titles = [row["Title"] for entity in ("Contact", "Lead") for row in books.org.rows(entity)]
    known = [classify(title, None, None, maps) for title in titles]
    assert sum((one.role, one.seniority) == ("product", "vp") for one in known) > 20
    assert 0.05 < sum(one.role == "unknown" for one in known) / len(known) < 0.3
    industries = {classify(None, row["Industry"], 100, maps).industry for row in books.org.rows("Account")}
    assert "unknown" in industries
    assert len(industries) > 7


def test_deals_are_open_won_and_lost_in_two_currencies(books: Books) -> None:
    deals = books.org.rows("Opportunity")
    ends = Counter((row["IsWon"], row["IsClosed"]) for row in deals)
    assert min(ends[True, True], ends[False, True], ends[False, False]) > 10
    assert {row["CurrencyIsoCode"] for row in deals} == {row["IsoCode"] for row in books.org.rows("CurrencyType")}
    assert {row["CurrencyIsoCode"] for row in deals} == {"USD", "EUR"}
    assert sum(row["ARR__c"] is None for row in deals) > 10
    assert {row["Contract_Term__c"] for row in deals} == {None, 12, 24, 36}


def test_every_deal_has_a_contact_of_its_account(books: Books) -> None:
    contacts = {row["Id"]: row["AccountId"] for row in books.org.rows("Contact")}
    deals = {row["Id"]: row["AccountId"] for row in books.org.rows("Opportunity")}
    roles = {row["OpportunityId"]: row["ContactId"] for row in books.org.rows("OpportunityContactRole")}
    assert {deal: contacts[contact] for deal, contact in roles.items()} == deals


def test_people_who_came_in_the_history_have_won_deals(books: Books) -> None:
    """Else there was no ARR of any campaign."""
    begin = END - DAYS * DAY_MS
    new = {row["Id"] for row in books.org.rows("Contact") if read(row["CreatedDate"]) > begin}
    won = {row["Id"] for row in books.org.rows("Opportunity") if row["IsWon"]}
    roles = books.org.rows("OpportunityContactRole")
    assert sum(row["OpportunityId"] in won and row["ContactId"] in new for row in roles) > 10


@pytest.mark.parametrize("days", [1, 30, 400])
def test_every_story_is_in_a_history_of_any_length(days: int) -> None:
    books = org_history(5, days, END)
    org, stories = books.org, books.stories
    for loser, winner in stories.merged.items():
        in_bin = {row["Id"]: row["MasterRecordId"] for row in org.rows("Contact", deleted=True) if row["IsDeleted"]}
        assert in_bin == {loser: winner}, "REST can say it only while the loser is in the recycle bin"
    for lead, contact in stories.converted.items():
        assert org.get(lead)["ConvertedContactId"] == contact
    for contact, title in stories.lost.items():
        assert org.get(contact)["Title"] == title
    for deal in stories.reopened:
        assert not org.get(deal)["IsClosed"]
    assert (len(stories.merged), len(stories.lost), len(stories.reopened)) == (1, 1, 1)
    assert stories.converted


def test_a_change_was_lost_and_a_gap_says_so(books: Books) -> None:
    gaps = [header for header in headers(books) if header["changeType"].startswith("GAP_")]
    assert [(header["changeType"], header["recordIds"]) for header in gaps] == [
        ("GAP_UPDATE", list(books.stories.lost))
    ]


def test_every_change_event_can_be_read(books: Books) -> None:
    assert len(books.org.changes) > 500
    for message in books.org.changes:
        assert isinstance(parse_change(json.dumps(message).encode(), kafka_timestamp=END), tuple)


def test_the_org_lives_on_without_end() -> None:
    books = org_history(7, 10, END)
    before = len(books.org.changes)
    for number, work in enumerate(islice(org_live(7, 10, books), 600)):
        books.org.set_clock(END + number * 1000)
        work(books)
    entities = Counter(header["entityName"] for header in headers(books)[before:])
    assert min(entities[name] for name in ("Contact", "Opportunity", "Lead", "Task")) > 20
    assert any(row["IsWon"] for row in books.org.rows("Opportunity"))
    titles = {row["Title"] for row in books.org.rows("Contact")}
    assert None in titles
    assert "" not in titles, "Salesforce has no empty text"


def test_what_the_sync_is_to_read_is_there(books: Books) -> None:
    assert all(books.org.rows(entity) for entity in OBJECTS)
