"""The numbers of reports: their names, how they add up, how they are written."""

import re
from hashlib import md5
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.attribution.cells import (
    NAME_CHARACTERS,
    Cell,
    Contribution,
    Dimension,
    Measure,
    add,
    cell_of,
    field_of,
    subtract,
)
from streams.attribution.cells import name as name_of
from streams.attribution.models import Model

PAGE = (Path(__file__).parents[3] / "docs" / "attribution.md").read_text()
SPRING = Cell(Dimension.campaign, "Spring sale", Model.last, Measure.arr)
names = st.one_of(st.text(max_size=5), st.text(min_size=95, max_size=250), st.sampled_from([":", "", "a:b", "é" * 101]))
cells = st.builds(
    Cell,
    st.sampled_from(Dimension),
    names.map(name_of),
    st.one_of(st.none(), st.sampled_from(Model)),
    st.sampled_from(Measure),
)
contributions = st.dictionaries(cells, st.integers(-(10**15), 10**15).filter(bool), max_size=20)


def test_a_name_of_100_characters_is_kept_whole() -> None:
    assert name_of("é" * 100) == "é" * 100


def test_a_longer_name_is_cut_and_told_apart_by_a_digest() -> None:
    assert name_of("a" * 101) == "a" * 83 + "~" + md5(b"a" * 101).hexdigest()[:16]
    assert name_of("a" * 101) != name_of("a" * 102)


@given(names)
def test_a_name_is_bounded_and_naming_it_again_changes_nothing(value: str) -> None:
    assert len(name_of(value)) <= NAME_CHARACTERS
    assert name_of(name_of(value)) == name_of(value)


def test_the_field_of_the_page_is_right() -> None:
    assert "`cla:Spring sale`" in PAGE
    assert (field_of(SPRING), cell_of("cla:Spring sale")) == ("cla:Spring sale", SPRING)


def test_the_page_gives_every_letter() -> None:
    line = re.search(r"^dimension (.*); model (.*); measure (.*)\.$", PAGE, re.MULTILINE)
    assert line is not None
    for place, (written, kinds) in enumerate(zip(line.groups(), (Dimension, [None, *Model], Measure), strict=True)):
        letters = dict(reversed(pair) for pair in re.findall(r"`(.)` (\w+)", written))
        assert letters == {str(kind or "any"): field_of(a_cell(place, kind))[place] for kind in kinds}


def a_cell(place: int, kind: object) -> Cell:
    codes: list[object] = [Dimension.channel, Model.first, Measure.arr]
    codes[place] = kind
    dimension, model, measure = codes
    return Cell(dimension, "x", model, measure)  # type: ignore[arg-type]


@given(cells)
def test_a_field_is_read_back(cell: Cell) -> None:
    assert cell_of(field_of(cell)) == cell
    assert len(field_of(cell)) <= 104


@pytest.mark.parametrize("field", ["", "cla", "claSpring", "xla:Spring", "cxa:Spring", "clx:Spring"])
def test_what_is_no_field_is_not_read(field: str) -> None:
    with pytest.raises(KeyError):
        cell_of(field)


@given(contributions, contributions)
def test_what_is_added_can_be_subtracted(one: Contribution, other: Contribution) -> None:
    assert subtract(add(one, other), other) == one


@given(contributions, contributions)
def test_the_difference_leads_from_the_old_to_the_new(new: Contribution, old: Contribution) -> None:
    assert add(old, subtract(new, old)) == new


@given(contributions)
def test_something_less_itself_is_nothing(one: Contribution) -> None:
    assert subtract(one, one) == {}


@given(contributions, contributions, contributions)
def test_contributions_add_up_in_any_order(one: Contribution, two: Contribution, three: Contribution) -> None:
    assert add(add(one, two), three) == add(three, add(two, one))
