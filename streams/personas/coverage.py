"""Personas, room 5.  Coverage: how much of a list of titles the maps understand, and what they do not.

In: titles and how many people have each.  Out: shares, people by role and seniority, and the titles worth a phrase.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from streams.personas.maps import UNKNOWN
from streams.personas.persona import Classifier
from streams.personas.words import Words


class Gap(msgspec.Struct, frozen=True, gc=False):
    """A title whose role or seniority no phrase says."""

    title: str
    """As the first of those spelled who have it."""
    people: int
    role: str
    seniority: str


class Coverage(msgspec.Struct, frozen=True):
    """What the maps say of many titles.  All numbers are people."""

    map_version: int
    people: int
    roles: Mapping[str, int]
    """{role: people}, the most first; `unknown` too; of nobody absent."""
    seniorities: Mapping[str, int]
    """As `roles`."""
    gaps: tuple[Gap, ...]
    """The most frequent first, then by title."""

    def role_share(self) -> float:
        """Share of people whose role is known, 0 to 1; of nobody: 0."""
        return self._known(self.roles)

    def seniority_share(self) -> float:
        """Share of people whose seniority is known, 0 to 1; of nobody: 0."""
        return self._known(self.seniorities)

    def _known(self, people: Mapping[str, int]) -> float:
        return 1 - people.get(UNKNOWN, 0) / self.people if self.people else 0.0


def coverage(titles: Iterable[tuple[str, int]], personas: Classifier, most_gaps: int) -> Coverage:
    """Read (title, people) of many; titles that differ in case, accents or punctuation only are one."""
    people: Counter[Words] = Counter()
    spelled: dict[Words, str] = {}
    for title, number in titles:
        words = personas.words(title)
        people[words] += number
        spelled.setdefault(words, title)
    roles, seniorities, gaps = Counter[str](), Counter[str](), []
    for words, number in people.items():
        read = personas.read_title(spelled[words])
        roles[read.role.says] += number
        seniorities[read.seniority.says] += number
        if UNKNOWN in (read.role.says, read.seniority.says):
            gaps.append(Gap(spelled[words], number, read.role.says, read.seniority.says))
    gaps.sort(key=lambda gap: (-gap.people, gap.title))
    return Coverage(
        personas.version,
        people.total(),
        dict(roles.most_common()),
        dict(seniorities.most_common()),
        tuple(gaps[:most_gaps]),
    )
