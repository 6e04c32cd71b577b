"""Verify, personas.  Maps: this package's own reading of the map file, and of people by it (docs/personas.md)."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from agents.verify.personas.phrases import STAR, Phrase, Phrases
from agents.verify.personas.words import Words, plain, words, written_out

UNKNOWN = "unknown"
SHIPPED = "personas/default.toml"


class MapsError(Exception):
    """The map file cannot be read; says where."""


@dataclass(frozen=True, slots=True)
class Persona:
    """Who somebody is at work."""

    role: str
    seniority: str
    industry: str
    size: str


class Maps:
    """One version of a map file.  Without a document it knows nothing, and its version is 0."""

    def __init__(self, document: dict[str, Any] | None = None) -> None:
        document = document or {}
        titles = document.get("titles", {})
        self.version = int(document.get("version", 0))
        self.short_forms: dict[str, Words] = {}
        self.short_forms = {
            plain(short).strip(): self._pattern(long) for short, long in titles.get("short_forms", {}).items()
        }
        self.stops = self._phrases([{"name": "", "phrases": titles.get("stops", [])}])
        self.roles = self._phrases(document.get("roles", []), titles.get("no_role", []))
        self.seniorities = self._phrases(document.get("seniorities", []), titles.get("no_seniority", []))
        self.highest_first = [one["name"] for one in document.get("seniorities", [])]
        self.industries = self._phrases(document.get("industries", []))
        self.sizes = sorted((int(one["at_least"]), str(one["name"])) for one in document.get("sizes", []))

    def persona(self, title: str, industry: str, employees: float | None) -> Persona:
        """Name a person; what is empty or None is not known."""
        read = words(title, self.short_forms)
        stop = self.stops.first(read)
        read = read if stop is None else read[:stop]
        roles, seniorities = self.roles.found(read), self.seniorities.found(read)
        industries = self.industries.found(words(industry, self.short_forms))
        return Persona(
            role=next(iter(roles), UNKNOWN),
            seniority=min(seniorities, key=self.highest_first.index, default=UNKNOWN),
            industry=next(iter(industries), UNKNOWN),
            size=max(((n, name) for n, name in self.sizes if n <= (employees or 0)), default=(0, UNKNOWN))[1],
        )

    def _phrases(self, groups: list[dict[str, Any]], nothing: list[str] | None = None) -> Phrases:
        named = [(text, group["name"]) for group in groups for text in group["phrases"]]
        named += [(text, None) for text in nothing or []]
        return Phrases(Phrase(self._pattern(text), name) for text, name in named)

    def _pattern(self, text: str) -> Words:
        return written_out(plain(text, kept=STAR).split(), self.short_forms)


NO_MAPS = Maps()


def load(path: Path | None) -> Maps:
    """Read a map file, or where there is no path the one that ships; raise `MapsError` where it is none."""
    try:
        text = files("agents").joinpath(SHIPPED).read_text("utf-8") if path is None else path.read_text("utf-8")
        return Maps(tomllib.loads(text))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise MapsError(f"{path or SHIPPED}: {type(error).__name__}: {error}") from error
