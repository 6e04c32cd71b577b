"""Room 7.  Attribution: which touches a sign-up, an opportunity, a won one are owed to, and how much of each.

Read models, money, cells, conversions, report, in this order.  The definitions: docs/attribution.md.
"""

from streams.attribution.cells import (
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
    Lookback,
    from_conversions,
    from_sessions,
)
from streams.attribution.models import Model, credit, eligible, weights
from streams.attribution.money import Minor, Rates, convert, recurring, to_minor, to_rate
from streams.attribution.report import Report, Row, report

__all__ = [
    "CONVERSION",
    "NONE",
    "UNATTRIBUTED",
    "Cell",
    "Contribution",
    "Conversion",
    "Dimension",
    "Kind",
    "Lookback",
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
    "eligible",
    "field_of",
    "from_conversions",
    "from_sessions",
    "name",
    "recurring",
    "report",
    "subtract",
    "to_minor",
    "to_rate",
    "weights",
]
