"""Personas, room 2.  Phrases: find what is known in a list of words.

In: phrases, each with what it says; then words.  Kept: a tree of the phrases.  Out: what was found, in order.
"""

from collections.abc import Iterable, Iterator

import msgspec

from streams.personas.words import Words


class Found(msgspec.Struct, frozen=True, gc=False):
    """A phrase that stands in a text."""

    says: str
    """The name under which the maps have it."""
    phrase: str
    """As it is in the maps."""


class _Node:
    __slots__ = ("found", "next")

    def __init__(self) -> None:
        self.found: Found | None = None
        self.next: dict[str, _Node] = {}


class Phrases:
    """Known phrases.  A word `abc*` of a phrase is any word that begins so, `*abc` any that ends so.

    Of two phrases with the same words the first counts.
    """

    def __init__(self, phrases: Iterable[tuple[Words, Found]]) -> None:
        self._root = _Node()
        patterns: set[str] = set()
        for words, found in phrases:
            patterns.update(words)
            node = self._root
            for word in words:
                node = node.next.setdefault(word, _Node())
            node.found = node.found or found
        self._starred = frozenset(word for word in patterns if "*" in word)
        self._starts = _lengths(word for word in self._starred if word[-1] == "*")
        self._ends = _lengths(word for word in self._starred if word[0] == "*")

    def read(self, words: Words) -> list[Found]:
        """Read from left to right; at each place the longest phrase counts, and its words are used up."""
        spellings = [self._spellings(word) for word in words]
        found, at = [], 0
        while at < len(words):
            match, end = self._longest(spellings, at)
            if match is not None:
                found.append(match)
            at = end
        return found

    def end_of_first(self, words: Words) -> int | None:
        """Count the words up to the end of the first phrase among them; None: there is none."""
        spellings = [self._spellings(word) for word in words]
        ends = (end for match, end in (self._longest(spellings, at) for at in range(len(words))) if match is not None)
        return next(ends, None)

    def _longest(self, spellings: list[list[str]], begin: int) -> tuple[Found | None, int]:
        """Find the longest phrase at a place, and where it ends; of equally long ones that with fewer stars first."""
        match, end = None, begin + 1
        nodes, at = [self._root], begin
        while nodes and at < len(spellings):
            nodes = [node.next[word] for node in nodes for word in spellings[at] if word in node.next]
            at += 1
            best = next((node.found for node in nodes if node.found is not None), None)
            if best is not None:
                match, end = best, at
        return match, end

    def _spellings(self, word: str) -> list[str]:
        """List the patterns that a word fits: itself, then those with a star, the longest first."""
        starts = [start for length in self._starts if (start := word[:length] + "*") in self._starred]
        ends = [end for length in self._ends if (end := "*" + word[-length:]) in self._starred]
        return [word, *starts, *ends]


def _lengths(patterns: Iterator[str]) -> list[int]:
    return sorted({len(pattern) - 1 for pattern in patterns}, reverse=True)
