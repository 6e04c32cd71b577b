"""Personas: the titles that we know, and the laws of reading any title."""

from random import Random
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.personas_file import shipped
from streams.personas.maps import UNKNOWN, parse_maps
from streams.personas.persona import Classifier, Persona, classify
from streams.personas.words import MOST_CHARACTERS
from tests.streams.personas.titles import KNOWN

MAPS = shipped()
PERSONAS = Classifier(MAPS)
titles = st.sampled_from([title for title, _, _ in KNOWN])


def said(title: str) -> tuple[str, str]:
    read = PERSONAS.read_title(title)
    return read.role.says, read.seniority.says


def test_there_are_many_titles_that_we_know() -> None:
    assert len({title for title, _, _ in KNOWN}) == len(KNOWN) >= 250


@pytest.mark.parametrize(("title", "role", "seniority"), KNOWN)
def test_a_title_says_role_and_seniority(title: str, role: str, seniority: str) -> None:
    assert said(title) == tuple(UNKNOWN if name == "-" else name for name in (role, seniority))


@given(titles, st.randoms())
def test_case_never_matters(title: str, rng: Random) -> None:
    assert said("".join(rng.choice((sign.upper(), sign.lower())) for sign in title)) == said(title)


@given(titles, st.lists(st.sampled_from([" ", "  ", ", ", " - ", " / ", "\t", " | ", " (", ") "]), min_size=12))
def test_what_stands_between_the_words_never_matters(title: str, between: list[str]) -> None:
    words = PERSONAS.words(title)
    retyped = "".join(word + gap for word, gap in zip(words, between, strict=False))
    if len(words) <= len(between):
        assert said(f" {retyped}") == said(title)


@given(st.text(max_size=400), st.text(max_size=40), st.none() | st.integers())
def test_every_input_has_a_persona_and_always_the_same(title: str, industry: str, employees: int | None) -> None:
    persona = classify(title, industry, employees, MAPS)
    assert persona.role in {group.name for group in MAPS.roles} | {UNKNOWN}
    assert persona.seniority in {group.name for group in MAPS.seniorities} | {UNKNOWN}
    assert persona.industry in {group.name for group in MAPS.industries} | {UNKNOWN}
    assert persona.size in {size.name for size in MAPS.sizes} | {UNKNOWN}
    assert persona == Classifier(MAPS).classify(title, industry, employees)


def test_nothing_known_is_unknown_and_names_the_maps() -> None:
    unknown = Persona(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, MAPS.version)
    assert classify(None, None, None, MAPS) == classify("", " ", 0, MAPS) == classify("?!", "?", -1, MAPS) == unknown


@pytest.mark.parametrize(
    ("employees", "size"),
    [
        (1, "1-10"),
        (10, "1-10"),
        (11, "11-50"),
        (50, "11-50"),
        (51, "51-200"),
        (200, "51-200"),
        (201, "201-1000"),
        (1000, "201-1000"),
        (1001, "1001-5000"),
        (5000, "1001-5000"),
        (5001, "5001+"),
        (2_000_000, "5001+"),
        (0, UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_a_size_is_the_bucket_that_the_employees_reach(employees: int | None, size: str) -> None:
    assert PERSONAS.size(employees) == size


SALESFORCE = """
Agriculture hospitality, Apparel retail, Banking financial-services, Biotechnology healthcare, Chemicals manufacturing,
Communications telecommunications, Construction real-estate, Consulting professional-services, Education education,
Electronics hardware, Energy energy, Engineering manufacturing, Entertainment media, Environmental energy,
Finance financial-services, Food_&_Beverage hospitality, Government public-sector, Healthcare healthcare,
Hospitality hospitality, Insurance financial-services, Machinery manufacturing, Manufacturing manufacturing,
Media media, Not_For_Profit non-profit, Recreation media, Retail retail, Shipping transportation, Technology software,
Telecommunications telecommunications, Transportation transportation, Utilities energy, Other other
"""
FREE = """
SaaS software, Computer_Software software, Information_Technology_&_Services software, FinTech fintech,
Financial_Services financial-services, E-Commerce retail, Real_Estate real-estate, Law_Firm professional-services,
Marketing_&_Advertising marketing, Versicherungen financial-services, Maschinenbau manufacturing, Santé healthcare,
Educación education, Logística transportation, Underwater_Basket_Weaving unknown, Hospital_&_Health_Care healthcare
"""


@pytest.mark.parametrize("row", [row.split() for row in (SALESFORCE + "," + FREE).split(",")], ids=" ".join)
def test_an_industry_has_a_group(row: list[str]) -> None:
    text, group = row[0].replace("_", " "), row[1]
    assert classify(None, text, None, MAPS).industry == group


def test_what_stands_behind_the_bound_is_not_read() -> None:
    assert said("x " * (MOST_CHARACTERS // 2) + "engineer") == (UNKNOWN, UNKNOWN)


RAW = {
    "version": 1,
    "roles": [{"name": "art", "phrases": ["painter"]}],
    "seniorities": [{"name": "master", "phrases": ["master"]}, {"name": "pupil", "phrases": ["pupil"]}],
    "industries": [{"name": "studio", "phrases": ["studio"]}],
    "sizes": [{"name": "any", "at_least": 1}],
}


def test_another_version_of_the_maps_says_so_and_says_it_anew() -> None:
    now = parse_maps(RAW)
    changed = parse_maps(RAW | {"version": 2, "roles": [{"name": "craft", "phrases": ["painter"]}]})
    assert classify("Pupil painter", "Studio", 3, now) == Persona("art", "pupil", "studio", "any", 1)
    assert classify("Pupil painter", "Studio", 3, changed) == Persona("craft", "pupil", "studio", "any", 2)


def test_the_highest_seniority_counts_wherever_it_stands() -> None:
    classifier = Classifier(parse_maps(RAW))
    assert classifier.read_title("pupil and master").seniority.says == "master"


def test_reading_is_fast_enough_for_every_profile() -> None:
    """Generous bounds, the best of many: 5 µs for a remembered title and 60 µs for a new one on an idle machine."""
    fresh = Classifier(MAPS)
    new, again = [], []
    for title, _, _ in KNOWN:
        new.append(seconds(fresh, title))
        again.append(min(seconds(fresh, title) for _ in range(5)))
    assert sorted(new)[len(new) // 2] < 60e-6 * 4
    assert sorted(again)[len(again) // 2] < 5e-6 * 4


def seconds(classifier: Classifier, title: str) -> float:
    begin = perf_counter()
    classifier.classify(title, "Technology", 250)
    return perf_counter() - begin
