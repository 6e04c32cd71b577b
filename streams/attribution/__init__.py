"""Room 7.  Attribution: which touches a sign-up, an opportunity, a won one are owed to, and how much of each.

Read models, money, cells, conversions, personas, report, in this order.  The definitions: docs/attribution.md.
"""

from streams.attribution.cells import (
    OF_PEOPLE,
    OF_TOUCHES,
    Cell,
    Contribution,
    Dimension,
    Measure,
    add,
    cell_of,
    field_of,
    name,
    subtract,
)
from streams.attribution.conversions import (
    CONVERSION,
    NONE,
    UNATTRIBUTED,
    Conversion,
    Kind,
    from_conversions,
    from_sessions,
)
from streams.attribution.models import Model, credit, eligible, weights
from streams.attribution.money import Minor, Rates, convert, recurring, to_minor, to_rate, to_text
from streams.attribution.personas import NO_ACCOUNT, NO_CONTACT, NO_TITLE, from_account, from_person
from streams.attribution.report import Report, Row, cut, report

__all__ = [
    "CONVERSION",
    "NONE",
    "NO_ACCOUNT",
    "NO_CONTACT",
    "NO_TITLE",
    "OF_PEOPLE",
    "OF_TOUCHES",
    "UNATTRIBUTED",
    "Cell",
    "Contribution",
    "Conversion",
    "Dimension",
    "Kind",
    "Measure",
    "Minor",
    "Model",
    "Rates",
    "Report",
    "Row",
    "add",
    "cell_of",
    "convert",
    "credit",
    "cut",
    "eligible",
    "field_of",
    "from_account",
    "from_conversions",
    "from_person",
    "from_sessions",
    "name",
    "recurring",
    "report",
    "subtract",
    "to_minor",
    "to_rate",
    "to_text",
    "weights",
]
