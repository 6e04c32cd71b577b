"""The company, room 5.  Its market: who buys from Beacon, what their people are called, who sells.  Data only."""

from typing import NamedTuple


class Buyer(NamedTuple):
    """A company whose people come to Beacon."""

    name: str
    industry: str
    employees: int
    nps: int | None
    """Whether they would recommend Beacon, 0 to 10; None: nobody asked."""
    owner: int
    """Who of `OWNERS` looks after them."""
    currency: str = "USD"
    customer: bool = True
    """False: no account knows them until the first of their leads is converted."""

    @property
    def domain(self) -> str:
        """Of their site and of their addresses."""
        return f"{self.name.lower()}.example"


BUYERS = (
    Buyer("Harbor", "Transportation", 850, 9, 0),
    Buyer("Lumen", "Energy", 2_400, 7, 1),
    Buyer("Quarry", "Manufacturing", 320, 10, 0, "EUR"),
    Buyer("Tandem", "Software", 45, 9, 2, "EUR"),
    Buyer("Juniper", "Healthcare", 6_200, 6, 1),
    Buyer("Cobalt", "Banking", 1_300, 9, 0),
    Buyer("Meadow", "Lighthouse Keeping", 8, None, 2),
    Buyer("Atlas", "Retail", 760, 8, 1, "EUR"),
    Buyer("Pioneer", "Education", 510, None, 2, customer=False),
    Buyer("Summit", "Media", 140, None, 2, customer=False),
)
"""One is in an industry that no map of personas knows."""
BY_DOMAIN = {buyer.domain: buyer for buyer in BUYERS}

OWNERS = (
    ("Nia Okafor", "Customer Success Manager"),
    ("Tomas Reyes", "Customer Success Manager"),
    ("Ingrid Dahl", "Account Executive"),
)

TITLES = {
    "VP Product": 5,
    "VP of Product": 4,
    "Vice President, Product Management": 3,
    "Product Manager": 8,
    "Head of Data": 6,
    "Data Analyst": 10,
    "CTO": 3,
    "Senior Software Engineer": 5,
    "Director of Marketing": 5,
    "CFO": 3,
    "Operations Manager": 6,
    "Dashboard Whisperer": 2,
    "Number Ninja": 2,
    "": 4,
}
"""{title: how often}.  Two are not to be understood, and some people have none."""
ROLES = ("Decision Maker", "Economic Buyer", "Evaluator", "Technical Buyer")
LEAD_SOURCES = ("Web", "Paid Search", "Paid Social", "Partner", "Event")

RATES = {"USD": 1.0, "EUR": 0.92}
"""{currency: how much of it a dollar is}; the first is the company's own."""
STAGES = ("Qualification", "Proposal")
"""Besides those that every org has."""
AMOUNTS = (6_000, 9_600, 14_400, 24_000, 48_000.5, 90_000)
TERMS = (None, 12, 24, 36)
"""Months; None: the field is empty."""
