"""From touches and conversions to report tables: examples first, then the laws that hold for every input."""

from collections import Counter
from functools import reduce
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.activity import Touch
from streams.attribution import (
    CONVERSION,
    NONE,
    OF_TOUCHES,
    UNATTRIBUTED,
    Cell,
    Contribution,
    Conversion,
    Dimension,
    Kind,
    Measure,
    Model,
    Report,
    Row,
    add,
    from_conversions,
    from_sessions,
    name,
    report,
    subtract,
)
from streams.events import Source
from streams.instants import DAY_MS
from streams.policy import Lookback
from tests.streams.attribution import by_fractions
from tests.streams.attribution.paths import (
    DIRECT,
    SEARCH,
    SOURCES,
    SPRING,
    SUMMER,
    T0,
    amounts,
    conversions,
    path,
    touch,
    touches,
)

MEASURES = {
    Kind.sign_up: [Measure.sign_ups],
    Kind.opportunity: [Measure.opportunities],
    Kind.won: [Measure.won, Measure.arr],
}
paths = st.lists(touches, max_size=8)
several = st.lists(conversions, max_size=5)


def won(arr: int, at: int = T0) -> Conversion:
    return Conversion(Kind.won, at, arr)


def by(dimension: Dimension, model: Model, *found: Conversion, before: list[Touch]) -> Report:
    return report(from_conversions(before, found), dimension, model)


# Examples.


def test_a_won_opportunity_is_credited_as_one_and_with_its_arr() -> None:
    found = by(Dimension.channel, Model.linear, won(140_00), before=path(DIRECT, SEARCH, DIRECT))
    assert found.rows == (
        Row("Direct", won=333_333 + 333_334, arr=4666 + 4667),
        Row("Organic Search", won=333_333, arr=4667),
    )
    assert found.total == Row("total", won=CONVERSION, arr=140_00)


@pytest.mark.parametrize(
    ("kind", "total"),
    [
        (Kind.sign_up, Row("total", sign_ups=CONVERSION)),
        (Kind.opportunity, Row("total", opportunities=CONVERSION)),
        (Kind.won, Row("total", won=CONVERSION, arr=500)),
    ],
)
def test_each_kind_of_conversion_has_its_columns(kind: Kind, total: Row) -> None:
    assert by(Dimension.campaign, Model.first, Conversion(kind, T0, 500), before=path(SPRING)).total == total


def test_a_conversion_without_a_touch_is_unattributed_in_every_dimension() -> None:
    cells = from_conversions([touch(T0 + 1, SPRING)], [won(9)])
    tables = {report(cells, dimension, model).rows for dimension in OF_TOUCHES for model in Model}
    assert tables == {(Row(UNATTRIBUTED, won=CONVERSION, arr=9),)}


def test_a_touch_without_a_campaign_has_a_row_of_its_own() -> None:
    rows = by(Dimension.campaign, Model.linear, won(10), before=path(SPRING, DIRECT)).rows
    assert [(row.value, row.arr) for row in rows] == [(NONE, 5), ("spring", 5)]


def test_both_names_of_a_channel_have_reports() -> None:
    before = path(Source("Paid Search", "Direct"))
    assert by(Dimension.channel, Model.last, won(1), before=before).rows[0].value == "Paid Search"
    assert by(Dimension.ga4, Model.last, won(1), before=before).rows[0].value == "Direct"


def test_a_long_campaign_is_named_by_its_beginning_and_a_digest() -> None:
    before = path(Source("Email", "Email", campaign="x" * 200))
    assert by(Dimension.campaign, Model.last, won(1), before=before).rows[0].value == name("x" * 200)


@pytest.mark.parametrize(("kind", "days"), [(Kind.sign_up, 30), (Kind.opportunity, 90), (Kind.won, 90)])
def test_a_sign_up_looks_back_30_days_and_the_others_90(kind: Kind, days: int) -> None:
    for age, first in ((days * DAY_MS - 1, "spring"), (days * DAY_MS, UNATTRIBUTED)):
        before = [touch(T0 - age, SPRING)]
        assert by(Dimension.campaign, Model.first, Conversion(kind, T0), before=before).rows[0].value == first


def test_the_lookback_is_a_setting() -> None:
    cells = from_conversions(path(SPRING, DIRECT), [won(1)], Lookback(other_ms=DAY_MS))
    assert report(cells, Dimension.channel, Model.first).rows[0].value == "Direct"


@pytest.mark.parametrize("model", Model)
def test_sessions_are_the_same_under_every_model(model: Model) -> None:
    found = report(from_sessions([SPRING, SPRING, DIRECT, None]), Dimension.channel, model)
    assert found.rows == (Row("Email", 2), Row(UNATTRIBUTED, 1), Row("Direct", 1))
    assert found.total == Row("total", 4)


def test_the_row_with_the_most_arr_comes_first_and_equal_ones_by_name() -> None:
    cells = {
        Cell(Dimension.campaign, value, Model.last, Measure.arr): arr
        for value, arr in [("b", 5), ("c", 9), ("a", 5), ("d", -1)]
    }
    assert [row.value for row in report(cells, Dimension.campaign, Model.last).rows] == ["c", "a", "b", "d"]


def test_a_sum_that_came_back_to_0_makes_no_row() -> None:
    cells = {Cell(Dimension.campaign, "spring", Model.last, Measure.arr): 0}
    assert report(cells, Dimension.campaign, Model.last) == Report((), Row("total"))


def test_nothing_makes_an_empty_report() -> None:
    assert report({}, Dimension.campaign, Model.last) == Report((), Row("total"))


def test_a_late_touch_moves_the_credit_by_a_difference_alone() -> None:
    before = from_conversions([touch(T0 - DAY_MS, SUMMER)], [won(100)])
    after = from_conversions([touch(T0 - DAY_MS, SUMMER), touch(T0 - 2 * DAY_MS, SPRING)], [won(100)])
    moved = {cell.value: arr for cell, arr in subtract(after, before).items() if cell[2:] == (Model.first, Measure.arr)}
    assert (moved["spring"], moved["summer"]) == (100, -100)


# Laws.


@given(paths, several)
def test_the_parts_of_every_report_sum_to_what_was_converted(before: list[Touch], found: list[Conversion]) -> None:
    cells = from_conversions(before, found)
    kinds = Counter(conversion.kind for conversion in found)
    arr = sum(conversion.arr for conversion in found if conversion.kind is Kind.won)
    counts = [kinds[kind] * CONVERSION for kind in (Kind.sign_up, Kind.opportunity, Kind.won)]
    for dimension in OF_TOUCHES:
        for model in Model:
            made = report(cells, dimension, model)
            assert made.total == Row("total", 0, *counts, arr)
            assert sum(row.arr for row in made.rows) == arr
            assert sum(row.sign_ups for row in made.rows) == counts[0]


@given(paths, several, st.randoms())
def test_the_order_of_touches_and_conversions_does_not_matter(
    before: list[Touch], found: list[Conversion], random: Random
) -> None:
    shuffled, mixed = before.copy(), found.copy()
    random.shuffle(shuffled)
    random.shuffle(mixed)
    assert from_conversions(shuffled, mixed) == from_conversions(before, found)


@given(paths, several)
def test_conversions_add_up_one_by_one(before: list[Touch], found: list[Conversion]) -> None:
    nothing: Contribution = {}
    assert reduce(add, (from_conversions(before, [one]) for one in found), nothing) == from_conversions(before, found)


@given(paths, st.integers(T0 - DAY_MS, T0), amounts)
def test_taking_the_arr_back_at_the_same_instant_leaves_none(before: list[Touch], at: int, arr: int) -> None:
    cells = from_conversions(before, [won(arr, at), won(-arr, at)])
    assert {cell.measure for cell in cells} == {Measure.won}


Edit = tuple[int, list[Touch], list[Conversion]]
"""Which document, and the touches and conversions that it has from now on."""


@given(st.lists(st.tuples(st.integers(0, 2), paths, several), max_size=8))
def test_sums_kept_by_differences_equal_a_recomputation(edits: list[Edit]) -> None:
    sums: Contribution = {}
    documents: dict[int, Contribution] = {}
    for number, before, found in edits:
        new = from_conversions(before, found)
        sums = add(sums, subtract(new, documents.get(number, {})))
        documents[number] = new
    latest = {number: from_conversions(before, found) for number, before, found in edits}
    assert sums == reduce(add, latest.values(), {})


@given(paths, touches, several)
def test_a_late_touch_and_its_removal_leave_no_trace(before: list[Touch], late: Touch, found: list[Conversion]) -> None:
    with_it, without = from_conversions([*before, late], found), from_conversions(before, found)
    there = add(without, subtract(with_it, without))
    assert there == with_it
    assert add(there, subtract(without, there)) == without


@given(paths, several)
def test_a_second_implementation_with_fractions_makes_the_same_cells(
    before: list[Touch], found: list[Conversion]
) -> None:
    expected: Counter[Cell] = Counter()
    for conversion in found:
        days = 30 if conversion.kind is Kind.sign_up else 90
        way = by_fractions.path_to(conversion.at, before, days * DAY_MS)
        for model in Model:
            for measure in MEASURES[conversion.kind]:
                amount = conversion.arr if measure is Measure.arr else 1_000_000
                credited = by_fractions.credited(amount, model, way) if way else [amount]
                for dimension in OF_TOUCHES:
                    for place, part in enumerate(credited):
                        value = shown(way[place].source, dimension) if way else "(unattributed)"
                        expected[Cell(dimension, value, model, measure)] += part
    assert from_conversions(before, found) == {cell: amount for cell, amount in expected.items() if amount}


def shown(source: Source, dimension: str) -> str:
    return name(getattr(source, dimension) or "(none)")


@given(st.lists(st.sampled_from([None, *SOURCES])))
def test_every_session_is_in_one_row_of_every_dimension(sources: list[Source | None]) -> None:
    cells = from_sessions(sources)
    for dimension in OF_TOUCHES:
        assert report(cells, dimension, Model.first).total.sessions == len(sources)
