"""Verify, personas.  Phrases: which of them a text has (docs/personas.md, "How a title is read", 2 and 3)."""

from collections.abc import Iterable
from typing import NamedTuple

from agents.verify.personas.words import Words

STAR = "*"


class Phrase(NamedTuple):
    """Words in a row, each maybe with a star at one end, and what they name."""

    words: Words
    name: str | None
    """None: it names nothing, and uses its words up."""


class Phrases:
    """All phrases of one question, found by their first word."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self.whole: dict[str, list[Phrase]] = {}
        self.starred: list[Phrase] = []
        for one in phrases:
            if STAR in one.words[0]:
                self.starred.append(one)
            else:
                self.whole.setdefault(one.words[0], []).append(one)

    def found(self, words: Words) -> list[str]:
        """Name what the phrases in a text name, from left to right."""
        names: list[str] = []
        place = 0
        while place < len(words):
            phrase = self.at(words, place)
            if phrase is not None and phrase.name is not None:
                names.append(phrase.name)
            place += len(phrase.words) if phrase is not None else 1
        return names

    def first(self, words: Words) -> int | None:
        """Give the place of the word after the first phrase; None: there is no phrase."""
        for place in range(len(words)):
            phrase = self.at(words, place)
            if phrase is not None:
                return place + len(phrase.words)
        return None

    def at(self, words: Words, place: int) -> Phrase | None:
        """Choose the longest phrase that begins at a place.

        Of equal ones the first word that differs decides: a whole one, then `abc*`, then `*abc`, then the longer one.
        """
        there = words[place:]
        possible = [*self.whole.get(words[place], ()), *self.starred]
        fitting = [one for one in possible if len(one.words) <= len(there) and all(map(fits, one.words, there))]
        return max(fitting, key=_rank, default=None)


def fits(pattern: str, word: str) -> bool:
    """Say whether a word is a pattern's."""
    if pattern.endswith(STAR):
        return word.startswith(pattern[:-1])
    return word.endswith(pattern[1:]) if pattern.startswith(STAR) else word == pattern


def _rank(phrase: Phrase) -> tuple[int, list[tuple[bool, bool, int]]]:
    return len(phrase.words), [(STAR not in one, one.endswith(STAR), len(one)) for one in phrase.words]
