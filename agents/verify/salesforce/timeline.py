"""Verify, Salesforce, last room.  Timeline: every line once, for the person whose it is (docs/semantics.md, part 2).

In: the lines that aliases were told, and who ever owned them.  Compared: `user-timeline`.  A line has no received time:
where an owner changed by a link, which person a line came to before or after is left open.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import duckdb

from agents.verify.everybody import OF_FULL_ROWS, Everybody
from agents.verify.report import Check
from agents.verify.salesforce.aliases import RECORD, Line
from agents.verify.texts import canonical, parsed
from agents.verify.world import USER_EVENTS, USER_TIMELINE

REMEMBERED = 64
"""What was told with `once` and published, of which a row knows that it was."""
TIMELINE = (
    "SELECT p, o, key, CASE WHEN digest IS NOT NULL THEN coalesce(value, '') END FROM message WHERE topic = ?"
    " ORDER BY p, o"
)


@dataclass(frozen=True, slots=True)
class Due:
    """A line that somebody has to hear."""

    alias: str
    line: Line
    people: frozenset[str]
    """One of whom hears it."""
    surely: bool
    """None of them was forgotten."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message on the timeline."""

    where: str
    person: str


def check(con: duckdb.DuckDBPyConnection, everybody: Everybody) -> Check:
    """Compare; a row that was forgotten ends with a message without a value."""
    found = Check("timeline")
    due, said = _due(everybody), defaultdict[str, list[Said]](list)
    nulls: dict[str, list[bool]] = defaultdict(list)
    for p, o, key, value in con.execute(TIMELINE, [USER_TIMELINE]).fetchall():
        found.compared += 1
        person, document = key or "", parsed(value)
        nulls[person].append(value is None)
        if value is not None:
            where = f"{USER_TIMELINE}/{p}/{o}"
            said[_text(found, where, person, document)].append(Said(where, person))
    for text in sorted({*due, *said}):
        _compare(found, everybody, text, due.get(text, []), said.get(text, []))
    _check_order(found, due, said)
    for person in sorted({*nulls, *everybody.gone}):
        _check_end(found, everybody, person, nulls.get(person, []))
    return found


def _text(found: Check, where: str, person: str, document: Any) -> str:
    """Give the line of a message, comparable, and look whom it names."""
    document = document if isinstance(document, dict) else {}
    user_id = person.removeprefix("user:") if person.startswith("user:") else None
    named = list(document.items())[:2]
    if named != [("person", person), ("user_id", user_id)]:
        found.differs(where, person, f"names {dict(named)}")
    return canonical(dict(list(document.items())[2:]), ordered=True)


def _due(everybody: Everybody) -> dict[str, list[Due]]:
    """Give by text what has to be heard."""
    found: dict[str, list[Due]] = defaultdict(list)
    for alias, one in everybody.told.items():
        for line in one.lines:
            change = parsed(line.change)
            people = _people(everybody, alias, line)
            surely = not any(row in everybody.gone for row in (alias, *people))
            due = Due(alias, line, people, surely)
            found[canonical(change if isinstance(change, dict) else {}, ordered=True)].append(due)
    return found


def _people(everybody: Everybody, alias: str, line: Line) -> frozenset[str]:
    """Give those whom a line may have come to: by its record's facts, in their order, by any link there ever was."""
    if alias.startswith(RECORD) and everybody.told[alias].split is None:
        return frozenset({alias} if line.owner is None else everybody.ever(line.owner))
    return frozenset(everybody.ever(alias))


def _compare(found: Check, everybody: Everybody, text: str, due: list[Due], said: list[Said]) -> None:
    if any(one.people & everybody.full for one in due):
        found.skip(len(due), OF_FULL_ROWS)
        return
    once, each = [one for one in due if one.line.once is not None], [one for one in due if one.line.once is None]
    for message in _unmatched(found, text, each, said):
        told = [one for one in once if message.person in one.people]
        if not told:
            found.differs(message.where, message.person, f"is not to be, or doubled: {text[:160]}")
    heard = Counter(one.person for one in said)
    for one in once:
        if one.surely and not any(heard[person] for person in one.people):
            _missing(found, one, text)
    for person, times in heard.items():
        of = [one for one in once if person in one.people]
        if of and times > len({one.line.once for one in of}) + len(each) and not _is_crowded(everybody, person):
            found.differs(USER_TIMELINE, person, f"is told more than once: {text[:160]}")


def _unmatched(found: Check, text: str, due: list[Due], said: list[Said]) -> list[Said]:
    """Give each line one message, those with the fewest people first; what is left over is nobody's."""
    left = list(said)
    for one in sorted(due, key=lambda one: len(one.people)):
        message = next((message for message in left if message.person in one.people), None)
        if message is not None:
            left.remove(message)
        elif one.surely:
            _missing(found, one, text)
    return left


def _missing(found: Check, one: Due, text: str) -> None:
    where = f"{USER_EVENTS}/{one.line.p}/{one.line.o}"
    found.differs(where, one.alias, f"is not on the timeline: {text[:160]}")


def _is_crowded(everybody: Everybody, person: str) -> bool:
    """Say whether a row may have forgotten what it published."""
    lines = (len(everybody.told[alias].lines) for alias in everybody.aliases(person) if alias in everybody.told)
    return sum(lines) > REMEMBERED


def _check_order(found: Check, due: dict[str, list[Due]], said: dict[str, list[Said]]) -> None:
    """Look at the lines of one alias, each told once, that came to one person by one owner: they went one way."""
    stand: dict[tuple[str, str | None, str], list[tuple[int, int, str]]] = defaultdict(list)
    for text, (one, *more) in due.items():
        messages = said.get(text, [])
        if not more and len(messages) == 1:
            key = one.alias, one.line.owner, messages[0].person
            stand[key].append((one.line.o, _offset(messages[0]), messages[0].where))
    for (_, _, person), lines in stand.items():
        for before, after in pairwise(sorted(lines)):
            if before[1] > after[1]:
                found.differs(after[2], person, "stands before a line that was told earlier")


def _offset(one: Said) -> int:
    return int(one.where.rpartition("/")[2])


def _check_end(found: Check, everybody: Everybody, person: str, nulls: list[bool]) -> None:
    """Look at messages without a value: one of whoever is forgotten, the last, and none of anybody else."""
    at = everybody.gone.get(person)
    decided = person in everybody.gone and (at is None or at <= everybody.until(person))
    if not int(decided) <= sum(nulls) <= int(person in everybody.gone) or True in nulls[:-1]:
        text = f"has {sum(nulls)} messages without a value, is to have {int(decided)}, the last"
        found.differs(USER_TIMELINE, person, text)
