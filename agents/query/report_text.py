"""How reports read: as a table in words, as CSV for spreadsheets, as JSON for scripts.  Pure.

The numbers of CSV and JSON are exact.  A table shows at most two decimals, rounded so that what is shown adds up, too.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from agents.query.words import money, plain
from streams.attribution import Dimension, Measure, Model, Report, Row, to_text
from streams.attribution.models import split

OF_ATTRIBUTION = (Measure.sessions, Measure.sign_ups, Measure.opportunities, Measure.won, Measure.arr)
OF_PERSONAS = (Measure.people, Measure.arr)
IN_MILLIONTHS = {Measure.sign_ups, Measure.opportunities, Measure.won}
HUNDREDTH = 10_000
"""In millionths."""
FORMULA = ("=", "+", "-", "@")
"""What makes a spreadsheet compute a cell; campaign names come from anybody who sends us a visit."""

Lines: TypeAlias = list[tuple[str, ...]]


class Shown(msgspec.Struct, frozen=True):
    """A report and what is needed to read it."""

    report: Report
    dimension: Dimension
    model: Model | None
    """None: a report of people, the same under every model."""
    currency: str
    names: Mapping[str, str] = {}
    """{Account id: its name}; an account that is not here is shown by its id."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Its columns."""
        return OF_PERSONAS if self.model is None else OF_ATTRIBUTION

    @property
    def rows(self) -> tuple[Row, ...]:
        """All lines, the total last."""
        return (*self.report.rows, self.report.total)


def title(shown: Shown) -> str:
    """Say what the report is: `Attribution by campaign, model linear`."""
    if shown.model is None:
        return f"People and ARR by {shown.dimension}"
    return f"Attribution by {shown.dimension}, model {shown.model}"


def heads(shown: Shown) -> tuple[str, ...]:
    """Name the columns of the table."""
    words = {Measure.sign_ups: "sign-ups", Measure.arr: f"ARR {plain(shown.currency)}"}
    return (str(shown.dimension), *(words.get(measure, str(measure)) for measure in shown.measures))


def lines(shown: Shown) -> Lines:
    """Make the lines of the table, the total last."""
    values = [plain(shown.names.get(row.value, row.value)) for row in shown.rows]
    return list(zip(values, *(_column(shown, measure) for measure in shown.measures), strict=True))


def as_csv(shown: Shown) -> str:
    """Make a CSV with a header, the total last; an account has its id and its name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    named = ("name",) if shown.dimension is Dimension.account else ()
    writer.writerow((shown.dimension, *named, *shown.measures, "currency"))
    for row in shown.rows:
        values = (row.value, *(shown.names.get(row.value, "") for _ in named))
        figures = (_exact(measure, getattr(row, measure), shown.currency) for measure in shown.measures)
        writer.writerow((*map(_harmless, values), *figures, shown.currency))
    return text.getvalue()


def as_json(shown: Shown) -> str:
    """Make a JSON object; amounts are integers, and the names of their fields say the unit."""
    return json.dumps(
        {
            "by": shown.dimension,
            "model": shown.model,
            "currency": shown.currency,
            "rows": [_object(shown, row) for row in shown.report.rows],
            "total": _object(shown, shown.report.total),
        },
        indent=2,
    )


def hundredths(parts: Sequence[int]) -> list[int]:
    """Round millionths to hundredths so that the rounded parts of a column sum to its rounded total."""
    if min(parts, default=0) < 0 or not any(parts):
        return [_rounded(part) for part in parts]
    return split(_rounded(sum(parts)), list(parts))


def _rounded(millionths: int) -> int:
    return (millionths + HUNDREDTH // 2) // HUNDREDTH


def _column(shown: Shown, measure: Measure) -> list[str]:
    amounts = [getattr(row, measure) for row in shown.rows]
    if measure in IN_MILLIONTHS:
        return _two_decimals([*hundredths(amounts[:-1]), _rounded(amounts[-1])])
    if measure is Measure.arr:
        return [money(amount, shown.currency) for amount in amounts]
    return [f"{amount:,}" for amount in amounts]


def _two_decimals(amounts: list[int]) -> list[str]:
    """Write a column of hundredths; one of whole numbers only has no decimals."""
    if any(amount % 100 for amount in amounts):
        return [f"{amount / 100:,.2f}" for amount in amounts]
    return [f"{amount // 100:,}" for amount in amounts]


def _exact(measure: Measure, amount: int, currency: str) -> str:
    if measure is Measure.arr:
        return to_text(amount, currency)
    if measure in IN_MILLIONTHS:
        units, rest = divmod(abs(amount), 1_000_000)
        return f"{'-' if amount < 0 else ''}{units}" + (f".{rest:06}".rstrip("0") if rest else "")
    return str(amount)


def _harmless(value: str) -> str:
    """Keep a value on its line and out of a spreadsheet's formulas."""
    text = plain(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _object(shown: Shown, row: Row) -> dict[str, Any]:
    named = {"name": shown.names.get(row.value)} if shown.dimension is Dimension.account else {}
    return {"value": row.value, **named, **{_unit(measure): getattr(row, measure) for measure in shown.measures}}


def _unit(measure: Measure) -> str:
    if measure in IN_MILLIONTHS:
        return f"{measure}_millionths"
    return f"{measure}_minor" if measure is Measure.arr else str(measure)


WRITTEN: dict[str, Callable[[Shown], str]] = {"csv": as_csv, "json": as_json}
"""{format: how a report is written in it}; a table needs a terminal's width."""
