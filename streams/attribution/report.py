"""Room 7e.  Reports: the sum of all contributions as tables.

In: cells.  Kept: nothing.  Out: a `Report` by one dimension under one model.
"""

from collections import defaultdict

import msgspec

from streams.attribution.cells import Contribution, Dimension, Measure
from streams.attribution.models import Model
from streams.attribution.money import Minor


class Row(msgspec.Struct, frozen=True, gc=False):
    """One line of a report; units as in `Measure`."""

    value: str
    sessions: int = 0
    sign_ups: int = 0
    opportunities: int = 0
    won: int = 0
    arr: Minor = 0


class Report(msgspec.Struct, frozen=True, gc=False):
    """A report by one dimension under one model."""

    rows: tuple[Row, ...]
    """The largest first: by ARR, won, opportunities, sign-ups, sessions; then by name.  A row of zeros is absent."""
    total: Row
    """The sum of the rows; the same in every dimension and under every model."""


def report(cells: Contribution, dimension: Dimension, model: Model) -> Report:
    """Make the table of a dimension under a model."""
    figures: dict[str, dict[str, int]] = defaultdict(dict)
    total: dict[str, int] = dict.fromkeys(Measure, 0)
    for (found, value, under, measure), amount in cells.items():
        if found is dimension and under in (model, None) and amount:
            figures[value][measure] = amount
            total[measure] += amount
    rows = [Row(value, **known) for value, known in figures.items()]
    return Report(tuple(sorted(rows, key=_largest_first)), Row("total", **total))


def _largest_first(row: Row) -> tuple[int, int, int, int, int, str]:
    return -row.arr, -row.won, -row.opportunities, -row.sign_ups, -row.sessions, row.value
