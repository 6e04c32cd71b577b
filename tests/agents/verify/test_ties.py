"""Which part of an alias a row holds, whichever of two ways was faster."""

from agents.verify.ties import FOREVER, Path, held


def stays(*moves: tuple[str, Path | None]) -> list[tuple[int, int]]:
    """Give (from, until) of each part that a row held; moves stand at 0, 1, 2, ..."""
    records = ((7, "user:u1", "anon:a1", o, kind, path) for o, (kind, path) in enumerate(moves))
    return [(since, until) for _, since, until in held(records)]


def test_a_part_stays() -> None:
    assert stays(("part", [1])) == [(0, FOREVER)]
    assert stays() == []


def test_a_part_of_a_larger_path_replaces_one_and_not_the_other_way_round() -> None:
    assert stays(("part", [1, 1]), ("part", [2])) == [(0, 1), (1, FOREVER)]
    assert stays(("part", [2]), ("part", [1, 1])) == [(0, FOREVER)]
    assert stays(("part", [1, 1]), ("part", [1, 2])) == [(0, 1), (1, FOREVER)]


def test_a_detach_takes_away_what_came_before_it_only() -> None:
    assert stays(("part", [1, 1]), ("detach", [2])) == [(0, 1)]
    assert stays(("part", [2]), ("detach", [2])) == [(0, FOREVER)]
    assert stays(("part", [2, 1]), ("detach", [2])) == [(0, FOREVER)]
    assert stays(("part", [2, 1]), ("detach", [1, 2])) == [(0, FOREVER)]


def test_a_forwarded_event_makes_a_part_that_anything_replaces_or_takes_away() -> None:
    assert stays(("event", None), ("part", [1])) == [(0, 1), (1, FOREVER)]
    assert stays(("event", None), ("detach", [2])) == [(0, 1)]
    assert stays(("part", [1]), ("event", None)) == [(0, FOREVER)]
    assert stays(("part", [1]), ("detach", [2]), ("event", None)) == [(0, 1), (2, FOREVER)]
