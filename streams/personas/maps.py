"""Personas, room 3.  Maps: the map file as values - which phrases say which role, seniority or industry.

In: what TOML says, as a dict.  Out: `Maps`, or every problem at once.  docs/personas.md says how to change them.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streams.personas.words import Words, pattern_of

UNKNOWN: Final = "unknown"
"""What is said where the maps say nothing; no group may be named so."""
_star_inside = re.compile(r"[^\W_]\*[^\W_]").search
Place: TypeAlias = tuple[str | int, ...]
"""Where in the file: `("roles", 2, "phrases", 0)`; numbers count from 0."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a map file: where, what, and what would be right."""

    place: Place
    what: str

    def __str__(self) -> str:
        return f"{where(self.place)}: {self.what}"


class MapsError(ValueError):
    """A map file that cannot be used; `problems` are all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Group(msgspec.Struct, frozen=True):
    """A role, a seniority or an industry, and the phrases that say it."""

    name: str
    phrases: tuple[str, ...]


class Size(msgspec.Struct, frozen=True):
    """A bucket of company sizes: from so many employees up to the next bucket."""

    name: str
    at_least: int


class Maps(msgspec.Struct, frozen=True, cache_hash=True):
    """Everything that a persona depends on besides title, industry and employees."""

    version: int
    short_forms: tuple[tuple[str, Words], ...]
    stops: tuple[str, ...]
    """What follows such a phrase is about somebody else: `assistant to`, `former`."""
    no_role: tuple[str, ...]
    """Phrases that only look like a role: `vice president` has nothing of a president's."""
    no_seniority: tuple[str, ...]
    """Phrases that only look like a seniority: `lead generation`."""
    roles: tuple[Group, ...]
    seniorities: tuple[Group, ...]
    """The highest first."""
    industries: tuple[Group, ...]
    sizes: tuple[Size, ...]
    """The smallest first."""


NO_MAPS = Maps(0, (), (), (), (), (), (), (), ())
"""By these everybody's persona is unknown."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+_-]{0,39}$")]
Phrase = Annotated[str, Field(min_length=1, max_length=80)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Group(_Strict):
    name: Name
    phrases: Annotated[list[Phrase], Field(min_length=1, max_length=1_000)]


class _Size(_Strict):
    name: Name
    at_least: Annotated[int, Field(ge=1)]


class _Titles(_Strict):
    short_forms: dict[Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}$")], Phrase] = {}
    stops: list[Phrase] = []
    no_role: list[Phrase] = []
    no_seniority: list[Phrase] = []


class _File(_Strict):
    version: Annotated[int, Field(ge=1, lt=1 << 32)]
    titles: _Titles = _Titles()
    roles: Annotated[list[_Group], Field(min_length=1, max_length=50)]
    seniorities: Annotated[list[_Group], Field(min_length=1, max_length=20)]
    industries: Annotated[list[_Group], Field(min_length=1, max_length=50)]
    sizes: Annotated[list[_Size], Field(min_length=1, max_length=20)]


def parse_maps(raw: Mapping[str, Any]) -> Maps:
    """Turn the file's content into maps; raise `MapsError` with all its problems."""
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        raise MapsError([Problem(found["loc"], _said(found)) for found in error.errors()]) from None
    maps = _maps(file)
    if problems := [*_wrong_phrases(maps), *_wrong_names(maps), *_wrong_sizes(maps)]:
        raise MapsError(problems)
    return maps


def where(place: Place) -> str:
    """Write a place for people, counting from 1: `roles[3].phrases[1]`."""
    written = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place)
    return written.removeprefix(".") or "file"


def _phrase_lists(maps: Maps) -> Iterator[tuple[str, Place, tuple[str, ...]]]:
    """Yield each list of phrases of titles and industries: (what it is read for, where it is, the phrases)."""
    yield "stops", ("titles", "stops"), maps.stops
    yield "roles", ("titles", "no_role"), maps.no_role
    yield "seniorities", ("titles", "no_seniority"), maps.no_seniority
    for section in ("roles", "seniorities", "industries"):
        for number, group in enumerate(getattr(maps, section)):
            yield section, (section, number, "phrases"), group.phrases


def _said(found: Any) -> str:
    if found["type"] == "extra_forbidden":
        return "no such entry; docs/personas.md lists them"
    return str(found["msg"])


def _maps(file: _File) -> Maps:
    short_forms = tuple((short, pattern_of(full, {})) for short, full in file.titles.short_forms.items())
    return Maps(
        version=file.version,
        short_forms=short_forms,
        stops=tuple(file.titles.stops),
        no_role=tuple(file.titles.no_role),
        no_seniority=tuple(file.titles.no_seniority),
        roles=_groups(file.roles),
        seniorities=_groups(file.seniorities),
        industries=_groups(file.industries),
        sizes=tuple(Size(size.name, size.at_least) for size in file.sizes),
    )


def _groups(groups: list[_Group]) -> tuple[Group, ...]:
    return tuple(Group(group.name, tuple(group.phrases)) for group in groups)


def _wrong_phrases(maps: Maps) -> Iterator[Problem]:
    """Find phrases without a word, with a star in a wrong place, and those of two groups: one would never count."""
    short_forms = dict(maps.short_forms)
    seen: dict[tuple[str, Words], Place] = {}
    for section, place, phrases in _phrase_lists(maps):
        for number, phrase in enumerate(phrases):
            here, words = (*place, number), pattern_of(phrase, short_forms)
            first = seen.setdefault((section, words), here)
            if not words:
                yield Problem(here, f"{phrase!r} has no word; give at least one letter or digit")
            elif _star_inside(phrase) or phrase.count("*") != sum("*" in word for word in words):
                yield Problem(here, f"{phrase!r}: a star stands at the begin or the end of a word: abc* or *abc")
            elif first[:-1] != place:
                yield Problem(here, f"{phrase!r} stands at {where(first)} too; keep one of them")


def _wrong_names(maps: Maps) -> Iterator[Problem]:
    for section in ("roles", "seniorities", "industries", "sizes"):
        names = [group.name for group in getattr(maps, section)]
        for number, name in enumerate(names):
            if name == UNKNOWN:
                yield Problem((section, number, "name"), f"{name!r} is kept for what no phrase says; take another name")
            elif name in names[:number]:
                yield Problem((section, number, "name"), f"{name!r} is there twice; put the phrases together")


def _wrong_sizes(maps: Maps) -> Iterator[Problem]:
    for number, (one, following) in enumerate(pairwise(maps.sizes), start=1):
        if following.at_least <= one.at_least:
            what = f"{following.at_least} is not above {one.at_least} of the size before; list the smallest first"
            yield Problem(("sizes", number, "at_least"), what)
