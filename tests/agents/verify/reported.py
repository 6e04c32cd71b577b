"""Random worlds of which the reports are worth a look: visits, sign-ups, titles, companies, identities that move.

Touches are let go of early here, so that it matters which of them a row still has.
"""

import json
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from agents.personas_file import shipped
from agents.verify.personas.maps import load
from agents.verify.world import SALESFORCE_CHANGES, WEB_EVENTS, Message, World
from tests.agents.verify.business import UNKNOWN, Business
from tests.agents.verify.processed import LIVE, processed
from tests.agents.verify.simulate import DAY, HOUR, MINUTE, RULES, company
from tests.agents.verify.test_accounts import numbered, with_companies
from tests.agents.verify.test_clean import policy
from tests.agents.verify.test_forgetting_processed import with_commands

REPORTS = replace(RULES, sign_up="Dashboard Shared", lookback_ms=8 * DAY, acquisition_ms=3 * DAY, personas=load(None))
"""Rules by which many sign up."""
PATIENT = replace(REPORTS, lookback_ms=90 * DAY, acquisition_ms=30 * DAY)
"""The same with the lookbacks that ship: hardly anything is let go of."""
GAPS: tuple[tuple[int, ...], ...] = (
    (1, 1000, MINUTE, 29 * MINUTE, 31 * MINUTE, HOUR, 5 * HOUR, DAY, DAY),
    (MINUTE, 31 * MINUTE, HOUR),
    (HOUR, DAY, 8 * DAY),
)
TITLES = ("VP Product & Design", "Sr. V.P. Sales", "Vertriebsleiterin", "  ", "Former CEO", "x" * 130, "Chief of Staff")


class Staff(Business):
    """As `Business`; people have titles that mean something, and Leads name their companies."""

    def some(self, count: int, record: str) -> dict[str, Any]:
        found = super().some(count, record)
        name = self.objects[record]
        if name in ("Contact", "Lead") and self.rng.random() < 0.7:
            found["Title"] = self.rng.choice(TITLES)
        if name == "Lead":
            found |= {
                "Industry": self.rng.choice(["SaaS", "Banking & Finance", "?", None]),
                "NumberOfEmployees": self.rng.choice([0, 7, 250, 10_000, None]),
            }
        return found

    def opportunity(self) -> dict[str, Any]:
        worth = {"Amount": 1200, "IsWon": True, "CurrencyIsoCode": None, "ARR__c": 100}
        return super().opportunity() | (worth if self.rng.random() < 0.8 else {})

    def role(self) -> dict[str, Any]:
        contact = self.one("Contact") or self.one("Contact")
        return super().role() | {"ContactId": contact, "OpportunityId": self.one("Opportunity")}

    def one(self, name: str) -> str | None:
        found = super().one(name)
        return super().one(name) if found in (None, *UNKNOWN.values()) else found


CAMPAIGNS: tuple[dict[str, str], ...] = (
    {"name": "spring"}, {"name": "autumn", "source": "google", "medium": "cpc"}, {"name": "n" * 120, "source": "news"},
    {"source": "linkedin", "medium": "social"},
)  # fmt: skip
REFERRERS = {"own": ["https://www.example.com/a"], "": ["", "https://www.google.com/", "https://news.example.org/x"]}


def varied(web: list[Message]) -> list[Message]:
    """Let visits come from more places, and some continue; a repeated event says the same again."""
    made = []
    for one in web:
        if b'"context":' not in (one.value or b""):
            made.append(one)
            continue
        document = json.loads(one.value or b"")
        context, rng = document["context"], Random(document["messageId"])
        if "campaign" in context:
            context["campaign"] = rng.choice(CAMPAIGNS)
        if "page" in context:
            context["page"]["referrer"] = rng.choice(REFERRERS[context["page"]["referrer"]])
        made.append(replace(one, value=json.dumps(document).encode()))
    return made


@cache
def reported(seed: int, *, patient: bool = False, forgets: bool = False) -> World:
    """Give a world by `REPORTS`, or by `PATIENT`."""
    partitions, rng = 1 + seed % 3, Random(f"reports {seed}")
    given = company(seed, people=2 + seed % 3, partitions=partitions, steps=100, gaps=GAPS[seed % len(GAPS)]).world()
    org = Staff(seed, partitions, 3)
    given.topics[SALESFORCE_CHANGES] = org.messages(160)
    web = with_companies(varied(list(given.messages(WEB_EVENTS))), rng)
    if forgets:
        people = [f"sf:{one}" for one, name in org.objects.items() if name in ("Contact", "Lead")]
        others = ["user:u0", "user:u1", "email:e1@example.com", "anon:a1"]
        web = with_commands(web, [rng.choice(people), *rng.sample(others, 2)], rng, len(web) // 3)
    given.topics[WEB_EVENTS] = numbered(web)
    rules = PATIENT if patient else REPORTS
    return processed(given, replace(policy(rules), personas=shipped()), seed, turns=LIVE if seed % 2 else (0,))
