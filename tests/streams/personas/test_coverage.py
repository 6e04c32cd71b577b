"""Coverage: shares are of people, and what is not understood comes with the most people first."""

from hypothesis import given
from hypothesis import strategies as st

from agents.personas_file import shipped
from streams.personas.coverage import Coverage, Gap, coverage
from streams.personas.persona import Classifier

PERSONAS = Classifier(shipped())


def of(*titles: tuple[str, int], most_gaps: int = 10) -> Coverage:
    return coverage(titles, PERSONAS, most_gaps)


def test_shares_are_of_people() -> None:
    found = of(("CTO", 3), ("Wizard", 1))
    assert (found.people, found.role_share(), found.seniority_share()) == (4, 0.75, 0.75)
    assert found.roles == {"engineering": 3, "unknown": 1}


def test_what_is_known_in_part_counts_where_it_is_known() -> None:
    found = of(("Director", 1), ("Professor", 1))
    assert (found.role_share(), found.seniority_share()) == (0.5, 0.5)
    assert found.gaps == (Gap("Director", 1, "unknown", "director"), Gap("Professor", 1, "other", "unknown"))


def test_titles_that_read_the_same_are_one_gap() -> None:
    assert of(("Wizard", 2), ("WIZARD!", 3), ("Bard", 4)).gaps == (
        Gap("Wizard", 5, "unknown", "unknown"),
        Gap("Bard", 4, "unknown", "unknown"),
    )


def test_only_so_many_gaps_are_named() -> None:
    assert [gap.title for gap in of(("a1", 1), ("b1", 3), ("c1", 2), most_gaps=2).gaps] == ["b1", "c1"]


def test_nobody_is_no_share() -> None:
    assert (of().people, of().role_share(), of().seniority_share(), of().gaps) == (0, 0.0, 0.0, ())


@given(st.lists(st.tuples(st.text(max_size=30), st.integers(0, 99)), max_size=20))
def test_every_person_is_counted_once(titles: list[tuple[str, int]]) -> None:
    found = of(*titles)
    people = sum(number for _, number in titles)
    assert found.people == sum(found.roles.values()) == sum(found.seniorities.values()) == people
    assert 0 <= found.role_share() <= 1
