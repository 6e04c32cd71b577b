"""The company, room 6.  Its books: the Salesforce org in which Beacon keeps accounts, people and deals.

In: what its people do there, one method each, at the org's time.  Kept: the org, and whose records are whose.  The same
calls give the same org, to the id.
"""

from dataclasses import dataclass, field
from typing import Any

from agents.local.company import market
from agents.local.company.market import Buyer
from agents.local.company.people import Person
from agents.local.org import Org
from agents.local.org.times import day
from streams.instants import DAY_MS

OBJECTS = ("User", "CurrencyType", "Account", "Contact", "Lead", "Opportunity", "OpportunityContactRole", "Task")
"""What is to be synchronised of it; what others refer to comes first."""
FIRST_STAGE, WON, LOST = market.STAGES[0], "Closed Won", "Closed Lost"
CLOSES_IN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Offer:
    """What is asked of a buyer for a deal."""

    amount: float
    months: int | None
    """The term; None: nobody filled it in."""
    arr: float | None
    """Recurring amount of a year; None: to be worked out of the others."""
    role: str


@dataclass(slots=True)
class Stories:
    """What happened in the org that is worth looking for later; each part is empty until it happens."""

    merged: dict[str, str] = field(default_factory=dict)
    """{contact: the contact that it was merged into}."""
    converted: dict[str, str] = field(default_factory=dict)
    """{lead: contact}."""
    lost: dict[str, str] = field(default_factory=dict)
    """{contact: the title that it got by a change whose event was lost}."""
    reopened: list[str] = field(default_factory=list)
    """Opportunities that were won, and are open again."""


class Books:
    """Beacon's org."""

    def __init__(self, seed: int, begin_ms: int) -> None:
        self.org = Org(now=lambda: begin_ms, seed=seed)
        self.accounts: dict[str, str] = {}
        """{name of the buyer: id}."""
        self.contacts: dict[int, str] = {}
        """{number of the person: id}."""
        self.duplicates: dict[int, str] = {}
        """{number of the person: the id of a second contact}."""
        self.leads: dict[int, str] = {}
        """{number of the person: id}; only those that are not converted yet."""
        self.deals: dict[int, str] = {}
        """{number of the person: the latest opportunity in which they have a role}."""
        self.stories = Stories()
        self._add_fields()
        self._add_stages_and_currencies()
        self._owners = [self._hire(*owner) for owner in market.OWNERS]

    def win_over(self, buyer: Buyer) -> None:
        """Give a buyer an account."""
        name = {"Name": buyer.name, "OwnerId": self._owners[buyer.owner]}
        self.accounts[buyer.name] = self.org.create("Account", **name | _firm(buyer))

    def know(self, person: Person, title: str) -> None:
        """Enter a person as a contact of their company, which has an account."""
        self.contacts[person.number] = self._contact(person, title)

    def know_again(self, person: Person, title: str) -> None:
        """Enter a contact a second time, by mistake."""
        self.duplicates[person.number] = self._contact(person, title)

    def merge(self, person: Person) -> None:
        """Merge a person's second contact into the first."""
        winner, loser = self.contacts[person.number], self.duplicates.pop(person.number)
        self.org.merge(winner, loser)
        self.stories.merged[loser] = winner

    def hear_of(self, person: Person, title: str, source: str) -> None:
        """Enter a person as a lead."""
        buyer = person.employer
        firm = {"Company": buyer.name, "Industry": buyer.industry, "NumberOfEmployees": buyer.employees}
        self.leads[person.number] = self.org.create(
            "Lead",
            **_person(person, title) | firm,
            LeadSource=source,
            Status="Open",
            OwnerId=self._owners[buyer.owner],
        )

    def convert(self, person: Person, offer: Offer) -> None:
        """Make a contact with a deal of a lead; the account is new where their company has none."""
        buyer, lead = person.employer, self.leads.pop(person.number)
        with self.org.transaction():
            made = self.org.convert(
                lead,
                account=self.accounts.get(buyer.name),
                opportunity=_deal_name(buyer, person),
                **self._terms(buyer, offer),
            )
            if buyer.name not in self.accounts:
                self.accounts[buyer.name] = str(made["ConvertedAccountId"])
                self.org.update(self.accounts[buyer.name], **_firm(buyer))
            self.contacts[person.number] = contact = str(made["ConvertedContactId"])
            self._take_part(person, str(made["ConvertedOpportunityId"]), offer.role)
        self.stories.converted[lead] = contact

    def open_deal(self, person: Person, offer: Offer) -> None:
        """Open an opportunity with a contact in it."""
        buyer = person.employer
        first = {"Name": _deal_name(buyer, person), "AccountId": self.accounts[buyer.name], "StageName": FIRST_STAGE}
        deal = self.org.create("Opportunity", **first | self._terms(buyer, offer), OwnerId=self._owners[buyer.owner])
        self._take_part(person, deal, offer.role)

    def move_deal(self, person: Person, stage: str) -> None:
        """Bring a person's deal to another stage; a deal that ends closes today."""
        closes = day(self.org.now()) if stage in (WON, LOST) else self._closing_day()
        self.org.update(self.deals[person.number], StageName=stage, CloseDate=closes)

    def reopen_deal(self, person: Person) -> None:
        """Take back that a deal is won: it goes on."""
        self.move_deal(person, market.STAGES[-1])
        self.stories.reopened.append(self.deals[person.number])

    def retitle(self, person: Person, title: str, *, lost: bool = False) -> None:
        """Note a person's new title; `lost`: nobody hears of it but by a gap."""
        self.org.update(self.contacts[person.number], lost=lost, Title=title or None)
        if lost:
            self.stories.lost[self.contacts[person.number]] = title

    def log_call(self, person: Person) -> None:
        """Note that somebody spoke with a contact."""
        self.org.create("Task", WhoId=self.contacts[person.number], Subject="Call", Status="Completed", Type="Call")

    def _contact(self, person: Person, title: str) -> str:
        buyer = person.employer
        place = {"AccountId": self.accounts[buyer.name], "OwnerId": self._owners[buyer.owner]}
        return self.org.create("Contact", **_person(person, title) | place)

    def _take_part(self, person: Person, deal: str, role: str) -> None:
        self.deals[person.number] = deal
        contact = self.contacts[person.number]
        self.org.create("OpportunityContactRole", OpportunityId=deal, ContactId=contact, Role=role, IsPrimary=True)

    def _terms(self, buyer: Buyer, offer: Offer) -> dict[str, Any]:
        money = {"Amount": offer.amount, "CurrencyIsoCode": buyer.currency, "CloseDate": self._closing_day()}
        return money | {"ARR__c": offer.arr, "Contract_Term__c": offer.months, "Type": "New Business"}

    def _closing_day(self) -> str:
        return day(self.org.now() + CLOSES_IN_DAYS * DAY_MS)

    def _add_fields(self) -> None:
        self.org.schema.add("Account", NPS__c="double")
        self.org.schema.add("Opportunity", ARR__c="currency", Contract_Term__c="double")

    def _add_stages_and_currencies(self) -> None:
        for stage in market.STAGES:
            self.org.create("OpportunityStage", MasterLabel=stage, ApiName=stage, IsActive=True)
        corporate = next(iter(market.RATES))
        for code, rate in market.RATES.items():
            self.org.create(
                "CurrencyType",
                IsoCode=code,
                ConversionRate=rate,
                DecimalPlaces=2,
                IsActive=True,
                IsCorporate=code == corporate,
            )

    def _hire(self, name: str, title: str) -> str:
        email = f"{name.lower().replace(' ', '.')}@beacon.example"
        return self.org.create("User", Name=name, Email=email, Title=title, IsActive=True)


def _firm(buyer: Buyer) -> dict[str, Any]:
    """Say what an account knows of a company beside its name."""
    site = {"Website": f"https://www.{buyer.domain}", "Type": "Customer" if buyer.customer else "Prospect"}
    return site | {"Industry": buyer.industry, "NumberOfEmployees": buyer.employees, "NPS__c": buyer.nps}


def _person(person: Person, title: str) -> dict[str, Any]:
    first, _, last = person.name.partition(" ")
    return {"FirstName": first, "LastName": last, "Email": person.email, "Title": title or None}


def _deal_name(buyer: Buyer, person: Person) -> str:
    return f"{buyer.name}: dashboards for {person.name}"
