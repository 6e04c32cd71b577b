"""Room 7.  Attribution: which touches a sign-up, an opportunity, a won one are owed to, and how much of each.

Read models and money, in this order.  The definitions: docs/attribution.md.
"""

from streams.attribution.models import Model, credit, eligible, weights
from streams.attribution.money import Minor, Rates, convert, recurring, to_minor, to_rate

__all__ = [
    "Minor",
    "Model",
    "Rates",
    "convert",
    "credit",
    "eligible",
    "recurring",
    "to_minor",
    "to_rate",
    "weights",
]
