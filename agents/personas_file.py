"""The map file of personas: read it from disk, or the one that ships; say where in it something is wrong.

In: a path, or none.  Out: `Maps`, or `MapsFileError` with the file and the line of every problem.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from itertools import islice
from pathlib import Path

from streams.personas.maps import Maps, MapsError, Place, parse_maps

MAX_BYTES = 1 << 20
SHIPPED = "personas/default.toml"
_strings = re.compile(r'#.*|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'').finditer


class MapsFileError(Exception):
    """A map file that cannot be used: one line each, with file, line, what is wrong and what would be right."""


@cache
def shipped() -> Maps:
    """Give the maps that ship with Touchline."""
    return _parsed(SHIPPED, files("agents").joinpath(SHIPPED).read_bytes())


def load(path: Path | None) -> Maps:
    """Read a map file; None: the one that ships.  Raise `MapsFileError` (absent, too large, not UTF-8, wrong)."""
    if path is None:
        return shipped()
    try:
        raw = path.read_bytes()
    except OSError as error:
        msg = f"{path}: {error.strerror or error}. Set TOUCHLINE_PERSONAS to a map file, or to nothing."
        raise MapsFileError(msg) from None
    if len(raw) > MAX_BYTES:
        msg = f"{path}: {len(raw)} bytes; a map file has at most {MAX_BYTES}."
        raise MapsFileError(msg)
    return _parsed(str(path), raw)


def line_of(text: str, place: Place) -> int:
    """Find the line (from 1) of a place in a map file; of something absent, that of what it should be in."""
    at = 0
    for part in place:
        found = _nth(text, at, part) if isinstance(part, int) else _entry(text, at, part)
        at = at if found is None else found
    return text.count("\n", 0, at) + 1


def _entry(text: str, begin: int, name: str) -> int | None:
    """Find the key of a name in the table that begins at `begin`, else a table of that name after it."""
    word = re.escape(name)
    following = re.compile(r"^\s*\[", re.MULTILINE).search(text, begin + 1)
    key = re.compile(rf"^\s*(\"?{word}\"?\s*=)", re.MULTILINE)
    table = re.compile(rf"^\s*(\[+(?:\w+\.)?{word}\])", re.MULTILINE)
    found = key.search(text, begin, following.start() if following else len(text)) or table.search(text, begin)
    return found.start(1) if found else None


def _nth(text: str, begin: int, number: int) -> int | None:
    """Find the table or the string of a number, counted from what begins at `begin`."""
    header = re.match(r"\[\[\w+\]\]", text[begin : begin + 80])
    if header is None:
        texts = (found.start() for found in _strings(text, begin) if found[0][0] != "#")
        return next(islice(texts, number, None), None)
    tables = (found.start() for found in re.finditer(re.escape(header[0]), text[begin:]))
    return begin + next(islice(tables, number, None), 0)


def _parsed(name: str, raw: bytes) -> Maps:
    try:
        text = raw.decode()
        return parse_maps(tomllib.loads(text))
    except UnicodeDecodeError as error:
        msg = f"{name}: not UTF-8 at byte {error.start}"
    except tomllib.TOMLDecodeError as error:
        msg = f"{name}: not TOML: {error}"
    except MapsError as error:
        msg = "\n".join(f"{name}:{line_of(text, found.place)}: {found}" for found in error.problems)
    raise MapsFileError(msg)
