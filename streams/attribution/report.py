"""Room 7f.  Reports: the sum of all contributions as tables.

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
    people: int = 0


class Report(msgspec.Struct, frozen=True, gc=False):
    """A report by one dimension under one model."""

    rows: tuple[Row, ...]
    """The largest first: by ARR, won, opportunities, sign-ups, sessions, people; then by name.

    A row of zeros is absent.
    """
    total: Row
    """The sum of the rows; the same under every model, and in every dimension of touches, or of people."""


def report(cells: Contribution, dimension: Dimension, model: Model | None) -> Report:
    """Make the table of a dimension under a model; None for dimensions of people, which have no models."""
    figures: dict[str, dict[str, int]] = defaultdict(dict)
    total: dict[str, int] = dict.fromkeys(Measure, 0)
    for (found, value, under, measure), amount in cells.items():
        if found is dimension and under in (model, None) and amount:
            figures[value][measure] = amount
            total[measure] += amount
    rows = [Row(value, **known) for value, known in figures.items()]
    return Report(tuple(sorted(rows, key=_largest_first)), Row("total", **total))


def cut(whole: Report, most: int) -> Report:
    """Return the `most` largest rows and, where there are more, one that sums the others: the total stays."""
    if len(whole.rows) <= most:
        return whole
    rest = whole.rows[most:]
    figures = {measure: sum(getattr(row, measure) for row in rest) for measure in Measure}
    return Report((*whole.rows[:most], Row(f"({len(rest)} others)", **figures)), whole.total)


def _largest_first(row: Row) -> tuple[int, int, int, int, int, int, str]:
    return -row.arr, -row.won, -row.opportunities, -row.sign_ups, -row.sessions, -row.people, row.value
