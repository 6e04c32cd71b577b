"""Personas, room 4.  Persona: role, seniority, industry and size of one person, or `unknown`; nothing is guessed.

In: a title, an industry and a number of employees, any of them absent.  Kept: the latest titles and industries, since
few are rare.  Out: a `Persona`, and which phrases decided.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from streams.personas.maps import UNKNOWN, Group, Maps
from streams.personas.phrases import Found, Phrases
from streams.personas.words import Words, pattern_of, words_of

TEXTS_REMEMBERED: Final = 16_384
MAPS_REMEMBERED: Final = 4
NOTHING: Final = Found(UNKNOWN, "")


class Persona(msgspec.Struct, frozen=True, gc=False):
    """Who somebody is at work; each part is a name of the maps, or `unknown`."""

    role: str
    seniority: str
    industry: str
    size: str
    """A bucket of employees."""
    map_version: int
    """The maps that said so: another version says it anew."""


class TitleRead(msgspec.Struct, frozen=True, gc=False):
    """What a title says, and the phrases that say it; an empty phrase: none does."""

    role: Found
    seniority: Found


class Classifier:
    """Maps, made ready to read.  Safe to share; equal maps give equal answers."""

    def __init__(self, maps: Maps) -> None:
        self.version = maps.version
        self._sizes = maps.sizes
        self._short_forms = dict(maps.short_forms)
        self._stops = self._phrases([Group("stop", maps.stops)])
        self._roles = self._phrases([*maps.roles, Group(UNKNOWN, maps.no_role)])
        self._seniorities = self._phrases([*maps.seniorities, Group(UNKNOWN, maps.no_seniority)])
        self._industries = self._phrases(maps.industries)
        self._rank = {group.name: rank for rank, group in enumerate(maps.seniorities)}
        self.read_title = lru_cache(TEXTS_REMEMBERED)(self._read_title)
        """Give the `TitleRead` of a title."""
        self._industry = lru_cache(TEXTS_REMEMBERED)(self._read_industry)

    def classify(self, title: str | None, industry: str | None, employees: int | None) -> Persona:
        """Say who somebody is: the first-named role, the highest seniority, the first-named industry."""
        read = self.read_title(title or "")
        return Persona(
            read.role.says,
            read.seniority.says,
            self._industry(industry or ""),
            self.size(employees),
            self.version,
        )

    def size(self, employees: int | None) -> str:
        """Find the bucket; `unknown` below the smallest, since nobody has 0 employees who buys for a team."""
        fitting = [size.name for size in self._sizes if employees is not None and employees >= size.at_least]
        return fitting[-1] if fitting else UNKNOWN

    def words(self, title: str) -> Words:
        """Give the words of a title as they are read: titles with equal ones are the same title."""
        return words_of(title, self._short_forms)

    def _read_title(self, title: str) -> TitleRead:
        words = self._up_to_stop(self.words(title))
        roles = _known(self._roles.read(words))
        seniorities = _known(self._seniorities.read(words))
        return TitleRead(
            role=roles[0] if roles else NOTHING,
            seniority=min(seniorities, key=lambda found: self._rank[found.says], default=NOTHING),
        )

    def _up_to_stop(self, words: Words) -> Words:
        return words[: self._stops.end_of_first(words)]

    def _read_industry(self, industry: str) -> str:
        found = self._industries.read(self.words(industry))
        return found[0].says if found else UNKNOWN

    def _phrases(self, groups: Iterable[Group]) -> Phrases:
        return Phrases(
            (pattern_of(phrase, self._short_forms), Found(group.name, phrase))
            for group in groups
            for phrase in group.phrases
        )


def _known(found: list[Found]) -> list[Found]:
    return [one for one in found if one.says != UNKNOWN]


@lru_cache(maxsize=MAPS_REMEMBERED)
def classifier(maps: Maps) -> Classifier:
    """Give the classifier of some maps; made once."""
    return Classifier(maps)


def classify(title: str | None, industry: str | None, employees: int | None, maps: Maps) -> Persona:
    """Say who somebody is by some maps; whatever is absent or in no map is `unknown`."""
    return classifier(maps).classify(title, industry, employees)
