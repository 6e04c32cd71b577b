"""A random Salesforce org that does business: companies and their people, opportunities, roles, owners, currencies."""

from dataclasses import dataclass
from typing import Any, ClassVar

from tests.agents.verify.salesforce import PREFIXES, Org
from tests.agents.verify.simulate import DAY, T0

CURRENCIES = ("EUR", "JPY", "USD", "KWD")
WEBSITES = ("https://www.example.com/x", "Example.com", "http://shop.example.com:8080", "acme.co.uk", "gmail.com", None)
UNKNOWN = {"Account": "001000000000001AAA", "User": "005000000000001AAA"}
"""Records that are named and never told."""


@dataclass
class Business(Org):
    """As `Org`; every object has fields of its own, which name records of the others."""

    prefixes: ClassVar[dict[str, str]] = PREFIXES | {
        "OpportunityContactRole": "00K", "User": "005", "CurrencyType": "01L", "Task": "00T",
    }  # fmt: skip
    kinds: ClassVar[list[str]] = [
        *["Contact"] * 3, "Lead", *["Account"] * 3, *["Opportunity"] * 3, *["OpportunityContactRole"] * 2, "User",
        "CurrencyType", "Task",
    ]  # fmt: skip

    def some(self, count: int, record: str) -> dict[str, Any]:
        name = self.objects[record]
        made = {
            "Account": self.account,
            "Opportunity": self.opportunity,
            "OpportunityContactRole": self.role,
            "User": self.user,
            "Task": self.task,
        }
        if name == "CurrencyType":
            return self.currency(record)
        if name not in made:
            found = super().some(count, record)
            return found | {"AccountId": self.one("Account")} if name == "Contact" and count > 1 else found
        values = made[name]()
        return {one: values[one] for one in self.rng.sample(list(values), min(2 * count, len(values)))}

    def one(self, name: str) -> str | None:
        """Name any record of an object, in one of its forms, or none."""
        found = [one for one, of in self.objects.items() if of == name]
        found += [UNKNOWN[name]] if name in UNKNOWN else []
        record = self.rng.choice([*found, None])
        return record[:15] if record and self.rng.random() < 0.2 else record

    def day(self) -> int:
        return T0 + self.rng.randrange(-5, 5) * DAY

    def account(self) -> dict[str, Any]:
        return {
            "Name": self.rng.choice(["Acme", "Beta", None]),
            "Website": self.rng.choice(WEBSITES),
            "Industry": self.rng.choice(["Banking", None]),
            "NumberOfEmployees": self.rng.choice([0, 50, 1000.0, None]),
            "Type": self.rng.choice(["Customer", None]),
            "OwnerId": self.one("User"),
            "NPS__c": self.rng.choice([9, 7, None]),
            "CreatedDate": self.rng.choice([self.day(), None]),
            "Description": self.rng.choice(["a\nb", None]),
        }

    def opportunity(self) -> dict[str, Any]:
        return {
            "Name": self.rng.choice(["Deal", None]),
            "AccountId": self.one("Account"),
            "StageName": self.rng.choice(["Open", "Won"]),
            "Amount": self.rng.choice([1200, 99.995, "7.5", 0, -3, None, 1e14, "much"]),
            "CurrencyIsoCode": self.rng.choice([*CURRENCIES, None, "GBP"]),
            "CreatedDate": self.day(),
            "CloseDate": self.rng.choice([self.day(), "2025-12-31", None]),
            "IsClosed": self.rng.random() < 0.5,
            "IsWon": self.rng.random() < 0.6,
            "ARR__c": self.rng.choice([None, None, 480, 12.345]),
            "Term__c": self.rng.choice([None, 24, 7, 1.5, 0]),
        }

    def role(self) -> dict[str, Any]:
        return {
            "OpportunityId": self.one("Opportunity"),
            "ContactId": self.one("Contact"),
            "Role": self.rng.choice(["Buyer", None]),
            "IsPrimary": self.rng.choice([True, False]),
        }

    def user(self) -> dict[str, Any]:
        return {
            "Name": self.rng.choice(["Ann", "Bo"]),
            "Email": "csm@example.com",
            "Title": self.rng.choice(["CSM", None]),
        }

    def task(self) -> dict[str, Any]:
        return {"WhoId": self.one(self.rng.choice(["Contact", "Lead", "Account"])), "Subject": self.rng.choice("ab")}

    def currency(self, record: str) -> dict[str, Any]:
        """Each record has its own code: whose rate counts, where two have the same, the page does not say."""
        place = [one for one, name in self.objects.items() if name == "CurrencyType"].index(record)
        return {
            "IsoCode": CURRENCIES[place] if place < len(CURRENCIES) else f"X{place}",
            "ConversionRate": self.rng.choice([1, 0.5, 150.25, "1.1", None]),
            "IsCorporate": self.rng.random() < 0.3,
        }
