"""Personas on the command line, room 2.  Report: coverage and single titles, in words.

In: what the core says of titles.  Out: lines and rows for people, documents for scripts.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from agents.query.words import plain
from streams.personas.coverage import Coverage
from streams.personas.maps import UNKNOWN
from streams.personas.persona import Classifier
from streams.personas.phrases import Found


def coverage_document(found: Coverage) -> dict[str, Any]:
    """Write a coverage as JSON has it, with its two shares."""
    shares = {"role_share": round(found.role_share(), 4), "seniority_share": round(found.seniority_share(), 4)}
    document: dict[str, Any] = msgspec.to_builtins(found)
    return shares | document


def headline(found: Coverage) -> str:
    """Say the shares: what to look at first."""
    return (
        f"{found.people:,} people. Role known: {found.role_share():.1%}. Seniority known:"
        f" {found.seniority_share():.1%}. Maps version {found.map_version}."
    )


def people_rows(people: Mapping[str, int], total: int) -> list[tuple[str, str, str]]:
    """Give (name, people, share) rows."""
    return [(name, f"{number:,}", f"{number / total:.1%}" if total else "-") for name, number in people.items()]


def gap_rows(found: Coverage) -> list[tuple[str, str, str, str]]:
    """Give (title, people, role, seniority) rows of the titles that are not understood."""
    return [
        (plain(gap.title) or "(no title)", f"{gap.people:,}", _or_dash(gap.role), _or_dash(gap.seniority))
        for gap in found.gaps
    ]


def title_rows(titles: Iterable[str], personas: Classifier) -> list[tuple[str, str, str]]:
    """Give (title, role, seniority) rows, each with the phrase that decided."""
    reads = ((title, personas.read_title(title)) for title in titles)
    return [(plain(title), _because(read.role), _because(read.seniority)) for title, read in reads]


def title_documents(titles: Iterable[str], personas: Classifier) -> list[dict[str, Any]]:
    """Write titles as JSON has them: {"title", "role": {"says", "phrase"}, "seniority": {...}}."""
    return [{"title": title} | msgspec.to_builtins(personas.read_title(title)) for title in titles]


def _or_dash(name: str) -> str:
    return "-" if name == UNKNOWN else name


def _because(found: Found) -> str:
    return f"{found.says} <- {found.phrase}" if found.phrase else UNKNOWN
