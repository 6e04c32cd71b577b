"""Verify and what people bring to the reports: random worlds are clean, and whatever befalls their numbers is found."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from agents.verify.accounts.persons import STALE
from agents.verify.check import check
from agents.verify.personas.maps import Maps
from agents.verify.report import Check
from agents.verify.rules import Rules
from agents.verify.world import ACCOUNT_EVENTS, CONTRIBUTIONS, PROFILE_VIEWS, Message, World
from tests.agents.verify.reported import PATIENT, REPORTS, reported
from tests.agents.verify.test_corruptions import copied, differences, edited


@pytest.mark.parametrize("seed", range(18))
def test_what_people_bring_is_clean_where_touches_are_let_go_of_early(seed: int) -> None:
    assert differences(reported(seed), REPORTS) == []


@pytest.mark.parametrize("seed", range(18, 24))
def test_what_people_bring_is_clean_by_the_rules_that_ship(seed: int) -> None:
    assert differences(reported(seed, patient=True), PATIENT) == []


@pytest.mark.parametrize("seed", range(24, 30))
def test_what_people_bring_is_clean_where_some_are_forgotten(seed: int) -> None:
    assert differences(reported(seed, forgets=True), REPORTS) == []


# -- what the worlds prove ---------------------------------------------------------------------------------------------


@cache
def latest(seed: int) -> dict[str, dict[str, int]]:
    """Cells of each document at last."""
    found = {
        one.key.decode(): json.loads(one.value or b"null") for one in reported(seed).messages(CONTRIBUTIONS) if one.key
    }
    return {key: document["cells"] for key, document in found.items() if document}


def lists(seed: int) -> list[dict[str, Any]]:
    values = [json.loads(one.value or b"") for one in reported(seed).messages(ACCOUNT_EVENTS)]
    return [one for one in values if one.get("kind") == "touches"]


def test_the_worlds_have_everything_that_people_bring() -> None:
    people = [(key, cells) for seed in range(18) for key, cells in latest(seed).items() if not key.startswith("001")]
    begins = Counter(cell[:4] for _, cells in people for cell in cells)
    assert {"c-s:", "cfu:", "cdu:", "p-p:", "t-p:", "a-p:", "p-a:"} <= begins.keys()
    assert any(0 < n < 1_000_000 for _, cells in people for cell, n in cells.items() if cell.startswith("ceu:"))
    assert any("sales" in cell for _, cells in people for cell in cells if cell.startswith("o-p:"))
    assert any("~" in cell for _, cells in people for cell in cells if cell.startswith("t-p:"))
    assert any(cells.get("c-s:(unattributed)") for _, cells in people)


def test_the_worlds_have_lists_of_every_kind() -> None:
    told = [one for seed in range(18) for one in lists(seed)]
    assert any(touch[0] <= one["since"] for one in told for touch in one.get("touches", ()) if one.get("since"))
    assert any(one.get("since") and not one.get("touches") for one in told)


def test_hardly_anything_is_left_unchecked() -> None:
    checks = [check(reported(seed), REPORTS) for seed in range(18)]
    signed_up = sum(any(cell[2] == "u" for cell in cells) for seed in range(18) for cells in latest(seed).values())
    assert 0 < sum(one.named("contributions").unchecked for one in checks) < signed_up / 5
    former = sum(one.named("touches").unchecked for one in checks)
    assert former < sum(len(lists(seed)) for seed in range(18))


# -- spoiling ----------------------------------------------------------------------------------------------------------


def found_by(name: str, world: World, rules: Rules = REPORTS) -> Check:
    return check(world, rules).named(name)


Cells = dict[str, int]


def more(cell: str) -> Callable[[Cells], Cells]:
    return lambda cells: cells | {one: n + 1 for one, n in cells.items() if one.startswith(cell)}


def doubled(cells: Cells) -> Cells:
    return cells | {one: 2 * n for one, n in cells.items() if one[2] == "u"}


def without(end: str) -> Callable[[Cells], Cells]:
    """Lose all cells of a measure, or of one of its rows."""
    return lambda cells: {one: n for one, n in cells.items() if not one[2:].startswith(end)}


def renamed(begin: str, to: str) -> Callable[[Cells], Cells]:
    """Let another row have what the first one of a kind has: no sum says anything."""

    def change(cells: Cells) -> Cells:
        first = next(one for one in cells if one.startswith(begin))
        return {begin + to if one == first else one: n for one, n in cells.items()}

    return change


SPOILT: dict[str, tuple[str, Callable[[Cells], Cells]]] = {
    "a session more": ("c-s:", more("c-s:")),
    "a session of another campaign": ("c-s:", renamed("c-s:", "winter")),
    "a session of another channel": ("h-s:", renamed("h-s:", "Email")),
    "sessions of nobody": ("c-s:(unattributed)", without("s:(unattributed)")),
    "a sign-up counted twice": ("cfu:", doubled),
    "a sign-up of another campaign": ("cfu:", renamed("cfu:", "winter")),
    "a sign-up lost": ("cfu:", without("u:")),
    "a part of a sign-up too much": ("ceu:", more("ceu:")),
    "another persona": ("p-p:", renamed("p-p:", "sales / software / 11-50")),
    "another role": ("o-p:", renamed("o-p:", "legal")),
    "another seniority": ("y-p:", renamed("y-p:", "intern")),
    "another industry": ("i-p:", renamed("i-p:", "energy")),
    "another size": ("z-p:", renamed("z-p:", "many")),
    "another title": ("t-p:", renamed("t-p:", "Nobody")),
    "another account": ("a-p:", renamed("a-p:", "001000000000009AAA")),
    "two people": ("p-p:", more("p-p:")),
    "ARR of another persona": ("p-a:", renamed("p-a:", "sales / software / 11-50")),
}  # fmt: skip
"""What a document has that is to be spoilt, and how."""


def told_of(seed: int, begin: str) -> Iterator[tuple[World, int]]:
    """Give copies of a world that have only the latest of each document, and the place of one that is a person's."""
    world = copied(reported(seed))
    newest = {one.key: one for one in world.messages(CONTRIBUTIONS)}
    world.topics[CONTRIBUTIONS] = list(newest.values())
    for place, one in enumerate(world.topics[CONTRIBUTIONS]):
        document = json.loads(one.value or b"null")
        if (
            document
            and not document["document"].startswith("001")
            and any(one.startswith(begin) for one in document["cells"])
        ):
            yield copied(world), place


@pytest.mark.parametrize("what", SPOILT)
def test_a_contribution_that_says_something_else_is_found(what: str) -> None:
    begin, spoil = SPOILT[what]
    hit = unseen = 0
    for seed in range(18) if begin == "p-a:" else range(4):
        for world, place in list(told_of(seed, begin))[:2]:
            one = world.topics[CONTRIBUTIONS][place]
            world.topics[CONTRIBUTIONS][place] = edited(one, cells=spoil(json.loads(one.value or b"")["cells"]))
            hit, unseen = hit + 1, unseen + (found_by("contributions", world).differences == 0)
    assert hit >= 2
    assert unseen <= (hit // 4 if begin[2] == "u" else 0)  # rows of some sign-ups cannot be told


@pytest.mark.parametrize("begin", ["c-s:", "p-p:"])
def test_a_contribution_that_is_lost_or_is_of_nobody_is_found(begin: str) -> None:
    world, place = next(told_of(1, begin))
    one = world.topics[CONTRIBUTIONS].pop(place)
    assert found_by("contributions", world).differences
    world.topics[CONTRIBUTIONS] += [one, replace(one, key=b"anon:nobody")]
    assert found_by("contributions", world).differences


def edited_list(one: Message, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Message:
    return replace(one, value=json.dumps(edit(json.loads(one.value or b""))).encode())


FOREIGN = [1_760_000_000_001, "E2tbAw3FvHyobGGQyBPfig==", {"channel": "Email", "ga4": "Email"}]
LISTS: dict[str, tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "a touch is missing": (
        lambda said: bool(said.get("touches")) and said["touches"][-1][0] > said.get("since", 0),
        lambda said: said | {"touches": said["touches"][:-1]},
    ),
    "a touch too much": (
        lambda said: bool(said.get("touches")),
        lambda said: said | {"touches": sorted([*said["touches"], FOREIGN], key=lambda one: one[0])},
    ),
    "a touch of another campaign": (
        lambda said: bool(said.get("touches")),
        lambda said: said | {"touches": [[at, key, source | {"campaign": "w"}] for at, key, source in said["touches"]]},
    ),
    "a touch with another key": (
        lambda said: bool(said.get("touches")),
        lambda said: said | {"touches": [[at, FOREIGN[1], source] for at, _, source in said["touches"]]},
    ),
    "a touch twice": (
        lambda said: bool(said.get("touches")),
        lambda said: said | {"touches": [said["touches"][0], *said["touches"]]},
    ),
    "since is later": (
        lambda said: bool(said.get("since")),
        lambda said: said | {"since": said["since"] + 400 * 86_400_000},
    ),
    "it is not told": (lambda said: bool(said.get("touches")), lambda said: {"kind": "nothing"}),
}
"""Which lists, and what befalls one that is the latest of its person."""


@pytest.mark.parametrize("what", LISTS)
def test_a_list_that_says_something_else_is_found(what: str) -> None:
    fits, edit = LISTS[what]
    hit = 0
    for seed in range(18):
        world = copied(reported(seed))
        messages = world.topics[ACCOUNT_EVENTS]
        documents = [json.loads(one.value or b"") for one in messages]
        told = [(said["number"], i) for i, said in enumerate(documents) if said.get("kind") == "touches"]
        latest = {documents[i]["person"]: i for _, i in sorted(told)}
        places = sorted(i for i in latest.values() if fits(documents[i]))
        for place in places[len(places) // 2 :][:1]:
            messages[place] = edited_list(messages[place], edit)
            hit += 1
            assert found_by("touches", world).differences, (seed, documents[place])
    assert hit >= 3


def test_a_list_that_is_told_again_is_found() -> None:
    world = copied(reported(1))
    messages = world.topics[ACCOUNT_EVENTS]
    place = next(i for i, one in enumerate(messages) if b'"touches":[[' in (one.value or b""))
    one = edited(messages[place], number=99)
    messages.append(replace(one, offset=world.end(ACCOUNT_EVENTS, one.partition)))
    assert any("do not rise by one" in str(it) for it in found_by("touches", world).first)


@pytest.mark.parametrize("name", ["role", "seniority", "industry", "size", "map_version"])
def test_a_view_with_another_persona_is_found(name: str) -> None:
    world = copied(reported(1))
    views = world.topics[PROFILE_VIEWS]
    last = {one.key: place for place, one in enumerate(views)}
    place = next(i for i in last.values() if b'"persona"' in (views[i].value or b""))
    persona = json.loads(views[place].value or b"")["persona"]
    views[place] = edited(views[place], persona=persona | {name: "legal" if name != "map_version" else 7})
    assert any("persona is" in str(one) for one in found_by("people", world).first)


def test_personas_of_former_maps_are_counted_as_unchecked() -> None:
    maps = Maps({"version": 2})
    report = check(reported(1), replace(REPORTS, personas=maps))
    for name in ("people", "contributions"):
        assert STALE in report.named(name).why_unchecked
        assert report.named(name).differences == 0
