"""CSV files as numbered rows, as spreadsheets write them: with a byte order mark or not, with commas or semicolons.

In: a path, or `-` for the standard input.  Out: the lines of text; the rows of a CSV, each with the line it began at.
"""

import csv
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

MAX_BYTES = 64 << 20
STDIN = "-"


class TableError(Exception):
    """A file that cannot be read as a table at all; the text says which file, where and what would be right."""


class Row(NamedTuple):
    """One row of a CSV that is not blank."""

    line: int
    """From 1, where the row begins."""
    cells: list[str]


def read_text(file: str) -> str:
    """Read a whole file; raise `TableError` (absent, over 64 MiB, not UTF-8)."""
    try:
        if file == STDIN:
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        msg = f"{file}: {error.strerror or error}"
        raise TableError(msg) from None
    if len(raw) > MAX_BYTES:
        msg = f"{file}: over {MAX_BYTES >> 20} MiB; split it"
        raise TableError(msg)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        msg = f"{file}:{line}: not UTF-8; save it as CSV UTF-8"
        raise TableError(msg) from None


def rows(file: str, text: str) -> Iterator[Row]:
    """Yield the rows of a CSV; raise `TableError` where a quote is never closed or a cell is too long."""
    # Only line ends end a line here: a cell may hold other signs that str.splitlines would break it at.
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text.partition("\n")[0]), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(line, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        msg = f"{file}:{line}: {error}; a quote inside of a cell is doubled, and a quoted cell ends with a quote"
        raise TableError(msg) from None


def _delimiter(first_line: str) -> str:
    return max(",;\t", key=first_line.count)
