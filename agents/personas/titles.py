"""Personas on the command line, room 1.  Titles: read them from a file, each with how many people have it.

In: a CSV with a column `title` (or its first one) and maybe `count`, or one title a line.  Out: (title, people).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agents.tables import Row, read_text, rows

MOST_PEOPLE = 9_999_999_999
_is_count = re.compile(r"[0-9]{1,10}").fullmatch


class Titles(NamedTuple):
    """What a file says."""

    people: list[tuple[str, int]]
    """(title, people); a blank title is one of people who gave none."""
    problems: list[str]
    """Rows that were left out: `titles.csv:7: ...`."""


def read(file: str) -> Titles:
    """Read a file, `-` for the standard input; raise `TableError` where it cannot be read at all.

    A file is a CSV if its first line has a cell `title` or its name ends in .csv; titles have commas in them, so any
    other file has one title a line.
    """
    text = read_text(file)
    first = text.partition("\n")[0]
    head = [cell.strip().lower() for row in rows(file, first) for cell in row.cells] if _is_head(first) else []
    if not head and not file.lower().endswith(".csv"):
        return Titles([(line.strip(), 1) for line in text.splitlines() if line.strip()], [])
    table = rows(file, text)
    if head:
        next(table)
    return _counted(file, table, head)


def _is_head(first_line: str) -> bool:
    cells = first_line.lower().replace('"', "").replace(";", ",").replace("\t", ",").split(",")
    return bool({"title", "count"} & {cell.strip() for cell in cells})


def _counted(file: str, table: Iterator[Row], head: list[str]) -> Titles:
    title_at = head.index("title") if "title" in head else 0
    count_at = head.index("count") if "count" in head else None
    found = Titles([], [])
    for row in table:
        count = "1" if count_at is None else _cell(row, count_at)
        if _is_count(count):
            found.people.append((_cell(row, title_at), int(count)))
        else:
            found.problems.append(f"{file}:{row.line}: count is to be a whole number up to {MOST_PEOPLE}")
    return found


def _cell(row: Row, at: int) -> str:
    return row.cells[at].strip() if at < len(row.cells) else ""
