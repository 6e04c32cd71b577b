"""Maps: what may stand in a map file, and how every mistake in one is told."""

from typing import Any

import pytest

from streams.personas.maps import MapsError, Size, parse_maps
from streams.personas.persona import Classifier


def content(**changed: Any) -> dict[str, Any]:
    return {
        "version": 3,
        "titles": {"short_forms": {"mgr": "manager"}, "stops": ["assistant to"]},
        "roles": [{"name": "art", "phrases": ["painter", "*maler", "paint*"]}],
        "seniorities": [{"name": "top", "phrases": ["manager"]}],
        "industries": [{"name": "studio", "phrases": ["studio"]}],
        "sizes": [{"name": "few", "at_least": 1}, {"name": "many", "at_least": 10}],
    } | changed


def problems(**changed: Any) -> list[str]:
    with pytest.raises(MapsError) as raised:
        parse_maps(content(**changed))
    return [str(problem) for problem in raised.value.problems]


def group(*phrases: str, name: str = "art") -> dict[str, Any]:
    return {"name": name, "phrases": list(phrases)}


def test_maps_are_what_the_file_says() -> None:
    maps = parse_maps(content())
    assert maps.version == 3
    assert maps.sizes == (Size("few", 1), Size("many", 10))
    assert maps.roles[0].phrases == ("painter", "*maler", "paint*")
    assert hash(maps) == hash(parse_maps(content()))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"version": 0}, ["version: "]),
        ({"roles": []}, ["roles: "]),
        ({"extra": 1}, ["extra: no such entry"]),
        ({"roles": [group("a", name="A B")]}, ["roles[1].name: "]),
        ({"roles": [group("a", name="unknown")]}, ["roles[1].name: 'unknown' is kept"]),
        ({"roles": [group("a"), group("b")]}, ["roles[2].name: 'art' is there twice"]),
        (
            {"roles": [group("a"), group("A.", name="b")]},
            ["roles[2].phrases[1]: 'A.' stands at roles[1].phrases[1] too"],
        ),
        ({"roles": [group("a", "?!")]}, ["roles[1].phrases[2]: '?!' has no word"]),
        ({"roles": [group("a", "b*c")]}, ["roles[1].phrases[2]: 'b*c': a star"]),
        ({"roles": [group("*")]}, ["roles[1].phrases[1]: "]),
        ({"titles": {"short_forms": {"V.P.": "x"}}}, ["titles.short_forms.V.P."]),
        (
            {"sizes": [{"name": "a", "at_least": 5}, {"name": "b", "at_least": 5}]},
            ["sizes[2].at_least: 5 is not above 5"],
        ),
        ({"version": "1", "sizes": [{"name": "a"}]}, ["version: ", "sizes[1].at_least: "]),
    ],
)
def test_each_mistake_is_told_with_its_place(changed: dict[str, Any], told: list[str]) -> None:
    found = problems(**changed)
    assert len(found) == len(told)
    assert all(line.startswith(begin) for line, begin in zip(found, told, strict=True)), found


def test_all_mistakes_are_told_at_once() -> None:
    wrong = problems(roles=[group("a", "!"), group("a", name="b")], sizes=[{"name": "unknown", "at_least": 1}])
    assert len(wrong) == 3


def test_one_phrase_may_stand_in_a_group_in_two_spellings() -> None:
    assert parse_maps(content(roles=[group("énergie", "energie")])).roles[0].phrases == ("énergie", "energie")


def role(title: str, **changed: Any) -> tuple[str, str]:
    found = Classifier(parse_maps(content(**changed))).read_title(title).role
    return found.says, found.phrase


def test_a_star_stands_for_any_letters_also_none() -> None:
    assert role("Painting") == ("art", "paint*")
    assert role("Kunstmaler") == ("art", "*maler")
    assert role("Maler") == ("art", "*maler")
    assert role("Malerei") == ("unknown", "")


def test_a_whole_word_is_named_before_one_with_a_star() -> None:
    assert role("Painter") == ("art", "painter")


def test_the_longest_phrase_at_a_place_counts_and_uses_its_words_up() -> None:
    roles = [group("data"), group("product", name="b"), group("data product", name="c")]
    assert role("data product", roles=roles) == ("c", "data product")
    assert role("product data product", roles=roles) == ("b", "product")


def test_a_phrase_that_begins_like_a_longer_one_is_still_found() -> None:
    roles = [group("data"), group("data product owner", name="c")]
    assert role("data product manager", roles=roles) == ("art", "data")


def test_what_follows_a_stop_is_not_read() -> None:
    assert role("Assistant to the painter") == ("unknown", "")
    assert role("Painter, assistant to the mayor") == ("art", "painter")


def test_short_forms_are_written_out_in_titles_and_in_phrases() -> None:
    assert role("Art mgr", roles=[group("art manager")]) == ("art", "art manager")
    assert role("Art manager", roles=[group("art mgr")]) == ("art", "art mgr")
