"""People in the reports: one each, with their share of ARR, the same in every dimension."""

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from streams.attribution import (
    NO_ACCOUNT,
    NO_CONTACT,
    NO_TITLE,
    OF_PEOPLE,
    OF_TOUCHES,
    Contribution,
    Dimension,
    Report,
    Row,
    add,
    cut,
    from_account,
    from_person,
    name,
    report,
)
from streams.personas.persona import Persona

PRODUCT = Persona("product", "vp", "software", "11-50", 1)
ACME = "001000000000001AAA"

words = st.sampled_from(["product", "engineering", "unknown"])
personas = st.builds(Persona, words, words, words, words, st.just(1))
optional = st.one_of(st.none(), st.text(max_size=120))
arr = st.integers(-(10**15), 10**15)
people = st.builds(from_person, personas, optional, optional, arr)
companies = st.text(min_size=1, max_size=18)


def rows(cells: Contribution) -> dict[str, tuple[Row, ...]]:
    return {str(dimension): report(cells, dimension, None).rows for dimension in Dimension}


def test_a_person_is_one_in_a_row_of_each_dimension_of_people() -> None:
    found = rows(from_person(PRODUCT, "VP Product", ACME, 1200))
    assert found == {str(dimension): () for dimension in OF_TOUCHES} | {
        "persona": (Row("product / software / 11-50", arr=1200, people=1),),
        "role": (Row("product", arr=1200, people=1),),
        "industry": (Row("software", arr=1200, people=1),),
        "size": (Row("11-50", arr=1200, people=1),),
        "seniority": (Row("vp", arr=1200, people=1),),
        "title": (Row("VP Product", arr=1200, people=1),),
        "account": (Row(ACME, people=1),),
    }


def test_who_has_no_title_and_no_account_is_in_rows_that_say_so() -> None:
    for title in (None, "", "  "):
        found = rows(from_person(PRODUCT, title, None, 0))
        assert (found["title"], found["account"]) == ((Row(NO_TITLE, people=1),), (Row(NO_ACCOUNT, people=1),))


def test_a_title_is_kept_as_it_stands_and_cut_as_a_campaign_is() -> None:
    for title in (" VP  Product", "x" * 200):
        assert rows(from_person(PRODUCT, title, None, 0))["title"][0].value == name(title)


def test_arr_that_is_nobodys_is_the_accounts_and_adds_no_people() -> None:
    found = rows(from_account(ACME, 900, 200))
    assert found["account"] == (Row(ACME, arr=900),)
    assert {found[dimension] for dimension in OF_PEOPLE if dimension != "account"} == {(Row(NO_CONTACT, arr=700),)}


def test_an_account_all_of_whose_arr_is_somebodys_contributes_it_by_account_only() -> None:
    assert {row for row, found in rows(from_account(ACME, 900, 900)).items() if found} == {"account"}
    assert from_account(ACME, 0, 0) == {}


@given(
    st.lists(st.tuples(personas, optional, optional, arr), max_size=5), st.lists(companies, min_size=1, max_size=3), arr
)
def test_people_and_arr_have_the_same_total_in_every_dimension_of_people(
    some: list[tuple[Persona, str | None, str | None, int]], others: list[str], nobodys: int
) -> None:
    nothing: Contribution = {}
    shared = sum(one[3] for one in some)
    first, *rest = [from_account(other, nobodys, 0) for other in others[1:]] + [
        from_account(others[0], shared + nobodys, shared)
    ]
    whole = reduce(add, [*(from_person(*one) for one in some), first, *rest], nothing)
    totals = {report(whole, dimension, None).total for dimension in OF_PEOPLE}
    assert {total.people for total in totals} == {len(some)}
    assert len(totals) == 1


@given(st.lists(people, max_size=8), st.integers(1, 5))
def test_a_report_that_is_cut_keeps_its_largest_rows_and_its_total(some: list[Contribution], most: int) -> None:
    nothing: Contribution = {}
    whole = report(reduce(add, some, nothing), Dimension.title, None)
    short = cut(whole, most)
    assert short.rows[:most] == whole.rows[:most]
    assert (sum(row.arr for row in short.rows), sum(row.people for row in short.rows)) == (
        whole.total.arr,
        whole.total.people,
    )
    assert len(short.rows) == min(len(whole.rows), most + 1)


def test_the_rows_that_are_cut_are_one_that_says_how_many() -> None:
    whole = Report((Row("a", arr=3), Row("b", arr=2), Row("c", arr=1)), Row("total", arr=6))
    assert cut(whole, 1).rows == (Row("a", arr=3), Row("(2 others)", arr=3))
