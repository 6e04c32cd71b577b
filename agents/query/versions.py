"""Whose rules a document goes by: its own, whatever rules file lies where it is asked for.  Pure.

A document is made by the workers' rules.  Each segment in it says by which version the person entered (or, who never
did, was last looked at); its conditions are those of the rules that made the document, whose version may be later: who
stays in through a change of the rules keeps the version of the entering.  So nothing here is computed with the file at
hand: it is only compared, and where it says something else the answer says so.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from agents.query.words import Document, plain
from streams.policy import Policy

Asked: TypeAlias = list[tuple[Any, Any, Any]]
"""[(event, within_seconds, required)]: what a segment's conditions ask for."""


class File(NamedTuple):
    """The rules file where the question is asked."""

    name: str
    policy: Policy | None
    """None: there is none, or it cannot be read."""


def said(document: Document, file: File) -> str:
    """Say by which version the document was decided, and what else the file at hand has.

    | the file's version is | its segments are | said                                           |
    |-----------------------|------------------|------------------------------------------------|
    | in the document       | the same         | the version                                    |
    | another               | the same         | both versions                                  |
    | another               | others           | both, and whose conditions are shown           |
    | in the document       | others           | that, too: it was not raised, or is an old one |
    """
    named = _named(_versions(document))
    if file.policy is None:
        return f"{named}; {plain(file.name)} cannot be read here, so it was not compared"
    here, same = file.policy.version, _of_file(file.policy) == _of_document(document)
    if here in _versions(document):
        if same:
            return named
        return f"{named}; {plain(file.name)} here says {here}, too, but has other conditions: shown are the document's"
    also = "has the same conditions" if same else "has other conditions: shown are the document's"
    return f"{named}; {plain(file.name)} here is version {here} and {also}"


def is_as_in(segment: Document, name: str, file: File) -> bool:
    """Tell whether a segment of a document says version and conditions as the file does."""
    policy = file.policy
    if policy is None or segment.get("rule_version") != policy.version:
        return False
    return _of_file(policy).get(name) == _asked(segment)


def _versions(document: Document) -> list[int]:
    found = (segment.get("rule_version") for segment in document.get("segments", {}).values())
    return sorted({version for version in found if isinstance(version, int)})


def _named(versions: Iterable[int]) -> str:
    known = [str(version) for version in versions]
    if not known:
        return "rules without segments, which say no version"
    if len(known) == 1:
        return f"rules version {known[0]}"
    return f"rules versions {', '.join(known[:-1])} and {known[-1]}, as each segment says"


def _of_document(document: Document) -> dict[str, Asked]:
    return {name: _asked(segment) for name, segment in document.get("segments", {}).items()}


def _asked(segment: Document) -> Asked:
    return [
        (each.get("event"), each.get("within_seconds"), each.get("required")) for each in segment.get("conditions", ())
    ]


def _of_file(policy: Policy) -> dict[str, Asked]:
    return {
        segment.name: [(each.event, each.within_ms // 1000, each.required) for each in segment.conditions]
        for segment in policy.segments
    }
