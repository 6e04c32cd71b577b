"""Verify reads titles and industries by its own code: as the page says, and as the core does."""

import re
import tomllib
from pathlib import Path
from random import Random

import pytest

from agents.personas_file import shipped
from agents.verify.personas.maps import Maps, MapsError, load
from agents.verify.personas.words import words
from streams.personas.persona import classify

PAGE = (Path(__file__).parents[3] / "docs/personas.md").read_text()
ROW = re.compile(r"^\| ([^|]+?) \| ([a-z-]+) \| ([a-z-]+) \|", re.MULTILINE)
FILE = Path(__file__).parents[3] / "agents/personas/default.toml"
MAPS = load(None)


def test_titles_are_read_as_the_page_shows() -> None:
    shown = [row for row in ROW.findall(PAGE) if row[0] not in ("title", "---")]
    assert len(shown) >= 6
    for title, role, seniority in shown:
        found = MAPS.persona(title, "", None)
        assert (found.role, found.seniority) == (role, seniority), title


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Sr. V.P., R&D", "senior vice president r and d"),
        ("C.E.O", "ce o"),
        ("Chef d'équipe", "chef d equipe"),
        ("Straße_1²", "strasse 12"),
        ("x" * 199 + "&y", "x" * 199 + " and"),
    ],
)
def test_words(text: str, read: str) -> None:
    assert " ".join(words(text, {"sr": ("senior",), "vp": ("vice", "president")})) == read


@pytest.mark.parametrize(
    ("employees", "size"), [(None, "unknown"), (0, "unknown"), (1, "1-10"), (10.5, "1-10"), (11, "11-50")]
)
def test_sizes(employees: float | None, size: str) -> None:
    assert MAPS.persona("", "", employees).size == size


def test_of_equal_phrases_a_whole_word_goes_first_then_a_beginning_then_an_end() -> None:
    groups = [{"name": one, "phrases": [one]} for one in ("*leiter", "verkauf*", "verkaufs*", "verkaufsleiter")]
    assert Maps({"roles": groups}).persona("Verkaufsleiter", "", None).role == "verkaufsleiter"
    assert Maps({"roles": groups[:3]}).persona("Verkaufsleiter", "", None).role == "verkaufs*"
    assert Maps({"roles": groups[:2]}).persona("Verkaufsleiter", "", None).role == "verkauf*"


JOINTS = (*" " * 6, " & ", ", ", " of ", *"+/-.'\u2019_\u00a0\u2013()\t1²ß")


def title(rng: Random, phrases: list[str]) -> str:
    """Put phrases of the maps together, in any spelling."""
    made = ""
    for _ in range(rng.randint(1, 5)):
        phrase = rng.choice(phrases).replace("*", rng.choice(["", "in", "haupt"]))
        spelt = rng.choice([phrase, phrase, phrase.upper(), phrase.title(), ".".join(phrase[:4]) + "."])
        made += spelt + rng.choice(JOINTS)
    return made


def test_titles_are_read_as_the_core_reads_them() -> None:
    file, rng = tomllib.loads(FILE.read_text()), Random(1)
    groups = [*file["roles"], *file["seniorities"], *file["industries"]]
    phrases = [one for group in groups for one in group["phrases"]]
    phrases += [one for name in ("stops", "no_role", "no_seniority", "short_forms") for one in file["titles"][name]]
    for _ in range(3000):
        what, where, size = title(rng, phrases), title(rng, phrases), rng.choice([None, 0, 10, 11, 5001])
        ours, theirs = MAPS.persona(what, where, size), classify(what, where, size, shipped())
        assert (ours.role, ours.seniority, ours.industry, ours.size) == (
            theirs.role, theirs.seniority, theirs.industry, theirs.size,
        ), (what, where)  # fmt: skip


def test_a_broken_map_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "maps.toml"
    path.write_text("version = ")
    with pytest.raises(MapsError, match=r"maps\.toml"):
        load(path)
